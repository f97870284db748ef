"""A user's own points and labels from a file: JSON or CSV, each point with its label's bits.

JSON: [{"label": "00", "re": 0.7, "im": 0.7}, ...], or {"points": [...], "normalise": true}.
CSV: lines `label,re,im`, a heading of those words or none, empty lines and # comments left out.
A label's first bit is the first sent. Unit mean energy, within 1e-6, unless the points are to be normalised
(`normalise` in JSON, `file:PATH:normalise` in the name).
"""

import csv
import json
import math
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

MOST_BITS = 12
"""4096 points, more than any standard's: a larger file is a slip."""
MOST_BYTES = 1 << 22
ENERGY_TOLERANCE = 1e-6
"""A table printed with seven digits has this; within it the points are scaled to exactly 1."""

Row = tuple[str, float, float]


def read_alphabet(path: Path, normalise: bool = False) -> tuple[complex, ...]:
    """The points of the file in order of their labels, scaled to unit mean energy; ValueError in one line."""
    try:
        if path.exists() and not path.is_file():  # a device has no end
            raise _fault(
                path, "must be a readable file of text", "no regular file", "name a JSON or CSV file"
            )
        if path.stat().st_size > MOST_BYTES:
            raise _fault(
                path, f"must be below {MOST_BYTES} bytes", f"{path.stat().st_size}", "keep the points alone"
            )
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as wrong:
        if isinstance(wrong, ValueError) and not isinstance(wrong, UnicodeDecodeError):
            raise
        told = getattr(wrong, "strerror", None) or "bytes that are no text"
        raise _fault(path, "must be a readable file of text", told, "name a JSON or CSV file") from None
    if text.lstrip()[:1] in ("[", "{"):
        rows, wanted = _json_rows(path, text)
        normalise = normalise or wanted
    else:
        rows = _csv_rows(path, text)
    return _alphabet(path, rows, normalise)


def digest(path: Path) -> bytes:
    """SHA-256 of what `read_alphabet` would read; nothing where it would refuse to."""
    try:
        readable = path.is_file() and path.stat().st_size <= MOST_BYTES
        return sha256(path.read_bytes()).digest() if readable else b""
    except (OSError, ValueError):
        return b""


def _fault(path: Path, rule: str, got: str, remedy: str) -> ValueError:
    return ValueError(f"constellation: {path}: {rule}, got {got}; {remedy}")


def _json_rows(path: Path, text: str) -> tuple[list[Row], bool]:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise _fault(path, "must be JSON", str(wrong).splitlines()[0], "mend the file") from None
    normalise = False
    if isinstance(tree, dict):
        unknown = [key for key in tree if key not in ("points", "normalise", "name", "what")]
        if unknown:
            raise _fault(path, "must hold points and normalise alone", repr(unknown[0]), "take it away")
        normalise, tree = tree.get("normalise", False), tree.get("points")
        if not isinstance(normalise, bool):
            raise _fault(path, "normalise must be true or false", repr(normalise), "write true")
    if not isinstance(tree, list):
        raise _fault(
            path, "points must be a list", f"{tree!r:.40}", 'write [{"label": "0", "re": 1, "im": 0}, ...]'
        )
    rows = []
    for i, point in enumerate(tree):
        if not isinstance(point, dict) or set(point) != {"label", "re", "im"}:
            raise _fault(path, f"point {i} must have label, re and im", f"{point!r:.60}", "give it all three")
        rows.append(_row(path, f"point {i}", point["label"], point["re"], point["im"]))
    return rows, normalise


def _csv_rows(path: Path, text: str) -> list[Row]:
    rows = []
    try:
        lines = [(i, cells) for i, cells in enumerate(csv.reader(text.splitlines()), 1)]
    except csv.Error as wrong:
        raise _fault(path, "must be CSV", str(wrong), "mend the file") from None
    for i, cells in lines:
        cells = [cell.strip() for cell in cells]
        if not any(cells) or cells[0].startswith("#"):
            continue
        if not rows and [cell.lower() for cell in cells] == ["label", "re", "im"]:
            continue
        if len(cells) != 3:
            raise _fault(
                path, f"line {i} must be label,re,im", f"{','.join(cells)!r:.60}", "give it three cells"
            )
        rows.append(_row(path, f"line {i}", *cells))
    return rows


def _row(path: Path, where: str, label: object, re: object, im: object) -> Row:
    if not isinstance(label, str) or not label or set(label) - {"0", "1"} or len(label) > MOST_BITS:
        rule = f"{where}: label must be 1 to {MOST_BITS} bits 0 and 1, as text"
        raise _fault(path, rule, f"{label!r:.40}", "write every bit of it")
    return label, _number(path, where, re), _number(path, where, im)


def _number(path: Path, where: str, value: object) -> float:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError
        number = float(value)
    except (ValueError, TypeError, OverflowError):
        number = math.nan
    if not abs(number) < 1e100:
        raise _fault(
            path, f"{where}: re and im must be finite numbers", f"{value!r:.40}", "write them in digits"
        )
    return number


def _alphabet(path: Path, rows: Iterable[Row], normalise: bool) -> tuple[complex, ...]:
    rows = list(rows)
    bits = len(rows[0][0]) if rows else 0
    points: dict[int, complex] = {}
    for label, re, im in rows:
        if len(label) != bits:
            raise _fault(path, f"every label must have {bits} bits, as the first", repr(label), "fill it up")
        if int(label, 2) in points:
            raise _fault(
                path, "every label must be there once", f"{label!r} twice", "give each point its own"
            )
        points[int(label, 2)] = complex(re, im)
    if not bits or len(points) != 1 << bits:
        rule = f"must have 2^m points, one for every label of {bits} bits"
        raise _fault(path, rule, str(len(points)), "add the missing labels")
    energy = sum(abs(p) ** 2 for p in points.values()) / len(points)
    if not energy > 1e-200:
        raise _fault(path, "points must have energy", str(energy), "move one away from 0")
    if not normalise and abs(energy - 1) > ENERGY_TOLERANCE:
        remedy = "scale the points, or name it file:PATH:normalise"
        raise _fault(path, "points must have mean energy 1", f"{energy:.9g}", remedy)
    scale = energy**0.5
    return tuple(points[label] / scale for label in range(1 << bits))
