"""Complements as a real link delivers them, written down for training: `python -m linksim.observe`.

    python -m linksim.observe SCENARIO --data FOLDER --out FILE.npz [--trials N] [--set FIELD=VALUE]

FOLDER holds MNIST's training images. At every point of a scenario or study of codec `hsc`, N of them are sent
as in any run (`System.deliver`), and what the receiver reads of each complement is kept. FILE is all that
training needs of links. Arrays of n trials, and of m rows of all that were read:

    picture int32 [n]    place in the file         rank int16 [n]       the codec's d
    snr_db float32 [n]   of the point              ok bool [n]          its check passed
    start int64 [n + 1]  trial i has rows start[i] to start[i + 1]
    rows float32 [m, L]  orthonormal, of A's span  sent float32 [m, W]  A X; garbage where policy read it so
    about                JSON: scenarios, the card, its fingerprint, code and versions

A trial whose complement was dropped has no rows.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linksim import digits, identity
from linksim.codecs.base import Decoded, Image, grey
from linksim.codecs.hsc import Hsc, intact
from linksim.errors import LinksimError
from linksim.images import Photo
from linksim.plan import Plan, Point
from linksim.scenario import resolved
from linksim.study import plan_of
from linksim.system import System
from phy.types import Grant, Message, Reception

FILES = ("train-images-idx3-ubyte.gz", "train-images-idx3-ubyte")
CHUNK = 256
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Listening:
    """A codec that sends what another sends, and keeps what is received; it shows nothing of it."""

    codec: Hsc
    kept: list[Reception] = field(default_factory=list, compare=False)

    @property
    def streams(self) -> Mapping[str, str]:
        return self.codec.streams

    @property
    def fingerprint(self) -> str:
        return self.codec.fingerprint

    def encode(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Message]:
        return self.codec.encode(images, grants)

    def decode(
        self, receptions: Sequence[Reception], shapes: Sequence[tuple[int, int, int]]
    ) -> list[Decoded]:
        self.kept.extend(receptions)
        return [Decoded(image=grey(shape), outage=False) for shape in shapes]


def observe(plan: Plan, pictures: digits.Pictures, trials: int, seed: int) -> Iterator[Arrays]:
    """At each point of a plan, the arrays of `trials` pictures drawn from uint8 [n, L, L, 1].

    Points meet fades and noise of their own. Raises LinksimError for other codecs and pictures.
    """
    for point in plan.points:
        codec = listened_to(point, pictures.shape[1:])
        rng = np.random.default_rng((seed, point.index))
        places = rng.choice(len(pictures), trials, replace=trials > len(pictures))
        parts = [_chunk(point, codec, pictures, places[i : i + CHUNK], i) for i in range(0, trials, CHUNK)]
        yield joined(parts)


def listened_to(point: Point, shape: tuple[int, int, int]) -> Hsc:
    """A point's codec without its adapter, on which no complement depends."""
    codec, where = point.scenario.codec, "codec.kind"
    if not isinstance(codec, Hsc):
        raise LinksimError(where, "must be hsc, which sends complements", codec.kind, "name such a scenario")
    if codec.source != "AX":
        raise LinksimError("codec.source", "must be AX, as adapters have it", codec.source, "set it to AX")
    if not isinstance(codec.rank, int) or not codec.rank:
        raise LinksimError("codec.rank", "must be declared, 1 or more", codec.rank, "set codec.rank=8")
    if shape[0] != shape[1] or shape[2] != 1:
        raise LinksimError("--data", "must be square grey pictures", "x".join(map(str, shape)), "send others")
    return replace(codec, adapter=None)


def _chunk(point: Point, codec: Hsc, pictures: digits.Pictures, places: NDArray, first: int) -> Arrays:
    """The arrays of some trials, the first of which is the point's trial number `first`."""
    photos = [Photo.of(f"{place:05}", pictures[place]) for place in places]
    scenario, ear = point.scenario, Listening(codec=codec)
    system = System(codec=ear, links=scenario.links, nonce=(point.id,))
    draws = [(point.index << 20) + first + i for i in range(len(photos))]
    system.deliver(photos, draws, scenario.seed, scenario.snr_db)
    complements = [reception["complement"] for reception in ear.kept]
    rows, sent = zip(*read(codec, ear.kept, pictures.shape[1:]), strict=True)
    return {
        "picture": np.asarray(places, np.int32),
        "snr_db": np.full(len(photos), scenario.snr_db, np.float32),
        "rank": np.full(len(photos), codec.rank, np.int16),
        "ok": np.asarray([intact(got) and got.data.size > 0 for got in complements]),
        "start": np.cumsum([0, *map(len, rows)]),
        "rows": np.concatenate(rows).astype(np.float32),
        "sent": np.concatenate(sent).astype(np.float32),
    }


def read(
    codec: Hsc, receptions: Sequence[Reception], shape: tuple[int, int, int]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Of each reception orthonormal rows [d, L] and A X [d, W]; of none, none."""
    out = []
    for ((rows, sent),) in codec.heard(receptions, [shape] * len(receptions)):
        told = rows.any(axis=1)  # a row that depends on others is 0
        out.append((rows[told], sent[0, told]))
    return out


def joined(parts: Sequence[Arrays]) -> Arrays:
    """Arrays of several lots of trials as of one."""
    out = {name: np.concatenate([each[name] for each in parts]) for name in parts[0] if name != "start"}
    lengths = np.concatenate([np.diff(each["start"]) for each in parts])
    return out | {"start": np.cumsum([0, *lengths])}


def about(plan: Plan, source: str) -> str:
    """What the trials were made of, as JSON."""
    codec = plan.points[0].scenario.codec
    told = {
        "scenarios": {name: resolved(each) for name, each in plan.scenarios.items()},
        "card": codec.card,
        "fingerprint": replace(codec, adapter=None).fingerprint,
        "pictures": source,
        "code": identity.code_digest(),
        "versions": dict(identity.versions()),
    }
    return json.dumps(told)


def training_pictures(folder: Path) -> tuple[Path, digits.Pictures]:
    """MNIST's training images of a folder, uint8 [n, 28, 28, 1]; LinksimError where they are not there."""
    for name in FILES:
        if (path := folder / name).is_file():
            return path, digits.pictures(path)
    raise LinksimError("--data", f"must be a folder with {FILES[0]}", str(folder), "save the file there")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m linksim.observe", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("scenario", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="the folder of MNIST's IDX files")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=256, help="pictures at each point (default 256)")
    parser.add_argument("--seed", type=int, default=1, help="of which pictures are drawn")
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--sweep", dest="sweeps", action="append", default=[], metavar="FIELD=A:B:STEP|A,B")
    given = parser.parse_args(argv)
    try:
        _check(given.trials, given.out)
        plan = plan_of(given.scenario, given.sets, given.sweeps)
        path, pictures = training_pictures(given.data)
        parts = []
        for point, part in zip(plan.points, observe(plan, pictures, given.trials, given.seed), strict=True):
            print(f"{point}: {part['ok'].mean():.1%} of {given.trials} arrived", flush=True)
            parts.append(part)
        np.savez_compressed(given.out, about=about(plan, path.name), **joined(parts))
    except LinksimError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def _check(trials: int, out: Path) -> None:
    """LinksimError before any work is done that could not be kept."""
    if trials < 1:
        raise LinksimError("--trials", "must be at least 1", trials, "256 is the default")
    if not out.parent.is_dir():
        raise LinksimError("--out", "must lie in a folder that is there", str(out), "make the folder first")


if __name__ == "__main__":
    main()
