"""Mapping bits to symbols and soft demapping, in float64 NumPy: the oracle of the faster ones.

Exact: LLR_i = log sum_{s: b_i(s) = 0} e^{-|y - s|^2 / N0} - log sum_{s: b_i(s) = 1} e^{-|y - s|^2 / N0};
max-log keeps the largest term of each sum. y = s + n with n ~ CN(0, N0), N0 its own for every symbol.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from phy.constellation import Constellation

Demapping = Literal["exact", "max-log"]


def symbol_labels(constellation: Constellation, bits: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Labels int [..., s] of bits uint8 [..., m s], the first bit of each group the most significant."""
    m = constellation.bits_per_symbol
    if bits.shape[-1] % m:
        name = constellation.name
        raise ValueError(f"bits: last axis must be a multiple of {m} for {name}, got {bits.shape}; pad them")
    groups = bits.reshape(*bits.shape[:-1], bits.shape[-1] // m, m)
    return groups.astype(np.intp) @ (1 << np.arange(m - 1, -1, -1))


def map_bits(constellation: Constellation, bits: NDArray[np.uint8]) -> NDArray[np.complex128]:
    """Symbols complex128 [..., s] of bits uint8 [..., m s]."""
    return constellation.points[symbol_labels(constellation, bits)]


def demap(
    constellation: Constellation,
    y: NDArray[np.complexfloating],
    noise_var: NDArray[np.floating] | float,
    method: Demapping = "exact",
) -> NDArray[np.float64]:
    """LLRs log p(0)/p(1), float64 [..., m s], of symbols y [..., s].

    noise_var: N0 > 0 per complex symbol, of y's shape or broadcast to it.
    """
    y = np.asarray(y, np.complex128)
    distance = np.abs(y[..., None] - constellation.points) ** 2
    metric = -distance / np.broadcast_to(np.asarray(noise_var, np.float64), y.shape)[..., None]
    collect = {"exact": logsumexp, "max-log": np.max}[method]
    llr = np.empty((*y.shape, constellation.bits_per_symbol))
    for i, label_bit in enumerate(constellation.labels.T):
        llr[..., i] = collect(metric[..., label_bit == 0], axis=-1) - collect(
            metric[..., label_bit == 1], axis=-1
        )
    return llr.reshape(*y.shape[:-1], y.shape[-1] * constellation.bits_per_symbol)
