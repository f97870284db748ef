"""How sure a count or a mean is: exact intervals for rates, resampled ones for averages of pictures.

Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", 1934;
Efron, "Bootstrap methods: another look at the jackknife", 1979; Hesterberg, "What teachers should know about
the bootstrap", The American Statistician 69, 2015 (the expanded percentile interval); Cornish and Fisher,
"Moments and cumulants in the specification of distributions", 1938; Hall, "The bootstrap and Edgeworth
expansion", 1992, 3.4.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtr, stdtrit

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 0
"""Of the resampling of a table, so that one made twice is the same."""
LEAST = 6
"""Values that an interval of a mean takes: resampled means lie between the extremes, which n values spread
around their median with probability 1 - 2^(1 - n) alone; five are short of 95 %.
"""
DRAWS_AT_ONCE = 1 << 20
"""Most values drawn at one time, so that memory stays small whatever the number of trials."""

MANY, SKEW = 1000, 0.2
"""Values from which on resampled means are not drawn, if their skewness is at most so large."""


def clopper_pearson(
    errors: ArrayLike, n: ArrayLike, confidence: float = CONFIDENCE
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Limits (low, high) of a rate of which `errors` in `n` trials were seen; they broadcast, float64 [...].

    The true rate lies within with at least the confidence, at every n. Without trials it may be anything.

        low = B(a/2; e, n - e + 1),  high = B(1 - a/2; e + 1, n - e),  B the beta quantile, a = 1 - confidence

    >>> low, high = clopper_pearson(0, 100)
    >>> float(low), round(float(high), 6)
    (0.0, 0.036217)
    """
    e, n = np.broadcast_arrays(np.asarray(errors, np.float64), np.asarray(n, np.float64))
    tail = (1 - confidence) / 2
    low = np.where(e > 0, betaincinv(np.maximum(e, 1), n - e + 1, tail), 0.0)
    high = np.where(e < n, betaincinv(e + 1, np.maximum(n - e, 1), 1 - tail), 1.0)
    return low, high


def student_half_width(deviation: float, n: int, confidence: float = CONFIDENCE) -> float:
    """Half the width of Student's interval of a mean: t(1 - a/2; n - 1) s / sqrt(n), a = 1 - confidence.

    deviation: the sample's, s, with n - 1. Below two values it is nan.

    >>> round(student_half_width(2.0, 100), 4)
    0.3968
    """
    if n < 2:
        return math.nan
    return float(stdtrit(n - 1, (1 + confidence) / 2)) * deviation / math.sqrt(n)


def bootstrap_mean(
    values: ArrayLike,
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """Expanded percentile interval (low, high) of the mean of float64 [n], drawn anew with replacement.

    The percentiles, Phi(+-sqrt(n/(n-1)) t(1 - a/2; n - 1)), lie further out than the confidence's own:
    resampled means spread less than means by sqrt(1 - 1/n), and how far is known from the n values alone.

    Of many values the percentiles are computed and not drawn, see `_expanded`.

    What is not finite is a ValueError: an average over it says nothing. One value alone has an interval of no
    width, none at all has (nan, nan).
    """
    data = np.asarray(values, np.float64)
    if not np.isfinite(data).all():
        raise ValueError("values: must be finite; leave out infinite PSNRs and missing MS-SSIMs")
    if data.size < 2:
        mean = float(data[0]) if data.size else float("nan")
        return mean, mean
    out = student_half_width(1, data.size, confidence) * data.size / math.sqrt(data.size - 1)
    if (expanded := _expanded(data, out)) is not None:
        return expanded
    rows = max(1, DRAWS_AT_ONCE // data.size)
    means = np.concatenate(
        [
            data[rng.integers(0, data.size, (min(rows, resamples - start), data.size))].mean(axis=1)
            for start in range(0, resamples, rows)
        ]
    )
    low, high = np.quantile(means, [ndtr(-out), ndtr(out)])
    return float(low), float(high)


def _expanded(data: NDArray[np.float64], out: float) -> tuple[float, float] | None:
    """Percentiles Phi(-out), Phi(out) of resampled means of many values, by Cornish and Fisher's expansion.

    A mean of n draws from the values has their mean m and known cumulants: deviation s / sqrt(n), skewness
    g = g1 / sqrt(n), excess k = g2 / n. Its percentile at z normal deviations is

        m + s / sqrt(n) (z + g (z^2 - 1) / 6 + k (z^3 - 3 z) / 24 - g^2 (2 z^3 - 5 z) / 36)

    to less than what 2000 drawn means wander. None where values are few, or a few of them make the mean.
    """
    if data.size < MANY:
        return None
    if np.ptp(data) == 0:
        return float(data[0]), float(data[0])
    away = data - data.mean()
    spread = math.sqrt(float(np.mean(away**2)))
    g = float(np.mean((away / spread) ** 3)) / math.sqrt(data.size)
    k = (float(np.mean((away / spread) ** 4)) - 3) / data.size
    if abs(g) > SKEW:
        return None
    z = np.array([-out, out])
    far = z + g * (z**2 - 1) / 6 + k * (z**3 - 3 * z) / 24 - g**2 * (2 * z**3 - 5 * z) / 36
    low, high = data.mean() + spread / math.sqrt(data.size) * far
    return float(low), float(high)


def mean_interval(values: ArrayLike) -> tuple[float, float, float]:
    """(mean, low, high) of float64 [n], those that are nan left out: what tables tell of a metric.

    The interval is `bootstrap_mean`'s with a fixed seed; nan below LEAST values or around an infinite mean.
    """
    data = np.asarray(values, np.float64)
    data = data[~np.isnan(data)]
    low = high = math.nan
    if data.size >= LEAST and np.isfinite(data).all():
        low, high = bootstrap_mean(data, np.random.default_rng(SEED))
    return float(data.mean()) if data.size else math.nan, low, high
