"""What a scenario comes to: the points of its sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from linksim.document import Document, assign
from linksim.errors import ScenarioError
from linksim.scenario import Scenario, build, resolved

MOST_POINTS = 10_000
"""Points that a grid may have."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point of the grid: the swept values by dotted field, and the scenario that has them."""

    index: int
    values: Mapping[str, Any]
    scenario: Scenario

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.values.items()) or "one point"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A scenario and its points, in the order of the grid (the last swept field runs fastest).

    source: the scenario's file, which a fault of a point names.
    """

    scenario: Scenario
    points: tuple[Point, ...]
    source: str = "scenario"

    def trials(self, n_images: int) -> int:
        """Trials in all: images x draws of each, summed over the points."""
        return sum(n_images * point.scenario.trials.per_image for point in self.points)


def expand(scenario: Scenario, source: str = "scenario") -> Plan:
    """The grid over every swept field; one point where nothing is swept. ScenarioError if one is none."""
    if (size := prod(map(len, scenario.sweep.values()))) > MOST_POINTS:
        rule = f"must have at most {MOST_POINTS} points"
        raise ScenarioError(f"{source}: sweep", rule, size, "sweep fewer fields, or in larger steps")
    tree = resolved(scenario) | {"sweep": {}}
    points = []
    for index, row in enumerate(product(*scenario.sweep.values())):
        values = dict(zip(scenario.sweep, row, strict=True))
        where = f"{source}: sweep point " + ", ".join(f"{name}={value}" for name, value in values.items())
        document = Document(source=where, tree=tree, origins={(): where})
        for name, value in values.items():
            field = tuple(name.split("."))
            document = assign(document, field, Document(source=where, tree=value, origins={field: where}))
        points.append(Point(index=index, values=values, scenario=build(document)))
    return Plan(scenario=scenario, points=tuple(points), source=source)
