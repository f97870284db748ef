"""Studies written by hand for pages: systems over SNRs, with the scenarios that a manifest keeps."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from written_runs import HEIGHT, SAMPLES, WIDTH, plain

from linksim import disk, manifest, results
from linksim.document import parse
from linksim.scenario import build, resolved

SCENARIO = """
name: {name}
images: {{set: sample, limit: 2}}
codec: {{kind: jpeg2000}}
links:
  air:
    bandwidth_ratio: 1/6
    channel: {channel}
    csi: {csi}
    engine: reference
    streams:
      picture: {{kind: digital, mcs: {mcs}}}
sweep: {{snr_db: {snrs}}}
trials: {{per_image: 2}}
seed: 1
"""
SHA = "{:064x}"


def scenario(
    snrs: Sequence[float], name="by_hand", channel="{kind: rayleigh}", csi="{kind: perfect}", mcs="qpsk-1/2"
) -> dict:
    """A scenario's tree as the manifest keeps it."""
    text = SCENARIO.format(name=name, channel=channel, csi=csi, mcs=mcs, snrs=list(snrs))
    return resolved(build(parse(text, name)))


def row(point: str, snr_db: float, image: str, index: int, trial: int, psnr_db: float, **changes) -> dict:
    """A trial of 1200 uses: 400 of data, 700 of parity, 60 of pilots, 8 of CRC, 12 of padding, 20 aside."""
    told = {
        "point": point, "unit": "unit", "snr_db": float(snr_db), "image": image, "image_index": index,
        "sha256": SHA.format(index), "trial": trial, "height": HEIGHT, "width": WIDTH, "samples": SAMPLES,
        "outage": False, "psnr_db": psnr_db, "ms_ssim_db": 12.0, "n_uses": 1200, "gain": 0.5,
        "uses.pilots": 60.0, "uses.data": 400.0, "uses.signalling": 10.0, "uses.header": 6.0,
        "uses.tag": 4.0, "uses.crc": 8.0, "uses.padding": 12.0, "uses.parity": 700.0, "uses.fill": 0.0,
        "air.picture.uses": 1140, "air.picture.bits_per_use": 2, "air.picture.mcs": "qpsk-1/2",
        "air.picture.data": 800, "air.picture.blocks": 10, "air.picture.block_errors": 1,
        "air.picture.ok": True, "seconds.link": 0.5,
    }  # fmt: skip
    return told | changes


def write_study(
    folder: Path,
    systems: Mapping[str, Mapping[float, float]],
    images: Sequence[str] = ("red", "blue"),
    per_image: int = 2,
    scenarios: Mapping[str, dict] | None = None,
    pictures: bool = True,
    done: int | None = None,
    **changes,
) -> Path:
    """System -> SNR -> mean PSNR; image i is i dB better, trial t too. done: points that have rows.

    changes: of every row.
    """
    folder.mkdir(parents=True)
    gallery, points, rows = results.Gallery(folder=folder), [], []
    several = len(systems) > 1
    for system, curve in systems.items():
        for snr, psnr in curve.items():
            point = f"{len(points):016x}"
            head = {"system": system} if several else {}
            values = head | {"snr_db": snr}
            told = {"id": point, "system": system if several else "", "values": values, "snr_db": float(snr)}
            points.append(told | {"per_image": per_image, "stop": None})
            if done is not None and len(points) > done:
                continue
            for i, image in enumerate(images):
                rows += [row(point, snr, image, i, t, psnr + i + t, **changes) for t in range(per_image)]
                if pictures:
                    disk.write(gallery.original(image), results.png(plain(255)))
                    disk.write(gallery.received(image, point), results.png(plain(10 * len(points))))
                    disk.write(gallery.eavesdropped(image, point), results.png(plain(128)))
    keys = list(systems) if several else [""]
    photos = [
        {"name": n, "sha256": SHA.format(i), "height": HEIGHT, "width": WIDTH} for i, n in enumerate(images)
    ]
    trees = {key: scenario(systems[key or next(iter(systems))]) for key in keys}
    tree = {
        "format": manifest.FORMAT, "name": folder.name,
        "fields": ["system", "snr_db"] if several else ["snr_db"],
        "deciding": {"code": "c0de", "versions": {"numpy": "2"}, "images": {key: photos for key in keys}},
        "points": points, "scenarios": scenarios or trees,
        "study": None, "engines": ["reference"], "onnx_providers": [], "python": "3.11", "platform": "linux",
        "git": {"commit": "abc", "changed": False}, "command": "linksim run x.yaml", "started": "now",
        "commands": [],
    }  # fmt: skip
    (folder / manifest.MANIFEST).write_text(json.dumps(tree))
    if rows:
        results.write_rows(results.shard(folder, "unit"), rows)
    return folder


def write_curve(folder: Path, channel: str, counts: Mapping[float, tuple[int, int]]) -> Path:
    """The folder of a `linksim ber` curve of uncoded BPSK: Es/N0 -> frames of 100 bits, of which some failed.

    A failed frame has two wrong bits.
    """
    folder.mkdir(parents=True)
    words = {"code": "uncoded:k=100", "constellation": "bpsk", "channel": channel, "engine": "native"}
    about = {
        "words": words,
        "content": {},
        "code": "c0de",
        "versions": {"numpy": "2"},
        "command": "linksim ber",
    }
    (folder / "curve.json").write_text(json.dumps(about))
    units = [
        {"esn0_db": snr, "start": 0, "stop": frames, "frame_errors": failed, "bits": 100 * frames,
         "bit_errors": 2 * failed, "iterations": 0, "failed": [], "seconds": 1.0}
        for snr, (frames, failed) in counts.items()
    ]  # fmt: skip
    (folder / "units.jsonl").write_text("".join(json.dumps(unit) + "\n" for unit in units))
    return folder
