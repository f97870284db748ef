"""Commands that read what runs left."""

from __future__ import annotations

from pathlib import Path

import click

from linksim.cli_options import Place


@click.command(short_help="Plot several runs on one figure.")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
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

    click.echo(plot_runs(runs, out))
