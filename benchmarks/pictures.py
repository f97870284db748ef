"""How long codecs take for a 768x512 photo, all on this machine in one run: `make bench-pictures`.

    python benchmarks/pictures.py [--section codecs ...] [--photos 24] [--threads 1 --threads 2] [--csv FILE]

codecs     encode and decode of HDA-DeepSC, its rivals, and of every --scenario, under the grants of one link:
           AWGN at 10 dB, 1/6 of a channel use a sample, 802.11ad with the set hda. The separate codecs search
           for the quality that fits: HEVC is also timed for one encoding at the quality found, with x265's
           presets placebo (as linksim runs it) and medium.
variants   HDA-DeepSC in float16, bfloat16 and int8, with the PSNR that is left (see variants.py)
batch      pictures per second of its graphs alone, in batches

Photos are Kodak's where LINKSIM_DATA has them, else scikit-image's, mirrored at the edges to that size. Every
row has a process of its own, in which a mirrored photo goes first, so that nothing is loaded or kept. Seconds
are means over the photos, with 95 percent intervals.
"""

import argparse
import csv
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from picture_times import Job, Mean, Measured, measure
from timing import processor

ROOT = Path(__file__).resolve().parents[1]
HEIGHT, WIDTH = 512, 768
AWGN = "links.air.channel={kind: awgn}"
SYSTEMS = {
    "HDA-DeepSC": ("awgn_hda.yaml", ()),
    "Analog DeepSC": ("rician_analog.yaml", (AWGN,)),
    "JPEG 2000": ("rician_jpeg2000_ldpc.yaml", (AWGN,)),
    "HEVC": ("kodak_hevc_ldpc_amc.yaml", (AWGN, "links.air.streams.picture.mcs={amc: hda}")),
}
OURS = "HDA-DeepSC"
PRESETS = ("placebo", "medium")
BATCHES = (1, 4, 8)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--section", action="append", choices=SECTIONS, help="all of them where none is named"
    )
    parser.add_argument("--photos", type=int, default=24, help="how many at most (24)")
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
    print(f"{'':10}{'':34}{'threads':>8}{'batch':>6}{'encode s':>22}{'decode s':>22}{'PSNR dB':>22}")
    rows = []
    for job in jobs(given):
        row = apart(job)
        rows.append(row)
        print(line(row), flush=True)
    for told in ratios(rows):
        print(told)
    if given.csv:
        with given.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0].flat()))
            writer.writeheader()
            writer.writerows(row.flat() for row in rows)


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


def line(row: Measured) -> str:
    """A row as text."""
    what = row.what if row.variant == "float32" else f"{row.what}, {row.variant}"
    encode, decode, psnr = cell(row.encode_s, 3), cell(row.decode_s, 3), cell(row.psnr_db, 2)
    numbers = f"{encode:>22}{decode:>22}{psnr:>22}"
    return f"{row.section:10}{what:34}{row.threads:>8}{row.batch or '':>6}{numbers}  {row.note}".rstrip()


def cell(value: Mean, digits: int) -> str:
    """'0.697 [0.668, 0.723]', the mean alone where there is no interval, nothing where there is no mean."""
    if np.isnan(value.mean):
        return ""
    told = f"{value.mean:.{digits}f}"
    return told if np.isnan(value.low) else f"{told} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def ratios(rows: list[Measured]) -> Iterator[str]:
    """HDA-DeepSC's encoding and decoding against each way to time HEVC, as Table IV asks."""
    times = [row for row in rows if row.section == "codecs" and not np.isnan(row.encode_s.mean)]
    for own in (row for row in times if row.what == OURS):
        for other in (row for row in times if row.what.startswith("HEVC")):
            encode = own.encode_s.mean / other.encode_s.mean
            decode = own.decode_s.mean / other.decode_s.mean
            threads = f"{own.threads} thread" + "s" * (own.threads > 1)
            told = f"takes {encode:.2f} times as long to encode, {decode:.2f} to decode"
            yield f"{OURS} on {threads} {told} as {other.what}"


if __name__ == "__main__":
    main()
