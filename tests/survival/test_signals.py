"""Ctrl-C once finishes what is in hand, twice stops at once; SIGTERM is heard like it."""

import os
import signal
import time
from pathlib import Path

import pytest
from campaign import Running, assert_whole, finish, units

GOES_ON = "Stopped. {folder} keeps what is done; the same command goes on from there."
AT_ONCE_S = 4.0
"""It takes a tenth of that where nothing else is computed."""
HEARD = "Finishing the units in hand; Ctrl-C again stops at once."


def begin(study: Path, folder: Path, workers: int, more: int) -> Running:
    """A run that has just computed so many units more than there were."""
    there = len(units(folder))
    running = Running(study, folder, ("--workers", str(workers)))
    running.until(there + more)
    return running


def stopped(running: Running, code: int) -> str:
    """What it told; it has ended with the exit code, and left no process and no traceback."""
    got, printed, told = running.end()
    assert got == code, told
    assert not running.leftover()
    assert "Traceback" not in printed + told
    assert told.splitlines()[-1] == GOES_ON.format(folder=running.out)
    return told


def hear_once(study: Path, folder: Path, workers: int, number: signal.Signals, code: int) -> None:
    """To the parent and its workers, as a terminal does; SIGTERM to the parent, as a batch system does."""
    running = begin(study, folder, workers, 1)
    there = len(units(folder))
    if number == signal.SIGINT:
        os.killpg(running.process.pid, number)
    else:
        running.kill(number)
    assert HEARD in stopped(running, code)
    if workers > 1:  # this process alone may just have had none in hand
        assert len(units(folder)) > there


def hear_twice(study: Path, folder: Path, workers: int) -> None:
    running = begin(study, folder, workers, 1)
    os.killpg(running.process.pid, signal.SIGINT)
    running.tells(HEARD)  # two signals that come before the first is seen to are one
    os.killpg(running.process.pid, signal.SIGINT)
    since = time.monotonic()
    stopped(running, 130)
    assert time.monotonic() - since < AT_ONCE_S


def test_a_run_that_is_stopped_again_and_again_keeps_its_units_and_ends_whole(study, whole, tmp_path):
    folder = tmp_path / "run"
    hear_once(study, folder, 2, signal.SIGINT, 130)
    kept = {path: path.stat().st_mtime_ns for path in units(folder)}
    hear_twice(study, folder, 2)
    hear_once(study, folder, 1, signal.SIGTERM, 143)
    assert 1 <= len(kept) < len(units(folder)) < len(units(whole))
    finish(study, folder)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert_whole(folder, whole)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_workers_hears(long_study, long_whole, tmp_path, workers):
    hear_once(long_study, tmp_path / "run", workers, signal.SIGTERM, 143)
    hear_twice(long_study, tmp_path / "run", workers)
    hear_once(long_study, tmp_path / "run", workers, signal.SIGINT, 130)
    finish(long_study, tmp_path / "run")
    assert_whole(tmp_path / "run", long_whole)
