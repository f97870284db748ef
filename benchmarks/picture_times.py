"""What a row of `pictures.py` measures: seconds of a codec over its link, of one encoding, of batches."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from timing import best_of

from linksim.intervals import mean_interval

COMMON = ("images.set=sample", "links.air.engine=native", "snr_db=10", "eavesdropper=false")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a process measures."""

    section: str
    what: str
    scenario: str
    sets: tuple[str, ...]
    photos: int
    side: tuple[int, int]
    threads: int
    variant: str = "float32"
    preset: str = ""
    batch: int = 0


@dataclass(frozen=True)
class Mean:
    """Over photos, and its 95 % interval; nan where nothing was measured, or of too few photos."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Mean":
        return cls(*(round(value, 4) for value in mean_interval(values)))


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row. Seconds of a picture; of a batch, divided by its size."""

    section: str
    what: str
    variant: str
    threads: int
    batch: int
    encode_s: Mean
    decode_s: Mean
    psnr_db: Mean
    photos: int
    note: str = ""

    def flat(self) -> dict[str, Any]:
        """As a row of a CSV file: encode_s, encode_s_low, encode_s_high, ..."""
        told: dict[str, Any] = {}
        for name, value in asdict(self).items():
            if isinstance(value, dict):
                told |= {name: value["mean"], f"{name}_low": value["low"], f"{name}_high": value["high"]}
            else:
                told[name] = value
        return told


def measure(job: Job) -> Measured:
    """What a job asks for. A system that cannot run here is a row of nan that says why."""
    from variants import Unavailable

    from linksim.errors import LinksimError

    logging.disable(logging.WARNING)  # the quantiser's advice
    try:
        if job.preset:
            return one_encoding(job)
        return in_batches(job) if job.batch else through_link(job)
    except (LinksimError, Unavailable, ImportError) as why:
        return row(job, [], [], [], note=" ".join(str(why).split()))


def row(job: Job, encode: list[float], decode: list[float], psnr: list[float], note: str = "") -> Measured:
    return Measured(
        section=job.section,
        what=f"{job.what}, {job.preset}, one encoding" if job.preset else job.what,
        variant=job.variant,
        threads=job.threads,
        batch=job.batch,
        encode_s=Mean.of(encode),
        decode_s=Mean.of(decode),
        psnr_db=Mean.of(psnr),
        photos=len(encode),
        note=note,
    )


def through_link(job: Job) -> Measured:
    """Each photo over the link of the scenario: what its codec takes, and what arrives."""
    from variants import maker, opening_with, recording

    system, scenario = system_of(job)

    def send(photos: list) -> Iterator[tuple[float, float, float]]:
        for photo in photos:
            (outcome,) = system.deliver([photo], [0], scenario.seed, scenario.snr_db)
            psnr = decibels(photo.image, outcome.decoded.image)
            yield outcome.seconds["encode"], outcome.seconds["decode"], psnr

    def calibration() -> list:
        with recording() as calls:
            list(send(calibrating(job)))
        return calls

    with opening_with(maker(job.variant, calibration)):
        photos = photos_of(job)
        list(send([mirrored(photos[0])]))
        encode, decode, psnr = (list(each) for each in zip(*send(photos), strict=True))
    return row(job, encode, decode, psnr)


def one_encoding(job: Job) -> Measured:
    """HEVC at the best QP of a preset that fits the same payload, encoded once and decoded once."""
    from linksim.codecs import x265
    from linksim.codecs.picture_file import highest

    system, scenario = system_of(job)
    (link,) = system.links.values()
    times: tuple[list[float], list[float], list[float]] = ([], [], [])

    def compress(image: np.ndarray, qp: float) -> bytes:
        encoder = x265._encoder(image.shape, qp)
        encoder.options = encoder.options | {"preset": job.preset}
        return x265._run(encoder, x265.frame_of(image))

    for photo in photos_of(job):
        draws = link.draw(scenario.snr_db, [(scenario.seed, link.name, photo.sha256, 0)])
        (granted,) = link.grants([photo.image.size], draws)
        budget, rungs = granted["picture"].payload_bits // 8, x265.ladder(photo.image.shape)

        def size(rung: int, image: np.ndarray = photo.image, rungs=rungs) -> int:
            return len(compress(image, rungs[rung]))

        guess = scenario.codec.guess(photo.image.shape, budget)
        best = highest(size, len(rungs), budget, *guess)
        began = perf_counter()
        stream = compress(photo.image, rungs[best])
        middle = perf_counter()
        decoded = x265.read(stream, photo.image.shape)
        for kept, value in zip(
            times, (middle - began, perf_counter() - middle, decibels(photo.image, decoded)), strict=True
        ):
            kept.append(value)
    return row(job, *times)


