"""A transport block of several code blocks, each with its own checksum (TS 38.212, 5.2.2 and 5.5)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, wraps
from itertools import groupby
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
    """Several code blocks in one word: the k bits are cut, each part gets a CRC24B and is encoded.

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

    @cached_property
    def k(self) -> int:
        """Information bits, without the blocks' checksums."""
        return sum(block.k - CRC_BITS for block in self.blocks)

    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Sent bits uint8 [..., n] of information bits uint8 [..., k]."""
        bits = self.whole(bits)
        sent, start = [], 0
        for code, count in self._runs:
            end = start + count * (code.k - CRC_BITS)
            parts = bits[..., start:end].reshape(*bits.shape[:-1], count, code.k - CRC_BITS)
            checked = np.concatenate([parts, CRCS["crc24b"].checksum(parts)], axis=-1)
            sent.append(code.encode(checked).reshape(*bits.shape[:-1], count * code.n))
            start = end
        return np.concatenate(sent, axis=-1)

    def parts(self, llr: NDArray[np.floating]) -> Iterator[tuple[GraphCode, NDArray[np.floating]]]:
        """What to decode: codes with the LLRs [B blocks, n of the block] of their blocks, of LLRs [B, n]."""
        start = 0
        for code, count in self._runs:
            end = start + count * code.n
            yield code, llr[:, start:end].reshape(-1, code.n)
            start = end

    def join(self, decoded: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Information bits uint8 [B, k] of what every part of `parts` was decoded to."""
        runs = zip(decoded, self._runs, strict=True)
        kept = [d[:, :-CRC_BITS].reshape(-1, count * (code.k - CRC_BITS)) for d, (code, count) in runs]
        return np.concatenate(kept, axis=1)

    def checks(self, decoded: list[NDArray[np.uint8]]) -> NDArray[np.bool_]:
        """Whether each code block's checksum agrees, bool [B, blocks]."""
        agree = [CRCS["crc24b"].agrees(d[:, :-CRC_BITS], d[:, -CRC_BITS:]) for d in decoded]
        runs = zip(agree, self._runs, strict=True)
        return np.concatenate([each.reshape(-1, count) for each, (_, count) in runs], axis=1)

    @cached_property
    def _runs(self) -> list[tuple[GraphCode, int]]:
        """Equal codes that stand together, and how many they are."""
        return [(code, len(list(run))) for code, run in groupby(self.blocks)]


def block_by_block(decode: Decode) -> Decode:
    """An engine's `decode` of single codes, which then also takes `Segmented` ones."""

    @wraps(decode)
    def decode_any(engine: Any, code: Code, llr: NDArray[np.float32], decoder: Decoder) -> NDArray[np.uint8]:
        if not isinstance(code, Segmented):
            return decode(engine, code, llr, decoder)
        return code.join([decode(engine, block, part, decoder) for block, part in code.parts(llr)])

    return decode_any
