"""The two sides of a comparison: a system of a run each, and the points and draws that they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linksim.errors import LinksimError
from linksim.faults import near
from linksim.gathered import SYSTEM
from linksim.manifest import MANIFEST, read_manifest
from linksim.paired import Difference, Values, paired, unpaired
from linksim.report.fields import SNR
from linksim.results import read_rows

if TYPE_CHECKING:
    import pandas as pd

TRIAL = ["sha256", "trial"]
"""What names a draw, with the seed and the link: the picture and which of its draws."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A metric of a comparison. title: what a sentence says it is; better: 1 if more is, -1 if less is.

    small: told as 1.23e-03, whatever the digits. ratio: that of means is told too.
    """

    column: str
    title: str
    unit: str = "dB"
    better: int = 1
    small: bool = False
    ratio: bool = False

    def text(self, value: float, digits: int, sign: str = "") -> str:
        """A value for people, without its unit."""
        return f"{value:{sign}.2e}" if self.small else f"{value:{sign}z.{digits}f}"

    def sized(self, told: str) -> str:
        """What was told of a value, with the unit where there is one."""
        return f"{told} {self.unit}" if self.unit else told

    @property
    def of_curves(self) -> str:
        """The title where each side is a curve of its own."""
        return self.title.replace("both", "each")

    def check(self, *sides: Side) -> None:
        """LinksimError where a side has not measured it."""
        column = self.column.replace("delivered_", "")
        for side in sides:
            if column not in side.rows or side.rows[column].isna().all():
                raise LinksimError("--metric", f"{side.label} has no {column}", None, "choose another")

    def values(self, rows: pd.DataFrame) -> pd.Series:
        """The metric trial by trial; nan where a trial has none."""
        if self.column == "outage":
            return 100.0 * rows["outage"]
        values = rows[self.column.replace("delivered_", "")].astype(float)
        return values.mask(rows["outage"].astype(bool)) if "delivered" in self.column else values


COMPARED: Mapping[str, Compared] = {
    "psnr": Compared(column="psnr_db", title=""),
    "psnr_delivered": Compared(column="psnr_delivered_db", title="in what both delivered"),
    "ms_ssim": Compared(column="ms_ssim_db", title="in MS-SSIM"),
    "mse": Compared(column="mse", title="in MSE", unit="", better=-1, small=True, ratio=True),
    "outage": Compared(column="outage", title="in outages", unit="%", better=-1),
    "eve_psnr": Compared(column="eve_psnr_db", title="in what Eve sees", better=-1),
}


@dataclass(frozen=True, kw_only=True)
class Side:
    """A system of a run. fields: what was swept of it; links: their names, which the draws depend on.

    rows: each draw once, also where the run holds one picture under two names.
    """

    label: str
    folder: Path
    system: str
    rows: pd.DataFrame
    fields: tuple[str, ...]
    links: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two points that share their swept values. values: by field, also those that one side alone has.

    a, b: the rows that were compared, row by row where `shared`: the draws are the same.
    """

    values: Mapping[str, Any]
    a: pd.DataFrame
    b: pd.DataFrame
    shared: bool


def read_side(text: str, other_than: str | None = None) -> Side:
    """The system that 'RUN' or 'RUN:SYSTEM' names; LinksimError where it is none, or one of several.

    other_than: a system of the run that is not meant, so that of two the other is.
    """
    folder, system = _split(text)
    tree = read_manifest(folder)
    systems = list(dict.fromkeys(point[SYSTEM] for point in tree["points"]))
    left = [each for each in systems if each != other_than]
    if system is None and len(left) == 1:
        system = left[0]
    if system is None:
        rule, got = "must be one system, as RUN:SYSTEM", text
        raise LinksimError("compare", rule, got, f"it holds {', '.join(systems)}")
    if system not in systems:
        raise LinksimError(
            "compare", f"{folder} has no such system", system, near(system, filter(None, systems))
        )
    rows = read_rows(folder)
    rows = rows[rows[SYSTEM] == system].drop_duplicates(["point_index", *TRIAL])
    links = tree.get("scenarios", {}).get(system, {}).get("links", {})
    return Side(
        label=system or str(tree["name"]),
        folder=folder,
        system=system,
        rows=rows,
        fields=tuple(name for name in tree["fields"] if name != SYSTEM and rows[name].notna().any()),
        links=frozenset(links),
    )


def _split(text: str) -> tuple[Path, str | None]:
    """The longest part up to a colon that is the folder of a run, and what follows."""
    cuts = [len(text), *(n for n in range(len(text) - 1, 0, -1) if text[n] == ":")]
    for cut in cuts:
        if (Path(text[:cut]) / MANIFEST).exists():
            return Path(text[:cut]), text[cut + 1 :] or None
    return Path(text.rpartition(":")[0] or text), None


