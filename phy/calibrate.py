"""Measure block error curves over AWGN on this link's own chain: `linksim calibrate --help`.

Each scheme climbs a grid of Es/N0 from its Shannon limit until its block error rate falls below `floor`; each
point counts frames (`phy.chain`) until it has seen enough errors or blocks. A frame is one code block, named
by (seed, id); every batch of them is stored at once, so a measurement that was stopped continues, and can be
deepened, where it was.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from math import ceil
from pathlib import Path

from phy.bler import Receiver
from phy.chain import Chain, count
from phy.engine import Engine, find_engine
from phy.fec.decoder_spec import parse_decoder
from phy.mcs import AMC_SETS, Mcs, find_mcs
from phy.units import linear_to_db

PATH = Path(__file__).parent / "data" / "bler_curves.json"
LEAST_BATCH, MOST_BATCH = 256, 8192
"""Code blocks of a point's first batch, and of its largest: each batch doubles what was counted."""
COLUMNS = ("snr_db", "block_errors", "blocks", "bit_errors")
FRAMES = "phy.chain.count, seed 1, from the first id not counted before"
SEED = 1


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much a point is measured, and where a curve ends.

    A point ends with `errors` block errors or `blocks` blocks, the curve where its rate is below `floor`.
    step_db: of the grid; the curves of long blocks fall from 1 to 1e-3 within half a dB.
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


def chain_of(mcs: Mcs, receiver: Receiver) -> Chain:
    """The chain whose frames are counted: one code block over AWGN, the points without a turn."""
    points = find_mcs(mcs.pair_name).constellation
    return Chain(
        code=mcs.code,
        constellation=points,
        demapper=receiver.demapper,
        decoder=receiver.decoder_of(mcs),
    )


def measure_point(engine: Engine, chain: Chain, effort: Effort, start: Point) -> Iterator[Point]:
    """Counts at start.snr_db, batch by batch, continued from what `start` holds until the effort is spent."""
    point = start
    while point.block_errors < effort.errors and point.blocks < effort.blocks:
        batch = min(max(LEAST_BATCH, point.blocks), MOST_BATCH)
        more = count(chain, engine, point.snr_db, SEED, range(point.blocks, point.blocks + batch))
        point = Point(
            snr_db=point.snr_db,
            block_errors=point.block_errors + more.frame_errors,
            blocks=point.blocks + more.frames,
            bit_errors=point.bit_errors + more.bit_errors,
        )
        yield point


def shannon_limit_db(mcs: Mcs) -> float:
    """Es/N0 at which log2(1 + Es/N0) equals the scheme's information bits per use; nothing decodes below."""
    return linear_to_db(2.0 ** float(mcs.info_bits_per_use) - 1)


