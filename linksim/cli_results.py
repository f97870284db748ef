"""Commands that read what runs left."""

from __future__ import annotations

from pathlib import Path

import click

from linksim.cli_options import Place

RUNS = click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")


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


@click.command(short_help="Plot several runs on one figure.")
@RUNS
@click.option(
    "--out",
    type=Place(path_type=Path),
    default=Path("runs/compared.png"),
    show_default=True,
    help="The figure, PNG, PDF or SVG.",
)
def plot(runs: tuple[Path, ...], out: Path) -> None:
    """Plot the results in the folders RUN... on one figure."""
    from linksim.report.plots import plot_runs
    from linksim.terminal import busy

    with busy("drawing the figure"):
        written = plot_runs(runs, out)
    click.echo(written)
