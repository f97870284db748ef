"""Runs written by hand: a manifest, rows whose every number is known, and pictures of plain colour."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from linksim import disk, manifest, results

HEIGHT, WIDTH = 40, 60
SAMPLES = HEIGHT * WIDTH * 3
USES, PILOTS = 1200, 48


def point_id(index: int) -> str:
    return f"{index:016x}"


def trial(point: int, values: Mapping, image_index: int, number: int, psnr_db: float, **changes) -> dict:
    """A row: a digital stream of 576 uses and an analog one of 576, in a frame of 1200 with 48 pilots."""
    row = {
        "point": point_id(point), "unit": "unit", "snr_db": values.get("snr_db", 10.0),
        "image": f"photo{image_index}", "image_index": image_index, "trial": number, "height": HEIGHT,
        "width": WIDTH, "samples": SAMPLES, "outage": False, "psnr_db": psnr_db, "ms_ssim_db": None,
        "n_uses": USES, "uses.pilots": float(PILOTS), "uses.data": 200 / 2 + 570,
        "air.essential.uses": 576, "air.essential.bits_per_use": 2, "air.essential.mcs": "qpsk-1/2",
        "air.essential.data": 200, "air.essential.blocks": 10, "air.essential.block_errors": 1,
        "air.auxiliary.uses": 576, "air.auxiliary.bits_per_use": 0, "air.auxiliary.mcs": None,
        "air.auxiliary.data": 570, "air.auxiliary.blocks": 0, "air.auxiliary.block_errors": 0,
    }  # fmt: skip
    return row | changes


def write_run(
    folder: Path, points: Sequence[Mapping], rows: Sequence[dict], eavesdropper: bool = False
) -> Path:
    """The folder of a run with these points and rows, and a picture for every first trial."""
    folder.mkdir(parents=True)
    told = {"format": manifest.FORMAT, "name": folder.name, "deciding": {"code": "by hand"}}
    told["fields"] = list(dict.fromkeys(name for values in points for name in values))
    told["points"] = [
        {"id": point_id(n), "system": "", "values": dict(values)} for n, values in enumerate(points)
    ]
    (folder / manifest.MANIFEST).write_text(json.dumps(told))
    results.write_rows(results.shard(folder, "unit"), list(rows))
    gallery = results.Gallery(folder=folder)
    for row in (row for row in rows if row["trial"] == 0):
        place = (row["image"], row["point"])
        disk.write(gallery.original(row["image"]), results.png(plain(255)))
        disk.write(gallery.received(*place), results.png(plain(10 * int(row["point"], 16))))
        if eavesdropper:
            disk.write(gallery.eavesdropped(*place), results.png(plain(128)))
    return folder


def plain(level: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)
