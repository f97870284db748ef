"""A figure as it was asked for: the usual one of several runs, curves over chosen columns, or pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from linksim.errors import LinksimError
from linksim.gathered import gather
from linksim.manifest import read_manifest
from linksim.report.asked import Asked, asked_of
from linksim.report.grid import draw_grid
from linksim.report.panels import check_ending
from linksim.report.plots import plot_runs
from linksim.report.xy import draw_curves

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
    """figures/main.png and .pdf of a run whose study says by `plot:` what is on it; nothing else."""
    tree = read_manifest(folder)
    told = (tree.get("study") or {}).get("plot")
    if told is None:
        return []
    outs = [folder / "figures" / f"{MAIN}{suffix}" for suffix in (".png", ".pdf")]
    _draw([folder], asked_of(told), outs, title=str(tree["name"]))
    return outs


def _draw(runs: Sequence[Path], asked: Asked, outs: Sequence[Path], title: str = "") -> None:
    gathered = gather(runs).at(asked.at)
    (draw_grid if asked.pictures else draw_curves)(runs, gathered, asked, outs, title)


def _check(asked: Asked) -> None:
    """No option that the figure would not heed."""
    if asked.pictures and asked.x is not None:
        raise LinksimError("--x", "is of curves, not of pictures", asked.x, "name what runs along by --by")
    if asked.images and not asked.pictures:
        raise LinksimError("--image", "is of pictures", asked.images[0], "add --pictures")
