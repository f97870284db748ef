"""A Dask cluster that is killed ends a run in one line; nothing computed is lost, and no process is left."""

import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from campaign import MARK, Running, assert_whole, finish, marked, table, units
from test_signals import stopped

pytestmark = pytest.mark.slow
pytest.importorskip("distributed")


@contextmanager
def cluster() -> Iterator[tuple[subprocess.Popen, str]]:
    """`linksim cluster local` as a process, and its address."""
    mark = uuid.uuid4().hex
    words = [sys.executable, "-m", "linksim", "cluster", "local", "--workers", "2"]
    process = subprocess.Popen(
        words, env=os.environ | {MARK: mark}, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        found = re.search(r"tcp://[\d.:]*\d", process.stdout.readline())
        assert found
        yield process, found[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        deadline = time.monotonic() + 10
        while (left := marked(mark)) and time.monotonic() < deadline:
            time.sleep(0.1)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left


@pytest.mark.parametrize("seed", range(3))
def test_a_scheduler_that_is_killed_is_one_line_and_the_run_goes_on_without_it(
    long_study, long_whole, long_pace, tmp_path, seed
):
    rng, folder = random.Random(seed), tmp_path / "run"
    with cluster() as (scheduler, address):
        running = Running(long_study, folder, ("--dask", address))
        running.until(rng.randint(1, long_pace.units - 8))
        time.sleep(rng.uniform(0, 0.2))
        scheduler.kill()
        code, _, told = running.end()
    assert code == 2, told
    assert not running.leftover()
    assert "Traceback" not in told
    line = told.splitlines()[-1]
    assert line.startswith(f"Dask scheduler at {address}: is gone; what is done stays; start it")
    assert len(table(folder)) > 0
    kept = {path: path.stat().st_mtime_ns for path in units(folder)}
    finish(long_study, folder)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert_whole(folder, long_whole)


def test_a_cluster_computes_the_table_of_local_workers_and_hears_ctrl_c(long_study, long_whole, tmp_path):
    folder: Path = tmp_path / "run"
    with cluster() as (_, address):
        running = Running(long_study, folder, ("--dask", address))
        running.until(5)
        running.kill(signal.SIGINT)
        stopped(running, 130)
        assert len(units(folder)) < len(units(long_whole))
        finish(long_study, folder, "--dask", address)
    assert_whole(folder, long_whole)
