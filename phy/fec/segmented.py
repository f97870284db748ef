"""A transport block of several code blocks, each with its own checksum (TS 38.212, 5.2.2 and 5.5)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phy.crc import CRCS
from phy.fec.code import Code, GraphCode
from phy.fec.decoder import Decoder

Decode = Callable[..., NDArray[np.uint8]]
"""An engine's method (self, code, llr [B, n], decoder) -> bits [B, k]."""

CRC_BITS = 24
"""CRC24B ends every code block."""


@dataclass(frozen=True, kw_only=True)
class Segmented(Code):
    """Several code blocks in one word: the k bits are cut evenly, each part gets a CRC24B and is encoded.

    blocks: the code of every code block; equal ones stand together.

    The word of one block after another is what is sent. Its graph would be as many graphs side by side, so
    engines decode block by block: `block_by_block` makes their `decode` take such a code, with what `parts`
    cuts and `join` puts together.

    The checksums only say whether a block arrived (`checks`); decoding does not use them.
    """

    algorithms = GraphCode.algorithms
    blocks: tuple[GraphCode, ...]

    def __hash__(self) -> int:
        """Of the name alone, since it keys caches; equality looks at the blocks."""
        return hash(self.name)

    @cached_property
    def n(self) -> int:
        """Bits sent."""
        return sum(block.n for block in self.blocks)

    @property
    def k(self) -> int:
        """Information bits, without the blocks' checksums."""
        return len(self.blocks) * self.part_bits

    @property
    def part_bits(self) -> int:
        """Information bits of each code block, without its checksum."""
        return self.blocks[0].k - CRC_BITS

    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Sent bits uint8 [..., n] of information bits uint8 [..., k]."""
        parts = self.whole(bits).reshape(*np.shape(bits)[:-1], len(self.blocks), self.part_bits)
        checked = np.concatenate([parts, CRCS["crc24b"].checksum(parts)], axis=-1)
        sent = [
            code.encode(checked[..., first:last, :]).reshape(*parts.shape[:-2], -1)
            for code, first, last in self._groups()
        ]
        return np.concatenate(sent, axis=-1)

    def parts(self, llr: NDArray[np.floating]) -> Iterator[tuple[GraphCode, NDArray[np.floating]]]:
        """What to decode: codes with the LLRs [B blocks, n of the block] of their blocks, of LLRs [B, n]."""
        start = 0
        for code, first, last in self._groups():
            end = start + (last - first) * code.n
            yield code, llr[:, start:end].reshape(-1, code.n)
            start = end

    def join(self, decoded: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Information bits uint8 [B, k] of what every part of `parts` was decoded to."""
        return self._blocks_of(decoded)[..., : self.part_bits].reshape(-1, self.k)

    def checks(self, decoded: list[NDArray[np.uint8]]) -> NDArray[np.bool_]:
        """Whether each code block's checksum agrees, bool [B, blocks]."""
        blocks = self._blocks_of(decoded)
        return CRCS["crc24b"].agrees(blocks[..., : self.part_bits], blocks[..., self.part_bits :])

    def _blocks_of(self, decoded: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        groups = zip(decoded, self._groups(), strict=True)
        return np.concatenate([d.reshape(-1, last - first, c.k) for d, (c, first, last) in groups], axis=1)

    def _groups(self) -> list[tuple[GraphCode, int, int]]:
        """Runs of equal codes: code, first block, one past the last."""
        edges = [i for i, b in enumerate(self.blocks) if i == 0 or b != self.blocks[i - 1]]
        return [
            (self.blocks[first], first, last)
            for first, last in zip(edges, [*edges[1:], len(self.blocks)], strict=True)
        ]


def block_by_block(decode: Decode) -> Decode:
    """An engine's `decode` of single codes, which then also takes `Segmented` ones."""

    @wraps(decode)
    def decode_any(engine: Any, code: Code, llr: NDArray[np.float32], decoder: Decoder) -> NDArray[np.uint8]:
        if not isinstance(code, Segmented):
            return decode(engine, code, llr, decoder)
        return code.join([decode(engine, block, part, decoder) for block, part in code.parts(llr)])

    return decode_any
