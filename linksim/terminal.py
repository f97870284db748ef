"""Standard output: as wide as the terminal, and plain and wide where there is none."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

PIPED_WIDTH = 200


def console() -> Console:
    """Where results are printed."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(width=PIPED_WIDTH, highlight=False)


def print_rows(head: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    """A table of text."""
    table = Table(*head, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    console().print(table)
