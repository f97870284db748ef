"""The bit interleaver: coded bits in the order in which they ride on the symbols.

A fixed pseudo-random permutation named by its length alone, which both ends know. Over a 'frame' it spreads
every code block over all of the payload's channel uses, so that a fade shorter than the payload is met by no
block alone; within a 'block' it spreads neighbouring bits over the block's uses and over the bits of a label.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from phy.rng import generator

Interleaver = Literal["none", "frame", "block"]
"""Over nothing, over all blocks of a payload, or within each code block."""


@lru_cache(maxsize=64)
def permutation(length: int) -> NDArray[np.intp]:
    """Position in the codeword of the bit that goes out at each place: int [length], read only.

    >>> sorted(permutation(5).tolist())
    [0, 1, 2, 3, 4]
    """
    order = np.argsort(generator("bit interleaver", length).random(length), kind="stable")
    order.flags.writeable = False
    return order


def interleave(kind: Interleaver, blocks: NDArray) -> NDArray:
    """One stream [blocks * n] of code blocks [blocks, n], in the order in which it is sent."""
    if kind == "block":
        return blocks[:, permutation(blocks.shape[1])].reshape(-1)
    return blocks.reshape(-1)[permutation(blocks.size)] if kind == "frame" else blocks.reshape(-1)


def deinterleave(kind: Interleaver, stream: NDArray, n: int) -> NDArray:
    """The inverse of `interleave`: code blocks [blocks, n] of a stream [blocks * n]."""
    out = np.empty_like(stream)
    if kind == "frame":
        out[permutation(stream.size)] = stream
        return out.reshape(-1, n)
    if kind == "block":
        out = out.reshape(-1, n)
        out[:, permutation(n)] = stream.reshape(-1, n)
        return out
    return stream.reshape(-1, n)
