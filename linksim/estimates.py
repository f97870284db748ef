"""What a table tells of the trials of a point: each metric by name, its estimate and its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linksim.errors import LinksimError
from linksim.faults import near
from linksim.intervals import clopper_pearson, mean_interval

if TYPE_CHECKING:
    import pandas as pd

Estimate = tuple[float, float, float]
"""A value and the limits of its 95 % interval, nan where there is none."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric of a table. column: its name in files; of: its estimate over the rows of a point.

    needs: column of the rows that it takes. scale, digits: of the text alone, as is small: 1.23e-03.
    """

    title: str
    column: str
    needs: str
    of: Callable[[pd.DataFrame], Estimate]
    scale: float = 1.0
    digits: int = 2
    small: bool = False

    def text(self, value: float, low: float, high: float) -> str:
        """'31.20 [30.95, 31.45]', or the value alone, or nothing."""
        if math.isnan(value):
            return ""
        form = f".{self.digits}{'e' if self.small else 'f'}"
        told = f"{self.scale * value:{form}}"
        if math.isnan(low):
            return told
        return f"{told} [{self.scale * low:{form}}, {self.scale * high:{form}}]"


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
        title="outage (%)", column="outage_rate", needs="outage", of=_outage, scale=100, digits=1
    ),
    "mse": Metric(title="MSE", column="mse", needs="mse", of=_mean("mse"), small=True),
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
        digits=4,
    ),
}
PICTURES = "pictures"
"""PSNR over all trials, PSNR of what was delivered, and the outage rate: none tells enough alone."""
GROUPS = {PICTURES: ("psnr", "psnr_delivered", "outage")}


def chosen(metrics: Sequence[str]) -> list[str]:
    """Names of METRICS; one may be called by its column in files too. LinksimError where one is unknown."""
    columns = {metric.column: name for name, metric in METRICS.items()}
    names = []
    for word in metrics:
        name = columns.get(word, word)
        if name not in METRICS and name not in GROUPS:
            raise LinksimError("--metric", "must be a metric", word, near(word, [*METRICS, *GROUPS]))
        names += GROUPS.get(name, (name,))
    return list(dict.fromkeys(names))


def measured(names: Sequence[str], rows: pd.DataFrame) -> None:
    """LinksimError where one of the metrics was not measured in any of the rows."""
    known = [name for name, each in METRICS.items() if each.needs in rows and rows[each.needs].notna().any()]
    for name in names:
        if name not in known:
            raise LinksimError("--metric", "was not measured here", name, f"there is {', '.join(known)}")
