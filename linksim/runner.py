"""Running a plan: units of work that are named by their content, done once, and never lost.

A unit is one point of the sweep and a fixed group of trials. Its name is a hash over everything that decides its rows, so a
second run finds what is there and computes the rest, and no result depends on where a run was stopped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from linksim import __version__
from linksim.errors import LinksimError
from linksim.images import Photo, load_images
from linksim.metrics import ms_ssim_db, psnr_db, squared_error
from linksim.plan import Plan, Point
from linksim.results import (
    MANIFEST,
    Row,
    locked,
    picture_path,
    read_manifest,
    read_shard,
    shard_path,
    write_manifest,
    write_picture,
    write_shard,
)
from linksim.scenario import digest, resolved
from linksim.system import Outcome, System, Trial
from phy.ledger import StreamLedger

TRIALS_PER_UNIT = 8
PACKAGES = (
    "numpy",
    "tensorflow",
    "sionna-no-rt",
    "onnxruntime",
    "onnxruntime-gpu",
    "constriction",
    "glymur",
    "pillow",
)
IDENTITY = ("scenario", "images", "codec", "linksim")
"""What a run is: a folder keeps one, and refuses rows of another."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Work that is done whole or not at all."""

    name: str
    point: Point
    trials: tuple[Trial, ...]


@dataclass(frozen=True, kw_only=True)
class Event:
    """Rows of a unit: just computed, or found done."""

    point: Point
    rows: Sequence[Row]
    found: bool


def run(plan: Plan, folder: Path, on_event: Callable[[Event], None]) -> None:
    """Compute what the folder lacks of the plan. LinksimError where it holds another run, or cannot be written."""
    photos = load_images(plan.scenario.images)
    manifest = describe(plan, photos)
    with locked(folder):
        _claim(folder, manifest)
        for photo in photos:
            original = picture_path(folder, photo.name, "original")
            if not original.exists():
                write_picture(original, photo.image)
        for unit in units(plan, photos, manifest):
            found = shard_path(folder, unit.name).exists()
            rows = read_shard(folder, unit.name) if found else _compute(unit, folder)
            on_event(Event(point=unit.point, rows=rows, found=found))


def describe(plan: Plan, photos: Sequence[Photo]) -> dict[str, Any]:
    """The manifest of a plan: its identity, its points, and the versions at hand."""
    scenario = resolved(plan.scenario)
    identity = {
        "scenario": scenario,
        "images": {photo.name: photo.sha256 for photo in photos},
        "codec": plan.scenario.codec.fingerprint,
        "linksim": __version__,
    }
    return {
        "name": plan.scenario.name,
        **identity,
        "hash": sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(),
        "sweep": scenario["sweep"],
        "points": [{"index": point.index, "values": dict(point.values)} for point in plan.points],
        "engine": {name: link.engine for name, link in plan.scenario.links.items()},
        "versions": {name: _version(name) for name in PACKAGES} | {"python": sys.version.split()[0]},
        "command": sys.argv,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _claim(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Make the folder this run's, or see that it already is."""
    if not (folder / MANIFEST).exists():
        write_manifest(folder, dict(manifest))
        return
    there = read_manifest(folder)
    if there.get("hash") != manifest["hash"]:
        changed = [name for name in IDENTITY if there.get(name) != manifest[name]]
        raise LinksimError(
            folder, "must hold this run or nothing", f"a run of {there.get('name')!r} with another {changed[0]}",
            "choose another folder with --out, or remove this one",
        )  # fmt: skip


def units(plan: Plan, photos: Sequence[Photo], manifest: Mapping[str, Any]) -> list[Unit]:
    """The plan's units of work, in order of point, photo and trial."""
    made = []
    for point in plan.points:
        trials = [
            Trial(photo=photo, number=n) for photo in photos for n in range(point.scenario.trials.per_image)
        ]
        for start in range(0, len(trials), TRIALS_PER_UNIT):
            group = tuple(trials[start : start + TRIALS_PER_UNIT])
            words = [
                manifest["hash"],
                digest(point.scenario),
                point.index,
                *((t.photo.sha256, t.number) for t in group),
            ]
            name = sha256(json.dumps(words).encode()).hexdigest()[:24]
            made.append(
                Unit(
                    name=f"{point.index:04d}-{start // TRIALS_PER_UNIT:05d}-{name}", point=point, trials=group
                )
            )
    return made


def _compute(unit: Unit, folder: Path) -> list[Row]:
    scenario = unit.point.scenario
    system = System(
        codec=scenario.codec, links=scenario.links, snr_db=scenario.snr_db, seed=scenario.seed,
        nonce=(digest(scenario),), eavesdropper=scenario.eavesdropper,
    )  # fmt: skip
    outcomes = system.deliver(unit.trials)
    rows = [_row(unit, outcome) for outcome in outcomes]
    for outcome in outcomes:
        if outcome.trial.number == 0:
            _write_pictures(folder, unit.point, outcome)
    write_shard(folder, unit.name, rows)
    return rows


def _write_pictures(folder: Path, point: Point, outcome: Outcome) -> None:
    name = outcome.trial.photo.name
    write_picture(picture_path(folder, name, str(point.index)), outcome.decoded.image)
    if outcome.eve:
        write_picture(picture_path(folder, name, f"{point.index}_eve"), outcome.eve.image)


def _row(unit: Unit, outcome: Outcome) -> Row:
    """One trial as counts and energies, from which every rate and interval follows."""
    photo, scenario = outcome.trial.photo, unit.point.scenario
    error = squared_error(photo.image, outcome.decoded.image)
    eve_error = squared_error(photo.image, outcome.eve.image) if outcome.eve else None
    wants_ms_ssim = "ms_ssim_db" in scenario.metrics
    row: Row = {
        "unit": unit.name,
        "point": unit.point.index,
        **unit.point.values,
        "image": photo.name,
        "image_sha256": photo.sha256,
        "height": photo.image.shape[0],
        "width": photo.image.shape[1],
        "trial": outcome.trial.number,
        "samples": photo.image.size,
        "squared_error": error,
        "psnr_db": psnr_db(error, photo.image.size),
        "ms_ssim_db": ms_ssim_db(photo.image, outcome.decoded.image) if wants_ms_ssim else None,
        "outage": outcome.decoded.outage,
        "eve_squared_error": eve_error,
        "eve_psnr_db": None if eve_error is None else psnr_db(eve_error, photo.image.size),
    }
    return row | _accounts(outcome) | {f"seconds_{name}": s for name, s in outcome.seconds.items()}


def _accounts(outcome: Outcome) -> Row:
    """Uses by category over all links, and every stream's ledger."""
    ledgers = outcome.ledgers
    row: Row = {
        "n_uses": sum(ledger.n_uses for ledger in ledgers.values()),
        "energy": sum(ledger.energy for ledger in ledgers.values()),
    }
    for ledger in ledgers.values():
        for category, uses in ledger.uses_by_category().items():
            row[f"uses.{category}"] = row.get(f"uses.{category}", 0.0) + float(uses)
    for link, ledger in ledgers.items():
        for stream, account in ledger.streams.items():
            for field in fields(StreamLedger):
                row[f"{link}.{stream}.{field.name}"] = getattr(account, field.name)
    return row
