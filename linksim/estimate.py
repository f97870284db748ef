"""How long a plan would take, from a few trials of every system.

A system is tried at the first, the middle and the last of its points, with its smallest picture; times grow
with source samples. To send, decode and score costs the same each time. A picture is encoded anew for each
draw where the transmitter knows the channel; else once in a process, for all the trials of a point. What a
picture costs that is kept is counted too; the report is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter, process_time

from linksim import identity
from linksim.images import Photo
from linksim.plan import Plan, Point
from linksim.results import GALLERY_IMAGES, TIMINGS
from linksim.scenario import resolved
from linksim.work.compute import Done, Job, Task, compute
from linksim.work.threads import cores
from linksim.work.units import Layout, layout

TRY_SECONDS = 1.0
"""About what the timed trials of a point may take together, where one alone takes less."""
ENCODE = f"{TIMINGS}encode"


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Seconds by the wall, and of computing on all cores of this process."""

    wall: Callable[[], float] = perf_counter
    cpu: Callable[[], float] = process_time


@dataclass(frozen=True, kw_only=True)
class Work:
    """How much of what a system takes. encodings: in one process; rounds: times one may be needed in another.

    trials: at most; pictures: that are kept.
    """

    trials: int
    encodings: int
    rounds: int
    pictures: int


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a system takes, in seconds of one process. start: once in each.

    send: a trial, at each point tried; encode, keep: a picture, on average. busy: cores at work meanwhile.
    """

    system: str
    work: Work
    start: float
    send: tuple[float, ...]
    encode: float
    keep: float
    busy: float
    probed: int

    def seconds(self, workers: int = 1) -> float:
        """Seconds of all trials, summed over so many workers."""
        work = self.work
        encodings = work.encodings * min(workers, work.rounds)
        return work.trials * _mean(self.send) + encodings * self.encode + work.pictures * self.keep

    @property
    def per_trial(self) -> tuple[float, ...]:
        """Seconds a trial at each point tried, its part of the encodings included."""
        part = self.encode * self.work.encodings / self.work.trials
        return tuple(send + part for send in self.send)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a plan takes, at most. cores: of the machine; units: of work; took: seconds, by the probe."""

    costs: tuple[Cost, ...]
    cores: int
    units: int
    took: float

    @property
    def probed(self) -> int:
        """Trials that were run to know it."""
        return sum(cost.probed for cost in self.costs)

    def seconds(self, workers: int = 1) -> float:
        """Wall time with so many workers on this machine: each starts once, then all share the work.

        They cannot have more than all cores, of which one process may have kept several busy.
        """
        alone = [cost.seconds(workers) for cost in self.costs]
        computed = sum(cost.busy * each for cost, each in zip(self.costs, alone, strict=True))
        return sum(cost.start for cost in self.costs) + max(sum(alone) / workers, computed / self.cores)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """Trials of one picture that were run as one, and the seconds of it: in the codec's encoder, in all that
    the rows tell of, by the wall, and of computing.
    """

    trials: int
    encodings: int
    encode: float
    told: float
    wall: float
    cpu: float

    @property
    def send(self) -> float:
        """Seconds a trial apart from encoding, and from what the rows do not tell of."""
        return (self.told - self.encode) / self.trials


@dataclass(kw_only=True)
class Probe:
    """Runs trials of one system with the picture at `index` among its own."""

    photo: Photo
    index: int
    clock: Clock
    run: Callable[[Task], Done]
    _encoded: set[tuple[str, int]] = field(default_factory=set)

    def tried(self, point: Point, first: int, trials: int) -> Tried:
        """So many trials of the point from the draw `first`, timed."""
        jobs = tuple(
            Job(image_index=self.index, name=self.photo.name, sha256=self.photo.sha256, trial=first + n)
            for n in range(trials)
        )
        task = Task(
            unit="probe",
            point=point.id,
            scenario=json.dumps(resolved(point.scenario)),
            jobs=jobs,
            originals=False,
            code=identity.code_digest(),
            versions=identity.versions(),
        )
        wall, cpu = self.clock.wall(), self.clock.cpu()
        done = self.run(task)
        wall, cpu = self.clock.wall() - wall, self.clock.cpu() - cpu
        sent = {(point.id, job.trial if _adapts(point) else 0) for job in jobs}
        anew = len(sent - self._encoded)
        self._encoded |= sent
        return Tried(
            trials=trials,
            encodings=anew,
            encode=sum(row[ENCODE] for row in done.rows),
            told=sum(row[name] for row in done.rows for name in row if name.startswith(TIMINGS)),
            wall=wall,
            cpu=cpu,
        )

    def at(self, point: Point, most: int) -> list[Tried]:
        """One trial, then a batch as a run has them, or the same trial once more where it takes long.

        An engine compiles what it meets first, so that the quickest tells what the others will take.
        """
        alone = self.tried(point, 0, 1)
        batch = min(most, int(TRY_SECONDS / max(alone.wall, 1e-6)))
        return [alone, self.tried(point, 1, batch) if batch > 1 else self.tried(point, 0, 1)]


