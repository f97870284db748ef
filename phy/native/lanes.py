"""Frames into lanes: LLRs of 64 words side by side, and memory that vectors may be read from at full
speed.
"""

import numpy as np
from numpy.typing import NDArray

from phy.native.compiling import compiled
from phy.native.demap import steps_of
from phy.native.vectors import load, put, store_bytes


def aligned(shape: tuple[int, ...] | int, dtype: type, fill: int = 0) -> NDArray:
    """An array that begins at a multiple of 64 bytes: a vector that straddles cache lines takes twice as
    long.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    out = raw[-raw.ctypes.data % 64 :][:size].view(dtype).reshape(shape)
    out[...] = fill
    return out


@compiled
def to_lanes(llr, steps, channel):
    """Quantised LLRs of words float32 [B, N] -> channel int8 [ceil(B / 64), N 64]; lanes without a word get
    +127.
    """
    words, n = llr.shape
    row, quantised = np.zeros(n + 16, np.float32), np.empty(n + 16, np.int8)
    for w in range(channel.shape[0] * 64):
        base = (w >> 6) * n * 64 + (w & 63)
        if w < words:
            for j in range(n):
                put(row, j, llr[w, j])
            for j in range(0, n, 16):
                store_bytes(quantised, j, steps_of(load(row, j), steps))
            for j in range(n):
                put(channel, base + j * 64, quantised[j])
        else:
            for j in range(n):
                put(channel, base + j * 64, np.int8(127))


@compiled
def to_rows(hard, info, bits):
    """Decisions on information bits uint8 [B, k] of hard uint64 [G, N]; info: int64 [k]."""
    for w in range(bits.shape[0]):
        shift = np.uint64(w & 63)
        for j in range(info.size):
            bits[w, j] = (hard[w >> 6, info[j]] >> shift) & np.uint64(1)
