"""A code as the kernels read it: NumPy tables, so that no code needs kernels of its own."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from phy.fec.code import EMPTY, GraphCode

LANES = 64
"""Frames side by side in one vector of bytes, or in the bits of one word."""


class Tables(NamedTuple):
    """The Tanner graph, check by check in the order of the rows of H, and once more in circulants.

    first: int64 [M + 1], the first edge of every check.
    column: int32 [edges], the bit of every edge, times LANES: where its vector begins.
    z: the lifting size; 1 for a matrix that is not quasi-cyclic.
    circulant: int64 [M / z + 1], the first circulant of every block row.
    start: int32 [circulants], bit of its first check where each block of z bits is written twice, one copy
        after the other: there circulants do not wrap round.
    """

    first: NDArray[np.int64]
    column: NDArray[np.int32]
    z: int
    circulant: NDArray[np.int64]
    start: NDArray[np.int32]


@lru_cache(maxsize=64)
def tables(code: GraphCode) -> Tables:
    """The graph on which the code is decoded."""
    graph = code.graph
    if graph is None:
        z, (row, block) = 1, code.edges()
        shift, rows = np.zeros_like(block), int(row.max()) + 1
    else:
        z, prototype = graph.lifting, np.array(graph.prototype)
        (row, block), rows = np.nonzero(prototype != EMPTY), len(prototype)
        shift = prototype[row, block]
    check = (row[:, None] * z + np.arange(z)).ravel()
    bit = (block[:, None] * z + (shift[:, None] + np.arange(z)) % z).ravel()
    order = np.lexsort((bit, check))
    return Tables(
        first=_starts(check, rows * z),
        column=(bit[order] * LANES).astype(np.int32),
        z=z,
        circulant=_starts(row, rows),
        start=(block * 2 * z + shift).astype(np.int32),
    )


def _starts(owner: NDArray[np.integer], owners: int) -> NDArray[np.int64]:
    """int64 [owners + 1]: where each one's things begin, in their order."""
    return np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=owners))]).astype(np.int64)
