"""Small runs, and crews that answer as no real one would: late, shuffled, dying; or with rows made up."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from linksim import results, runner
from linksim.load import load
from linksim.plan import Plan, expand
from linksim.work.compute import Done, Task, compute
from linksim.work.crew import Crew, Failed, Lost
from phy.rng import generator

SCENARIO = """
name: small
images: {{folder: {folder}}}
codec: {{kind: jpeg2000}}
links:
  air:
    bandwidth_ratio: 1/4
    channel: {{kind: rician, k_factor: 1.0, block: frame}}
    engine: reference
    streams:
      picture:
        kind: digital
        mcs: {{amc: hda, csit: true}}
        cipher: {{kind: aes-ctr, key: {{test: true}}}}
sweep: {{snr_db: [5, 15]}}
trials: {{per_image: 5}}
seed: 3
eavesdropper: true
"""


def write_scenario(home: Path) -> Path:
    """Two small pictures, one of odd sides, five draws each, at two SNRs."""
    rng, folder = np.random.default_rng(2), home / "photos"
    folder.mkdir()
    for name, shape in (("a", (64, 96, 3)), ("b", (81, 59, 3))):
        smooth = np.kron(rng.integers(0, 256, (11, 13, 3)), np.ones((8, 8, 1)))[: shape[0], : shape[1]]
        Image.fromarray(smooth.astype(np.uint8)).save(folder / f"{name}.png")
    path = home / "small.yaml"
    path.write_text(SCENARIO.format(folder=folder))
    return path


def plan_of(scenario: Path, *sets: str) -> Plan:
    return expand(load(scenario, sets=sets))


def go(plan: Plan, folder: Path, crew: Crew | None = None) -> list[runner.Event]:
    events: list[runner.Event] = []
    runner.run(plan, folder, events.append, crew)
    return events


def table(folder: Path) -> pd.DataFrame:
    """All of a run that two runs must agree on."""
    rows = results.read_rows(folder)
    return rows.drop(columns=[name for name in rows if name.startswith(results.TIMINGS)])


def made_up(task: Task) -> Done:
    """Rows that the point's SNR and the draw decide, whatever the code; no picture."""
    snr_db = str(json.loads(task.scenario)["snr_db"])
    rows = [
        {
            **{"point": task.point, "unit": task.unit, "snr_db": 0.0, "image": job.name},
            **{"image_index": job.image_index, "trial": job.trial, "outage": bool(draw < 0.3)},
            **{"psnr_db": float(20 + 10 * draw), "blocks": 10, "block_errors": int(draw < 0.2)},
        }
        for job in task.jobs
        for draw in [generator(snr_db, job.sha256, job.trial).random()]
    ]
    return Done(unit=task.unit, rows=rows, pictures={}, worker="test", seconds=0.0)


@cache
def _by_name(name: str) -> list[Done]:
    return []


def once(task: Task) -> Done:
    kept = _by_name(task.unit)
    if not kept:
        kept.append(compute(task))
    return kept[0]


@dataclass
class ShuffledCrew:
    """Hands back what it has in hand in any order, some at a time.

    fate: what becomes of a task instead, if anything; computed: the tasks that it did compute. breaks: with
    one task lost all that are in hand are, as where a pool of processes breaks. most: ever in hand.
    """

    size: int
    seed: int = 0
    compute: Callable[[Task], Done] = made_up
    fate: Callable[[Task], Lost | Failed | None] = lambda task: None
    breaks: bool = False
    computed: list[Task] = field(default_factory=list)
    most: int = 0
    closed_now: bool = False
    _tasks: list[Task] = field(default_factory=list)

    @property
    def reach(self) -> int:
        return 2 * self.size

    def submit(self, task: Task) -> None:
        self._tasks.append(task)

    def wait(self, timeout: float | None = None) -> Sequence[Done | Lost | Failed]:
        rng = generator("crew", self.seed, len(self.computed))
        self.most = max(self.most, len(self._tasks))
        tasks = [self._tasks[i] for i in rng.permutation(len(self._tasks))[: rng.integers(1, 4)]]
        for task in tasks:
            self._tasks.remove(task)
        answers = [self.fate(task) or self._done(task) for task in tasks]
        if self.breaks and any(isinstance(answer, Lost) for answer in answers):
            answers += [Lost(task=task, reason="the pool broke") for task in self._tasks]
            self._tasks.clear()
        return answers

    def _done(self, task: Task) -> Done:
        self.computed.append(task)
        return self.compute(task)

    def recall(self) -> Sequence[Task]:
        """Its workers, as many as its size, have begun the oldest."""
        waiting = self._tasks[self.size :]
        del self._tasks[self.size :]
        return waiting

    def close(self, now: bool = False) -> None:
        self.closed_now |= now

    def __enter__(self) -> "ShuffledCrew":
        return self

    def __exit__(self, *error: object) -> None:
        self.close(now=error[0] is not None)
