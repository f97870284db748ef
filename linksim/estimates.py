"""What a table tells of the trials of a point: each metric by name, its estimate and its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linksim.errors import LinksimError
from linksim.faults import near
from linksim.intervals import clopper_pearson, mean_interval
from linksim.results import FACTS

if TYPE_CHECKING:
    import pandas as pd

Estimate = tuple[float, float, float]
"""A value and the limits of its 95 % interval, nan where there is none."""
PLAIN = ".4g"
"""The form of a number of unknown kind; one that every trial has alike is told without an interval."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of a table. column: its name in files; of: its estimate over the rows of a point.

    needs: column of the rows that it takes. scale, form: of the text alone.
    """

    title: str
    column: str
    needs: str
    of: Callable[[pd.DataFrame], Estimate]
    scale: float = 1.0
    form: str = ".2f"

    def text(self, value: float, low: float, high: float) -> str:
        """'31.20 [30.95, 31.45]', or the value alone, or nothing."""
        if math.isnan(value):
            return ""
        told = f"{self.scale * value:{self.form}}"
        if math.isnan(low) or (self.form == PLAIN and low == value == high):
            return told
        return f"{told} [{self.scale * low:{self.form}}, {self.scale * high:{self.form}}]"


def _outage(rows: pd.DataFrame) -> Estimate:
    n, outages = len(rows), int(rows["outage"].sum())
    low, high = clopper_pearson(outages, n)
    return outages / n, float(low), float(high)


def _ratio(errors: str, of: str) -> Callable[[pd.DataFrame], Estimate]:
    """A ratio of counts, without an interval: blocks of one frame share its fade."""

    def estimate(rows: pd.DataFrame) -> Estimate:
        total = float(rows[of].sum())
        return (float(rows[errors].sum()) / total if total else math.nan), math.nan, math.nan

    return estimate


def _mean(column: str) -> Callable[[pd.DataFrame], Estimate]:
    return lambda rows: mean_interval(rows[column])


METRICS: Mapping[str, Metric] = {
    "psnr": Metric(title="PSNR (dB)", column="psnr_db", needs="psnr_db", of=_mean("psnr_db")),
    "psnr_delivered": Metric(
        title="delivered (dB)",
        column="psnr_delivered_db",
        needs="psnr_db",
        of=lambda rows: mean_interval(rows.loc[~rows["outage"].astype(bool), "psnr_db"]),
    ),
    "outage": Metric(
        title="outage (%)", column="outage_rate", needs="outage", of=_outage, scale=100, form=".1f"
    ),
    "mse": Metric(title="MSE", column="mse", needs="mse", of=_mean("mse"), form=".2e"),
    "ms_ssim": Metric(title="MS-SSIM (dB)", column="ms_ssim_db", needs="ms_ssim_db", of=_mean("ms_ssim_db")),
    "eve_psnr": Metric(title="Eve (dB)", column="eve_psnr_db", needs="eve_psnr_db", of=_mean("eve_psnr_db")),
    "bler": Metric(
        title="BLER (%)", column="bler", needs="blocks", of=_ratio("block_errors", "blocks"), scale=100
    ),
    "uses": Metric(
        title="uses/sample",
        column="bandwidth_ratio",
        needs="n_uses",
        of=_ratio("n_uses", "samples"),
        form=".4f",
    ),
}
PICTURES = "pictures"
"""PSNR over all trials, PSNR of what was delivered, and the outage rate: none tells enough alone."""
GROUPS = {PICTURES: ("psnr", "psnr_delivered", "outage")}


IDENTITY = ("run", "point_index", "image_index", "trial", "seed")
"""Columns of numbers that count nothing."""


def chosen(words: Sequence[str], rows: pd.DataFrame, where: str = "--metric") -> list[Metric]:
    """The metrics that words name: of METRICS or GROUPS, or by a column's name, as mse, psnr_db, codec.eta.

    Any column of numbers has its mean over the trials, and may be named by its last words. One line in
    LinksimError where a word names none, or what it names was not measured.
    """
    every = [name for word in words for name in GROUPS.get(word, (word,))]
    return list({each.column: each for each in (_metric(name, rows, where) for name in every)}.values())


def _metric(word: str, rows: pd.DataFrame, where: str) -> Metric:
    named = METRICS | {metric.column: metric for metric in METRICS.values()}
    known = [name for name, each in METRICS.items() if _measured(each.needs, rows)]
    if word in named:
        if _measured(named[word].needs, rows):
            return named[word]
        raise LinksimError(where, "was not measured here", word, f"there is {', '.join(known)}")
    columns = numbers(rows)
    hits = [name for name in columns if name == word] or [n for n in columns if n.endswith(f".{word}")]
    if len(hits) == 1:
        title = hits[0].removeprefix(FACTS)
        return Metric(title=title, column=hits[0], needs=hits[0], of=_mean(hits[0]), form=PLAIN)
    remedy = f"it may be {', '.join(hits)}" if hits else hint(word, [*known, *GROUPS, *columns])
    raise LinksimError(where, "must be a metric", word, remedy)


def hint(word: str, names: Sequence[str]) -> str | None:
    """The name, or last words of one, that is near to a user's word; where none is, the names that are not of
    a link's account.
    """
    ends = [name.rpartition(".")[2] for name in names if "." in name]
    told = near(word, [*names, *ends])
    plain = [name for name in dict.fromkeys(names) if "." not in name or name.startswith(FACTS)]
    return told if told and told.startswith("did") else near(word, plain)


def _measured(column: str, rows: pd.DataFrame) -> bool:
    return column in rows and bool(rows[column].notna().any())


def numbers(rows: pd.DataFrame) -> list[str]:
    """The columns that hold a number in some row and no other thing; METRICS' own are left out."""
    own = {*IDENTITY, *(metric.column for metric in METRICS.values())}
    found = rows.select_dtypes(["number", "bool"])
    return [name for name in found if name not in own and found[name].notna().any()]
