"""The command: parse, call, print. A mistake that its user can mend is one red line and exit code 2."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from linksim import __version__, cli_cluster, cli_links, cli_results
from linksim.cli_options import COUNT, SCENARIO, Place, changes
from linksim.errors import LinksimError

LISTED = (
    *("codes", "decoders", "constellations", "mcs", "channels", "csi"),
    *("codecs", "cards", "engines", "images"),
)


class Stopped(click.Abort):
    """Ended by a signal: what to tell, and the exit code."""

    def __init__(self, told: str, exit_code: int) -> None:
        super().__init__(told)
        self.exit_code = exit_code


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code: 0, 2 for a mistake, 130 for Ctrl-C, 143 for SIGTERM."""
    try:
        linksim.main(args=argv, prog_name="linksim", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except (LinksimError, click.ClickException) as error:
        _complain(error.format_message() if isinstance(error, click.ClickException) else str(error))
        sys.exit(2)
    except PermissionError as error:
        _complain(f"{error.filename}: must be open to you, got {error.strerror!r}; check its permissions")
        sys.exit(2)
    except MemoryError as error:
        _complain(f"linksim: needs more memory than there is, {error or 'all of it'}; take a shorter frame")
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt) as stop:
        if argv is None:  # this process ends here, and a third Ctrl-C adds nothing
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        below_the_key = "\n" if sys.stderr.isatty() and str(stop) else ""  # the terminal has just shown ^C
        click.echo(below_the_key + (str(stop) or "Stopped."), err=True)
        sys.exit(getattr(stop, "exit_code", 130))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(0)


def _complain(text: str) -> None:
    click.secho(" ".join(text.split()), fg="red", err=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="linksim %(version)s", help="Show the version and exit.")
def linksim() -> None:
    """Send images over bit-accurate links, digital, analog or both, and count every channel use.

    A scenario is a YAML file. It says what is sent, by which codec, over which links; see scenarios/.
    A study is one that names several scenarios and what is swept over.
    """


@linksim.command(short_help="Run a scenario or a study and report.")
@SCENARIO
@changes
@click.option("--out", type=Place(path_type=Path), help="Folder of the results; runs/NAME if not given.")
@click.option(
    "--workers", type=COUNT, help="Processes of this machine that compute; this one alone if not given."
)
@click.option("--threads", type=COUNT, help="Threads of each; an equal share of the cores if not given.")
@click.option("--dask", metavar="ADDRESS", help="A Dask cluster computes; see `linksim cluster`.")
@click.option("--json", "as_json", is_flag=True, help="Progress as JSON Lines to standard output.")
def run(
    scenario: Path,
    out: Path | None,
    workers: int | None,
    threads: int | None,
    dask: str | None,
    as_json: bool,
    **changes: Any,
) -> None:
    """Run SCENARIO, which may be a study, or what of it is not in the results yet, and report.

    Ctrl-C once finishes what is in hand, twice stops at once; the same command goes on from there.

    With --json each line of standard output is an object with its kind under "event":

    \b
    start        name, folder, points, trials (at most)
    progress     point (its id), values (what is swept), done, expected (trials of
                 the point), psnr_db, half_width (of its 95 % interval), outages,
                 trials (of the run so far), eta_s (seconds to go, or null)
    point        the same, of a point that is done, and stopped: by which rule
    interrupted  folder, trials
    done         folder, trials
    error        message
    """
    if threads is not None and workers in (None, 1):
        from linksim.work.threads import limit

        limit(threads)
    folder = out
    try:
        plan = _plan(scenario, **changes)
        folder = out or Path("runs") / plan.name
        from linksim.live import crew_of, run_live

        run_live(plan, folder, crew_of(workers, threads, dask), as_json)
    except LinksimError as error:
        if as_json:
            click.echo(json.dumps({"event": "error", "message": str(error)}))
        raise
    except KeyboardInterrupt as stop:
        kept = f" {folder} keeps what is done; the same command goes on from there." if folder else ""
        raise Stopped(f"Stopped.{kept}", getattr(stop, "exit_code", 130)) from None


@linksim.command(short_help="Show what a scenario or a study spends.")
@SCENARIO
@changes
@click.option(
    "--probe/--no-probe",
    default=None,
    help="Run a few trials to tell how long all take; of a study, that is done if not declined.",
)
@click.option("--workers", type=COUNT, help="Tell the time with so many; with every core if not given.")
def show(scenario: Path, probe: bool | None, workers: int | None, **changes: Any) -> None:
    """Show what SCENARIO, which may be a study, comes to before it runs.

    Of a scenario the uses, payload and overhead of every stream at every point; of a study a line a system.
    """
    from linksim.show import show_plan

    plan = _plan(scenario, **changes)
    show_plan(plan, plan.study is not None if probe is None else probe, workers)


@linksim.command(short_help="Check scenarios and studies without running them.")
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SCENARIO...")
def validate(scenarios: tuple[Path, ...]) -> None:
    """Check each SCENARIO, which may be a study: fields, sweeps, pictures, keys, networks, full frames."""
    from linksim.show import check, count

    wrong = False
    for path in scenarios:
        try:
            plan = _plan(path)
            click.echo(f"{path}: fine: {count(plan, check(plan))}")
        except LinksimError as error:
            _complain(str(error))
            wrong = True
    if wrong:
        raise SystemExit(2)


@linksim.command("list", short_help="List what a scenario can name.")
@click.argument("what", type=click.Choice(LISTED))
def list_(what: str) -> None:
    """List WHAT a scenario can name."""
    from linksim.listing import LISTS
    from linksim.terminal import print_rows

    print_rows(*LISTS[what]())


@linksim.command(short_help="Print the JSON Schema of scenario files.")
@click.option("--study", is_flag=True, help="Of study files instead.")
def schema(study: bool) -> None:
    """Print the JSON Schema of scenario files, for editors that complete and check them."""
    from linksim import scenario
    from linksim import study as studies

    click.echo(json.dumps(studies.schema() if study else scenario.schema(), indent=2))


def _plan(
    path: Path,
    sets: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    seed: int | None = None,
    quick: bool = False,
) -> Any:
    from linksim.study import plan_of

    return plan_of(path, sets=sets, sweeps=sweeps, seed=seed, quick=quick)


for command in (
    *(cli_links.ber, cli_links.replay, cli_links.calibrate),
    *(cli_results.table, cli_results.compare, cli_results.report, cli_results.plot),
    cli_cluster.cluster,
):
    linksim.add_command(command)


if __name__ == "__main__":
    main()
