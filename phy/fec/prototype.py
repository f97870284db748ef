"""A code from a quasi-cyclic prototype in a file: a table of shifts and a lifting size (see `QcLdpc`).

JSON: {"lifting": 24, "prototype": [[0, -1, ...], ...], "punctured": [block columns that are not sent]}, the
last one only if there are any; a "comment" may say where the table comes from. Text: a row a line, entries
apart by commas or blanks, - or . for -1, and above them lines `lifting=24` and `punctured=0 1`, or the line
`columns rows lifting` of AFF3CT; # begins a remark.
"""

import json
import re
from functools import lru_cache
from typing import Any

from phy.fec.code import EMPTY, GraphCode, QcLdpc
from phy.fec.elimination import refuse_large
from phy.fec.files import read_text
from phy.fec.matched import Spans
from phy.fec.matrix import refuse_empty

MOST_COLUMNS = 1_024
"""Most block columns."""
MOST_CIRCULANTS = 20_000
"""Most circulants of a table."""
MOST_LIFTED = 200_000
"""Longest code that a table is lifted to."""
EXAMPLE = 'write {"lifting": 24, "prototype": [[0, -1, 3], ...]}'
KEYS = ("lifting", "prototype", "punctured", "comment")


def make(*, name: str, path: str, lifting: int | None = None) -> GraphCode:
    """The code whose prototype is the file at that path; `lifting` where the file does not tell it."""
    return _parse(name, read_text(path), lifting)


@lru_cache(maxsize=32)
def _parse(name: str, text: str, lifting: int | None) -> GraphCode:
    table = _from_json(text) if text.lstrip()[:1] in ("{", "[") else _from_text(text)
    told = table.get("lifting")
    if lifting is not None and told not in (None, lifting):
        raise ValueError(f"lifting: must be the file's {told}, got {lifting}; give it once")
    z = told if lifting is None else lifting
    if z is None:
        raise ValueError(
            "lifting: must be told, got none; write qc:PATH,lifting=24, or lifting=24 in the file"
        )
    rows = table["prototype"]
    columns = _width(rows)
    if z < 1 or columns * z > MOST_LIFTED:
        most = MOST_LIFTED // columns
        raise ValueError(f"lifting: must be 1..{most} for {columns} columns, got {z}; take another")
    mother = QcLdpc(name=name, prototype=tuple(map(tuple, rows)), lifting=z)
    if mother.steps is None:
        refuse_large(len(rows) * z, mother.n)
    refuse_empty(mother)
    return _without(mother, sorted(set(table.get("punctured", ()))))


def _width(rows: list[list[int]]) -> int:
    """Block columns of a table that is one."""
    widths = sorted({len(row) for row in rows})
    columns = widths[0] if len(widths) == 1 else 0
    if not len(rows) < columns <= MOST_COLUMNS:
        raise ValueError(
            f"prototype: must be a table of more columns than rows, up to {MOST_COLUMNS} columns, "
            f"got {len(rows)} rows of {' or '.join(map(str, widths[:3])) or 'no'} columns; mend the rows"
        )
    empty = [j for j in range(columns) if all(row[j] == EMPTY for row in rows)]
    if empty:
        raise ValueError(f"prototype: columns must not be empty, got column {empty[0]} of -1 alone; drop it")
    circulants = sum(s != EMPTY for row in rows for s in row)
    if circulants > MOST_CIRCULANTS:
        raise ValueError(
            f"prototype: must have at most {MOST_CIRCULANTS} circulants, got {circulants}; thin it out"
        )
    return columns


def _without(mother: QcLdpc, punctured: list[int]) -> GraphCode:
    """The code that does not send those block columns."""
    if not punctured:
        return mother
    columns, z = len(mother.prototype[0]), mother.lifting
    if not 0 <= punctured[0] <= punctured[-1] < columns:
        odd = punctured[0] if punctured[0] < 0 else punctured[-1]
        raise ValueError(f"punctured: must be block columns 0..{columns - 1}, got {odd}; count from 0")
    sent = tuple((j * z, (j + 1) * z) for j in range(columns) if j not in punctured)
    if len(sent) * z <= mother.k:
        raise ValueError(
            f"punctured: must leave more than k = {mother.k} bits, got {len(sent) * z}; take less"
        )
    return Spans(name=mother.name, mother=mother, spans=sent)


def _from_json(text: str) -> dict[str, Any]:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"prototype: must be JSON, got {str(error)[:80]!r}; {EXAMPLE}") from error
    if not isinstance(table, dict) or "prototype" not in table or table.keys() - set(KEYS):
        got = " and ".join(repr(key)[:40] for key in list(table)[:5]) if isinstance(table, dict) else "a list"
        raise ValueError(f"prototype: must be an object of {', '.join(KEYS)}, got {got or 'none'}; {EXAMPLE}")
    rows, punctured = table["prototype"], table.get("punctured", [])
    odd = [each for each in (rows, punctured) if not isinstance(each, list)]
    odd = odd or [row for row in rows if not isinstance(row, list)]
    odd = odd or [value for row in (*rows, punctured) for value in row if type(value) is not int]
    if odd:
        raise ValueError(f"prototype: must be lists of whole numbers, got {str(odd[0])[:20]!r}; {EXAMPLE}")
    if "lifting" in table and type(table["lifting"]) is not int:
        raise ValueError(f"lifting: must be a whole number, got {str(table['lifting'])[:20]!r}; write 24")
    return table


def _from_text(text: str) -> dict[str, Any]:
    table: dict[str, Any] = {"prototype": []}
    for number, line in enumerate(text.splitlines(), 1):
        key, equals, value = (part.strip() for part in line.partition("#")[0].partition("="))
        if equals and (key not in ("lifting", "punctured") or key in table):
            takes = "shifts, lifting=Z or punctured=J ..."
            raise ValueError(f"line {number}: must be {takes}, each once, got {line[:40]!r}; take it out")
        row = [_entry(word, number) for word in re.split(r"[\s,;]+", value if equals else key) if word]
        if equals and key == "lifting" and len(row) != 1:
            raise ValueError(f"line {number}: must be lifting=Z, got {line[:40]!r}; write lifting=24")
        if equals:
            table[key] = row[0] if key == "lifting" else row
        elif row:
            table["prototype"].append(row)
    rows = table["prototype"]
    if len(rows) > 1 and len(rows[0]) == 3 and rows[0][:2] == [len(rows[1]), len(rows) - 1]:
        table["lifting"], table["prototype"] = table.get("lifting", rows[0][2]), rows[1:]
    return table


def _entry(word: str, line: int) -> int:
    if word in ("-", "."):
        return EMPTY
    if not re.fullmatch(r"-?\d{1,9}", word):
        raise ValueError(f"line {line}: must be whole numbers, got {word[:20]!r}; -1 is no circulant")
    return int(word)
