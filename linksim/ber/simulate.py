"""Curves, point by point: what is known is read, what is missing is counted and kept unit by unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from linksim.ber.request import Curve, ready_engine
from linksim.ber.rows import Row, row_of
from linksim.ber.stopping import Stop, units_of
from linksim.ber.store import Store, opened
from phy.chain import count
from phy.engine import Engine


@dataclass(frozen=True, kw_only=True)
class Task:
    """A curve and where to count it. per_bit: the SNRs are Eb/N0, else Es/N0, in dB, rising."""

    curve: Curve
    snrs_db: tuple[float, ...]
    per_bit: bool

    @property
    def points(self) -> list[tuple[float, float]]:
        """(Eb/N0, Es/N0) of each point, dB."""
        if self.per_bit:
            return [(snr, self.curve.esn0_db(snr)) for snr in self.snrs_db]
        return [(self.curve.ebn0_db(snr), snr) for snr in self.snrs_db]


def simulate(tasks: Sequence[Task], stop: Stop, root: Path, fresh: bool = False) -> Iterator[Row]:
    """Rows as they come: one of each point when it is begun and after every unit, the last with `stopped`.

    A curve that ends early, below the target BLER, gives no rows of the points behind.
    """
    for task in tasks:
        with opened(root, task.curve, fresh) as store:
            yield from _curve(task, stop, store)


def _curve(task: Task, stop: Stop, store: Store) -> Iterator[Row]:
    engine: Engine | None = None
    for ebn0, esn0 in task.points:
        point = store.point(esn0)
        yield row_of(task.curve, ebn0, point)
        while (reason := stop.reason(point.counts, point.seconds)) is None:
            if engine is None:
                engine = ready_engine(task.curve)
                _warm_up(task.curve, engine, esn0)
            _unit(task.curve, engine, stop, store, esn0)
            yield row_of(task.curve, ebn0, point)
        store.sync()
        yield row_of(task.curve, ebn0, point, stopped=reason)
        if stop.ends_curve(point.counts):
            return


def _warm_up(curve: Curve, engine: Engine, esn0: float) -> None:
    """Compile what compiles on first use, so that no point is charged for it."""
    count(curve.chain, engine, esn0, curve.words.seed, range(units_of(curve.chain, curve.words.engine).first))


def _unit(curve: Curve, engine: Engine, stop: Stop, store: Store, esn0: float) -> None:
    point, chain = store.point(esn0), curve.chain
    done = point.counts.frames
    end = min(units_of(chain, curve.words.engine).next_end(done), max(stop.frames, done + 1))
    started = perf_counter()
    counts = count(chain, engine, esn0, curve.words.seed, range(done, end))
    store.add(point, counts, perf_counter() - started)
