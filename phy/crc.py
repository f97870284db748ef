"""Cyclic redundancy checks over bits, vectorised: a checksum is the xor of one remainder per set bit.

With T[e] = x^e mod g over GF(2) and width w, message bit m_i (i = n-1 .. 0, first bit first) contributes
T[i + w], and initial register bit r_j contributes T[n + j]. T is made by doubling, so no loop runs over bits.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from phy.bits import from_int, to_int, unpack


@dataclass(frozen=True, kw_only=True)
class Crc:
    """CRC of `width` bits, generator x^width + polynomial; bits enter and leave in transmission order.

    initial: the register's start. final: xored onto the result. reflected: bytes enter least significant bit
    first and the checksum is read backwards (CRC-32 of Ethernet); it matters to `of_bytes` alone.
    Source of the check values of b"123456789": 3GPP TS 38.212 section 5.1 polynomials; the CRC RevEng
    catalogue.

    >>> hex(CRCS["crc24a"].of_bytes(b"123456789"))
    '0xcde703'
    """

    width: int
    polynomial: int
    initial: int = 0
    final: int = 0
    reflected: bool = False

    def checksum(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Check bits of uint8 [..., n]: uint8 [..., width]."""
        value = self._register(bits) ^ np.uint32(self.final)
        return (value[..., None] >> np.arange(self.width - 1, -1, -1, dtype=np.uint32) & 1).astype(np.uint8)

    def agrees(self, bits: NDArray[np.uint8], checksum: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Whether uint8 [..., width] is the checksum of uint8 [..., n]: bool [...]."""
        return np.all(self.checksum(bits) == checksum, axis=-1)

    def of_bytes(self, data: bytes) -> int:
        """The checksum of bytes, as an integer."""
        bits = unpack(data)
        if not self.reflected:
            return to_int(self.checksum(bits))
        return to_int(self.checksum(bits.reshape(-1, 8)[:, ::-1].reshape(-1))[::-1])

    def _register(self, bits: NDArray[np.uint8]) -> NDArray[np.uint32]:
        n = bits.shape[-1]
        powers = _remainders(self.width, self.polynomial, (n + self.width).bit_length())
        terms = bits * powers[self.width : n + self.width][::-1]
        start = from_int(self.initial, self.width)[::-1] * powers[n : n + self.width]
        return np.bitwise_xor.reduce(terms, axis=-1) ^ np.bitwise_xor.reduce(start)


@cache
def _remainders(width: int, polynomial: int, doublings: int) -> NDArray[np.uint32]:
    """T[e] = x^e mod g, uint32 [2^doublings]: T[e + 2^i] = x^(2^i) T[e]."""
    if doublings == 0:
        return np.array([1], np.uint32)
    half = _remainders(width, polynomial, doublings - 1)
    shifted = int(half[-1]) << 1
    factor = shifted ^ (1 << width | polynomial) if shifted >> width else shifted
    return np.concatenate([half, _times(half, factor, width, polynomial)])


def _times(values: NDArray[np.uint32], factor: int, width: int, polynomial: int) -> NDArray[np.uint32]:
    """values * factor mod g, uint32 [n], by Horner's rule over the factor's bits."""
    product, top = np.zeros_like(values), np.uint32(1 << width - 1)
    for bit in from_int(factor, width):
        carry = np.where(product & top, np.uint32(polynomial), np.uint32(0))
        product = (product & ~top) << np.uint32(1) ^ carry
        if bit:
            product = product ^ values
    return product


CRCS: dict[str, Crc] = {
    "crc16": Crc(width=16, polynomial=0x1021),
    "crc24a": Crc(width=24, polynomial=0x864CFB),
    "crc24b": Crc(width=24, polynomial=0x800063),
    "crc32": Crc(width=32, polynomial=0x04C11DB7, initial=0xFFFFFFFF, final=0xFFFFFFFF, reflected=True),
}
BY_WIDTH: dict[Literal[16, 24, 32], Crc] = {16: CRCS["crc16"], 24: CRCS["crc24a"], 32: CRCS["crc32"]}
"""The checksum that a framing of that many check bits uses."""
