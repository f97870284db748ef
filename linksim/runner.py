"""Runs a plan into a folder, unit by unit; what is there is not run again.

A crew computes, this process alone writes: a unit's pictures, then its shard, which vouches for them. A unit
is there whole or not at all, and its name says all that decided it, so a run killed at any instant goes on
to the same table.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from linksim import disk, identity, results
from linksim.errors import LinksimError
from linksim.images import Photo, find_images
from linksim.manifest import claim, manifest
from linksim.plan import Plan, Point
from linksim.report import write_report
from linksim.report.table import SUMMARY
from linksim.scenario import resolved
from linksim.work.compute import Done, Task
from linksim.work.crew import Crew, Lost, Result, SerialCrew
from linksim.work.schedule import Course, PointState, Schedule
from linksim.work.shelf import Shelf
from linksim.work.units import Layout, Unit, layout

__all__ = ["Event", "PointState", "RunSummary", "run"]

LOSSES = 3
"""Workers that a unit may lose: the last of them had nothing beside it."""
TICK_S = 1.0


class Asked(Protocol):
    """asked: whether the run should end after what it has in hand."""

    @property
    def asked(self) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Event:
    """A unit is done. rows: one mapping a trial; found: it was there already. state: its point's, with it.

    at_end: why its point ended with it, None while the point goes on. note: what had to be mended, a line.
    """

    point: Point
    rows: Sequence[Mapping[str, Any]]
    found: bool
    unit: str
    state: PointState
    at_end: str | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a call of `run` came to. trials: done so far; found: those found there. notes: lines for its user.

    interrupted: it ended before the plan did; the same call goes on from there.
    """

    folder: Path
    trials: int
    found: int
    seconds: float
    interrupted: bool = False
    notes: tuple[str, ...] = ()


def run(
    plan: Plan,
    folder: Path,
    on_event: Callable[[Event], None],
    crew: Crew | None = None,
    interrupts: Asked | None = None,
) -> RunSummary:
    """Run what of the plan is not in the folder yet, then write the report. crew: this process, if none.

    Raises LinksimError where a picture cannot be read, the folder cannot be written, is in use, or holds
    another run, and where a unit cannot be computed; what else comes back meanwhile is stored first. The
    folder is not touched before every picture is read.
    """
    started = perf_counter()
    images = described(plan)
    with disk.locked(folder), crew_or_own(crew) as workers:
        disk.remove_partials(folder)
        changed, notes = claim(folder, manifest(plan, images))
        if changed:
            disk.remove(folder / SUMMARY)
        shelf = Shelf(folder=folder, notes=[*notes])
        study = _Study(plan=plan, shelf=shelf, crew=workers, on_event=on_event)
        try:
            interrupted = study.go({system: layout(each) for system, each in images.items()}, interrupts)
        except KeyboardInterrupt:
            workers.close(now=True)
            raise
        shelf.set_aside_broken()
        if study.trials and not (folder / SUMMARY).exists():
            results.write_trials(folder)
            write_report(folder)
    return RunSummary(
        folder=folder,
        trials=study.trials,
        found=study.found,
        seconds=perf_counter() - started,
        interrupted=interrupted,
        notes=tuple(shelf.notes),
    )


def crew_or_own(crew: Crew | None) -> Any:
    """The crew, left open for whoever made it, or this process."""
    return SerialCrew() if crew is None else nullcontext(crew)


def described(plan: Plan) -> dict[str, list[dict[str, Any]]]:
    """Of each system its pictures in order, each {name, sha256, height, width, channels}. None is kept.

    Raises LinksimError where one cannot be read, or two systems have different ones under one name.
    """
    read: dict[Any, list[dict[str, Any]]] = {}
    names: dict[str, str] = {}
    found = {}
    for system, scenario in plan.scenarios.items():
        if scenario.images not in read:
            read[scenario.images] = [_described(source.read()) for source in find_images(scenario.images)]
        found[system] = read[scenario.images]
        for each in found[system]:
            if names.setdefault(each["name"], each["sha256"]) != each["sha256"]:
                rule = "must be one picture in all systems, for it names a folder of results"
                raise LinksimError(f"picture {each['name']}", rule, "two", "rename one of them")
    return found


def _described(photo: Photo) -> dict[str, Any]:
    height, width, channels = photo.image.shape
    return {
        "name": photo.name,
        "sha256": photo.sha256,
        "height": height,
        "width": width,
        "channels": channels,
    }


@dataclass(frozen=True, kw_only=True)
class _Order:
    """A unit that the crew computes, for a point on its course."""

    course: Course
    unit: Unit
    task: Task


