"""What a figure is asked to show, by options of a command or by `plot:` of a study file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from linksim.report.fields import value_text


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Columns by their names or last words, see `linksim plot --help`. at: settings as FIELD=VALUES.

    y: metrics or columns, a panel each; of pictures the number under each. pictures: a grid, no curves.
    stacks: bar -> systems in the order of their idealisations, and steps: what is between two of them.
    """

    x: str | None = None
    y: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    at: tuple[str, ...] = ()
    pictures: bool = False
    images: tuple[str, ...] = ()
    stacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    steps: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether something is asked for that the usual figure does not show."""
        return self != Asked()


@dataclass(frozen=True, kw_only=True)
class Plot:
    """`plot:` of a study file: the figure that a run of it leaves. y, by, images: one or a list.

    at: swept field -> the value, or values, that are drawn of it. stacks: bar -> systems, each with one
    idealisation more than the one before, and steps: the name of each step from one to the next; a system may
    stand twice, where a step is none for it.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    x: str | None = None
    y: str | tuple[str, ...] = ()
    by: str | tuple[str, ...] = ()
    at: Mapping[str, Any] = field(default_factory=dict)
    pictures: bool = False
    images: str | tuple[str, ...] = ()
    stacks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_stacks()
        if self.pictures and self.x is not None:
            raise ValueError("x: is of curves, not of pictures; write by: what runs from left to right")
        if self.images and not self.pictures:
            raise ValueError("images: are of pictures; write pictures: true, or leave it out")
        if not self.asked.anything:
            raise ValueError("names no column; write x: and y:, or pictures: true and by:")

    def _check_stacks(self) -> None:
        if bool(self.stacks) != bool(self.steps):
            raise ValueError("steps: go with stacks, got one of the two; write both")
        for step in self.steps:
            if self.steps.count(step) > 1:
                raise ValueError(f"steps: must differ, got {step!r} twice; each has a colour of its own")
        if self.stacks and len(_several(self.y)) > 1:
            told = ", ".join(self.y)
            raise ValueError(f"y: must be one column of stacks, got {told}; leave all but one out")
        if self.stacks and (self.pictures or self.by):
            raise ValueError("stacks: are no pictures and have no by, got both; leave one out")
        for bar, systems in self.stacks.items():
            if len(systems) != len(self.steps) + 1:
                raise ValueError(
                    f"stacks: {bar} must name {len(self.steps) + 1} systems, one more than steps, got "
                    f"{len(systems)}; name one again where a step is none for it"
                )

    @property
    def asked(self) -> Asked:
        """The same, as a command asks for it."""
        return Asked(
            x=self.x,
            y=_several(self.y),
            by=_several(self.by),
            at=tuple(f"{name}={','.join(map(value_text, _list(value)))}" for name, value in self.at.items()),
            pictures=self.pictures,
            images=_several(self.images),
            stacks={bar: tuple(systems) for bar, systems in self.stacks.items()},
            steps=tuple(self.steps),
        )


def asked_of(tree: Mapping[str, Any]) -> Asked:
    """`plot:` as a manifest keeps it."""
    lists = {name: tuple(value) if isinstance(value, list) else value for name, value in tree.items()}
    return Plot(**lists).asked


def _several(words: str | tuple[str, ...]) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
