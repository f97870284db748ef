"""Quality against training time, from the logs that trainings leave: a figure, and what time still brings.

    python -m models.curves LOG [LOG ...] --out FIGURE [--quality psnr_10_db ...] [--x hours|steps]

LOG: a `log.jsonl`, as `models.run` writes it, or a folder with one. Prints of each its first and last value,
and the slope over the last half of the run in dB per doubling of the time: what more would bring, as long as
it goes on like that.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ENDING = "_db"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito 2008, one for each quality."""
DASHES = ("-", "--", "-.", ":")
"""One for each log."""
MARKERS = 16
"""Of a curve, about."""
FORMATS = (".png", ".pdf", ".svg")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What a log tells of a quality in dB: float64 [n] each, hours counted over all sittings."""

    log: str
    quality: str
    steps: NDArray[np.float64]
    hours: NDArray[np.float64]
    db: NDArray[np.float64]

    def slope(self) -> float:
        """dB per doubling of the time over the second half of the run; nan of fewer than three values there.

        >>> hours, db = np.array([1.0, 2.0, 4.0, 8.0]), np.array([30.0, 31.0, 32.0, 33.0])
        >>> round(Curve(log="", quality="", steps=hours, hours=hours, db=db).slope(), 6)
        nan
        >>> hours = np.array([1.0, 5.0, 6.0, 8.0])
        >>> round(Curve(log="", quality="", steps=hours, hours=hours, db=30 + np.log2(hours)).slope(), 6)
        1.0
        """
        late = self.hours >= self.hours[-1] / 2
        if late.sum() < 3 or not self.hours[-1] > 0:
            return float("nan")
        return float(np.polyfit(np.log2(self.hours[late]), self.db[late], 1)[0])


def read_curves(path: Path, wanted: Sequence[str] = ()) -> list[Curve]:
    """A curve for each quality that the log holds, or that is wanted.

    Raises ValueError where the file is no log, or holds no such quality.
    """
    file = path / "log.jsonl" if path.is_dir() else path
    try:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        places = [(line["step"], line["seconds"] / 3600) for line in lines]
    except OSError as error:
        raise ValueError(f"{file}: must be a log that a training wrote, got {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{file}: must hold a line of JSON with step and seconds each, got {error!r}"
        ) from None
    known = list(
        dict.fromkeys(key for line in lines for key in line if key.endswith(ENDING) and key != "snr_db")
    )
    if missing := [name for name in wanted or known[:1] or ["psnr_db"] if name not in known]:
        raise ValueError(f"{file}: must tell {missing[0]}, got {', '.join(known) or 'no quality'}")
    name = file.parent.name if file.name == "log.jsonl" else file.name.removesuffix(".log.jsonl")
    curves = []
    for quality in wanted or known:
        rows = np.array(
            [(*at, line[quality]) for at, line in zip(places, lines, strict=True) if quality in line]
        )
        steps, hours, db = rows.T
        curves.append(Curve(log=name, quality=quality, steps=steps, hours=hours, db=db))
    return curves


def draw(curves: Sequence[Curve], out: Path, x: str = "hours") -> None:
    """All curves over time or steps, from left to right in logarithm; the start, at no step, at the edge."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    figure = Figure(figsize=(6.5, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    logs, qualities = (list(dict.fromkeys(getattr(c, what) for c in curves)) for what in ("log", "quality"))
    for curve in curves:
        at, db = getattr(curve, x)[1:], curve.db[1:]
        dash, colour = (
            DASHES[logs.index(curve.log) % len(DASHES)],
            COLOURS[qualities.index(curve.quality) % 7],
        )
        label = f"{curve.log}, {curve.quality}" if len(logs) > 1 else curve.quality
        axes.plot(
            at,
            db,
            dash,
            color=colour,
            marker="o",
            markersize=3,
            markevery=max(1, at.size // MARKERS),
            label=label,
        )
        axes.axhline(curve.db[0], color=colour, linewidth=0.6, linestyle=dash, alpha=0.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("training time (hours)" if x == "hours" else "steps")
    axes.set_ylabel("held-out photos (dB)")
    axes.set_title("Thin lines: the start", fontsize=9)
    axes.grid(color="#D9D9D9", linewidth=0.6)
    figure.legend(fontsize=8, frameon=False, loc="outside lower center", ncols=3)
    figure.savefig(out, dpi=160)


def told(curve: Curve) -> str:
    """A line about a curve."""
    slope = curve.slope()
    more = (
        "too few values to tell a slope" if np.isnan(slope) else f"{slope:+.2f} dB per doubling of the time"
    )
    span = (
        f"{curve.db[0]:.2f} -> {curve.db[-1]:.2f} dB in {curve.steps[-1]:.0f} steps, {curve.hours[-1]:.2f} h"
    )
    return f"{curve.log:24}{curve.quality:14}{span}, {more}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG")
    parser.add_argument("--out", type=Path, required=True, help=f"the figure ({', '.join(FORMATS)})")
    parser.add_argument(
        "--quality", action="append", default=[], help="all that a log tells where none is named"
    )
    parser.add_argument("--x", choices=("hours", "steps"), default="hours")
    given = parser.parse_args()
    if given.out.suffix.lower() not in FORMATS:
        parser.error(f"--out: must end with one of {', '.join(FORMATS)}, got {str(given.out)!r}")
    try:
        curves = [curve for log in given.logs for curve in read_curves(log, given.quality)]
        draw(curves, given.out, given.x)
    except ValueError as error:
        parser.error(str(error))
    except OSError as error:
        parser.error(f"--out: must be a file that can be written, got {given.out} ({error.strerror})")
    for curve in curves:
        print(told(curve), file=sys.stdout)


if __name__ == "__main__":
    main()
