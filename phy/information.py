"""What a constellation carries over AWGN: mutual information, its dispersion, bounds on codes that use it.

y = sqrt(g) x + n with n ~ CN(0, 1) and x uniform over the M points; g is linear, Es/N0 per channel use.
Expectations over the noise are Gauss-Hermite sums, over each axis apart where the labels are.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from phy.constellation import Constellation

Kind = Literal["bicm", "cm"]
"""'cm': I(X; Y), of a code over the points; 'bicm': the sum over bits of I(B_i; Y), of a binary code behind a
bitwise demapper (Caire, Taricco and Biglieri, IEEE Trans. Inf. Theory 44(3), 1998, eqs. 5 and 14)."""

LINE_NODES, PLANE_NODES = 160, 64
"""Gauss-Hermite nodes of noise on one axis, and of each axis of the plane: 1e-7 bits from twice as many."""
LEAST_WEIGHT = 1e-14
"""Noise less likely than this, of a pair of nodes, is left out."""
LEAST_DB, MOST_DB, STEP_DB = -30.0, 80.0, 0.4
"""Where the spline of `information_curve` has its knots, at most."""
VALUES_AT_ONCE = 1 << 20


def mutual_information(
    constellation: Constellation, snr: ArrayLike, kind: Kind = "bicm"
) -> NDArray[np.float64]:
    """Bits per channel use at SNR g >= 0 (linear), float64 of snr's shape, by quadrature: for few SNRs.

    cm: I = m - E log2 sum_j exp(|n|^2 - |sqrt(g) (x - x_j) + n|^2); bicm: the same with, for each bit i, the
    sum over all points divided by that over the points with the bit of x, I = m - sum_i E log2 (all / those).
    BPSK's capacity is 1/2 at Eb/N0 = 0.187 dB, Es/N0 = -2.823 dB:

    >>> from phy.constellation import CONSTELLATIONS
    >>> round(float(mutual_information(CONSTELLATIONS["bpsk"], 10**-0.2823)), 4)
    0.5
    """
    snr = np.asarray(snr, np.float64)
    values, index = np.unique(snr, return_inverse=True)
    return _moments(constellation, values, kind)[0][index].reshape(snr.shape)


def dispersion(constellation: Constellation, snr: ArrayLike, kind: Kind = "cm") -> NDArray[np.float64]:
    """Var i(X; Y), bits^2 per channel use at SNR g (linear), float64 of snr's shape.

    The variance of the information density of uniform independent points (Polyanskiy, Poor and Verdu, IEEE
    Trans. Inf. Theory 56(5), 2010, section IV), for 'bicm' of the sum of the bits' densities.
    """
    snr = np.asarray(snr, np.float64)
    values, index = np.unique(snr, return_inverse=True)
    return _moments(constellation, values, kind)[1][index].reshape(snr.shape)


def information_curve(
    constellation: Constellation, kind: Kind = "bicm"
) -> Callable[[ArrayLike], NDArray[np.float64]]:
    """g -> bits per channel use, for many SNRs at a time: a cubic spline through `mutual_information`.

    Within 1e-6 of the quadrature at every g >= 0.
    """
    return _curve(constellation, kind)


@lru_cache(maxsize=64)
def _curve(constellation: Constellation, kind: Kind) -> Callable[[ArrayLike], NDArray[np.float64]]:
    from scipy.interpolate import CubicSpline  # an eighth of the time to start linksim

    most = float(constellation.bits_per_symbol)
    knots_db, bits = [], []
    for knot_db in np.arange(LEAST_DB, MOST_DB, STEP_DB):
        knots_db.append(knot_db)
        bits.append(float(mutual_information(constellation, 10 ** (knot_db / 10), kind)))
        if bits[-1] > most - 1e-10:
            break
    knots = 10 ** (np.array(knots_db) / 10)
    spline = CubicSpline(knots_db, np.array(bits) / -np.expm1(-knots))  # g -> 0 leaves a constant

    def information(snr: ArrayLike) -> NDArray[np.float64]:
        snr = np.asarray(snr, np.float64)
        slope = spline(10 * np.log10(np.clip(snr, knots[0], knots[-1])))
        return np.clip(np.where(snr < knots[-1], slope * -np.expm1(-snr), most), 0.0, most)

    return information


def snr_of_information(constellation: Constellation, bits: float, kind: Kind = "bicm") -> float:
    """The SNR g (linear) at which the constellation carries so many bits a use; infinite if it never does."""
    if bits <= 0:
        return 0.0
    if bits >= constellation.bits_per_symbol:
        return float("inf")
    curve, low, high = information_curve(constellation, kind), -120.0, MOST_DB
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if curve(10 ** (middle / 10)) < bits else (low, middle)
    return 10 ** (high / 10)


def normal_approximation(
    constellation: Constellation, n_uses: float, k: int, snr: ArrayLike, kind: Kind = "cm"
) -> NDArray[np.float64]:
    """Block error rate of the best code of k bits in n uses, about: Q((n I - k + log2(n) / 2) / sqrt(n V)).

    Polyanskiy, Poor and Verdu, IEEE Trans. Inf. Theory 56(5), 2010, eq. 1 and section IV, with the
    constellation's own I and V. An approximation, not a bound; good from n of some hundred on.
    """
    snr = np.asarray(snr, np.float64)
    values, index = np.unique(snr, return_inverse=True)
    mean, variance = _moments(constellation, values, kind)
    excess = n_uses * mean - k + 0.5 * np.log2(n_uses)
    with np.errstate(divide="ignore"):
        rate = 0.5 * special.erfc(excess / np.sqrt(2 * n_uses * variance))
    return rate[index].reshape(snr.shape)


def _moments(
    constellation: Constellation, snr: NDArray[np.float64], kind: Kind
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of the information density at SNRs float64 [s]; the axes' add up where they can."""
    m, axes, points = constellation.bits_per_symbol, constellation.axis_levels, constellation.points
    if m == 1:  # two points: only their distance counts
        reach = float(np.abs(points[1] - points[0])) / 2
        return _density_moments(np.array([-reach, reach]), constellation.labels, *_line(), snr, kind)
    if axes is not None:
        each = []
        for levels, bits in zip(axes, constellation.axis_bits, strict=True):
            labels = constellation.labels[: len(levels), m - len(bits) :]
            each.append(_density_moments(levels, labels, *_line(), snr, kind))
        return each[0][0] + each[1][0], each[0][1] + each[1][1]
    return _density_moments(points, constellation.labels, *_plane(), snr, kind)


