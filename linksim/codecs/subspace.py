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
    columns = np.ascontiguousarray(turned.transpose(2, 1, 0))  # [L, d, n]: what is turned lies together
    out = np.zeros((d, side - d, n))
    for i in range(d):
        for j in range(d, side):
            angle = np.arctan2(columns[j, i], columns[i, i])
            out[i, j - d] = np.clip(angle, -TOP, TOP)
            _turn(columns[:, i:], i, j, out[i, j - d])
    return out.reshape(-1, n).T.copy()


def rows_of(told: Reals, d: int, side: int) -> Reals:
    """Orthonormal rows [n, d, L] with the span that the angles [n, d (L - d)] tell; L is `side`."""
    theta = np.ascontiguousarray(told.T).reshape(d, side - d, len(told))
    columns = np.zeros((side, d, len(told)))
    columns[np.arange(d), np.arange(d)] = 1.0
    for i in reversed(range(d)):  # the rows above are unit vectors still
        for j in reversed(range(d, side)):
            _turn(columns[:, i:], i, j, -theta[i, j - d])
    return np.ascontiguousarray(columns.transpose(2, 1, 0))


def _turn(columns: Reals, i: int, j: int, angle: Reals) -> None:
    """Columns i and j, [rows, n] each, under a rotation that takes (cos, sin) of `angle` [n] to (1, 0)."""
    cos, sin = np.cos(angle), np.sin(angle)
    left, right = columns[i], columns[j]
    columns[i], columns[j] = cos * left + sin * right, cos * right - sin * left
