"""What a transmitter's converter and amplifier do to analog symbols: clipping, and uniform quantisation.

    f(x) = Q(x min(1, A / |x|)),   sent: f(x) / sqrt(P) = beta x + d,   E d x^* = 0,   E|d|^2 = 1 - beta^2

A is the largest amplitude, in terms of the symbols' rms of 1; Q rounds each real dimension to the middles of
2^b steps that share [-A, A]. For x ~ CN(0, 1) alpha = E f(x) x^* and P = E|f(x)|^2 are known at both ends,
and beta = alpha / sqrt(P). Bussgang, "Crosscorrelation functions of amplitude-distorted Gaussian signals",
1952; of the clipper alone, Ochiai and Imai, "Performance analysis of deliberately clipped OFDM signals", IEEE
Trans. Commun. 50, 2002, eqs. (9), (14):

    alpha = 1 - exp(-A^2) + sqrt(pi) A / 2 erfc(A),   P = 1 - exp(-A^2)
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

LEAST_CLIP_DB, MOST_CLIP_DB = -10.0, 40.0
MOST_DAC_BITS = 12
"""Bits from which on rounding is below what float32 and any channel leave."""
ANGLES = 1024
"""Of the quadrature over the symbol's phase."""


@dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """clip_db: A^2 over the symbols' mean power of 1, in dB; None is linear. dac_bits: b; None rounds not.

    The receiver takes the symbols as complex Gaussian. Mean power is 1 for such symbols, before and after;
    heavier tails leave with less, and lighter ones, which sqrt(P) would lift above 1, are held at 1.
    """

    clip_db: float | None = None
    dac_bits: int | None = None

    def __post_init__(self) -> None:
        if self.clip_db is not None and not LEAST_CLIP_DB <= self.clip_db <= MOST_CLIP_DB:
            raise ValueError(
                f"clip_db: must lie between {LEAST_CLIP_DB:g} and {MOST_CLIP_DB:g} dB over the mean power, "
                f"got {self.clip_db:g}; leave it out for a linear transmitter"
            )
        if self.dac_bits is not None and not 1 <= self.dac_bits <= MOST_DAC_BITS:
            raise ValueError(
                f"dac_bits: must be 1 to {MOST_DAC_BITS} a real dimension, got {self.dac_bits}; "
                "leave it out for a converter without rounding"
            )
        if self.dac_bits is not None and self.clip_db is None:
            raise ValueError(
                f"dac_bits: needs clip_db, the range of the converter, got {self.dac_bits} alone; "
                "add clip_db: 9"
            )

    @property
    def beta(self) -> float:
        """Amplitude of what is sent that is still the symbol, 1 where nothing is distorted."""
        return 1.0 if self.clip_db is None else _bussgang(self.clip_db, self.dac_bits)[0]

    @property
    def distortion(self) -> float:
        """E|d|^2 = 1 - beta^2, uncorrelated with the symbols."""
        return max(0.0, 1.0 - self.beta**2)

    def drive(self, x: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """What leaves the antenna of symbols complex64 [n] of mean power 1: complex64 [n], of at most 1."""
        if self.clip_db is None:
            return x
        most = 10 ** (self.clip_db / 20)
        size = np.abs(x).astype(np.float64)
        clipped = x * (most / np.maximum(size, most))
        if self.dac_bits is not None:
            clipped = _rounded(clipped.real, most, self.dac_bits) + 1j * _rounded(
                clipped.imag, most, self.dac_bits
            )
        scale = _bussgang(self.clip_db, self.dac_bits)[1]
        rms = float(np.sqrt(np.mean(np.abs(clipped) ** 2))) if x.size else 0.0
        return (clipped / max(scale, rms)).astype(np.complex64)

    def snr(self, snr: float) -> float:
        """beta^2 / (1 / snr + 1 - beta^2): the symbols' own over noise and distortion, all linear."""
        return self.beta**2 / (1 / snr + self.distortion)


def _rounded(x: NDArray[np.float64], most: float, bits: int) -> NDArray[np.float64]:
    """The middle of each value's step, of 2^bits steps from -most to most."""
    step, half = 2 * most / 2**bits, 2 ** (bits - 1)
    return (np.clip(np.floor(x / step), -half, half - 1) + 0.5) * step


@lru_cache(maxsize=256)
def _bussgang(clip_db: float, bits: int | None) -> tuple[float, float]:
    """beta and sqrt(P) for complex Gaussian symbols.

    Of the converter, at a phase t: the value of Re f is (k + 1/2) D from Re x = k D on, so |x| = k D / cos t,
    with P(|x| > r) = exp(-r^2) and E[|x|; |x| > r] = r exp(-r^2) + sqrt(pi) / 2 erfc(r).
    """
    most = 10 ** (clip_db / 20)
    if bits is None:
        alpha = 1 - np.exp(-(most**2)) + np.sqrt(np.pi) * most / 2 * erfc(most)
        power = 1 - np.exp(-(most**2))
        return float(alpha / np.sqrt(power)), float(np.sqrt(power))
    step, k = 2 * most / 2**bits, np.arange(1, 2 ** (bits - 1))[:, None]
    cosine = np.cos((np.arange(ANGLES) + 0.5) * np.pi / (2 * ANGLES))
    start = k * step / cosine
    start = np.where(start <= most, start, np.inf)  # beyond the clipper's amplitude no step is reached
    beyond = np.exp(-(start**2))
    mean = np.where(np.isfinite(start), start, 0) * beyond + np.sqrt(np.pi) / 2 * erfc(start)
    alpha = 2 * np.mean(cosine * step * (np.sqrt(np.pi) / 4 + mean.sum(axis=0)))
    power = 2 * step**2 * np.mean(0.25 + (2 * k * beyond).sum(axis=0))
    return float(alpha / np.sqrt(power)), float(np.sqrt(power))