@lru_cache(maxsize=1)
def _line() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Noise on one axis of CN(0, 1), density e^{-x^2} / sqrt(pi), with its weights."""
    x, w = np.polynomial.hermite.hermgauss(LINE_NODES)
    return x, w / np.sqrt(np.pi)


@lru_cache(maxsize=1)
def _plane() -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Noise CN(0, 1) with its weights."""
    x, w = np.polynomial.hermite.hermgauss(PLANE_NODES)
    weights = np.multiply.outer(w, w) / np.pi
    kept = weights > LEAST_WEIGHT
    return (x[:, None] + 1j * x)[kept], weights[kept]


def _density_moments(
    points: NDArray,
    labels: NDArray[np.uint8],
    noise: NDArray,
    weights: NDArray[np.float64],
    snr: NDArray[np.float64],
    kind: Kind,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of i(x; y) in bits at each SNR, over points [M] (real or complex) and noise [q].

    The sent point's own term is at least e^{-|n|^2}, so that no sum of likelihoods vanishes.
    """
    mean, square = np.zeros(len(snr)), np.zeros(len(snr))
    for s, g in enumerate(snr):
        for sent, likelihood in _likelihoods(points, noise, np.sqrt(g)):
            total = likelihood.sum(axis=1)  # [c, q]
            if kind == "cm":
                density = np.log2(len(points) * np.exp(-(np.abs(noise) ** 2)) / total)
            else:
                density = np.zeros_like(total)
                for bit in labels.T:
                    alike = (bit[sent][:, None] == bit).astype(float)  # [c, M]
                    density += np.log2(2.0 * np.einsum("cmq,cm->cq", likelihood, alike) / total)
            mean[s] += (density @ weights).sum() / len(points)
            square[s] += (density**2 @ weights).sum() / len(points)
    return mean, np.maximum(square - mean**2, 0.0)


def _likelihoods(
    points: NDArray, noise: NDArray, amplitude: float
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """Sent points [c], a few at a time, and exp(-|a (x - x_j) + n|^2), float64 [c, M, q]."""
    step = max(1, VALUES_AT_ONCE // (len(points) * len(noise)))
    for start in range(0, len(points), step):
        sent = np.arange(start, min(start + step, len(points)))
        shift = amplitude * (points[sent][:, None] - points)
        yield sent, np.exp(-(np.abs(shift[:, :, None] + noise) ** 2))


def outage(
    constellation: Constellation,
    bits_per_use: float,
    snr: ArrayLike,
    gain_cdf: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    blocks: ArrayLike = (1.0,),
    kind: Kind = "bicm",
    levels: int = 1 << 12,
) -> NDArray[np.float64]:
    """P(sum_b w_b I(g |h_b|^2) < R), float64 of snr's shape: no code of R bits a use does better.

    Ozarow, Shamai and Wyner, IEEE Trans. Veh. Technol. 43(2), 1994, with the constellation's I.
    gain_cdf: P(|h|^2 <= gain), as channels know it. blocks: uses of each independent fade; w_b their shares.
    One block is exact, P(|h|^2 < I^-1(R) / g); several are convolved over `levels` steps of information, to
    about blocks / levels of R.
    """
    snr = np.asarray(snr, np.float64)
    shares = np.asarray(blocks, np.float64) / np.sum(blocks)
    needed = snr_of_information(constellation, bits_per_use, kind)
    if not np.isfinite(needed):
        return np.ones_like(snr)
    if len(shares) == 1:
        return np.asarray(gain_cdf(np.nextafter(needed / snr, 0.0)), np.float64)
    grid = np.linspace(0.0, constellation.bits_per_symbol, levels + 1)
    inverse = _snr_at(constellation, grid[1:-1], kind)
    rates = [_outage(bits_per_use, gain_cdf(inverse / g), shares, grid) for g in snr.reshape(-1)]
    return np.reshape(rates, snr.shape)


def _snr_at(constellation: Constellation, bits: NDArray[np.float64], kind: Kind) -> NDArray[np.float64]:
    """SNRs g at which the constellation carries `bits` [levels], rising: read off the curve."""
    dense = 10 ** (np.arange(LEAST_DB - 40, MOST_DB, 0.01) / 10)
    carried = information_curve(constellation, kind)(dense)
    rising = np.concatenate([[True], np.diff(np.maximum.accumulate(carried)) > 0])
    return np.interp(bits, np.maximum.accumulate(carried)[rising], dense[rising])


def _outage(
    rate: float, below: NDArray[np.float64], shares: NDArray[np.float64], grid: NDArray[np.float64]
) -> float:
    """P(sum of shares x information < rate), where P(I <= grid[1:-1]) = below, by convolution of the shares.

    A step's mass sits at its middle; each share's own steps are put onto the common ones, split between two.
    """
    mass = np.diff(np.concatenate([[0.0], below, [1.0]]))
    middle, step = (grid[1:] + grid[:-1]) / 2, grid[1] - grid[0]
    total = np.zeros(2 * len(mass))
    total[0] = 1.0
    spectrum = np.fft.rfft(total)
    for share in shares:
        place = share * middle / step
        low = np.floor(place).astype(int)
        one = np.zeros(2 * len(mass))
        np.add.at(one, low, mass * (1 - (place - low)))
        np.add.at(one, low + 1, mass * (place - low))
        spectrum = spectrum * np.fft.rfft(one)
    cumulative = np.concatenate([[0.0], np.cumsum(np.fft.irfft(spectrum))])
    return float(np.clip(np.interp(rate / step + 0.5, np.arange(len(cumulative)), cumulative), 0.0, 1.0))
