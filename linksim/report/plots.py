"""Curves over the swept variable: PSNR, MS-SSIM and outage of one run, or of several on one figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from linksim.errors import LinksimError
from linksim.report.curves import Curve, Series, read_series
from linksim.report.style import COLOURS, MARKERS, RC, figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".png", ".pdf", ".svg")
X_LABELS = {"snr_db": "SNR, Es/N0 (dB)"}


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What a figure shows: a column of the table, and for PSNR the eavesdropper's beside it."""

    column: str
    label: str
    file: str
    eavesdropped: str | None = None
    percent: bool = False


PSNR = Quantity(column="psnr_db", label="PSNR (dB)", file="psnr", eavesdropped="eve_psnr_db")
MS_SSIM = Quantity(column="ms_ssim_db", label="MS-SSIM (dB)", file="ms_ssim")
OUTAGE = Quantity(column="outage_rate", label="outage rate (%)", file="outage", percent=True)
QUANTITIES = (PSNR, MS_SSIM, OUTAGE)


def write_figures(folder: Path) -> None:
    """figures/psnr.png and .pdf, ms_ssim.png, outage.png of a run."""
    import matplotlib

    series = read_series(folder)
    with matplotlib.rc_context(RC):
        for quantity in QUANTITIES:
            if not any(np.isfinite(curve.y).any() for curve in series.curves(quantity.column)):
                continue
            drawn = figure(6.0, 4.0)
            _panel(drawn.subplots(), [series], quantity)
            drawn.axes[0].set_title(series.name, loc="left")
            save(drawn, folder / "figures" / f"{quantity.file}.png")
            if quantity is PSNR:
                save(drawn, folder / "figures" / f"{quantity.file}.pdf")


def plot_runs(runs: Sequence[Path], out: Path) -> Path:
    """Several runs on one figure, one panel a quantity; `out` once it is there.

    Raises LinksimError where a folder is no run, the runs are swept over different fields, or the ending is
    none of .png, .pdf, .svg.
    """
    import matplotlib

    if out.suffix.lower() not in SUFFIXES:
        raise LinksimError("--out", f"must end in {', '.join(SUFFIXES)}", str(out), "as compared.png")
    every = [read_series(run, name) for run, name in zip(runs, _labels(runs), strict=True)]
    if len(variables := sorted({series.variable for series in every})) > 1:
        told = "must be swept over the same field"
        raise LinksimError("plot", told, " and ".join(variables), "plot them apart")
    shown = [
        q for q in QUANTITIES if any(q.column in s.table and s.table[q.column].notna().any() for s in every)
    ]
    with matplotlib.rc_context(RC):
        drawn = figure(6.4, 1.2 + 2.9 * len(shown))
        panels = drawn.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
        for panel, quantity in zip(panels, shown, strict=True):
            _panel(panel, every, quantity, legend=panel is panels[0])
            panel.label_outer()
        save(drawn, out)
    return out


def _labels(runs: Sequence[Path]) -> list[str | None]:
    """The runs' own names, and their folders' where two are called alike."""
    from linksim.results import read_manifest

    names = [read_manifest(run)["name"] for run in runs]
    return [None if names.count(name) == 1 else str(run) for name, run in zip(names, runs, strict=True)]


def _panel(axes: Axes, every: Sequence[Series], quantity: Quantity, legend: bool = True) -> None:
    """The quantity of every series on one pair of axes; the eavesdropper's dashed, in the same colour."""
    alone = len(every) == 1
    drawn = 0
    for series in every:
        curves = series.curves(quantity.column, "receiver" if alone and quantity.eavesdropped else None)
        overheard = (
            series.curves(quantity.eavesdropped, "eavesdropper" if alone else f"{series.name}, eavesdropper")
            if quantity.eavesdropped
            else []
        )
        for n, curve in enumerate(curves):
            _line(axes, curve, drawn, quantity.percent)
            if n < len(overheard):
                _line(axes, overheard[n], drawn, quantity.percent, dashed=True)
            drawn += 1
    axes.set_xlabel(X_LABELS.get(every[0].variable, every[0].variable))
    axes.set_ylabel(quantity.label)
    _ticks(axes, every)
    if quantity.percent:
        axes.set_ylim(-3, 103)
    if legend and len(axes.lines) > 1:
        axes.legend(loc="best")


def _line(axes: Axes, curve: Curve, number: int, percent: bool, dashed: bool = False) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    scale = 100 if percent else 1
    y, low, high = scale * curve.y, scale * curve.low, scale * curve.high
    fill = "white" if dashed else colour
    axes.fill_between(curve.x, low, high, color=colour, alpha=0.10 if dashed else 0.16, linewidth=0)
    if len(curve.x) == 1:
        spread = np.nan_to_num([y - low, high - y])
        axes.errorbar(curve.x, y, yerr=spread, color=colour, capsize=3, fmt="none")
    axes.plot(
        curve.x,
        y,
        "--" if dashed else "-",
        color=colour,
        marker=marker,
        markerfacecolor=fill,
        label=curve.label,
    )


def _ticks(axes: Axes, every: Sequence[Series]) -> None:
    """Ticks where the points are, while there are few; their names where they are no numbers."""
    from linksim.report.curves import positions

    labels = {}
    for series in every:
        values = series.table[series.variable]
        labels |= dict(zip(positions(values), values, strict=True))
    if len(labels) <= 12:
        told = [f"{value:g}" if isinstance(value, float) else str(value) for value in labels.values()]
        axes.set_xticks(list(labels), told)
