"""The command: parse, call, print. A mistake that its user can mend is one red line and exit code 2."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from linksim import __version__, cli_links, cli_results
from linksim.cli_options import SCENARIO, Place, changes
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


@linksim.command("list", short_help="List what a scenario can name.")
@click.argument("what", type=click.Choice(LISTED))
def list_(what: str) -> None:
    """List WHAT a scenario can name."""
    from linksim.listing import LISTS
    from linksim.terminal import print_rows

    print_rows(*LISTS[what]())


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


for command in (
    *(cli_links.ber, cli_links.replay, cli_links.calibrate),
    cli_results.plot,
):
    linksim.add_command(command)


if __name__ == "__main__":
    main()
