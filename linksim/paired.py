"""The mean difference of two systems that met the same pictures, and how sure it is.

Trials of one picture share the picture, and every trial has a fade of its own. So there are two questions:

    these pictures      D = sum_i w_i m_i,   var D = sum_i w_i^2 s_i^2 / n_i
    pictures like them  the same D,          var D = I/(I - 1) sum_i w_i^2 (m_i - D)^2

with m_i, s_i the mean and deviation of picture i's n_i differences, w_i its share of the trials, I pictures.
The first is what another seed would bring on the same test set: strata, whose variances add (Cochran,
"Sampling Techniques", 1977, 5.3), with Student's quantile at the degrees of freedom of Welch and
Satterthwaite (1946). The second takes a picture as one draw, a cluster, whatever its trials (10.3), and is
never the narrower. A set of pictures is named in a paper and sent again by its reader, so the first is the
interval of a comparison; the second is told beside it, and stands in its place where a picture was sent once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.intervals import CONFIDENCE, student_half_width

Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A mean difference. these, like: half-widths of its 95 % intervals over the fades that these pictures
    may meet, and over pictures like them as well; nan where there are too few. n: trials; pictures: of them.
    """

    mean: float
    these: float
    like: float
    n: int
    pictures: int

    @property
    def half_width(self) -> float:
        """Over these pictures; over pictures like them where each was sent once."""
        return self.like if math.isnan(self.these) else self.these


def paired(differences: Sequence[Values]) -> Difference:
    """Of the differences float64 [n_i] of each picture, trial by trial over the same draw. None empty."""
    sizes, means, variances = _moments(differences)
    return _difference(means, variances, sizes - 1, sizes / sizes.sum(), int(sizes.sum()))


def unpaired(a: Sequence[Values], b: Sequence[Values]) -> Difference:
    """Of float64 [n_i] of each picture over some draws, and [m_i] over others; pictures count alike."""
    (n_a, mean_a, var_a), (n_b, mean_b, var_b) = _moments(a), _moments(b)
    n = int(min(n_a.sum(), n_b.sum()))
    shares = np.full(n_a.size, 1 / n_a.size)
    return _difference(mean_a - mean_b, var_a + var_b, n_a + n_b - 2, shares, n)


def _moments(parts: Sequence[Values]) -> tuple[Values, Values, Values]:
    """float64 [pictures] each: how many values, their mean, and its variance, nan of one value alone."""
    sizes = np.array([part.size for part in parts], np.float64)
    every, starts = np.concatenate(parts), np.append(0, np.cumsum(sizes)[:-1]).astype(int)
    means = np.add.reduceat(every, starts) / sizes
    squares = np.add.reduceat((every - np.repeat(means, sizes.astype(int))) ** 2, starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        return sizes, means, squares / (sizes - 1) / sizes


def _difference(means: Values, variances: Values, freedom: Values, shares: Values, n: int) -> Difference:
    mean, pictures = float(shares @ means), means.size
    parts = shares**2 * variances
    these = math.nan
    if parts.sum() == 0:
        these = 0.0
    elif np.isfinite(parts).all():
        these = _student(float(parts.sum()), float(parts.sum() ** 2 / (parts**2 / freedom).sum()))
    spread = float((shares**2 * (means - mean) ** 2).sum())
    like = student_half_width(math.sqrt(spread * pictures / max(1, pictures - 1) * pictures), pictures)
    like = max(like, these) if math.isfinite(like + these) else like  # pictures add to what fades do
    return Difference(mean=mean, these=these, like=like, n=n, pictures=pictures)


def _student(variance: float, freedom: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(variance)
