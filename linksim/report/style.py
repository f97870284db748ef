"""How figures look: colours that colour-blind readers tell apart (Okabe and Ito 2008), a light grid."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linksim import disk

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DPI = 160
COLUMN = 3.5
"""Inches: the width of a column of IEEE's two, 88.9 mm."""
COLUMN_DPI = 300
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 1, 1, 1)))
"""Lines that are told apart in grey."""
LIGHT, DARK = "#D9D9D9", "#333333"

RC: Mapping[str, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": DARK,
    "axes.labelcolor": DARK,
    "text.color": DARK,
    "xtick.color": DARK,
    "ytick.color": DARK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LIGHT,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "pdf.fonttype": 42,
    "text.parse_math": False,  # a picture may be called $x_{
}

COLUMN_RC: Mapping[str, Any] = {
    **RC,
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize", "legend.fontsize"), 8),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize"), 8),
    "font.family": ["STIXGeneral", "DejaVu Sans"],  # a Times that matplotlib brings, and what it lacks
    "axes.linewidth": 0.6,
    "axes.labelpad": 2,
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "legend.handlelength": 2.8,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
}
"""Of a figure that a paper sets in one column at its own size: 8 point type, thin lines."""


def figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches, drawn without a display and without matplotlib's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(drawn)
    return drawn


def save(drawn: Figure, path: Path, dpi: int = DPI) -> None:
    """The figure in the format that the path's ending names, whole or not at all.

    A letter that no font of matplotlib has is a box: a name's fault is not told line after line.
    """
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        drawn.savefig(content, format=path.suffix[1:].lower(), dpi=dpi, facecolor="white")
    disk.write(path, content.getvalue())
