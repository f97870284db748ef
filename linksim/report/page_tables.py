"""Tables of the page: every cell with its text and the number that it sorts by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from linksim.report.fields import DATA, SNR, USES, number, short_names, value_text
from linksim.report.lines import tells_mse
from linksim.report.page_data import missing
from linksim.report.page_sources import Run

MOST_LINES = 5000
"""Lines of a table in the page; summary.csv has all."""

SHORT = 28
"""Letters of a cell that stay on one line."""
NO_BREAK = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Text, and what it sorts by: a number, or None for the text itself."""

    text: str
    sorts: float | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the page. name: for its caption and its id."""

    name: str
    caption: str
    head: list[str]
    lines: list[list[Cell]]

    @property
    def html(self) -> str:
        """The element; a note where lines are left out."""
        numeric = [
            any(line[i].sorts is not None for line in self.lines)
            and all(line[i].sorts is not None or not line[i].text for line in self.lines)
            for i in range(len(self.head))
        ]
        head = "".join(
            f'<th scope="col"{" class=n" if n else ""}><button type="button">{escape(name)}</button></th>'
            for name, n in zip(self.head, numeric, strict=True)
        )
        body = "".join(_line(line, numeric) for line in self.lines[:MOST_LINES])
        left = len(self.lines) - MOST_LINES
        note = f"<p class=note>{left} lines more in the runs' summary.csv.</p>" if left > 0 else ""
        return (
            f'<div class="table" tabindex="0" role="region" aria-label="{escape(self.caption)}">'
            f'<table id="table-{self.name}" class="sortable"><caption>{escape(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}"
        )


def _line(cells: Sequence[Cell], numeric: Sequence[bool]) -> str:
    return "<tr>" + "".join(_cell(cell, n) for cell, n in zip(cells, numeric, strict=True)) + "</tr>"


def _cell(cell: Cell, numeric: bool) -> str:
    key = "" if cell.sorts is None else f' data-n="{cell.sorts:.9g}"'
    kind = " class=n" if numeric else " class=k" if len(cell.text) <= SHORT else ""
    return f"<td{kind}{key}>{escape(cell.text.replace(' %', NO_BREAK + '%'))}</td>"


def results_table(runs: Sequence[Run]) -> Table:
    """A line a point: how good the pictures are, how often one does not arrive, and what it costs."""
    lines = list(_numbered(runs))
    mse = any(tells_mse(run.table) for run in runs if not run.table.empty)
    known = [
        each
        for each in RESULTS
        if any(not missing(line.get(each[1])) for _, line in lines) and (mse or each[1] not in SMALL)
    ]
    lead = _Lead(runs)
    return Table(
        name="results",
        caption="Pictures",
        head=[*lead.head, "trials", *(head for head, *_ in known)],
        lines=[
            [*lead.cells(run, line), _count(line["trials"])]
            + [_valued(line, name, digits, scale) for _, name, digits, scale in known]
            for run, line in lines
        ],
    )


RESULTS: Sequence[tuple[str, str, int, float]] = (
    ("PSNR (dB)", "psnr_db", 2, 1),
    ("given delivery (dB)", "psnr_delivered_db", 2, 1),
    ("outage (%)", "outage_rate", 1, 100),
    ("MSE", "mse", 2, 1),
    ("MS-SSIM (dB)", "ms_ssim_db", 2, 1),
    ("Eve's PSNR (dB)", "eve_psnr_db", 2, 1),
    ("uses/sample", USES, 4, 1),
    ("payload's", DATA, 4, 1),
)
SMALL = ("mse",)
"""Columns told as 1.23e-03, and only where they tell what no other does."""


def links_table(runs: Sequence[Run]) -> Table:
    """A line a point and stream: schemes, block errors, uses."""
    lead, lines = _Lead(runs), []
    for run, line in _numbered(runs):
        for stream in streams(line):
            at = {name: line.get(f"{stream}.{name}") for name in ("mcs", "blocks", "block_errors", "bler")}
            digital = not missing(at["mcs"])
            lines.append(
                [*lead.cells(run, line), Cell(text=stream)]
                + [Cell(text=str(at["mcs"]) if digital else "analog")]
                + [_count(at[name]) if digital else Cell(text="") for name in ("blocks", "block_errors")]
                + [_number(at["bler"], 2, 100) if digital else Cell(text="")]
                + [_number(line[f"{stream}.{name}"], 4) for name in (USES, DATA)]
            )
    head = ["stream", "MCS", "blocks", "wrong", "BLER (%)", "uses/sample", "payload's"]
    return Table(name="links", caption="Links", head=[*lead.head, *head], lines=lines)


def streams(line: Mapping[str, Any]) -> list[str]:
    """The streams that the line's system has."""
    ends = [str(name) for name in line if str(name).endswith(f".{DATA}")]
    return [name.removesuffix(f".{DATA}") for name in ends if not missing(line[name])]


def _numbered(runs: Sequence[Run]) -> Iterator[tuple[Run, Mapping[str, Any]]]:
    for run in runs:
        for line in run.table.to_dict("records"):
            yield run, line


class _Lead:
    """The first columns of every table: the system, if there are several, and what was swept."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.several = sum(len(run.systems) for run in runs) > 1
        self.fields = list(dict.fromkeys(name for run in runs for name in run.fields))
        short = short_names(self.fields)
        names = ["SNR (dB)" if name == SNR else short[name] for name in self.fields]
        self.head = ["system", *names] if self.several else names
        self.keys = {
            run.folder: {point["id"]: point["system"] for point in run.manifest["points"]} for run in runs
        }

    def cells(self, run: Run, line: Mapping[str, Any]) -> list[Cell]:
        """Of one line of the run's table."""
        values = [line.get(name) for name in self.fields]
        told = [Cell(text="") if missing(v) else Cell(text=value_text(v), sorts=number(v)) for v in values]
        if not self.several:
            return told
        return [Cell(text=run.system_of(self.keys[run.folder][line["point"]]).label), *told]


def _count(value: Any) -> Cell:
    return Cell(text="") if missing(value) else Cell(text=f"{int(value)}", sorts=float(value))


def _number(value: Any, digits: int, scale: float = 1, form: str = "f") -> Cell:
    if missing(value):
        return Cell(text="")
    return Cell(text=f"{scale * value:.{digits}{form}}", sorts=float(value))


def _valued(line: Mapping[str, Any], name: str, digits: int, scale: float) -> Cell:
    """'31.20 [30.9, 31.5]': the interval has a digit less than what it is around."""
    form = "e" if name in SMALL else "f"
    cell, stem = _number(line.get(name), digits, scale, form), name.removesuffix("_rate")
    low, high = (line.get(f"{stem}_{end}", math.nan) for end in ("low", "high"))
    if not cell.text or missing(low):
        return cell
    ends = ", ".join(f"{scale * each:.{digits - 1}{form}}" for each in (low, high))
    return Cell(text=f"{cell.text} [{ends}]", sorts=cell.sorts)
