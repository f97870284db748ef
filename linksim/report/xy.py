"""A figure of two columns that its reader chose: what was swept or measured, over what was swept or measured.

gathered points -> lines, each a system and a setting of the fields that do not run along it -> panels
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from linksim.errors import LinksimError
from linksim.estimates import METRICS, Metric, chosen, hint, numbers
from linksim.gathered import SYSTEM, Gathered, NotRun, in_step, resolve, usual_field
from linksim.intervals import mean_interval
from linksim.report.curves import Axis, Curve
from linksim.report.fields import SNR, number, setting, short_names, value_text
from linksim.report.lines import tells_mse
from linksim.report.panels import Line, Quantity, draw_panels
from linksim.report.plots import QUANTITIES

if TYPE_CHECKING:
    import pandas as pd

    from linksim.report.asked import Asked

TRIAL = ["run", "image_index", "trial"]
"""Columns that name a trial, in whichever points it was run."""
DECADES = 100.0
"""Largest over smallest value from which on a quantity of unknown kind is drawn over decades."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point: its swept values by field, its rows, and what lies from left to right there.

    merged: it is several points at one x, whose trials share their draws.
    """

    values: Mapping[str, Any]
    rows: pd.DataFrame
    x: Any
    merged: bool = False

    def estimate(self, metric: Metric) -> tuple[float, float, float]:
        """The metric with its interval; of merged points a mean over them first, trial by trial."""
        if self.merged and metric.column == metric.needs:
            return mean_interval(self.rows.groupby(TRIAL, sort=False)[metric.needs].mean())
        return metric.of(self.rows)


@dataclass(frozen=True, kw_only=True)
class Along:
    """What lies from left to right: a swept field, or a metric's estimate at each point."""

    name: str
    label: str
    metric: Metric | None = None

    def point(self, values: Mapping[str, Any], rows: pd.DataFrame) -> Point:
        """The point, with its x, which is None or nan where its system has none."""
        if self.metric is not None:
            return Point(values=values, rows=rows, x=self.metric.of(rows)[0])
        return Point(values=values, rows=rows, x=rows[SNR].iloc[0] if self.name == SNR else values[self.name])


def draw_curves(
    runs: Sequence[Path], gathered: Gathered, asked: Asked, outs: Sequence[Path], title: str = ""
) -> None:
    """Of the trials that were gathered, a panel each of y. LinksimError where a column is not known."""
    along = _along(asked.x, gathered)
    axis, groups = _groups(gathered, along, [resolve(word, gathered.fields, "--by") for word in asked.by])
    y = asked.y or (("mse",) if tells_mse(gathered.rows) else ("psnr",))
    panels = []
    for metric in chosen(y, gathered.rows, "--y"):
        lines = [line for line in _lines(groups, axis, metric) if np.isfinite(line.curve.y).any()]
        if lines:
            panels.append((_quantity(metric, lines), lines))
    if not panels:
        rule = f"has no point with {', '.join(y)} over {along.name}"
        raise NotRun("plot", rule, None, "choose other columns")
    draw_panels(panels, axis, along.label, outs, title)


def _along(word: str | None, gathered: Gathered) -> Along:
    """The swept field that a word means, or the measured column."""
    swept = list(dict.fromkeys([*gathered.fields, SNR]))
    if word is None:
        word = usual_field(gathered)
    hits = [name for name in swept if name == word] or [name for name in swept if name.endswith(f".{word}")]
    if len(hits) == 1:
        short = short_names(swept)[hits[0]]
        return Along(name=hits[0], label="SNR, Es/N0 (dB)" if hits[0] == SNR else short)
    if hits:
        raise LinksimError("--x", "must name one column", word, f"it may be {', '.join(hits)}")
    try:
        (metric,) = chosen([word], gathered.rows, "--x")
    except LinksimError as error:
        remedy = error.remedy if "measured" in error.rule else hint(word, [*swept, *columns(gathered)])
        raise LinksimError("--x", "must be a swept field, or a column", word, remedy) from error
    except ValueError:
        raise LinksimError("--x", "must be one column", word, "as uses or codec.eta") from None
    return Along(name=metric.column, label=_label(metric), metric=metric)


@dataclass(frozen=True, kw_only=True)
class Group:
    """The points of a line, in their order along it."""

    label: str
    points: Sequence[Point]


