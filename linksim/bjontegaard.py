"""Average distance of two quality curves, down (dB) and across (SNR or rate).

    gain   = 1/(x1 - x0) int_x0^x1 (a(x) - b(x)) dx        over the x that both curves span
    saving = 1/(y1 - y0) int_y0^y1 (x_b(y) - x_a(y)) dy    over the y that both curves span

Bjontegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001; the curves are
piecewise cubic Hermite (PCHIP) through the points, as JCT-VC and JVET practice has it since (the
paper's own cubic through four points swings between them). Rates enter as log10. Nothing is extrapolated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Average:
    """An average distance over the common range low..high (of x or of y); nan where there is none.

    note: one line on what the curves did not allow, or left out; empty if all is well.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    note: str = ""


def gain(x_a: ArrayLike, y_a: ArrayLike, x_b: ArrayLike, y_b: ArrayLike) -> Average:
    """How far curve a lies above curve b on average, in the unit of y. x, y: float [n] of each, in any order.

    Points that are not finite are left out; two of a curve are needed, at different x (ValueError if two
    share one).

    >>> gain([0, 5, 10], [23, 28, 33], [0, 5, 10], [20, 25, 30]).value
    3.0
    """
    a, b = _ordered(x_a, y_a), _ordered(x_b, y_b)
    return _average(a, b, "x", _left_out((x_a, y_a, a), (x_b, y_b, b)))


def saving(x_a: ArrayLike, y_a: ArrayLike, x_b: ArrayLike, y_b: ArrayLike) -> Average:
    """How much less x curve a needs for the same y on average, in the unit of x; arguments as for `gain`.

    A quality is reached at the least x where the curve attains it: points no higher than one before are
    passed over, so that a plateau or a dip of chance costs nothing, and the note tells how many they were.

    >>> saving([0, 5, 10], [20, 25, 30], [3, 8, 13], [20, 25, 30]).value
    3.0
    """
    a, b = _ordered(x_a, y_a), _ordered(x_b, y_b)
    notes = _left_out((x_a, y_a, a), (x_b, y_b, b))
    rising = [_records(x, y) for x, y in (a, b)]
    passed = sum(x.size for x, _ in (a, b)) - sum(x.size for x, _ in rising)
    if passed:
        notes = "; ".join(filter(None, [notes, f"not rising at {_count(passed)}, passed over"]))
    (xa, ya), (xb, yb) = rising
    return _average((yb, xb), (ya, xa), "quality", notes)


def bd_psnr(rate_a: ArrayLike, psnr_a: ArrayLike, rate_b: ArrayLike, psnr_b: ArrayLike) -> Average:
    """`gain` in dB of a over b at equal rate, averaged over log10 of the rate; its range is of rates."""
    found = gain(np.log10(rate_a), psnr_a, np.log10(rate_b), psnr_b)
    return Average(value=found.value, low=10**found.low, high=10**found.high, note=found.note)


def bd_rate(rate_a: ArrayLike, psnr_a: ArrayLike, rate_b: ArrayLike, psnr_b: ArrayLike) -> Average:
    """Rate that a needs beyond b's at equal quality, in percent: negative where a needs less.

    >>> round(bd_rate([1.1, 2.2, 4.4], [20, 25, 30], [1, 2, 4], [20, 25, 30]).value, 9)
    10.0
    """
    found = saving(np.log10(rate_a), psnr_a, np.log10(rate_b), psnr_b)
    return Average(value=100 * (10.0**-found.value - 1), low=found.low, high=found.high, note=found.note)


def _ordered(x: ArrayLike, y: ArrayLike) -> tuple[Points, Points]:
    """The finite points in order of x."""
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    finite = np.isfinite(xs) & np.isfinite(ys)
    order = np.argsort(xs[finite], kind="stable")
    xs, ys = xs[finite][order], ys[finite][order]
    if np.any(np.diff(xs) == 0):
        raise ValueError(f"x: must differ from point to point, got {xs[:-1][np.diff(xs) == 0][0]:g} twice")
    return xs, ys


def _left_out(*curves: tuple[ArrayLike, ArrayLike, tuple[Points, Points]]) -> str:
    n = sum(np.size(x) - kept[0].size for x, _, kept in curves)
    return f"not finite at {_count(n)}, left out" if n else ""


def _count(n: int) -> str:
    return f"{n} point" if n == 1 else f"{n} points"


def _records(x: Points, y: Points) -> tuple[Points, Points]:
    """The points that lie above all before them."""
    before = np.concatenate([[-np.inf], np.maximum.accumulate(y)[:-1]]) if y.size else y
    return x[y > before], y[y > before]


def _average(a: tuple[Points, Points], b: tuple[Points, Points], what: str, note: str) -> Average:
    """Mean of a - b over their common range, by the antiderivative of each piecewise cubic."""
    from scipy.interpolate import PchipInterpolator

    if min(a[0].size, b[0].size) < 2:
        told = "a curve has fewer than two points that can be used"
        return Average(value=math.nan, note="; ".join(filter(None, [told, note])))
    low, high = max(a[0][0], b[0][0]), min(a[0][-1], b[0][-1])
    if low >= high:
        spans = " and ".join(f"{each[0][0]:.4g} to {each[0][-1]:.4g}" for each in (a, b))
        return Average(value=math.nan, note=f"the curves have no {what} in common ({spans})")
    area_a, area_b = (float(PchipInterpolator(*each).integrate(low, high)) for each in (a, b))
    value = float((area_a - area_b) / (high - low))
    return Average(value=value, low=float(low), high=float(high), note=note)
