"""The ratio of two systems' means, as of their mean squared errors, how sure it is, and averages of many.

With a, b the values of a trial on both sides and r = mean(a) / mean(b), small changes of the values move

    ln r  by  the mean of  u = a / mean(a) - b / mean(b)                              (Taylor, at the means)

so the interval of ln r is that of the mean of u, which is 0 (Cochran, "Sampling Techniques", 1977, 6.4), and
that of r is r exp(+-half). An average of the ratios of several points moves by the mean of their r u, trial
by trial: points that met the same draws are not taken for so many experiments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from linksim.paired import Difference, paired, unpaired
from linksim.sides import TRIAL, Compared, Pair, by_picture, kept

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A ratio of means, or an average of such. low, high: its 95 % interval over the fades that these
    pictures may meet, or over pictures like them where each was sent once, as like_low and like_high always
    are. n: trials; points: of the average.
    """

    value: float
    low: float
    high: float
    like_low: float
    like_high: float
    n: int
    points: int = 1


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A point's ratio, and by how much each trial of either side moves its logarithm.

    a, b: by draw (picture, trial), float64; their sums over all draws are 1, or 0 where the mean is 0.
    """

    value: float
    values: Mapping[str, Any]
    a: pd.Series
    b: pd.Series
    shared: bool


def moved(pair: Pair, metric: Compared) -> Moved | None:
    """Of the trials, or pictures, where both sides have a finite value; None where the ratio is none."""
    a, b = kept(pair, metric)
    if not len(a):
        return None
    parts = [_weighted(values, pair.shared) for values in (a, b)]
    mean_a, mean_b = (float(part.sum()) for part in parts)
    if not mean_b > 0:
        return None
    one, two = (part / mean if mean > 0 else part for part, mean in zip(parts, (mean_a, mean_b), strict=True))
    return Moved(value=mean_a / mean_b, values=pair.values, a=one, b=two, shared=pair.shared)


def _weighted(values: pd.Series, shared: bool) -> pd.Series:
    """Each value over how many there are: of all trials, or of its picture, where pictures count alike."""
    if shared:
        return values / len(values)
    pictures = values.groupby(level=TRIAL[0])
    return values / pictures.transform("size") / pictures.ngroups


def ratio(point: Moved) -> Ratio:
    """The ratio of one point, with the interval of its logarithm."""
    return _ratio([point], logarithmic=point.value > 0)


def average(points: Sequence[Moved]) -> Ratio:
    """The mean of the points' ratios, with an interval that knows which trials they share."""
    return _ratio(points, logarithmic=all(point.value > 0 for point in points))


def _ratio(points: Sequence[Moved], logarithmic: bool) -> Ratio:
    value = float(np.mean([point.value for point in points]))
    found = _spread(points)
    ends = []
    for half in (found.half_width, found.like):
        if logarithmic:
            ends += [value * math.exp(sign * half / value) for sign in (-1, 1)]
        else:
            ends += [float(np.maximum(0.0, value - half)), value + half]
    low, high, like_low, like_high = ends
    return Ratio(
        value=value,
        low=low,
        high=high,
        like_low=like_low,
        like_high=like_high,
        n=found.n,
        points=len(points),
    )


def _spread(points: Sequence[Moved]) -> Difference:
    """Of the mean ratio: what every draw moves it by, summed over the points that met it."""
    sides = []
    for of in (lambda point: point.a, lambda point: point.b):
        parts = [of(point) * (point.value / len(points)) for point in points]
        sides.append(_summed(parts))
    a, b = sides
    if all(point.shared for point in points):
        draws = (a.sub(b, fill_value=0.0)) * len(a.index.union(b.index))
        return paired(by_picture(draws))
    counts = [side.groupby(level=TRIAL[0]).transform("size") for side in sides]
    pictures = a.index.get_level_values(0).nunique()
    one, two = (by_picture(side * count * pictures) for side, count in zip(sides, counts, strict=True))
    return unpaired(one, two)


def _summed(parts: Sequence[pd.Series]) -> pd.Series:
    import pandas as pd

    return parts[0] if len(parts) == 1 else pd.concat(parts).groupby(level=TRIAL, sort=True).sum()


def between(one: Moved, two: Moved, part: float) -> Moved:
    """Of a against the point so far between two of b's, straight in logarithms. part: 0 is `one`."""
    a, b = ((x * (1 - part)).add(y * part, fill_value=0.0) for x, y in ((one.a, two.a), (one.b, two.b)))
    value = one.value ** (1 - part) * two.value**part
    return Moved(value=value, values=one.values, a=a, b=b, shared=one.shared and two.shared)


def grouped(
    points: Sequence[Moved], over: Sequence[str], key: Callable[[Any], Hashable]
) -> list[tuple[Mapping[str, Any], list[Moved]]]:
    """The points by their settings of the fields that are not averaged over, in order."""
    found: dict[Hashable, tuple[Mapping[str, Any], list[Moved]]] = {}
    for point in points:
        rest = {name: value for name, value in point.values.items() if name not in over}
        found.setdefault(tuple(map(key, rest.values())), (rest, []))[1].append(point)
    return list(found.values())
