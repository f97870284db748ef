"""What a frame was spent on, exactly: every coded bit of every channel use has one category.

uses * bits_per_use = data + signalling + header + tag + crc + padding + parity + fill        (digital)
uses                = data + fill                                                              (analog)
n_uses              = pilots + sum of the streams' uses
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from phy.units import linear_to_db

CATEGORIES = ("data", "signalling", "header", "tag", "crc", "padding", "parity", "fill")
"""data: the stream's own bits or symbols; signalling: the scheme's index, sent ahead; header: the payload's
length; tag: GCM's; crc: checksums; padding: up to whole code blocks; parity: the code's; fill: spare uses.
"""


@dataclass(frozen=True, kw_only=True)
class StreamLedger:
    """One stream's account in one frame, and what became of it.

    bits_per_use: coded bits a use of this stream holds; 0 for an analog one, whose counts are channel uses.
    blocks, block_errors: code blocks sent, and those with a wrong information bit; bits, bit_errors: their
        information bits, counted against the truth. ok: every check passed. gain: mean |h|^2 over its uses.
        energy: sum |x|^2 as sent; peak: the largest |x|^2 of a use.
    """

    uses: int
    bits_per_use: int = 0
    mcs: str | None = None
    data: int = 0
    signalling: int = 0
    header: int = 0
    tag: int = 0
    crc: int = 0
    padding: int = 0
    parity: int = 0
    fill: int = 0
    blocks: int = 0
    block_errors: int = 0
    bits: int = 0
    bit_errors: int = 0
    ok: bool = True
    gain: float = 1.0
    energy: float = 0.0
    peak: float = 0.0

    @property
    def papr_db(self) -> float | None:
        """Peak over mean power of the uses that carry energy, one symbol a use, in dB; None of silence."""
        carry = self.data if self.mcs is None else self.uses
        return linear_to_db(self.peak * carry / self.energy) if self.energy else None

    def uses_by_category(self) -> dict[str, Fraction]:
        """Channel uses of each category; they sum to `uses`."""
        return {name: Fraction(getattr(self, name), max(self.bits_per_use, 1)) for name in CATEGORIES}


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """One frame's account: channel uses, pilots among them, the energy sent, and each stream's share."""

    n_uses: int
    pilots: int = 0
    energy: float = 0.0
    streams: Mapping[str, StreamLedger] = field(default_factory=dict)

    def uses_by_category(self) -> dict[str, Fraction]:
        """Channel uses of each category over all streams, and the pilots; they sum to `n_uses`."""
        total = {"pilots": Fraction(self.pilots)} | {name: Fraction(0) for name in CATEGORIES}
        for stream in self.streams.values():
            for name, uses in stream.uses_by_category().items():
                total[name] += uses
        return total
