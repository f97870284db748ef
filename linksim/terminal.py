"""Standard output: as wide as the terminal, or plain and wide where there is none; and a sign of life."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

NUMBER = re.compile(r"(-?[\d./]+%?)?")
PIPED_WIDTH, WIDEST_TABLE = 200, 1000
"""Letters of a line where there is no terminal: prose is wrapped, a table is not."""


def console() -> Console:
    """Where results are printed."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(width=PIPED_WIDTH, highlight=False)


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of text as it is, columns of numbers to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, column in zip(head, zip(*rows, strict=True) if rows else [()] * len(head), strict=True):
        numbers = all(NUMBER.fullmatch(cell) for cell in column)
        table.add_column(Text(name), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def print_rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of text."""
    wide = Console(width=WIDEST_TABLE, highlight=False)
    (console() if sys.stdout.isatty() else wide).print(text_table(head, rows))


@contextmanager
def busy(told: str) -> Iterator[None]:
    """On a terminal, say what takes its time while it does, on standard error; elsewhere nothing."""
    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield
        return
    both = sys.stdout.isatty()  # else what is printed would go to the terminal in place of the pipe or file
    sign = Spinner("dots", told)
    with Live(sign, console=screen, transient=True, refresh_per_second=8, redirect_stdout=both):
        yield
