"""The numbers of a page as plain JSON: what its curves, bars, scatters and hovers are drawn from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from linksim.ledger import USES
from linksim.report.fields import DATA, SNR, number, setting, short_names, value_text
from linksim.report.fields import USES as RATIO
from linksim.report.lines import tells_mse
from linksim.report.page_sources import Run

Tree = dict[str, Any]

SPENT = {
    "data": ("data",),
    "parity": ("parity",),
    "CRC": ("crc",),
    "pilots": ("pilots",),
    "padding": ("padding",),
    "side information": ("signalling", "header", "tag"),
    "fill": ("fill",),
}
"""Bars of the ledger: what each is called, and the categories that it sums."""
MOST_IMAGES = 400
"""Images of a run in the scatter."""
METRICS: Sequence[Tree] = (
    {"key": "psnr_db", "label": "PSNR over all trials (dB)", "short": "PSNR", "unit": "dB"},
    {
        "key": "psnr_delivered_db",
        "label": "PSNR given delivery (dB)",
        "short": "PSNR delivered",
        "unit": "dB",
    },
    {"key": "outage_rate", "label": "outage rate", "short": "outage", "rate": True},
    {"key": "mse", "label": "mean squared error over all trials", "short": "MSE", "small": True},
    {"key": "ms_ssim_db", "label": "MS-SSIM over all trials (dB)", "short": "MS-SSIM", "unit": "dB"},
    {"key": "eve_psnr_db", "label": "PSNR of the eavesdropper (dB)", "short": "Eve", "unit": "dB"},
    {"key": RATIO, "label": "channel uses per source sample", "short": "uses", "unit": "uses/sample"},
    {"key": DATA, "label": "payload's uses per source sample", "short": "payload", "unit": "uses/sample"},
)


def embedded(tree: Any) -> str:
    """JSON that is safe inside a <script> element: no '<' opens a tag, no line separator ends a line."""
    text = json.dumps(tree, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def finite(value: Any, digits: int = 7) -> float | None:
    """A number to so many digits; None for what is not finite, which JSON does not know."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def runs_data(runs: Sequence[Run]) -> Tree:
    """Systems, fields, metrics and points of all runs, and the images' own means."""
    told_by = str(_image_metric(runs)["key"])
    points = [point for run in runs for point in _points(run, told_by)]
    known = {key for point in points for key in point["metrics"]}
    names = list(dict.fromkeys(name for run in runs for name in run.fields))
    return {
        "systems": [{"label": s.label, "run": n} for n, run in enumerate(runs) for s in run.systems],
        "fields": _fields(names, points),
        "metrics": [each for each in (*METRICS, *_bler_metrics(known)) if each["key"] in known],
        "points": points,
        "spent": list(SPENT),
        "images": [_image_names(run) for run in runs],
        "image_metric": _image_metric(runs),
    }


def _fields(names: Sequence[str], points: Sequence[Tree]) -> list[Tree]:
    short = short_names(names)
    return [
        {
            "name": name,
            "label": "SNR, Es/N0 (dB)" if name == SNR else short[name],
            "numeric": all(p["x"][name] is not None for p in points if p["told"].get(name)),
        }
        for name in names
    ]


def _bler_metrics(known: set[str]) -> list[Tree]:
    """A metric for each digital stream whose blocks were counted."""
    streams = sorted(key.removesuffix(".bler") for key in known if key.endswith(".bler"))
    short = short_names(streams)
    return [
        {
            "key": f"{name}.bler",
            "label": "block error rate" + (f" of {short[name]}" if len(streams) > 1 else ""),
            "short": f"BLER {short[name]}",
            "rate": True,
        }
        for name in streams
    ]


def _points(run: Run, told_by: str) -> list[Tree]:
    """One tree a point that has a trial, in the order of the table."""
    if run.table.empty:
        return []
    entries = {point["id"]: point for point in run.manifest["points"]}
    spent, images, means = _spent(run), _image_names(run), _image_means(run, told_by)
    short = short_names(run.fields)
    told = []
    for line in run.table.to_dict("records"):
        entry = entries[line["point"]]
        values = {name: line[name] for name in run.fields if not missing(line[name])}
        told.append(
            {
                "id": line["point"],
                "system": run.system_of(entry["system"]).number,
                "told": {name: value_text(value) for name, value in values.items()},
                "x": {name: finite(number(values[name])) if name in values else None for name in run.fields},
                "setting": ", ".join(setting(short[name], value) for name, value in values.items()),
                "trials": int(line["trials"]),
                "planned": run.planned(entry),
                "metrics": _metrics(line),
                "uses": spent[line["point"]],
                "images": [means.get((line["point"], name)) for name in images],
            }
        )
    return told


def missing(value: Any) -> bool:
    """Whether a system has no such field."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _metrics(line: Mapping[str, Any]) -> Tree:
    """key -> [value, low, high, of how many, count]; limits where the table has them, counts of rates."""
    found: Tree = {}
    for key in (str(each["key"]) for each in METRICS):
        value = finite(line.get(key))
        if value is None:
            continue
        stem = key.removesuffix("_rate")
        limits = [finite(line.get(f"{stem}_{end}")) for end in ("low", "high")]
        counts = [int(line["trials"]), int(line["outages"])] if key == "outage_rate" else []
        found[key] = [value, *limits, *counts]
    for name in line:
        if str(name).endswith(".bler") and finite(line[name]) is not None:
            stream = str(name).removesuffix(".bler")
            counts = [int(line[f"{stream}.{each}"]) for each in ("blocks", "block_errors")]
            found[str(name)] = [finite(line[name]), None, None, *counts]
    return found


def _spent(run: Run) -> dict[str, list[float | None]]:
    """Point -> channel uses a source sample of each bar of the ledger."""
    names = [f"uses.{name}" for name in USES if f"uses.{name}" in run.rows]
    sums = run.rows.groupby("point", sort=False)[["samples", *names]].sum().to_dict("index")
    return {
        point: [
            finite(sum(total.get(f"uses.{name}", 0.0) for name in bar) / total["samples"])
            for bar in SPENT.values()
        ]
        for point, total in sums.items()
    }


def _image_names(run: Run) -> list[str]:
    """Names of the run's images, evenly thinned where there are many."""
    if run.rows.empty:
        return []
    named = run.rows.drop_duplicates("image_index").sort_values("image_index")["image"].astype(str).tolist()
    step = -(-len(named) // MOST_IMAGES)
    return named[::step]


def _image_metric(runs: Sequence[Run]) -> Tree:
    """What tells images apart: the PSNR, or the mean squared error where a run's PSNR tells less."""
    tables = [run.table for run in runs if not run.table.empty]
    small = any(map(tells_mse, tables)) and all("mse" in table for table in tables)
    return next(each for each in METRICS if each["key"] == ("mse" if small else "psnr_db"))


def _image_means(run: Run, metric: str) -> dict[tuple[str, str], float | None]:
    """(point, image) -> mean of the metric over its trials, None where it is infinite."""
    means = run.rows.groupby(["point", "image"], sort=False)[metric].mean()
    return {key: finite(value, digits=5) for key, value in means.items()}
