"""Curves of `linksim ber` in a page: rates with intervals, theory beside them, a table, commands."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from linksim.ber.bounds import bound
from linksim.ber.figure import labels
from linksim.ber.request import Curve, Words, build, code_digest
from linksim.ber.rows import Row, row_of
from linksim.ber.store import ABOUT, read_points, read_words
from linksim.report.page_data import Tree, finite
from linksim.report.page_tables import Cell, Table

BOUND_POINTS = 121
LEAST_RATE = 1e-9
NAMES = {
    "closed form": "closed form of the uncoded bits",
    "normal approximation": "normal approximation of the best code of this size (not a bound)",
    "outage": "information outage, which no long code of this rate beats",
}


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A curve's folder, read: its points by Es/N0, and whether this code is the one that counted it."""

    folder: Path
    curve: Curve
    rows: tuple[Row, ...]
    ours: bool


def read_curves(folders: Sequence[Path]) -> list[Counted]:
    """Every curve; LinksimError where its words or its counts cannot be read."""
    found = []
    for folder in folders:
        words, code, _ = read_words(folder)
        curve = build(words)
        points = sorted(read_points(folder).items())
        rows = tuple(row_of(curve, curve.ebn0_db(esn0), point) for esn0, point in points)
        found.append(Counted(folder=folder, curve=curve, rows=rows, ours=code == code_digest()))
    return found


def ber_data(every: Sequence[Counted]) -> list[Tree]:
    """A tree a curve: label, points, and theory where there is some."""
    if not every:
        return []
    names, _ = labels([each.curve for each in every])
    return [_curve(each, name) for each, name in zip(every, names, strict=True)]


def _curve(each: Counted, label: str) -> Tree:
    points = []
    for row in each.rows:
        low, high = row.limits
        points.append(
            {
                "ebn0": finite(row.ebn0_db),
                "esn0": finite(row.esn0_db),
                "bler": [finite(row.bler), finite(low), finite(high)],
                "ber": [finite(row.ber), None, None],
                "frames": row.counts.frames,
                "frame_errors": row.counts.frame_errors,
                "bits": row.counts.bits,
                "bit_errors": row.counts.bit_errors,
            }
        )
    return {"label": label, "points": points, "theory": _theory(each)}


def _theory(each: Counted) -> Tree | None:
    if not each.rows:
        return None
    snrs = [row.esn0_db for row in each.rows]
    reach = max(1.0, 0.1 * (max(snrs) - min(snrs)))
    found = bound(each.curve, np.linspace(min(snrs) - reach, max(snrs) + reach, BOUND_POINTS))
    if found is None:
        return None
    shift, seen = each.curve.ebn0_db(0.0), found.rate > LEAST_RATE
    return {
        "of": found.of,
        "name": NAMES.get(found.name, found.name),
        "esn0": [finite(x) for x in found.esn0_db[seen]],
        "rate": [finite(y) for y in found.rate[seen]],
        "limit_db": finite(found.limit_db),
        "shift": finite(shift),
    }


def ber_table(every: Sequence[Counted]) -> Table:
    """A line a point of every curve."""
    names, _ = labels([each.curve for each in every])
    lines = []
    for name, each in zip(names, every, strict=True):
        for row in each.rows:
            low, high = row.limits
            bler = f"{row.bler:.3g} [{low:.2g}, {high:.2g}]" if row.bler is not None else ""
            cells = [
                Cell(text=name),
                *(Cell(text=f"{x:g}", sorts=x) for x in (row.ebn0_db, row.esn0_db)),
                *(Cell(text=f"{n}", sorts=n) for n in (row.counts.frames, row.counts.frame_errors)),
                Cell(text=bler, sorts=row.bler),
                *(Cell(text=f"{n}", sorts=n) for n in (row.counts.bits, row.counts.bit_errors)),
                Cell(text="" if row.ber is None else f"{row.ber:.3g}", sorts=row.ber),
            ]
            lines.append(cells)
    head = ["curve", "Eb/N0 (dB)", "Es/N0 (dB)", "frames", "wrong", "BLER", "bits", "wrong bits", "BER"]
    return Table(name="ber", caption="Error rates", head=head, lines=lines)


def command(each: Counted) -> str:
    """The words of the command line that count the curve again."""
    words, usual = asdict(each.curve.words), {f.name: f.default for f in fields(Words)}
    told = [f"--{name}={value}" for name, value in words.items() if value != usual[name]]
    grid = ",".join(f"{row.esn0_db:g}" for row in each.rows)
    return shlex.join(["linksim", "ber", *told, *([f"--esn0={grid}"] if grid else [])])


def about(each: Counted) -> dict[str, Any]:
    """curve.json as it is."""
    return json.loads((each.folder / ABOUT).read_text())
