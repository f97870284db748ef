"""What a run shows on a terminal: a bar, and the points that changed last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from linksim.plan import SYSTEM, Plan
from linksim.progress import Line, Progress, cells, overall
from linksim.report.fields import setting, short_names

REFRESHES_PER_SECOND = 4
MOST_LINES = 24
"""Points that the board shows at a time, on a terminal that has room for them."""
LEAST_LABEL = 4
"""Characters of a system's label that are shown, however narrow the terminal."""
HEAD = ("point", "trials", "PSNR (dB)", "outage", "stopped by")


class Board:
    """On a terminal: a bar and the points that changed last; gone at the end, but for what was noted."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._live = Live(
            self,
            console=screen,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
        )
        self._progress: Progress | None = None

    def begin(self, plan: Plan, folder: Path, progress: Progress) -> None:
        self._progress = progress

    def take(self, line: Line) -> None:
        pass

    def note(self, told: str) -> None:
        self._screen.print(Text(told, style="yellow"))

    def end(self, interrupted: bool) -> None:
        self._progress = None

    def __enter__(self) -> Board:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress = None
        self._live.stop()

    def __rich__(self) -> Group:
        if self._progress is None:
            return Group()
        progress = self._progress
        head = Table.grid(padding=(0, 1))
        expected = max(progress.expected, progress.done, 1)
        room = min(max(self._screen.width - 56, 8), 24)
        bar = ProgressBar(total=expected, completed=progress.done, width=room)
        head.add_row(bar, Text(overall(progress), no_wrap=True, overflow="ellipsis"))
        shown = _shown(progress, self._screen.height - 5)
        parts: list[Any] = [head, _points(shown, self._screen.width)]
        if len(shown) < len(progress.lines):
            parts.append(Text(f"the {len(shown)} of {len(progress.lines)} points heard of last", style="dim"))
        return Group(*parts)


def _shown(progress: Progress, room: int) -> list[Line]:
    """The lines that fit, in the plan's order: all, or those that changed last."""
    room = max(1, min(room, MOST_LINES))
    if len(progress.lines) <= room:
        return progress.lines
    last = list(progress.recent)[-room:] or range(room)
    return [progress.lines[index] for index in sorted(last)]


def _points(lines: list[Line], width: int) -> Table:
    """Each point on one line: of its system's label as much as fits, of its settings and numbers all."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    rows = [cells(line)[1:] for line in lines]
    widths = [max(map(len, column)) for column in zip(HEAD[1:], *rows, strict=True)]
    room = max(width - sum(widths) - 2 * len(HEAD), len(HEAD[0]))
    names = [_name(line, room) for line in lines]
    widths = [min(max(map(cell_len, (HEAD[0], *names))), room), *widths]
    for name, fits in zip(HEAD, widths, strict=True):
        aligned = "right" if name in HEAD[1:4] else "left"
        table.add_column(name, justify=aligned, no_wrap=True, overflow="ellipsis", width=fits)
    for name, row in zip(names, rows, strict=True):
        table.add_row(*map(Text, (name, *row)))
    return table


def _name(line: Line, room: int) -> str:
    """'JPEG 2000, 5 dB, k_factor 3' in so many characters: what is too long is cut from the label."""
    values = dict(line.point.values)
    label = str(values.pop(SYSTEM, ""))
    short = short_names(list(values))
    told = ", ".join(setting(short[name], value) for name, value in values.items()) or "one point"
    told = told.removeprefix("SNR ") if label else told
    spare = max(room - cell_len(told) - 2, LEAST_LABEL)
    if cell_len(label) > spare:
        label = f"{set_cell_size(label, spare - 1).rstrip()}…"
    return f"{label}, {told}" if label else told
