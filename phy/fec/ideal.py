"""Ideal codes: no words that anybody decodes, a block arrives iff the channel carried enough information.

They are bounds, not codes: what they decide follows from what was sent and from the realised SNR of every
use, which no receiver has all of. Their words are their information bits over and over, so that symbols are
sent.
"""

from abc import abstractmethod
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from phy.constellation import Constellation
from phy.fec.code import Code
from phy.fec.plain import check_bits
from phy.information import Kind, information_curve

KINDS: tuple[Kind, ...] = ("cm", "bicm")


class GenieCode(Code):
    """A code that is decided instead of decoded: no engine decodes it, no demapper runs for it."""

    algorithms: ClassVar[tuple[str, ...]] = ("genie",)

    @abstractmethod
    def delivered(self, noise_var: NDArray[np.floating], constellation: Constellation) -> NDArray[np.bool_]:
        """Which blocks arrive, bool [B].

        noise_var: [B, n], for every coded bit that of the use it rode on, after equalisation, E|x|^2 = 1.
        """

    def decide(
        self, sent: NDArray[np.uint8], noise_var: NDArray[np.floating], constellation: Constellation
    ) -> NDArray[np.uint8]:
        """Information bits uint8 [B, k] that arrive, of those sent: as they are, or every other one wrong.

        So a lost block counts as one, its bits as half of them wrong, and no checksum over them agrees.
        """
        lost = ~self.delivered(noise_var, constellation)
        return sent ^ (lost[:, None] & (np.arange(self.k) % 2 == 0))

    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Bit i of the word is information bit i mod k."""
        return check_bits(bits, self.k)[..., np.arange(self.n) % self.k]


@dataclass(frozen=True, kw_only=True)
class IdealCode(GenieCode):
    """Delivered iff the mean over the block's uses of I(x; y) reaches R log2 M.

    kind: 'cm', the constellation's own mutual information, or 'bicm', what a binary code behind a bitwise
    demapper could have.

    >>> from phy.constellation import CONSTELLATIONS
    >>> half = IdealCode(name="half", length=4, design_rate=Fraction(1, 2))
    >>> half.decide(np.ones((2, 2), np.uint8), np.array([[0.5] * 4, [1.0] * 4]), CONSTELLATIONS["qpsk"])
    array([[1, 1],
           [0, 1]], dtype=uint8)
    """

    length: int = 672
    design_rate: Fraction
    kind: Kind = "cm"

    def __post_init__(self) -> None:
        if not 0 < self.design_rate <= 1:
            raise ValueError(f"rate: must be above 0 and at most 1, got {self.design_rate}; 1/2 is one")
        if self.length < 1 or (self.length * self.design_rate).denominator != 1:
            raise ValueError(
                f"n: must hold a whole number of information bits at rate {self.design_rate}, "
                f"got {self.length}; take a multiple of {self.design_rate.denominator}"
            )
        if self.kind not in KINDS:
            raise ValueError(f"kind: must be cm or bicm, got {self.kind!r}; cm is the default")

    @property
    def n(self) -> int:
        """Coded bits sent."""
        return self.length

    @property
    def k(self) -> int:
        """Information bits."""
        return int(self.length * self.design_rate)

    def delivered(self, noise_var: NDArray[np.floating], constellation: Constellation) -> NDArray[np.bool_]:
        """See `GenieCode.delivered`."""
        carried = information_curve(constellation, self.kind)(1.0 / np.asarray(noise_var, np.float64))
        return carried.mean(axis=1) >= float(self.design_rate * constellation.bits_per_symbol)


@dataclass(frozen=True, kw_only=True)
class ShannonCode(GenieCode):
    """The capacity of Gaussian inputs, log2(1 + SNR) bits per use, whatever points carry it.

    With a `rate`, R information bits per use, a block of `uses` is delivered iff the mean of log2(1 + SNR)
    over its uses reaches R: the outage bound of a transmitter that does not know the channel.
    Without one the transmitter knows it: `bound` gives the code of a frame, whose k is the capacity of its
    realised uses, and which is always delivered.

    bits: bits per use of the constellation that it rides on, which limits k to uses * bits.
    """

    uses: int | None = None
    bits: int | None = None
    rate_per_use: Fraction | None = None
    info: int | None = None

    def __post_init__(self) -> None:
        if self.rate_per_use is None and self.info is None:
            return
        if not self.uses or self.uses < 1 or not self.bits or not 1 <= self.bits <= 10:
            raise ValueError(
                f"uses, bits: must be >= 1 and 1..10, got {self.uses} and {self.bits}; uses=336,bits=2 is one"
            )
        if not 0 < self._wanted <= self.uses * self.bits:
            raise ValueError(
                f"rate: must carry 1..{self.uses * self.bits} information bits in {self.uses} uses of "
                f"{self.bits} bits, got {self._wanted}; take another rate or more bits"
            )

    @property
    def is_bound(self) -> bool:
        """Whether it has a size; `bound` gives it one."""
        return self.rate_per_use is not None or self.info is not None

    @property
    def _wanted(self) -> int:
        return int(self.rate_per_use * self.uses) if self.info is None else self.info

    @property
    def n(self) -> int:
        """Coded bits that the constellation carries meanwhile."""
        self._check_bound()
        return self.uses * self.bits

    @property
    def k(self) -> int:
        """Information bits: floor(R uses), or those of the frame's capacity."""
        self._check_bound()
        return self._wanted

    def _check_bound(self) -> None:
        if not self.is_bound:
            raise ValueError(
                f"code: {self.name} has the size of the frame it is sent in, got none; "
                "give it a rate, as ideal:shannon,rate=2"
            )

    def bound(self, snr: NDArray[np.floating], bits: int) -> "ShannonCode | None":
        """The code of a frame with these SNRs (linear, one a use); None where they carry no bit at all.

        k = floor(sum of log2(1 + SNR)), at most bits * uses.
        """
        info = min(int(np.log2(1.0 + np.asarray(snr, np.float64)).sum()), bits * snr.size)
        if info < 1:
            return None
        name = f"ideal:shannon,uses={snr.size},bits={bits},k={info}"
        return replace(self, name=name, uses=int(snr.size), bits=bits, info=info)

    def delivered(self, noise_var: NDArray[np.floating], constellation: Constellation) -> NDArray[np.bool_]:
        """See `GenieCode.delivered`."""
        if constellation.bits_per_symbol != self.bits:
            raise ValueError(
                f"code: {self.name} counts {self.bits} bits a use, got {constellation.name} of "
                f"{constellation.bits_per_symbol}; add bits={constellation.bits_per_symbol}"
            )
        if self.rate_per_use is None:
            return np.ones(len(noise_var), bool)
        capacity = np.log2(1.0 + 1.0 / np.asarray(noise_var, np.float64)).mean(axis=1)
        return capacity >= float(self.rate_per_use)


def make(
    *,
    name: str,
    bound: str | None = None,
    rate: Fraction | None = None,
    n: int | None = None,
    kind: str | None = None,
    uses: int | None = None,
    bits: int | None = None,
    k: int | None = None,
) -> GenieCode:
    """The family's maker, see `phy.fec.spec`: ideal:rate=R or ideal:shannon[,rate=R]."""
    if bound is None:
        if rate is None or (uses, bits, k) != (None, None, None):
            raise ValueError("rate: needed, with n and kind alone, got another key; write ideal:rate=1/2")
        return IdealCode(name=name, design_rate=rate, length=n or 672, kind=kind or "cm")
    if bound != "shannon" or (n, kind) != (None, None) or (rate is not None and k is not None):
        raise ValueError(
            f"bound: must be shannon, with rate, uses, bits, got {bound!r} and others; drop them"
        )
    sized = (rate, k) != (None, None)
    return ShannonCode(
        name=name,
        rate_per_use=rate,
        info=k,
        uses=(uses or 336) if sized else uses,
        bits=(bits or 2) if sized else bits,
    )
