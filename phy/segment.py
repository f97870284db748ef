"""A payload of any length in whole code blocks, and back.

    per payload:  | length: 24 | body .............................. | CRC | zeros |, cut into k bits each
    per block:    | length: 24 | body ... | CRC |, | body ... | CRC |, ..., | zeros | CRC |

The body is the payload as the cipher left it (filled to whole bytes and followed by a tag under GCM), so that
a receiver without the key can check what arrived. The checksum covers length and body. All blocks are
whitened (`phy.scramble`) before they are coded.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from phy.bits import from_int, to_int
from phy.crc import BY_WIDTH
from phy.scramble import scramble

HEADER_BITS = 24
"""The payload's length in bits, so at most 2^24 - 1 of them."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a receiver reads: the length and body that the header claims, and the checks' verdict.

    n_bits: payload length, cut to what the frame can hold; body: uint8 [body_bits(n_bits)], tag included.
    checked: bool [body_bits(n_bits)], the bits in blocks whose checks agreed; None with one check for all.
        No bit is where the check of a block that holds the length failed: by it all others are read.
    """

    n_bits: int
    body: NDArray[np.uint8]
    ok: bool
    checked: NDArray[np.bool_] | None = None


@dataclass(frozen=True, kw_only=True)
class Framing:
    """The layout of `blocks` code blocks of `k` information bits.

    crc: bits of each checksum. granule, tag_bits: the cipher's, 1 and 0 where it keeps the length.
    """

    k: int
    blocks: int
    crc: Literal[16, 24, 32] = 24
    crc_per: Literal["payload", "block"] = "payload"
    granule: int = 1
    tag_bits: int = 0

    @property
    def checks(self) -> int:
        """Checksums in the frame."""
        return self.blocks if self.crc_per == "block" else min(self.blocks, 1)

    @property
    def room(self) -> int:
        """Bits beside header, checksums and tag; negative where those alone do not fit."""
        return self.blocks * self.k - HEADER_BITS - self.checks * self.crc - self.tag_bits

    @property
    def payload_bits(self) -> int:
        """The longest payload that fits; 0 where none does."""
        return min(max(self.room, 0) // self.granule * self.granule, (1 << HEADER_BITS) - 1)

    def body_bits(self, n_bits: int) -> int:
        """Bits on the air of a payload of `n_bits`, tag included."""
        return -(-n_bits // self.granule) * self.granule + self.tag_bits

    def categories(self, n_bits: int) -> dict[str, int]:
        """How the frame's blocks * k information bits are spent on a payload of `n_bits`."""
        if not self.blocks:
            return {}
        spent = {"data": n_bits, "header": HEADER_BITS, "tag": self.tag_bits, "crc": self.checks * self.crc}
        return spent | {"padding": self.blocks * self.k - sum(spent.values())}

    def join(self, n_bits: int, body: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Information blocks uint8 [blocks, k] that carry uint8 [body_bits(n_bits)]."""
        content = np.concatenate([from_int(n_bits, HEADER_BITS), body])
        if self.crc_per == "payload":
            content = np.concatenate([content, BY_WIDTH[self.crc].checksum(content)])
            return scramble(self._pad(content, self.k))
        chunks = self._pad(content, self.k - self.crc)
        return scramble(np.concatenate([chunks, BY_WIDTH[self.crc].checksum(chunks)], axis=1))

    def split(self, blocks: NDArray[np.uint8]) -> Parts:
        """Read uint8 [blocks, k] as received."""
        blocks = scramble(blocks)
        chunks = blocks if self.crc_per == "payload" else blocks[:, : self.k - self.crc]
        content = chunks.reshape(-1)
        claimed = to_int(content[:HEADER_BITS])
        n_bits = min(claimed, self.payload_bits)
        end = HEADER_BITS + self.body_bits(n_bits)
        crc, checked = BY_WIDTH[self.crc], None
        if self.crc_per == "payload":
            agrees = bool(crc.agrees(content[:end], content[end : end + self.crc]))
        else:
            width = self.k - self.crc
            used, told = -(-end // width), -(-HEADER_BITS // width)
            each = crc.agrees(chunks[:used], blocks[:used, width:]) & (claimed == n_bits)
            agrees = bool(np.all(each))
            checked = np.repeat(each & each[:told].all(), width)[HEADER_BITS:end]
        return Parts(
            n_bits=n_bits, body=content[HEADER_BITS:end], ok=agrees and claimed == n_bits, checked=checked
        )

    def _pad(self, content: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
        padded = np.zeros(self.blocks * width, np.uint8)
        padded[: content.size] = content
        return padded.reshape(self.blocks, width)
