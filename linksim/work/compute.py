"""A unit of work, computed: a pure function of its task, in whichever process; it writes nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

from linksim import identity, ledger
from linksim.codecs.base import Image
from linksim.document import parse
from linksim.errors import LinksimError
from linksim.images import Photo, Sheet, Source, find_images
from linksim.kept import Kept
from linksim.metrics import ms_ssim, mse, psnr_db, squared_error, to_db
from linksim.plan import Point
from linksim.results import FACTS, GALLERY_IMAGES, TIMINGS, Gallery, png
from linksim.scenario import Images, build
from linksim.system import Encodings, Outcome, System

PHOTO_BYTES = 128 << 20
"""Pixels that a process keeps."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One trial: a picture by its place, its name and its pixels' SHA-256, and which draw of it."""

    image_index: int
    name: str
    sha256: str
    trial: int


@dataclass(frozen=True, kw_only=True)
class Task:
    """All that a unit takes; it pickles small. unit: its name. point: the point's id. scenario: as JSON.

    originals: the pictures as they were sent come back too. code, versions: of what it must be computed by.
    """

    unit: str
    point: str
    scenario: str
    jobs: tuple[Job, ...]
    originals: bool
    code: str
    versions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Done:
    """A unit computed. rows: one mapping a job, in their order. pictures: path in the run's folder -> PNG.

    worker: 'HOST:PID'. seconds: wall time that it took there.
    """

    unit: str
    rows: Sequence[Mapping[str, Any]]
    pictures: Mapping[str, bytes]
    worker: str
    seconds: float


def compute(task: Task) -> Done:
    """The rows and pictures of a task. Raises LinksimError where this process has other code or pictures."""
    since = perf_counter()
    _check(task)
    scenario = _point(task).scenario
    system = System(
        codec=scenario.codec,
        links=scenario.links,
        eavesdropper=scenario.eavesdropper,
        nonce=(task.point,),
        encodings=_ENCODINGS,
    )
    photos = [_photo(scenario.images, job) for job in task.jobs]
    outcomes = system.deliver(photos, [job.trial for job in task.jobs], scenario.seed, scenario.snr_db)
    rows: list[dict[str, Any]] = []
    pictures: dict[str, bytes] = {}
    for job, photo, outcome in zip(task.jobs, photos, outcomes, strict=True):
        rows.append(_row(task, job, photo, outcome))
        if job.trial == 0 and job.image_index < GALLERY_IMAGES:
            pictures |= _pictures(task, photo, outcome)
    seconds = perf_counter() - since
    return Done(unit=task.unit, rows=rows, pictures=pictures, worker=worker(), seconds=seconds)


def worker() -> str:
    """This process among those of all machines."""
    return f"{platform.node() or 'localhost'}:{os.getpid()}"


def _check(task: Task) -> None:
    mine = {"linksim's code": identity.code_digest(), "the versions": dict(identity.versions())}
    wanted = {"linksim's code": task.code, "the versions": dict(task.versions)}
    for name, value in mine.items():
        if value != wanted[name]:
            remedy = "install there what this run was started with, then start the worker again"
            raise LinksimError(f"worker {worker()}", f"must have {name} of the run", "others", remedy)


def _point(task: Task) -> Point:
    """The point whose scenario the task brings, seen to be the same in its files too."""
    point = _built(task.scenario)
    if point.id != task.point:  # a file may have changed since the scenario was built here
        _built.cache_clear()
        point = _built(task.scenario)
    if point.id != task.point:
        rule = "must have the networks, recordings, files and keys of the run"
        raise LinksimError(f"worker {worker()}", rule, "others", "put the same files there")
    return point


@lru_cache(maxsize=256)
def _built(scenario: str) -> Point:
    return Point(index=0, values={}, scenario=build(parse(scenario, "scenario")))


def _photo(images: Images, job: Job) -> Photo:
    """The picture of a job; LinksimError where it is not the one there."""
    photo = _PHOTOS.get((job.sha256, job.name))
    if photo is not None:
        return photo
    photo = _found(images, job)
    if photo is None or photo.sha256 != job.sha256:  # the folder may have changed since it was listed
        _listed.cache_clear()
        photo = _found(images, job)
    if photo is None or photo.sha256 != job.sha256:
        got = "none" if photo is None else "another"
        remedy = "put the pictures back as they were, or run into another --out"
        raise LinksimError(f"picture {job.name}", "must be the one that the run began with", got, remedy)
    _PHOTOS.put((job.sha256, job.name), photo, photo.image.nbytes)
    return photo


def _found(images: Images, job: Job) -> Photo | None:
    listed = _listed(images)
    if job.image_index >= len(listed) or listed[job.image_index].name != job.name:
        return None
    source = listed[job.image_index]
    return source.read() if source.is_there else None


@lru_cache(maxsize=16)
def _listed(images: Images) -> tuple[Source | Sheet, ...]:
    return tuple(find_images(images))


_ENCODINGS = Encodings()
_PHOTOS: Kept[Photo] = Kept(most=PHOTO_BYTES)


def _pictures(task: Task, photo: Photo, outcome: Outcome) -> dict[str, bytes]:
    gallery = Gallery(folder=Path())
    shown = {gallery.received(photo.name, task.point): outcome.decoded.image}
    if task.originals:
        shown[gallery.original(photo.name)] = photo.image
    if outcome.eavesdropped is not None:
        shown[gallery.eavesdropped(photo.name, task.point)] = outcome.eavesdropped.image
    return {path.as_posix(): png(image) for path, image in shown.items()}


def _row(task: Task, job: Job, photo: Photo, outcome: Outcome) -> dict[str, Any]:
    """One trial: who, what arrived, and what it cost."""
    scenario, received = _built(task.scenario).scenario, outcome.decoded
    height, width, channels = photo.image.shape
    since = perf_counter()
    row: dict[str, Any] = {
        "point": task.point,
        "unit": task.unit,
        "snr_db": float(scenario.snr_db),
        "image": photo.name,
        "image_index": job.image_index,
        "sha256": photo.sha256,
        "height": height,
        "width": width,
        "channels": channels,
        "trial": job.trial,
        "seed": scenario.seed,
        "samples": photo.image.size,
        "outage": bool(received.outage),
    }
    row |= _scores(photo, received.image, scenario.metrics)
    if outcome.eavesdropped is not None:
        scores = _scores(photo, outcome.eavesdropped.image, scenario.metrics)
        row |= {f"eve_{name}": value for name, value in scores.items()}
    row |= {f"{FACTS}{name}": float(value) for name, value in outcome.facts.items()}
    row |= ledger.columns(outcome.ledgers)
    seconds = dict(outcome.seconds) | {"score": perf_counter() - since}
    return row | {f"{TIMINGS}{stage}": value for stage, value in seconds.items()}


def _scores(photo: Photo, received: Image, metrics: Sequence[str]) -> dict[str, Any]:
    error = squared_error(photo.image, received)
    samples = photo.image.size
    scores: dict[str, Any] = {"squared_error": error, "mse": mse(error, samples)}
    scores["psnr_db"] = psnr_db(error, samples)
    if "ms_ssim_db" in metrics:
        scores["ms_ssim"] = ms_ssim(photo.image, received)
        scores["ms_ssim_db"] = None if scores["ms_ssim"] is None else to_db(scores["ms_ssim"])
    return scores
