"""Block and bit error rates over SNR on logarithmic axes, with intervals, and theory where there is some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from linksim.ber.bounds import Bound, bound
from linksim.ber.request import Curve
from linksim.ber.rows import Row
from linksim.report.style import COLOURS, DARK, MARKERS, RC, figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, LEGEND_LINE = 9.2, 4.2, 0.2
"""Inches; a line of the legend adds to the height."""
TOLD = ("code", "constellation", "channel", "csi", "decoder", "demapper", "interleaver", "engine", "seed")
SILENT = {"csi": "perfect", "interleaver": "none", "demapper": "exact", "engine": "", "seed": 0}
"""Words that go without saying."""
NAMED = ("seed", "engine", "demapper", "interleaver")
"""Words that mean nothing without their option's name."""
BOUND_POINTS = 120
LEAST_RATE = 1e-9
DASHES = {"closed form": "--", "normal approximation": "--", "outage": "-."}
UNSEEN = {"marker": "v", "markerfacecolor": "white", "linestyle": "none", "zorder": 3}
"""How the upper limit of a rate looks where nothing went wrong."""
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LEGEND_LETTERS = 100


def write_figure(path: Path, rows: Sequence[Row], per_bit: bool = True) -> Path:
    """BLER on the left, BER on the right, a colour a curve; per_bit: over Eb/N0, else over Es/N0."""
    import matplotlib

    every = [list(group) for _, group in groupby(rows, key=lambda row: id(row.curve))]
    with matplotlib.rc_context(RC):
        drawn = figure(WIDTH, HEIGHT + LEGEND_LINE * len(every) / 2)
        left, right = drawn.subplots(1, 2, sharex=True)
        bounds = [_bound(group) for group in every]
        for number, (group, theory) in enumerate(zip(every, bounds, strict=True)):
            _curve(left, group, number, per_bit, "bler")
            _curve(right, group, number, per_bit, "ber")
            if theory is not None:
                _theory(left if theory.of == "bler" else right, theory, group[0].curve, number, per_bit)
        for axes, name in ((left, "block error rate"), (right, "bit error rate")):
            _axes(axes, name, per_bit, [row.ebn0_db if per_bit else row.esn0_db for row in rows])
        _limits(left, [row.bler or row.limits[1] for row in rows])
        _limits(right, [row.ber for row in rows])
        unseen = any(not row.counts.frame_errors for row in rows)
        _legend(drawn, [group[0].curve for group in every], [each for each in bounds if each], unseen)
        save(drawn, path)
    return path


def labels(curves: Sequence[Curve]) -> tuple[list[str], str]:
    """What tells each curve apart, and what they share, in words.

    A single curve is told apart by its code.
    """
    words = [asdict(curve.words) for curve in curves]
    differing = [name for name in TOLD if len({str(each[name]) for each in words}) > 1] or ["code"]
    shared = [
        f"{name} {words[0][name]}" if name in NAMED else str(words[0][name])
        for name in TOLD
        if name not in differing and words[0][name] != SILENT.get(name)
    ]
    return [", ".join(str(each[name]) for name in differing) for each in words], ", ".join(shared)


def _look(number: int) -> tuple[str, str]:
    """Colour and marker of a curve; where colours come round again, each takes another marker."""
    turn, place = divmod(number, len(COLOURS))
    return COLOURS[place], MARKERS[(place + turn) % len(MARKERS)]


def _bound(group: Sequence[Row]) -> Bound | None:
    snrs = [row.esn0_db for row in group]
    reach = max(1.0, 0.1 * (max(snrs) - min(snrs)))
    return bound(group[0].curve, np.linspace(min(snrs) - reach, max(snrs) + reach, BOUND_POINTS))


def _curve(axes: Axes, group: Sequence[Row], number: int, per_bit: bool, name: str) -> None:
    """Rates with errors, joined; of frames with 95 % bars, and the upper limit where none went wrong."""
    colour, marker = _look(number)
    seen = [row for row in group if getattr(row, name)]
    x = [row.ebn0_db if per_bit else row.esn0_db for row in seen]
    rate = np.array([getattr(row, name) for row in seen])
    axes.plot(x, rate, color=colour, marker=marker, zorder=3)
    if name == "bler":
        low, high = np.array([row.limits for row in seen]).reshape(-1, 2).T
        axes.errorbar(
            x, rate, [rate - low, high - rate], fmt="none", ecolor=colour, capsize=2.5, elinewidth=1
        )
        for row in group:
            if not row.counts.frame_errors:
                at = row.ebn0_db if per_bit else row.esn0_db
                axes.plot([at], [row.limits[1]], color=colour, **UNSEEN)


def _theory(axes: Axes, theory: Bound, curve: Curve, number: int, per_bit: bool) -> None:
    colour = COLOURS[number % len(COLOURS)]
    shift = curve.ebn0_db(0.0) if per_bit else 0.0
    seen = theory.rate > LEAST_RATE
    axes.plot(
        theory.esn0_db[seen] + shift,
        theory.rate[seen],
        color=colour,
        linestyle=DASHES[theory.name],
        linewidth=1.3,
    )
    if theory.limit_db is not None:
        axes.axvline(theory.limit_db + shift, color=colour, linestyle=":", linewidth=1.2)


def _axes(axes: Axes, name: str, per_bit: bool, snrs: Sequence[float]) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda rate, _: "10" + f"{np.log10(rate):.0f}".translate(SUPERSCRIPTS))
    axes.yaxis.set_minor_formatter(lambda rate, _: "")
    axes.set_ylabel(name)
    axes.set_xlabel("Eb/N0 (dB)" if per_bit else "Es/N0 (dB)")
    margin = max(0.25, 0.05 * (max(snrs) - min(snrs)))
    axes.set_xlim(min(snrs) - margin, max(snrs) + margin)


def _limits(axes: Axes, rates: Sequence[float | None]) -> None:
    least = min([rate for rate in rates if rate] or [1e-3])
    axes.set_ylim(10 ** np.floor(np.log10(least) - 0.2), 1.3)


def _legend(drawn: Figure, curves: Sequence[Curve], bounds: Sequence[Bound], unseen: bool) -> None:
    from matplotlib.lines import Line2D

    names, shared = labels(curves)
    handles = [
        Line2D([], [], label=name, color=_look(i)[0], marker=_look(i)[1]) for i, name in enumerate(names)
    ]
    for name in dict.fromkeys(each.name for each in bounds):
        handles.append(Line2D([], [], label=name, color=DARK, linestyle=DASHES[name], linewidth=1.3))
    if any(each.limit_db is not None for each in bounds):
        handles.append(Line2D([], [], label="capacity limit", color=DARK, linestyle=":", linewidth=1.2))
    if unseen:
        handles.append(Line2D([], [], label="upper limit, no error seen", color=DARK, **UNSEEN))
    widest = max(len(handle.get_label()) for handle in handles) + 6
    drawn.legend(handles=handles, loc="outside lower center", ncols=max(1, LEGEND_LETTERS // widest))
    drawn.suptitle(shared, fontsize=11)
