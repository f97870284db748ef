"""What `linksim compare` says of a metric whose ratio is told: point by point, averaged, or at equal cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from linksim.errors import LinksimError
from linksim.estimates import Metric, chosen
from linksim.gathered import resolve
from linksim.ratios import Moved, Ratio, average, between, grouped, moved, ratio
from linksim.report.fields import SNR, number, setting, short_names, value_text
from linksim.sides import Compared, Pair, Side

if TYPE_CHECKING:
    import pandas as pd

ALIKE = 1e-9
"""Part by which two costs may differ that are one."""
Sides = tuple[Side, Side]
RATIO_NOTE = "Ratios are of means over trials; their intervals know which fades and noise the points share."


@dataclass(frozen=True, kw_only=True)
class Told:
    """A ratio, and the settings that it is of. span: what an average is over, by field."""

    values: Mapping[str, Any]
    ratio: Ratio
    span: Mapping[str, str]


def each_point(pairs: Sequence[Pair], metric: Compared) -> list[Moved]:
    """The points of which a ratio can be told."""
    return [point for point in (moved(pair, metric) for pair in pairs) if point is not None]


def left_out(count: int, sides: Sides) -> list[str]:
    """A note of pairs of points without a ratio, if there are any."""
    pairs = f"{count} pair{'s' * (count != 1)} of points"
    return [f"{pairs}, where {sides[1].label} makes no error, have no ratio."] if count else []


def crossed(sides: Sides) -> list[str]:
    """A note where each side is swept over a field that the other has not: no average is of like and like."""
    a, b = ([name for name in one.fields if name not in two.fields] for one, two in (sides, sides[::-1]))
    if not a or not b:
        return []
    return [
        "Each has a sweep of its own: every point meets every other; --along uses sets them at equal cost."
    ]


def mean_over(points: Sequence[Moved], over: Sequence[str]) -> list[Told]:
    """The mean ratio over fields, by their last words: one of each setting of the other fields."""
    fields = list(dict.fromkeys(name for point in points for name in point.values))
    names = [resolve(word, fields, "--over") for word in over]
    told = []
    for values, own in grouped(points, names, value_text):
        told.append(Told(values=values, ratio=average(own), span=_span(own, names)))
    return told


def each_told(points: Sequence[Moved]) -> list[Told]:
    """Every point by itself."""
    return [Told(values=point.values, ratio=ratio(point), span={}) for point in points]


def overall(points: Sequence[Moved]) -> Told:
    """The mean ratio over all points, and what they are over."""
    fields = list(dict.fromkeys(name for point in points for name in point.values))
    return Told(values={}, ratio=average(points), span=_span(points, fields))


def _span(points: Sequence[Moved], names: Sequence[str]) -> dict[str, str]:
    """'0 to 20' of each field that differs among the points."""
    told = {}
    for name in names:
        known = (value for value in (point.values.get(name) for point in points) if value == value)
        values = list({value_text(value): value for value in known}.values())
        numbers = [number(value) for value in values]
        if len(values) > 1:
            ends = sorted(values, key=lambda value: number(value) or 0.0) if None not in numbers else values
            many = f"{value_text(ends[0])} to {value_text(ends[-1])}"
            told[name] = many if None not in numbers else f"{len(values)} values"
    return told


def at_equal(
    pairs: Sequence[Pair], sides: Sides, metric: Compared, word: str
) -> tuple[list[Moved], list[str]]:
    """Each point of a against b's curve at the same value of a measured column; and what was left out.

    Between two points of b's its mean runs straight in logarithms. LinksimError where b is no one curve.
    """
    a, b = sides
    measured = _measured(sides, word)
    own = [name for name in b.fields if name not in a.fields and name != SNR]
    if len(own) > 1:
        rule = f"needs one curve of {b.label}, which is swept over {' and '.join(own)}"
        raise LinksimError("--along", rule, None, "compare a run that is swept over one of them")
    curves: dict[int, list[Pair]] = {}
    for pair in pairs:
        curves.setdefault(int(pair.a["point_index"].iloc[0]), []).append(pair)
    found, beyond = [], 0
    for curve in curves.values():
        at = measured[0].of(curve[0].a)[0]
        met = _met(curve, at, measured[1], metric)
        if met is None:
            beyond += 1
            continue
        values = {name: value for name, value in met.values.items() if name not in own}
        found.append(replace(met, values={measured[0].column: float(f"{at:.6g}")} | values))
    notes = [f"{b.label} between two of its points: a straight line in logarithms."]
    if beyond:
        notes.append(f"{beyond} points of {a.label} lie where {b.label} has no {measured[0].title}.")
    return found, notes


def _measured(sides: Sides, word: str) -> list[Metric]:
    """The column that a word names, of each side."""
    found: list[Metric] = []
    for side in sides:
        try:
            (metric,) = chosen([word], side.rows, "--along")
        except ValueError:
            raise LinksimError("--along", "must be one column", word, "as uses or codec.eta") from None
        except LinksimError as error:
            if not found:
                raise
            rule = f"was not measured of {side.label}"
            raise LinksimError("--along", rule, word, "name what both have, as uses") from error
        found.append(metric)
    return found


def _met(curve: Sequence[Pair], at: float, column: Metric, metric: Compared) -> Moved | None:
    """a's point against b's curve where its column is `at`; None beyond its ends."""
    placed = sorted(((column.of(pair.b)[0], n) for n, pair in enumerate(curve)))
    x = np.array([place for place, _ in placed])
    inside = x.size and x[0] * (1 - ALIKE) <= at <= x[-1] * (1 + ALIKE)
    if not inside:
        return None
    below = max(0, int(np.searchsorted(x * (1 - ALIKE), at, side="right")) - 1)
    one = moved(curve[placed[below][1]], metric)
    if one is None or below + 1 == x.size or at <= x[below] * (1 + ALIKE):
        return one
    two = moved(curve[placed[below + 1][1]], metric)
    return two and between(one, two, float((at - x[below]) / (x[below + 1] - x[below])))


def sentence(told: Told, sides: Sides, place: str) -> str:
    """'at 5 dB: A's MSE is 0.26 [0.25, 0.27] of B's', or of an average over points."""
    a, b = sides
    found = told.ratio
    where = [f"on average over {found.points} points"] if found.points > 1 else []
    spans = [_spanned(name, span, told.span) for name, span in told.span.items()]
    where += [f"at {place}"] if place else []
    head = ", ".join([*where, *spans])
    return f"{head}{': ' * bool(head)}{a.label}'s MSE is {of_b(found)} of {b.label}'s"


def of_b(found: Ratio) -> str:
    """'0.262 [0.255, 0.269]'."""
    interval = "" if np.isnan(found.low) else f" [{found.low:.3g}, {found.high:.3g}]"
    return f"{found.value:.3g}{interval}"


def _spanned(name: str, span: str, spans: Mapping[str, str]) -> str:
    return f"{span} dB" if name == SNR else f"{short_names(list(spans))[name]} {span}"


def frame(every: Sequence[Told], sides: Sides, metric: Compared) -> pd.DataFrame:
    """A line a ratio, with every digit."""
    import pandas as pd

    a, b = sides
    return pd.DataFrame(
        [
            dict(told.values)
            | {"a": a.label, "b": b.label, "metric": metric.column, "points": told.ratio.points}
            | {"trials": told.ratio.n}
            | columns(told.ratio)
            for told in every
        ]
    )


def columns(found: Ratio) -> dict[str, float]:
    """A ratio as columns of a table."""
    ends = {"ratio_low": found.low, "ratio_high": found.high}
    like = {"ratio_like_low": found.like_low, "ratio_like_high": found.like_high}
    return {"ratio": found.value} | ends | like


def places(settings: Sequence[Mapping[str, Any]], always: Sequence[str] = ()) -> list[str]:
    """'5 dB, k_factor 3' of each: the fields that differ among them, the SNR without its name."""
    names = list(dict.fromkeys(name for values in settings for name in values))
    told = [
        name for name in names if name in always or len({str(values.get(name)) for values in settings}) > 1
    ]
    short = short_names(told)
    return [
        ", ".join(
            setting(SNR, values[name]).removeprefix("SNR ")
            if name == SNR
            else setting(short[name], values[name])
            for name in told
            if values.get(name) is not None and values[name] == values[name]
        )
        for values in settings
    ]
