"""What of a plan lies in the folder of its run: units found there, and units stored there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from linksim import disk
from linksim.errors import LinksimError
from linksim.report.table import SUMMARY
from linksim.results import GALLERY_IMAGES, Gallery, read_shard, shard, shards, write_rows
from linksim.work.compute import Done
from linksim.work.units import Unit

Rows = list[dict[str, Any]]


@dataclass
class Shelf:
    """The shards of a folder, which only the holder of its lock may change.

    A report is of all of them: before one comes, or is set aside, its summary is taken away.

    notes: what had to be mended, a line each.
    """

    folder: Path
    notes: list[str] = field(default_factory=list)
    _there: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)
    _told: int = 0

    def __post_init__(self) -> None:
        self._there = {path.stem for path in shards(self.folder)}

    def note(self) -> str | None:
        """The notes since this was asked last."""
        new, self._told = self.notes[self._told :], len(self.notes)
        return "; ".join(new) or None

    def find(self, unit: Unit, group: int, originals: bool) -> Rows | None:
        """The rows of a unit, or of one with more trials of the same images; None where it must be computed.

        group: the rounds that it may have. A shard that cannot be read is set aside. A unit whose pictures
        are gone is computed again; originals: they are those as sent, too.
        """
        if not self._there:
            return None
        for stop in range(unit.start + group, unit.stop - 1, -1):
            larger = unit.upto(stop)
            if larger.name in self._there and self._pictured(unit, originals):
                rows = self._read(larger)
                if rows is not None:
                    self._supersede(larger)
                    return rows
        return None

    def _read(self, unit: Unit) -> Rows | None:
        try:
            rows: Rows = read_shard(shard(self.folder, unit.name)).to_pylist()
        except LinksimError as error:
            self._set_aside(unit.name, error)
            return None
        self._seen.add(unit.name)
        return rows

    def _set_aside(self, name: str, error: LinksimError) -> None:
        disk.remove(self.folder / SUMMARY)
        aside = disk.set_aside(shard(self.folder, name))
        self._there.discard(name)
        self.notes.append(f"{aside}: set aside, for it {error.rule}; its trials are computed anew")

    def _pictured(self, unit: Unit, originals: bool) -> bool:
        """Whether the pictures that the unit brings are all there."""
        if unit.start:
            return True
        gallery, eve = Gallery(folder=self.folder), unit.point.scenario.eavesdropper
        names = [image["name"] for index, image in unit.chunk.images if index < GALLERY_IMAGES]
        wanted = [gallery.received(name, unit.point.id) for name in names]
        wanted += [gallery.original(name) for name in names if originals]
        wanted += [gallery.eavesdropped(name, unit.point.id) for name in names if eve]
        missing = next((path for path in wanted if not path.exists()), None)
        if missing is not None:
            self.notes.append(f"{missing}: is gone; made anew")
        return missing is None

    def store(self, unit: Unit, done: Done) -> None:
        """Write the pictures, then the shard; take away what the unit supersedes."""
        disk.remove(self.folder / SUMMARY)
        for place, content in done.pictures.items():
            disk.write(self.folder / place, content)
        write_rows(shard(self.folder, unit.name), done.rows)
        self._seen.add(unit.name)
        self._supersede(unit)

    def _supersede(self, unit: Unit) -> None:
        """Units with the same first trial and images but fewer trials: the rows are in this one."""
        if not self._there:
            return
        for stop in range(unit.start + 1, unit.stop):
            if (name := unit.upto(stop).name) in self._there:
                disk.remove(shard(self.folder, name))
                self._there.discard(name)

    def set_aside_broken(self) -> None:
        """Shards that no unit of this run asked for, where they cannot be read: no table could be made."""
        for name in sorted(self._there - self._seen):
            try:
                read_shard(shard(self.folder, name))
            except LinksimError as error:
                self._set_aside(name, error)
