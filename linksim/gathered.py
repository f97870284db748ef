"""The trials of one run or several under one head: systems by their labels, swept fields by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linksim.errors import LinksimError
from linksim.faults import near
from linksim.manifest import read_manifest
from linksim.report.fields import SNR, number, value_text
from linksim.results import read_rows

if TYPE_CHECKING:
    import pandas as pd

SYSTEM = "system"


class NotRun(LinksimError):
    """What was asked for may be there once more points are run."""


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """The trials of runs under one head. fields: what was swept in any of them, SYSTEM first.

    rows: as `read_rows` has them, each under its system's label; `run` numbers the folder.
    """

    rows: pd.DataFrame
    fields: tuple[str, ...]

    def points(self) -> list[tuple[dict[str, Any], pd.DataFrame]]:
        """(its swept values by field, its rows) of every point, in the order of runs and points."""
        groups = self.rows.groupby(["run", "point_index"], sort=True)
        return [({name: rows[name].iloc[0] for name in self.fields}, rows) for _, rows in groups]

    def at(self, settings: Sequence[str]) -> Gathered:
        """Only the points at 'FIELD=VALUE' or 'FIELD=VALUE,VALUE'; a system without the field keeps its own.

        A field may be named by its last words. One line in LinksimError where there is no such point.
        """
        rows = self.rows
        for each in settings:
            word, equals, told = each.partition("=")
            if not equals or not told:
                raise LinksimError("--at", "must be FIELD=VALUE", each, "as snr_db=10, or snr_db=0,10")
            field = resolve(word, dict.fromkeys([*self.fields, SNR]), "--at")
            there = {value_text(value): value for value in rows[field].dropna().unique()}
            wanted = [told] if told in there else told.split(",")
            hits = [_same(text, there) for text in wanted]
            if None in hits:
                rule = f"{field} must be a value that was run"
                raise NotRun("--at", rule, wanted[hits.index(None)], f"it may be {', '.join(there)}")
            rows = rows[rows[field].isin([there[hit] for hit in hits if hit]) | rows[field].isna()]
        if rows.empty:
            raise NotRun("--at", "leaves no point", " ".join(settings), "leave one out")
        return Gathered(rows=rows, fields=self.fields)


def _same(text: str, there: Mapping[str, Any]) -> str | None:
    """Of the values, by their texts, the one that a text means: 10 is 10.0, 0.25 is 1/4."""
    if text in there or number(text) is None:
        return text if text in there else None
    return next((told for told, value in there.items() if number(value) == number(text)), None)


def gather(folders: Sequence[Path]) -> Gathered:
    """The trials of every run; a system is called by its name, alone by its run's, or by both."""
    import pandas as pd

    trees = [read_manifest(folder) for folder in folders]
    names = [str(tree["name"]) for tree in trees]
    names = [
        name if names.count(name) == 1 else str(folder) for name, folder in zip(names, folders, strict=True)
    ]
    every = []
    for n, (folder, name) in enumerate(zip(folders, names, strict=True)):
        rows = read_rows(folder)
        labels = {each: _label(name, each, len(folders)) for each in rows[SYSTEM].unique()}
        every.append(rows.assign(run=n, **{SYSTEM: rows[SYSTEM].map(labels)}))
    fields = [field for tree in trees for field in tree["fields"] if field != SYSTEM]
    return Gathered(
        rows=pd.concat(every, ignore_index=True), fields=tuple(dict.fromkeys([SYSTEM, *(fields or [SNR])]))
    )


def _label(run: str, system: str, n_runs: int) -> str:
    if not system:
        return run
    return system if n_runs == 1 else f"{run}: {system}"


def resolve(word: str, fields: Sequence[str], where: str) -> str:
    """The field that a user's word means: itself, or its last words; LinksimError if not one ends so."""
    hits = [name for name in fields if name == word] or [name for name in fields if name.endswith(f".{word}")]
    if len(hits) == 1:
        return hits[0]
    known = hits or [*fields, *(name.rpartition(".")[2] for name in fields if "." in name)]
    remedy = f"it may be {', '.join(hits)}" if hits else near(word, dict.fromkeys(known))
    raise LinksimError(where, "must be one of the swept fields", word, remedy)


def in_step(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether either of two fields tells the other, as those of a zip do; their values at every point."""
    return len({*zip(one, other, strict=True)}) == len({*one}) == len({*other})


def usual_field(gathered: Gathered) -> str:
    """What is told from left to right where nobody says: the SNR, or the first number swept, or the first."""
    swept = [name for name in gathered.fields if name != SYSTEM]
    numeric = [
        name
        for name in swept
        if all(number(value) is not None for value in gathered.rows[name].dropna().unique())
    ]
    return SNR if SNR in swept else next(iter([*numeric, *swept]), SNR)
