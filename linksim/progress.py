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

    def expected(self, share: float = 1.0) -> float:
        """Trials that it likely takes; share: of `most`, where nothing is known of it yet."""
        if self.state is None or not self.done:
            return self.most * share
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


class Progress:
    """The lines of a plan's points, filled by the runner's events.

    most: trials of each point if no rule stops it, in the plan's order.
    """

    def __init__(self, plan: Plan, most: Sequence[int], pace: Pace) -> None:
        self.lines = [Line(point=point, most=trials) for point, trials in zip(plan.points, most, strict=True)]
        self.pace = pace
        self.recent: dict[int, None] = {}

    def take(self, event: Event) -> Line:
        """Count an event; the line that it changed."""
        index = event.point.index
        self.lines[index].state, self.lines[index].found = event.state, event.found
        self.recent.pop(index, None)
        self.recent[index] = None
        if not event.found and event.rows:
            self.pace.take(event.point.system, event.rows)
        return self.lines[index]

    @property
    def done(self) -> int:
        return sum(line.done for line in self.lines)

    @property
    def points_done(self) -> int:
        return sum(line.stopped is not None for line in self.lines)

    def _expected(self) -> list[float]:
        begun = [line for line in self.lines if line.done]
        most = sum(line.most for line in begun)
        share = sum(line.expected() for line in begun) / most if most else 1.0
        return [line.expected(share) for line in self.lines]

    @property
    def expected(self) -> int:
        """Trials that the run likely takes in all."""
        return round(sum(self._expected()))

    def eta_s(self) -> float | None:
        """Seconds to go, at the pace so far; None before a unit was computed here."""
        left: dict[str, float] = {}
        for line, expected in zip(self.lines, self._expected(), strict=True):
            system = line.point.system
            left[system] = left.get(system, 0.0) + max(expected - line.done, 0.0)
        return self.pace.seconds(left)


def cells(line: Line) -> tuple[str, ...]:
    """A point for people."""
    state = line.state
    if state is None or not state.done:
        return str(line.point), f"0/{line.most}", "", "", ""
    of = "" if state.stopped else f"/{round(line.expected())}"
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
