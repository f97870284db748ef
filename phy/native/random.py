"""Random bits and normals of frames: Philox4x32-10, counter based, so that any number can be had alone.

Philox (Salmon, Moraes, Dror and Shaw, SC 2011, section 3.3) turns a counter of four 32-bit words and a key of
two into four random words. Here the key is the seed's; the counter is (index, purpose, id mod 2^32, id
div 2^32). Message: bit j of a frame is bit j mod 32 of word j div 32 mod 4 at index j div 128. Noise: real
parts of symbols 4i to 4i + 3 come from index 2i, their imaginary parts from 2i + 1, two and two after Box and
Muller (1958): sqrt(-log u) (cos 2 pi v, sin 2 pi v) of words 0, 1 and of words 2, 3, each of variance 1/2.
u = (word + 1/2) / 2^32 is in (0, 1], so that a part reaches 4.76, 6.7 standard deviations.
"""

import numpy as np

from phy.native.compiling import compiled, inlined, shared
from phy.native.elementary import direction, log
from phy.native.vectors import (
    float_of_bits,
    float_of_unsigned,
    load,
    pairs_of,
    splat_f32,
    splat_u32,
    splat_u64,
    square_root,
    store,
    upper,
    words_of,
    zip_high,
    zip_low,
)

MESSAGE, NOISE = 1, 2
"""Purposes: the second word of the counter."""

LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


@shared
def rounds(c0, c1, c2, c3, k0, k1):
    """Ten rounds on 8 counters: words in the lower halves of uint64 lanes, in and out (the rest is
    undefined).
    """
    for _ in range(10):
        p0 = (c0 & LOW) * np.uint64(0xD2511F53)
        p1 = (c2 & LOW) * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = upper(p1) ^ c1 ^ splat_u64(k0), p1, upper(p0) ^ c3 ^ splat_u64(k1), p0
        k0 = (k0 + np.uint64(0x9E3779B9)) & LOW
        k1 = (k1 + np.uint64(0xBB67AE85)) & LOW
    return c0, c1, c2, c3


@shared
def philox(index, purpose, id_low, id_high, k0, k1):
    """Four uint32 vectors: the words of 16 counters whose index and id are uint32 vectors."""
    index, low, high = pairs_of(index), pairs_of(id_low), pairs_of(id_high)
    c1 = splat_u64(purpose)
    a = rounds(index, c1, low, high, k0, k1)
    b = rounds(index >> HALF, c1, low >> HALF, high >> HALF, k0, k1)
    return (
        words_of((a[0] & LOW) | (b[0] << HALF)),
        words_of((a[1] & LOW) | (b[1] << HALF)),
        words_of((a[2] & LOW) | (b[2] << HALF)),
        words_of((a[3] & LOW) | (b[3] << HALF)),
    )


@inlined
def radius(word):
    """sqrt(-log u) of 16 words."""
    u = (float_of_unsigned(word) + 0.5) * 2.3283064365386963e-10
    return square_root(splat_f32(0.0) - log(u))


@shared
def normal(first, second):
    """Two vectors of 16 independent normals of variance 1/2, of two words each."""
    r = radius(first)
    cosine, sine = direction(second)
    return r * cosine, r * sine


@compiled
def philox_rows(counters, key, out):
    """Words of any counters: uint32 [R, 4], one at a time -> out uint32 [R, 4]. To be tested, not to be
    fast.
    """
    some = np.empty(16, np.uint32)
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    for r in range(len(counters)):
        index, low, high = splat_u32(counters[r, 0]), splat_u32(counters[r, 2]), splat_u32(counters[r, 3])
        words = philox(index, np.uint64(counters[r, 1]), low, high, k0, k1)
        store(some, 0, zip_low(zip_low(words[0], words[2]), zip_low(words[1], words[3])))
        for i in range(4):
            out[r, i] = some[i]


@compiled
def noise_rows(ids, key, out):
    """CN(0, 1) of frames: ids int64 [B] -> out float32 [B, n, 2], 16 indices side by side."""
    n = out.shape[1]
    lanes, some = np.arange(16).astype(np.uint32), np.empty(64, np.float32)
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    for row in range(ids.size):
        low = splat_u32(np.uint32(ids[row] & 0xFFFFFFFF))
        high = splat_u32(np.uint32((ids[row] >> 32) & 0xFFFFFFFF))
        for begin in range(0, n, 32):
            index = load(lanes, 0) + splat_u32(np.uint32(begin >> 1))
            w0, w1, w2, w3 = philox(index, np.uint64(NOISE), low, high, k0, k1)
            a, b = normal(w0, w1)
            c, d = normal(w2, w3)
            a, b, c, d = pairs_of(a), pairs_of(b), pairs_of(c), pairs_of(d)  # (real, imaginary)
            front, back = zip_low(a, c), zip_high(a, c)
            front_2, back_2 = zip_low(b, d), zip_high(b, d)
            at = (row * n + begin) * 2
            if n - begin >= 32:
                store(out, at, float_of_bits(words_of(zip_low(front, front_2))))
                store(out, at + 16, float_of_bits(words_of(zip_high(front, front_2))))
                store(out, at + 32, float_of_bits(words_of(zip_low(back, back_2))))
                store(out, at + 48, float_of_bits(words_of(zip_high(back, back_2))))
            else:
                store(some, 0, float_of_bits(words_of(zip_low(front, front_2))))
                store(some, 16, float_of_bits(words_of(zip_high(front, front_2))))
                store(some, 32, float_of_bits(words_of(zip_low(back, back_2))))
                store(some, 48, float_of_bits(words_of(zip_high(back, back_2))))
                for i in range((n - begin) * 2):
                    out[row, begin + (i >> 1), i & 1] = some[i]


@compiled
def message_rows(ids, key, out):
    """Random bits of frames: ids int64 [B] -> out uint8 [B, k], 16 indices side by side."""
    k = out.shape[1]
    lanes, some = np.arange(16).astype(np.uint32), np.empty(64, np.uint32)
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    for row in range(ids.size):
        low = splat_u32(np.uint32(ids[row] & 0xFFFFFFFF))
        high = splat_u32(np.uint32((ids[row] >> 32) & 0xFFFFFFFF))
        for begin in range(0, k, 2048):
            index = load(lanes, 0) + splat_u32(np.uint32(begin >> 7))
            w0, w1, w2, w3 = philox(index, np.uint64(MESSAGE), low, high, k0, k1)
            store(some, 0, w0)
            store(some, 16, w1)
            store(some, 32, w2)
            store(some, 48, w3)
            for j in range(min(k - begin, 2048)):
                word = some[((j >> 5) & 3) * 16 + (j >> 7)]
                out[row, begin + j] = (word >> np.uint32(j & 31)) & np.uint32(1)
