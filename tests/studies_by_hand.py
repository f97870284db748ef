"""Studies written by hand: points of several systems, and trials whose every number is known."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from linksim import manifest, results


def write_study(
    folder: Path, points: Iterable[tuple[str, Mapping, Iterable[dict]]], seed: int = 1, links=("air",)
) -> Path:
    """The folder of a run. points: (system, swept values, trials) each; see `trial`."""
    points, rows = list(points), []
    systems = list(dict.fromkeys(system for system, _, _ in points))
    fields = dict.fromkeys(name for _, values, _ in points for name in values)
    many = len(systems) > 1
    told = {"format": manifest.FORMAT, "name": folder.name, "deciding": {"code": "by hand"}}
    told["fields"] = ["system", *fields] if many else list(fields)
    told["points"] = []
    for n, (system, values, trials) in enumerate(points):
        lead = {"system": system} if many else {}
        told["points"].append({"id": f"{n:016x}", "system": system if many else "", "values": lead | values})
        for row in trials:
            snr = float(values.get("snr_db", 10.0))
            rows.append({"point": f"{n:016x}", "unit": "unit", "snr_db": snr, "seed": seed} | row)
    told["scenarios"] = {
        system if many else "": {"seed": seed, "links": {link: {} for link in links}} for system in systems
    }
    folder.mkdir(parents=True)
    (folder / manifest.MANIFEST).write_text(json.dumps(told))
    results.write_rows(results.shard(folder, "unit"), rows)
    return folder


def trial(image: int, number: int, psnr_db: float, outage: bool = False, **changes) -> dict:
    """A trial of 7200 samples in 1200 uses, ten blocks, those of an outage wrong."""
    row = {
        "image": f"photo{image}", "image_index": image, "sha256": f"{image:064x}", "trial": number,
        "samples": 7200, "outage": outage, "psnr_db": psnr_db, "ms_ssim_db": None, "n_uses": 1200,
        "blocks": 10, "block_errors": 10 * outage,
    }  # fmt: skip
    return row | changes


def trials(psnr_db: Iterable[Iterable[float]], **changes) -> list[dict]:
    """Trials of PSNRs [image][draw]."""
    return [
        trial(image, number, float(value), **changes)
        for image, values in enumerate(np.asarray(psnr_db, float))
        for number, value in enumerate(values)
    ]
