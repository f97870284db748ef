"""The complementary representation as a string of bits of known length: the rows' numbers, then A X.

    | scale of A, 8 | A's numbers, bits_a each | scale of A X, 8 | A X, bits_ax each |

A's numbers are its d L entries, row by row; or the d (L - d) angles of its span; or none, where the rows are
the lowest of the DCT-II. A real that is not quantised has 64 bits, and no scale. What the string is worth is
told by its length: both ends take the largest rank that it holds.

`Code` is what HSC asks of this and of any other way to make bits of complements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.codecs import subspace
from linksim.codecs.complement import (
    SCALE_BITS,
    Quantiser,
    Reals,
    Source,
    added_bound,
    dct_rows,
    discarded,
    eigen_rows,
    error_matrix,
    left_over,
    measured,
    orthonormal,
    recompose,
)

Basis = Literal["eigen", "subspace", "dct"]
Strings = Sequence[NDArray[np.uint8]]
"""Of each picture its bits, each 0 or 1; of any length, 0 included."""


class Heard(NamedTuple):
    """A tile's complement as a string tells it: A's rows [d, L], orthonormal or 0, and A X, or A (X - X^),
    [c, d, W]; of rank 0 where the string tells none.
    """

    rows: Reals
    sent: Reals


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one picture's string comes to. ranks: d of each tile, int64 [t]; reals: numbers that it tells.

    bound: the most that sum |X - X~|^2 over all samples of the picture can be, on [0, 1] and before pixels
    are clipped and rounded, where X^ arrives as the transmitter has it; nan where the code has no bound.
    """

    ranks: NDArray[np.int64]
    reals: int
    bound: float = float("nan")


class Code(Protocol):
    """How complements become strings of bits, and what pictures become of strings.

    Pictures are stacks x [n, t, c, L, W], float64 on [0, 1], and X^ alike, `guess`: n pictures of t tiles,
    row by row, a tile being what the network takes; c channels, L rows, W columns. Which d a picture gets
    is the code's own rule (`Hsc.rank`). What becomes of a picture depends on it alone, not on its batch.
    """

    def check(self, n_bits: int, tiles: int) -> None:
        """ValueError 'codec.FIELD: rule, got X; remedy' where pictures of so many tiles cannot be sent in the
        n_bits of a payload. A code whose strings' lengths depend on pictures may let all pass.
        """
        ...

    def within(self, n_bits: int, tiles: int) -> int:
        """Of a payload the bits that matter, at most n_bits: payloads alike in them make equal strings."""
        ...

    def encode(self, x: Reals, guess: Reals, n_bits: int) -> list[NDArray[np.uint8]]:
        """Of each picture a string of at most n_bits; an empty one where nothing fits."""
        ...

    def read(self, strings: Strings, tiles: int) -> list[Heard]:
        """Of strings, one a picture, every tile's complement, n t of them: of rank 0 in an empty one.

        Any bits tell something: those of a failed check are read too under `policy: best_effort`.
        """
        ...

    def decode(self, strings: Strings, guess: Reals) -> Reals:
        """X~ [n, t, c, L, W] of strings, one a picture, and X^; X^ itself where nothing is told."""
        ...

    def told(self, strings: Strings, x: Reals, guess: Reals) -> list[Told]:
        """What `encode` made of x and guess, picture by picture; for result rows alone."""
        ...


def recomposed(heard: Sequence[Heard], guess: Reals, source: Source) -> Reals:
    """X~ [n, t, c, L, W] of X^ and its n t tiles' complements."""
    flat = guess.reshape(-1, *guess.shape[2:]).copy()
    ranks = np.array([len(each.rows) for each in heard], np.int64)
    for d in np.unique(ranks[ranks > 0]):
        at = np.flatnonzero(ranks == d)
        rows, sent = (np.stack(parts) for parts in zip(*(heard[i] for i in at), strict=True))
        flat[at] = recompose(rows, sent, flat[at], source)
    return flat.reshape(guess.shape)


