"""`linksim table`: what was measured over one swept field, beside each other for all that was swept besides.

Every number is that of the run's own summary: the same means, counts and intervals, in other places.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linksim import disk
from linksim.errors import LinksimError
from linksim.estimates import PICTURES, Metric, chosen
from linksim.gathered import SYSTEM, Gathered, gather, resolve, usual_field
from linksim.report.fields import SNR, number, short_names, value_text
from linksim.terminal import text_table

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group

TEXT_WIDTH = 80
"""Columns of a terminal that a table stays within where it can."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Text for people, and the numbers behind it: one line a point. note: what it is and over how much."""

    head: list[str]
    cells: list[list[str]]
    frame: pd.DataFrame
    note: str

    def __rich__(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        return Group(text_table(self.head, self.cells), Text(""), Text(self.note, style="dim"))

    def markdown(self) -> str:
        """The text as a table of Markdown, with its note."""
        return f"{markdown(self.head, self.cells)}\n\n{self.note}\n"

    def write(self, path: Path) -> Path:
        """To .csv the numbers with every digit, to .md the text."""
        return write(path, self.frame, self.markdown())


def table(
    folders: Sequence[Path],
    by: str | None = None,
    metrics: Sequence[str] = (PICTURES,),
    width: int = TEXT_WIDTH,
    at: Sequence[str] = (),
) -> Table:
    """The metrics over field `by`, of one run or several. One line in LinksimError where a name is unknown.

    by: a swept field or its last words; the SNR, or the first swept number, if left out. One metric has its
    settings side by side if `width` columns take them; else, and with several metrics, a line a setting.
    at: only these points, as in `Gathered.at`.
    """
    gathered = gather(folders).at(at)
    told = chosen(metrics, gathered.rows)
    field = _by(by, gathered)
    points = gathered.points()
    lines = [_line(values, rows, told) for values, rows in points]
    others = [name for name in gathered.fields if name != field and _varies(name, points)]
    across = _across(lines, field, others, told[0]) if len(told) == 1 and others else None
    if across is None or _width(*across) > width:
        across = _down(lines, field, others, told)
    return Table(
        head=across[0], cells=across[1], frame=_frame(lines, gathered.fields), note=_note(lines, told)
    )


def _by(word: str | None, gathered: Gathered) -> str:
    if word is not None:
        return resolve(word, dict.fromkeys([*gathered.fields, SNR]), "--by")
    return usual_field(gathered)


def _line(values: Mapping[str, Any], rows: pd.DataFrame, metrics: Sequence[Metric]) -> dict[str, Any]:
    """A point: its values, its trials, and each metric's estimate under the metric's column."""
    line = {SNR: rows[SNR].iloc[0]} | dict(values) | {"trials": len(rows)}
    return line | {metric.column: metric.of(rows) for metric in metrics}


def _frame(lines: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> pd.DataFrame:
    """The lines with every estimate as three columns: itself, `_low`, `_high`."""
    import pandas as pd

    flat = []
    for line in lines:
        told = {name: line[name] for name in [*fields, "trials"]}
        for name, value in line.items():
            if isinstance(value, tuple):
                stem = name.removesuffix("_rate")
                told |= dict(zip((name, f"{stem}_low", f"{stem}_high"), value, strict=True))
        flat.append(told)
    return pd.DataFrame(flat)


def _varies(name: str, points: Sequence[tuple[Mapping[str, Any], Any]]) -> bool:
    return len({_text(values[name]) for values, _ in points}) > 1


def _text(value: Any) -> str:
    """A swept value for people; nothing where a system has no such field."""
    return "" if value is None or value != value else value_text(value)


def _ranked(values: Sequence[Any]) -> list[str]:
    """The values' texts, numbers by size, others as they come."""
    first = {_text(value): value for value in values}
    numbers = {text: number(value) for text, value in first.items()}
    if any(each is None or math.isnan(each) for each in numbers.values()):
        return list(first)
    return sorted(first, key=lambda text: numbers[text])


def _title(name: str, short: Mapping[str, str]) -> str:
    return "SNR (dB)" if name == SNR else short[name]


def _short(field: str, others: Sequence[str]) -> dict[str, str]:
    return short_names(list(dict.fromkeys([field, *others])))


Texts = tuple[list[str], list[list[str]]]
"""Head, and cells line by line."""


def _across(lines: Sequence[Mapping[str, Any]], field: str, others: Sequence[str], metric: Metric) -> Texts:
    """A line a value of the field, a column a setting of the others."""
    short = _short(field, others)
    cells: dict[tuple[str, str], str] = {}
    for line in lines:
        words = [
            _text(line[name]) if name == SYSTEM else f"{short[name]} {_text(line[name])}"
            for name in others
            if _text(line[name])
        ]
        cells[_text(line[field]), ", ".join(words)] = metric.text(*line[metric.column])
    columns = list(dict.fromkeys(column for _, column in cells))
    values = _ranked([line[field] for line in lines])
    head = [_title(field, short), *columns]
    return head, [[value, *(cells.get((value, column), "") for column in columns)] for value in values]


def _down(
    lines: Sequence[Mapping[str, Any]], field: str, others: Sequence[str], metrics: Sequence[Metric]
) -> Texts:
    """A line a value of the field and setting of the others, a column a metric."""
    short = _short(field, others)
    rank = {text: n for n, text in enumerate(_ranked([line[field] for line in lines]))}
    head = [*(_title(name, short) for name in (field, *others)), "trials", *(each.title for each in metrics)]
    cells = [
        [
            *(_text(line[name]) for name in (field, *others)),
            str(line["trials"]),
            *(metric.text(*line[metric.column]) for metric in metrics),
        ]
        for line in sorted(lines, key=lambda line: rank[_text(line[field])])
    ]
    return head, cells


def _width(head: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    return sum(max(map(len, column)) + 2 for column in zip(head, *cells, strict=True)) - 2


def _note(lines: Sequence[Mapping[str, Any]], metrics: Sequence[Metric]) -> str:
    trials = [line["trials"] for line in lines]
    told = f"{min(trials)}" if min(trials) == max(trials) else f"{min(trials)} to {max(trials)}"
    titles = ", ".join(metric.title for metric in metrics)
    note = f"{titles}: over {told} trials a point, with 95 % intervals."
    columns = {metric.column for metric in metrics}
    if columns & {"psnr_db", "ms_ssim_db", "mse"}:
        note += " An outage counts as the picture shown in its place"
        note += "; 'delivered' leaves it out." if "psnr_delivered_db" in columns else "."
    return note


def markdown(head: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; columns that hold a digit first are set to the right."""
    right = [
        all(not cell or cell[0] in "-+0123456789" for cell in column) for column in zip(*cells, strict=True)
    ]
    rule = ["---:" if each else "---" for each in right]
    lines = [[cell.replace("|", "\\|") for cell in line] for line in (head, *cells)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))


def write(path: Path, frame: pd.DataFrame, text: str) -> Path:
    """The numbers to .csv, the text to .md, whole or not at all; LinksimError for another ending."""
    if path.suffix == ".csv":
        disk.write(path, frame.to_csv(index=False).encode())
    elif path.suffix == ".md":
        disk.write(path, text.encode())
    else:
        raise LinksimError("--out", "must end in .csv (numbers) or .md (text)", str(path), "as results.csv")
    return path
