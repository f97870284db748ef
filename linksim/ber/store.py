"""What was counted, unit by unit: a line of JSON each, appended whole, in a folder of the curve.

curve.json     the words of the curve, digests, versions, the command
units.jsonl    {"esn0_db", "start", "stop", "frame_errors", "bits", "bit_errors", "iterations", "failed",
                "seconds"} of each unit of frames

A line is one write to the end of the file: a kill leaves all lines before it, and at most a part of its own,
which the next run cuts off. Counts add up over consecutive frames, so nothing else needs to be kept.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from linksim import disk
from linksim.ber.request import Curve, Words, code_digest, versions
from linksim.errors import LinksimError
from phy.chain import Counts

ABOUT, UNITS = "curve.json", "units.jsonl"


@dataclass
class Point:
    """What is known of a point: the counts of frames 0 to counts.frames, and the seconds they took."""

    esn0_db: float
    counts: Counts = field(default_factory=Counts)
    seconds: float = 0.0

    def add(self, counts: Counts, seconds: float) -> None:
        """Take in the frames that follow."""
        self.counts, self.seconds = self.counts + counts, self.seconds + seconds


class Store:
    """The folder of a curve, held by this process. Open it with `opened`."""

    def __init__(self, folder: Path, points: dict[float, Point]) -> None:
        self.folder, self.points = folder, points

    def point(self, esn0_db: float) -> Point:
        """The point at Es/N0, with what is known of it."""
        return self.points.setdefault(esn0_db, Point(esn0_db))

    def add(self, point: Point, counts: Counts, seconds: float) -> None:
        """Keep the unit that follows the point's frames."""
        start = point.counts.frames
        line = {"esn0_db": point.esn0_db, "start": start, "stop": start + counts.frames}
        line |= {name: value for name, value in asdict(counts).items() if name != "frames"}
        with disk.told(self.folder), (self.folder / UNITS).open("ab", buffering=0) as file:
            file.write((json.dumps(line | {"seconds": round(seconds, 6)}) + "\n").encode())
        point.add(counts, seconds)

    def sync(self) -> None:
        """Make what is kept outlast a power cut."""
        path = self.folder / UNITS
        if path.exists():
            with disk.told(self.folder), path.open("rb") as file:
                os.fsync(file.fileno())


@contextmanager
def opened(root: Path, curve: Curve, fresh: bool = False) -> Iterator[Store]:
    """The curve's folder under `root`, made if need be and locked; fresh: what it held is forgotten."""
    folder = root / curve.folder_name
    with disk.locked(folder):
        disk.remove_partials(folder)
        if fresh:
            with disk.told(folder):
                (folder / UNITS).unlink(missing_ok=True)
        if not (folder / ABOUT).exists():
            disk.write(folder / ABOUT, (json.dumps(about(curve), indent=1) + "\n").encode())
        yield Store(folder, read_points(folder, mend=True))


def about(curve: Curve) -> dict[str, Any]:
    """What a reader needs to make the curve again."""
    return {
        "words": asdict(curve.words),
        "content": curve.content,
        "code": code_digest(),
        "versions": versions(),
        "command": shlex.join(sys.argv),
    }


def read_words(folder: Path) -> tuple[Words, str, Any]:
    """The words of the curve in a folder, the digest of the code that counted it, and its files' content."""
    path = folder / ABOUT
    try:
        tree = json.loads(path.read_text())
        return Words(**tree["words"]), str(tree["code"]), tree["content"]
    except (FileNotFoundError, NotADirectoryError):
        raise LinksimError(folder, f"must be the folder of a curve, with {ABOUT}; check the path") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LinksimError(
            path, "must be the words of a curve in JSON", str(error), "count it anew"
        ) from None


def read_points(folder: Path, mend: bool = False) -> dict[float, Point]:
    """Es/N0 -> point. mend: cut off the line that a kill left unfinished."""
    path = folder / UNITS
    if not path.exists():
        return {}
    with disk.told(folder):
        content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if mend and len(whole) < len(content):
        disk.write(path, whole)
    points: dict[float, Point] = {}
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            unit = json.loads(line)
            point = points.setdefault(float(unit["esn0_db"]), Point(float(unit["esn0_db"])))
            if unit["start"] != point.counts.frames:
                raise ValueError(f"frame {unit['start']} after {point.counts.frames}")
            point.add(_counts(unit), float(unit["seconds"]))
        except (ValueError, KeyError, TypeError) as error:
            where, remedy = f"{path}:{number}", "take the file away, or count it anew with --fresh"
            raise LinksimError(where, "must be a unit of frames", str(error), remedy) from None
    return points


def _counts(unit: dict[str, Any]) -> Counts:
    names = ("frame_errors", "bits", "bit_errors", "iterations")
    counts = {name: int(unit[name]) for name in names}
    if unit["stop"] <= unit["start"] or min(counts.values()) < 0:
        raise ValueError("counts below 0")
    return Counts(frames=unit["stop"] - unit["start"], failed=tuple(int(i) for i in unit["failed"]), **counts)
