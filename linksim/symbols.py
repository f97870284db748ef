"""Symbols that an analog codec sends, written down for training of denoisers: `python -m linksim.symbols`.

    python -m linksim.symbols CARD --data FOLDER [--data FOLDER ...] --out FILE.npz [--ratio 1/6] [--limit N]

Every PNG and JPEG under the folders is encoded by the codec `analog` with that card, in a frame of `ratio`
channel uses a source sample, for an SNR of its own, and put in its places of z as a receiver without noise
has it. No link is run: detection leaves x^ = x + s eps (Xie et al. 2025, (30)), which training draws itself.
FILE is all that it needs. Arrays of n photos, and of m tokens of them all:

    x float16 [m, C]     reals of unit mean power per photo, by token, row by row; NaN where none was sent.
    channel int32 [C]    the channels of z of which any real was sent
    start int64 [n + 1]  photo i has tokens start[i] to start[i + 1]
    height, width int32 [n]    of its grid of tokens, which covers whole windows of the network
    snr_db float32 [n]   designed for, uniform in -2 ... 22 dB
    photo int32 [n]      its place among the photos that are large enough, in order of path
    about                JSON: card, its files with their checksums, ratio, M and reals per token

Photos whose shorter side exceeds 600 pixels are halved; those with a side below 256 are left out, as in
training of the codec.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from linksim.codecs.analog import Analog
from linksim.codecs.base import Image
from linksim.codecs.header import HEADER_USES, Header, nearest_design_snr, power_index
from linksim.errors import LinksimError
from linksim.images import SUFFIXES, read_image
from phy.rng import generator
from phy.types import Grant, SymbolsObserved

SMALLEST, LARGEST = 256, 600
DESIGN_DB = (-2.0, 22.0)


def photos(folders: Sequence[Path]) -> Iterator[Image]:
    """RGB uint8 [height, width, 3] of every photo that is large enough. LinksimError where there is none."""
    found = False
    paths = sorted(p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    for path in paths:
        picture = Pictures.fromarray(read_image(path))
        if min(picture.size) > LARGEST:
            half = picture.width // 2, picture.height // 2
            picture = picture.resize(half, Pictures.Resampling.LANCZOS)
        if min(picture.size) >= SMALLEST:
            found = True
            yield np.asarray(picture)
    if not found:
        where = ", ".join(map(str, folders))
        raise LinksimError("--data", f"must hold photos of {SMALLEST} pixels a side or more", where)


def symbols_of(codec: Analog, image: Image, ratio: Fraction, snr_db: float) -> NDArray[np.float32]:
    """x [M, h, w] of a picture, of unit mean power over the reals that are sent, NaN elsewhere."""
    uses = int(ratio * image.size)
    grant = Grant(channel_uses=uses, payload_bits=0, snr_db=snr_db)
    (message,) = codec.encode([image], [{"auxiliary": grant}])
    data = message["auxiliary"].data[HEADER_USES:]
    clean = SymbolsObserved(data=data, noise_var=np.zeros(data.size, np.float32))
    design = nearest_design_snr(snr_db)
    unit = Header(step=0, power=power_index(1.0), design_snr_db=design, coded=False)
    q = np.zeros(codec.network.integers_shape(image.shape), np.int32)
    known = codec.network.known(q, unit, image.shape, data.size)
    x, noise = codec.network.received(known, unit, clean, image.shape)
    return np.where(noise[0] < 0, np.float32(np.nan), x[0])


def collect(
    codec: Analog, folders: Sequence[Path], ratio: Fraction, limit: int | None, seed: int
) -> dict[str, NDArray]:
    """The arrays of the file, of the first `limit` photos or all."""
    maps, snrs = [], []
    for place, image in enumerate(photos(folders)):
        if place == limit:
            break
        snrs.append(generator(seed, "symbols", "design", place).uniform(*DESIGN_DB))
        maps.append(symbols_of(codec, image, ratio, snrs[-1]))
        if place % 100 == 0:
            print(f"{place} photos", flush=True)
    sent = np.mean([np.isfinite(x).mean((1, 2)) for x in maps], 0)
    channel = np.flatnonzero(sent > 0)
    rows = [x[channel].reshape(len(channel), -1).T for x in maps]
    reals = np.mean([np.isfinite(x).sum() / np.isfinite(x).any(0).sum() for x in maps])
    told = {
        "card": codec.network.card.name,
        "files": codec.network.card.files,
        "ratio": str(ratio),
        "z_channels": codec.network.number("z_channels"),
        "reals_per_token": round(float(reals), 3),
    }
    return {
        "x": np.concatenate(rows).astype(np.float16),
        "channel": channel.astype(np.int32),
        "start": np.cumsum([0, *map(len, rows)]),
        "height": np.asarray([x.shape[1] for x in maps], np.int32),
        "width": np.asarray([x.shape[2] for x in maps], np.int32),
        "snr_db": np.asarray(snrs, np.float32),
        "photo": np.arange(len(maps), dtype=np.int32),
        "about": np.asarray(json.dumps(told)),
    }


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m linksim.symbols", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("card", help="a network in the zoo, or a folder with one")
    parser.add_argument("--data", type=Path, action="append", required=True, help="a folder of photos")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--ratio", default="1/6", help="channel uses a source sample (default 1/6)")
    parser.add_argument("--limit", type=int, help="photos at most (default all)")
    parser.add_argument("--seed", type=int, default=1, help="of the SNRs that are designed for")
    given = parser.parse_args(argv)
    try:
        ratio = _checked(given)
        arrays = collect(Analog(card=given.card), given.data, ratio, given.limit, given.seed)
        np.savez(given.out, **arrays)
    except LinksimError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    print(f"{len(arrays['photo'])} photos, {len(arrays['x'])} tokens of {arrays['x'].shape[1]} channels")


def _checked(given: argparse.Namespace) -> Fraction:
    """The ratio. LinksimError before any work is done that could not be kept."""
    if not given.out.parent.is_dir() or given.out.suffix != ".npz":
        rule = "must be a file .npz in a folder that is there"
        raise LinksimError("--out", rule, str(given.out), "make the folder first")
    if given.limit is not None and given.limit < 1:
        raise LinksimError("--limit", "must be at least 1", given.limit, "leave it out for all photos")
    try:
        ratio = Fraction(given.ratio)
    except (ValueError, ZeroDivisionError):
        ratio = Fraction(0)
    if not 0 < ratio <= 1:
        raise LinksimError("--ratio", "must be above 0 and at most 1", given.ratio, "1/6 is the default")
    return ratio


if __name__ == "__main__":
    main()
