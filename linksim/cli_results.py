"""Commands that read what runs left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linksim.cli_options import Place

if TYPE_CHECKING:
    from linksim.compare import Comparison
    from linksim.tables import Table

RUNS = click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")


METRIC = click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="As psnr, mse, outage, bler, codec.eta, pictures (the default); again for more.",
)

AT = click.option(
    "--at",
    multiple=True,
    metavar="FIELD=VALUES",
    help="Only these points, as snr_db=0,5; again for other fields.",
)


@click.command(short_help="Show what was measured over a swept field.")
@RUNS
@click.option("--by", metavar="FIELD", help="A swept field; the SNR if not given.")
@METRIC
@AT
@click.option("--out", type=Place(path_type=Path), help="Also to this file: numbers to .csv, text to .md.")
def table(
    runs: tuple[Path, ...], by: str | None, metrics: tuple[str, ...], at: tuple[str, ...], out: Path | None
) -> None:
    """Show what the runs in the folders RUN... measured, with 95 % intervals, over a swept field."""
    from linksim.estimates import PICTURES
    from linksim.tables import table as made
    from linksim.terminal import busy, console

    with busy("reading the rows"):
        found = made(runs, by, metrics or (PICTURES,), console().width, at)
    _tell(found, out)


@click.command(short_help="Tell how much one system beats another.")
@click.argument("a")
@click.argument("b", required=False)
@click.option("--metric", default="psnr", show_default=True, help="As psnr, mse, ms_ssim, outage.")
@click.option("--over", multiple=True, metavar="FIELD", help="Average the ratios of an MSE over it.")
@click.option("--along", metavar="COLUMN", help="Ratios of an MSE at its values, as codec.eta, uses.")
@click.option("--out", type=Place(path_type=Path), help="Also to this file: numbers to .csv, text to .md.")
def compare(
    a: str, b: str | None, metric: str, over: tuple[str, ...], along: str | None, out: Path | None
) -> None:
    """Tell by how much A beats B, trial by trial over the same fades, at every point and over whole curves.

    A and B are folders of runs, or RUN:SYSTEM; of a run of two systems, A alone compares its first with its
    second. Of a mean squared error, the ratio of both is told too, and its average over all points; as in

    \b
    linksim compare RUN:NCR RUN:faded --metric mse --over snr_db
    linksim compare RUN:HSC RUN:SC --metric mse --along codec.eta
    """
    from linksim.compare import compare_runs
    from linksim.terminal import busy

    with busy("comparing trial by trial"):
        found = compare_runs(a, b, metric, over, along)
    _tell(found, out)


def _tell(found: Comparison | Table, out: Path | None) -> None:
    """Write what was found where it was asked for, then show it: nothing is shown that could not be kept."""
    from linksim.terminal import console

    written = found.write(out) if out else None
    console().print(found)
    if written:
        click.echo(f"\n{written}")


@click.command(short_help="Write a page about runs and curves.")
@RUNS
@click.option(
    "--out",
    type=Place(path_type=Path),
    default=Path("runs/report.html"),
    show_default=True,
    help="The page, HTML: one file that needs no network.",
)
@click.option("--pictures", "pictures_mb", type=float, metavar="MB", help="Megabytes of pictures at most.")
def report(runs: tuple[Path, ...], out: Path, pictures_mb: float | None) -> None:
    """Write one HTML page about the folders RUN..., of runs or of `linksim ber` curves."""
    from linksim.report.page import PICTURES_MB, write_page
    from linksim.terminal import busy

    with busy("writing the page"):
        written = write_page(runs, out, PICTURES_MB if pictures_mb is None else pictures_mb)
    click.echo(written)


@click.command(short_help="Plot runs on one figure.")
@RUNS
@click.option(
    "--x", metavar="COLUMN", help="A swept field, or a column: uses, codec.eta; the SNR if not given."
)
@click.option("--y", multiple=True, metavar="COLUMN", help="As psnr, mse, outage; again for a panel more.")
@click.option(
    "--by",
    multiple=True,
    metavar="FIELD",
    help="What tells lines apart, the mean over all else; or columns of pictures.",
)
@AT
@click.option("--pictures", is_flag=True, help="What arrived, over the values of --by, in place of curves.")
@click.option("--image", "images", multiple=True, metavar="NAME", help="Pictures of it; again for more.")
@click.option(
    "--out",
    type=Place(path_type=Path),
    default=Path("runs/compared.png"),
    show_default=True,
    help="The figure, PNG, PDF or SVG.",
)
def plot(runs: tuple[Path, ...], out: Path, **words: Any) -> None:
    """Plot the results in the folders RUN... on one figure.

    Fields and columns may be named by their last words. As examples:

    \b
    linksim plot RUN --x codec.eta --y mse
    linksim plot RUN --x snr_db --y mse --by codec.rank --at codec.rank=0,8,28
    linksim plot RUN --x codec.rank --y mse --by system
    linksim plot RUN --pictures --by codec.rank --at snr_db=5
    """
    from linksim.report.asked import Asked
    from linksim.report.main import plot_asked
    from linksim.terminal import busy

    with busy("drawing the figure"):
        written = plot_asked(runs, out, Asked(**words))
    click.echo(written)
