"""A plan's trials in units: chunks of images x a group of rounds. A round is one draw of every image.

Units are sized by the pictures alone, so that the same trials are computed together whoever computes them,
whatever was found done, and whenever it was stopped. Rounds come in groups, whole groups one after another:
after each, every image was sent equally often.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import ceil
from typing import Any

from linksim.plan import Point
from linksim.work.compute import Job

UNIT_SAMPLES = 6_000_000
"""Source samples of a unit: seconds of work, five trials of a photo of 768x512."""
UNIT_TRIALS = 256
"""Trials of a unit of small pictures."""
GROUP_TRIALS = 48
"""About the trials of a point after which it can first be looked at."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Trials `start` to `stop` of some images at one point, computed and stored together.

    name: digest of the point's id, the images and the trials.
    """

    point: Point
    chunk: Chunk
    start: int
    stop: int

    def __str__(self) -> str:
        names = [image["name"] for _, image in self.chunk.images]
        pictures = f"picture {names[0]}" if len(names) == 1 else f"pictures {names[0]} to {names[-1]}"
        return f"{pictures}, trials {self.start} to {self.stop - 1}"

    @property
    def name(self) -> str:
        told = f"{self.point.id} {self.chunk.digest} {self.start}:{self.stop}"
        return sha256(told.encode()).hexdigest()[:32]

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Image by image, draw by draw."""
        return tuple(
            Job(image_index=index, name=image["name"], sha256=image["sha256"], trial=trial)
            for index, image in self.chunk.images
            for trial in range(self.start, self.stop)
        )

    def upto(self, stop: int) -> Unit:
        """The same images and first trial, more trials or fewer."""
        return Unit(point=self.point, chunk=self.chunk, start=self.start, stop=stop)


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Images that go together, with their places. digest: of places, names and pixels."""

    images: tuple[tuple[int, Mapping[str, Any]], ...]
    digest: str


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the trials of a system are cut. group: rounds of a group, a power of two; chunks: of all images."""

    group: int
    chunks: tuple[Chunk, ...]

    @property
    def n_images(self) -> int:
        return sum(len(chunk.images) for chunk in self.chunks)

    def units(self, point: Point, start: int, stop: int) -> Iterator[Unit]:
        """The units of rounds `start` (a multiple of the group) to `stop`, group by group."""
        for first in range(start, stop, self.group):
            for chunk in self.chunks:
                yield Unit(point=point, chunk=chunk, start=first, stop=min(first + self.group, stop))

    def n_units(self, start: int, stop: int) -> int:
        """How many those are."""
        return ceil((stop - start) / self.group) * len(self.chunks)


def layout(images: Sequence[Mapping[str, Any]]) -> Layout:
    """The cut of a system's pictures, each {name, sha256, height, width}.

    >>> photo = {"name": "a", "sha256": "0", "height": 768, "width": 512}
    >>> cut = layout([photo] * 24)
    >>> cut.group, [len(chunk.images) for chunk in cut.chunks][:3]
    (2, [2, 2, 2])
    >>> cut = layout([photo | {"height": 28, "width": 28}] * 10_000)
    >>> cut.group, len(cut.chunks)
    (1, 40)
    """
    samples = [3 * image["height"] * image["width"] for image in images]
    fitting = min(UNIT_TRIALS, UNIT_SAMPLES // max(samples))
    rounds = max(1, min(fitting, ceil(GROUP_TRIALS / len(images))))
    group = 1 << (rounds.bit_length() - 1)
    chunks, kept, total = [], [], 0
    for index, image in enumerate(images):
        if kept and (total + samples[index] > UNIT_SAMPLES / group or len(kept) == UNIT_TRIALS // group):
            chunks.append(_chunk(kept))
            kept, total = [], 0
        kept.append((index, image))
        total += samples[index]
    return Layout(group=group, chunks=(*chunks, _chunk(kept)))


def _chunk(images: Sequence[tuple[int, Mapping[str, Any]]]) -> Chunk:
    told = "\n".join(f"{index} {image['sha256']} {image['name']}" for index, image in images)
    return Chunk(images=tuple(images), digest=sha256(told.encode()).hexdigest())
