"""No code, and the simplest one: hard decisions of LLRs, or of their sums over repeats."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from phy.fec.decoder import Decoder
from phy.fec.plain import EVERY_ENGINE, PlainCode, check_bits


@dataclass(frozen=True, kw_only=True)
class Repetition(PlainCode):
    """k information bits, the whole block sent `times` times over: c = (u, u, ..., u); times = 1 is no code.

    Repeats stand k bits apart, so that no symbol carries two of one bit where k >= bits per symbol. The
    decision is the sign of the sum of their LLRs, which is maximum likelihood over a memoryless channel.

    >>> Repetition(name="three", times=3, block=2).encode(np.array([[0, 1]], np.uint8)).tolist()
    [[0, 1, 0, 1, 0, 1]]
    """

    algorithms: ClassVar[tuple[str, ...]] = ("hard",)
    engines: ClassVar[Mapping[str, tuple[str, ...]]] = {"hard": EVERY_ENGINE}
    times: int = 1
    block: int = 672

    def __post_init__(self) -> None:
        if self.times < 1:
            raise ValueError(f"n: must be >= 1, got {self.times}; 3 sends every bit three times")
        if self.block < 1:
            raise ValueError(f"k: must be >= 1, got {self.block}; 672 is the default")

    @property
    def n(self) -> int:
        """Coded bits sent."""
        return self.times * self.block

    @property
    def k(self) -> int:
        """Information bits."""
        return self.block

    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Code.encode`."""
        bits = check_bits(bits, self.k)
        return np.tile(bits, (*[1] * (bits.ndim - 1), self.times))

    def decide(self, llr: NDArray[np.floating], decoder: Decoder) -> NDArray[np.uint8]:
        """See `PlainCode.decide`."""
        total = llr.reshape(-1, self.times, self.block).sum(axis=1)
        return (total < 0).astype(np.uint8)


def make(*, name: str, n: int = 3, k: int = 672) -> Repetition:
    """The maker of 'repetition', see `phy.fec.spec`."""
    return Repetition(name=name, times=n, block=k)


def make_uncoded(*, name: str, k: int = 672) -> Repetition:
    """The maker of 'uncoded': bits as they are, sent once."""
    return Repetition(name=name, times=1, block=k)
