"""A scenario: what is sent, over which links, how often. Its parts are the blocks' own dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from linksim.codecs.base import Codec
    from phy.link import Link

Metric = Literal["psnr_db", "ms_ssim_db"]
"""A metric is named by the column of the result rows that holds it."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """Which pictures are sent: a set known by name or a folder, and at most `limit` of them, in order of name."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    set: str | None = None
    folder: str | None = None
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Trials:
    """per_image: channel draws of each image at each point of the sweep."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    per_image: int = 1


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One experiment. `snr_db`: average Es/N0 of every link; `sweep`: dotted field -> its values, a grid of all."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    name: str
    images: Images
    codec: Codec
    links: Mapping[str, Link]
    snr_db: float = 10.0
    sweep: Mapping[str, list[Any]] = field(default_factory=dict)
    trials: Trials = field(default_factory=Trials)
    metrics: tuple[Metric, ...] = ("psnr_db", "ms_ssim_db")
    seed: int
    eavesdropper: bool = False


def resolved(scenario: Scenario) -> dict[str, Any]:
    """The scenario as plain JSON values, every default written out: what the manifest keeps."""
    ...


def digest(scenario: Scenario) -> str:
    """SHA-256 (hex) over the resolved scenario: equal for equal experiments."""
    ...
