"""One self-contained HTML page about runs and curves: it opens from a file, without a network.

sources -> data (JSON), tables, pictures, files to run again -> assets/page.html, with its style and scripts
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import resources
from pathlib import Path
from string import Template

from linksim import __version__, disk
from linksim.errors import LinksimError
from linksim.report.page_ber import Counted, ber_data, ber_table, read_curves
from linksim.report.page_data import embedded, runs_data
from linksim.report.page_pictures import pictures_data
from linksim.report.page_reproduce import curve_html, run_html
from linksim.report.page_sources import Run, read_runs, split
from linksim.report.page_tables import links_table, results_table
from linksim.report.page_theory import run_bounds
from linksim.report.table import NOTE

SUFFIXES = (".html", ".htm")
PICTURES_MB = 14.0
"""Of pictures in a page, which holds 5 MB of plotly.js beside them."""
SCRIPTS = ("base", "curves", "bars", "images", "compare", "errors", "tables", "start")
SECTIONS = ("curves", "ledger", "pictures", "images", "errors", "tables", "again")


def write_page(runs: Sequence[Path], out: Path, pictures_mb: float = PICTURES_MB) -> Path:
    """The page about these folders of runs and of `linksim ber` curves (or roots of them); `out`, written.

    pictures_mb: megabytes of pictures that the page may hold. Raises LinksimError where a folder is neither,
    or cannot be read, or `out` does not end in .html.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise LinksimError("--out", "must end in .html", str(out), "as report.html")
    if not pictures_mb >= 0:
        raise LinksimError("--pictures", "must be >= 0 megabytes", pictures_mb, f"{PICTURES_MB:g} is usual")
    run_folders, curve_folders = split(runs)
    disk.write(out, _page(read_runs(run_folders), read_curves(curve_folders), pictures_mb).encode())
    return out


def _page(runs: Sequence[Run], curves: Sequence[Counted], pictures_mb: float) -> str:
    data = runs_data(runs)
    data["theory"] = [each for run in runs for each in run_bounds(run)]
    data["pictures"] = pictures_data(runs, pictures_mb)
    data["errors"] = ber_data(curves)
    done = [run for run in runs if not run.table.empty]
    shown = {
        "curves": bool(data["points"]),
        "ledger": bool(data["points"]),
        "pictures": bool(data["pictures"]["note"]),
        "images": bool(data["points"]),
        "errors": bool(data["errors"]),
        "tables": bool(done),
        "again": True,
    }
    title = ", ".join([*(str(run.manifest["name"]) for run in runs), *(["error rates"] if curves else [])])
    values = {
        "title": escape(title),
        "subtitle": escape(_size(runs, curves)),
        "status": "".join(f'<p class="status">{escape(line)}</p>' for line in unfinished(runs)),
        "results": results_table(done).html if done else "",
        "links": links_table(done).html if done else "",
        "note": escape(NOTE),
        "error_table": ber_table(curves).html if curves else "",
        "again": "".join([*map(run_html, runs), *map(curve_html, curves)]),
        "version": escape(__version__),
        "data": embedded(data),
        "style": asset("page.css"),
        "scripts": "\n".join(asset(f"{name}.js") for name in SCRIPTS),
        "plotly": _plotly(),
    }
    values |= {f"hide_{name}": "" if shown[name] else "hidden" for name in SECTIONS}
    return Template(asset("page.html")).substitute(values)


def unfinished(runs: Sequence[Run]) -> list[str]:
    """A line about each run that has fewer trials than its plan may come to."""
    told = []
    for run in runs:
        points = run.manifest["points"]
        most, done = sum(map(run.planned, points)), len(run.rows)
        empty = len(points) - len(run.table)
        if done >= most:
            continue
        rules = any(point.get("stop") for point in points)
        line = f"{run.manifest['name']}: {done} of {'at most ' if rules else ''}{most} trials are there"
        line += f" ({done / most:.0%})"
        line += f", {empty} of {len(points)} points have none yet" if empty else ""
        rest = (
            "a rule may end a point earlier."
            if rules
            else "run it again to go on, then write this page anew."
        )
        told.append(f"{line}; {rest}")
    return told


def _size(runs: Sequence[Run], curves: Sequence[Counted]) -> str:
    parts = []
    if runs:
        systems, points = sum(len(run.systems) for run in runs), sum(len(run.table) for run in runs)
        trials = sum(len(run.rows) for run in runs)
        parts += [_many(systems, "system"), _many(points, "point"), _many(trials, "trial")]
    if curves:
        points = sum(len(each.rows) for each in curves)
        parts += [
            _many(len(curves), "curve"),
            _many(points, "point of error rates", "points of error rates"),
        ]
    return ", ".join(parts)


def _many(n: int, one: str, more: str = "") -> str:
    return f"{n:,} {one if n == 1 else more or one + 's'}"


def asset(name: str) -> str:
    """The text of a file in assets/."""
    return resources.files("linksim.report").joinpath("assets", name).read_text(encoding="utf-8")


def _plotly() -> str:
    """plotly.js, as the plotly package carries it; LinksimError where that is not installed."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        rule = "needs the package plotly"
        raise LinksimError("report", rule, None, "install it with pip install plotly") from error
    return get_plotlyjs().replace("</script", "<\\/script")