def measure_curve(
    engine: Engine, mcs: Mcs, chain: Chain, effort: Effort, known: dict[float, Point]
) -> Iterator[tuple[Point, bool]]:
    """Points of rising Es/N0 on the grid until one lies below the floor, and whether each is finished."""
    index = ceil(shannon_limit_db(mcs) / effort.step_db)
    while True:
        snr_db = index * effort.step_db
        point = known.get(snr_db, Point(snr_db=snr_db))
        for longer in measure_point(engine, chain, effort, point):
            point = longer
            yield point, False
        yield point, True
        if point.bler < effort.floor:
            return
        index += 1


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("linksim-phy", "numpy", "numba", "sionna-no-rt", "tensorflow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def load(path: Path) -> dict:
    """The table at `path`, or an empty one; ValueError if it is none."""
    if not path.exists():
        what = "Block error counts over AWGN on this link's own chain; linksim calibrate adds to them."
        return {"what": what, "columns": list(COLUMNS), "channel": "awgn", "seed": SEED, "curves": {}}
    try:
        table = json.loads(path.read_text())
        kept = (table["columns"], table["channel"], table["seed"])
        whole = all({"recipes", "counts"} <= curve.keys() for curve in table["curves"].values())
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        kept, whole = None, False
    if kept != (list(COLUMNS), "awgn", SEED) or not whole:
        raise ValueError(f"out: must be a table of block error counts, got {path}; write to another file")
    return table


def store(path: Path, table: dict) -> None:
    """Write the table whole or not at all, one point a line."""
    curves = [
        f'  {json.dumps(name)}: {{\n   "recipes": {json.dumps(curve["recipes"])},\n   "counts": [\n    '
        + ",\n    ".join(json.dumps(point) for point in curve["counts"])
        + "\n   ]\n  }"
        for name, curve in sorted(table["curves"].items())
    ]
    head = json.dumps({k: v for k, v in table.items() if k != "curves"}, indent=1)
    temporary = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(f'{head[:-2]},\n "curves": {{\n' + ",\n".join(curves) + "\n }\n}\n")
    os.replace(temporary, path)


def calibrate(
    path: Path,
    names: Sequence[str],
    receiver: Receiver,
    engine: Engine,
    effort: Effort,
    report: Callable[[str, Point], None],
) -> None:
    """Measure the named schemes and keep every batch in the table at `path` as it comes.

    report: told (the scheme's name, the point) of every point that is finished. Schemes that share their
    points and code share a curve, which is measured once. ValueError where a name or the file is none.
    """
    table = load(path)
    schemes: dict[str, Mcs] = {}
    for mcs in map(find_mcs, names):
        schemes.setdefault(receiver.curve_name(mcs), mcs)
    for name, mcs in schemes.items():
        recipe = {"engine": engine.name, "effort": asdict(effort), "versions": _versions(), "frames": FRAMES}
        curve = table["curves"].setdefault(name, {"recipes": [], "counts": []})
        known = {row[0]: Point(**dict(zip(COLUMNS, row, strict=True))) for row in curve["counts"]}
        for point, finished in measure_curve(engine, mcs, chain_of(mcs, receiver), effort, known):
            if point != known.get(point.snr_db):
                known[point.snr_db] = point
                curve["counts"] = [list(asdict(known[snr]).values()) for snr in sorted(known)]
                curve["recipes"] += [recipe] if recipe not in curve["recipes"] else []
                store(path, table)
            if finished:
                report(mcs.name, point)


def line(name: str, point: Point) -> str:
    """A finished point as a line of text."""
    counted = f"{point.block_errors:6} / {point.blocks:7}"
    return f"{name:14} {point.snr_db:6.2f} dB  {counted}  {point.bler:.2e}"


def _print(name: str, point: Point) -> None:
    print(line(name, point), flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Parse, measure, store."""
    parser = argparse.ArgumentParser(prog="python -m phy.calibrate", description=__doc__.splitlines()[0])
    parser.add_argument("--mcs", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--set", nargs="+", default=[], choices=list(AMC_SETS), dest="sets")
    parser.add_argument("--demapper", default="exact", choices=["exact", "max-log"])
    parser.add_argument("--decoder", help="a word such as layered-offset-min-sum:quantisation=8")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--errors", type=int, default=Effort.errors, help="block errors that end a point")
    parser.add_argument("--blocks", type=int, default=Effort.blocks, help="blocks that end a point")
    parser.add_argument(
        "--floor", type=float, default=Effort.floor, help="block error rate that ends a curve"
    )
    parser.add_argument("--step", type=float, default=Effort.step_db, help="dB from point to point")
    parser.add_argument("--out", type=Path, default=PATH)
    got = parser.parse_args(arguments)
    names = [*got.mcs, *(name for each in got.sets for name in AMC_SETS[each])] or list(AMC_SETS["hda"])
    receiver = Receiver(demapper=got.demapper, decoder=parse_decoder(got.decoder) if got.decoder else None)
    effort = Effort(errors=got.errors, blocks=got.blocks, floor=got.floor, step_db=got.step)
    calibrate(
        got.out,
        names,
        receiver,
        find_engine(got.engine),
        effort,
        lambda *told: print(line(*told), flush=True),
    )


if __name__ == "__main__":
    main()
