"""The swept fields of a run, and how they and their values are called on paper."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

SNR, SYSTEM = "snr_db", "system"
USES, DATA, PILOTS = "bandwidth_ratio", "payload_bandwidth_ratio", "pilots_bandwidth_ratio"
"""Columns of channel uses a source sample: all, the payload's alone, the pilots'."""
FRAME = ""
"""Prefix of the columns that count whole frames, where a stream's is '<link>.<stream>.'."""


def swept(manifest: Mapping[str, Any]) -> list[str]:
    """The dotted fields that the points differ in; the SNR where nothing is swept."""
    return list(manifest["fields"]) or [SNR]


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Each field by as few of its last words as tell the fields apart.

    >>> list(short_names(["air.channel.k_factor", "air.streams.a.share", "air.streams.b.share"]).values())
    ['k_factor', 'a.share', 'b.share']
    """
    return {name: _short(name, names) for name in names}


def _short(name: str, names: Sequence[str]) -> str:
    words = name.split(".")
    for n in range(1, len(words)):
        tail = ".".join(words[-n:])
        if sum(f".{other}".endswith(f".{tail}") for other in names) == 1:
            return tail
    return name


def value_text(value: Any) -> str:
    """A swept value for people, all its digits: it tells settings apart.

    >>> value_text(10.0), value_text("1/6"), value_text('{"amc": "hda", "csit": true}')
    ('10', '1/6', 'amc hda, csit')
    """
    if isinstance(value, str):
        return _node_text(value)
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _node_text(text: str) -> str:
    """A YAML node that was written as JSON: its words, the flags that are set by their names."""
    try:
        node = json.loads(text)
    except ValueError:
        return text
    if not isinstance(node, dict):
        return text
    words = (
        name if value is True else f"{name} {value}"
        for name, value in node.items()
        if value not in (None, False)
    )
    return ", ".join(words)


def setting(name: str, value: Any) -> str:
    """'SNR 10 dB', 'k_factor 3', a system's name alone. name: short, but the SNR's."""
    if name == SYSTEM:
        return value_text(value)
    return f"SNR {value_text(value)} dB" if name == SNR else f"{name} {value_text(value)}"


def number(value: Any) -> float | None:
    """The value of a number or of a fraction in text; None where it is neither.

    >>> number("1/4"), number(3), number("qpsk-1/2")
    (0.25, 3.0, None)
    """
    try:
        return float(Fraction(value)) if isinstance(value, str) else float(value)
    except (ValueError, TypeError, ZeroDivisionError):
        return None
