"""The turbo code of LTE (3GPP TS 36.212, clause 5.1.3.2): twice G = [1, (1 + D + D^3) / (1 + D^2 + D^3)]."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from importlib import resources
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from phy.fec import turbo_decoder
from phy.fec.decoder import Decoder
from phy.fec.plain import PlainCode, check_bits

MEMORY = 3
TAIL = 4 * MEMORY
"""Bits that bring both encoders back to zero."""

PUNCTURING: dict[Fraction, tuple[tuple[int, ...], ...]] = {
    Fraction(1, 3): ((1, 1, 1),),
    Fraction(1, 2): ((1, 1, 0), (1, 0, 1)),
}
"""Rate -> which of (x, z, z') are sent, step by step; 1/2 sends the encoders' parities in turn."""


@cache
def interleavers() -> Mapping[int, tuple[int, int]]:
    """k -> (f1, f2) of the permutation f1 i + f2 i^2 (mod k): 36.212, table 5.1.3-3."""
    text = resources.files("phy").joinpath("data/lte_turbo.json").read_text(encoding="utf-8")
    return {int(k): (f1, f2) for k, (f1, f2) in json.loads(text)["interleavers"].items()}


@dataclass(frozen=True, kw_only=True)
class LteTurbo(PlainCode):
    """k information bits, one of 188 sizes 40..6144, and 12 bits of tail; n = (k + 4) / design_rate.

    Sent, for every step: x, z of the first encoder, z' of the second one, which gets the bits interleaved;
    then x z x z x z x' z' x' z' x' z' of the tails in rows of three, punctured as all rows. That is the
    standard's order for rate 1/3; for rate 1/2 the standard has a circular buffer, which this is not.
    """

    algorithms: ClassVar[tuple[str, ...]] = ("bcjr",)
    engines: ClassVar[Mapping[str, tuple[str, ...]]] = {"bcjr": ("reference", "sionna")}
    block: int = 1024
    design_rate: Fraction = Fraction(1, 3)

    def __post_init__(self) -> None:
        if self.design_rate not in PUNCTURING:
            raise ValueError(
                f"rate: must be {' or '.join(map(str, PUNCTURING))}, got {self.design_rate}; 1/3 is usual"
            )
        if self.block not in interleavers():
            near = min(interleavers(), key=lambda k: abs(k - self.block))
            raise ValueError(
                f"k: must be one of the 188 sizes of 36.212, table 5.1.3-3, got {self.block}; take k={near}"
            )

    @property
    def n(self) -> int:
        """Coded bits sent, those of the tails with them."""
        return int(self.sent.size)

    @property
    def k(self) -> int:
        """Information bits."""
        return self.block

    @property
    def mother_n(self) -> int:
        """Coded bits at rate 1/3."""
        return 3 * self.block + TAIL

    @cached_property
    def sent(self) -> NDArray[np.intp]:
        """intp [n]: which bits of the rate 1/3 word are sent."""
        rows = self.mother_n // 3
        return np.flatnonzero(np.resize(np.array(PUNCTURING[self.design_rate], bool), (rows, 3)))

    @cached_property
    def interleaver(self) -> NDArray[np.intp]:
        """intp [k]: the second encoder's bit i is the first one's interleaver[i]."""
        f1, f2 = interleavers()[self.block]
        i = np.arange(self.block)
        return (f1 * i + f2 * i * i) % self.block

    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Code.encode`."""
        bits = check_bits(bits, self.k)
        batch = bits.reshape(-1, self.k)
        z, tail = _encode(batch)
        turned_z, turned_tail = _encode(batch[:, self.interleaver])
        steps = np.stack([batch, z, turned_z], axis=2).reshape(-1, 3 * self.block)
        word = np.concatenate([steps, tail, turned_tail], axis=1)[:, self.sent]
        return word.reshape(*bits.shape[:-1], self.n)

    def depuncture(self, llr: NDArray[np.floating]) -> NDArray[np.floating]:
        """LLRs of the rate 1/3 word [B, mother_n], 0 where nothing was sent, from those sent [B, n]."""
        mother = np.zeros((len(llr), self.mother_n), llr.dtype)
        mother[:, self.sent] = llr
        return mother

    def decide(self, llr: NDArray[np.floating], decoder: Decoder) -> NDArray[np.uint8]:
        """See `PlainCode.decide`."""
        size = max(1, turbo_decoder.TILE_VALUES // self.mother_n)
        tiles = [self.depuncture(llr[i : i + size]) for i in range(0, len(llr), size)]
        decided = [turbo_decoder.decode(tile, self.interleaver, decoder.iterations) for tile in tiles]
        return np.concatenate([*decided, np.zeros((0, self.k), np.uint8)])


def _encode(bits: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Parities uint8 [B, k] of bits [B, k], and the tail x z x z x z uint8 [B, 6].

    w = x / (1 + D^2 + D^3) is (1 + D^2 + D^3 + D^4) x / (1 + D^7), a running sum with stride 7.
    """
    k = bits.shape[1]
    padded = np.pad(bits, ((0, 0), (4, -k % 7)))
    steps = padded.shape[1] - 4
    numerator = sum(padded[:, 4 - d :][:, :steps] for d in (0, 2, 3, 4)) & 1
    w = np.bitwise_xor.accumulate(numerator.reshape(len(bits), steps // 7, 7), axis=1).reshape(-1, steps)
    w = np.pad(w[:, :k], ((0, 0), (MEMORY, MEMORY)))  # zero before, and again when the tail is in
    z = w[:, 3:] ^ w[:, 2:-1] ^ w[:, :-3]
    x = w[:, 3:] ^ w[:, 1:-2] ^ w[:, :-3]
    tail = np.stack([x[:, k:], z[:, k:]], axis=2).reshape(-1, 2 * MEMORY)
    return z[:, :k], tail


def make(*, name: str, k: int = 1024, rate: Fraction = Fraction(1, 3)) -> LteTurbo:
    """The family's maker, see `phy.fec.spec`."""
    return LteTurbo(name=name, block=k, design_rate=rate)
