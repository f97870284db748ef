"""Pictures inside the page: WebP as data: URIs, as many as a budget of bytes holds, spread evenly."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from linksim import results
from linksim.errors import LinksimError
from linksim.report.page_data import Tree, finite
from linksim.report.page_sources import Run

QUALITY, EFFORT = 90, 1
MOST_SIDE = 1280
"""Pixels of a picture's longer side, in the page."""
MEGABYTE = 1_000_000
SMALL = 64 * 64
"""Pixels up to which a picture is kept without loss."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A picture that the page may show. ranks: of its image and point in the order that thins evenly."""

    run: Run
    row: Mapping[str, Any]
    ranks: tuple[int, int]


def pictures_data(runs: Sequence[Run], megabytes: float) -> Tree:
    """images: name and original; shots: what arrived of them; note: what was left out, '' if nothing."""
    every = sorted(
        (each for run in runs for each in _candidates(run)),
        key=lambda each: (max(each.ranks), sum(each.ranks), each.ranks),
    )
    images: dict[tuple[str, str], Tree] = {}
    shots: list[Tree] = []
    spent, shrunk, left, gone = 0, False, 0, 0
    for n, each in enumerate(every):
        if spent >= megabytes * MEGABYTE:
            left = len(every) - n
            break
        try:
            image, shot, small = _shot(each, images)
        except LinksimError:  # a picture that was taken away is no reason to have no page
            gone += 1
            continue
        spent += sum(len(shot[name]) for name in ("src", "eve") if shot.get(name))
        spent += 0 if image["shots"] else len(image["src"])
        image["shots"] += 1
        shots.append(shot)
        shrunk = shrunk or small
    note = _note(len(every), left, gone, shrunk, megabytes)
    return {"images": list(images.values()), "shots": shots, "note": note}


def _note(n: int, left: int, gone: int, shrunk: bool, megabytes: float) -> str:
    told = [
        "The first trial of each image and point, as WebP of quality 90; those in pictures/ are lossless."
    ]
    if left:
        told.append(
            f"{n - left - gone} of {n} pictures are in this page, spread evenly: it takes {megabytes:g} MB "
            "of them. Write it from fewer runs, or with a larger --pictures, to see more."
        )
    if gone:
        told.append(f"{gone} of {n} pictures could not be read.")
    if shrunk:
        told.append(f"Pictures wider or higher than {MOST_SIDE} pixels are shown smaller.")
    return " ".join(told) if n else ""


def _candidates(run: Run) -> Iterator[Candidate]:
    if run.rows.empty:
        return
    firsts = run.rows[(run.rows["trial"] == 0) & (run.rows["image_index"] < results.GALLERY_IMAGES)]
    images, gallery = _ranks(sorted(firsts["image_index"].unique())), results.Gallery(folder=run.folder)
    for system in run.systems:
        own = firsts[firsts["system"] == system.key] if system.key else firsts
        points = _ranks(list(dict.fromkeys(own["point"])))
        for row in own.to_dict("records"):
            if gallery.received(str(row["image"]), row["point"]).exists():
                yield Candidate(run=run, row=row, ranks=(images[row["image_index"]], points[row["point"]]))


def _ranks(values: Sequence[Any]) -> dict[Any, int]:
    """Value -> when it is taken: ends first, then the middles of what is between."""
    order: list[int] = []
    for steps in (1 << n for n in range(len(values).bit_length() + 1)):
        order += [round(i) for i in np.linspace(0, max(len(values) - 1, 0), steps + 1)]
    return {values[i]: rank for rank, i in enumerate(dict.fromkeys(order))}


def _shot(each: Candidate, images: dict[tuple[str, str], Tree]) -> tuple[Tree, Tree, bool]:
    """(its image, with the original, made once for all runs; what arrived; whether it was made smaller)."""
    row, gallery = each.row, results.Gallery(folder=each.run.folder)
    name, point = str(row["image"]), row["point"]
    source, shrunk = _uri(gallery.received(name, point))
    shot = {
        "system": each.run.system_of(str(row.get("system") or "")).number,
        "point": point,
        "src": source,
        "psnr": finite(row["psnr_db"], 5),
        "ms_ssim": finite(row.get("ms_ssim_db"), 4),
        "outage": bool(row["outage"]),
        "gain": finite(row.get("gain"), 4),
        "mcs": ", ".join(_schemes(row, each.run.fields)),
    }
    overheard = gallery.eavesdropped(name, point)
    if overheard.exists():
        shot |= {"eve": _uri(overheard)[0], "eve_psnr": finite(row.get("eve_psnr_db"), 5)}
    key = (name, str(row.get("sha256")))
    if key not in images:
        images[key] = {"name": name, "src": _uri(gallery.original(name))[0], "shots": 0}
    shot["image"] = list(images).index(key)
    return images[key], shot, shrunk


def _schemes(row: Mapping[str, Any], swept: Sequence[str]) -> list[str]:
    """What the digital streams were sent with; a swept field of that name is no stream's."""
    names = [name for name in row if str(name).endswith(".mcs") and name not in swept]
    return [str(row[name]) for name in names if not pd.isna(row[name])]


def _uri(path: Path) -> tuple[str, bool]:
    """A picture as a data: URI, and whether it is smaller than it was."""
    picture = results.drawable(results.load_picture(path))
    shrunk = max(picture.size) > MOST_SIDE
    if shrunk:
        picture.thumbnail((MOST_SIDE, MOST_SIDE))
    content = io.BytesIO()
    lossless = picture.width * picture.height <= SMALL
    picture.save(content, format="WEBP", quality=QUALITY, method=EFFORT, lossless=lossless)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode(), shrunk
