"""Options that commands share, and the kinds of values they take."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]


class Place(click.Path):
    """A path to write to; an empty one, as of a variable that is not set, is not the working directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("must name a place, got nothing; write . for the working directory", param, ctx)
        return super().convert(value, param, ctx)


def changes(command: Command) -> Command:
    """The options that change a scenario, shared by the commands that read one."""
    options = (
        click.option("--set", "sets", multiple=True, metavar="FIELD=VALUE", help="Set any dotted field."),
        click.option(
            "--sweep",
            "sweeps",
            multiple=True,
            metavar="FIELD=A:B:STEP|A,B,...",
            help="Sweep any dotted field.",
        ),
        click.option(
            "--seed", type=click.IntRange(min=0), help="Seed of the channel draws, for the scenario's."
        ),
        click.option("--quick", is_flag=True, help="Two images, one draw each, the ends of the first sweep."),
    )
    for option in reversed(options):
        command = option(command)
    return command


SCENARIO = click.argument("scenario", type=click.Path(path_type=Path))


class Count(click.IntRange):
    """A whole number, also as 1e6."""

    name = "count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and re.fullmatch(r"\d{1,3}e\d{1,2}", value):
            value = int(value.split("e")[0]) * 10 ** int(value.split("e")[1])
        return super().convert(value, param, ctx)


COUNT = Count(min=1)
POSITIVE = click.FloatRange(min=0, min_open=True)


def chain(command: Command) -> Command:
    """The options that name a chain, shared by the commands that simulate one."""
    several = {"multiple": True, "show_default": True}
    options = (
        click.option("--code", "codes", **several, help="A code, as `linksim list codes` shows them."),
        click.option(
            "--constellation",
            "constellations",
            default=("bpsk",),
            **several,
            help="`linksim list constellations`.",
        ),
        click.option(
            "--channel", "channels", default=("awgn",), **several, help="As rician:k_factor=3,block=64."
        ),
        click.option("--csi", default="perfect", show_default=True, help="As pilots:count=16."),
        click.option(
            "--decoder",
            "decoders",
            **several,
            help="As layered-offset-min-sum:iterations=20; the code's own if not given.",
        ),
        click.option(
            "--demapper",
            type=click.Choice(["exact", "max-log"]),
            default="exact",
            show_default=True,
            help="How points become LLRs.",
        ),
        click.option(
            "--interleaver",
            type=click.Choice(["none", "block"]),
            default="none",
            show_default=True,
            help="Between code and points.",
        ),
        click.option(
            "--engine", default="auto", show_default=True, help="Who computes; `linksim list engines`."
        ),
        click.option(
            "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all frames."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
