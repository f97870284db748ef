"""What `linksim ber` does once its words are read: check, simulate with a table, write what was asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.live import Live

from linksim.ber import board, rows
from linksim.ber.request import check_able
from linksim.ber.rows import INTERRUPTED, Row
from linksim.ber.simulate import Task, simulate
from linksim.ber.stopping import Stop
from linksim.errors import LinksimError

REFRESHES_PER_SECOND = 4
FIGURES = (".png", ".pdf", ".svg")


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where results go besides the terminal. aff3ct: one file a curve. json: rows on standard output."""

    csv: Path | None = None
    parquet: Path | None = None
    aff3ct: Path | None = None
    figure: Path | None = None
    json: bool = False

    def check(self) -> None:
        """LinksimError where one could not be written in the end."""
        for option, path, suffixes in (
            ("--csv", self.csv, ()),
            ("--parquet", self.parquet, ()),
            ("--aff3ct", self.aff3ct, ()),
            ("--figure", self.figure, FIGURES),
        ):
            if path is not None:
                rows.check_writable(option, path, suffixes)
        named = [path.resolve() for path in (self.csv, self.parquet, self.aff3ct, self.figure) if path]
        if len(set(named)) < len(named):
            raise LinksimError("ber", "must write different files", str(named[0]), "name each another")

    def write(self, found: Sequence[Row], per_bit: bool) -> list[Path]:
        """Every file that was asked for, of the points that have frames; their paths. per_bit: over Eb/N0."""
        known = [row for row in found if row.counts.frames]
        if not known:
            return []
        written: list[Path] = []
        if self.csv:
            rows.write_csv(self.csv, known)
            written.append(self.csv)
        if self.parquet:
            rows.write_parquet(self.parquet, known)
            written.append(self.parquet)
        if self.aff3ct:
            from linksim.ber.aff3ct import write_traces

            written += write_traces(self.aff3ct, known)
        if self.figure:
            from linksim.ber.figure import write_figure

            written.append(write_figure(self.figure, known, per_bit))
        return written


@dataclass(frozen=True, kw_only=True)
class Request:
    """A call of `linksim ber`. root: where counts are kept; fresh: forget what is there."""

    tasks: tuple[Task, ...]
    stop: Stop
    root: Path
    outputs: Outputs
    fresh: bool = False


def run(request: Request) -> None:
    """Simulate, show, write the outputs; on Ctrl-C what is known is written, and KeyboardInterrupt raised."""
    outputs = request.outputs
    screen = Console(stderr=True)
    table = board.Board(stop=request.stop)
    both = sys.stdout.isatty()  # else rich would send the lines to the terminal in place of the pipe or file
    live = Live(
        table,
        console=screen,
        refresh_per_second=REFRESHES_PER_SECOND,
        transient=True,
        redirect_stdout=both,
    )
    plain = not outputs.json
    for task in request.tasks:
        check_able(task.curve)
    found: dict[tuple[int, float], Row] = {}
    interrupted = False
    try:
        with live if screen.is_terminal else nullcontext():
            for number, task in enumerate(request.tasks):
                if plain:
                    _begin(task, number)
                for row in simulate([task], request.stop, request.root, request.fresh):
                    table.row = row
                    found[number, row.esn0_db] = row
                    if plain and row.stopped:
                        print(board.line(board.cells(row)), flush=True)
    except KeyboardInterrupt:
        interrupted = True
        found = {key: _broken_off(row) for key, row in found.items()}
    every = list(found.values())
    written = outputs.write(every, request.tasks[0].per_bit)
    if outputs.json:
        print(rows.as_json(every))
    elif written:
        print(f"\n{', '.join(map(str, written))}")
    if interrupted:
        raise KeyboardInterrupt


def _begin(task: Task, number: int) -> None:
    print("\n" * (number > 0) + board.title(task.curve))
    print(board.line(board.HEAD), flush=True)


def _broken_off(row: Row) -> Row:
    return row if row.stopped else replace(row, stopped=INTERRUPTED)