@dataclass
class _Study:
    """A plan on its way into a folder. error: what ends it, once what is in hand came back.

    _hand: what the crew has, by the unit's name. _again: lost with a worker, to be handed in again.
    """

    plan: Plan
    shelf: Shelf
    crew: Crew
    on_event: Callable[[Event], None]
    trials: int = 0
    found: int = 0
    error: Exception | None = None
    _hand: dict[str, _Order] = field(default_factory=dict)
    _again: list[_Order] = field(default_factory=list)
    _losses: Counter[str] = field(default_factory=Counter)
    _unstored: list[tuple[_Order, Done]] = field(default_factory=list)

    def go(self, layouts: Mapping[str, Layout], interrupts: Asked | None) -> bool:
        """Compute what is due; whether it was asked to end before. Raises what kept it from the end."""
        self._scenarios = {point.id: json.dumps(resolved(point.scenario)) for point in self.plan.points}
        self._firsts = {point.system: point.id for point in reversed(self.plan.points)}
        courses = [Course(point=point, layout=layouts[point.system]) for point in self.plan.points]
        schedule = Schedule(courses=courses)
        while True:
            while self.error is None and not (interrupts and interrupts.asked) and self._more(schedule):
                pass
            if interrupts and interrupts.asked:
                for task in self.crew.recall():
                    del self._hand[task.unit]
            if not self._hand:
                break
            for result in self.crew.wait(TICK_S):
                self._take(result)
        unstored, self._unstored = self._unstored, []
        for order, done in unstored:  # there may be room by now
            self._store(order, done)
        if self.error is not None:
            raise self.error
        return any(course.stopped is None for course in courses)

    def _more(self, schedule: Schedule) -> bool:
        """Find or hand out one unit; False where nothing is due or the crew has enough."""
        if len(self._hand) >= self.crew.reach:
            return False
        if self._hand and self._last_try([*self._hand, *(order.unit.name for order in self._again[:1])]):
            return False
        if self._again:
            self._submit(self._again.pop(0))
            return True
        taken = schedule.take()
        if taken is None:
            return False
        course, unit = taken
        originals = self._firsts[unit.point.system] == unit.point.id
        rows = self.shelf.find(unit, course.layout.group, originals)
        if rows is not None:
            self._land(course, unit, rows, found=True)
        else:
            self._submit(_Order(course=course, unit=unit, task=self._task(unit, originals)))
        return True

    def _last_try(self, names: Iterable[str]) -> bool:
        """Whether one of the units lost all but one of its workers: it has the crew to itself."""
        return any(self._losses[name] == LOSSES - 1 for name in names)

    def _task(self, unit: Unit, originals: bool) -> Task:
        return Task(
            unit=unit.name,
            point=unit.point.id,
            scenario=self._scenarios[unit.point.id],
            jobs=unit.jobs,
            originals=originals,
            code=identity.code_digest(),
            versions=identity.versions(),
        )

    def _submit(self, order: _Order) -> None:
        self._hand[order.unit.name] = order
        try:
            self.crew.submit(order.task)
        except LinksimError as error:
            del self._hand[order.unit.name]
            self.error = error

    def _take(self, result: Result) -> None:
        name = result.unit if isinstance(result, Done) else result.task.unit
        order = self._hand.pop(name, None)
        if order is None:  # it came back already
            return
        if isinstance(result, Done):
            self._store(order, result)
        elif isinstance(result, Lost):
            self._lost(order, result)
        else:
            self.error = self.error or result.error

    def _lost(self, order: _Order, lost: Lost) -> None:
        self._losses[order.unit.name] += 1
        if self._losses[order.unit.name] < LOSSES:
            self.shelf.notes.append(f"{order.unit}: lost with its worker ({lost.reason}); computed again")
            self._again.append(order)
            return
        where = f"{order.unit.point}, {order.unit}"
        rule = f"must not end the process that computes it, as it did {LOSSES} times"
        remedy = "it may take more memory than there is: use fewer --workers; what is done stays"
        self.error = self.error or LinksimError(where, rule, lost.reason, remedy)

    def _store(self, order: _Order, done: Done) -> None:
        """The unit on the disk, then told; once more at the end of the run where the disk refused it."""
        try:
            self.shelf.store(order.unit, done)
        except LinksimError as error:
            self._unstored.append((order, done))
            self.error = self.error or error
            return
        self._land(order.course, order.unit, done.rows, found=False)

    def _land(self, course: Course, unit: Unit, rows: Sequence[Mapping[str, Any]], found: bool) -> None:
        course.landed(rows)
        self.trials, self.found = self.trials + len(rows), self.found + found * len(rows)
        self.on_event(
            Event(
                point=unit.point,
                rows=rows,
                found=found,
                unit=unit.name,
                state=course.state,
                at_end=course.stopped,
                note=self.shelf.note(),
            )
        )
