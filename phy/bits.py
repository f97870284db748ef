"""Bits as uint8 arrays of 0 and 1, the most significant first, and their packing into bytes and integers."""

import numpy as np
from numpy.typing import NDArray


def pack(bits: NDArray[np.uint8]) -> bytes:
    """Bytes of uint8 [n] bits, first bit = most significant; the last byte is filled with zeros.

    >>> pack(np.array([1, 0, 0, 0, 0, 0, 0, 1, 1], np.uint8)).hex()
    '8180'
    """
    return np.packbits(bits).tobytes()


def unpack(data: bytes, n_bits: int | None = None) -> NDArray[np.uint8]:
    """The first `n_bits` bits (all of them by default) of `data`, uint8 [n_bits]."""
    return np.unpackbits(np.frombuffer(data, np.uint8), count=n_bits)


def from_int(value: int, width: int) -> NDArray[np.uint8]:
    """`value` as uint8 [width] bits, most significant first; ValueError if it does not fit.

    >>> from_int(5, 4).tolist()
    [0, 1, 0, 1]
    """
    if not 0 <= value < 1 << width:
        raise ValueError(f"value: must fit {width} bits, got {value}")
    return unpack((value << -width % 8).to_bytes(-(-width // 8), "big"), width)


def to_int(bits: NDArray[np.uint8]) -> int:
    """The integer that uint8 [n] bits spell, most significant first; no bits spell 0.

    >>> to_int(from_int(1234, 24))
    1234
    """
    return int.from_bytes(pack(bits), "big") >> -len(bits) % 8
