"""`linksim run`: a crew, a view of its progress, and what it came to in the end."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from linksim.errors import LinksimError
from linksim.interrupts import Interrupted, Interrupts
from linksim.plan import Plan
from linksim.progress import Line, Pace, Progress
from linksim.progress_views import View, view
from linksim.runner import Event, RunSummary, run
from linksim.show import check
from linksim.terminal import console, text_table
from linksim.work.crew import Crew, SerialCrew

MOST_POINTS = 15
"""Points that the summary tells one by one, in each of its two tables."""


def crew_of(workers: int | None = None, threads: int | None = None, dask: str | None = None) -> Crew:
    """Who computes: this process, several of this machine, or a Dask cluster by its scheduler's address.

    LinksimError where both are asked for, or the cluster cannot be reached.
    """
    if dask is not None:
        for option, value in (("--workers", workers), ("--threads", threads)):
            if value is not None:
                remedy = f"leave {option} out: the cluster's workers are started with theirs"
                raise LinksimError("--dask", f"must stand without {option}", None, remedy)
        from linksim.work.dask import DaskCrew

        return DaskCrew(dask)
    if workers is None or workers == 1:
        return SerialCrew()
    from linksim.work.local import LocalCrew

    return LocalCrew(workers, threads)


def run_live(plan: Plan, folder: Path, crew: Crew, as_json: bool = False) -> None:
    """Run the plan into the folder with the crew, show it, and print what it came to.

    Interrupted where a signal ended it before its end: the units in hand are kept, and so is the report.
    """
    with crew:
        n_images = check(plan)
        most = [n_images[point.system] * point.scenario.trials.per_image for point in plan.points]
        progress, shown = Progress(plan, most, Pace(size=crew.size)), view(as_json)
        with shown, Interrupts(tell=shown.note) as interrupts:
            shown.begin(plan, folder, progress)
            done = _follow(plan, folder, crew, interrupts, progress, shown)
    if not as_json:
        console().print(_summary(folder, progress.lines))
    out = sys.stderr if as_json else sys.stdout
    print(f"{done.trials} trials, {done.found} of them found done, {done.seconds:.0f} s", file=out)
    if done.interrupted:
        raise Interrupted(interrupts.exit_code)


def _follow(
    plan: Plan, folder: Path, crew: Crew, interrupts: Interrupts, progress: Progress, shown: View
) -> RunSummary:
    """Run, and show what happens; a line that needs to be told is told once."""
    told: list[str] = []

    def note(line: str | None) -> None:
        if line is not None and not any(line in each for each in told):
            told.append(line)
            shown.note(line)

    def on_event(event: Event) -> None:
        note(event.note)
        shown.take(progress.take(event))

    try:
        done = run(plan, folder, on_event, crew, interrupts)
    except KeyboardInterrupt:
        shown.end(interrupted=True)
        raise
    for line in done.notes:
        note(line)
    shown.end(done.interrupted)
    return done


def _summary(folder: Path, lines: list[Line]) -> RenderableType:
    """Every point, or of many what each system's came to."""
    if not any(line.done for line in lines):
        return Text(f"{folder}: no unit is done yet")
    if len(lines) <= MOST_POINTS:
        from linksim.report.table import summary

        return summary(folder)
    from rich.console import Group

    head = ("system", "points", "trials", "PSNR (dB)", "outage")
    systems = dict.fromkeys(line.point.system for line in lines)
    rows = [_system(name, [line for line in lines if line.point.system == name]) for name in systems]
    told = f"{folder}: {len(lines)} points; linksim table {folder} shows them all"
    return Group(text_table(head, rows), Text(""), Text(told))


def _system(name: str, lines: list[Line]) -> tuple[str, ...]:
    """A system's points from the least to the most of each."""
    begun = [line.state for line in lines if line.state and line.state.done]
    psnrs = [state.psnr_db for state in begun if state.psnr_db is not None]
    rates = [state.outages / state.done for state in begun]
    done = sum(line.stopped is not None for line in lines)
    return (
        name or "all",
        f"{done}/{len(lines)}",
        str(sum(line.done for line in lines)),
        f"{min(psnrs):.2f} to {max(psnrs):.2f}" if psnrs else "",
        f"{min(rates):.1%} to {max(rates):.1%}" if rates else "",
    )
