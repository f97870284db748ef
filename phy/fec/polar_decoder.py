"""Successive cancellation and CRC-aided list decoding of polar codes, in float64 NumPy over a whole batch.

Words stand in the fastest axis, paths in the one before. A node of the tree has the LLRs of its N bits:
f(a, b) = boxplus(a, b) is the left child's, b + (1 - 2 u) a the right one's, u being the left one's decisions
(Arikan, IEEE Trans. Inf. Theory 55(7), 2009). A node without information, one with it in its last bit alone
and, on one path, one without a frozen bit are decided at once, which is what their leaves would decide
(Alamdar-Yazdi and Kschischang, IEEE Commun. Lett. 15(12), 2011).
A path's metric is -log of its probability, the sum of log(1 + exp(-(1 - 2 u) llr)) over all leaves, frozen
ones with them (Balatsoukas-Stimming, Bastani Parizi and Burg, IEEE Trans. Signal Process. 63(19), 2015).
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from phy.fec.decoder import Decoder

if TYPE_CHECKING:
    from phy.fec.polar import NrPolar

KNOWN = 1e3
"""LLR of a shortened bit, which is 0."""

TILE_VALUES = 1 << 19
"""LLRs of one tile."""

Llr = NDArray[np.float64]


def transform(inputs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """x = u G over the first axis [N, ...], G = [[1, 0], [1, 1]] to the Kronecker power log2 N; G G = 1.

    >>> transform(np.array([0, 1, 1, 0], np.uint8)).tolist()
    [0, 1, 1, 0]
    """
    out, step = inputs.copy(), 1
    while step < len(inputs):
        pairs = out.reshape(len(out) // (2 * step), 2, step, *out.shape[1:])
        pairs[:, 0] ^= pairs[:, 1]
        step *= 2
    return out


def decode(code: "NrPolar", llr: Llr, decoder: Decoder) -> NDArray[np.uint8]:
    """Information bits uint8 [B, k] of LLRs of the mother word [N, B]."""
    free = np.zeros(code.mother_n, bool)
    free[code.info] = True
    if decoder.algorithm == "successive-cancellation":
        words = _cancel(llr, free)[:, None]
    else:
        words = _list(llr[:, None], free, np.zeros((1, llr.shape[1])), decoder.list_size)
        words = _by_metric(*words)
    placed = transform(words)[code.info]
    checked = np.empty_like(placed)
    checked[code.order] = placed
    paths = checked.transpose(2, 1, 0)  # [B, paths, K], the likeliest first
    agrees = code.crc.agrees(paths[..., : code.k], paths[..., code.k :])
    chosen = np.argmax(agrees, axis=1)  # the first that agrees, and the first of all where none does
    return np.ascontiguousarray(paths[np.arange(len(paths)), chosen, : code.k])


def _f(a: Llr, b: Llr) -> Llr:
    """boxplus, with one logarithm: sign(a b) min(|a|, |b|) + log((1 + e^-|a + b|) / (1 + e^-|a - b|))."""
    plus, minus = np.exp(-np.abs(a + b)), np.exp(-np.abs(a - b))
    return np.copysign(np.minimum(np.abs(a), np.abs(b)), a * b) + np.log((1.0 + plus) / (1.0 + minus))


def _cancel(llr: Llr, free: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Decided bits uint8 [N, B] of one node."""
    if not free.any():
        return np.zeros(llr.shape, np.uint8)
    if free.all():
        return (llr < 0).astype(np.uint8)
    if not free[:-1].any():
        return np.broadcast_to((llr.sum(axis=0) < 0).astype(np.uint8), llr.shape)
    half = len(llr) // 2
    a, b = llr[:half], llr[half:]
    if not free[:half].any():
        right = _cancel(a + b, free[half:])
        return np.concatenate([right, right])
    left = _cancel(_f(a, b), free[:half])
    right = _cancel(np.where(left, b - a, b + a), free[half:])
    return np.concatenate([left ^ right, right])


def _list(
    llr: Llr, free: NDArray[np.bool_], metric: Llr, most: int
) -> tuple[NDArray[np.uint8], NDArray[np.intp] | None, Llr]:
    """Decided bits uint8 [N, P', B] of one node with P paths [N, P, B] in; which path in each comes from
    intp [P', B] (None: they are as they were), and their metrics [P', B]."""
    if not free.any():
        return np.zeros(llr.shape, np.uint8), None, metric + _cost(llr)
    if not free[:-1].any():
        return _fork(llr, metric, most)
    half = len(llr) // 2
    a, b = llr[:half], llr[half:]
    left, origin, metric = _list(_f(a, b), free[:half], metric, most)
    a, b = _select(a, origin), _select(b, origin)
    right, later, metric = _list(np.where(left, b - a, b + a), free[half:], metric, most)
    left = _select(left, later)
    if origin is not None and later is not None:
        origin = np.take_along_axis(origin, later, axis=0)
    return np.concatenate([left ^ right, right]), later if origin is None else origin, metric


def _cost(llr: Llr) -> Llr:
    """-log P(all bits are 0), [P, B]."""
    return np.logaddexp(0.0, -llr).sum(axis=0)


def _fork(llr: Llr, metric: Llr, most: int) -> tuple[NDArray[np.uint8], NDArray[np.intp], Llr]:
    """Every path goes on with all 0 and with all 1; the `most` likeliest stay."""
    zero = metric + _cost(llr)
    both = np.concatenate([zero, zero + llr.sum(axis=0)])  # log(1 + e^x) - log(1 + e^-x) = x
    if len(both) > most:
        kept = np.argpartition(both, most - 1, axis=0)[:most]
        both = np.take_along_axis(both, kept, axis=0)
    else:
        kept = np.broadcast_to(np.arange(len(both))[:, None], both.shape)
    one, origin = kept >= len(metric), kept % len(metric)
    return np.broadcast_to(one.astype(np.uint8), (len(llr), *one.shape)), origin, both


def _select(values: NDArray, origin: NDArray[np.intp] | None) -> NDArray:
    """Values [N, P, B] of the paths that go on [N, P', B]."""
    if origin is None:
        return values
    n, _, batch = values.shape
    flat = (origin * batch + np.arange(batch)).reshape(-1)
    return np.take(values.reshape(n, -1), flat, axis=1).reshape(n, *origin.shape)


def _by_metric(words: NDArray[np.uint8], _: object, metric: Llr) -> NDArray[np.uint8]:
    """Words [N, P, B], the likeliest path first."""
    return _select(words, np.argsort(metric, axis=0, kind="stable"))
