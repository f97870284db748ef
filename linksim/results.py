"""The rows and pictures of a run: a table of trials in Parquet shards, one a unit, written once.

rows/<unit>.parquet       counts and energies, one row a trial
trials.parquet            all of them with what was swept, made anew with every report
pictures/<image>/...png   the first trial of an image at each point     figures/   summary.csv  summary.md
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pictures

from linksim import disk
from linksim.codecs.base import Image
from linksim.errors import LinksimError
from linksim.manifest import MANIFEST, read_manifest

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

TRIALS = "trials.parquet"
ORDER = ("point_index", "image_index", "trial")
"""The order of the table: the points', the images', the trials'."""
TIMINGS = "seconds."
"""Columns that begin so are wall times: all that may differ between two runs of a plan on one machine."""
FACTS = "codec."
"""Columns that begin so are a codec's own numbers of a message (`Codec`: facts)."""
SENT = ".sent"
"""What such a column ends in where a field of that name was swept: what came of the field's value."""
GALLERY_IMAGES = 100
"""Images, the first of a system, whose pictures are kept."""
AGAIN = "run again: it is set aside, and its trials are computed anew"


def shard(folder: Path, unit: str) -> Path:
    """Where the rows of a unit of work lie once it is done."""
    return folder / "rows" / f"{unit}.parquet"


def shards(folder: Path) -> list[Path]:
    """Every shard, in order of name."""
    return sorted((folder / "rows").glob("*.parquet"))


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """One shard, whole or not at all."""
    import pyarrow as pa

    columns = {name: [row[name] for row in rows] for name in rows[0]}
    table = pa.table({name: pa.array(values, _type(name, values)) for name, values in columns.items()})
    _write(path, table, use_dictionary=False, write_statistics=False)  # for few rows both only cost time


def write_trials(folder: Path) -> Path:
    """trials.parquet: the table of `read_rows` in one file, whole or not at all."""
    import pyarrow as pa

    _write(folder / TRIALS, pa.Table.from_pandas(read_rows(folder), preserve_index=False))
    return folder / TRIALS


def _write(path: Path, table: pa.Table, **options: Any) -> None:
    import pyarrow.parquet as pq

    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd", **options)
    disk.write(path, content.getvalue())


def _type(name: str, values: Sequence[Any]) -> pa.DataType:
    """One type for a column in every shard, also in one where nothing is known."""
    import pyarrow as pa

    kinds = {bool: pa.bool_(), int: pa.int64(), str: pa.string(), float: pa.float64()}
    known = next((value for value in values if value is not None), "" if name.endswith(".mcs") else math.nan)
    return kinds[type(known)]


