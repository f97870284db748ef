"""Curves over the swept variable: PSNR, MS-SSIM and outage of one run, or of several on one figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from linksim.errors import LinksimError
from linksim.manifest import read_manifest
from linksim.report.curves import Axis, Series, axis_over, read_series, variable
from linksim.report.fields import SNR, short_names
from linksim.report.lines import tells_mse
from linksim.report.panels import WIDTH, Line, Quantity, check_ending, legend, legend_height, panel, ticks
from linksim.report.style import COLUMN_DPI, COLUMN_RC, figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT, LEGEND_ROWS = 2.5, 2
"""Of a figure, inches, and how many rows of a legend that has room for; each more makes it higher."""
PSNR = Quantity(
    name="psnr",
    label="PSNR (dB)",
    columns={"all trials": "psnr_db", "delivered": "psnr_delivered_db", "eavesdropper": "eve_psnr_db"},
)
MS_SSIM = Quantity(name="ms_ssim", label="MS-SSIM (dB)", columns={"all trials": "ms_ssim_db"})
OUTAGE = Quantity(name="outage", label="outage rate (%)", columns={"all trials": "outage_rate"}, percent=True)
MSE = Quantity(name="mse", label="mean squared error", columns={"all trials": "mse"}, log=True)
QUANTITIES = (PSNR, MSE, MS_SSIM, OUTAGE)


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
            drawn = figure(WIDTH, HEIGHT + legend_height(lines, LEGEND_ROWS))
            axes = drawn.subplots()
            panel(axes, lines, quantity, axis)
            _x_axis(axes, axis, [series])
            legend(drawn, lines, axis)
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

    check_ending(out)
    every = [read_series(run, name) for run, name in zip(runs, _names(runs), strict=True)]
    field = variable(every)
    if field is None:
        swept = " and ".join(sorted({", ".join(series.fields) for series in every}))
        raise LinksimError("plot", "must be swept over the same field", swept, "plot them apart")
    axis = axis_over(every, field)
    every_panel = [(quantity, _lines(every, quantity, axis, ("all trials",))) for quantity in QUANTITIES]
    panels = [(quantity, lines) for quantity, lines in every_panel if lines]
    with matplotlib.rc_context(COLUMN_RC):
        drawn = figure(WIDTH, 0.5 + 1.75 * len(panels) + legend_height(panels[-1][1], LEGEND_ROWS))
        places = drawn.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (quantity, lines) in zip(places, panels, strict=True):
            panel(axes, lines, quantity, axis)
            _x_axis(axes, axis, every)
            axes.label_outer()
        legend(drawn, panels[-1][1], axis)
        save(drawn, out, COLUMN_DPI)
    return out


def _names(runs: Sequence[Path]) -> list[str | None]:
    """The runs' own names, and their folders' where two are called alike."""
    names = [read_manifest(run)["name"] for run in runs]
    return [None if names.count(name) == 1 else str(run) for name, run in zip(names, runs, strict=True)]


def _lines(every: Sequence[Series], quantity: Quantity, axis: Axis, kinds: Sequence[str]) -> list[Line]:
    """All curves of a quantity. Where nothing was lost, what was delivered is no line of its own.

    A run and setting has one number in every quantity, also in one that does not know it. A system that is
    not swept over the axis has no curve. The mean squared error has curves where it tells what no PSNR does.
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
                if np.isfinite(curve.x).any() and not (kind == "delivered" and lossless):
                    lines.append(Line(curve=curve, label=label, number=number + n, kind=kind))
        number += len(settings)
    return lines


def _x_axis(axes: Axes, axis: Axis, every: Sequence[Series]) -> None:
    short = short_names(sorted({name for series in every for name in series.fields}))
    axes.set_xlabel("SNR, Es/N0 (dB)" if axis.field == SNR else short[axis.field])
    ticks(axes, axis)
