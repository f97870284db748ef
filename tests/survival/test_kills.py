"""A study killed at random instants loses nothing, counts nothing twice, and leaves no process behind."""

import os
import random
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
from campaign import Pace, Running, assert_whole, finish, units

START, MIDDLE, REPORT = "start", "middle", "report"


def await_instant(running: Running, stage: str, pace: Pace, rng: random.Random) -> None:
    """Sleep until a random instant of the stage; START is what comes before the first new unit."""
    if stage == START:
        time.sleep(rng.uniform(0, pace.start_s))
    elif stage == MIDDLE:
        there = len(units(running.out))
        running.until(rng.randint(there + 1, max(there + 1, pace.units - 1)))
        time.sleep(rng.uniform(0, 0.3))
    else:
        running.until(pace.units)
        time.sleep(rng.uniform(0, pace.report_s))


def campaign(study: Path, whole: Path, home: Path, pace: Pace, stages: list[str], seed: int) -> int:
    """Kill a parent at each of the stages; kills that found it alive. A whole folder is begun anew."""
    rng, landed, folder = random.Random(seed), 0, home / "run"
    for stage in stages:
        running = Running(study, folder)
        await_instant(running, stage, pace, rng)
        running.kill()
        code, _, told = running.end()
        assert code in (0, -signal.SIGKILL), told
        landed += code != 0
        assert not running.leftover(), f"a process outlived its parent, killed in the {stage}"
        if len(units(folder)) == pace.units:
            finish(study, folder)
            assert_whole(folder, whole)
            shutil.rmtree(folder)
    if folder.exists():
        finish(study, folder)
        assert_whole(folder, whole)
    return landed


def test_a_study_killed_three_times_ends_in_the_table_of_one_that_was_not(study, whole, pace, tmp_path):
    assert campaign(study, whole, tmp_path, pace, [START, MIDDLE, REPORT], seed=1) >= 2


def test_neither_a_killed_worker_nor_a_second_run_disturbs_a_run(study, whole, tmp_path):
    running = Running(study, tmp_path / "run")
    running.until(1)
    refuse_a_second(running)
    lose_a_worker(running, random.Random(2))
    assert_whole(tmp_path / "run", whole)


def refuse_a_second(first: Running) -> None:
    """Another run into the folder of one that goes on is told by whom it is held."""
    first.kill(signal.SIGSTOP)  # it would be done before a second one has started
    second = Running(first.study, first.out)
    code, printed, told = second.end()
    first.kill(signal.SIGCONT)
    assert code == 2
    assert printed == ""
    holder = f"process {first.process.pid} on"
    assert re.fullmatch(rf"{first.out}: must not be in use, got '{holder} .*'; wait for it.*\n", told)
    assert not second.leftover()
    assert first.process.poll() is None


def lose_a_worker(running: Running, rng: random.Random) -> None:
    """Kill one of its workers, and let the run end."""
    os.kill(rng.choice(running.workers()), signal.SIGKILL)
    code, _, told = running.end()
    assert code == 0, told
    assert not running.leftover()


@pytest.mark.slow
def test_a_study_killed_at_twenty_five_instants_ends_in_the_table_of_one_that_was_not(
    long_study, long_whole, long_pace, tmp_path
):
    rng, pace = random.Random(3), long_pace
    stages = [START] * 4 + [MIDDLE] * 10 + [REPORT] * 4
    rng.shuffle(stages)
    landed = campaign(long_study, long_whole, tmp_path, pace, stages, seed=4)
    for number in range(4):
        running = Running(long_study, tmp_path / f"worker{number}")
        running.until(rng.randint(1, pace.units - 4))
        time.sleep(rng.uniform(0, 0.2))
        lose_a_worker(running, rng)
        assert_whole(tmp_path / f"worker{number}", long_whole)
    print(f"{landed} of {len(stages)} kills of the parent landed, and 4 of a worker")
    assert landed >= len(stages) - 3
