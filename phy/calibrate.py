"""Measure block error curves over AWGN on this link's own chain: `python -m phy.calibrate --help`.

    random bits -> encode -> map -> y = x + n -> demap -> decode -> count against the truth

Each scheme climbs a grid of Es/N0 from its Shannon limit until its block error rate falls below `floor`; each
point draws chunks of blocks until it has seen enough errors or blocks. A chunk's randomness is named by
(seed, scheme, SNR, chunk), and every finished point is stored at once, so a measurement that was stopped
continues, and can be deepened, where it was.
"""

import argparse
import json
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from math import ceil
from pathlib import Path

import numpy as np

from phy.amc import AMC_SETS, MCS, Mcs
from phy.bits import random_bits
from phy.channel import complex_normal
from phy.engine import Engine, find_engine
from phy.fec.decoder import Decoder
from phy.rng import generator
from phy.units import linear_to_db, noise_variance

PATH = Path(__file__).parent / "data" / "bler_curves.json"
CHUNK = 2048
"""Code blocks drawn at a time."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much a point is measured, and where a curve ends.

    A point ends with `errors` block errors or `blocks` blocks, the curve where its rate is below `floor`.
    """

    errors: int = 200
    blocks: int = 400_000
    floor: float = 1e-3
    step_db: float = 0.25


@dataclass(frozen=True, kw_only=True)
class Point:
    """Counts at one Es/N0."""

    snr_db: float
    block_errors: int = 0
    blocks: int = 0
    bit_errors: int = 0

    @property
    def bler(self) -> float:
        """Block error rate."""
        return self.block_errors / max(self.blocks, 1)


def measure_chunk(
    engine: Engine, mcs: Mcs, decoder: Decoder, snr_db: float, rng: np.random.Generator
) -> Point:
    """Counts of CHUNK random blocks over AWGN with the exact demapper."""
    code, n0 = mcs.code, noise_variance(snr_db)
    sent = random_bits(CHUNK * code.k, rng).reshape(CHUNK, code.k)
    x = engine.map(mcs.constellation, engine.encode(code, sent))
    y = x + np.sqrt(n0) * complex_normal(x.size, rng).reshape(x.shape)
    llr = engine.demap(mcs.constellation, y.astype(np.complex64), np.full(y.shape, n0, np.float32), "exact")
    wrong = engine.decode(code, llr, decoder) != sent
    errors = int(np.count_nonzero(wrong.any(axis=1)))
    return Point(snr_db=snr_db, block_errors=errors, blocks=CHUNK, bit_errors=int(np.count_nonzero(wrong)))


