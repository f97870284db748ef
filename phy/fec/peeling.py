"""Encoding a quasi-cyclic code block by block: which parity block follows from which, found once.

Blocks of Z bits are vectors over the ring of circulants; P^s with (P^s v)[r] = v[(r + s) mod Z] shifts them.
A check row whose blocks are all known but one gives that one: p = P^-d (sum of P^s v). Where every row left
has two unknowns or more (the dual diagonal of 802.11n, 802.16e and 5G NR's core), one block g is carried on
as an unknown until a row has no other: A(P) g = sum of P^s v. Where A is a single shift, as in those
standards, g is one more sum of shifted known blocks (Richardson and Urbanke, IEEE Trans. Inf. Theory 47(2),
2001, with a gap of one block).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

EMPTY = -1
"""Prototype entry of an all-zero circulant."""
GUESSES = 8
"""Blocks tried as the unknown that is carried along."""
MOST_TERMS = 2_000
"""Most shifted blocks that one sum may take; elimination is quicker then."""

Prototype = tuple[tuple[int, ...], ...]
Rows = dict[int, dict[int, int]]
"""Check row -> its blocks -> their shifts."""


class Step(NamedTuple):
    """P^shift (block target) = sum of P^s (block j) over the terms (j, s)."""

    target: int
    shift: int
    terms: tuple[tuple[int, int], ...]


def plan(prototype: Prototype, lifting: int) -> tuple[Step, ...] | None:
    """Steps that compute the last `rows` block columns from the others; None where shifts alone cannot."""
    rows = {i: {j: s for j, s in enumerate(row) if s != EMPTY} for i, row in enumerate(prototype)}
    known = set(range(len(prototype[0]) - len(rows)))
    steps: list[Step] = []
    while rows:
        steps += [_solve(row, j) for row, j in _peel(rows, known)]
        if rows:
            guessed = _guess(rows, known, lifting)
            if guessed is None:
                return None
            step, spent = guessed
            del rows[spent]
            known.add(step.target)
            steps.append(step)
    return tuple(steps)


def run(steps: tuple[Step, ...], blocks: NDArray[np.uint8]) -> None:
    """Fill in the targets: blocks uint8 [block columns, Z, batch], codewords in the fastest axis."""
    z = blocks.shape[1]
    for target, shift, terms in steps:
        total = np.zeros(blocks.shape[1:], np.uint8)
        for j, s in terms:
            total[: z - s] ^= blocks[j, s:]
            total[z - s :] ^= blocks[j, :s]
        blocks[target, shift:] = total[: z - shift]
        blocks[target, :shift] = total[z - shift :]


def _solve(row: dict[int, int], target: int) -> Step:
    return Step(target, row[target], tuple((j, s) for j, s in row.items() if j != target))


def _peel(rows: Rows, known: set[int]) -> list[tuple[dict[int, int], int]]:
    """Take rows with one unknown block as long as there are any, and learn their blocks.

    Rows taken leave `rows`, blocks learnt enter `known`; a row without unknowns is left where it is.
    """
    unknown = {i: {j for j in row if j not in known} for i, row in rows.items()}
    holders: dict[int, list[int]] = {}
    for i, blocks in unknown.items():
        for j in blocks:
            holders.setdefault(j, []).append(i)
    ready, taken = [i for i, blocks in unknown.items() if len(blocks) == 1], []
    while ready:
        i = ready.pop(0)
        if not unknown[i]:
            continue
        (j,) = unknown[i]
        taken.append((rows.pop(i), j))
        known.add(j)
        for other in holders[j]:
            unknown[other].discard(j)
            if len(unknown[other]) == 1 and other in rows:
                ready.append(other)
    return taken


def _guess(rows: Rows, known: set[int], lifting: int) -> tuple[Step, int] | None:
    """A block that follows from the known ones through several rows, with how, and the row that tells it."""
    count: dict[int, int] = {}
    for row in rows.values():
        for j in row.keys() - known:
            count[j] = count.get(j, 0) + 1
    for gap in sorted(count, key=lambda j: (-count[j], j))[:GUESSES]:
        left, reached = dict(rows), known | {gap}
        sums = {gap: {gap: 1}}
        for row, j in _peel(left, reached):
            terms = _sum({i: s for i, s in row.items() if i != j}, sums, lifting)
            sums[j] = {i: _turn(poly, -row[j], lifting) for i, poly in terms.items()}
        for i, row in left.items():
            if row.keys() <= reached:
                terms = _sum(row, sums, lifting)
                factor = terms.pop(gap, 0)
                few = sum(poly.bit_count() for poly in terms.values()) <= MOST_TERMS
                if factor.bit_count() == 1 and few:
                    return Step(gap, factor.bit_length() - 1, _monomials(terms)), i
    return None


def _sum(row: dict[int, int], sums: dict[int, dict[int, int]], z: int) -> dict[int, int]:
    """A row as polynomials in P of the blocks that its blocks are sums of: bit s of an integer is P^s."""
    total: dict[int, int] = {}
    for j, s in row.items():
        for i, poly in sums.get(j, {j: 1}).items():
            total[i] = total.get(i, 0) ^ _turn(poly, s, z)
    return total


def _turn(poly: int, s: int, z: int) -> int:
    """P^s times the polynomial, P^Z being 1."""
    s %= z
    return ((poly << s) | (poly >> (z - s))) & ((1 << z) - 1)


def _monomials(terms: dict[int, int]) -> tuple[tuple[int, int], ...]:
    return tuple((j, s) for j, poly in terms.items() for s in range(poly.bit_length()) if poly >> s & 1)
