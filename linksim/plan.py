"""What a scenario or a study comes to: points, each a scenario without a sweep, named by its content."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import product
from math import prod
from typing import Any

from linksim import identity
from linksim.document import Document, assign
from linksim.errors import ScenarioError
from linksim.scenario import Scenario, build, resolved

MOST_POINTS = 10_000
"""Points that a plan may have."""
SYSTEM = "system"
"""The field that tells the systems of a plan apart."""
OUTSIDE = ("name", "sweep", "zip", "trials")
"""What of a scenario does not decide a trial: how it is called, what else is run, and how often."""
ID_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point: the swept values by dotted field, and the scenario that has them, its own sweep empty.

    system: whose point it is, "" where the plan has one system; of several, the first value names it too.
    """

    index: int
    values: Mapping[str, Any]
    scenario: Scenario
    system: str = ""

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.values.items()) or "one point"

    @cached_property
    def id(self) -> str:
        """16 hex digits over all that decides a trial beside its picture and draw: words, files, code.

        It stays while the plan around the point grows, and while trials are added.
        """
        words = {name: value for name, value in resolved(self.scenario).items() if name not in OUTSIDE}
        told = {
            "scenario": words,
            "codec": self.scenario.codec.fingerprint,
            "contents": identity.contents(self.scenario),
            "code": identity.code_digest(),
            "versions": identity.versions(),
        }
        return sha256(json.dumps(told).encode()).hexdigest()[:ID_DIGITS]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Points of one system or several, system by system, each in the order of its grid.

    fields: the swept fields of all points; `SYSTEM` first where there are several. source: the file, which a
    fault of a point names. scenarios: system -> its scenario, sweep and all. study: the study file's tree.
    """

    name: str
    points: tuple[Point, ...]
    fields: tuple[str, ...]
    source: str = "scenario"
    scenarios: Mapping[str, Scenario]
    study: Mapping[str, Any] | None = None

    def trials(self, n_images: int | Mapping[str, int]) -> int:
        """Trials in all, at most: images (of every system, or by system) x draws, summed over the points."""
        counts = dict.fromkeys(self.scenarios, n_images) if isinstance(n_images, int) else n_images
        return sum(counts[point.system] * point.scenario.trials.per_image for point in self.points)


def expand(scenario: Scenario, source: str = "scenario") -> Plan:
    """The plan of one scenario; one point where nothing is swept. ScenarioError if a point is none."""
    return join(scenario.name, {"": scenario}, source)


def join(
    name: str, systems: Mapping[str, Scenario], source: str, study: Mapping[str, Any] | None = None
) -> Plan:
    """The plan of several systems (label -> scenario), or of the one whose label is ""."""
    sizes = [_size(scenario) for scenario in systems.values()]
    if sum(sizes) > MOST_POINTS:
        rule = f"must have at most {MOST_POINTS} points"
        raise ScenarioError(f"{source}: sweep", rule, sum(sizes), "sweep fewer fields, or in larger steps")
    points: list[Point] = []
    for system, scenario in systems.items():
        head = {SYSTEM: system} if system else {}
        for values, each in _grid(scenario, f"{source}: {system}" if system else source):
            points.append(Point(index=len(points), values=head | values, scenario=each, system=system))
    _check_twins(points, source)
    return Plan(
        name=name,
        points=tuple(points),
        fields=tuple(dict.fromkeys(name for point in points for name in point.values)),
        source=source,
        scenarios=dict(systems),
        study=study,
    )


def _check_twins(points: Sequence[Point], source: str) -> None:
    """No two points are one experiment, whose trials would be told as two."""
    seen: dict[str, Point] = {}
    for point in points:
        twin = seen.setdefault(point.id, point)
        if twin is not point:
            rule = f"must have points that differ, got one experiment twice: ({twin}) and ({point})"
            raise ScenarioError(f"{source}: sweep", rule, None, "leave one out, or change a field of it")


def _size(scenario: Scenario) -> int:
    return prod(map(len, scenario.sweep.values())) * len(_together(scenario.zip))


def _together(zipped: Mapping[str, Sequence[Any]]) -> list[tuple[Any, ...]]:
    """The rows of a zip: one, of nothing, where nothing is zipped."""
    return list(zip(*zipped.values(), strict=True)) if zipped else [()]


def _grid(scenario: Scenario, source: str) -> Iterator[tuple[dict[str, Any], Scenario]]:
    """(values, scenario) of every point: the last swept field runs fastest, and the zip faster."""
    tree = resolved(scenario) | {"sweep": {}, "zip": {}}
    names = (*scenario.sweep, *scenario.zip)
    for *grid, zipped in product(*scenario.sweep.values(), _together(scenario.zip)):
        values = dict(zip(names, (*grid, *zipped), strict=True))
        where = f"{source}: sweep point " + ", ".join(f"{name}={value}" for name, value in values.items())
        document = Document(source=where, tree=tree, origins={(): where})
        for name, value in values.items():
            at = tuple(name.split("."))
            document = assign(document, at, Document(source=where, tree=value, origins={at: where}))
        yield values, build(document)
