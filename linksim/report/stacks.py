"""A figure of losses: bars that climb from what a system reaches to what it would with one idealisation more.

    loss of step s = E[y of system s] - E[y of system s - 1],   trial by trial over the same draws

systems of a stack, in the order that the study tells -> steps with their intervals -> bars, and a CSV
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from linksim import disk
from linksim.errors import LinksimError
from linksim.estimates import Metric, chosen
from linksim.gathered import SYSTEM, Gathered, NotRun, resolve, usual_field
from linksim.paired import paired
from linksim.report.fields import SNR, setting, short_names, value_text
from linksim.report.panels import LEGEND_LINE
from linksim.report.style import COLOURS, COLUMN, COLUMN_DPI, COLUMN_RC, DARK, LIGHT, figure, save
from linksim.sides import TRIAL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from linksim.report.asked import Asked

BAR, HEIGHT, WIDEST = 0.42, 3.0, 7.16
"""Inches: a bar's place, the figure without its legend, and the width of a page of two columns."""
TOLD = 0.035
"""Part of the axis's height from which on a step has room for its number."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one idealisation wins. stack: the bar; x: the setting it stands at; start: the level before, as y
    has it; loss: the mean difference, below 0 where the idealisation costs; half_width: of its 95 % interval
    over the fades that these pictures may meet, see `linksim.paired`.
    """

    stack: str
    x: str
    name: str
    start: float
    loss: float
    half_width: float