def estimate(
    plan: Plan,
    photos: Mapping[str, Sequence[Photo]],
    n_cores: int | None = None,
    clock: Clock | None = None,
    run: Callable[[Task], Done] = compute,
) -> Estimate:
    """Run a few trials of every system and tell what all would take. photos: the pictures of each system.

    n_cores: of the machine that will run it, this one's if not given. Raises what computing raises.
    """
    clock = clock or Clock()
    since = clock.wall()
    costs, units = [], 0
    for system in plan.scenarios:
        points = [point for point in plan.points if point.system == system]
        cut = layout([_described(photo) for photo in photos[system]])
        costs.append(_cost(system, points, photos[system], cut, clock, run))
        units += sum(_n_groups(cut, point) * len(cut.chunks) for point in points)
    return Estimate(costs=tuple(costs), cores=n_cores or cores(), units=units, took=clock.wall() - since)


def _cost(
    system: str,
    points: Sequence[Point],
    photos: Sequence[Photo],
    cut: Layout,
    clock: Clock,
    run: Callable[[Task], Done],
) -> Cost:
    sizes = [photo.image.size for photo in photos]
    index = sizes.index(min(sizes))
    scale = sum(sizes) / len(sizes) / sizes[index]
    probe = Probe(photo=photos[index], index=index, clock=clock, run=run)
    places = sorted({0, len(points) // 2, len(points) - 1})
    cold = probe.tried(points[places[len(places) // 2]], 0, 1)
    found = [probe.at(points[place], _batch(cut, points[place])) for place in places]
    warm = [each for group in found for each in group]
    return Cost(
        system=system,
        work=_work(points, len(photos), cut),
        start=max(0.0, cold.wall - max(group[0].wall for group in found)),
        send=tuple(min(each.send for each in group) * scale for group in found),
        encode=_encode(warm if any(each.encodings for each in warm) else [cold]) * scale,
        keep=_mean([max(0.0, first.wall - first.told) for first, _ in found]) * scale,
        busy=sum(each.cpu for each in warm) / sum(each.wall for each in warm),
        probed=1 + sum(each.trials for each in warm),
    )


def _work(points: Sequence[Point], n_photos: int, cut: Layout) -> Work:
    return Work(
        trials=sum(n_photos * point.scenario.trials.per_image for point in points),
        encodings=sum(n_photos * _encodings(point) for point in points),
        rounds=max(1 if _adapts(point) else _n_groups(cut, point) for point in points),
        pictures=len(points) * min(n_photos, GALLERY_IMAGES),
    )


def _encode(tried: Sequence[Tried]) -> float:
    """Seconds of one encoding: codecs keep codestreams of their own, so that only the mean tells."""
    return sum(each.encode for each in tried if each.encodings) / sum(each.encodings for each in tried)


def _batch(cut: Layout, point: Point) -> int:
    """Trials of the first unit of a point."""
    return len(next(cut.units(point, 0, point.scenario.trials.per_image)).jobs)


def _n_groups(cut: Layout, point: Point) -> int:
    return -(-point.scenario.trials.per_image // cut.group)


def _encodings(point: Point) -> int:
    """Encodings of one picture at a point in one process."""
    return point.scenario.trials.per_image if _adapts(point) else 1


def _adapts(point: Point) -> bool:
    return any(link.csit for link in point.scenario.links.values())


def _described(photo: Photo) -> dict[str, object]:
    height, width = photo.image.shape[:2]
    return {"name": photo.name, "sha256": photo.sha256, "height": height, "width": width}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
