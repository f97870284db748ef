"""Polar codes of 5G NR with their CRC and rate matching: 3GPP TS 38.212, clauses 5.3.1 and 5.4.1, one block.

In the standard's letters: A information bits, L check bits, K = A + L, N the mother code's length, E bits
sent. Here k = A and n = E.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from math import ceil, log2
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from phy.crc import Crc
from phy.fec import polar_decoder
from phy.fec.decoder import Decoder
from phy.fec.plain import PlainCode, check_bits

CRC6, CRC11, CRC24C = (
    Crc(width=6, polynomial=0x21),
    Crc(width=11, polynomial=0x621),
    Crc(width=24, polynomial=0xB2B117),
)
"""3GPP TS 38.212, clause 5.1."""

MOST_SENT = {"uplink": 1088, "downlink": 576}
MOST_INFO = {"uplink": 1013, "downlink": 140}


@cache
def load_tables() -> Mapping[str, list[int]]:
    """The data file as it is: reliability order, interleavers, provenance."""
    return json.loads(resources.files("phy").joinpath("data/nr_polar.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, kw_only=True)
class NrPolar(PlainCode):
    """k information bits, their CRC behind them, one polar code, n bits sent.

    link: 'uplink': CRC of 6 bits (12 <= k <= 19, without the three parity-check bits that the standard adds
        there) or 11 (k >= 20), channel interleaver, n <= 1088: no segmentation. 'downlink': CRC of 24 bits
        (no initial ones, no identity scrambled in), interleaved among the bits, k <= 140, n <= 576.
    k counts information bits without the CRC, which list decoding picks its path with, as Sionna does.
    """

    algorithms: ClassVar[tuple[str, ...]] = ("successive-cancellation", "sc-list")
    engines: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "successive-cancellation": ("reference", "sionna"),
        "sc-list": ("reference", "sionna"),
    }
    block: int
    length: int
    link: Literal["uplink", "downlink"] = "uplink"

    def __post_init__(self) -> None:
        if self.link not in MOST_SENT:
            raise ValueError(f"link: must be uplink or downlink, got {self.link!r}; uplink is the default")
        if not 12 <= self.block <= MOST_INFO[self.link]:
            remedy = "shorter blocks are another code's (38.212, 5.3.3)" if self.block < 12 else "take less"
            raise ValueError(
                f"k: must be 12..{MOST_INFO[self.link]} on the {self.link}, got {self.block}; {remedy}"
            )
        least = max(18, self.block + self.crc.width)
        if not least <= self.length <= MOST_SENT[self.link]:
            raise ValueError(
                f"n: must be {least}..{MOST_SENT[self.link]} for k = {self.block} and {self.crc.width} check "
                f"bits on the {self.link}, got {self.length}; longer blocks are not segmented, take nr-ldpc"
            )

    @property
    def n(self) -> int:
        """Coded bits sent, E."""
        return self.length

    @property
    def k(self) -> int:
        """Information bits, A, without the CRC."""
        return self.block

    @property
    def crc(self) -> Crc:
        """The CRC, of L bits."""
        if self.link == "downlink":
            return CRC24C
        return CRC6 if self.block <= 19 else CRC11

    @property
    def checked(self) -> int:
        """K = A + L."""
        return self.block + self.crc.width

    @cached_property
    def mother_n(self) -> int:
        """N: 38.212, clause 5.3.1."""
        longest = ceil(log2(self.n))
        if self.n <= 9 / 8 * 2 ** (longest - 1) and self.checked / self.n < 9 / 16:
            longest -= 1
        most = 10 if self.link == "uplink" else 9
        return 1 << max(min(longest, ceil(log2(8 * self.checked)), most), 5)

    @property
    def matching(self) -> Literal["repetition", "puncturing", "shortening"]:
        """38.212, clause 5.4.1.2."""
        if self.n >= self.mother_n:
            return "repetition"
        return "puncturing" if self.checked / self.n <= 7 / 16 else "shortening"

    @cached_property
    def _subblocks(self) -> NDArray[np.intp]:
        """J: bit J[i] of the mother word stands at i of the circular buffer (5.4.1.1)."""
        size = self.mother_n // 32
        order = np.array(load_tables()["subblock_interleaver"])
        return (order[:, None] * size + np.arange(size)).reshape(-1)

    @cached_property
    def info(self) -> NDArray[np.intp]:
        """intp [K]: the most reliable inputs of the polar transform that rate matching leaves, ascending."""
        frozen = np.zeros(self.mother_n, bool)
        missing = self.mother_n - self.n
        if self.matching == "puncturing":
            frozen[self._subblocks[:missing]] = True
            if self.n >= 3 * self.mother_n / 4:
                extra = ceil(3 * self.mother_n / 4 - self.n / 2)
            else:
                extra = ceil(9 * self.mother_n / 16 - self.n / 4)
            frozen[: max(extra, 0)] = True
        elif self.matching == "shortening":
            frozen[self._subblocks[self.n :]] = True
        order = np.array(load_tables()["reliability"])
        order = order[order < self.mother_n]
        return np.sort(order[~frozen[order]][-self.checked :])

    @cached_property
    def sent(self) -> NDArray[np.intp]:
        """intp [n]: the mother bit behind each sent bit: 5.4.1.1 to 5.4.1.3."""
        first = self.mother_n - self.n if self.matching == "puncturing" else 0
        buffer = self._subblocks[(first + np.arange(self.n)) % self.mother_n]
        return buffer[_triangle(self.n)] if self.link == "uplink" else buffer

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """intp [K]: which of the bits, with their CRC, enters at each position of `info` (5.3.1.1)."""
        if self.link == "uplink":
            return np.arange(self.checked)
        table = np.array(load_tables()["input_interleaver"])
        first = table.size - self.checked
        return table[table >= first] - first

    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Code.encode`."""
        bits = check_bits(bits, self.k)
        batch = bits.reshape(-1, self.k)
        checked = np.concatenate([batch, self.crc.checksum(batch)], axis=1)
        inputs = np.zeros((self.mother_n, len(batch)), np.uint8)
        inputs[self.info] = checked[:, self.order].T
        word = polar_decoder.transform(inputs)[self.sent]
        return np.ascontiguousarray(word.T).reshape(*bits.shape[:-1], self.n)

    def gather(self, llr: NDArray[np.floating]) -> NDArray[np.float64]:
        """LLRs of the mother word, words in the fastest axis [N, B], of those sent [B, n].

        Repeats add; a punctured bit gets 0, a shortened one, which is 0, `KNOWN`.
        """
        known = polar_decoder.KNOWN if self.matching == "shortening" else 0.0
        mother = np.zeros((self.mother_n, len(llr)))
        np.add.at(mother, self.sent, np.asarray(llr, np.float64).T)
        mother[np.setdiff1d(np.arange(self.mother_n), self.sent)] = known
        return mother

    def decide(self, llr: NDArray[np.floating], decoder: Decoder) -> NDArray[np.uint8]:
        """See `PlainCode.decide`."""
        paths = decoder.list_size if decoder.algorithm == "sc-list" else 1
        size = max(1, polar_decoder.TILE_VALUES // (self.mother_n * paths))
        tiles = [self.gather(llr[i : i + size]) for i in range(0, len(llr), size)]
        decided = [polar_decoder.decode(self, tile, decoder) for tile in tiles]
        return np.concatenate([*decided, np.zeros((0, self.k), np.uint8)])


def _triangle(n: int) -> NDArray[np.intp]:
    """The channel interleaver of 5.4.1.3: rows of T, T - 1, ... bits written, columns read."""
    side = 0
    while side * (side + 1) // 2 < n:
        side += 1
    cells = np.full((side, side), -1)
    row, column = np.nonzero(np.arange(side)[:, None] + np.arange(side) < side)
    cells[row[:n], column[:n]] = np.arange(n)
    read = cells.T.reshape(-1)
    return read[read >= 0]


def make(*, name: str, k: int, n: int, link: str = "uplink") -> NrPolar:
    """The family's maker, see `phy.fec.spec`."""
    return NrPolar(name=name, block=k, length=n, link=link)
