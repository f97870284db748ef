"""What a run's table says as lines over the swept variable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from linksim import results
from linksim.manifest import read_manifest
from linksim.report.fields import SNR, number, setting, short_names, swept, value_text
from linksim.report.table import summarise

MOST_TICKS = 12
"""Steps of the axis as wide as a number's tick."""
GROWTH = 8
"""An axis is drawn over decades if its widest step is so many times its narrowest."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line with its interval: x, y, low, high float64 [n] in order of x; NaN where there is none.

    label: the setting of the other swept fields, empty if there is none.
    """

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Series:
    """One run's table by point. fields: what was swept, in its order."""

    name: str
    table: pd.DataFrame
    fields: tuple[str, ...]

    def numeric(self) -> list[str]:
        """The swept fields that are numbers at every point."""
        return [name for name in self.fields if all(number(value) is not None for value in self.table[name])]

    def curves(self, column: str, axis: Axis) -> list[Curve]:
        """A curve of the column for each setting of the other fields; none where nothing is known of it."""
        if column not in self.table or not np.isfinite(self.table[column]).any():
            return []
        others = [name for name in self.fields if name != axis.field]
        short = short_names(self.fields)
        groups: list[tuple[Any, pd.DataFrame]] = [((), self.table)]
        if others:
            groups = list(self.table.groupby(others, sort=False, dropna=False))
        return [
            _curve(rows, column, axis, ", ".join(_told(others, short, values))) for values, rows in groups
        ]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The x axis: a swept field, and where each of its values lies. places: what is told there -> x.

    numeric: between two values lie others; if not, they are names side by side. measured: no value was set,
    so that none is a tick.
    """

    field: str
    places: dict[str, float]
    numeric: bool
    measured: bool = False

    @property
    def crowded(self) -> bool:
        """Whether numbers lie too close together, somewhere, for each to be a tick of an even axis."""
        steps = self._steps
        return self.numeric and steps.size > 1 and steps.min() * MOST_TICKS < steps.sum()

    @property
    def decades(self) -> bool:
        """Whether it is drawn over decades: values from 0 on, not in dB, whose steps grow."""
        if self.measured or not self.crowded or self.field.endswith("_db"):
            return False
        return min(self.places.values()) >= 0 and bool(self._steps.max() >= GROWTH * self._steps.min())

    @property
    def _steps(self) -> NDArray[np.float64]:
        """From each place to the next."""
        return np.diff(np.sort(list(self.places.values())))

    def of(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """float64 [n]: where the values lie."""
        return np.asarray([self.places[value_text(value)] for value in values], np.float64)


def axis_over(every: Sequence[Series], field: str) -> Axis:
    """The axis of a field: numbers and fractions at their value; other values side by side as they come."""
    values = [value for series in every for value in series.table[field]]
    numbers = [number(value) for value in values]
    told = [value_text(value) for value in values]
    if None not in numbers:
        return Axis(field=field, places=dict(zip(told, map(float, numbers), strict=True)), numeric=True)
    places = {text: float(n) for n, text in enumerate(dict.fromkeys(told))}
    return Axis(field=field, places=places, numeric=False)


def read_series(folder: Path, name: str | None = None) -> Series:
    """The series of a run under its own name or another."""
    manifest = read_manifest(folder)
    names = swept(manifest)
    table = summarise(results.read_rows(folder), names)
    return Series(name=name or manifest["name"], table=table, fields=tuple(names))


def variable(every: Sequence[Series]) -> str | None:
    """The x axis's field: of those that all were swept over the SNR, or the first number, or the first."""
    shared = [name for name in every[0].fields if all(name in series.fields for series in every)]
    numeric = [name for name in shared if all(name in series.numeric() for series in every)]
    if SNR in numeric:
        return SNR
    return next(iter([*numeric, *shared]), None)


def _told(names: Sequence[str], short: dict[str, str], values: Sequence[Any]) -> list[str]:
    """The setting, field by field; what a system does not have is not told."""
    pairs = [(short[name], value) for name, value in zip(names, values, strict=True)]
    return [setting(name, value) for name, value in pairs if value is not None and value == value]


def _curve(rows: pd.DataFrame, column: str, axis: Axis, label: str) -> Curve:
    x, stem = axis.of(rows[axis.field]), column.removesuffix("_rate")
    order = np.argsort(x, kind="stable")
    y, low, high = (rows[name].to_numpy(float)[order] for name in (column, f"{stem}_low", f"{stem}_high"))
    return Curve(label=label, x=x[order], y=y, low=low, high=high)
