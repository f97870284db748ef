"""HSC's complementary representation in float64: rows A, A X, and what recomposing with them leaves over.

    B = (X - X^)(X - X^)^T = sum_i l_i e_i e_i^T,   A = [e_1 .. e_d]^T                              (14), (20)
    X~ = A^+ A X + (I - A^+ A) X^                                                                   (8)
    |X - X~|^2 = sum_{i>d} l_i                       where A and A X arrive exactly                 (19)

(Nam, Park, Choi, Kim: Hybrid Semantic-Complementary Transmission.) Pictures are stacks x [n, c, L, W]: n
pictures of c channels, L rows and W columns, on the scale [0, 1]; A acts on the rows, alike in every channel,
and B is the mean of the channels' matrices. A square grey picture is the paper's case.

**Quantised in closed loop.** A is quantised first, A_Q = A + E. Both ends turn the same integers into A_r,
whose rows are orthonormal and span those of A_Q; A_r X is computed with it, then quantised: C = A_r X + F.
Recomposed with P = A_r^T A_r,

    X - X~ = (I - P)(X - X^) - A_r^T F,

one term in P's null space and one in its range, so that a channel's error is exactly

    |X - X~|^2 = tr((I - P) B) + |A_r^T F|^2.                                                       (*)

Each entry of E is at most s_A/2 and each of F at most s_C/2, half of the steps. So |A_r^T F|^2 <= |F|^2 <=
d W (s_C/2)^2. And (I - P)(e_i + E_i) = 0, where E_i is row i of E, so |(I - P) e_i| = |(I - P) E_i| <= |E_i|
<= sqrt(L) s_A/2 for i <= d, and |(I - P) e_i| <= 1 behind it:

    tr((I - P) B) = sum_i l_i |(I - P) e_i|^2 <= sum_{i>d} l_i + L (s_A/2)^2 sum_{i<=d} l_i.

What quantisation adds is at most L (s_A/2)^2 sum_{i<=d} l_i + d W (s_C/2)^2: `added_bound`. No gap between
eigenvalues is asked for, and the first term shrinks with X^'s own error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Source = Literal["AX", "residual"]
"""What is sent beside A: A X as in the paper, or A (X - X^)."""

DEPENDENT = 2.0**-30
"""A row this near to the span of those before it, relative to its length, adds nothing to the span."""
SCALE_BITS, SCALES_PER_OCTAVE = 8, 16
LAST_SCALE = (1 << SCALE_BITS) - 1
EXACT_BITS = 64
"""Of a real that is not quantised: its float64."""


def error_matrix(x: Reals, guess: Reals) -> Reals:
    """B of (14), float64 [n, L, L]: the mean over the channels of x, guess [n, c, L, W]."""
    error = x - guess
    return np.mean(error @ error.swapaxes(-1, -2), axis=1)


def eigen_rows(b: Reals) -> tuple[Reals, Reals]:
    """Eigenvalues [n, L], the largest first and none below 0, and the eigenvectors as rows [n, L, L].

    An eigenvector's first entry of nearly the largest magnitude is positive. Where eigenvalues coincide, the
    basis of their space is LAPACK's choice: the receiver never computes it, it is sent integers.
    """
    values, columns = np.linalg.eigh(b)
    values, rows = values[:, ::-1], columns.swapaxes(-1, -2)[:, ::-1]
    size = np.abs(rows)
    first = np.argmax(size >= (1 - 1e-6) * size.max(axis=-1, keepdims=True), axis=-1)
    signs = np.sign(np.take_along_axis(rows, first[..., None], axis=-1))
    return np.maximum(values, 0.0), rows * signs


def orthonormal(rows: Reals) -> Reals:
    """Rows [n, d, L] that span the given ones and are orthonormal: Gram-Schmidt in order, each row twice.

    A row that depends on those before it becomes 0. Both ends do this with the same integers.
    """
    out = np.zeros_like(rows)
    for i in range(rows.shape[1]):
        row = rows[:, i]
        before = out[:, :i]
        for _ in range(2):
            along = np.einsum("nil,nl->ni", before, row)
            row = row - np.einsum("ni,nil->nl", along, before)
        length = np.linalg.norm(row, axis=-1, keepdims=True)
        new = length > DEPENDENT * np.linalg.norm(rows[:, i], axis=-1, keepdims=True)
        out[:, i] = np.where(new, row / np.where(new, length, 1.0), 0.0)
    return out


def dct_rows(d: int, side: int) -> Reals:
    """The d lowest rows of the orthonormal DCT-II of `side` points, [d, side]: a basis that nobody sends."""
    k, i = np.arange(d)[:, None], np.arange(side)
    rows = np.sqrt(2 / side) * np.cos(np.pi * (i + 0.5) * k / side)
    return np.where(k == 0, rows / np.sqrt(2), rows)


def measured(rows: Reals, x: Reals, guess: Reals, source: Source) -> Reals:
    """What is sent beside the rows [n, d, L], [n, c, d, W]: A X, or A (X - X^)."""
    return rows[:, None] @ (x if source == "AX" else x - guess)


def recompose(rows: Reals, sent: Reals, guess: Reals, source: Source) -> Reals:
    """X~ of (8), [n, c, L, W], from orthonormal rows [n, d, L], what was sent [n, c, d, W] and X^."""
    a = rows[:, None]
    return guess + a.swapaxes(-1, -2) @ (sent - a @ guess if source == "AX" else sent)


def discarded(values: Reals, d: int) -> Reals:
    """The sum of all eigenvalues [n, L] but the d largest, [n]."""
    return values[:, d:].sum(axis=-1)


def left_over(rows: Reals, b: Reals) -> Reals:
    """tr((I - P) B), [n], P the projection on the span of orthonormal rows [n, d, L]: (*)'s first term."""
    return np.trace(b, axis1=-2, axis2=-1) - np.einsum("nil,nlm,nim->n", rows, b, rows)


