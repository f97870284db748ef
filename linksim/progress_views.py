"""What a run shows as it runs: plain lines in a log file, JSON Lines for machines, a board on a terminal."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from linksim.plan import Plan
from linksim.progress import Line, Progress, cells, overall

QUIET_S = 60.0
"""Seconds between two lines about a run in a log file, besides those of finished points."""


class View(Protocol):
    """Told of a run from its begin to its end; a context that is open meanwhile."""

    def begin(self, plan: Plan, folder: Path, progress: Progress) -> None:
        """Before the first unit."""

    def take(self, line: Line) -> None:
        """A unit of the line's point is back."""

    def note(self, told: str) -> None:
        """Something that the user should know, such as that a signal was heard."""

    def end(self, interrupted: bool) -> None:
        """After the last unit and the report."""

    def __enter__(self) -> View: ...

    def __exit__(self, *error: object) -> None: ...


class Log:
    """Where there is no terminal: a line a point that is finished now, and one a minute about the whole."""

    def __init__(self, write: Callable[[str], None], now: Callable[[], float] = monotonic) -> None:
        self._write, self._now = write, now
        self._told = now()
        self._progress: Progress | None = None

    def begin(self, plan: Plan, folder: Path, progress: Progress) -> None:
        self._progress = progress

    def take(self, line: Line) -> None:
        if line.stopped and not line.found:
            point, trials, mean, outage, stopped = cells(line)
            told = f"{point}: {trials} trials, PSNR {mean} dB, outage {outage}"
            self._write(told if stopped == "all" else f"{told}, stopped by {stopped}")
        elif self._progress and self._now() - self._told >= QUIET_S:
            self._write(overall(self._progress))
        else:
            return
        self._told = self._now()

    def note(self, told: str) -> None:
        self._write(told)

    def end(self, interrupted: bool) -> None:
        pass

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class Lines:
    """JSON Lines: one object an event, each with its name under `event`; no number is nan or infinite.

    start: name, folder, points, trials (at most).
    progress: a unit is back: point (its id), values, done and expected (trials of the point), psnr_db,
    half_width (of its 95 % interval), outages; trials (of the run so far), eta_s (seconds to go).
    point: the same of a finished one, and stopped: 'all' where no rule ended it early.
    done, interrupted: folder, trials. error: message; the command writes it, also of what never started.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._progress: Progress | None = None
        self._folder = Path()

    def begin(self, plan: Plan, folder: Path, progress: Progress) -> None:
        self._progress, self._folder = progress, folder
        trials = sum(line.most for line in progress.lines)
        self._tell("start", name=plan.name, folder=str(folder), points=len(plan.points), trials=trials)

    def take(self, line: Line) -> None:
        assert self._progress is not None
        state, left = line.state, self._progress.eta_s()
        self._tell(
            "point" if line.stopped else "progress",
            point=line.point.id,
            values=dict(line.point.values),
            done=line.done,
            expected=round(line.expected),
            psnr_db=state and state.psnr_db,
            half_width=state and state.half_width,
            outages=state.outages if state else 0,
            **({"stopped": line.stopped} if line.stopped else {}),
            trials=self._progress.done,
            eta_s=left and round(left, 1),
        )

    def note(self, told: str) -> None:
        print(told, file=sys.stderr, flush=True)

    def end(self, interrupted: bool) -> None:
        trials = self._progress.done if self._progress else 0
        self._tell("interrupted" if interrupted else "done", folder=str(self._folder), trials=trials)

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def _tell(self, event: str, **told: Any) -> None:
        told = {name: _finite(value) for name, value in told.items()}
        self._write(json.dumps({"event": event, **told}, allow_nan=False, default=str))


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def view(as_json: bool) -> View:
    """The view that fits where the output goes."""
    if as_json:
        return Lines(lambda line: print(line, flush=True))
    from rich.console import Console

    from linksim.progress_board import Board

    screen = Console(stderr=True)
    if screen.is_terminal and not screen.is_dumb_terminal:
        return Board(screen)
    return Log(lambda line: print(line, file=sys.stderr, flush=True))
