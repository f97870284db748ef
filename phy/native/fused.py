"""The whole chain in lanes: 64 frames from their numbers to the decoder's words, and their errors counted.

The same numbers as the stages one after another at NumPy's borders: `phy.chain.count` may take either.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phy.native.compiling import compiled, inlined
from phy.native.demap import Points, demap_64, map_64, steps_of
from phy.native.encode import Encoding, encode_group
from phy.native.graph import LANES
from phy.native.lanes import aligned
from phy.native.random import MESSAGE, NOISE, normal, philox
from phy.native.vectors import (
    at,
    bits_of,
    doubles,
    float_of_bits,
    load,
    negative,
    put,
    singles,
    splat_f32,
    splat_u32,
    store,
    store_bytes,
)


class Route(NamedTuple):
    """How code bits ride on symbols and come back.

    place: int32 [uses m], of each bit on the symbols where it stands in words of doubled blocks; fill stands
        at a word that is always 0.  flip: uint64 [uses m], all ones where the bit is turned.
    back: int32 [uses m], of each LLR where it goes: its mother bit, or its code bit where bits repeat;
        -1 for fill.
    first, source: int64, for every mother bit the code bits it adds up, in order; empty where none repeat.
    sign: uint32 [uses m], the sign bit where the bit is turned.
    turn: uint8 [uses], quarter turns of each symbol.
    parts: of the noise that matter: 1, the real one, or 2.
    """

    place: NDArray[np.int32]
    flip: NDArray[np.uint64]
    back: NDArray[np.int32]
    first: NDArray[np.int64]
    source: NDArray[np.int64]
    sign: NDArray[np.uint32]
    turn: NDArray[np.uint8]
    parts: int


class Bench(NamedTuple):
    """Scratch memory of one group of frames: random words, code words, symbols, LLRs."""

    id_low: NDArray[np.uint32]
    id_high: NDArray[np.uint32]
    some: NDArray[np.uint32]
    words: NDArray[np.uint64]
    total: NDArray[np.uint64]
    coded: NDArray[np.uint64]
    x: NDArray[np.float32]
    inverse: NDArray[np.float32]
    metric: NDArray[np.float32]
    llr: NDArray[np.float32]
    noise: NDArray[np.float32]
    soft: NDArray[np.float32]


def bench(encoding: Encoding, route: Route, points: Points) -> Bench:
    """Memory for a code and a constellation."""
    bits = route.place.size
    sizes = (
        *((LANES, np.uint32),) * 3,
        *((size, np.uint64) for size in (encoding.size, encoding.z + 8, bits)),
        *((size * LANES, np.float32) for size in (2, 1, points.re.size)),
        *((size * LANES, np.float32) for size in (bits // route.turn.size, 8, route.source.size)),
    )
    return Bench(*(aligned(size, dtype) for size, dtype in sizes))


class Air(NamedTuple):
    """The channel: n0; or fades that stay for `uses` symbols, [G, blocks, 64], where there are any.

    deviation: float32, sqrt(N0).  noise_var: float32, N0, or [G, blocks, 64] with fades: N0 / |h|^2.
    re, im, gain: float64 [G, blocks, 64], h and |h|^2.
    """

    deviation: np.float32
    uses: int
    noise_var: NDArray[np.float32]
    re: NDArray[np.float64]
    im: NDArray[np.float64]
    gain: NDArray[np.float64]


@inlined
def draw_messages(message, start, k, id_low, id_high, some, k0, k1):
    """Random bits of 64 frames: message uint64 [..] from `start` on, a bit a frame."""
    for begin in range(0, k, 128):
        index = splat_u32(np.uint32(begin >> 7))
        for q in range(0, 64, 16):
            words = philox(index, np.uint64(MESSAGE), load(id_low, q), load(id_high, q), k0, k1)
            store(some, 0, words[0])
            store(some, 16, words[1])
            store(some, 32, words[2])
            store(some, 48, words[3])
            for j in range(begin, min(begin + 128, k)):
                word = load(some, (j - begin) >> 5 << 4)
                mask = np.uint64(negative(word << np.uint32(31 - (j & 31)))) << np.uint64(q)
                put(message, start + j, mask if q == 0 else at(message, start + j) | mask)


@inlined
def draw_noise(noise, s, parts, id_low, id_high, some, k0, k1):
    """Noise of symbols s to s + 3 of 64 frames: float32 [4, 2, 64], with or without imaginary parts."""
    for part in range(parts):
        index = splat_u32(np.uint32((s >> 1) + part))
        for q in range(0, 64, 16):
            w = philox(index, np.uint64(NOISE), load(id_low, q), load(id_high, q), k0, k1)
            store(some, 0, w[0])
            store(some, 16, w[1])
            store(some, 32, w[2])
            store(some, 48, w[3])
            for i in range(2):
                first, second = normal(load(some, i * 32), load(some, i * 32 + 16))
                store(noise, i * 256 + part * 64 + q, first)
                store(noise, i * 256 + 128 + part * 64 + q, second)


@inlined
def faded(x, n, h_re, h_im, gain, half):
    """x^ = h* (h x + n) / |h|^2 in float64, 8 lanes: real and imaginary part."""
    x_re, x_im = doubles(x[0], half), doubles(x[1], half)
    y_re = h_re * x_re - h_im * x_im + doubles(n[0], half)
    y_im = h_re * x_im + h_im * x_re + doubles(n[1], half)
    return (h_re * y_re + h_im * y_im) / gain, (h_re * y_im - h_im * y_re) / gain


@inlined
def receive(x, noise, from_, quarters, air, place, inverse):
    """x^ of 64 symbols in place of x float32 [2, 64], and 1 / its variance; `phy.air.pass_through`, h known.

    noise: float32, real parts at `from_`, imaginary ones 64 on. place: where the fades of these symbols are.
    """
    one, deviation = splat_f32(np.float32(1.0)), splat_f32(air.deviation)
    for q in range(0, 64, 16):
        n_re, n_im = turned(load(noise, from_ + q), load(noise, from_ + 64 + q), quarters)
        n_re, n_im = n_re * deviation, n_im * deviation
        if air.gain.size == 0:
            store(x, q, load(x, q) + n_re)
            store(x, 64 + q, load(x, 64 + q) + n_im)
            store(inverse, q, one / splat_f32(at(air.noise_var, 0)))
        else:
            i, x_q, n_q = place + q, (load(x, q), load(x, 64 + q)), (n_re, n_im)
            low = faded(x_q, n_q, load(air.re, i), load(air.im, i), load(air.gain, i), 0)
            i += 8
            high = faded(x_q, n_q, load(air.re, i), load(air.im, i), load(air.gain, i), 1)
            store(x, q, singles(low[0], high[0]))
            store(x, 64 + q, singles(low[1], high[1]))
            store(inverse, q, one / load(air.noise_var, place + q))


@inlined
def turned(re, im, quarters):
    """n e^(-j pi quarters / 2): what the turn of the symbol does to its noise once it is undone."""
    re, im = bits_of(re), bits_of(im)
    if quarters & 1:
        re, im = im, re ^ np.uint32(0x80000000)
    minus = np.uint32(quarters & 2) << np.uint32(30)
    return float_of_bits(re ^ minus), float_of_bits(im ^ minus)


@inlined
def send_symbol(coded, s, noise, from_, place, air, points, exact, route, steps, work, channel, start, soft):
    """64 symbols over the air, and their LLRs to where they go: words into channel[start..], or `soft`."""
    x, inverse, scratch, llr = work
    m = route.place.size // route.turn.size
    map_64(coded, s * m, points, scratch, x)
    receive(x, noise, from_, at(route.turn, s), air, place, inverse)
    demap_64(x, inverse, points, exact, scratch, llr)
    for b in range(m):
        to = np.int64(at(route.back, s * m + b))
        if to >= 0:
            sign = splat_u32(at(route.sign, s * m + b))
            for q in range(0, 64, 16):
                value = float_of_bits(bits_of(load(llr, b * 64 + q)) ^ sign)
                if route.first.size == 0:
                    store_bytes(channel, start + to * 64 + q, steps_of(value, steps))
                else:
                    store(soft, to * 64 + q, value)


@inlined
def add_repeats(soft, route, steps, out, start):
    """Words of mother bits, each the sum of its repeats."""
    for v in range(route.first.size - 1):
        if at(route.first, v) < at(route.first, v + 1):
            for q in range(0, 64, 16):
                total = splat_f32(np.float32(0.0))
                for i in range(at(route.first, v), at(route.first, v + 1)):
                    total = total + load(soft, at(route.source, i) * 64 + q)
                store_bytes(out, start + v * 64 + q, steps_of(total, steps))


@compiled
def make_groups(ids, key, encoding, route, points, exact, air, steps, bench, message, channel):
    """Frames int64 [G, 64] -> message uint64 [G, k] and channel int8 [G, N 64], words of the decoder.

    steps: float32, per unit of LLR. bench: what `bench` gives. Words of mother bits that are not sent are
    left as they are.
    """
    k = message.shape[1]
    id_low, id_high, some, words, total, coded, x, inverse, metric, llr, noise, soft = bench
    work = (x, inverse, metric, llr)
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    for g in range(ids.shape[0]):
        for lane in range(64):
            id_low[lane] = np.uint32(ids[g, lane] & 0xFFFFFFFF)
            id_high[lane] = np.uint32((ids[g, lane] >> 32) & 0xFFFFFFFF)
        draw_messages(message, g * k, k, id_low, id_high, some, k0, k1)
        encode_group(message, g * k, words, total, encoding)
        for j in range(coded.size):
            put(coded, j, at(words, at(route.place, j)) ^ at(route.flip, j))
        for s in range(0, route.turn.size, 4):
            draw_noise(noise, s, route.parts, id_low, id_high, some, k0, k1)
            for i in range(min(4, route.turn.size - s)):
                place = (g * air.gain.shape[1] + (s + i) // air.uses) * 64
                send_symbol(
                    coded,
                    s + i,
                    noise,
                    i * 128,
                    place,
                    air,
                    points,
                    exact,
                    route,
                    steps,
                    work,
                    channel,
                    g * channel.shape[1],
                    soft,
                )
        add_repeats(soft, route, steps, channel, g * channel.shape[1])


@compiled
def count_errors(message, hard, info, errors):
    """Wrong information bits of every frame, errors int64 [G, 64]; message uint64 [G, k], hard [G, N]."""
    for g in range(message.shape[0]):
        wrong = np.uint64(0)
        for j in range(info.size):
            wrong |= message[g, j] ^ hard[g, info[j]]
        for lane in range(64):
            errors[g, lane] = 0
            if (wrong >> np.uint64(lane)) & np.uint64(1):
                for j in range(info.size):
                    errors[g, lane] += np.int64(
                        ((message[g, j] ^ hard[g, info[j]]) >> np.uint64(lane)) & np.uint64(1)
                    )
