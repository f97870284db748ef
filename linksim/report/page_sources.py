"""What a page is made of: folders of runs, folders of `linksim ber` curves, or roots of either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from linksim import manifest, results
from linksim.ber.store import ABOUT
from linksim.errors import LinksimError
from linksim.report.fields import SYSTEM, swept
from linksim.report.table import summarise


@dataclass(frozen=True, kw_only=True)
class System:
    """One system of one run. key: its name in the run, '' where the run has one; number: its colour."""

    key: str
    label: str
    number: int


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as it stands. rows: its trials so far, perhaps none; table: one line a point that has any."""

    folder: Path
    manifest: Mapping[str, Any]
    rows: pd.DataFrame
    table: pd.DataFrame
    systems: tuple[System, ...]

    @property
    def fields(self) -> list[str]:
        """What was swept, but the system."""
        return [name for name in swept(self.manifest) if name != SYSTEM]

    def system_of(self, key: str) -> System:
        """The system by its name in the run."""
        return next(each for each in self.systems if each.key == key)

    def planned(self, point: Mapping[str, Any]) -> int:
        """Trials that the point may come to at most: images x draws of each."""
        return len(self.manifest["deciding"]["images"][point["system"]]) * int(point["per_image"])


def split(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """(folders of runs, folders of curves) of what was named; LinksimError where a path is neither."""
    runs: list[Path] = []
    curves: list[Path] = []
    for path in paths:
        found = list(_found(path))
        if not found:
            rule = f"must be the folder of a run, with {manifest.MANIFEST}, or of `linksim ber` curves"
            raise LinksimError(path, f"{rule}, with {ABOUT}; check the path")
        for folder in found:
            chosen = curves if (folder / ABOUT).exists() else runs
            if folder.resolve() not in [each.resolve() for each in chosen]:
                chosen.append(folder)
    return runs, curves


def _found(path: Path) -> Iterator[Path]:
    """The folder itself, or what lies right under it; the manifest of a curve is its curve.json."""
    if any((path / name).exists() for name in (manifest.MANIFEST, ABOUT)):
        yield path
    elif path.is_dir():
        yield from sorted(
            each.parent for name in (manifest.MANIFEST, ABOUT) for each in path.glob(f"*/{name}")
        )


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Every run with its systems, each with a label and a number of its own over all of them."""
    trees = [manifest.read_manifest(folder) for folder in folders]
    names = _run_names(folders, trees)
    runs: list[Run] = []
    for folder, tree, name in zip(folders, trees, names, strict=True):
        keys = list(dict.fromkeys(point["system"] for point in tree["points"]))
        start = sum(len(run.systems) for run in runs)
        systems = tuple(
            System(key=key, label=_label(name, key, len(folders)), number=start + n)
            for n, key in enumerate(keys)
        )
        rows = _rows(folder)
        table = summarise(rows, swept(tree)) if len(rows) else pd.DataFrame()
        runs.append(Run(folder=folder, manifest=tree, rows=rows, table=table, systems=systems))
    return runs


def _rows(folder: Path) -> pd.DataFrame:
    """The trials so far; none is no error here: a page may be asked for before the first is done."""
    return results.read_rows(folder) if results.shards(folder) else pd.DataFrame()


def _run_names(folders: Sequence[Path], trees: Sequence[Mapping[str, Any]]) -> list[str]:
    """The runs' own names, and their folders' where two are called alike."""
    names = [str(tree["name"]) for tree in trees]
    return [
        name if names.count(name) == 1 else str(folder) for name, folder in zip(names, folders, strict=True)
    ]


def _label(run: str, key: str, n_runs: int) -> str:
    if not key:
        return run
    return f"{run}: {key}" if n_runs > 1 else key
