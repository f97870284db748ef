"""Commands of links without images: ber, replay, calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from linksim.cli_options import COUNT, POSITIVE, Count, Place, chain


@click.command(short_help="Count bit and block errors of codes.")
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


@click.command(short_help="Show where one frame went wrong.")
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


@click.command(short_help="Measure the curves that adaptive modulation reads.")
@click.option("--mcs", multiple=True, metavar="NAME", help="A scheme, see linksim list mcs; again for more.")
@click.option("--set", "sets", multiple=True, metavar="NAME", help="All schemes of a set, as cqi1.")
@click.option("--demapper", type=click.Choice(["exact", "max-log"]), default="exact", help="Points to LLRs.")
@click.option("--decoder", metavar="WORD", help="See linksim list decoders; the code's default if not given.")
@click.option("--engine", default="auto", show_default=True, help="Who computes; `linksim list engines`.")
@click.option("--errors", type=COUNT, default=200, show_default=True, help="Wrong blocks that end a point.")
@click.option("--blocks", type=COUNT, default=400_000, show_default=True, help="Blocks that end a point.")
@click.option("--floor", type=POSITIVE, default=1e-3, show_default=True, help="Error rate that ends a curve.")
@click.option("--step", type=POSITIVE, default=0.25, show_default=True, help="dB from point to point.")
@click.option("--out", type=Place(path_type=Path), help="Table of counts; linksim's own if not given.")
def calibrate(**options: Any) -> None:
    """Count block errors of schemes over AWGN; the same command goes on, a greater effort goes deeper."""
    from linksim.calibrate import calibrate as measure

    click.echo(f"{measure(**options)} has the counts.")