@dataclass(frozen=True, kw_only=True)
class ComplementCode:
    """How pictures [c, L, W] are complemented. basis: eigenvectors' entries, their span's angles, or the
    DCT-II. bits_a, bits_ax: bits of a real, 0 for float64.
    """

    basis: Basis
    source: Source
    bits_a: int
    bits_ax: int
    shape: tuple[int, int, int]

    @property
    def side(self) -> int:
        """L, the largest rank."""
        return self.shape[1]

    @property
    def of_rows(self) -> Quantiser:
        return Quantiser(bits=self.bits_a, top=subspace.TOP if self.basis == "subspace" else 1.0)

    @property
    def of_measured(self) -> Quantiser:
        """A row is of length 1 and a column of x of at most sqrt(L)."""
        return Quantiser(bits=self.bits_ax, top=float(np.sqrt(self.side)))

    def row_reals(self, d: int) -> int:
        """Reals that tell the rows."""
        return {"eigen": d * self.side, "subspace": d * (self.side - d), "dct": 0}[self.basis]

    def reals(self, d: int) -> int:
        """Reals that tell rank d: the rows' and those of A X."""
        return self.row_reals(d) + d * self.shape[0] * self.shape[2]

    def named(self, tiles: int) -> str:
        """'28x28x1', or '64 tiles of 28x28x1'."""
        channels, height, width = self.shape
        return f"{tiles} tiles of " * (tiles > 1) + f"{height}x{width}x{channels}"

    def n_bits(self, d: int) -> int:
        """Bits of rank d, scales included; none for d = 0."""
        return self.row_bits(d) + self._part(self.of_measured, d * self.shape[0] * self.shape[2])

    def rank_within(self, n_bits: int, most: int | None = None) -> int:
        """The largest rank, of at most `most`, that so many bits hold.

        Of the bits that rank holds it says the same rank again, so a length tells the rank.
        """
        ranks = range(min(self.side, self.side if most is None else most), 0, -1)
        return next((d for d in ranks if self.n_bits(d) <= n_bits), 0)

    def encode(self, x: Reals, guess: Reals, d: int) -> NDArray[np.uint8]:
        """Bits [n, n_bits(d)] for pictures and their guesses X^, float64 [n, c, L, W] on [0, 1]."""
        if not d:
            return np.zeros((len(x), 0), np.uint8)
        rows = np.zeros((len(x), d, self.side))
        if self.row_reals(d):
            rows = eigen_rows(error_matrix(x, guess))[1][:, :d]
        told = self.tell(rows)
        sent = measured(self.rows(told, d), x, guess, self.source)
        return np.concatenate([told, self.of_measured.to_bits(sent.reshape(len(x), -1))], axis=1)

    def decode(self, bits: NDArray[np.uint8], guess: Reals, d: int) -> Reals:
        """X~ [n, c, L, W] from bits [n, n_bits(d)] and X^."""
        return recompose(*self.read(bits, d), guess, self.source) if d else guess

    def read(self, bits: NDArray[np.uint8], d: int) -> tuple[Reals, Reals]:
        """Rows [n, d, L] and A X [n, c, d, W] of bits [n, n_bits(d)], d above 0."""
        (channels, _, width), cut = self.shape, self.row_bits(d)
        sent = self.of_measured.from_bits(bits[:, cut:]).reshape(len(bits), channels, d, width)
        return self.rows(bits[:, :cut], d), sent

    def nothing(self) -> Heard:
        """A complement of rank 0."""
        channels, side, width = self.shape
        return Heard(np.zeros((0, side)), np.zeros((channels, 0, width)))

    def most_error(self, bits: NDArray[np.uint8], x: Reals, guess: Reals, d: int) -> Reals:
        """The most that the sum of |X - X~|^2 over all channels can be, [n], of what `encode` made of x.

        Of eigenvectors: the discarded eigenvalues and `added_bound`. Else what is left over by the rows that
        are told, and half a step for each real of A X.
        """
        cut, channels = self.row_bits(d), self.shape[0]
        step = self.step(self.of_measured, bits[:, cut:])
        return channels * self.most_left(bits[:, :cut], x, guess, d) + (
            channels * d * self.shape[2] * (step / 2) ** 2
        )

    def most_left(self, told: NDArray[np.uint8], x: Reals, guess: Reals, d: int) -> Reals:
        """`most_error`'s part of the rows, of a channel: the bits that tell them, as if A X were exact."""
        b = error_matrix(x, guess)
        if self.basis != "eigen" or not d:
            return left_over(self.rows(told, d), b) if d else np.trace(b, axis1=-2, axis2=-1)
        values, _ = eigen_rows(b)
        step = self.step(self.of_rows, told)
        return discarded(values, d) + added_bound(values, d, self.shape[2], step, np.zeros(len(x)))

    @staticmethod
    def step(quantiser: Quantiser, bits: NDArray[np.uint8]) -> Reals:
        """The step [n] that a part's bits tell first; 0 where there are none, or of float64."""
        if not quantiser.bits or not bits.shape[1]:
            return np.zeros(len(bits))
        codes = np.packbits(bits[:, :SCALE_BITS], axis=1)[:, 0]
        return quantiser.step(codes)

    def tell(self, rows: Reals) -> NDArray[np.uint8]:
        """The bits [n, row_bits(d)] that tell d rows, orthonormal [n, d, L]."""
        return self.put(self.numbers(rows))

    def numbers(self, rows: Reals) -> Reals:
        """What tells d rows, orthonormal [n, d, L]: row_reals(d) numbers each, whatever their width."""
        n, d, side = rows.shape
        if self.basis == "subspace":
            return subspace.angles(rows)
        return rows.reshape(n, d * side) if self.basis == "eigen" else np.zeros((n, 0))

    def put(self, numbers: Reals) -> NDArray[np.uint8]:
        """The bits of numbers [n, m]; none of none."""
        return self.of_rows.to_bits(numbers) if numbers.shape[1] else np.zeros((len(numbers), 0), np.uint8)

    def rows(self, bits: NDArray[np.uint8], d: int) -> Reals:
        """Orthonormal rows [n, d, L], at both ends from what is sent alone, [n, row_bits(d)]."""
        if self.basis == "dct":
            return np.broadcast_to(dct_rows(d, self.side), (len(bits), d, self.side))
        numbers = self.of_rows.from_bits(bits) if self.row_reals(d) else np.zeros((len(bits), 0))
        if self.basis == "subspace":
            return subspace.rows_of(numbers, d, self.side)
        return orthonormal(numbers.reshape(len(bits), d, self.side))

    def row_bits(self, d: int) -> int:
        """Bits of the rows, which come first."""
        return self._part(self.of_rows, self.row_reals(d))

    @staticmethod
    def _part(quantiser: Quantiser, reals: int) -> int:
        return quantiser.head_bits + reals * quantiser.bits_each if reals else 0
