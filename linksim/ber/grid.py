"""The SNRs of a curve: A:B:STEP with both ends, or a list."""

from __future__ import annotations

import math
from collections.abc import Sequence

from linksim.errors import LinksimError

MOST_POINTS = 1000
"""More are a slip of the pen."""
DIGITS = 9
"""Decimals of a dB that tell two points apart."""
MOST_DB = 100.0


def parse_grid(option: str, text: str) -> tuple[float, ...]:
    """SNRs in dB of "0:8:0.5", "1,2,3.5" or "2"; both ends of a range belong to it.

    >>> parse_grid("--ebn0", "1.5:2.5:0.25")
    (1.5, 1.75, 2.0, 2.25, 2.5)
    >>> parse_grid("--ebn0", "2, 1,2")
    (1.0, 2.0)
    """
    if ":" not in text:
        return _in_order(option, [_number(option, text, part) for part in text.split(",")])
    parts = text.split(":")
    if len(parts) not in (2, 3):
        raise LinksimError(option, "must be A:B:STEP or A,B,...", text, "as 0:8:0.5")
    first, last, step = (_number(option, text, part) for part in [*parts, "1"][:3])
    if not step > 0:
        raise LinksimError(option, "must have a step above 0", text, "as 0:8:0.5")
    if last < first:
        raise LinksimError(option, "must rise from A to B", text, f"as {parts[1]}:{parts[0]}:{step:g}")
    steps = (last - first) / step * (1 + 1e-12) + 1e-9
    if steps >= MOST_POINTS:
        raise LinksimError(option, f"must be at most {MOST_POINTS} points", text, "take a larger step")
    return _in_order(option, [first + i * step for i in range(math.floor(steps) + 1)])


def _number(option: str, text: str, part: str) -> float:
    try:
        value = float(part)
    except ValueError:
        raise LinksimError(
            option, "must be A:B:STEP or A,B,... of numbers in dB", text, "as 0:8:0.5"
        ) from None
    if not abs(value) <= MOST_DB:
        raise LinksimError(option, f"must lie between {-MOST_DB:g} and {MOST_DB:g} dB", text, "as 0:8:0.5")
    return value


def _in_order(option: str, values: Sequence[float]) -> tuple[float, ...]:
    if len(values) > MOST_POINTS:
        raise LinksimError(option, f"must be at most {MOST_POINTS} points", f"{len(values)}", "take fewer")
    return tuple(sorted({round(value, DIGITS) + 0.0 for value in values}))
