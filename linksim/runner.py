"""Runs a plan into a folder, unit by unit; what is there is not run again.

A unit of work is a point and a fixed chunk of its (image, trial) pairs, run as one batch. Its name digests
all that decides its rows, so what a resumed run finds is never mistaken for something else, and no unit's
content depends on what else was run. A unit is there whole or not at all: a kill loses the one in hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

from linksim import disk, ledger, results
from linksim.images import Photo, load_images
from linksim.metrics import ms_ssim, psnr_db, squared_error, to_db
from linksim.plan import Plan, Point
from linksim.report import write_report
from linksim.report.table import SUMMARY
from linksim.scenario import Scenario, digest
from linksim.system import Encodings, Outcome, System

UNIT_TRIALS = 8
"""Trials of a unit: enough code blocks to fill the engines' tiles, few enough to lose."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One trial of a plan: a photo, its place among the images, and which draw of it."""

    image_index: int
    photo: Photo
    trial: int


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Trials of one point that are run and stored together. name: their digest."""

    point: Point
    jobs: tuple[Job, ...]
    name: str


@dataclass(frozen=True, kw_only=True)
class Event:
    """A unit is done. rows: one mapping a trial; found: it was there already."""

    point: Point
    rows: Sequence[Mapping[str, Any]]
    found: bool


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a call of `run` came to. trials: of the whole table; found: those found there."""

    folder: Path
    trials: int
    found: int
    seconds: float


def run(plan: Plan, folder: Path, on_event: Callable[[Event], None]) -> RunSummary:
    """Run what of the plan is not in the folder yet, then write the report.

    Raises LinksimError where a picture cannot be read, the folder cannot be written, is in use, or holds
    another run. The folder is not touched before every picture is read.
    """
    started = perf_counter()
    photos = load_images(plan.scenario.images)
    with disk.locked(folder):
        disk.remove_partials(folder)
        manifest = results.manifest(plan, photos)
        results.claim(folder, manifest)
        found = trials = 0
        encodings = Encodings()
        for unit in units(plan, photos, manifest["deciding"]):
            path = results.shard(folder, unit.name)
            known = path.exists()
            rows = results.read_shard(path).to_pylist() if known else _run_unit(unit, plan, folder, encodings)
            if not known:
                results.write_rows(path, rows)
            trials, found = trials + len(rows), found + known * len(rows)
            on_event(Event(point=unit.point, rows=rows, found=known))
        if found < trials or not (folder / SUMMARY).exists():
            write_report(folder)
    return RunSummary(folder=folder, trials=trials, found=found, seconds=perf_counter() - started)


def units(plan: Plan, photos: Sequence[Photo], deciding: Mapping[str, Any]) -> Iterator[Unit]:
    """The plan in chunks, point by point, image by image, trial by trial."""
    basis = {name: deciding[name] for name in ("code", "versions")}
    for point in plan.points:
        jobs = [
            Job(image_index=i, photo=photo, trial=trial)
            for i, photo in enumerate(photos)
            for trial in range(point.scenario.trials.per_image)
        ]
        about = basis | {
            "point": [point.index, dict(point.values), digest(point.scenario)],
            "codec": point.scenario.codec.fingerprint,
        }
        about |= results.contents(point.scenario)
        for start in range(0, len(jobs), UNIT_TRIALS):
            chunk = tuple(jobs[start : start + UNIT_TRIALS])
            told = about | {
                "jobs": [[job.image_index, job.photo.name, job.photo.sha256, job.trial] for job in chunk]
            }
            name = sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]
            yield Unit(point=point, jobs=chunk, name=name)


def _run_unit(unit: Unit, plan: Plan, folder: Path, encodings: Encodings) -> list[dict[str, Any]]:
    """The rows of a unit. Its pictures are saved first, so that a shard vouches for them."""
    scenario = unit.point.scenario
    system = System(
        codec=scenario.codec,
        links=scenario.links,
        eavesdropper=scenario.eavesdropper,
        nonce=_nonce(scenario),
        encodings=encodings,
    )
    outcomes = system.deliver(
        [job.photo for job in unit.jobs], [job.trial for job in unit.jobs], scenario.seed, scenario.snr_db
    )
    rows = []
    for job, outcome in zip(unit.jobs, outcomes, strict=True):
        if job.trial == 0:
            _save_pictures(results.Gallery(folder=folder), unit.point, job.photo, outcome)
        rows.append(_swept(plan, unit.point) | _row(unit, job, outcome))
    return rows


def _nonce(scenario: Scenario) -> tuple[str, ...]:
    """All that decides a plaintext beside the trial: other code or weights never meet a nonce again."""
    basis = json.dumps(results.versions(), sort_keys=True)
    played = [each for digests in results.contents(scenario).values() for each in digests]
    return digest(scenario), scenario.codec.fingerprint, results.code_digest(), basis, *played


def _save_pictures(gallery: results.Gallery, point: Point, photo: Photo, outcome: Outcome) -> None:
    if not gallery.original(photo.name).exists():
        results.save_picture(gallery.original(photo.name), photo.image)
    results.save_picture(gallery.received(photo.name, point.index), outcome.decoded.image)
    if outcome.eavesdropped is not None:
        results.save_picture(gallery.eavesdropped(photo.name, point.index), outcome.eavesdropped.image)


def _swept(plan: Plan, point: Point) -> dict[str, Any]:
    """The point's own values by dotted field: numbers where every point has one, else text."""
    row: dict[str, Any] = {}
    for name, value in point.values.items():
        numbers = all(type(each.values[name]) in (int, float) for each in plan.points)
        row[name] = float(value) if numbers else value if isinstance(value, str) else json.dumps(value)
    return row


def _row(unit: Unit, job: Job, outcome: Outcome) -> dict[str, Any]:
    """One trial: who, what arrived, and what it cost."""
    scenario, photo, received = unit.point.scenario, job.photo, outcome.decoded
    height, width, _ = photo.image.shape
    since = perf_counter()
    row: dict[str, Any] = {
        "point": unit.point.index,
        "unit": unit.name,
        "snr_db": float(scenario.snr_db),
        "image": photo.name,
        "image_index": job.image_index,
        "sha256": photo.sha256,
        "height": height,
        "width": width,
        "trial": job.trial,
        "seed": scenario.seed,
        "samples": photo.image.size,
        "outage": bool(received.outage),
    }
    row |= _scores(photo, received.image, scenario.metrics)
    if outcome.eavesdropped is not None:
        scores = _scores(photo, outcome.eavesdropped.image, ("psnr_db",))
        row |= {f"eve_{name}": value for name, value in scores.items()}
    row |= ledger.columns(outcome.ledgers)
    seconds = dict(outcome.seconds) | {"score": perf_counter() - since}
    return row | {f"{results.TIMINGS}{stage}": value for stage, value in seconds.items()}


def _scores(photo: Photo, received: Any, metrics: Sequence[str]) -> dict[str, Any]:
    error = squared_error(photo.image, received)
    scores: dict[str, Any] = {"squared_error": error, "psnr_db": psnr_db(error, photo.image.size)}
    if "ms_ssim_db" in metrics:
        scores["ms_ssim"] = ms_ssim(photo.image, received)
        scores["ms_ssim_db"] = None if scores["ms_ssim"] is None else to_db(scores["ms_ssim"])
    return scores
