"""The table of `linksim ber`: a line a finished point and, on a terminal, the one at hand, live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from linksim.ber.request import Curve
from linksim.ber.rows import Row
from linksim.ber.stopping import Stop

HEAD = ("Eb/N0", "Es/N0", "BER", "BLER", "95 % limits", "frames", "errors", "Mb/s", "stopped")
WIDTHS = (6, 6, 8, 8, 17, 8, 6, 5)
"""Of all columns but the last, which is 'errors' and the like, or 'in 3m05': lines fit 80 letters."""


def line(cells: Sequence[str]) -> str:
    """Cells of a row under one another in plain text."""
    aligned = [cell.rjust(width) for cell, width in zip(cells[:-1], WIDTHS, strict=True)]
    return " ".join([*aligned, f" {cells[-1]}"]).rstrip()


def cells(row: Row, last: str | None = None) -> tuple[str, ...]:
    """A row for people."""
    counts = row.counts
    low, high = row.limits
    return (
        f"{row.ebn0_db:.2f}",
        f"{row.esn0_db:.2f}",
        _rate(row.ber),
        _rate(row.bler),
        f"{low:.2e} {high:.2e}" if counts.frames else "",
        f"{counts.frames}",
        f"{counts.frame_errors}",
        "" if row.mbps is None else _short(row.mbps),
        row.stopped if last is None else last,
    )


def _short(mbps: float) -> str:
    """At most five letters."""
    return f"{mbps:.0f}" if mbps >= 100 else f"{mbps:.2g}" if mbps < 1 else f"{mbps:.1f}"


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:.2e}"


def time_left(row: Row, stop: Stop) -> float | None:
    """Seconds until a rule ends the point, at its rates so far; None before anything is known."""
    counts, seconds = row.counts, row.seconds
    if not counts.frames or seconds <= 0:
        return None
    ends = [(stop.frames - counts.frames) * seconds / counts.frames]
    if stop.seconds is not None:
        ends.append(stop.seconds - seconds)
    if counts.frame_errors:
        needed = max(
            stop.frame_errors / counts.frame_errors * counts.frames,
            stop.min_frames,
        )
        ends.append((needed - counts.frames) * seconds / counts.frames)
    return max(0.0, min(ends))


def clock(seconds: float | None) -> str:
    """Four letters at most; nobody waits a thousand hours.

    >>> clock(12.3), clock(185.0), clock(1850.0), clock(7800.0), clock(1e9)
    ('12s', '3m05', '30m', '2h10', '999h')
    """
    if seconds is None:
        return ""
    whole = min(round(seconds), 999 * 3600)
    if whole < 100:
        return f"{whole}s"
    (whole, part), unit = divmod(whole, 60), "m"
    if whole >= 60:
        (whole, part), unit = divmod(whole, 60), "h"
    return f"{whole}{unit}{part:02}" if whole < 10 else f"{whole}{unit}"


def title(curve: Curve) -> str:
    """What is simulated, in a line."""
    words, code = curve.words, curve.chain.code
    told = [f"{words.code} (n {code.n}, k {code.k})", words.constellation, words.channel]
    told += [words.csi] if words.csi != "perfect" else []
    told += [words.decoder, f"demapper {words.demapper}"]
    told += [f"interleaver {words.interleaver}"] if words.interleaver != "none" else []
    return ", ".join([*told, f"engine {words.engine}", f"seed {words.seed}"])


@dataclass
class Board:
    """The point at hand, drawn anew by rich as its rows come in; finished ones are lines above it."""

    stop: Stop
    row: Row | None = None

    def __rich__(self) -> Text:
        if self.row is None or self.row.stopped:
            return Text("")
        left = clock(time_left(self.row, self.stop))
        return Text(line(cells(self.row, f"in {left}" if left else "begins")), style="dim")
