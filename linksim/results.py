"""A run on disk: `manifest.json`, append-only Parquet shards under `rows/`, `pictures/`. Only one process writes.

Every file is written beside its place, synced and renamed: what is there is whole, whenever the process was killed.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image as PillowImage

from linksim.codecs.base import Image
from linksim.errors import LinksimError

if TYPE_CHECKING:
    import pandas as pd

MANIFEST, ROWS, PICTURES, FIGURES, LOCK = "manifest.json", "rows", "pictures", "figures", ".lock"
Row = dict[str, Any]


def write_whole(path: Path, data: bytes) -> None:
    """Put data at the path: all of it or nothing. LinksimError where the disk will not have it."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except OSError as error:
        _discard(partial)
        remedy = "make room or choose another folder with --out; what is done is kept"
        raise LinksimError(path, "must be writable", error.strerror or str(error), remedy) from error


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder against a second run; the lock dies with its process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a")
    except OSError as error:
        raise LinksimError(
            folder, "must be a folder that can be written", error.strerror, "choose another with --out"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LinksimError(
                folder, "must not be written by two runs at once", "a run that is under way",
                "wait for it, or choose another folder with --out",
            ) from error  # fmt: skip
        yield


def write_shard(folder: Path, unit: str, rows: Sequence[Row]) -> None:
    """The rows of one unit of work, as rows/UNIT.parquet."""
    import pandas as pd

    buffer = io.BytesIO()
    pd.DataFrame(rows).to_parquet(buffer, index=False)
    write_whole(shard_path(folder, unit), buffer.getvalue())


def shard_path(folder: Path, unit: str) -> Path:
    """Where a unit's rows are, once it is done."""
    return folder / ROWS / f"{unit}.parquet"


def read_shard(folder: Path, unit: str) -> list[Row]:
    """The rows of a unit that is done."""
    return _read_parquet(shard_path(folder, unit)).to_dict("records")


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd
    from pyarrow import ArrowException

    try:
        return pd.read_parquet(path)
    except (OSError, ArrowException) as error:
        remedy = "remove the file and run the scenario again: only its trials are computed anew"
        raise LinksimError(path, "must be a whole Parquet file", f"{error}"[:120], remedy) from error


def read_rows(folder: Path) -> pd.DataFrame:
    """Every trial's row, sorted by point, image and trial. LinksimError where there is no run, or no row yet."""
    import pandas as pd

    read_manifest(folder)
    shards = sorted((folder / ROWS).glob("*.parquet"))
    if not shards:
        raise LinksimError(folder, "must hold rows", "a run without any", "run its scenario first")
    rows = pd.concat([_read_parquet(path) for path in shards], ignore_index=True)
    return rows.sort_values(["point", "image", "trial"], ignore_index=True)


def read_manifest(folder: Path) -> dict[str, Any]:
    """What the run is. LinksimError where the folder is no run."""
    path = folder / MANIFEST
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        remedy = "name a folder that `linksim run` wrote, as runs/NAME"
        raise LinksimError(folder, f"must be a run, with {MANIFEST}", str(error), remedy) from error


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Put `manifest.json`."""
    write_whole(folder / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())


def picture_path(folder: Path, image: str, name: str) -> Path:
    """pictures/IMAGE/NAME.png; NAME: 'original', a point's index, or that with '_eve'."""
    return folder / PICTURES / image / f"{name}.png"


def write_picture(path: Path, image: Image) -> None:
    """A PNG."""
    buffer = io.BytesIO()
    PillowImage.fromarray(image).save(buffer, "PNG")
    write_whole(path, buffer.getvalue())