def added_bound(values: Reals, d: int, width: int, step_a: Reals, step_sent: Reals) -> Reals:
    """The most that quantisation adds to a channel's |X - X~|^2, [n]; over the channels' mean error as well.

    values: eigenvalues [n, L] of B. width: W. step_a, step_sent: steps [n] of the two quantisers, 0 for none.
    """
    of_rows = values.shape[1] * (step_a / 2) ** 2 * values[:, :d].sum(axis=-1)
    return of_rows + d * width * (step_sent / 2) ** 2


def scale_of(codes: NDArray[np.integer], top: float) -> Reals:
    """What codes of scales, 0 to 255, stand for: top 2^((code - 255)/16)."""
    return top * 2.0 ** ((np.asarray(codes, np.float64) - LAST_SCALE) / SCALES_PER_OCTAVE)


def scale_code(largest: Reals, top: float) -> NDArray[np.int64]:
    """The code of the least scale that holds values of at most `largest`."""
    octaves = np.log2(np.maximum(np.asarray(largest) / top, 2.0**-64))
    codes = np.ceil(LAST_SCALE + SCALES_PER_OCTAVE * octaves - 1e-9)
    return np.clip(codes, 0, LAST_SCALE).astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Quantiser:
    """A uniform mid-tread quantiser of `bits` bits a real, its scale sent in 8 bits for each picture.

    The scale is the least of `scale_of` that no value exceeds; integers run from -m to m,
    m = 2^(bits - 1) - 1, so that 0 stays 0, and the step is scale / m. top: no value's magnitude is larger.
    bits = 0 sends float64 as it is.
    """

    bits: int
    top: float

    @property
    def bits_each(self) -> int:
        """Bits of one real."""
        return self.bits or EXACT_BITS

    @property
    def head_bits(self) -> int:
        """Bits of the scale."""
        return SCALE_BITS if self.bits else 0

    @property
    def most(self) -> int:
        return (1 << (self.bits - 1)) - 1

    def step(self, codes: NDArray[np.integer]) -> Reals:
        """The step [n] under scales' codes [n]."""
        return scale_of(codes, self.top) / self.most

    def quantise(self, values: Reals) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Codes [n] of the scales and integers [n, m] of values [n, m]."""
        codes = scale_code(np.max(np.abs(values), axis=-1, initial=0.0), self.top)
        integers = np.rint(values / self.step(codes)[:, None])
        return codes, np.clip(integers, -self.most, self.most).astype(np.int64)

    def restore(self, codes: NDArray[np.integer], integers: NDArray[np.integer]) -> Reals:
        """Values [n, m] from codes [n] and integers [n, m]."""
        return self.step(codes)[:, None] * integers

    def to_bits(self, values: Reals) -> NDArray[np.uint8]:
        """Bits [n, head_bits + m bits_each] of values [n, m], most significant first."""
        if not self.bits:
            return np.unpackbits(values.astype(">f8").view(np.uint8), axis=-1)
        codes, integers = self.quantise(values)
        head = bits_of(codes[:, None], SCALE_BITS)
        return np.concatenate([head, bits_of(integers + self.most, self.bits)], axis=1)

    def from_bits(self, bits: NDArray[np.uint8]) -> Reals:
        """The values that bits tell; any bits tell some, none larger than `top`."""
        if not self.bits:
            values = np.ascontiguousarray(np.packbits(bits, axis=-1)).view(">f8").astype(np.float64)
            return np.clip(np.nan_to_num(values, nan=0.0), -self.top, self.top)
        codes = integers_of(bits[:, :SCALE_BITS], SCALE_BITS)[:, 0]
        integers = integers_of(bits[:, SCALE_BITS:], self.bits) - self.most
        return self.restore(codes, np.minimum(integers, self.most))


def bits_of(integers: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    """Bits [..., m width] of integers [..., m] from 0 to 2^width - 1, most significant first."""
    places = np.arange(width - 1, -1, -1)
    *lead, m = integers.shape
    return ((integers[..., None] >> places) & 1).astype(np.uint8).reshape(*lead, m * width)


def integers_of(bits: NDArray[np.uint8], width: int) -> NDArray[np.int64]:
    """The inverse of `bits_of`."""
    *lead, n = bits.shape
    groups = bits.reshape(*lead, n // width, width).astype(np.int64)
    return groups @ (1 << np.arange(width - 1, -1, -1, dtype=np.int64))
