"""Commands that start a Dask cluster: on this machine, or as jobs of Slurm."""

from __future__ import annotations

from typing import Any

import click

from linksim.cli_options import COUNT

PORT = click.IntRange(0, 65535)


@click.group(short_help="Start a Dask cluster for `linksim run --dask`.")
def cluster() -> None:
    """Start a scheduler and workers, print the address for `linksim run --dask`, and stay until Ctrl-C."""


@cluster.command(short_help="A scheduler and workers on this machine.")
@click.option("--workers", type=COUNT, required=True, help="Processes that compute.")
@click.option("--threads", type=COUNT, help="Threads of each; an equal share of the cores if not given.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where it listens; 0.0.0.0 lets others in."
)
@click.option("--port", type=PORT, default=0, help="Of the scheduler; a free one if not given.")
@click.option("--dashboard", type=PORT, help="Port of Dask's web page, which needs bokeh.")
def local(workers: int, threads: int | None, **options: Any) -> None:
    """Start a scheduler and workers on this machine, and stay until Ctrl-C."""
    from linksim.work.cluster import local as start

    start(workers, threads, say=_say, **options)


@cluster.command(short_help="A scheduler here, and workers as jobs of Slurm.")
@click.option("--jobs", type=COUNT, default=1, show_default=True, help="Jobs to submit.")
@click.option("--cores", type=COUNT, required=True, help="Of each job.")
@click.option("--memory", metavar="SIZE", required=True, help="Of each job, as 16GB.")
@click.option("--walltime", default="01:00:00", show_default=True, help="Of each job.")
@click.option(
    "--threads", type=COUNT, default=1, show_default=True, help="Of each worker; cores / threads of them."
)
@click.option("--option", "options", multiple=True, help="Slurm's own, as --partition=cpu; again for more.")
@click.option("--interface", metavar="NAME", help="Network interface between jobs and here, as ib0.")
@click.option("--port", type=PORT, default=0, help="Of the scheduler; a free one if not given.")
@click.option("--print", "address", metavar="ADDRESS", help="Print the job script for it; submit nothing.")
def slurm(jobs: int, port: int, address: str | None, **job: Any) -> None:
    """Start a scheduler here and submit workers as jobs of Slurm, and stay until Ctrl-C, which cancels them.

    With --print only show the script: its workers join the scheduler at ADDRESS, and sbatch submits it.
    """
    from linksim.work.cluster import Job, script
    from linksim.work.cluster import slurm as start

    described = Job(**job)
    if address is not None:
        click.echo(script(described, address))
    else:
        start(described, jobs, port=port, say=_say)


def _say(told: str) -> None:
    print(told, flush=True)
