"""Constellations as values: points and labels, in the mapping of IEEE 802.11ad.

802.11ad-2012 clause 21.6.3.2.4 (802.11-2016: 20.6.3.2.4) maps bits c0 c1 ... of the single-carrier PHY to st
and then turns symbol k by exp(j pi k / 2) to soften the peaks. These are the points st, without that turn,
which changes no error rate over a memoryless channel. 64QAM is the OFDM PHY's of 2012, which the
single-carrier PHY got in 2016 (20.6.3.2.4.5), here without its symbol interleaver. The formulae and their
sources are in `phy/data/ieee80211ad.json`.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Constellation:
    """M = 2^m points of unit mean energy; a point's index is its label, the first bit the most significant.

    >>> CONSTELLATIONS["qpsk"].points.round(3).tolist()
    [(-1+0j), 1j, (-0-1j), (1+0j)]
    """

    name: str
    alphabet: tuple[complex, ...]

    def __post_init__(self) -> None:
        size = len(self.alphabet)
        if size < 2 or size & (size - 1):
            raise ValueError(
                f"alphabet: must have 2^m points, m >= 1, got {size}; give one point for every label"
            )
        energy = float(np.mean(np.abs(self.points) ** 2))
        if abs(energy - 1.0) > 1e-12:
            raise ValueError(
                f"alphabet: must have mean energy 1, got {energy}; divide the points by {energy**0.5}"
            )

    @cached_property
    def points(self) -> NDArray[np.complex128]:
        """complex128 [M], read only."""
        points = np.array(self.alphabet, np.complex128)
        points.flags.writeable = False
        return points

    @property
    def bits_per_symbol(self) -> int:
        """m = log2 M."""
        return len(self.alphabet).bit_length() - 1

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """uint8 [M, m], the bits of every label, read only."""
        m = self.bits_per_symbol
        labels = ((np.arange(1 << m)[:, None] >> np.arange(m - 1, -1, -1)) & 1).astype(np.uint8)
        labels.flags.writeable = False
        return labels

    @cached_property
    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Levels of the real and the imaginary axis, float64 [sqrt M] each, if labelled apart; else None.

        Then point[i sqrt(M) + q] = I[i] + j Q[q], and the LLRs of either axis do not depend on the other.
        """
        side = 1 << (self.bits_per_symbol // 2)
        if side * side != len(self.alphabet):
            return None
        grid = self.points.reshape(side, side)
        real, imag = grid[:, 0].real, grid[0, :].imag
        return (real, imag) if np.array_equal(grid, real[:, None] + 1j * imag[None, :]) else None


def _bpsk() -> tuple[complex, ...]:
    """st = 2 c0 - 1."""
    return (-1 + 0j, 1 + 0j)


def _qpsk() -> tuple[complex, ...]:
    """st = ((2 c0 - 1) + j (2 c1 - 1)) / sqrt(2) exp(-j pi / 4): 00 -> -1, 01 -> j, 10 -> -j, 11 -> 1."""
    return (-1 + 0j, 1j, -1j, 1 + 0j)


def _square(levels: tuple[int, ...]) -> tuple[complex, ...]:
    """Both axes alike, I from the label's first half; levels in label order, scaled to unit mean energy."""
    scale = float(np.sqrt(2 * np.mean(np.square(levels))))
    return tuple(complex(i / scale, q / scale) for i in levels for q in levels)


CONSTELLATIONS: dict[str, Constellation] = {
    c.name: c
    for c in (
        Constellation(name="bpsk", alphabet=_bpsk()),
        Constellation(name="qpsk", alphabet=_qpsk()),
        # (4 c0 - 2) - (2 c0 - 1)(2 c1 - 1), over sqrt(10)
        Constellation(name="16qam", alphabet=_square((-3, -1, 3, 1))),
        # (8 c0 - 4) - (2 c0 - 1)(4 c1 - 2) + (2 c0 - 1)(2 c1 - 1)(2 c2 - 1), over sqrt(42)
        Constellation(name="64qam", alphabet=_square((-7, -5, -1, -3, 7, 5, 1, 3))),
    )
}
"""Every constellation by name."""


def find_constellation(name: str) -> Constellation:
    """The constellation of that name; an unknown one names its nearest."""
    if name not in CONSTELLATIONS:
        near = get_close_matches(name, CONSTELLATIONS, n=1, cutoff=0.0)
        raise ValueError(
            f"constellation: must be one of {', '.join(CONSTELLATIONS)}, "
            f"got {name!r}; did you mean {near[0]!r}?"
        )
    return CONSTELLATIONS[name]