def _groups(gathered: Gathered, along: Along, by: Sequence[str]) -> tuple[Axis, list[Group]]:
    """Where the points lie, and they as lines: one a system and setting of `by`, or of what is not along.

    With `by` a line is the mean over all other fields.
    """
    every = [along.point(values, rows) for values, rows in gathered.points()]
    points = [point for point in every if point.x is not None and point.x == point.x]
    axis = _axis(along, points)
    systems = list(dict.fromkeys(point.values[SYSTEM] for point in points))
    short = short_names([name for name in gathered.fields if name != SYSTEM])
    found = []
    for system in systems:
        own = [point for point in points if point.values[SYSTEM] == system]
        fields = [name for name in short if len({_text(point.values[name]) for point in own}) > 1]
        runs = _moving(own, fields) if along.metric else _with(own, along.name, fields)
        apart = [name for name in (by or fields) if name in fields and (by or name not in runs)]
        lines: dict[tuple[str, ...], list[Point]] = {}
        for point in own:
            lines.setdefault(tuple(_text(point.values[name]) for name in apart), []).append(point)
        for key, each in lines.items():
            told = [setting(short[name], text) for name, text in zip(apart, key, strict=True) if text]
            label = ", ".join([system] * (len(systems) > 1) + told)
            if by and along.metric is None:
                each = _merged(each)
            found.append(Group(label=label, points=_ordered(each, axis, [] if by else runs)))
    return axis, found


def _text(value: Any) -> str:
    return "" if value is None or value != value else value_text(value)


def _axis(along: Along, points: Sequence[Point]) -> Axis:
    values = [point.x for point in points]
    numbers = [number(value) for value in values]
    if None not in numbers:
        at = dict(zip(map(value_text, values), numbers, strict=True))
        return Axis(field=along.name, places=at, numeric=True, measured=along.metric is not None)
    places = {text: float(n) for n, text in enumerate(dict.fromkeys(map(value_text, values)))}
    return Axis(field=along.name, places=places, numeric=False)


def _moving(points: Sequence[Point], fields: Sequence[str]) -> list[str]:
    """The swept field that moves x furthest while the others stay, with those that go in step with it."""
    told = {name: [_text(point.values[name]) for point in points] for name in fields}
    step = {name: [other for other in fields if in_step(told[name], told[other])] for name in fields}
    reach = {}
    for name in fields:
        rest = [other for other in fields if other not in step[name]]
        groups: dict[tuple[str, ...], list[float]] = {}
        for n, point in enumerate(points):
            groups.setdefault(tuple(told[other][n] for other in rest), []).append(point.x)
        reach[name] = sum(max(each) - min(each) for each in groups.values()) / len(groups)
    furthest = max(reach, key=lambda name: reach[name], default="")
    return step[furthest] if furthest and reach[furthest] > 0 else []


def _with(points: Sequence[Point], name: str, fields: Sequence[str]) -> list[str]:
    """A swept field, and those that go in step with it."""
    x = [_text(point.x) for point in points]
    return [
        name,
        *(
            each
            for each in fields
            if each != name and in_step(x, [_text(point.values[each]) for point in points])
        ),
    ]


def _merged(points: Sequence[Point]) -> list[Point]:
    """Those at one x as one point."""
    import pandas as pd

    at: dict[str, list[Point]] = {}
    for point in points:
        at.setdefault(_text(point.x), []).append(point)
    return [
        replace(each[0], rows=pd.concat([point.rows for point in each]), merged=True)
        if len(each) > 1
        else each[0]
        for each in at.values()
    ]


def _ordered(points: Sequence[Point], axis: Axis, runs: Sequence[str]) -> list[Point]:
    """By the field that runs along, if that is numbers, so that a line may turn back; else by x."""
    if axis.measured and runs:
        steps = [number(point.values[runs[0]]) for point in points]
        if None not in steps:
            return [points[n] for n in sorted(range(len(points)), key=lambda n: steps[n])]
    return sorted(points, key=lambda point: axis.places[value_text(point.x)])


def _lines(groups: Sequence[Group], axis: Axis, metric: Metric) -> list[Line]:
    lines = []
    for n, group in enumerate(groups):
        estimates = np.array([point.estimate(metric) for point in group.points], np.float64)
        y, low, high = estimates.T
        x = axis.of([point.x for point in group.points])
        curve = Curve(label=group.label, x=x, y=y, low=low, high=high)
        lines.append(Line(curve=curve, label=group.label, number=n, kind="all trials"))
    return lines


def _quantity(metric: Metric, lines: Sequence[Line]) -> Quantity:
    """How the metric is drawn: as in a run's own figures; of unknown kind, over decades if it spans two."""
    known = {name: each for each in QUANTITIES for name in each.columns.values()}
    values = np.concatenate([line.curve.y for line in lines])
    values = values[np.isfinite(values)]
    some = values[values > 0]
    wide = bool(values.min() >= 0 and some.size and some.max() > DECADES * some.min())
    own = known.get(metric.column)
    label = own.label if own and metric.column == own.columns["all trials"] else metric.title
    return Quantity(
        name=metric.column,
        label=label,
        columns={"all trials": metric.column},
        percent=metric.scale == 100,
        log=bool(some.size) and (own.log if own else wide),
    )


def _label(metric: Metric) -> str:
    return "channel uses per source sample" if metric.column == "bandwidth_ratio" else metric.title


def columns(gathered: Gathered) -> list[str]:
    """What was measured, by the names that `--x` and `--y` take."""
    return [*METRICS, *numbers(gathered.rows)]
