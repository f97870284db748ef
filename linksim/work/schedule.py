"""What is due: of each point the units up to its next look, no more, whoever computes how many at a time.

So what is computed, and when a point ends, depends on the plan alone: not on the number of workers, the order
in which they answer, or what was found done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from linksim.plan import Point
from linksim.stopping import Tally, looks, reason
from linksim.work.units import Layout, Unit

ALL = "all"
"""Why a point ends that has all its trials."""


@dataclass(frozen=True, kw_only=True)
class PointState:
    """A point as it stands. Trials: done, planned up to the next look, and the most it may take.

    stopped: why it ended, 'all' or a rule of its `trials.stop`; None while it goes on. psnr_db: mean over
    trials, half_width: half of its 95 % interval, both dB; None where there is none.
    """

    point: Point
    done: int
    planned: int
    most: int
    stopped: str | None
    psnr_db: float | None
    half_width: float | None
    outages: int
    block_errors: int


@dataclass
class Course:
    """A point on its way: which rounds are due, which units of them are out, and what came back."""

    point: Point
    layout: Layout
    tally: Tally = field(default_factory=Tally)
    stopped: str | None = None
    _start: int = 0
    _stop: int = 0
    _out: int = 0
    _left: int = 0
    _looks: Iterator[int] = field(init=False)
    _due: Iterator[Unit] = field(init=False)

    def __post_init__(self) -> None:
        trials = self.point.scenario.trials
        self._looks = iter([trials.per_image])
        if trials.stop is not None:
            self._looks = looks(self.layout.n_images, trials.per_image, self.layout.group)
        self._next_look()

    def _next_look(self) -> None:
        self._start, self._stop = self._stop, next(self._looks)
        self._due = self.layout.units(self.point, self._start, self._stop)
        self._left = self.layout.n_units(self._start, self._stop)

    def take(self) -> Unit | None:
        """A unit that is due, none where the look waits for those that are out."""
        if not self._left:
            return None
        self._left -= 1
        self._out += 1
        return next(self._due)

    def landed(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The rows of a unit that was taken, those beyond what was asked for left out."""
        self.tally.take([row for row in rows if row["trial"] < self._stop])
        self._out -= 1
        if self._out or self._left:
            return
        trials = self.point.scenario.trials
        self.stopped = reason(trials.stop, self.tally)
        if self.stopped is None and self._stop == trials.per_image:
            self.stopped = ALL
        if self.stopped is None:
            self._next_look()

    @property
    def state(self) -> PointState:
        """A copy that stays as it is."""
        n_images, tally = self.layout.n_images, self.tally
        return PointState(
            point=self.point,
            done=tally.n,
            planned=n_images * self._stop,
            most=n_images * self.point.scenario.trials.per_image,
            stopped=self.stopped,
            psnr_db=tally.mean("psnr_db") if tally.n else None,
            half_width=tally.half_width("psnr_db") if tally.n > 1 else None,
            outages=tally.outages,
            block_errors=tally.block_errors,
        )


@dataclass
class Schedule:
    """The courses of all points, a unit of each in turn."""

    courses: Sequence[Course]
    _turn: int = 0

    def take(self) -> tuple[Course, Unit] | None:
        """The next unit that is due; none where all points ended or wait for what is out."""
        for n in range(len(self.courses)):
            course = self.courses[(self._turn + n) % len(self.courses)]
            if (unit := course.take()) is not None:
                self._turn = (self._turn + n + 1) % len(self.courses)
                return course, unit
        return None
