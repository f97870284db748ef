"""How long codecs take for a 768x512 photo, all on this machine in one run: `make bench-pictures`.

    python benchmarks/pictures.py [--section codecs ...] [--photos 6] [--threads 1 --threads 2] [--csv FILE]

codecs     encode and decode of HDA-DeepSC, its rivals, and of every --scenario, under the grants of one link:
           AWGN at 10 dB, 1/6 of a channel use a sample, 802.11ad with the set hda. The separate codecs search
           for the quality that fits: HEVC is also timed for one encoding at the quality found, with x265's
           presets placebo (as linksim runs it) and medium.
variants   HDA-DeepSC in float16, bfloat16 and int8, with the PSNR that is left (see variants.py)
batch      pictures per second of its graphs alone, in batches

Photos are Kodak's where LINKSIM_DATA has them, else scikit-image's, mirrored at the edges to that size. Every
row has a process of its own, in which a mirrored photo goes first, so that nothing is loaded or kept. Seconds
are medians over the photos.
"""

import argparse
import csv
import logging
import os
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from timing import best_of, processor

ROOT = Path(__file__).resolve().parents[1]
HEIGHT, WIDTH = 512, 768
AWGN = "links.air.channel={kind: awgn}"
COMMON = ("images.set=sample", "links.air.engine=native", "snr_db=10", "eavesdropper=false")
SYSTEMS = {
    "HDA-DeepSC": ("awgn_hda.yaml", ()),
    "Analog DeepSC": ("rician_analog.yaml", (AWGN,)),
    "JPEG 2000": ("rician_jpeg2000_ldpc.yaml", (AWGN,)),
    "HEVC": ("kodak_hevc_ldpc_amc.yaml", (AWGN, "links.air.streams.picture.mcs={amc: hda}")),
}
OURS = "HDA-DeepSC"
PRESETS = ("placebo", "medium")
BATCHES = (1, 4, 8)


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


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row. Seconds a picture: medians over the photos, or of a batch divided by its size."""

    section: str
    what: str
    variant: str
    threads: int
    batch: int
    encode_s: float
    decode_s: float
    psnr_db: float
    photos: int
    note: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--section", action="append", choices=SECTIONS, help="all of them where none is named"
    )
    parser.add_argument("--photos", type=int, default=6, help="how many (6)")
    parser.add_argument("--threads", type=int, action="append", help="of the networks; 1 and 2 if not given")
    parser.add_argument("--card", help="a network of HDA-DeepSC other than the scenario's")
    parser.add_argument(
        "--scenario", action="append", default=[], help="another scenario to time (AWGN or not)"
    )
    parser.add_argument("--csv", type=Path, help="write the rows there too")
    parser.add_argument("--quick", action="store_true", help="one photo of 128x128, one thread: does it run?")
    given = parser.parse_args()
    if given.photos < 1 or any(n < 1 for n in given.threads or ()):
        parser.error("--photos and --threads: must be at least 1")
    if missing := [path for path in given.scenario if not Path(path).is_file()]:
        parser.error(f"--scenario: must be a file, got {missing[0]}")
    if given.csv and not given.csv.absolute().parent.is_dir():
        parser.error(f"--csv: must lie in a folder that is there, got {given.csv}")
    print(f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    print(f"{'':10}{'':34}{'threads':>8}{'batch':>6}{'encode s':>10}{'decode s':>10}{'PSNR dB':>9}")
    rows = []
    for job in jobs(given):
        row = apart(job)
        rows.append(row)
        print(line(row), flush=True)
    for told in ratios(rows):
        print(told)
    if given.csv:
        with given.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, [each.name for each in fields(Measured)])
            writer.writeheader()
            writer.writerows(asdict(row) for row in rows)


def jobs(given: argparse.Namespace) -> Iterator[Job]:
    """Every row that was asked for, in order."""
    threads = [1] if given.quick else given.threads or [1, 2]
    size = {
        "photos": 1 if given.quick else given.photos,
        "side": (128, 128) if given.quick else (HEIGHT, WIDTH),
    }
    for section in given.section or SECTIONS:
        for job in SECTIONS[section](given, threads):
            yield Job(section=section, **job, **size)


def codecs(given: argparse.Namespace, threads: list[int]) -> Iterator[dict]:
    systems = {name: (str(ROOT / "scenarios" / file), sets) for name, (file, sets) in SYSTEMS.items()}
    systems |= {Path(path).stem: (path, ()) for path in given.scenario}
    for what, (scenario, sets) in systems.items():
        job = {"what": what, "scenario": scenario, "sets": (*sets, *card(what, given))}
        networks = what not in ("JPEG 2000", "HEVC")
        for n in threads if networks else [1]:
            yield {**job, "threads": n}
        if what == "HEVC":
            yield from ({**job, "threads": 1, "preset": preset} for preset in PRESETS)


def variants(given: argparse.Namespace, threads: list[int]) -> Iterator[dict]:
    from variants import VARIANTS

    for variant in VARIANTS:
        for n in threads:
            yield {**ours(given), "threads": n, "variant": variant}


def batches(given: argparse.Namespace, threads: list[int]) -> Iterator[dict]:
    for n in threads:
        for batch in BATCHES:
            yield {**ours(given), "threads": n, "batch": batch}


SECTIONS = {"codecs": codecs, "variants": variants, "batch": batches}


def ours(given: argparse.Namespace) -> dict:
    file, sets = SYSTEMS[OURS]
    return {"what": OURS, "scenario": str(ROOT / "scenarios" / file), "sets": (*sets, *card(OURS, given))}


def card(what: str, given: argparse.Namespace) -> tuple[str, ...]:
    return (f"codec.card={given.card}",) if given.card and what == OURS else ()


def apart(job: Job) -> Measured:
    """The row of a job, measured in a fresh process on so many threads."""
    for name in ("LINKSIM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(job.threads)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, job).result()


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
    def middle(values: list[float], of: Callable[[list[float]], float] = statistics.median) -> float:
        return round(of(values), 4) if values else float("nan")

    return Measured(
        section=job.section,
        what=f"{job.what}, {job.preset}, one encoding" if job.preset else job.what,
        variant=job.variant,
        threads=job.threads,
        batch=job.batch,
        encode_s=middle(encode),
        decode_s=middle(decode),
        psnr_db=middle(psnr, statistics.fmean),
        photos=job.photos,
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


def line(row: Measured) -> str:
    """A row as text."""
    what = row.what if row.variant == "float32" else f"{row.what}, {row.variant}"
    numbers = "".join(
        f"{'' if np.isnan(value) else format(value, form):>{width}}"
        for value, form, width in (
            (row.encode_s, ".3f", 10),
            (row.decode_s, ".3f", 10),
            (row.psnr_db, ".2f", 9),
        )
    )
    return f"{row.section:10}{what:34}{row.threads:>8}{row.batch or '':>6}{numbers}  {row.note}".rstrip()


def ratios(rows: list[Measured]) -> Iterator[str]:
    """HDA-DeepSC's encoding and decoding against each way to time HEVC, as Table IV asks."""
    times = [row for row in rows if row.section == "codecs" and not np.isnan(row.encode_s)]
    for own in (row for row in times if row.what == OURS):
        for other in (row for row in times if row.what.startswith("HEVC")):
            encode, decode = own.encode_s / other.encode_s, own.decode_s / other.decode_s
            threads = f"{own.threads} thread" + "s" * (own.threads > 1)
            told = f"takes {encode:.2f} times as long to encode, {decode:.2f} to decode"
            yield f"{OURS} on {threads} {told} as {other.what}"


if __name__ == "__main__":
    main()
