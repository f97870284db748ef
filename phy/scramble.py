"""Whitening: information bits meet a fixed pseudo-random sequence, so that padding does not become one
repeated symbol.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray


@cache
def _period() -> NDArray[np.uint8]:
    register, out = 0b1111111, []
    for _ in range(127):
        bit = (register >> 6 ^ register >> 3) & 1
        register = (register << 1 | bit) & 0b1111111
        out.append(bit)
    return np.array(out, np.uint8)


def sequence(n_bits: int) -> NDArray[np.uint8]:
    """The scrambler of IEEE 802.11 (x^7 + x^4 + 1, started with ones), uint8 [n_bits]; its period is 127.

    >>> sequence(16).tolist()
    [0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 0]
    """
    return np.resize(_period(), n_bits)


def scramble(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 [...] xored, in reading order, with the sequence; its own inverse."""
    return bits ^ sequence(bits.size).reshape(bits.shape)
