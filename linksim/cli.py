"""The command: parse, call, print. A mistake that its user can mend is one red line and exit code 2."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from linksim import __version__
from linksim.cli_options import COUNT, POSITIVE, SCENARIO, Count, Place, chain, changes
from linksim.errors import LinksimError

LISTED = (
    *("codes", "decoders", "constellations", "mcs", "channels", "csi"),
    *("codecs", "cards", "engines", "images"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit code: 0, 2 for a mistake, 130 for Ctrl-C."""
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
        below_the_key = "\n" if sys.stderr.isatty() and str(stop) else ""  # the terminal has just shown ^C
        click.echo(below_the_key + (str(stop) or "Stopped."), err=True)
        sys.exit(130)
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
    """


@linksim.command(short_help="Run a scenario and report.")
@SCENARIO
@changes
@click.option("--out", type=Place(path_type=Path), help="Folder of the results; runs/NAME if not given.")
def run(scenario: Path, out: Path | None, **changes: Any) -> None:
    """Run SCENARIO, or what of it is not in the results yet, and report."""
    from linksim.live import run_live

    plan = _plan(scenario, **changes)
    folder = out or Path("runs") / plan.scenario.name
    try:
        run_live(plan, folder)
    except KeyboardInterrupt:
        raise click.Abort(
            f"Stopped. {folder} keeps what is done; the same command goes on from there."
        ) from None


@linksim.command(short_help="Show what a scenario spends, before it runs.")
@SCENARIO
@changes
def show(scenario: Path, **changes: Any) -> None:
    """Show what SCENARIO spends before it runs: uses, payload and overhead of every stream."""
    from linksim.show import show_plan

    show_plan(_plan(scenario, **changes))


@linksim.command(short_help="Check scenarios without running them.")
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="SCENARIO...")
def validate(scenarios: tuple[Path, ...]) -> None:
    """Check each SCENARIO: fields, sweeps, pictures, keys, networks, and that every frame holds a payload."""
    from linksim.show import check, count

    for path in scenarios:
        plan = _plan(path)
        click.echo(f"{path}: fine: {count(plan, check(plan))}")


@linksim.command(short_help="Count bit and block errors of codes.")
@chain
@click.option("--ebn0", metavar="A:B:STEP|A,B,...", help="Eb/N0, dB: energy per information bit.")
@click.option("--esn0", metavar="A:B:STEP|A,B,...", help="Es/N0, dB: energy per channel use.")
@click.option(
    "--frame-errors",
    type=COUNT,
    default=100,
    show_default=True,
    help="A point is done with so many wrong frames.",
)
@click.option(
    "--frames", type=COUNT, default=1_000_000, show_default=True, help="Give up a point after so many."
)
@click.option("--min-frames", type=Count(min=0), default=0, help="Send at least so many.")
@click.option("--seconds", type=POSITIVE, help="Give up a point after so long.")
@click.option("--target-bler", type=click.FloatRange(0, 1, min_open=True), help="End a curve below it.")
@click.option(
    "--csv",
    type=Place(path_type=Path),
    help="Rows to this file; how they came about to FILE.json beside it.",
)
@click.option("--parquet", type=Place(path_type=Path), help="Rows to this file.")
@click.option("--aff3ct", type=Place(path_type=Path), help="Curves in AFF3CT's format, a file each.")
@click.option("--figure", type=Place(path_type=Path), help="The curves with theory, PNG, PDF or SVG.")
@click.option("--json", is_flag=True, help="Rows to standard output.")
@click.option(
    "--out",
    type=Place(path_type=Path),
    default=Path("runs/ber"),
    show_default=True,
    help="Folder where counts are kept.",
)
@click.option("--fresh", is_flag=True, help="Forget what the folder knows of these curves.")
def ber(ebn0: str | None, esn0: str | None, **options: Any) -> None:
    """Count bit and block errors of codes over channels, without images.

    --code, --constellation, --channel and --decoder may be given several times: a curve for each combination.
    What is counted is kept: the same command goes on, and stricter limits go on from there.
    """
    from linksim.ber.command import run
    from linksim.ber.options import request_of

    request = request_of(ebn0, esn0, options)
    try:
        run(request)
    except KeyboardInterrupt:
        raise click.Abort(
            f"Stopped. {request.root} keeps what is done; the same command goes on from there."
        ) from None


@linksim.command(short_help="Show where one frame went wrong.")
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option(
    "--frame", type=click.IntRange(min=0), help="Its id; of a run, its first failed frame if not given."
)
@chain
@click.option("--ebn0", type=float, help="Eb/N0, dB.")
@click.option("--esn0", type=float, help="Es/N0, dB.")
def replay(
    run: Path | None, frame: int | None, ebn0: float | None, esn0: float | None, **options: Any
) -> None:
    """Send one frame of `linksim ber` again and show every stage: channel, LLRs, decoder, other decoders.

    RUN is a folder of a curve under runs/ber; without it, the chain's options and --frame name the frame.
    """
    from linksim.ber.options import replay_of

    for line in replay_of(run, frame, ebn0, esn0, options):
        click.echo(line)


@linksim.command(short_help="Measure the curves that adaptive modulation reads.")
@click.option("--mcs", multiple=True, metavar="NAME", help="A scheme, see linksim list mcs; again for more.")
@click.option("--set", "sets", multiple=True, metavar="NAME", help="All schemes of a set, as cqi1.")
@click.option("--demapper", type=click.Choice(["exact", "max-log"]), default="exact", help="Points to LLRs.")
@click.option("--decoder", metavar="WORD", help="See linksim list decoders; the code's default if not given.")
@click.option("--engine", default="auto", show_default=True, help="Who computes; `linksim list engines`.")
@click.option("--errors", type=COUNT, default=200, show_default=True, help="Wrong blocks that end a point.")
@click.option("--blocks", type=COUNT, default=400_000, show_default=True, help="Blocks that end a point.")
@click.option("--floor", type=POSITIVE, default=1e-3, show_default=True, help="Error rate that ends a curve.")
@click.option("--out", type=Place(path_type=Path), help="Table of counts; linksim's own if not given.")
def calibrate(**options: Any) -> None:
    """Count block errors of schemes over AWGN; the same command goes on, a greater effort goes deeper."""
    from linksim.calibrate import calibrate as measure

    click.echo(f"{measure(**options, report=click.echo)} has the counts.")


@linksim.command("list", short_help="List what a scenario can name.")
@click.argument("what", type=click.Choice(LISTED))
def list_(what: str) -> None:
    """List WHAT a scenario can name."""
    from linksim.listing import LISTS
    from linksim.terminal import print_rows

    print_rows(*LISTS[what]())


@linksim.command(short_help="Plot several runs on one figure.")
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


@linksim.command(short_help="Print the JSON Schema of scenario files.")
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors that complete and check them."""
    from linksim.scenario import schema as scenario_schema

    click.echo(json.dumps(scenario_schema(), indent=2))


def _plan(
    path: Path,
    sets: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    seed: int | None = None,
    quick: bool = False,
) -> Any:
    from linksim.load import load
    from linksim.plan import expand

    return expand(load(path, sets=sets, sweeps=sweeps, seed=seed, quick=quick), source=str(path))


if __name__ == "__main__":
    main()
