"""Average gains of one system's curve over another's, with intervals from resampled trials.

The trials of each picture are drawn anew, one fewer than there are (Rao and Wu, "Resampling inference with
complex survey data", 1988: so the spread comes out unbiased, also from few), the same ones for both systems
and at every point where they share draws; pictures instead where one was sent once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from linksim.bjontegaard import Average, bd_psnr, bd_rate, gain, saving
from linksim.intervals import CONFIDENCE, SEED
from linksim.report.fields import SNR, USES
from linksim.sides import TRIAL, Compared, Side, shares_draws

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = 400
Matrix = NDArray[np.float64]
GAIN, SAVING, RATE = "gain", "saving", "rate"


@dataclass(frozen=True, kw_only=True)
class Gain:
    """An average over two curves. axis: the field that runs along them; values: the others', by field.

    kind: GAIN in the metric at equal axis; at equal metric SAVING of SNR in dB, or RATE beyond the other's
    in percent. low, high: the 95 % interval of the average's value, nan where there is none. note: what
    the curves, or the resampled ones, did not allow.
    """

    axis: str
    values: Mapping[str, Any]
    kind: str
    average: Average
    low: float
    high: float
    note: str


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """A curve by its trials. x: float64 [points]; values: float64 [points, draws], nan if there is none."""

    x: Matrix
    values: Matrix

    def means(self, weights: Matrix) -> Matrix:
        """float64 [resamples, points] for weights [resamples, draws]; inf where a value is."""
        known = ~np.isnan(self.values)
        finite = np.where(np.isfinite(self.values), self.values, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (weights @ finite.T) / (weights @ known.T.astype(float))
        return np.where(np.isinf(self.values).any(axis=1), np.inf, means)


def gains(a: Side, b: Side, metric: Compared) -> list[Gain]:
    """Of every two curves over the SNR, or over a bandwidth ratio, that are alike in what both sweep besides.

    A rate is what the ledger counted, channel uses per source sample. Pictures that one side alone was sent
    are left out.
    """
    both = list(dict.fromkeys([SNR, *(name for name in a.fields if name in b.fields)]))
    found = []
    for axis in (name for name in both if name == SNR or name.endswith(USES)):
        for values, left, right in _curves(a, b, [name for name in both if name != axis]):
            if min(left["point_index"].nunique(), right["point_index"].nunique()) > 1:
                found += _gains(axis, values, (left, right), metric, shares_draws(a, b, left, right))
    return found


def _curves(
    a: Side, b: Side, alike: Sequence[str]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]]:
    """(setting, rows of a, rows of b), over the pictures that both were sent."""
    pictures = set(a.rows["sha256"]) & set(b.rows["sha256"])
    sides = []
    for side, other in ((a, b), (b, a)):
        rows = side.rows[side.rows["sha256"].isin(pictures)]
        own = [name for name in side.fields if name not in other.fields and name != SNR]
        keys = [*alike, *own]
        groups = rows.groupby(keys, dropna=False, sort=False) if keys else [((), rows)]
        sides.append([(dict(zip(keys, key, strict=True)), group) for key, group in groups])
    for one, left in sides[0]:
        for two, right in sides[1]:
            if all(one[name] == two[name] for name in alike):
                yield two | one, left, right


def _gains(
    axis: str,
    values: Mapping[str, Any],
    sides: tuple[pd.DataFrame, pd.DataFrame],
    metric: Compared,
    shared: bool,
) -> list[Gain]:
    draws = [_draws(rows) for rows in sides]
    if shared:
        draws = [sorted({*draws[0], *draws[1]})] * 2
    rng = np.random.default_rng(SEED)
    weights = [_weights(draws[0], rng)]
    weights += [weights[0] if shared else _weights(draws[1], rng)]
    curves = [_sampled(rows, each, metric, axis) for rows, each in zip(sides, draws, strict=True)]
    over = {GAIN: gain, SAVING: saving} if axis == SNR else {GAIN: bd_psnr, RATE: bd_rate}
    return [
        _gain(axis, values, kind, of, curves, weights)
        for kind, of in over.items()
        if kind == GAIN or metric.better > 0
    ]


def _gain(
    axis: str,
    values: Mapping[str, Any],
    kind: str,
    of: Callable[..., Average],
    curves: Sequence[Sampled],
    weights: Sequence[Matrix],
) -> Gain:
    a, b = curves
    once = [curve.means(np.ones((1, curve.values.shape[1])))[0] for curve in curves]
    average = of(a.x, once[0], b.x, once[1])
    low, high, note = math.nan, math.nan, average.note
    if not math.isnan(average.value) and len(weights[0]):
        again = zip(*(curve.means(each) for curve, each in zip(curves, weights, strict=True)), strict=True)
        found = np.array([of(a.x, one, b.x, two).value for one, two in again])
        if np.isfinite(found).all():
            tail = (1 - CONFIDENCE) / 2
            low, high = map(float, np.quantile(found, [tail, 1 - tail]))
        else:
            none = f"no interval: {np.isnan(found).mean():.0%} of the resampled curves have no average"
            note = "; ".join(filter(None, [note, none.replace("%", " %")]))
    return Gain(axis=axis, values=values, kind=kind, average=average, low=low, high=high, note=note)


def _draws(rows: pd.DataFrame) -> list[tuple[str, int]]:
    """(picture, trial) of every draw, sorted."""
    return sorted(set(rows[TRIAL].itertuples(index=False, name=None)))


def _sampled(rows: pd.DataFrame, draws: Sequence[tuple[str, int]], metric: Compared, axis: str) -> Sampled:
    place = {draw: n for n, draw in enumerate(draws)}
    told = metric.values(rows)
    points = [part for _, part in rows.groupby("point_index", sort=True)]
    values = np.full((len(points), len(draws)), np.nan)
    for n, part in enumerate(points):
        columns = [place[draw] for draw in part[TRIAL].itertuples(index=False, name=None)]
        values[n, columns] = told[part.index]
    x = [
        part[SNR].iloc[0] if axis == SNR else part["n_uses"].sum() / part["samples"].sum() for part in points
    ]
    return Sampled(x=np.array(x, float), values=values)


def _weights(draws: Sequence[tuple[str, int]], rng: np.random.Generator) -> Matrix:
    """float64 [resamples, draws]: how often each counts; no resamples where there is nothing to draw from."""
    pictures = np.array([picture for picture, _ in draws])
    names, sizes = np.unique(pictures, return_counts=True)
    if sizes.min() > 1:
        parts = [rng.multinomial(n - 1, np.full(n, 1 / n), RESAMPLES) * (n / (n - 1)) for n in sizes]
        return np.concatenate(parts, axis=1)  # the draws are sorted by picture
    if names.size < 2:
        return np.empty((0, len(draws)))
    counts = rng.multinomial(names.size - 1, np.full(names.size, 1 / names.size), RESAMPLES)
    return counts[:, np.searchsorted(names, pictures)].astype(float)
