"""Message passing in float32, 16 codewords in the lanes of one vector: `phy.fec.decoder`'s definitions.

Sum-product in the domain u = e^-|LLR|, where a box-plus is rational and nothing is approximated:
u = (u_a + u_b) / (1 + u_a u_b), since tanh(|LLR| / 2) = (1 - u) / (1 + u). Fractions are kept apart, as
numerator and denominator: sums of positive products, which cannot cancel, divided once a message.

posterior, sums, channel: float32 [N 16], bit v of 16 words at 16 v.
messages: float32 [edges 16], from checks.
rule: float32 [2], offset and scale of the min-sum family.
"""

import numpy as np

from phy.native.compiling import compiled, inlined
from phy.native.elementary import exp, log
from phy.native.minsum import unsatisfied
from phy.native.vectors import (
    absolute,
    at,
    below,
    bits_of,
    float_of_bits,
    higher,
    load,
    lower,
    put,
    splat_f32,
    splat_u32,
    store,
    where,
)

SIGN = np.uint32(0x80000000)
FAR = np.float32(3.0e38)
RENEW = 32
"""Edges after which a fraction is divided out: its denominator at most doubles with every one."""


@inlined
def without(posterior, messages, column, begin, size, t):
    """t = P - r on every edge of a check, float32 [size, 16]; returns the XOR of their signs."""
    signs = splat_u32(0)
    for i in range(size):
        rest = load(posterior, at(column, begin + i) >> 2) - load(messages, (begin + i) * 16)
        store(t, i * 16, rest)
        signs = signs ^ bits_of(rest)
    return signs


@inlined
def min_sum(t, size, clip, rule, out):
    """Magnitudes of the messages, float32 [size, 16]: the least of the others', scaled, less the offset."""
    first, second, nought = splat_f32(FAR), splat_f32(FAR), splat_f32(np.float32(0.0))
    for i in range(size):
        a = lower(absolute(load(t, i * 16)), splat_f32(clip))
        second = lower(second, higher(first, a))
        first = lower(first, a)
    among = higher(first - splat_f32(rule[0]), nought) * splat_f32(rule[1])
    alone = higher(second - splat_f32(rule[0]), nought) * splat_f32(rule[1])
    among, alone = lower(among, splat_f32(clip)), lower(alone, splat_f32(clip))
    for i in range(size):
        a = lower(absolute(load(t, i * 16)), splat_f32(clip))
        store(out, i * 16, where(below(first, a), among, alone))


@inlined
def sum_product(t, size, clip, out, before):
    """Magnitudes of the messages, float32 [size, 16]; before: float32 [2 size, 16], scratch."""
    one, least = splat_f32(np.float32(1.0)), splat_f32(np.float32(1e-37))
    above, under = splat_f32(np.float32(0.0)), one
    for i in range(size):
        store(before, i * 32, above)
        store(before, i * 32 + 16, under)
        u = exp(splat_f32(np.float32(0.0)) - lower(absolute(load(t, i * 16)), splat_f32(clip)))
        store(out, i * 16, u)
        above, under = above + u * under, under + u * above
        if i % RENEW == RENEW - 1:
            above, under = above / under, one
    above, under = splat_f32(np.float32(0.0)), one
    for i in range(size - 1, -1, -1):
        u, other_above, other_under = load(out, i * 16), load(before, i * 32), load(before, i * 32 + 16)
        numerator = other_above * under + above * other_under
        denominator = other_under * under + other_above * above
        message = splat_f32(np.float32(0.0)) - log(higher(numerator / denominator, least))
        store(out, i * 16, higher(lower(message, splat_f32(clip)), splat_f32(np.float32(0.0))))
        above, under = above + u * under, under + u * above
        if i % RENEW == 0:
            above, under = above / under, one


@inlined
def iterate(posterior, sums, messages, graph, layered, exact, clip, rule, scratch):
    """All checks; layered: posteriors change at once, else the new messages are added to `sums`."""
    t, out, before = scratch
    for c in range(graph.first.size - 1):
        begin = at(graph.first, c)
        size = at(graph.first, c + 1) - begin
        signs = without(posterior, messages, graph.column, begin, size, t)
        if exact:
            sum_product(t, size, clip, out, before)
        else:
            min_sum(t, size, clip, rule, out)
        for i in range(size):
            rest = load(t, i * 16)
            r = float_of_bits(bits_of(load(out, i * 16)) ^ ((signs ^ bits_of(rest)) & SIGN))
            store(messages, (begin + i) * 16, r)
            bit = at(graph.column, begin + i) >> 2
            if layered:
                store(posterior, bit, rest + r)
            else:
                store(sums, bit, load(sums, bit) + r)


@inlined
def decide(words, posterior, z):
    """Decisions, 1 where the posterior is below 0: words uint64 [N / z, 2, z], every z of them twice over."""
    nought = splat_f32(np.float32(0.0))
    for block in range(posterior.size // (16 * z)):
        for j in range(block * z, block * z + z):
            word = np.uint64(below(load(posterior, j * 16), nought))
            put(words, block * z + j, word)
            put(words, block * z + j + z, word)


@compiled
def decode_soft(llr, space, graph, layered, exact, clip, rule, limit, early, out, done):
    """Decode words float32 [B, N] -> LLRs out float32 [B, N] at the iteration done int64 [B] that each
    stopped at.

    clip: of channel, messages and outputs.  limit: most iterations.  space: posterior, sums, channel,
    messages, words, t, magnitudes, fractions; written over.
    """
    posterior, sums, channel, messages, words, t, sizes, before = space
    n = llr.shape[1]
    for start in range(0, len(llr), 16):
        lanes = min(len(llr) - start, 16)
        for lane in range(16):
            for j in range(n):
                value = at(llr, (start + lane) * n + j) if lane < lanes else np.float32(1.0)
                put(channel, j * 16 + lane, min(max(value, -clip), clip))
        for j in range(0, n * 16, 16):
            store(posterior, j, load(channel, j))
            store(sums, j, load(channel, j))
        for j in range(0, messages.size, 16):
            store(messages, j, splat_f32(np.float32(0.0)))
        active = np.uint64((1 << lanes) - 1)
        for it in range(max(limit, 1)):
            if limit > 0:
                iterate(posterior, sums, messages, graph, layered, exact, clip, rule, (t, sizes, before))
            if not layered and limit > 0:
                for j in range(0, n * 16, 16):
                    store(posterior, j, load(sums, j))
                    store(sums, j, load(channel, j))
            over, last = active, it + 1 >= limit
            if early and not last:
                decide(words, posterior, graph.z)
                over = active & ~unsatisfied(words, graph.circulant, graph.start, graph.z)
            if over != np.uint64(0) and (early or last):
                for lane in range(lanes):
                    if (over >> np.uint64(lane)) & np.uint64(1):
                        done[start + lane] = min(it + 1, limit)
                        for j in range(n):
                            value = at(posterior, j * 16 + lane)
                            put(out, (start + lane) * n + j, min(max(value, -clip), clip))
                active = active & ~over
            if active == np.uint64(0):
                break
