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


def turn(
    constellation: Constellation, symbols: NDArray[np.complexfloating], first: int = 0
) -> NDArray[np.complexfloating]:
    """What is sent, of symbols [..., s] and of their dtype: symbol k times `rotation`, k = first + column.

    Engines map and demap the points as they are; every chain turns between them and the air.

    >>> from phy.constellation import find_constellation
    >>> turn(find_constellation("pi/2-bpsk"), np.ones(4, np.complex64)).round(3).tolist()
    [(1+0j), 1j, (-1+0j), -1j]
    """
    return _turned(constellation, symbols, first, back=False)


def unturn(
    constellation: Constellation, symbols: NDArray[np.complexfloating], first: int = 0
) -> NDArray[np.complexfloating]:
    """The inverse of `turn`, for equalised symbols before they are demapped; their noise stays as it was."""
    return _turned(constellation, symbols, first, back=True)


def _turned(
    constellation: Constellation, symbols: NDArray[np.complexfloating], first: int, *, back: bool
) -> NDArray[np.complexfloating]:
    if len(constellation.rotation) == 1 and constellation.rotation[0] == 1:
        return symbols
    cycle = np.array(constellation.rotation)
    phases = np.resize(np.roll(cycle, -(first % cycle.size)), symbols.shape[-1])
    return (symbols * (phases.conj() if back else phases)).astype(symbols.dtype)


MOST_METRICS = 1 << 22
"""Distances held at a time: 32 MiB."""


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
    flat, noise = y.reshape(-1), np.broadcast_to(np.asarray(noise_var, np.float64), y.shape).reshape(-1)
    llr = np.empty((flat.size, constellation.bits_per_symbol))
    step = max(MOST_METRICS // constellation.points.size, 1)
    for start in range(0, flat.size, step):
        part = slice(start, start + step)
        llr[part] = _demap(constellation, flat[part], noise[part], method)
    return llr.reshape(*y.shape[:-1], y.shape[-1] * constellation.bits_per_symbol)


def _demap(
    constellation: Constellation,
    y: NDArray[np.complex128],
    noise_var: NDArray[np.float64],
    method: Demapping,
) -> NDArray[np.float64]:
    """The definition: [s] -> [s, m]."""
    metric = -(np.abs(y[:, None] - constellation.points) ** 2) / noise_var[:, None]
    collect = {"exact": logsumexp, "max-log": np.max}[method]
    llr = np.empty((y.size, constellation.bits_per_symbol))
    for i, label_bit in enumerate(constellation.labels.T):
        llr[:, i] = collect(metric[:, label_bit == 0], axis=-1) - collect(metric[:, label_bit == 1], axis=-1)
    return llr
