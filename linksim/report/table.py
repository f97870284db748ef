"""The table of a run: a line a point, every number from the counts and energies of its rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Group
from rich.text import Text

from linksim import disk, results
from linksim.intervals import bootstrap_mean, clopper_pearson
from linksim.terminal import text_table

SEED = 0
"""Of the resampling, so that a report made twice is the same."""
NOTE = (
    "PSNR: mean over trials in dB, 95 % bootstrap interval; delivered: without the outages. Outage and BLER: "
    "Clopper-Pearson, blocks taken as independent. uses/sample: everything counted; data: payload alone."
)


def summary(folder: Path) -> Group:
    """What a run came to, for the terminal."""
    told = results.read_manifest(folder)
    table = summarise(results.read_rows(folder), swept(told))
    lines = _text(table, swept(told))
    made = f"{folder}: {', '.join(path.name for path in sorted((folder / 'figures').glob('*.png')))}"
    return Group(text_table(lines[0], lines[1:]), Text(NOTE, style="dim"), Text(made))


def write_tables(folder: Path) -> None:
    """summary.csv with every digit, summary.md for people."""
    told = results.read_manifest(folder)
    names = swept(told)
    table = summarise(results.read_rows(folder), names)
    disk.write(folder / "summary.csv", table.to_csv(index=False).encode())
    head, *lines = _text(table, names)
    rule = ["---:" if name not in ("mcs",) else "---" for name in head]
    text = "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))
    disk.write(folder / "summary.md", f"# {told['name']}\n\n{text}\n\n{NOTE}\n".encode())


def swept(manifest: Mapping[str, Any]) -> list[str]:
    """The dotted fields that the points differ in; the SNR where nothing is swept."""
    return list(manifest["points"][0]) or ["snr_db"]


def summarise(rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """One line a point. names: the swept fields, whose values lead the line."""
    return pd.DataFrame([_point(point, group, names) for point, group in rows.groupby("point", sort=True)])


def _point(point: Any, rows: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    outages, samples = int(rows["outage"].sum()), int(rows["samples"].sum())
    line: dict[str, Any] = {"point": int(point)} | {name: rows[name].iloc[0] for name in names}
    line |= {"trials": len(rows)} | _mean(rows, "psnr_db")
    line["psnr_delivered_db"] = rows.loc[~rows["outage"], "psnr_db"].mean()
    line |= {"outages": outages} | _rate("outage", outages, len(rows))
    if "ms_ssim_db" in rows:
        line |= _mean(rows, "ms_ssim_db")
    blocks, errors = int(rows["blocks"].sum()), int(rows["block_errors"].sum())
    if blocks:
        line |= {"blocks": blocks, "block_errors": errors} | _rate("bler", errors, blocks)
    line["bandwidth_ratio"] = rows["n_uses"].sum() / samples
    line["payload_bandwidth_ratio"] = rows["uses.data"].sum() / samples
    line["mcs"] = mcs_mix(rows)
    if "eve_psnr_db" in rows:
        line |= _mean(rows, "eve_psnr_db")
    return line


def _mean(rows: pd.DataFrame, name: str) -> dict[str, float]:
    """Mean of a column over the trials that have it, with its interval; none around an infinite mean."""
    values = rows[name].dropna().to_numpy(float)
    low = high = math.nan
    if values.size > 1 and np.isfinite(values).all():
        low, high = bootstrap_mean(values, np.random.default_rng(SEED))
    return {name: float(values.mean()) if values.size else math.nan, f"{name}_low": low, f"{name}_high": high}


def _rate(name: str, hits: int, n: int) -> dict[str, float]:
    low, high = clopper_pearson(hits, n)
    return {f"{name}_rate": hits / n, f"{name}_low": float(low), f"{name}_high": float(high)}


def mcs_mix(rows: pd.DataFrame) -> str:
    """'qpsk-1/2', or '62 % qpsk-1/2, 38 % qpsk-3/4': the schemes of every digital stream, by how often."""
    mixes = {}
    for column in (name for name in rows if name.endswith(".mcs")):
        counts = rows[column].dropna().value_counts()
        if len(counts) == 1:
            mixes[column.split(".")[-2]] = str(counts.index[0])
        elif len(counts):
            parts = (f"{count / len(rows):.0%} {mcs}" for mcs, count in counts.items())
            mixes[column.split(".")[-2]] = ", ".join(parts)
    if len(mixes) == 1:
        return next(iter(mixes.values()))
    return "; ".join(f"{stream}: {mix}" for stream, mix in mixes.items())


def _text(table: pd.DataFrame, names: list[str]) -> list[list[str]]:
    """Heads and cells for people: numbers with their intervals, rounded."""
    columns: dict[str, list[str]] = {_head(name): [_value(v) for v in table[name]] for name in names}
    columns["trials"] = [str(n) for n in table["trials"]]
    columns["PSNR (dB)"] = _with_interval(table, "psnr_db", 2)
    columns["delivered"] = [_number(value, 2) for value in table["psnr_delivered_db"]]
    columns["outage (%)"] = _with_interval(table, "outage", 1, rate=True)
    if "ms_ssim_db" in table:
        columns["MS-SSIM (dB)"] = _with_interval(table, "ms_ssim_db", 2)
    if "bler_rate" in table:
        columns["BLER (%)"] = _with_interval(table, "bler", 2, rate=True)
    columns["uses/sample"] = [f"{value:.4f}" for value in table["bandwidth_ratio"]]
    columns["data"] = [f"{value:.4f}" for value in table["payload_bandwidth_ratio"]]
    if (table["mcs"] != "").any():
        columns["mcs"] = list(table["mcs"])
    if "eve_psnr_db" in table:
        columns["eavesdropper (dB)"] = _with_interval(table, "eve_psnr_db", 2)
    return [list(columns), *map(list, zip(*columns.values(), strict=True))]


def _head(name: str) -> str:
    return "SNR (dB)" if name == "snr_db" else name


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _with_interval(table: pd.DataFrame, name: str, digits: int, rate: bool = False) -> list[str]:
    """'31.20 [30.9, 31.5]' a line; a rate in per cent."""
    scale = 100 if rate else 1
    cells = []
    middles = table[f"{name}_rate" if rate else name]
    for middle, low, high in zip(middles, table[f"{name}_low"], table[f"{name}_high"], strict=True):
        cell = _number(scale * middle, digits)
        if cell and not math.isnan(low):
            cell += f" [{_number(scale * low, digits)}, {_number(scale * high, digits)}]"
        cells.append(cell)
    return cells
