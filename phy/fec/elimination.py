"""Encoding any parity-check matrix: one Gaussian elimination over GF(2), then a product per batch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WORK = 20e9
"""Most bytes that an elimination may touch: some ten seconds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Systematic:
    """A code's words by information and parity positions: word[parity] = matrix word[info] (mod 2).

    info: intp [k].  parity: intp [rank].  matrix: float32 [rank, k] of 0 and 1, k = n - rank.
    """

    info: NDArray[np.intp]
    parity: NDArray[np.intp]
    matrix: NDArray[np.float32]

    def words(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Words uint8 [..., n] of information bits uint8 [..., k]; a float32 counts exactly to 2^24."""
        word = np.empty((*bits.shape[:-1], self.info.size + self.parity.size), np.uint8)
        word[..., self.info] = bits
        word[..., self.parity] = (bits.astype(np.float32) @ self.matrix.T).astype(np.int32) & 1
        return word


def refuse_large(rows: int, n: int) -> None:
    """ValueError for a matrix too large to eliminate."""
    if rows * rows * (n / 16) > WORK or rows * n > 1 << 28:
        raise ValueError(
            f"matrix: must be small enough to eliminate (rows^2 n up to {16 * WORK:.0e}), got {rows} x {n}; "
            "give a quasi-cyclic prototype with a triangular or dual-diagonal parity part"
        )


def systematic(parity_check: NDArray[np.uint8]) -> Systematic:
    """Solve H w = 0, uint8 [M, N], for as late positions as there are, so that information comes early.

    Dependent rows are no fault: the rank counts. Raises ValueError for a matrix too large to eliminate.
    """
    rows, n = parity_check.shape
    refuse_large(rows, n)
    packed = np.packbits(parity_check[:, ::-1], axis=1)  # the last position first
    packed = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(">u8").astype(np.uint64)
    pivots: list[int] = []
    for column in range(n):
        rank = len(pivots)
        if rank == rows:
            break
        word, bit = divmod(column, 64)
        mask = packed[:, word] >> np.uint64(63 - bit) & np.uint64(1) == 1
        below = np.flatnonzero(mask[rank:])
        if not below.size:
            continue
        pivot = rank + below[0]
        packed[[rank, pivot]] = packed[[pivot, rank]]
        mask[pivot] = mask[rank]
        mask[rank] = False
        packed[mask, word:] ^= packed[rank, word:]  # nothing before this word is left in the pivot
        pivots.append(column)
    solved = np.unpackbits(packed[: len(pivots)].astype(">u8").view(np.uint8), axis=1)[:, :n][:, ::-1]
    parity = n - 1 - np.array(pivots, np.intp)
    info = np.setdiff1d(np.arange(n), parity)
    return Systematic(info=info, parity=parity, matrix=solved[:, info].astype(np.float32))
