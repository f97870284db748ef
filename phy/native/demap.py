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
    splat_f32,
    store,
    unzip_even,
    unzip_odd,
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
def demap_16(re, im, inverse, points, exact, metric, llr):
    """LLRs float32 [m 16] of 16 symbols, inverse being 1 / N0; metric: float32 [points 16], scratch."""
    lowest = splat_f32(np.float32(-3.0e38))
    for part in range(points.axis.size):
        begin, size = at(points.first, part), at(points.first, part + 1) - at(points.first, part)
        axis = at(points.axis, part)
        for i in range(size):
            d = re - splat_f32(at(points.re, begin + i))
            if axis == REAL:
                distance = d * d
            else:
                e = im - splat_f32(at(points.im, begin + i))
                distance = e * e if axis == IMAGINARY else d * d + e * e
            store(metric, i * 16, lowest * 0.0 - distance * inverse)
        first_bit = at(points.first_bit, part)
        n_bits = at(points.first_bit, part + 1) - first_bit
        for b in range(n_bits):
            stride = 1 << (n_bits - 1 - b)
            zero, one = lowest, lowest
            for high in range(0, size, 2 * stride):
                for i in range(high, high + stride):
                    zero = higher(zero, load(metric, i * 16))
                    one = higher(one, load(metric, (i + stride) * 16))
            value = zero - one
            if exact and size > 2:
                zeros, ones = splat_f32(np.float32(0.0)), splat_f32(np.float32(0.0))
                for high in range(0, size, 2 * stride):
                    for i in range(high, high + stride):
                        zeros = zeros + exp(load(metric, i * 16) - zero)
                        ones = ones + exp(load(metric, (i + stride) * 16) - one)
                value = value + (log(zeros) - log(ones))
            store(llr, at(points.bit, first_bit + b) * 16, value)


@inlined
def choose_16(masks, points, which, begin, first_bit, n_bits, scratch):
    """16 values of `which` (points.re or im) of one part; masks: uint16 [m], bit by bit of the label."""
    half = 1 << n_bits >> 1
    bit = at(masks, at(points.bit, first_bit + n_bits - 1))
    for i in range(half):
        odd, even = splat_f32(at(which, begin + 2 * i + 1)), splat_f32(at(which, begin + 2 * i))
        store(scratch, i * 16, where(bit, odd, even))
    for b in range(n_bits - 2, -1, -1):
        half >>= 1
        bit = at(masks, at(points.bit, first_bit + b))
        for i in range(half):
            even, odd = load(scratch, 2 * i * 16), load(scratch, (2 * i + 1) * 16)
            store(scratch, i * 16, where(bit, odd, even))
    return load(scratch, 0)


@inlined
def map_16(masks, points, scratch):
    """Real and imaginary parts of 16 symbols."""
    re, im = splat_f32(np.float32(0.0)), splat_f32(np.float32(0.0))
    for part in range(points.axis.size):
        begin, first_bit = at(points.first, part), at(points.first_bit, part)
        n_bits, axis = at(points.first_bit, part + 1) - first_bit, at(points.axis, part)
        if axis & REAL:
            re = choose_16(masks, points, points.re, begin, first_bit, n_bits, scratch)
        if axis & IMAGINARY:
            im = choose_16(masks, points, points.im, begin, first_bit, n_bits, scratch)
    return re, im


@inlined
def steps_of(llr, steps):
    """LLRs in quantisation steps: rint(steps llr), halves to even, limited to +-127; words whose low byte counts."""
    scaled = higher(lower(llr * steps, splat_f32(np.float32(127.0))), splat_f32(np.float32(-127.0)))
    return bits_of(scaled + 12582912.0)  # 1.5 2^23: the last bits of the sum are the nearest integer


@compiled
def demap_all(y, noise_var, points, exact, llr):
    """LLRs of any number of symbols: y float32 [S, 2], noise_var float32 [S] -> llr float32 [S, m]."""
    symbols, m = llr.shape
    metric, some = np.empty(points.re.size * 16, np.float32), np.empty(m * 16, np.float32)
    last_y, last_noise = np.zeros(32, np.float32), np.ones(16, np.float32)
    for begin in range(0, symbols, 16):
        size = min(symbols - begin, 16)
        if size == 16:
            low, high = load(y, begin * 2), load(y, begin * 2 + 16)
            noise = load(noise_var, begin)
        else:
            for i in range(size):
                last_y[2 * i], last_y[2 * i + 1] = y[begin + i, 0], y[begin + i, 1]
                last_noise[i] = noise_var[begin + i]
            low, high, noise = load(last_y, 0), load(last_y, 16), load(last_noise, 0)
        re, im = unzip_even(low, high), unzip_odd(low, high)
        demap_16(re, im, splat_f32(np.float32(1.0)) / noise, points, exact, metric, some)
        for i in range(size):
            for b in range(m):
                put_llr = at(some, b * 16 + i)
                llr[begin + i, b] = put_llr


@compiled
def map_all(bits, points, out):
    """Points complex64 [2^m] by label: bits uint8 [S, m] -> out complex64 [S]."""
    symbols, m = bits.shape
    for s in range(symbols):
        label = 0
        for b in range(m):
            label = 2 * label + bits[s, b]
        out[s] = points[label]
