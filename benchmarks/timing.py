"""One number for one piece of work: the best of several repeats, since others use the machine too."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time
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


CLOCK = [perf_counter]
"""What seconds are; `count_cpu_seconds` changes it."""


def count_cpu_seconds() -> None:
    """From now on the process's own seconds count: on one thread, those of a core that no one else uses."""
    CLOCK[0] = process_time


def best_of(work: Callable[[], Any], seconds: float, least: int = 3, wall: bool = False) -> float:
    """Seconds that `work` takes at best. It runs once before, so that no measurement compiles.

    It is repeated for `seconds`, at least `least` times. wall: the clock on the wall in any case.
    """
    clock = perf_counter if wall else CLOCK[0]
    work()
    best, began, runs = float("inf"), perf_counter(), 0
    while runs < least or perf_counter() - began < seconds:
        start = clock()
        work()
        best = min(best, clock() - start)
        runs += 1
    return best


def processor() -> str:
    """The CPU's name."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(text.split(":")[1].strip() for text in file if text.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
