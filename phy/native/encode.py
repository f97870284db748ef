"""Encoding 64 frames at a time: a word of 64 bits holds one bit of each, and parities are XORs of words."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phy.fec.code import GraphCode
from phy.native.compiling import compiled, inlined
from phy.native.vectors import at, load, put, splat_u64, store

MOST_GENERATOR = 1 << 25
"""Entries of the largest generator matrix that is worked with; codes beyond encode by themselves."""


class Encoding(NamedTuple):
    """Mother words step by step; every block of z words is written twice, so that no sum wraps round.

    size: of the array of words, 2 N and 8 that are always 0.
    info: int64 [k], where the information bits stand in the mother word.
    steps: int32 [S, 2], block that a step gives, and the shift at which its sum stands in it.
    first: int64 [S + 1], the first term of every step.  start: int32 [terms], where a term begins.
    """

    z: int
    size: int
    info: NDArray[np.int64]
    steps: NDArray[np.int32]
    first: NDArray[np.int64]
    start: NDArray[np.int32]


@inlined
def run_steps(words, total, encoding):
    """Fill in what follows from the information: words as `Encoding` has them; total: uint64 [z + 8]."""
    z = encoding.z
    for step in range(len(encoding.steps)):
        for r in range(0, z, 8):
            some = splat_u64(np.uint64(0))
            for i in range(at(encoding.first, step), at(encoding.first, step + 1)):
                some = some ^ load(words, at(encoding.start, i) + r)
            store(total, r, some)
        begin, shift = np.int64(encoding.steps[step, 0]) * 2 * z, np.int64(encoding.steps[step, 1])
        for r in range(z):
            place = r + shift if r + shift < z else r + shift - z
            put(words, begin + place, at(total, r))
            put(words, begin + place + z, at(total, r))


@inlined
def doubled(bit, z):
    """Where bit `bit` of the mother word stands first in words of doubled blocks."""
    return bit // z * 2 * z + bit % z


@inlined
def encode_group(message, start, words, total, encoding):
    """Mother words of message[start..], uint64, a bit a frame, into words of doubled blocks."""
    z = encoding.z
    for j in range(encoding.size):
        put(words, j, np.uint64(0))
    for j in range(encoding.info.size):
        place = doubled(encoding.info[j], z)
        put(words, place, at(message, start + j))
        put(words, place + z, at(message, start + j))
    run_steps(words, total, encoding)


@inlined
def pack(bits, begin, end, words):
    """words uint64 [n]: row begin + f of bits uint8 [B, n] in bit f."""
    n = words.size
    for j in range(n):
        put(words, j, np.uint64(0))
    for row in range(begin, end):
        shift = np.uint64(row - begin)
        for j in range(n):
            put(words, j, at(words, j) | (np.uint64(at(bits, row * n + j)) << shift))


@inlined
def unpack(words, begin, end, bits):
    """The inverse: row begin + f of bits uint8 [B, n] from bit f of words uint64 [n]."""
    n = words.size
    for row in range(begin, end):
        shift = np.uint64(row - begin)
        for j in range(n):
            put(bits, row * n + j, np.uint8((at(words, j) >> shift) & np.uint64(1)))


@compiled
def encode_rows(bits, encoding, sent, turned, out):
    """Sent bits of uint8 [B, k] -> out uint8 [B, n]; sent: int64 [n] mother bits, turned: uint8 [n]."""
    rows, n = out.shape
    words = np.zeros(encoding.size, np.uint64)
    message, total = np.empty(bits.shape[1], np.uint64), np.empty(encoding.z + 8, np.uint64)
    ordered = np.empty(n, np.uint64)
    for begin in range(0, rows, 64):
        end = min(begin + 64, rows)
        pack(bits, begin, end, message)
        encode_group(message, 0, words, total, encoding)
        for j in range(n):
            ordered[j] = words[doubled(sent[j], encoding.z)] ^ (np.uint64(0) - np.uint64(turned[j]))
        unpack(ordered, begin, end, out)


@lru_cache(maxsize=64)
def encoding(code: GraphCode) -> Encoding | None:
    """How mother words are computed: by a prototype's steps or a generator; None if that is huge."""
    graph = code.graph
    if graph is not None and graph.steps is not None:
        return _by_steps(code)
    return _by_generator(code) if code.k * code.mother_n <= MOST_GENERATOR else None


def _by_steps(code: GraphCode) -> Encoding:
    graph = code.graph
    z, steps = graph.lifting, graph.steps
    return Encoding(
        z=z,
        size=2 * code.mother_n + 8,
        info=np.asarray(code.info, np.int64),
        steps=np.array([(step.target, step.shift) for step in steps], np.int32).reshape(-1, 2),
        first=np.cumsum([0, *(len(step.terms) for step in steps)]).astype(np.int64),
        start=np.array([j * 2 * z + s for step in steps for j, s in step.terms], np.int32),
    )


def _by_generator(code: GraphCode) -> Encoding:
    rows = code.mother_word(np.eye(code.k, dtype=np.uint8))
    other = np.setdiff1d(np.arange(code.mother_n), code.info)
    terms = [2 * code.info[np.flatnonzero(rows[:, v])] for v in other]
    return Encoding(
        z=1,
        size=2 * code.mother_n + 8,
        info=np.asarray(code.info, np.int64),
        steps=np.stack([other, np.zeros_like(other)], axis=1).astype(np.int32),
        first=np.cumsum([0, *map(len, terms)]).astype(np.int64),
        start=np.concatenate([np.zeros(0, np.int32), *terms]).astype(np.int32),
    )
