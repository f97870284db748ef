"""Layered min-sum in int8, 64 codewords in the lanes of one vector: `phy.fec.decoder`'s quantised arithmetic.

posterior: int8 [N 64], bit v of 64 words at 64 v, in steps.  words: uint64 [N], a bit for each of 64 lanes.
rule: int64 [3], offset in steps, scale in sixteenths, limit of the messages in steps.
"""

import numpy as np

from phy.native.check import UNROLLED, scaled, unrolled_check
from phy.native.compiling import compiled, inlined
from phy.native.vectors import (
    any_of,
    at,
    least,
    less_or_zero,
    load,
    magnitude,
    most,
    negative,
    put,
    same,
    saturating_add,
    saturating_sub,
    splat_i8,
    splat_u32,
    splat_u64,
    store,
    where,
    with_sign,
)

NONE, ONE, ALL = np.uint64(0), np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)


@inlined
def check(posterior, messages, column, begin, end, fresh, rule):
    """One check of any degree: t = P - r on every edge, r = f(t), P = t + r; fresh: all r are still 0."""
    signs, first, second, full = splat_i8(0), splat_i8(-1), splat_i8(-1), splat_i8(127)  # -1: 255 unsigned
    for e in range(begin, end):
        if fresh:
            store(messages, e * 64, splat_i8(0))
        t = saturating_sub(load(posterior, at(column, e)), load(messages, e * 64))
        signs, size = signs ^ t, magnitude(t)
        second = least(second, most(first, size))
        first = least(first, size)
    offset, limit = splat_i8(np.int8(rule[0])), splat_i8(np.int8(rule[2]))
    among = scaled(less_or_zero(least(first, full), offset), rule[1])
    alone = second if end - begin == 1 else least(second, full)
    alone = scaled(less_or_zero(alone, offset), rule[1])
    among, alone = least(among, limit), least(alone, limit)
    for e in range(begin, end):
        t = saturating_sub(load(posterior, at(column, e)), load(messages, e * 64))
        r = with_sign(signs ^ t, where(same(magnitude(t), first), alone, among))
        store(messages, e * 64, r)
        store(posterior, at(column, e), saturating_add(t, r))


@inlined
def iterate(posterior, messages, graph, fresh, rule):
    """All checks, one after another."""
    first, column = graph.first, graph.column
    offset, limit = splat_i8(np.int8(rule[0])), splat_i8(np.int8(rule[2]))
    for c in range(first.size - 1):
        begin, end = at(first, c), at(first, c + 1)
        if end - begin <= UNROLLED and rule[1] == 16:
            unrolled_check(posterior, messages, column, begin, end - begin, fresh, offset, limit)
        else:
            check(posterior, messages, column, begin, end, fresh, rule)


