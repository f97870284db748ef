"""A subspace by as few numbers as it has: d (L - d) angles of Givens rotations for the span of d rows.

Recomposing asks for the span of A's rows alone, so A may be turned: U A = [M | T] with M [d, d] lower
triangular and no diagonal entry below 0. Row i is then turned, in the planes (i, d) .. (i, L - 1), until it
is the unit vector i; rows being orthonormal, column i of those below it has become 0. The angles, each from
-pi/2 to pi/2, are all that is left of the span, and rotations the other way rebuild orthonormal rows from
whatever angles arrive.
"""

from __future__ import annotations

import numpy as np

from linksim.codecs.complement import Reals

TOP = np.pi / 2
"""No angle is larger."""


def angles(rows: Reals) -> Reals:
    """The angles [n, d (L - d)] of the span of orthonormal rows [n, d, L]."""
    n, d, side = rows.shape
    q, _ = np.linalg.qr(rows[:, :, :d][:, :, ::-1])
    turned = q.swapaxes(-1, -2)[:, ::-1] @ rows
    diagonal = np.einsum("nii->ni", turned[:, :, :d])
    turned = turned * np.where(diagonal < 0, -1.0, 1.0)[..., None]
    out = np.zeros((n, d, side - d))
    for i in range(d):
        for j in range(d, side):
            angle = np.arctan2(turned[:, i, j], turned[:, i, i])
            out[:, i, j - d] = np.clip(angle, -TOP, TOP)
            _turn(turned, i, j, out[:, i, j - d])
    return out.reshape(n, -1)


def rows_of(told: Reals, d: int, side: int) -> Reals:
    """Orthonormal rows [n, d, L] with the span that the angles [n, d (L - d)] tell; L is `side`."""
    theta = told.reshape(len(told), d, side - d)
    rows = np.zeros((len(told), d, side))
    rows[:, np.arange(d), np.arange(d)] = 1.0
    for i in reversed(range(d)):
        for j in reversed(range(d, side)):
            _turn(rows, i, j, -theta[:, i, j - d])
    return rows


def _turn(rows: Reals, i: int, j: int, angle: Reals) -> None:
    """Columns i and j of rows [n, d, L] under a rotation that takes (cos, sin) of `angle` [n] to (1, 0)."""
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    left, right = rows[:, :, i].copy(), rows[:, :, j].copy()
    rows[:, :, i] = cos * left + sin * right
    rows[:, :, j] = cos * right - sin * left