def in_batches(job: Job) -> Measured:
    """The graphs of one photo's way, each on a batch of it: the sender's seconds and the receiver's."""
    from variants import recording

    from linksim.codecs import onnx as graphs

    system, scenario = system_of(job)
    (photo,) = photos_of(job)[:1]
    with recording() as calls:
        ends = Ends(system.codec, calls)
        replace(system, codec=ends).deliver([photo], [0], scenario.seed, scenario.snr_db)
    seconds = []
    for made in (calls[: ends.sent], calls[ends.sent :]):
        spent = 0.0
        for path, inputs in made:
            many = {name: np.repeat(value, job.batch, 0) for name, value in inputs.items()}
            spent += best_of(lambda path=path, many=many: graphs.session(path).run(None, many), 0.0)
        seconds.append(spent / job.batch)
    return row(job, seconds[:1], seconds[1:], [], note=f"{1 / sum(seconds):.2f} pictures/s there and back")


class Ends:
    """A codec that notes how many graphs its sender ran."""

    def __init__(self, codec: Any, calls: list) -> None:
        self.codec, self.calls, self.sent = codec, calls, 0

    def encode(self, images: list, grants: list) -> list:
        made = self.codec.encode(images, grants)
        self.sent = len(self.calls)
        return made

    def decode(self, receptions: list, shapes: list) -> list:
        return self.codec.decode(receptions, shapes)


def system_of(job: Job) -> tuple[Any, Any]:
    """The scenario at 10 dB, and its codec over its links."""
    from linksim.load import load
    from linksim.system import System

    scenario = load(Path(job.scenario), [*COMMON, *job.sets])
    return System(codec=scenario.codec, links=scenario.links, nonce=("bench",)), scenario


def photos_of(job: Job) -> list:
    """Photos of the size that is measured, from Kodak, or else from scikit-image."""
    from linksim.images import data_folder

    kodak = any((data_folder() / "kodak").glob("*.png"))
    return read_photos("kodak" if kodak else "sample", job.photos, job.side)


def calibrating(job: Job) -> list:
    """The middle of scikit-image's photos, for int8's ranges: none of Kodak."""
    return read_photos("sample", 4, (min(256, job.side[0]), min(256, job.side[1])))


def read_photos(name: str, limit: int, side: tuple[int, int]) -> list:
    """Pictures of a set, upright or lying, cut or mirrored at the edges to that many samples."""
    from linksim.images import Photo, find_images
    from linksim.scenario import Images

    found = []
    for source in find_images(Images(set=name, limit=limit)):
        image = source.read().image
        if sorted(image.shape[:2]) != sorted(side):
            margins = [(0, max(0, want - has)) for want, has in zip(side, image.shape[:2], strict=True)]
            image = np.pad(image, [*margins, (0, 0)], mode="symmetric")[: side[0], : side[1]]
        found.append(Photo.of(source.name, image))
    return found


def mirrored(photo: Any) -> Any:
    """Another picture of the same size."""
    from linksim.images import Photo

    return Photo.of(photo.name, np.ascontiguousarray(photo.image[:, ::-1]))


def decibels(sent: np.ndarray, received: np.ndarray) -> float:
    from linksim.metrics import psnr_db, squared_error

    return psnr_db(squared_error(sent, received), sent.size)
