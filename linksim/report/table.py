"""The table of a run: a line a point, every number from the counts and energies of its rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Group
from rich.text import Text

from linksim import disk, results
from linksim.intervals import clopper_pearson, mean_interval
from linksim.manifest import read_manifest
from linksim.report.fields import DATA, FRAME, PILOTS, USES, swept
from linksim.report.lines import Lines, link_lines, picture_lines
from linksim.results import FACTS
from linksim.terminal import text_table

SUMMARY = "summary.csv"
"""Written last: a folder that has it is reported on whole."""
NOTE = (
    "PSNR and MS-SSIM: means over trials in dB, MSE: on a scale of 0 to 1, with a 95 % interval from "
    "resampled trials if there are six; an outage counts as the picture shown in its place, 'delivered' "
    "leaves it out. Outage: 95 % Clopper-Pearson interval. "
    "Eve: PSNR of the eavesdropper. BLER: wrong code blocks of those sent, without an interval, for those of "
    "one frame share its fade. uses/sample: channel uses a source sample, everything counted; data: the "
    "payload's alone."
)


def summary(folder: Path) -> Group:
    """What a run came to, for the terminal: the pictures, the links, and where the figures are."""
    pictures, links = _lines(folder)
    figures = ", ".join(path.name for path in sorted((folder / "figures").glob("*.png")))
    parts = [text_table(pictures.head, pictures.cells), Text(""), text_table(links.head, links.cells)]
    parts += [Text(""), Text(NOTE, style="dim"), Text(f"{folder}: summary.csv, summary.md, {figures}")]
    return Group(*parts)


def write_tables(folder: Path) -> list[Path]:
    """summary.csv with every digit, a line a point; summary.md for people."""
    name, table = read_manifest(folder)["name"], read_summary(folder)
    csv, markdown = folder / SUMMARY, folder / "summary.md"
    told = [f"# {name}", *(_markdown(lines) for lines in _lines(folder)), NOTE]
    disk.write(markdown, ("\n\n".join(told) + "\n").encode())
    disk.write(csv, table.to_csv(index=False).encode())
    return [csv, markdown]


def _lines(folder: Path) -> tuple[Lines, Lines]:
    names, table = swept(read_manifest(folder)), read_summary(folder)
    return picture_lines(table, names), link_lines(table, names)


def _markdown(lines: Lines) -> str:
    rule = ["---" if name in ("stream", "MCS") else "---:" for name in lines.head]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (lines.head, rule, *lines.cells))


def read_summary(folder: Path) -> pd.DataFrame:
    """`summarise` of a run's rows."""
    return summarise(results.read_rows(folder), swept(read_manifest(folder)))


def summarise(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """One line a point. names: the swept fields, whose values lead the line.

    Means are over trials, the trials resampled for their intervals: they tell how sure the mean is over these
    pictures and fades together. Rates are ratios of counts; a codec's own numbers have means alone.
    `<link>.<stream>.*` are a stream's own.
    """
    return pd.DataFrame([_point(point, group, names) for point, group in rows.groupby("point", sort=False)])


def _point(point: Any, rows: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    samples, outages = int(rows["samples"].sum()), int(rows["outage"].sum())
    line: dict[str, Any] = {"point": point} | {name: rows[name].iloc[0] for name in names}
    line |= {"trials": len(rows)} | _mean("psnr_db", rows["psnr_db"])
    line |= _mean("psnr_delivered_db", rows.loc[~rows["outage"], "psnr_db"])
    low, high = clopper_pearson(outages, len(rows))
    line |= {"outages": outages, "outage_rate": outages / len(rows)}
    line |= {"outage_low": float(low), "outage_high": float(high)}
    if "channels" in rows:
        line["channels"] = int(rows["channels"].min())
    for name in ("mse", "ms_ssim_db", "eve_psnr_db"):
        if name in rows:
            line |= _mean(name, rows[name])
    facts = (name for name in rows if name.startswith(FACTS) and name not in names)
    line |= {name: rows[name].mean() for name in facts if rows[name].notna().any()}
    line |= _ratios(FRAME, rows["n_uses"], rows["uses.data"], samples)
    line[PILOTS] = rows["uses.pilots"].sum() / samples
    for stream in (name.removesuffix(".bits_per_use") for name in rows if name.endswith(".bits_per_use")):
        if rows[f"{stream}.bits_per_use"].notna().any():  # another system's stream is none of this point's
            line |= _stream(stream, rows, samples)
    return line


def _mean(name: str, values: pd.Series) -> dict[str, float]:
    """Mean over the trials that have it, with its interval; none around few trials or an infinite mean."""
    return dict(zip((name, f"{name}_low", f"{name}_high"), mean_interval(values.astype(float)), strict=True))


def _ratios(prefix: str, uses: pd.Series, data: pd.Series, samples: int) -> dict[str, float]:
    """Channel uses a source sample: all of them, and the payload's alone."""
    total, payload = float(uses.sum()) / samples, float(data.sum()) / samples
    return {f"{prefix}{USES}": total, f"{prefix}{DATA}": payload}


def _stream(stream: str, rows: pd.DataFrame, samples: int) -> dict[str, Any]:
    """A stream's schemes, block error rate and uses. An analog one has uses alone."""
    of = {
        name: rows[f"{stream}.{name}"] for name in ("uses", "data", "bits_per_use", "blocks", "block_errors")
    }
    line = _ratios(f"{stream}.", of["uses"], of["data"] / of["bits_per_use"].clip(lower=1), samples)
    blocks, errors = int(of["blocks"].sum()), int(of["block_errors"].sum())
    if of["bits_per_use"].max() > 0:
        line |= {f"{stream}.mcs": mcs_mix(rows[f"{stream}.mcs"])}
        line |= {f"{stream}.blocks": blocks, f"{stream}.block_errors": errors}
        line |= {f"{stream}.bler": errors / blocks if blocks else math.nan}
    return line


def mcs_mix(schemes: pd.Series) -> str:
    """How often each modulation and coding scheme was sent, the most frequent first.

    >>> mcs_mix(pd.Series(["qpsk-1/2", "bpsk-1/2", "qpsk-1/2", "qpsk-1/2"]))
    'qpsk-1/2 75 %, bpsk-1/2 25 %'
    >>> mcs_mix(pd.Series(["qpsk-1/2"]))
    'qpsk-1/2'

    A frame at its own capacity is one scheme, whatever its size: the rows tell that.

    >>> mcs_mix(pd.Series([f"1024qam/ideal:shannon,uses=4,bits=10,k={k}" for k in (9, 7)]))
    '1024qam/ideal:shannon'
    """
    counts = schemes.dropna().astype(str).value_counts()
    if counts.index.str.contains("ideal:shannon,uses=").any():
        names = counts.index.str.replace(r"(ideal:shannon),uses=.*", r"\1", regex=True)
        counts = counts.groupby(names, sort=False).sum().sort_values(ascending=False, kind="stable")
    if len(counts) == 1:
        return str(counts.index[0])
    return ", ".join(f"{mcs} {count / counts.sum():.0%}".replace("%", " %") for mcs, count in counts.items())
