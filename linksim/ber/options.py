"""Options of the command line -> what to simulate, or which frame to send again, checked before it runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from linksim.ber.command import Outputs, Request
from linksim.ber.grid import parse_grid
from linksim.ber.request import Curve, curves
from linksim.ber.simulate import Task
from linksim.ber.stopping import Stop
from linksim.errors import LinksimError

Options = Mapping[str, Any]
"""Option -> value, as click has them."""


def request_of(ebn0: str | None, esn0: str | None, options: Options) -> Request:
    """The request of `linksim ber`; LinksimError before anything is run or written."""
    if ebn0 is None and esn0 is None:
        raise LinksimError("ber", "needs --ebn0 or --esn0", None, "as --ebn0 0:8:0.5")
    if ebn0 is not None and esn0 is not None:
        raise LinksimError("ber", "takes --ebn0 or --esn0", "both", "give one of them")
    snrs_db = parse_grid("--ebn0", ebn0) if ebn0 is not None else parse_grid("--esn0", str(esn0))
    found = _curves(options)
    limits = ("frame_errors", "frames", "min_frames", "seconds", "target_bler")
    stop = _meetable(Stop(**{name: options[name] for name in limits}))
    files = ("csv", "parquet", "aff3ct", "figure")
    outputs = Outputs(json=options["json"], **{name: options[name] for name in files})
    outputs.check()
    tasks = tuple(Task(curve=curve, snrs_db=snrs_db, per_bit=ebn0 is not None) for curve in found)
    return Request(tasks=tasks, stop=stop, root=options["out"], outputs=outputs, fresh=options["fresh"])


def _meetable(stop: Stop) -> Stop:
    """The limits, none of them nan, which no comparison ever meets."""
    for option, value in (("--seconds", stop.seconds), ("--target-bler", stop.target_bler)):
        if value is not None and not math.isfinite(value):
            raise LinksimError(option, "must be a finite number", value, "leave it out for no limit")
    if stop.min_frames > stop.frames:
        rule = f"must be at most --frames {stop.frames}"
        raise LinksimError("--min-frames", rule, stop.min_frames, "raise --frames")
    return stop


def _curves(options: Options) -> list[Curve]:
    if not options["codes"]:
        raise LinksimError("--code", "is missing", None, "as 802.11ad-1/2; linksim list codes shows them")
    names = ("codes", "constellations", "channels", "decoders")
    words = ("csi", "demapper", "interleaver", "engine", "seed")
    return curves(*(options[name] for name in names), **{name: options[name] for name in words})


def replay_of(
    run: Path | None, frame: int | None, ebn0: float | None, esn0: float | None, options: Options
) -> Iterator[str]:
    """Lines of `linksim replay`: of a curve's folder, or of the one chain that the options name."""
    from linksim.ber.replay import find_curve, find_point, replay

    if ebn0 is not None and esn0 is not None:
        raise LinksimError("replay", "takes --ebn0 or --esn0", "both", "give one of them")
    for option, value in (("--ebn0", ebn0), ("--esn0", esn0)):
        if value is not None:
            parse_grid(option, str(value))
    if run is not None and options["codes"]:
        raise LinksimError("replay", "takes a folder or --code", "both", "give one of them")
    if run is not None:
        folder, curve = find_curve(run)
        esn0 = curve.esn0_db(ebn0) if ebn0 is not None else esn0
        return replay(curve, *find_point(folder, esn0, frame))
    found = _curves(options)
    if len(found) != 1:
        raise LinksimError("replay", "must name one chain", len(found), "give each option once")
    esn0 = found[0].esn0_db(ebn0) if ebn0 is not None else esn0
    if frame is None or esn0 is None:
        missing = "--frame" if frame is None else "--esn0"
        raise LinksimError(missing, "is missing", None, "linksim ber --json tells failed frames")
    return replay(found[0], esn0, frame)