def read_sides(a: str, b: str | None) -> tuple[Side, Side]:
    """Both sides, under labels that differ. Without b: the run of a has two systems."""
    folder, system = _split(a)
    if b is None and system is None:
        systems = list(dict.fromkeys(point[SYSTEM] for point in read_manifest(folder)["points"]))
        if len(systems) != 2:
            rule = f"a second run or system is missing; {folder} holds {len(systems)}"
            raise LinksimError("compare", rule, None, "name both, as RUN:SYSTEM RUN:SYSTEM")
        a, b = (f"{folder}:{each}" for each in systems)
    one = read_side(a)
    same = b is None or _split(b)[0].resolve() == folder.resolve()
    two = read_side(b or str(folder), other_than=one.system if same else None)
    if (one.folder.resolve(), one.system) == (two.folder.resolve(), two.system):
        raise LinksimError("compare", "names one system twice", one.label, "name two")
    if one.label == two.label:
        return replace(one, label=a), replace(two, label=b or two.label)
    return one, two


def pairs(a: Side, b: Side) -> list[Pair]:
    """Every point of a with those of b that have the same values of what both sweep, and the same SNR."""
    both = list(dict.fromkeys([SNR, *(name for name in a.fields if name in b.fields)]))
    of_b: dict[tuple[Any, ...], list[pd.DataFrame]] = {}
    for _, right in b.rows.groupby("point_index"):
        of_b.setdefault(tuple(right[name].iloc[0] for name in both), []).append(right)
    found = [
        _pair(a, b, left, right)
        for _, left in a.rows.groupby("point_index")
        for right in of_b.get(tuple(left[name].iloc[0] for name in both), [])
    ]
    return [pair for pair in found if len(pair.a)]


def _pair(a: Side, b: Side, left: pd.DataFrame, right: pd.DataFrame) -> Pair:
    values = {name: left[name].iloc[0] for name in dict.fromkeys([SNR, *a.fields])}
    values |= {name: right[name].iloc[0] for name in b.fields if name not in values}
    if not shares_draws(a, b, left, right):
        pictures = set(left["sha256"]) & set(right["sha256"])
        left, right = (rows[rows["sha256"].isin(pictures)] for rows in (left, right))
        return Pair(values=values, a=left, b=right, shared=False)
    one, two = (rows.set_index(TRIAL) for rows in (left, right))
    draws = one.index.intersection(two.index, sort=False)
    return Pair(values=values, a=one.loc[draws].reset_index(), b=two.loc[draws].reset_index(), shared=True)


def shares_draws(a: Side, b: Side, left: pd.DataFrame, right: pd.DataFrame) -> bool:
    """Whether rows of both met the same fades and noise: one seed, and links of the same names."""
    seeds = {*left["seed"], *right["seed"]}
    return len(seeds) == 1 and bool(a.links) and a.links == b.links


def difference(pair: Pair, metric: Compared) -> Difference | None:
    """Of the metric over the trials, or pictures, where both have a finite one; None where none is."""
    parts = _by_picture(pair, metric)
    if not parts:
        return None
    return paired([a - b for a, b in parts]) if pair.shared else unpaired(*zip(*parts, strict=True))


def means(pair: Pair, metric: Compared) -> tuple[float, float]:
    """Those that `difference` is of: over the trials that both have, or over pictures that count alike."""
    import numpy as np

    parts = _by_picture(pair, metric)
    weights = [a.size if pair.shared else 1 for a, _ in parts]
    of_a, of_b = zip(*((a.mean(), b.mean()) for a, b in parts), strict=True)
    return float(np.average(of_a, weights=weights)), float(np.average(of_b, weights=weights))


def kept(pair: Pair, metric: Compared) -> tuple[pd.Series, pd.Series]:
    """The finite values of both sides by draw (picture, trial): of shared draws where both have one, else of
    the pictures of which both have one.
    """
    import numpy as np
    import pandas as pd

    a, b = (
        pd.Series(metric.values(rows).to_numpy(np.float64), index=pd.MultiIndex.from_frame(rows[TRIAL]))
        for rows in (pair.a, pair.b)
    )
    if pair.shared:
        both = (np.isfinite(a) & np.isfinite(b).to_numpy()).to_numpy()
        return a[both], b[both]
    a, b = a[np.isfinite(a)], b[np.isfinite(b)]
    of_a, of_b = (each.index.get_level_values(0) for each in (a, b))
    return a[of_a.isin(of_b)], b[of_b.isin(of_a)]


def by_picture(values: pd.Series) -> list[Values]:
    """float64 [n_i] of each picture, pictures and draws in order. values: by draw."""
    import numpy as np

    ordered = values.sort_index()
    names = ordered.index.get_level_values(0)
    starts = np.flatnonzero(names[1:] != names[:-1]) + 1
    return np.split(ordered.to_numpy(np.float64), starts) if len(ordered) else []


def _by_picture(pair: Pair, metric: Compared) -> list[tuple[Values, Values]]:
    """The values of both sides of each picture."""
    return list(zip(*map(by_picture, kept(pair, metric)), strict=True))
