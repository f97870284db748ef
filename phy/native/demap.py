"""Symbols and LLRs, 16 side by side: any points, each axis apart where its bits move it alone.

exact: log sum e^m over the points whose bit is 0, less that over those whose bit is 1, m = -|y - s|^2 / N0;
each sum is taken relative to its largest term. max-log keeps that term alone.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phy.constellation import Constellation
from phy.native.compiling import compiled, inlined
from phy.native.elementary import exp, log
from phy.native.vectors import (
    at,
    bits_of,
    higher,
    load,
    lower,
    put,
    splat_f32,
    store,
    where,
)

REAL, IMAGINARY, BOTH = 1, 2, 3


class Points(NamedTuple):
    """A constellation in one part, or in two that are demapped apart.

    re, im: float32 [points of all parts]; a part's points are in the order of its bits' label.
    first: int64 [parts + 1].  axis: int64 [parts], what of y a part looks at.
    bit: int64 [m], position in the label of every part's bits;  first_bit: int64 [parts + 1].
    """

    re: NDArray[np.float32]
    im: NDArray[np.float32]
    first: NDArray[np.int64]
    axis: NDArray[np.int64]
    bit: NDArray[np.int64]
    first_bit: NDArray[np.int64]


@lru_cache(maxsize=128)
def points(constellation: Constellation) -> Points:
    """The parts of a constellation."""
    m, whole = constellation.bits_per_symbol, constellation.points
    if constellation.axis_levels is not None:
        levels, bits = constellation.axis_levels, constellation.axis_bits
        parts = [(REAL, levels[0] + 0j, bits[0]), (IMAGINARY, 1j * levels[1], bits[1])]
    else:
        parts = [(BOTH if np.any(whole.imag) else REAL, whole, tuple(range(m)))]
    every = np.concatenate([p for _, p, _ in parts])
    return Points(
        re=every.real.astype(np.float32),
        im=every.imag.astype(np.float32),
        first=np.cumsum([0, *(len(p) for _, p, _ in parts)]).astype(np.int64),
        axis=np.array([axis for axis, _, _ in parts], np.int64),
        bit=np.array([b for _, _, bits in parts for b in bits], np.int64),
        first_bit=np.cumsum([0, *(len(bits) for _, _, bits in parts)]).astype(np.int64),
    )


@inlined
def demap_64(y, inverse, points, exact, metric, llr):
    """LLRs of 64 symbols: y float32 [2, 64], inverse float32 [64], 1 / N0 -> llr float32 [m, 64].

    metric: float32 [points, 64], scratch.
    """
    nought = splat_f32(np.float32(0.0))
    for part in range(points.axis.size):
        begin, size = at(points.first, part), at(points.first, part + 1) - at(points.first, part)
        axis = at(points.axis, part)
        for i in range(size):
            s_re, s_im = splat_f32(at(points.re, begin + i)), splat_f32(at(points.im, begin + i))
            for q in range(0, 64, 16):
                if axis == BOTH:
                    d, e = load(y, q) - s_re, load(y, 64 + q) - s_im
                    distance = d * d + e * e
                else:
                    d = load(y, q) - s_re if axis == REAL else load(y, 64 + q) - s_im
                    distance = d * d
                store(metric, i * 64 + q, nought - distance * load(inverse, q))
        first_bit = at(points.first_bit, part)
        n_bits = at(points.first_bit, part + 1) - first_bit
        for b in range(n_bits):
            stride, to = 1 << (n_bits - 1 - b), at(points.bit, first_bit + b) * 64
            for q in range(0, 64, 16):
                zero, one = load(metric, q), load(metric, stride * 64 + q)
                for j in range(1, size >> 1):
                    i = (j & (stride - 1)) + (j >> (n_bits - 1 - b) << (n_bits - b))
                    zero = higher(zero, load(metric, i * 64 + q))
                    one = higher(one, load(metric, (i + stride) * 64 + q))
                value = zero - one
                if exact and size > 2:
                    zeros, ones = nought, nought
                    for j in range(size >> 1):
                        i = (j & (stride - 1)) + (j >> (n_bits - 1 - b) << (n_bits - b))
                        zeros = zeros + exp(load(metric, i * 64 + q) - zero)
                        ones = ones + exp(load(metric, (i + stride) * 64 + q) - one)
                    value = value + (log(zeros) - log(ones))
                store(llr, to + q, value)


@inlined
def map_64(coded, start, points, scratch, x):
    """64 symbols into x float32 [2, 64]; coded[start..]: uint64, the bits of their labels."""
    for q in range(0, 128, 16):
        store(x, q, splat_f32(np.float32(0.0)))
    for part in range(points.axis.size):
        begin, first_bit = at(points.first, part), at(points.first_bit, part)
        n_bits, axis = at(points.first_bit, part + 1) - first_bit, at(points.axis, part)
        for side in range(2):
            if axis & (side + 1):
                half = 1 << n_bits >> 1
                word = at(coded, start + at(points.bit, first_bit + n_bits - 1))
                for i in range(half):
                    even, odd = at(points.re, begin + 2 * i), at(points.re, begin + 2 * i + 1)
                    if side == 1:
                        even, odd = at(points.im, begin + 2 * i), at(points.im, begin + 2 * i + 1)
                    for q in range(0, 64, 16):
                        bit = np.uint16(word >> np.uint64(q))
                        store(scratch, i * 64 + q, where(bit, splat_f32(odd), splat_f32(even)))
                for b in range(n_bits - 2, -1, -1):
                    half >>= 1
                    word = at(coded, start + at(points.bit, first_bit + b))
                    for i in range(half):
                        for q in range(0, 64, 16):
                            even, odd = load(scratch, 128 * i + q), load(scratch, 128 * i + 64 + q)
                            store(scratch, i * 64 + q, where(np.uint16(word >> np.uint64(q)), odd, even))
                for q in range(0, 64, 16):
                    store(x, side * 64 + q, load(scratch, q))


@inlined
def steps_of(llr, steps):
    """rint(steps llr), halves to even, limited to +-127, in the low byte of each word."""
    scaled = higher(lower(llr * steps, splat_f32(np.float32(127.0))), splat_f32(np.float32(-127.0)))
    return bits_of(scaled + 12582912.0)  # 1.5 2^23: the last bits of the sum are the nearest integer


@compiled
def demap_all(y, noise_var, points, exact, llr):
    """LLRs of any number of symbols: y float32 [S, 2], noise_var float32 [S] -> llr float32 [S, m]."""
    symbols, m = llr.shape
    metric, some = np.empty(points.re.size * 64, np.float32), np.empty(m * 64, np.float32)
    parts, inverse = np.zeros(128, np.float32), np.ones(64, np.float32)
    for begin in range(0, symbols, 64):
        size = min(symbols - begin, 64)
        for i in range(size):
            put(parts, i, at(y, 2 * (begin + i)))
            put(parts, 64 + i, at(y, 2 * (begin + i) + 1))
            put(inverse, i, np.float32(1.0) / at(noise_var, begin + i))
        demap_64(parts, inverse, points, exact, metric, some)
        for b in range(m):
            for i in range(size):
                put(llr, (begin + i) * m + b, at(some, b * 64 + i))


@compiled
def map_all(bits, points, out):
    """Points complex64 [2^m] by label: bits uint8 [S, m] -> out complex64 [S]."""
    symbols, m = bits.shape
    for s in range(symbols):
        label = 0
        for b in range(m):
            label = 2 * label + bits[s, b]
        out[s] = points[label]
