"""`linksim run` on the terminal: a table of the points that fills while they run, then the summary."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from linksim.plan import Plan, Point
from linksim.report.table import summary
from linksim.runner import Event, run
from linksim.show import check
from linksim.terminal import console, text_table

REFRESHES_PER_SECOND = 4


@dataclass
class Tally:
    """What is known of a point so far: trials done, those found done, outages, and the sum of PSNRs in dB."""

    point: Point
    total: int
    done: int = 0
    outages: int = 0
    psnr_db_sum: float = 0.0

    def take(self, event: Event) -> None:
        """Count the event's rows."""
        self.done += len(event.rows)
        self.outages += sum(bool(row["outage"]) for row in event.rows)
        self.psnr_db_sum += sum(row["psnr_db"] for row in event.rows)

    def cells(self) -> tuple[str, ...]:
        """The point's line in the table."""
        if not self.done:
            return str(self.point), f"0/{self.total}", "", ""
        mean = f"{self.psnr_db_sum / self.done:.2f}"
        return str(self.point), f"{self.done}/{self.total}", mean, f"{self.outages / self.done:.1%}"


@dataclass
class Board:
    """The live table: drawn anew by rich as events come in."""

    tallies: list[Tally] = field(default_factory=list)

    def __rich__(self) -> Table:
        return text_table(("point", "trials", "PSNR (dB)", "outage"), [each.cells() for each in self.tallies])


def run_live(plan: Plan, folder: Path) -> None:
    """Run the plan into the folder and print what it came to: without a terminal, the summary alone."""
    n_images = check(plan)
    totals = [n_images * point.scenario.trials.per_image for point in plan.points]
    board = Board(tallies=[Tally(point, total) for point, total in zip(plan.points, totals, strict=True)])

    def on_event(event: Event) -> None:
        board.tallies[event.point.index].take(event)

    screen = Console(stderr=True)
    live = Live(board, console=screen, refresh_per_second=REFRESHES_PER_SECOND, transient=True)
    with live if screen.is_terminal else nullcontext():
        done = run(plan, folder, on_event)
    console().print(summary(folder))
    console().print(f"{done.trials} trials, {done.found} of them found done, {done.seconds:.0f} s")