@inlined
def decide(words, posterior, z):
    """Decisions, 1 where the posterior is below 0: words uint64 [N / z, 2, z], every z of them twice over."""
    for block in range(posterior.size // (64 * z)):
        for j in range(block * z, block * z + z):
            word = negative(load(posterior, j * 64))
            put(words, block * z + j, word)
            put(words, block * z + j + z, word)


@inlined
def unsatisfied(words, circulant, start, z):
    """The lanes with any check of odd parity, eight checks of a block row at a time."""
    odd = splat_u64(NONE)
    for row in range(circulant.size - 1):
        for r in range(0, z, 8):
            parity = splat_u64(NONE)
            for i in range(at(circulant, row), at(circulant, row + 1)):
                parity = parity ^ load(words, at(start, i) + r)
            if z - r < 8:
                parity = where(np.uint8((1 << (z - r)) - 1), parity, splat_u64(NONE))
            odd = odd | parity
    return any_of(odd)


@inlined
def keep(hard, words, done, lanes, iterations, z):
    """Those lanes end now: decisions go into hard uint64 [N], iterations into done uint32 [64]."""
    for block in range(hard.size // z):
        for j in range(block * z, block * z + z):
            put(hard, j, (at(hard, j) & ~lanes) | (at(words, block * z + j) & lanes))
    now = splat_u32(np.uint32(iterations))
    for lane in range(0, 64, 16):
        some = np.uint16(lanes >> np.uint64(lane))
        store(done, lane, where(some, now, load(done, lane)))


@inlined
def decode_group(posterior, scratch, graph, hard, done, rule, limit, early):
    """Decode 64 words in place: decisions into `hard`, iterations into `done`; returns unsatisfied lanes.

    A lane that satisfies all checks keeps the decisions it has then, whatever the others still need.
    """
    messages, words = scratch
    active = ALL
    for it in range(max(limit, 1)):
        if limit > 0:
            iterate(posterior, messages, graph, it == 0, rule)
        last = it + 1 >= limit
        if early or last:
            decide(words, posterior, graph.z)
            odd = unsatisfied(words, graph.circulant, graph.start, graph.z) & active if early else active
            over = active if last else active & ~odd
            if over != NONE:
                keep(hard, words, done, over, min(it + 1, limit), graph.z)
            active = odd
            if active == NONE:
                break
    return active


@inlined
def regroup(channel, n, frames, posterior):
    """Words `frames` (64 g + lane each, at most 64) of channel into the first lanes, the others sure of 0."""
    for j in range(n):
        store(posterior, j * 64, splat_i8(127))
    for j in range(0, n * 64, 64):
        for lane in range(frames.size):
            frame = at(frames, lane)
            put(posterior, j + lane, at(channel, (frame >> 6) * n * 64 + (frame & 63) + j))


@inlined
def ungroup(hard, done, frames, hard_all, done_all):
    """The inverse for decisions and iterations."""
    n = hard.size
    for lane in range(frames.size):
        frame = at(frames, lane)
        place, from_, to = (frame >> 6) * n, np.uint64(lane), np.uint64(frame & 63)
        put(done_all, frame, at(done, lane))
        for j in range(n):
            bit = (at(hard, j) >> from_) & ONE
            put(hard_all, place + j, (at(hard_all, place + j) & ~(ONE << to)) | (bit << to))


@compiled
def decode_groups(channel, posterior, scratch, graph, hard, done, rule, limits, early):
    """Decode groups of 64 words, in passes: those without an end after one begin anew, together, in the next.

    channel: int8 [G, N 64].  posterior: int8 [N 64], scratch (messages int8 [edges 64], words uint64
    [2 N + 8]): written over.  limits: int64 [passes], most iterations, rising.
    Gives hard uint64 [G, N] and done uint32 [G, 64], the same for any passes with the same last limit.
    """
    n = hard.shape[1]
    waiting, frames = channel.shape[0] * 64, np.arange(channel.shape[0] * 64)
    some_hard, some_done = np.empty(n, np.uint64), np.empty(64, np.uint32)
    for p in range(limits.size):
        left = 0
        for begin in range(0, waiting, 64):
            some = frames[begin : min(begin + 64, waiting)]
            whole = some.size == 64 and some[0] & 63 == 0 and some[63] == some[0] + 63
            if whole:
                for j in range(0, n * 64, 64):
                    store(posterior, j, load(channel, some[0] * n + j))
            else:
                regroup(channel, n, some, posterior)
            open_ = decode_group(posterior, scratch, graph, some_hard, some_done, rule, limits[p], early)
            if whole:
                for j in range(n):
                    put(hard, (some[0] >> 6) * n + j, at(some_hard, j))
                for lane in range(0, 64, 16):
                    store(done, some[0] + lane, load(some_done, lane))
            else:
                ungroup(some_hard, some_done, some, hard, done)
            for lane in range(some.size):
                if (open_ >> np.uint64(lane)) & ONE:
                    frames[left] = some[lane]
                    left += 1
        waiting = left
