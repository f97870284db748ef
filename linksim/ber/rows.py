"""One row a point: counts, the rates that follow from them, and who counted; as CSV, Parquet and JSON."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from linksim import disk
from linksim.ber.request import Curve, code_digest, versions
from linksim.ber.store import Point
from linksim.errors import LinksimError
from linksim.intervals import clopper_pearson
from phy.chain import Counts

INTERRUPTED = "interrupted"
"""`stopped` of a point that the user broke off."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A point of a curve at some time. stopped: why it is done, '' while it is not."""

    curve: Curve
    ebn0_db: float
    esn0_db: float
    counts: Counts
    seconds: float
    stopped: str = ""

    @property
    def bler(self) -> float | None:
        """Wrong frames of those sent; None before the first."""
        return self.counts.frame_errors / self.counts.frames if self.counts.frames else None

    @property
    def ber(self) -> float | None:
        """Wrong information bits of those sent; None before the first."""
        return self.counts.bit_errors / self.counts.bits if self.counts.bits else None

    @property
    def limits(self) -> tuple[float, float]:
        """95 % Clopper-Pearson limits of the BLER. Wrong bits come in bursts: the BER has none so simple."""
        low, high = clopper_pearson(self.counts.frame_errors, self.counts.frames)
        return float(low), float(high)

    @property
    def mbps(self) -> float | None:
        """Information bits simulated a second, in millions."""
        return self.counts.bits / self.seconds / 1e6 if self.seconds > 0 else None

    def cells(self) -> dict[str, Any]:
        """The columns, every number with every digit."""
        words, chain, counts = asdict(self.curve.words), self.curve.chain, self.counts
        seed = words.pop("seed")
        low, high = self.limits
        return words | {
            "n": chain.code.n,
            "k": chain.code.k,
            "uses": chain.uses,
            "ebn0_db": self.ebn0_db,
            "esn0_db": self.esn0_db,
            "frames": counts.frames,
            "frame_errors": counts.frame_errors,
            "bits": counts.bits,
            "bit_errors": counts.bit_errors,
            "bler": self.bler,
            "bler_low": low,
            "bler_high": high,
            "ber": self.ber,
            "mbps": self.mbps,
            "seconds": self.seconds,
            "iterations_mean": counts.iterations / counts.frames if counts.iterations else None,
            "stopped": self.stopped,
            "seed": seed,
        }


def row_of(curve: Curve, ebn0_db: float, point: Point, stopped: str = "") -> Row:
    """The row of a point as it stands."""
    return Row(
        curve=curve,
        ebn0_db=ebn0_db,
        esn0_db=point.esn0_db,
        counts=point.counts,
        seconds=point.seconds,
        stopped=stopped,
    )


def provenance() -> dict[str, Any]:
    """The command and the versions behind a file of results."""
    return {"command": shlex.join(sys.argv), "code": code_digest(), "versions": versions()}


def as_json(rows: Sequence[Row]) -> str:
    """{"command", "code", "versions", "rows": [{column: value, ..., "failed": first wrong frame ids}]}."""
    told = [row.cells() | {"failed": list(row.counts.failed)} for row in rows]
    return json.dumps(provenance() | {"rows": told}, indent=1, allow_nan=False)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """The rows, and beside them PATH.json with the command and the versions."""
    text = io.StringIO()
    cells = [row.cells() for row in rows]
    writer = csv.DictWriter(text, list(cells[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(cells)
    disk.write(path.with_name(f"{path.name}.json"), (json.dumps(provenance(), indent=1) + "\n").encode())
    disk.write(path, text.getvalue().encode())


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    """The rows as Parquet, command and versions in the schema's metadata under 'linksim'."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [row.cells() for row in rows]
    whole = {"n", "k", "uses", "frames", "frame_errors", "bits", "bit_errors", "seed"}
    types = {
        name: pa.int64() if name in whole else pa.string() if isinstance(value, str) else pa.float64()
        for name, value in cells[0].items()
    }
    table = pa.table({name: pa.array([c[name] for c in cells], kind) for name, kind in types.items()})
    content = io.BytesIO()
    table = table.replace_schema_metadata({"linksim": json.dumps(provenance())})
    pq.write_table(table, content, compression="zstd")
    disk.write(path, content.getvalue())


def check_writable(option: str, path: Path, suffixes: Sequence[str] = ()) -> None:
    """LinksimError where a file could not be written there later; nothing is left behind."""
    import os

    if suffixes and path.suffix.lower() not in suffixes:
        raise LinksimError(option, f"must end in {', '.join(suffixes)}", str(path), f"as curve{suffixes[0]}")
    if path.is_dir() or not path.name:
        raise LinksimError(option, "must be a file", str(path), "it is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise LinksimError(option, "must be a file", str(path), "it is a device or a pipe; name another")
    if path.exists() and not os.access(path, os.W_OK):
        raise LinksimError(option, "must be writable", str(path), "check its permissions")
    above = path.parent
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise LinksimError(option, "must lie in a folder", str(path), f"{above} is a file")
    try:
        with TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise LinksimError(
            option, "must be writable", str(path), f"no file can be made in {above}"
        ) from error