def measure_point(
    engine: Engine, mcs: Mcs, decoder: Decoder, effort: Effort, start: Point, seed: int
) -> Point:
    """Counts at start.snr_db, continued from what `start` holds until the effort is spent."""
    point = start
    while point.block_errors < effort.errors and point.blocks < effort.blocks:
        rng = generator(seed, "calibrate", mcs.name, repr(point.snr_db), point.blocks // CHUNK)
        more = measure_chunk(engine, mcs, decoder, point.snr_db, rng)
        point = Point(
            snr_db=point.snr_db,
            block_errors=point.block_errors + more.block_errors,
            blocks=point.blocks + more.blocks,
            bit_errors=point.bit_errors + more.bit_errors,
        )
    return point


def shannon_limit_db(mcs: Mcs) -> float:
    """Es/N0 at which log2(1 + Es/N0) equals the scheme's information bits per use; nothing decodes below."""
    return linear_to_db(2.0 ** float(mcs.info_bits_per_use) - 1)


def measure_curve(
    engine: Engine, mcs: Mcs, decoder: Decoder, effort: Effort, known: dict[float, Point], seed: int
) -> Iterator[Point]:
    """Points of rising Es/N0 on the grid, each as soon as it is measured, until one lies below the floor."""
    index = ceil(shannon_limit_db(mcs) / effort.step_db)
    while True:
        snr_db = index * effort.step_db
        start = known.get(snr_db, Point(snr_db=snr_db))
        point = measure_point(engine, mcs, decoder, effort, start, seed)
        yield point
        if point.bler < effort.floor:
            return
        index += 1


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("linksim-phy", "numpy", "sionna-no-rt", "tensorflow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _provenance(decoder: Decoder, seed: int) -> dict:
    """What must agree before counts may be added to."""
    return {"decoder": asdict(decoder), "demapper": "exact", "channel": "awgn", "seed": seed, "chunk": CHUNK}


def load(path: Path, decoder: Decoder, seed: int) -> dict:
    """The table at `path`, or an empty one; ValueError if it was measured otherwise."""
    provenance = _provenance(decoder, seed)
    if not path.exists():
        return {"what": __doc__.splitlines()[0], "columns": list(Point.__dataclass_fields__), **provenance}
    table = json.loads(path.read_text())
    for key, value in provenance.items():
        if table[key] != value:
            raise ValueError(
                f"{path}: {key} must be {value}, got {table[key]}; write to another file with --out"
            )
    return table


def store(path: Path, table: dict) -> None:
    """Write the table whole or not at all, one point a line."""
    rows = {
        name: "[\n   " + ",\n   ".join(json.dumps(p) for p in points) + "\n  ]"
        for name, points in sorted(table["curves"].items(), key=lambda item: list(MCS).index(item[0]))
    }
    head = json.dumps({k: v for k, v in table.items() if k != "curves"}, indent=1)
    body = ",\n".join(f'  "{name}": {points}' for name, points in rows.items())
    temporary = path.with_suffix(".part")
    temporary.write_text(f'{head[:-2]},\n "curves": {{\n{body}\n }}\n}}\n')
    os.replace(temporary, path)


def calibrate(
    path: Path, names: list[str], engine_name: str, decoder: Decoder, effort: Effort, seed: int
) -> None:
    """Measure the named schemes and keep every point in the table at `path` as it comes."""
    table, engine = load(path, decoder, seed), find_engine(engine_name)
    recipe = {"command": shlex.join(["python", "-m", "phy.calibrate", *sys.argv[1:]]), "engine": engine.name}
    for name in names:
        counts = table.setdefault("curves", {}).setdefault(name, [])
        known = {row[0]: Point(**dict(zip(table["columns"], row, strict=True))) for row in counts}
        for point in measure_curve(engine, MCS[name], decoder, effort, known, seed):
            if point != known.get(point.snr_db):
                known[point.snr_db] = point
                table["curves"][name] = [list(asdict(known[snr]).values()) for snr in sorted(known)]
                table.setdefault("recipes", {})[name] = recipe | {
                    "effort": asdict(effort),
                    "versions": _versions(),
                }
                store(path, table)
            counted = f"{point.block_errors:6} / {point.blocks:7}"
            print(f"{name:12} {point.snr_db:6.2f} dB  {counted}  {point.bler:.2e}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Parse, measure, store."""
    parser = argparse.ArgumentParser(prog="python -m phy.calibrate", description=__doc__.splitlines()[0])
    parser.add_argument("--mcs", nargs="+", default=list(AMC_SETS["hda"]), choices=list(MCS), metavar="NAME")
    parser.add_argument("--engine", default="sionna", choices=["sionna", "reference"])
    parser.add_argument("--errors", type=int, default=Effort.errors, help="block errors that end a point")
    parser.add_argument("--blocks", type=int, default=Effort.blocks, help="blocks that end a point")
    parser.add_argument(
        "--floor", type=float, default=Effort.floor, help="block error rate that ends a curve"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=PATH)
    got = parser.parse_args(arguments)
    effort = Effort(errors=got.errors, blocks=got.blocks, floor=got.floor)
    calibrate(got.out, got.mcs, got.engine, Decoder(), effort, got.seed)


if __name__ == "__main__":
    main()
