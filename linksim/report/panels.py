"""Panels of lines with their intervals, as figures of one column: marks, ticks, decades, and the legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from linksim.errors import LinksimError
from linksim.report.curves import Axis, Curve
from linksim.report.style import (
    COLOURS,
    COLUMN,
    COLUMN_DPI,
    COLUMN_RC,
    DARK,
    DASHES,
    MARKERS,
    figure,
    save,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".pdf", ".svg")
WIDTH = COLUMN
"""Of a figure, inches."""
TICK_LETTERS = 36
"""Letters of ticks that fit side by side."""
LEGEND_LETTERS, LEGEND_HANDLE, LEGEND_LINE = 62, 9, 0.17
"""Letters of a line of the legend, those that an entry takes beside its label, and how high it is."""
STYLES = {"all trials": "-", "delivered": "--", "eavesdropper": ":"}


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What a panel shows. columns: of the table, by the name of their line style; percent: a rate.

    log: drawn over decades, from what is above 0.
    """

    name: str
    label: str
    columns: dict[str, str]
    percent: bool = False
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve, and how it is drawn: its number gives its colour and marker, its kind its dashes."""

    curve: Curve
    label: str
    number: int
    kind: str


def check_ending(out: Path) -> None:
    """LinksimError for a file that no figure is written to."""
    if out.suffix.lower() not in SUFFIXES:
        raise LinksimError("--out", f"must end in {', '.join(SUFFIXES)}", str(out), "as compared.png")


def draw_panels(
    panels: Sequence[tuple[Quantity, Sequence[Line]]],
    axis: Axis,
    x_label: str,
    outs: Sequence[Path],
    title: str = "",
) -> None:
    """Panels under each other, with one axis and one legend, as every file of `outs`."""
    import matplotlib

    with matplotlib.rc_context(COLUMN_RC):
        all_lines = [line for _, lines in panels for line in lines]
        drawn = figure(WIDTH, 0.4 + 1.9 * len(panels) + legend_height(all_lines))
        places = drawn.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (quantity, lines) in zip(places, panels, strict=True):
            panel(axes, lines, quantity, axis)
            ticks(axes, axis)
            axes.set_xlabel(x_label)
            axes.label_outer()
        places[0].set_title(title, loc="left")
        legend(drawn, all_lines, axis)
        for out in outs:
            save(drawn, out, COLUMN_DPI)


def panel(axes: Axes, lines: Sequence[Line], quantity: Quantity, axis: Axis) -> None:
    """The lines of a quantity, with its name beside them."""
    alone = len({line.kind for line in lines}) == 1
    for line in lines:
        joined = axis.numeric and len(axis.places) > 1
        _draw(axes, line, 100 if quantity.percent else 1, joined, alone, quantity.log)
    axes.set_ylabel(quantity.label)
    if quantity.log:
        decades(axes)
        for line in lines:
            _noughts(axes, line)
    if quantity.percent:
        top = min(103.0, axes.get_ylim()[1])
        axes.set_ylim(-0.03 * top, top)


def _noughts(axes: Axes, line: Line) -> None:
    """What is exactly 0, which has no place on a logarithmic axis: at its foot, under a 0."""
    place = axes.get_xaxis_transform()
    for x in line.curve.x[line.curve.y == 0]:
        colour = COLOURS[line.number % len(COLOURS)]
        look = {"color": colour, "marker": "v", "markerfacecolor": "white", "linestyle": "none"}
        axes.plot([x], [0.03], transform=place, zorder=3, **look)
        told = {"xytext": (0, 4), "textcoords": "offset points", "ha": "center", "fontsize": 6.5}
        axes.annotate("0", (x, 0.03), xycoords=place, color=colour, **told)


def decades(axes: Axes) -> None:
    """A logarithmic axis with ticks as 1e-03, for no text of a figure is read as mathematics."""
    from matplotlib.ticker import LogFormatter

    axes.set_yscale("log", nonpositive="clip")
    axes.yaxis.set_major_formatter(LogFormatter())
    axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))


def _draw(axes: Axes, line: Line, scale: float, joined: bool, alone: bool, log: bool) -> None:
    """The line with its interval as a band; where points are not joined, markers with bars."""
    curve, colour = line.curve, COLOURS[line.number % len(COLOURS)]
    y, low, high = scale * curve.y, scale * curve.low, scale * curve.high
    if log:
        y = np.where(y > 0, y, np.nan)
    if line.kind == "all trials" and joined and len(curve.x) > 1:
        axes.fill_between(curve.x, low, high, color=colour, alpha=0.14, linewidth=0)
    elif line.kind == "all trials":
        axes.vlines(curve.x, low, high, color=colour, alpha=0.5)
    axes.plot(curve.x, y, **look(line.number, line.kind, joined, alone))


def look(
    number: int, kind: str, joined: bool, alone: bool = False, colour: str | None = None
) -> dict[str, Any]:
    """Colour, dashes and markers: filled for all trials, hollow for those delivered, a cross for Eve.

    Where colours come round again, each takes another marker and other dashes.
    alone: no other kind is drawn, so that dashes tell the numbers apart.
    """
    turn, place = divmod(number, len(COLOURS))
    colour = colour or COLOURS[place]
    style = DASHES[(place + turn) % len(DASHES)] if alone else STYLES[kind]
    return {
        "color": colour,
        "linestyle": style if joined else "none",
        "marker": "x" if kind == "eavesdropper" else MARKERS[(place + turn) % len(MARKERS)],
        "markerfacecolor": "white" if kind == "delivered" else colour,
        "zorder": 3 if kind == "all trials" else 2.5,
    }


def ticks(axes: Axes, axis: Axis) -> None:
    """Where the points are, unless they are many or close; slanted where their names are long."""
    from matplotlib.ticker import NullLocator

    places = sorted(axis.places.values())
    if axis.decades:
        if places[0] > 0:
            axes.set_xscale("log")
        else:
            axes.set_xscale("symlog", linthresh=places[1], linscale=0.5)
        axes.xaxis.set_minor_locator(NullLocator())
    if not axis.measured and (axis.decades or not axis.crowded):
        axes.set_xticks(list(axis.places.values()), list(axis.places))
    if not axis.numeric and sum(map(len, axis.places)) > TICK_LETTERS:
        axes.tick_params("x", labelrotation=20)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
    if len(axis.places) == 1 and not axis.measured:
        axes.set_xlim(places[0] - 1, places[0] + 1)


def legend(drawn: Figure, lines: Sequence[Line], axis: Axis) -> None:
    """Under the panels: which colour is which run or setting, and which look is of all trials, or whose."""
    from matplotlib.lines import Line2D

    joined = axis.numeric and len(axis.places) > 1
    kinds = list(dict.fromkeys(line.kind for line in lines))
    alone = len(kinds) == 1
    looks = {line.label: look(line.number, "all trials", joined, alone) for line in lines if line.label}
    colour = DARK if looks else COLOURS[0]
    if not alone:
        looks |= {kind: look(0, kind, joined, colour=colour) for kind in kinds}
    if looks:
        handles = [Line2D([], [], label=label, **drawn_as) for label, drawn_as in looks.items()]
        drawn.legend(handles=handles, loc="outside lower center", ncols=_columns(list(looks)))


def legend_height(lines: Sequence[Line], rows: int = 0) -> float:
    """Inches that a legend of these lines takes beyond so many rows."""
    kinds = list(dict.fromkeys(line.kind for line in lines))
    labels = list(dict.fromkeys(line.label for line in lines if line.label))
    labels += kinds if len(kinds) > 1 else []
    return LEGEND_LINE * max(0, -(-len(labels) // _columns(labels)) - rows)


def _columns(labels: Sequence[str]) -> int:
    """Of a legend with these."""
    return max(1, min(len(labels), LEGEND_LETTERS // (max(map(len, labels), default=0) + LEGEND_HANDLE)))
