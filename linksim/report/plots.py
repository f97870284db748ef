"""Curves over the swept variable: PSNR, MS-SSIM and outage of one run, or of several on one figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linksim.errors import LinksimError
from linksim.manifest import read_manifest
from linksim.report.curves import Axis, Curve, Series, axis_over, read_series, variable
from linksim.report.fields import SNR, short_names
from linksim.report.lines import tells_mse
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
WIDTH, HEIGHT = COLUMN, 2.5
"""Of a figure, inches."""
MOST_TICKS, TICK_LETTERS = 12, 36
"""Steps of the axis as wide as a number's tick, and letters that fit side by side."""
LEGEND_LETTERS = 62


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


PSNR = Quantity(
    name="psnr",
    label="PSNR (dB)",
    columns={"all trials": "psnr_db", "delivered": "psnr_delivered_db", "eavesdropper": "eve_psnr_db"},
)
MS_SSIM = Quantity(name="ms_ssim", label="MS-SSIM (dB)", columns={"all trials": "ms_ssim_db"})
OUTAGE = Quantity(name="outage", label="outage rate (%)", columns={"all trials": "outage_rate"}, percent=True)
MSE = Quantity(name="mse", label="mean squared error", columns={"all trials": "mse"}, log=True)
QUANTITIES = (PSNR, MSE, MS_SSIM, OUTAGE)
STYLES = {"all trials": "-", "delivered": "--", "eavesdropper": ":"}


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve, and how it is drawn: its number gives its colour and marker, its kind its dashes."""

    curve: Curve
    label: str
    number: int
    kind: str


def write_figures(folder: Path) -> list[Path]:
    """figures/psnr, mse, ms_ssim and outage of a run as .png and .pdf, those of which something is known."""
    import matplotlib

    series, written = read_series(folder), []
    axis = axis_over([series], variable([series]) or SNR)
    with matplotlib.rc_context(COLUMN_RC):
        for quantity in QUANTITIES:
            lines = _lines([series], quantity, axis, tuple(quantity.columns))
            if not lines:
                continue
            drawn = figure(WIDTH, HEIGHT)
            axes = drawn.subplots()
            _panel(axes, lines, quantity, axis)
            _x_axis(axes, axis, [series])
            _legend(drawn, lines, axis)
            axes.set_title(series.name, loc="left")
            for suffix in (".png", ".pdf"):
                save(drawn, path := folder / "figures" / f"{quantity.name}{suffix}", COLUMN_DPI)
                written.append(path)
    return written


def plot_runs(runs: Sequence[Path], out: Path) -> Path:
    """Several runs on one figure, a colour a run and setting, a panel a quantity; `out` once it is there.

    Raises LinksimError where a folder is no run, the runs are swept over different fields, or the ending is
    none of .png, .pdf, .svg.
    """
    import matplotlib

    if out.suffix.lower() not in SUFFIXES:
        raise LinksimError("--out", f"must end in {', '.join(SUFFIXES)}", str(out), "as compared.png")
    every = [read_series(run, name) for run, name in zip(runs, _names(runs), strict=True)]
    field = variable(every)
    if field is None:
        swept = " and ".join(sorted({", ".join(series.fields) for series in every}))
        raise LinksimError("plot", "must be swept over the same field", swept, "plot them apart")
    axis = axis_over(every, field)
    every_panel = [(quantity, _lines(every, quantity, axis, ("all trials",))) for quantity in QUANTITIES]
    panels = [(quantity, lines) for quantity, lines in every_panel if lines]
    with matplotlib.rc_context(COLUMN_RC):
        drawn = figure(WIDTH, 0.5 + 1.75 * len(panels))
        places = drawn.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (quantity, lines) in zip(places, panels, strict=True):
            _panel(axes, lines, quantity, axis)
            _x_axis(axes, axis, every)
            axes.label_outer()
        _legend(drawn, panels[-1][1], axis)
        save(drawn, out, COLUMN_DPI)
    return out


def _names(runs: Sequence[Path]) -> list[str | None]:
    """The runs' own names, and their folders' where two are called alike."""
    names = [read_manifest(run)["name"] for run in runs]
    return [None if names.count(name) == 1 else str(run) for name, run in zip(names, runs, strict=True)]


def _lines(every: Sequence[Series], quantity: Quantity, axis: Axis, kinds: Sequence[str]) -> list[Line]:
    """All curves of a quantity. Where nothing was lost, what was delivered is no line of its own.

    A run and setting has one number in every quantity, also in one that does not know it. The mean squared
    error has curves where it tells what no PSNR does.
    """
    if quantity is MSE and not any(tells_mse(s.table) and (s.table["mse"] > 0).any() for s in every):
        return []
    lines, number = [], 0
    for series in every:
        settings = series.curves("outage_rate", axis)
        lossless = not series.table["outages"].any()
        for kind in kinds:
            for n, curve in enumerate(series.curves(quantity.columns[kind], axis)):
                label = ", ".join(filter(None, (series.name if len(every) > 1 else "", curve.label)))
                if not (kind == "delivered" and lossless):
                    lines.append(Line(curve=curve, label=label, number=number + n, kind=kind))
        number += len(settings)
    return lines


def _panel(axes: Axes, lines: Sequence[Line], quantity: Quantity, axis: Axis) -> None:
    alone = len({line.kind for line in lines}) == 1
    for line in lines:
        joined = axis.numeric and len(axis.places) > 1
        _draw(axes, line, 100 if quantity.percent else 1, joined, alone)
    axes.set_ylabel(quantity.label)
    if quantity.log:
        _decades(axes)
    if quantity.percent:
        top = min(103.0, axes.get_ylim()[1])
        axes.set_ylim(-0.03 * top, top)


def _decades(axes: Axes) -> None:
    """A logarithmic axis with ticks as 1e-03, for no text of a figure is read as mathematics."""
    from matplotlib.ticker import LogFormatter

    axes.set_yscale("log", nonpositive="mask")
    axes.yaxis.set_major_formatter(LogFormatter())
    axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))


def _draw(axes: Axes, line: Line, scale: float, joined: bool, alone: bool) -> None:
    """The line with its interval as a band; where points are not joined, markers with bars."""
    curve, colour = line.curve, COLOURS[line.number % len(COLOURS)]
    y, low, high = scale * curve.y, scale * curve.low, scale * curve.high
    if line.kind == "all trials" and joined and len(curve.x) > 1:
        axes.fill_between(curve.x, low, high, color=colour, alpha=0.14, linewidth=0)
    elif line.kind == "all trials":
        axes.vlines(curve.x, low, high, color=colour, alpha=0.5)
    axes.plot(curve.x, y, **_look(line.number, line.kind, joined, alone))


def _look(
    number: int, kind: str, joined: bool, alone: bool = False, colour: str | None = None
) -> dict[str, Any]:
    """Colour, dashes and markers: filled for all trials, hollow for those delivered, a cross for Eve.

    alone: no other kind is drawn, so that dashes tell the numbers apart.
    """
    colour = colour or COLOURS[number % len(COLOURS)]
    style = DASHES[number % len(DASHES)] if alone else STYLES[kind]
    return {
        "color": colour,
        "linestyle": style if joined else "none",
        "marker": "x" if kind == "eavesdropper" else MARKERS[number % len(MARKERS)],
        "markerfacecolor": "white" if kind == "delivered" else colour,
        "zorder": 3 if kind == "all trials" else 2.5,
    }


def _x_axis(axes: Axes, axis: Axis, every: Sequence[Series]) -> None:
    """Ticks where the points are, unless they are many or close; slanted where their names are long."""
    short = short_names(sorted({name for series in every for name in series.fields}))
    axes.set_xlabel("SNR, Es/N0 (dB)" if axis.field == SNR else short[axis.field])
    places = sorted(axis.places.values())
    close = any((b - a) * MOST_TICKS < places[-1] - places[0] for a, b in pairwise(places))
    if not axis.numeric or not close:
        axes.set_xticks(list(axis.places.values()), list(axis.places))
    if not axis.numeric and sum(map(len, axis.places)) > TICK_LETTERS:
        axes.tick_params("x", labelrotation=20)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
    if len(axis.places) == 1:
        axes.set_xlim(places[0] - 1, places[0] + 1)


def _legend(drawn: Figure, lines: Sequence[Line], axis: Axis) -> None:
    """Under the panels: which colour is which run or setting, and which look is of all trials, or whose."""
    from matplotlib.lines import Line2D

    joined = axis.numeric and len(axis.places) > 1
    kinds = list(dict.fromkeys(line.kind for line in lines))
    alone = len(kinds) == 1
    looks = {line.label: _look(line.number, "all trials", joined, alone) for line in lines if line.label}
    colour = DARK if looks else COLOURS[0]
    if not alone:
        looks |= {kind: _look(0, kind, joined, colour=colour) for kind in kinds}
    if looks:
        columns = max(1, min(len(looks), LEGEND_LETTERS // (max(map(len, looks)) + 6)))
        handles = [Line2D([], [], label=label, **look) for label, look in looks.items()]
        drawn.legend(handles=handles, loc="outside lower center", ncols=columns)
