"""The folder of a run: a manifest, and a table of trials in append-only Parquet shards, one a unit.

manifest.json             the scenario as resolved, its digest, the pictures' digests, versions, code, command
rows/<unit>.parquet       counts and energies, one row a trial
pictures/<image>/...png   the first trial of each image at each point     figures/   summary.csv  summary.md
"""

from __future__ import annotations

import io
import json
import math
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image as Pictures

from linksim import disk
from linksim.codecs.base import Image
from linksim.codecs.onnx import providers
from linksim.errors import LinksimError
from linksim.identity import HOME, code_digest, contents, versions
from linksim.images import Photo
from linksim.plan import Plan
from linksim.scenario import digest, resolved

MANIFEST = "manifest.json"
ORDER = ("point", "image_index", "trial")
"""The order of the table: the points', the images', the trials'."""
TIMINGS = "seconds."
"""Columns that begin so are wall times: all that may differ between two runs of a scenario on one machine."""


def manifest(plan: Plan, photos: Sequence[Photo]) -> dict[str, Any]:
    """What a reader needs to make the run again. `deciding`: all that a result depends on."""
    return {
        "name": plan.scenario.name,
        "deciding": {
            "digest": digest(plan.scenario),
            "codecs": sorted({point.scenario.codec.fingerprint for point in plan.points}),
            "code": code_digest(),
            "versions": versions(),
            "images": [_described(photo) for photo in photos],
            **_played(plan),
        },
        "scenario": resolved(plan.scenario),
        "points": [dict(point.values) for point in plan.points],
        "engines": sorted(
            {each for point in plan.points for link in point.scenario.links.values() for each in link.engines}
        ),
        "onnx_providers": providers(),
        "python": sys.version.split()[0],
        "platform": sys.platform,
        "git": git_state(),
        "command": shlex.join(sys.argv),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _played(plan: Plan) -> dict[str, list[str]]:
    """Digests of recorded channels, codes and constellations in files: a path does not tell what it holds."""
    found: dict[str, set[str]] = {}
    for point in plan.points:
        for name, digests in contents(point.scenario).items():
            found.setdefault(name, set()).update(digests)
    return {name: sorted(digests) for name, digests in found.items()}


def _described(photo: Photo) -> dict[str, Any]:
    height, width, _ = photo.image.shape
    return {"name": photo.name, "sha256": photo.sha256, "height": height, "width": width}


def git_state() -> dict[str, Any] | None:
    """Commit of the source tree, and whether it was changed since; None outside one."""
    if not (HOME / ".git").exists():
        return None
    try:
        asked = [
            subprocess.run(
                ["git", "-C", str(HOME), *words], capture_output=True, text=True, timeout=10, check=True
            )
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        ]
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": asked[0].stdout.strip(), "changed": bool(asked[1].stdout.strip())}


def claim(folder: Path, mine: Mapping[str, Any]) -> None:
    """Write the manifest, or see that the one there is of the same experiment; LinksimError if not."""
    path = folder / MANIFEST
    if not path.exists():
        if any((folder / "rows").glob("*.parquet")):
            raise LinksimError(folder, "holds rows without a manifest", None, "choose another --out")
        disk.write(path, (json.dumps(mine, indent=1) + "\n").encode())
        return
    theirs = read_manifest(folder)["deciding"]
    wanted = json.loads(json.dumps(mine["deciding"]))
    changed = [_CHANGES[name] for name in wanted if theirs.get(name) != wanted[name]]
    if changed:
        remedy = f"run into another folder with --out, or take {str(folder)!r} away"
        raise LinksimError(folder, f"holds another run: {' and '.join(changed)} changed", None, remedy)


_CHANGES = {
    "digest": "the scenario",
    "codecs": "the codec's network or library",
    "code": "linksim's code",
    "versions": "the versions of what it runs on",
    "images": "the pictures",
    "recordings": "a recorded channel",
    "files": "the file of a code or constellation",
}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run; LinksimError where there is none."""
    path = folder / MANIFEST
    try:
        tree = json.loads(path.read_text())
        if all(tree[name] for name in ("name", "deciding", "points")):
            return tree
        raise KeyError
    except (FileNotFoundError, NotADirectoryError):
        raise LinksimError(folder, f"must be the folder of a run, with {MANIFEST}; check the path") from None
    except (KeyError, TypeError):
        rule = "must be the manifest of a run, with name, deciding and points"
        raise LinksimError(path, rule, None, "run into another --out") from None
    except (OSError, ValueError) as error:
        raise LinksimError(path, "must be a manifest in JSON", str(error), "run into another --out") from None


def shard(folder: Path, unit: str) -> Path:
    """Where the rows of a unit of work lie once it is done."""
    return folder / "rows" / f"{unit}.parquet"


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """One shard, whole or not at all."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    table = pa.table({name: pa.array(values, _type(name, values)) for name, values in columns.items()})
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd")
    disk.write(path, content.getvalue())


def _type(name: str, values: Sequence[Any]) -> pa.DataType:
    """One type for a column in every shard, also in one where nothing is known."""
    kinds = {bool: pa.bool_(), int: pa.int64(), str: pa.string(), float: pa.float64()}
    known = next((value for value in values if value is not None), "" if name.endswith(".mcs") else math.nan)
    return kinds[type(known)]


def read_rows(folder: Path) -> pd.DataFrame:
    """The table of a run in its order; LinksimError where nothing is done yet, or a shard is broken."""
    paths = sorted((folder / "rows").glob("*.parquet"))
    if not paths:
        read_manifest(folder)
        raise LinksimError(folder, "holds no trial yet", None, "run the scenario first")
    table = pa.concat_tables([read_shard(path) for path in paths], promote_options="permissive")
    return table.to_pandas().sort_values(list(ORDER), ignore_index=True)


def read_shard(path: Path) -> pa.Table:
    """The rows of one unit, which each of them names: a shard under another name would count twice."""
    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise LinksimError(path, "must be Parquet", str(error), "delete it and run again") from error
    units = set(table["unit"].to_pylist()) if "unit" in table.column_names else set()
    if units != {path.stem}:
        got = ", ".join(map(str, units)) or "none"
        raise LinksimError(
            path, "must hold the rows of the unit it is named by", got, "delete it and run again"
        )
    return table


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The received pictures of a run: the first trial of each image at each point, by the point's index."""

    folder: Path

    def original(self, image: str) -> Path:
        return self._of(image) / "original.png"

    def received(self, image: str, point: int) -> Path:
        return self._of(image) / f"point{point:03}.png"

    def eavesdropped(self, image: str, point: int) -> Path:
        return self._of(image) / f"point{point:03}.eavesdropper.png"

    def _of(self, image: str) -> Path:
        """A picture is named by its file, so its name can name a folder."""
        return self.folder / "pictures" / image


def save_picture(path: Path, image: Image) -> None:
    """A PNG, whole or not at all."""
    content = io.BytesIO()
    Pictures.fromarray(image).save(content, format="PNG")
    disk.write(path, content.getvalue())


def load_picture(path: Path) -> Image:
    """uint8 [height, width, 3] of a picture that the run saved; LinksimError where it is gone or broken."""
    try:
        with Pictures.open(path) as picture:
            return np.array(picture)
    except (OSError, SyntaxError) as error:
        remedy = "put it back, or run into another --out"
        raise LinksimError(path, "must be the picture that the run saved", str(error), remedy) from error
