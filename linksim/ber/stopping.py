"""Units of frames, and when a point is done. Neither looks at the clock, unless --seconds asks it to.

A point is sent in units of consecutive frame ids, and looked at when one is over. Units grow by half of what
is done, up to a size that keeps the engine busy for about a second: a point of many errors overshoots little,
one of few is not slowed by looking. The ends of the units depend on chain and engine alone, so the counts
at which a rule on errors or on error rates stops are the same on every machine, whatever a call found done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from linksim.intervals import clopper_pearson
from phy.chain import Chain, Counts

FIRST_BITS, MOST_FIRST = 1 << 16, 64
"""Coded bits of the first unit, about, and its most frames."""
UNIT_BITS = {"reference": 1 << 19, "sionna": 1 << 21, "native": 1 << 21}
"""Coded bits of the largest unit, about, by the engine: a second's work at 20 iterations."""
FAST_UNIT_BITS = 1 << 26
"""The same where the native engine has the whole chain in one piece."""
USUAL_UNIT_BITS, USUAL_ITERATIONS = 1 << 20, 20


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


@dataclass(frozen=True, kw_only=True)
class Units:
    """How a point is cut: a first unit of so many frames, the largest a multiple of it."""

    first: int
    largest: int

    def ends(self) -> Iterator[int]:
        """Frames sent at the end of each unit, rising without end.

        >>> ends = Units(first=64, largest=6400).ends()
        >>> [next(ends) for _ in range(7)]
        [64, 128, 192, 320, 512, 768, 1152]
        """
        done = 0
        while True:
            half = -(-done // (2 * self.first)) * self.first  # whole first units
            done += min(self.largest, max(self.first, half))
            yield done

    def next_end(self, done: int) -> int:
        """The end of the unit that `done` frames, anywhere, have begun.

        >>> units = Units(first=64, largest=6400)
        >>> units.next_end(0), units.next_end(64), units.next_end(300)
        (64, 128, 320)
        """
        before = 0
        for end in self.ends():
            if end > done:
                return end
            if end - before == self.largest:  # of one size from here on
                return end + ((done - end) // self.largest + 1) * self.largest
            before = end
        raise AssertionError("ends() does not end")


def units_of(chain: Chain, engine: str) -> Units:
    """The units of a chain by an engine: what both are decides their sizes, and nothing else."""
    n, decoder = chain.code.n, chain.decoder
    bits = UNIT_BITS.get(engine, USUAL_UNIT_BITS)
    if engine == "native" and decoder.quantisation is not None:
        bits = FAST_UNIT_BITS
    bits = bits * USUAL_ITERATIONS // max(USUAL_ITERATIONS, decoder.iterations)
    first = max(1, min(MOST_FIRST, FIRST_BITS // n))
    return Units(first=first, largest=max(1, bits // (n * first)) * first)