def read_shard(path: Path) -> pa.Table:
    """The rows of one unit, which each of them names: a shard under another name would count twice."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:  # in half the time of read_table
            table = file.read(use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise LinksimError(path, "must be Parquet", str(error), AGAIN) from error
    units = _values(table, "unit") if "unit" in table.column_names else []
    if units != [path.stem]:
        got = ", ".join(map(str, units)) or "none"
        raise LinksimError(path, "must hold the rows of the unit it is named by", got, AGAIN)
    return table


def read_rows(folder: Path) -> pd.DataFrame:
    """The table of a run in its order; LinksimError where nothing is done yet, or a shard is broken.

    Every trial of the manifest's points is there once. `point` is the point's id, `point_index` its place in
    the manifest, `system` whose it is; then come the swept fields, see `swept_columns`.
    """
    files = [folder / MANIFEST, *shards(folder)]
    return _rows(folder, tuple(_stamp(path) for path in files)).copy()


def _stamp(path: Path) -> tuple[str, int, int]:
    """A file as it is now: what is written anew has another."""
    if not path.exists():
        return path.name, 0, 0
    known = path.stat()
    return path.name, known.st_mtime_ns, known.st_size


@lru_cache(maxsize=1)
def _rows(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> pd.DataFrame:
    """The table of the files that the stamps tell, kept for whoever asks next: a report asks often."""
    import pandas as pd
    import pyarrow as pa

    manifest = read_manifest(folder)
    places = {point["id"]: n for n, point in enumerate(manifest["points"])}
    every = map(read_shard, shards(folder))
    tables = [table for table in every if not places.keys().isdisjoint(_values(table, "point"))]
    if not tables:
        raise LinksimError(folder, "holds no trial yet", None, "run the scenario first")
    rows = pa.concat_tables(tables, promote_options="permissive").to_pandas()
    rows = rows[rows["point"].isin(places.keys())]
    rows = _once(rows.assign(point_index=rows["point"].map(places)))
    lead = {"point_index": rows["point_index"], "point": rows["point"]}
    lead["system"] = rows["point_index"].map(dict(enumerate(point["system"] for point in manifest["points"])))
    swept = swept_columns(manifest)
    rows = rows.rename(columns={name: f"{name}{SENT}" for name in swept if name.startswith(FACTS)})
    for name, values in swept.items():
        told = rows["point_index"].map(dict(enumerate(values))).astype(_dtype(values))
        lead[name] = rows.get(name, told)  # rows tell the SNR and the seed themselves
    return pd.concat([pd.DataFrame(lead), rows[[name for name in rows if name not in lead]]], axis=1)


def _values(table: pa.Table, column: str) -> list[Any]:
    """The different values of a column."""
    import pyarrow.compute as pc

    values: list[Any] = pc.unique(table[column]).to_pylist()
    return values


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    """Of a trial that two units hold, that of the larger one, which supersedes the other; in order."""
    size = rows["unit"].map(rows["unit"].value_counts())
    ordered = rows.assign(_size=-size).sort_values([*ORDER, "_size", "unit"], ignore_index=True)
    return ordered.drop_duplicates(list(ORDER), ignore_index=True).drop(columns="_size")


def swept_columns(manifest: Mapping[str, Any]) -> dict[str, list[Any]]:
    """field -> its value at every point: numbers where every point that has it has one, else text.

    A node is told as JSON; None where a system has no such field.
    """
    columns = {}
    for name in manifest["fields"]:
        values = [point["values"].get(name) for point in manifest["points"]]
        numbers = all(value is None or type(value) in (int, float) for value in values)
        columns[name] = [_swept(value, numbers) for value in values]
    columns.pop("system", None)
    return columns


def _swept(value: Any, number: bool) -> Any:
    if value is None or isinstance(value, str):
        return value
    return float(value) if number else json.dumps(value)


def _dtype(values: Sequence[Any]) -> type:
    return float if any(type(value) is float for value in values) else object


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The received pictures of a run: the first trial of an image at each point, by the point's id."""

    folder: Path

    def original(self, image: str) -> Path:
        return self._of(image) / "original.png"

    def received(self, image: str, point: str) -> Path:
        return self._of(image) / f"{point}.png"

    def eavesdropped(self, image: str, point: str) -> Path:
        return self._of(image) / f"{point}.eavesdropper.png"

    def _of(self, image: str) -> Path:
        """A picture is named by its file, so its name can name a folder."""
        return self.folder / "pictures" / image


def png(image: Image) -> bytes:
    """A picture as the file that the gallery keeps, grey where it has one channel."""
    content = io.BytesIO()
    drawable(image).save(content, format="PNG")
    return content.getvalue()


def drawable(image: Image) -> Pictures.Image:
    """A picture of one channel or three for Pillow, which has no third axis for the one."""
    return Pictures.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def load_picture(path: Path) -> Image:
    """uint8 [height, width, c] of a picture that the run saved; LinksimError where it is gone or broken."""
    try:
        with Pictures.open(path) as picture:
            return np.atleast_3d(np.array(picture))
    except (OSError, SyntaxError) as error:
        remedy = "take it away and run again: it is made anew"
        raise LinksimError(path, "must be the picture that the run saved", str(error), remedy) from error
