"""What a scenario comes to: its points, and the budget of each before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linksim.scenario import Scenario


@dataclass(frozen=True, kw_only=True)
class Point:
    """One point of the grid: the swept values by dotted field, and the scenario with them in place and no sweep left."""

    index: int
    values: Mapping[str, Any]
    scenario: Scenario


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A scenario and its points, in the order of the grid (the last swept field runs fastest)."""

    scenario: Scenario
    points: tuple[Point, ...]


def expand(scenario: Scenario) -> Plan:
    """The grid over every swept field; one point where nothing is swept."""
    ...
