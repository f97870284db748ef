"""What a run's table says as lines over the swept variable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from linksim import results
from linksim.report.table import summarise, swept


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line with its interval: x, y, low, high float64 [n] in order of x; NaN where there is none."""

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Series:
    """One run's table by point, and the swept field that runs along the x axis."""

    name: str
    table: pd.DataFrame
    variable: str
    others: tuple[str, ...]

    def curves(self, column: str, label: str | None = None) -> list[Curve]:
        """A curve of the column for each setting of the other swept fields; none without such a column."""
        if column not in self.table:
            return []
        groups: list[tuple[Any, pd.DataFrame]] = [((), self.table)]
        if self.others:
            groups = list(self.table.groupby(list(self.others), sort=False))
        return [self._curve(rows, column, label or self.name, values) for values, rows in groups]

    def _curve(self, rows: pd.DataFrame, column: str, label: str, values: tuple[Any, ...]) -> Curve:
        x = positions(rows[self.variable])
        order, stem = np.argsort(x, kind="stable"), column.removesuffix("_rate")
        drawn = (rows[name].to_numpy(float)[order] for name in (column, f"{stem}_low", f"{stem}_high"))
        y, low, high = drawn
        told = [f"{name.split('.')[-1]}={value}" for name, value in zip(self.others, values, strict=True)]
        return Curve(label=", ".join([label, *told]), x=x[order], y=y, low=low, high=high)


def read_series(folder: Path, name: str | None = None) -> Series:
    """The series of a run under its own name or another."""
    manifest = results.read_manifest(folder)
    names = swept(manifest)
    table = summarise(results.read_rows(folder), names)
    variable = "snr_db" if "snr_db" in names else next((n for n in names if _is_numeric(table[n])), names[0])
    others = tuple(each for each in names if each != variable)
    return Series(name=name or manifest["name"], table=table, variable=variable, others=others)


def positions(values: Sequence[Any]) -> NDArray[np.float64]:
    """Places on the x axis: numbers and fractions by their value, other text one after the other."""
    numbers = [_as_number(value) for value in values]
    if any(number is None for number in numbers):
        return np.arange(len(numbers), dtype=float)
    return np.asarray(numbers, float)


def _is_numeric(values: Sequence[Any]) -> bool:
    return all(_as_number(value) is not None for value in values)


def _as_number(value: Any) -> float | None:
    try:
        return float(Fraction(value)) if isinstance(value, str) else float(value)
    except (ValueError, TypeError, ZeroDivisionError):
        return None
