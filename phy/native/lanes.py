"""Frames into lanes: LLRs of 64 words side by side, and memory that vectors are read from at full speed."""

import numpy as np
from numpy.typing import NDArray

from phy.native.compiling import compiled, inlined
from phy.native.demap import steps_of
from phy.native.vectors import at, load, put, splat_f32, store, store_bytes, zip_high, zip_low


def aligned(shape: tuple[int, ...] | int, dtype: type, fill: int = 0) -> NDArray:
    """An array that begins at a multiple of 64 bytes: vectors astride cache lines take twice as long."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    out = raw[-raw.ctypes.data % 64 :][:size].view(dtype).reshape(shape)
    out[...] = fill
    return out


@inlined
def quantise_tile(llr, first, last, n, column, steps, tile, some):
    """Columns `column`.. of rows first..last - 1, as bytes: tile [64 rows, 64 columns]; +127 elsewhere."""
    for row in range(64):
        for j in range(0, 64, 16):
            left = min(n - column - j, 16) if first + row < last else 0
            start = (first + row) * n + column + j
            if left == 16:
                store_bytes(tile, row * 64 + j, steps_of(load(llr, start), steps))
            else:
                store(some, 0, splat_f32(np.float32(1000.0)))
                for i in range(left):
                    put(some, i, at(llr, start + i))
                store_bytes(tile, row * 64 + j, steps_of(load(some, 0), steps))


@inlined
def transpose(tile, other):
    """A tile of 64 x 64 bytes, in place: six perfect shuffles turn an index (row, column) half round."""
    for turn in range(6):
        for i in range(0, 32 * 64, 64):
            if turn & 1:
                a, b = load(other, i), load(other, i + 32 * 64)
                store(tile, 2 * i, zip_low(a, b))
                store(tile, 2 * i + 64, zip_high(a, b))
            else:
                a, b = load(tile, i), load(tile, i + 32 * 64)
                store(other, 2 * i, zip_low(a, b))
                store(other, 2 * i + 64, zip_high(a, b))


@compiled
def to_lanes(llr, steps, tiles, some, channel):
    """Quantised LLRs of words float32 [B, N] -> channel int8 [G, N 64]; lanes without a word get +127.

    tiles: int8 [2, 4096] and some: float32 [16], scratch.
    """
    words, n = llr.shape
    tile, other = tiles[0], tiles[1]
    for g in range(channel.shape[0]):
        for column in range(0, n, 64):
            quantise_tile(llr, g * 64, words, n, column, steps, tile, some)
            transpose(tile, other)
            for j in range(min(n - column, 64)):
                store(channel, (g * n + column + j) * 64, load(tile, j * 64))


@compiled
def to_rows(hard, info, bits):
    """Decisions on information bits uint8 [B, k] of hard uint64 [G, N]; info: int64 [k]."""
    n, k = hard.shape[1], info.size
    words = np.empty(k, np.uint64)
    for group in range(-(-bits.shape[0] // 64)):
        for j in range(k):
            put(words, j, at(hard, group * n + at(info, j)))
        for w in range(group * 64, min(group * 64 + 64, bits.shape[0])):
            shift = np.uint64(w & 63)
            for j in range(k):
                put(bits, w * k + j, np.uint8((at(words, j) >> shift) & np.uint64(1)))
