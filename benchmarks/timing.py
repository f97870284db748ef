"""One number for one piece of work: the best of several repeats, since others use the machine too."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured: `mbps` in its section's unit; fer and iterations where there are any."""

    section: str
    what: str
    point: str
    mbps: float
    fer: float | None = None
    iterations: float | None = None
    note: str = ""


def best_of(work: Callable[[], Any], seconds: float, least: int = 3) -> float:
    """Seconds that `work` takes at best. It runs once before, so that no measurement compiles.

    It is repeated for `seconds`, at least `least` times.
    """
    work()
    best, began, runs = float("inf"), perf_counter(), 0
    while runs < least or perf_counter() - began < seconds:
        start = perf_counter()
        work()
        best = min(best, perf_counter() - start)
        runs += 1
    return best