def draw_stacks(gathered: Gathered, asked: Asked, outs: Sequence[Path], title: str = "") -> None:
    """The bars as every file of `outs`, and their steps as a CSV beside the first.

    NotRun where a system has no trial yet; LinksimError where a column is not known or is no mean.
    """
    import matplotlib

    metric = _metric(asked, gathered)
    field = resolve(asked.x, dict.fromkeys([*gathered.fields, SNR]), "--x") if asked.x else None
    field = field or usual_field(gathered)
    steps = steps_of(gathered, asked.stacks, asked.steps, metric, field)
    with matplotlib.rc_context(COLUMN_RC):
        bars = len({(step.stack, step.x) for step in steps})
        rows = -(-(len(asked.steps) + 1) // 3)
        drawn = figure(min(WIDEST, max(COLUMN, 0.8 + BAR * bars)), HEIGHT + LEGEND_LINE * rows)
        axes = drawn.subplots()
        _draw(axes, steps, field)
        axes.set_ylabel(metric.title)
        axes.set_title(title, loc="left", pad=16)  # above the settings of the groups
        drawn.legend(handles=_handles(asked.steps), loc="outside lower center", ncols=3)
        for out in outs:
            save(drawn, out, COLUMN_DPI)
    disk.write(table_beside(outs), _table(steps).to_csv(index=False).encode())


def table_beside(outs: Sequence[Path]) -> Path:
    """Where the steps of a figure are told as numbers."""
    return outs[0].with_suffix(".csv")


def steps_of(
    gathered: Gathered,
    stacks: Mapping[str, Sequence[str]],
    names: Sequence[str],
    metric: Metric,
    field: str = SNR,
) -> list[Step]:
    """Every step of every stack, bar by bar at each value of the field, in the order told.

    A stack is of the trials that all its systems have, so that its steps add up to what its last one reaches.
    """
    found = []
    for x in gathered.rows[field].dropna().unique():
        at = gathered.rows[gathered.rows[field] == x]
        for stack, systems in stacks.items():
            rows = _shared(stack, [_rows(at, system, field, x) for system in systems])
            for name, (before, after) in zip(names, pairwise(rows), strict=True):
                start, loss, half_width = _loss(before, after, metric)
                found.append(
                    Step(
                        stack=stack, x=value_text(x), name=name,
                        start=start, loss=loss, half_width=half_width,
                    )
                )  # fmt: skip
    return found


def _metric(asked: Asked, gathered: Gathered) -> Metric:
    (metric, *more) = chosen(asked.y or ("psnr",), gathered.rows, "--y")
    if more or metric.needs != metric.column:
        rule = "must be one column of stacks, which has a mean over the trials"
        raise LinksimError("--y", rule, ", ".join(asked.y), "as psnr")
    return metric


def _rows(at: pd.DataFrame, system: str, field: str, x: object) -> pd.DataFrame:
    rows = at[at[SYSTEM] == system]
    rows = rows.drop_duplicates(["point_index", *TRIAL])  # a picture may be there under two names
    if rows.empty:
        raise NotRun("plot", f"has no trial of {system} at {field}={value_text(x)}", None, "run it first")
    if rows.groupby(TRIAL).size().max() > 1:
        remedy = f"choose one of each by at:, all but {field}"
        raise LinksimError("--at", f"must leave one point of {system} at {field}", value_text(x), remedy)
    return rows.set_index(TRIAL)


def _shared(stack: str, systems: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Of each system the trials, by picture and number, that all have, in one order."""
    first, *more = systems
    there = [trial for trial in first.index if all(trial in rows.index for rows in more)]
    if not there:
        rule = "must name systems with a picture and a trial in common"
        raise LinksimError("stacks", rule, stack, "run them over the same pictures")
    return [rows.loc[there] for rows in systems]


def _loss(before: pd.DataFrame, after: pd.DataFrame, metric: Metric) -> tuple[float, float, float]:
    """(mean before, mean difference, half of its interval), trial by trial."""
    start, end = before[metric.needs], after[metric.needs]
    if not np.isfinite(start).all() or not np.isfinite(end).all():
        raise LinksimError("--y", "must be finite in every trial of a stack", metric.column, "draw mse")
    gains = (end - start).groupby(level=0)
    found = paired([gain.to_numpy(float) for _, gain in gains])
    return float(start.mean()), found.mean, found.half_width


def _table(steps: Sequence[Step]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([asdict(step) for step in steps])


def _draw(axes: Axes, steps: Sequence[Step], field: str) -> None:
    names = list(dict.fromkeys(step.name for step in steps))
    ends = [value for step in steps for value in (step.start, step.start + step.loss)]
    low, high = min(ends), max(ends)
    foot, top = low - 0.25 * (high - low or 1), high + 0.06 * (high - low or 1)
    places, at = {}, 0.0
    for x in dict.fromkeys(step.x for step in steps):
        for stack in dict.fromkeys(step.stack for step in steps):
            places[stack, x], at = at, at + 1
        at += 0.6
    for (stack, x), place in places.items():
        own = [step for step in steps if (step.stack, step.x) == (stack, x)]
        axes.bar(place, own[0].start - foot, bottom=foot, color=LIGHT, width=0.8)
        _tell(axes, place, (foot + own[0].start) / 2, f"{own[0].start:.1f}", DARK)
        for step in own:
            look = {"color": COLOURS[names.index(step.name) % len(COLOURS)], "edgecolor": "white"}
            if step.loss < 0:
                look |= {"hatch": "////", "width": 0.4}
            axes.bar(place, step.loss, bottom=step.start, **{"width": 0.8, "linewidth": 0.3} | look)
            if abs(step.loss) > TOLD * (top - foot):
                _tell(
                    axes,
                    place,
                    step.start + step.loss / 2,
                    f"{step.loss:.1f}",
                    DARK if step.loss < 0 else "white",
                )
    axes.set_ylim(foot, top)
    axes.grid(visible=False, axis="x")
    axes.set_xticks(list(places.values()), [stack for stack, _ in places])
    axes.tick_params("x", labelrotation=90, length=0)
    _settings(axes, places, field)


def _tell(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    behind = {"facecolor": "none" if colour == "white" else LIGHT, "edgecolor": "none", "pad": 0.8}
    axes.text(x, y, text, ha="center", va="center", fontsize=6.5, color=colour, bbox=behind)


def _settings(axes: Axes, places: Mapping[tuple[str, str], float], field: str) -> None:
    """Over each group of bars, the value that it stands at."""
    short = short_names([field])[field]
    for x in dict.fromkeys(x for _, x in places):
        middle = float(np.mean([place for (_, other), place in places.items() if other == x]))
        told = setting(field if field == SNR else short, x)
        axes.annotate(
            told, (middle, 1.0), xycoords=axes.get_xaxis_transform(), ha="center", va="bottom",
            xytext=(0, 2), textcoords="offset points", fontsize=7,
        )  # fmt: skip


def _handles(names: Sequence[str]) -> list[object]:
    from matplotlib.patches import Patch

    looks = {"reached": LIGHT} | {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}
    return [Patch(color=colour, label=name) for name, colour in looks.items()]
