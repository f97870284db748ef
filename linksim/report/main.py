"""A figure as it was asked for: the usual one of several runs, curves over chosen columns, or pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from linksim.errors import LinksimError
from linksim.gathered import NotRun, gather
from linksim.manifest import read_manifest
from linksim.report.asked import Asked, asked_of
from linksim.report.grid import draw_grid
from linksim.report.panels import check_ending
from linksim.report.plots import plot_runs
from linksim.report.stacks import draw_stacks, table_beside
from linksim.report.xy import draw_curves
from linksim.results import read_rows

MAIN = "main"
"""The figure that a study asks for."""


def plot_asked(runs: Sequence[Path], out: Path, asked: Asked) -> Path:
    """The figure of these folders of runs; `out` once it is there. LinksimError where it cannot be drawn."""
    check_ending(out)
    _check(asked)
    if not asked.anything:
        return plot_runs(runs, out)
    _draw(runs, asked, [out])
    return out


def write_main(folder: Path) -> list[Path]:
    """figures/main.png and .pdf of a run whose study asks for it by `plot:`, and the steps of stacks as .csv;
    none yet if it is too soon.
    """
    tree = read_manifest(folder)
    told = (tree.get("study") or {}).get("plot")
    if told is None:
        return []
    outs = [folder / "figures" / f"{MAIN}{suffix}" for suffix in (".png", ".pdf")]
    begun = set(read_rows(folder)["point"])
    try:
        _draw([folder], asked_of(told), outs, title=str(tree["name"]))
        return [*outs, table_beside(outs)] if told.get("stacks") else outs
    except LinksimError as error:
        if isinstance(error, NotRun) or len(begun) < len(tree["points"]):
            return []  # there may be more to see once all is run
        where = f"plot.{error.where.removeprefix('--')} of the study"
        raise LinksimError(where, error.rule, error.got, error.remedy) from error


def _draw(runs: Sequence[Path], asked: Asked, outs: Sequence[Path], title: str = "") -> None:
    gathered = gather(runs).at(asked.at)
    if asked.stacks:
        draw_stacks(gathered, asked, outs, title)
        return
    (draw_grid if asked.pictures else draw_curves)(runs, gathered, asked, outs, title)


def _check(asked: Asked) -> None:
    """No option that the figure would not heed."""
    if asked.pictures and asked.x is not None:
        raise LinksimError("--x", "is of curves, not of pictures", asked.x, "name what runs along by --by")
    if asked.images and not asked.pictures:
        raise LinksimError("--image", "is of pictures", asked.images[0], "add --pictures")
