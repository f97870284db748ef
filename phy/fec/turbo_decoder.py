"""Iterative decoding of the LTE turbo code, in float64 NumPy over a whole batch: two BCJR decoders in turn.

Each gives log p(x = 0) / p(x = 1) of every bit, exactly (Bahl, Cocke, Jelinek and Raviv, IEEE Trans. Inf.
Theory 20(2), 1974, with logarithms added as max(a, b) + log(1 + e^-|a - b|)); what it adds to what it got,
limited to +-`LIMIT`, is what the other one knows before (Berrou and Glavieux, IEEE Trans. Commun. 44(10),
1996).

A state is w1 w2 w3, the last contents of the register, the newest first: with p = w1 w2 and b = w3, new
contents w lead from (p, b) to (w, p); the bit is x = w + w2 + b, the parity z = w + w1 + b.
"""

import numpy as np
from numpy.typing import NDArray

Llr = NDArray[np.float64]

LIMIT = 20.0
"""Of extrinsic LLRs, as Sionna does."""

TILE_VALUES = 1 << 20
"""LLRs of one tile: a float64 of every state and step takes 8 / 3 of it."""

UNREACHED = -1e9

_W, _P, _B = np.ogrid[:2, :4, :2]
_X = _W ^ (_P & 1) ^ _B
_BRANCH = 2 * _X + (_W ^ (_P >> 1) ^ _B)
"""intp [2, 4, 2]: 2 x + z of the branch (w, p, b)."""


def decode(llr: NDArray[np.floating], interleaver: NDArray[np.intp], iterations: int) -> NDArray[np.uint8]:
    """Information bits uint8 [B, k] of LLRs of the rate 1/3 word [B, 3 k + 12]; 0 iterations decide x."""
    k = interleaver.size
    columns = np.asarray(llr, np.float64).T
    x, z, turned_z = columns[: 3 * k].reshape(k, 3, -1).transpose(1, 0, 2)
    tail = columns[3 * k :].reshape(2, 3, 2, -1)
    first = (np.concatenate([x, tail[0, :, 0]]), np.concatenate([z, tail[0, :, 1]]))
    second = (np.concatenate([x[interleaver], tail[1, :, 0]]), np.concatenate([turned_z, tail[1, :, 1]]))
    known, out = np.zeros_like(x), x
    for _ in range(iterations):
        extrinsic = np.clip(_posterior(*first, known) - x - known, -LIMIT, LIMIT)[interleaver]
        turned = _posterior(*second, extrinsic)
        known, out = np.empty_like(x), np.empty_like(x)
        known[interleaver] = np.clip(turned - second[0][:k] - extrinsic, -LIMIT, LIMIT)
        out[interleaver] = turned
    return np.ascontiguousarray((out < 0).astype(np.uint8).T)


def _posterior(x: Llr, z: Llr, known: Llr) -> Llr:
    """LLRs of the bits [k, B] given x and z [k + 3, B] from the channel and LLRs [k, B] known before."""
    k, batch = known.shape
    half_x, half_z = x / 2, z / 2
    half_x[:k] += known / 2
    gamma = np.stack([half_x + half_z, half_x - half_z, half_z - half_x, -half_x - half_z], axis=1)
    forward = np.empty((len(x), 4, 2, batch))
    alpha = np.full((8, batch), UNREACHED)
    alpha[0] = 0.0
    for t, step in enumerate(gamma):
        forward[t] = alpha.reshape(4, 2, batch)
        reached = forward[t] + step[_BRANCH]
        alpha = _add(reached[:, :, 0], reached[:, :, 1]).reshape(8, batch)
    beta = np.full((2, 4, batch), UNREACHED)
    beta[0, 0] = 0.0
    out = np.empty_like(known)
    for t in range(len(x) - 1, -1, -1):
        ahead = gamma[t][_BRANCH] + beta[:, :, None]
        if t < k:
            out[t] = _ratio(ahead + forward[t])
        beta = _add(ahead[0], ahead[1]).reshape(2, 4, batch)
    return out


def _add(a: Llr, b: Llr) -> Llr:
    """log(e^a + e^b)."""
    return np.maximum(a, b) + np.log(1.0 + np.exp(-np.abs(a - b)))


def _ratio(branches: Llr) -> Llr:
    """log p(x = 0) / p(x = 1) [B] of the branches' logarithms [2, 4, 2, B]."""
    sums = []
    for bit in (0, 1):
        terms = branches[bit == _X]
        while len(terms) > 1:
            terms = _add(terms[::2], terms[1::2])
        sums.append(terms[0])
    return sums[0] - sums[1]
