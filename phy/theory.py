"""Closed forms that simulations must meet: error rates, capacity, outage, distortion, estimation.

Every SNR here is linear, Es/N0 per complex channel use (g below); uncoded, Eb/N0 = g / bits per symbol.
"""

from collections.abc import Callable
from math import log2, log10, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import integrate, special


def q_function(x: ArrayLike) -> NDArray[np.float64]:
    """Q(x) = P(N(0, 1) > x) = erfc(x / sqrt 2) / 2.

    >>> float(q_function(0.0))
    0.5
    """
    return 0.5 * special.erfc(np.asarray(x, np.float64) / sqrt(2.0))


def ber_terms(bits_per_symbol: int) -> list[tuple[float, float]]:
    """Pairs (c, a) with BER = sum c Q(sqrt(a g)): BPSK, QPSK, and Gray-labelled square QAM.

    Exact for QAM: Cho and Yoon, IEEE Trans. Commun. 50(7), 2002. Bit k of an axis of L levels has
    P_k = (2/L) sum_i (-1)^floor(i 2^(k-1) / L) (2^(k-1) - floor(i 2^(k-1) / L + 1/2)) Q((2i+1) d),
    i < (1 - 2^-k) L, with d^2 = 3 g / (L^2 - 1), half the distance between levels over the noise's deviation.

    >>> ber_terms(1), ber_terms(2)
    ([(1.0, 2.0)], [(1.0, 1.0)])
    >>> [(c, round(a, 3)) for c, a in ber_terms(4)]
    [(0.75, 0.2), (0.5, 1.8), (-0.25, 5.0)]
    """
    if bits_per_symbol == 1:
        return [(1.0, 2.0)]
    if bits_per_symbol % 2:
        raise ValueError(
            f"bits_per_symbol: must be 1 or even, got {bits_per_symbol}; only square QAM has this form"
        )
    axis_bits = bits_per_symbol // 2
    levels = 1 << axis_bits
    weights: dict[int, float] = {}
    for k in range(1, axis_bits + 1):
        for i in range(levels - (levels >> k)):
            step = i * (1 << (k - 1))
            weight = (-1) ** (step // levels) * ((1 << (k - 1)) - (2 * step + levels) // (2 * levels))
            weights[i] = weights.get(i, 0.0) + 2.0 * weight / (levels * axis_bits)
    spacing = 3.0 / (levels**2 - 1)  # d^2 / g
    return [(c, (2 * i + 1) ** 2 * spacing) for i, c in weights.items() if c]


def ber_awgn(bits_per_symbol: int, snr: ArrayLike) -> NDArray[np.float64]:
    """Uncoded bit error rate over AWGN; 16QAM at Eb/N0 = 6 dB:

    >>> round(float(ber_awgn(4, 4 * 10**0.6)), 6)
    0.027871
    """
    snr = np.asarray(snr, np.float64)
    return np.sum([c * q_function(np.sqrt(a * snr)) for c, a in ber_terms(bits_per_symbol)], axis=0)


def ber_rayleigh(bits_per_symbol: int, snr: ArrayLike) -> NDArray[np.float64]:
    """Uncoded bit error rate over Rayleigh fading known to the receiver, mean SNR `snr`.

    E[Q(sqrt(a g |h|^2))] = (1 - sqrt(b / (1 + b))) / 2, b = a g / 2 (Proakis, Digital Communications).
    BPSK at 10 dB:

    >>> round(float(ber_rayleigh(1, 10.0)), 5)
    0.02327
    """
    snr = np.asarray(snr, np.float64)
    means = [(c, a * snr / 2) for c, a in ber_terms(bits_per_symbol)]
    return np.sum([c * 0.5 * (1 - np.sqrt(b / (1 + b))) for c, b in means], axis=0)


def ber_rician(bits_per_symbol: int, snr: float, k_factor: float) -> float:
    """Uncoded bit error rate over Rician fading known to the receiver, E|h|^2 = 1, K linear.

    E[Q(sqrt(a g |h|^2))] = (1/pi) int_0^{pi/2} M(-a g / (2 sin^2 t)) dt, with |h|^2's moment generating
    function M(s) = (1+K)/(1+K-s) exp(K s/(1+K-s)) (Simon and Alouini 2005, section 5.1).
    BPSK, K = 3, 8 dB; and K = 0, which is Rayleigh:

    >>> round(ber_rician(1, 10**0.8, 3.0), 5)
    0.0139
    >>> abs(ber_rician(4, 10.0, 0.0) - float(ber_rayleigh(4, 10.0))) < 1e-9
    True
    """

    def generating(s: float) -> float:
        return (1 + k_factor) / (1 + k_factor - s) * float(np.exp(k_factor * s / (1 + k_factor - s)))

    return _ber_faded(bits_per_symbol, snr, generating)


def ber_nakagami(bits_per_symbol: int, snr: float, m: float) -> float:
    """Uncoded bit error rate over Nakagami-m fading known to the receiver, E|h|^2 = 1.

    As `ber_rician`, with M(s) = (1 - s/m)^-m (Simon and Alouini 2005, table 2.2). m = 1 is Rayleigh:

    >>> abs(ber_nakagami(4, 10.0, 1.0) - float(ber_rayleigh(4, 10.0))) < 1e-9
    True
    """
    return _ber_faded(bits_per_symbol, snr, lambda s: (1 - s / m) ** -m)


def _ber_faded(bits_per_symbol: int, snr: float, generating: Callable[[float], float]) -> float:
    """Mean of `ber_awgn` over |h|^2 of that moment generating function, by Craig's form of Q."""

    def integrand(t: float, a: float) -> float:
        return generating(-a * snr / (2 * np.sin(t) ** 2)) / np.pi

    terms = ber_terms(bits_per_symbol)
    return float(
        sum(c * integrate.quad(integrand, 0.0, np.pi / 2, args=(a,), epsabs=1e-12)[0] for c, a in terms)
    )


def capacity_awgn(snr: float) -> float:
    """C = log2(1 + g), bits per complex channel use (Shannon 1948).

    >>> capacity_awgn(3.0)
    2.0
    """
    return log2(1.0 + snr)


def ergodic_capacity_rayleigh(snr: float) -> float:
    """E log2(1 + g |h|^2) = e^(1/g) E_1(1/g) / ln 2, bits per use; e^x E_1(x) = U(1, 1, x).

    >>> round(ergodic_capacity_rayleigh(10.0), 4)
    2.9065
    """
    return float(special.hyperu(1.0, 1.0, 1.0 / snr)) / float(np.log(2.0))


def outage_rayleigh(rate: float, snr: float) -> float:
    """P(log2(1 + g |h|^2) < R) = 1 - exp(-(2^R - 1)/g), R in bits per use.

    >>> round(outage_rayleigh(2.0, 10.0), 5)
    0.25918
    """
    return float(-np.expm1(-(2.0**rate - 1.0) / snr))


def outage_rician(rate: float, snr: float, k_factor: float) -> float:
    """P(log2(1 + g |h|^2) < R): 2 (1+K) |h|^2 is noncentral chi-square of 2 degrees and noncentrality 2 K.

    >>> abs(outage_rician(2.0, 10.0, 0.0) - outage_rayleigh(2.0, 10.0)) < 1e-12
    True
    """
    threshold = 2 * (1 + k_factor) * (2.0**rate - 1.0) / snr
    return float(special.chndtr(threshold, 2, 2 * k_factor))


def gaussian_distortion(snr: float, uses_per_symbol: float = 1.0) -> float:
    """Least squared error of a unit-variance complex Gaussian over AWGN: D = (1 + g)^-uses = 2^(-uses C).

    With one use per source symbol, uncoded symbols and LMMSE reach it (Goblick 1965).

    >>> gaussian_distortion(9.0)
    0.1
    """
    return (1.0 + snr) ** -uses_per_symbol


def analog_pixel_psnr_db(snr_db: float) -> float:
    """PSNR of unclipped pixels sent as x in [-1, 1] with noise variance 1/SNR: SNR + 20 log10 2.

    >>> round(analog_pixel_psnr_db(10.0), 2)
    16.02
    """
    return snr_db + 20 * log10(2.0)


def truncation_error(eigenvalues: ArrayLike, d: int) -> float:
    """Squared error of the best rank-d copy: the energy left out (Eckart and Young 1936).

    eigenvalues: variances l_i of the components, that is squared singular values, any order.

    >>> truncation_error([1.0, 5.0, 2.0], 1)
    3.0
    """
    return float(np.sort(np.asarray(eigenvalues, np.float64))[::-1][d:].sum())


def truncation_error_lmmse(eigenvalues: ArrayLike, d: int, noise_var: float) -> float:
    """The same with noise of that variance on each of the d kept components and LMMSE estimation of them.

    sum_{i <= d} l_i s^2 / (l_i + s^2) + sum_{i > d} l_i.

    >>> truncation_error_lmmse([4.0, 2.0, 1.0], 1, 4.0)
    5.0
    """
    kept = np.sort(np.asarray(eigenvalues, np.float64))[::-1][:d]
    return truncation_error(eigenvalues, d) + float((kept * noise_var / (kept + noise_var)).sum())


def least_squares_error(n_pilots: int, pilot_power: float, noise_var: float) -> float:
    """E|h^ - h|^2 = N0 / (n_p P_p) of a flat fade estimated by least squares on pilots.

    >>> least_squares_error(16, 1.0, 0.16)
    0.01
    """
    return noise_var / (n_pilots * pilot_power)
