"""Rayleigh fading that moves: scatterers all around, a receiver at constant speed."""

from dataclasses import dataclass
from math import ceil, pi
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from phy.channel_block import Block
from phy.rng import complex_normal

LEAST_PATHS, MOST_PATHS = 64, 4096


@dataclass(frozen=True, kw_only=True)
class Jakes:
    """Rayleigh fading correlated in time, E[h(i+k) h*(i)] = J0(2 pi doppler k); doppler = f_D T_s a use.

        h(k) = sum_n a_n exp(j 2 pi doppler k cos(2 pi (n + u) / N)),  a_n ~ CN(0, 1/N),  u ~ U(0, 1)

    A sum of N sinusoids with Gaussian amplitudes, not random phases alone: h is CN(0, 1) for any N, and the
    turn u makes the mean autocorrelation J0 at every lag. Equally spaced angles integrate exp(j z cos t) to
    about J_N(z), so that within a window of w uses with 2 pi doppler w < N the draw is jointly Gaussian with
    autocorrelation J0 to rounding. N, a power of two from 64, covers the frame up to 4096 paths (652/doppler
    uses); a longer frame has the same law in every such window. (Clarke 1968; Jakes 1974, section 1.7.)

    A shorter frame sees the head of a longer one where both take as many paths.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["jakes"] = "jakes"
    doppler: float = 0.001

    block: ClassVar[Block] = 1
    mean: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.doppler <= 0.5:
            raise ValueError(
                f"doppler: must be above 0 and at most 0.5, got {self.doppler}; it is f_D T_s, cycles a "
                "channel use, and 0 is rayleigh"
            )

    @property
    def coherence_uses(self) -> int:
        """The block fade that loses half its correlation at the same lag: 2 x 1.5211 / (2 pi doppler)."""
        return max(1, round(1.5211 / (pi * self.doppler)))

    def autocovariance(self, lag: ArrayLike) -> NDArray[np.complex128]:
        """E[h(i+k) h*(i)] at lags k in channel uses, complex128."""
        return special.j0(2 * pi * self.doppler * np.asarray(lag, np.float64)).astype(np.complex128)

    def paths(self, n_uses: int) -> int:
        """N for a frame of `n_uses`: 2 pi doppler n_uses and a margin that leaves J_N below 1e-12."""
        z = 2 * pi * self.doppler * n_uses
        return min(max(LEAST_PATHS, 1 << ceil(np.log2(z + 10 * z ** (1 / 3) + 24))), MOST_PATHS)

    def fading(self, n_uses: int, rng: np.random.Generator) -> NDArray[np.complex64]:
        """h: complex64 [n_uses]."""
        n = self.paths(n_uses)
        angles = 2 * pi * (np.arange(n) + rng.random()) / n
        omega = 2 * pi * self.doppler * np.cos(angles)
        amplitudes = complex_normal(n, rng) / np.sqrt(n)
        width = 1 << n_uses.bit_length() // 2  # rows of about sqrt(n_uses): k = width * row + place
        heads = np.exp(1j * width * np.outer(np.arange(-(-n_uses // width)), omega)) * amplitudes
        row = np.exp(1j * np.outer(omega, np.arange(width)))
        return (heads @ row).reshape(-1)[:n_uses].astype(np.complex64)

    def gain_cdf(self, gain: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(|h|^2 <= gain), exponential of mean 1."""
        return -np.expm1(-np.asarray(gain, np.float64))
