"""How far a run is, and how long it still takes: from the rows as they come back, whoever computed them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import monotonic
from typing import TYPE_CHECKING, Any

from linksim.ber.board import clock
from linksim.plan import Plan, Point
from linksim.results import TIMINGS

if TYPE_CHECKING:
    from linksim.runner import Event, PointState

REMEMBERED = 25
"""Units of a system whose cost is remembered: the first ones, which compile and load, are soon outvoted."""


@dataclass(kw_only=True)
class Line:
    """What is known of a point. most: trials if no rule stops it. found: its last unit was there already."""

    point: Point
    most: int
    state: PointState | None = None
    found: bool = False

    @property
    def done(self) -> int:
        return self.state.done if self.state else 0

    @property
    def stopped(self) -> str | None:
        return self.state.stopped if self.state else None

    @property
    def expected(self) -> float:
        """Trials that it likely takes."""
        if self.state is None or not self.done:
            return self.most
        if self.stopped:
            return self.done
        return min(max(_foreseen(self.state), self.state.planned, self.done), self.most)


def _foreseen(state: PointState) -> float:
    """Trials at which one of the point's rules is likely met; `most` where none is near."""
    stop = state.point.scenario.trials.stop
    ends: list[float] = [state.most]
    if stop is None:
        return ends[0]
    if stop.trials is not None:
        ends.append(stop.trials)
    if stop.block_errors is not None and state.block_errors:
        ends.append(state.done * stop.block_errors / state.block_errors)
    if stop.half_width is not None and stop.half_width.psnr_db and state.half_width is not None:
        ends.append(state.done * (state.half_width / stop.half_width.psnr_db) ** 2)
    return min(end for end in ends if not math.isnan(end))


@dataclass(kw_only=True)
class Pace:
    """Seconds of a system's trials, and how many of them pass in a second of the clock. size: the crew's."""

    size: int
    now: Callable[[], float] = monotonic
    begun: float | None = None
    spent: float = 0.0
    units: int = 0
    costs: dict[str, deque[float]] = field(default_factory=dict)

    def take(self, system: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Count a unit that was computed just now."""
        seconds = sum(sum(v for k, v in row.items() if k.startswith(TIMINGS) and v) for row in rows)
        if self.begun is None:
            self.begun = self.now() - seconds
        self.units += 1
        self.spent += seconds
        self.costs.setdefault(system, deque(maxlen=REMEMBERED)).append(seconds / len(rows))

    def seconds(self, left: Mapping[str, float]) -> float | None:
        """Until `left` trials of each system are done; None before a unit was computed."""
        if self.begun is None:
            return None
        known = {system: median(costs) for system, costs in self.costs.items()}
        usual = sum(known.values()) / len(known)
        work = sum(trials * known.get(system, usual) for system, trials in left.items())
        passed = self.now() - self.begun
        early = self.units < 3 * self.size or passed <= 0 or not self.spent
        return work / (self.size if early else self.spent / passed)


@dataclass
class Sums:
    """Trials of a system's points: of those begun, done and expected and at most; of the others, at most."""

    done: int = 0
    expected: float = 0.0
    most: int = 0
    unknown: int = 0

    def add(self, line: Line, sign: int) -> None:
        """Count a line, or with sign -1 take it out again."""
        if not line.done:
            self.unknown += sign * line.most
            return
        self.done += sign * line.done
        self.expected += sign * line.expected
        self.most += sign * line.most


class Progress:
    """The lines of a plan's points, filled by the runner's events.

    most: trials of each point if no rule stops it, in the plan's order. recent: places of the points that
    were heard of, the last one last.
    """

    def __init__(self, plan: Plan, most: Sequence[int], pace: Pace) -> None:
        self.lines = [Line(point=point, most=trials) for point, trials in zip(plan.points, most, strict=True)]
        self.pace = pace
        self.recent: dict[int, None] = {}
        self.points_done = 0
        self._sums: dict[str, Sums] = {}
        for line in self.lines:
            self._sums.setdefault(line.point.system, Sums()).add(line, 1)

    def take(self, event: Event) -> Line:
        """Count an event; the line that it changed."""
        index = event.point.index
        line, sums = self.lines[index], self._sums[event.point.system]
        sums.add(line, -1)
        self.points_done -= line.stopped is not None
        line.state, line.found = event.state, event.found
        sums.add(line, 1)
        self.points_done += line.stopped is not None
        self.recent.pop(index, None)
        self.recent[index] = None
        if not event.found and event.rows:
            self.pace.take(event.point.system, event.rows)
        return line

    @property
    def done(self) -> int:
        """Trials, of all points."""
        return sum(sums.done for sums in self._sums.values())

    @property
    def expected(self) -> int:
        """Trials that the run likely takes in all."""
        share = self._share()
        return round(sum(sums.expected + share * sums.unknown for sums in self._sums.values()))

    def eta_s(self) -> float | None:
        """Seconds to go, at the pace so far; None before a unit was computed here."""
        share = self._share()
        return self.pace.seconds(
            {
                system: max(sums.expected - sums.done + share * sums.unknown, 0.0)
                for system, sums in self._sums.items()
            }
        )

    def _share(self) -> float:
        """Of the most that they may take, what the points begun likely do: the others are taken for alike."""
        most = sum(sums.most for sums in self._sums.values())
        return sum(sums.expected for sums in self._sums.values()) / most if most else 1.0


def cells(line: Line) -> tuple[str, ...]:
    """A point for people."""
    state = line.state
    if state is None or not state.done:
        return str(line.point), f"0/{line.most}", "", "", ""
    of = "" if state.stopped else f"/{round(line.expected)}"
    return (
        str(line.point),
        f"{state.done}{of}",
        psnr(line),
        f"{state.outages / state.done:.1%}",
        state.stopped or "",
    )


def psnr(line: Line) -> str:
    """'31.20 +-0.12', the half-width where it is known."""
    state = line.state
    if state is None or state.psnr_db is None:
        return ""
    known = state.half_width is not None and math.isfinite(state.half_width)
    return f"{state.psnr_db:.2f}" + (f" +-{state.half_width:.2f}" if known else "")


def overall(progress: Progress) -> str:
    """'3/40 points, 120 of about 1600 trials, 5m20 to go', and at last the report."""
    points = len(progress.lines)
    told = f"{progress.points_done}/{points} point{'s' * (points != 1)}, "
    told += f"{progress.done} of about {progress.expected} trials"
    if progress.points_done == points:
        return f"{told}, writing the report"
    left = clock(progress.eta_s())
    return f"{told}, {left} to go" if left else told
