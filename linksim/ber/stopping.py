"""Units of frames, and when a point is done. Neither looks at the clock, unless --seconds asks it to.

A point is sent in units of consecutive frame ids, and looked at when one is over. Units grow by half of what
is done, up to a size that keeps the engine busy for about a second: a point of many errors overshoots little,
one of few is not slowed by looking. The ends of the units depend on code and engine alone, so the counts at
which a rule on errors or on error rates stops are the same on every machine, whatever a call found done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from linksim.intervals import clopper_pearson
from phy.chain import Counts

FIRST_BITS, MOST_FIRST = 1 << 16, 64
"""Coded bits of the first unit, about, and its most frames."""
UNIT_BITS = {"reference": 1 << 19, "sionna": 1 << 21, "native": 1 << 27}
"""Coded bits of the largest unit, about, by the engine: a second's work."""
USUAL_UNIT_BITS = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Stop:
    """When a point is done: at the end of the first unit where one of these holds.

    frame_errors: that many, once min_frames were sent. frames: that many sent. seconds: of counting, in all
    calls. target_bler: the BLER's upper limit is below it; a curve ends with its first point below it.
    """

    frame_errors: int = 100
    frames: int = 1_000_000
    min_frames: int = 0
    seconds: float | None = None
    target_bler: float | None = None

    def reason(self, counts: Counts, seconds: float) -> str | None:
        """'errors', 'target', 'frames' or 'seconds'; None while the point goes on."""
        if counts.frame_errors >= self.frame_errors and counts.frames >= self.min_frames:
            return "errors"
        if self.target_bler is not None and counts.frames >= max(self.min_frames, 1):
            _, high = clopper_pearson(counts.frame_errors, counts.frames)
            if high < self.target_bler:
                return "target"
        if counts.frames >= self.frames:
            return "frames"
        if self.seconds is not None and seconds >= self.seconds:
            return "seconds"
        return None

    def ends_curve(self, counts: Counts) -> bool:
        """Whether this point is below the target BLER, so that the rest of the curve is not of interest."""
        if self.target_bler is None or not counts.frames:
            return False
        return counts.frame_errors < self.target_bler * counts.frames


def first_unit(n: int) -> int:
    """Frames of the first unit of a code of n bits.

    >>> first_unit(672), first_unit(25344), first_unit(10**6)
    (64, 2, 1)
    """
    return max(1, min(MOST_FIRST, FIRST_BITS // n))


def largest_unit(n: int, engine: str) -> int:
    """Frames of the largest unit, a multiple of the first.

    >>> largest_unit(672, "native")
    199680
    """
    first = first_unit(n)
    return max(1, UNIT_BITS.get(engine, USUAL_UNIT_BITS) // (n * first)) * first


def unit_ends(n: int, engine: str) -> Iterator[int]:
    """Frames sent at the end of each unit, rising without end.

    >>> ends = unit_ends(672, "native")
    >>> [next(ends) for _ in range(7)]
    [64, 128, 192, 320, 512, 768, 1152]
    """
    first, largest, done = first_unit(n), largest_unit(n, engine), 0
    while True:
        half = -(-done // (2 * first)) * first  # whole first units
        done += min(largest, max(first, half))
        yield done


def next_end(done: int, n: int, engine: str) -> int:
    """The end of the unit that follows `done` frames, `done` lying anywhere.

    >>> next_end(0, 672, "native"), next_end(64, 672, "native"), next_end(300, 672, "native")
    (64, 128, 320)
    """
    largest, before = largest_unit(n, engine), 0
    for end in unit_ends(n, engine):
        if end > done:
            return end
        if end - before == largest:  # of one size from here on
            return end + ((done - end) // largest + 1) * largest
        before = end
    raise AssertionError("unit_ends does not end")
