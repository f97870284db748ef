"""Workers of a Dask cluster: the same answers, and one line where something is wrong."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_local import collect, obey, task

from linksim.errors import LinksimError, MissingTool
from linksim.work.compute import Done
from linksim.work.crew import Failed, Lost

pytest.importorskip("distributed")
HERE = Path(__file__).parent

from linksim.work.dask import DaskCrew  # noqa: E402


@contextlib.contextmanager
def started(*command: str, until: str, path: Path = HERE.parents[1]):
    """A command of Dask's, and the word after `until` in what it says."""
    env = dict(os.environ) | {
        "PYTHONPATH": f"{path}:{HERE}",
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
        cwd=path,
        start_new_session=True,
    )
    try:
        said = ""
        for said in process.stdout:
            if until in said:
                break
        yield process, said.partition(until)[2].split()[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()


def scheduler(path: Path = HERE.parents[1]):
    return started(
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        until="Scheduler at:",
        path=path,
    )


def worker(address: str, *options: str, path: Path = HERE.parents[1]):
    return started(
        "distributed.cli.dask_worker",
        address,
        "--nthreads",
        "1",
        "--no-dashboard",
        *options,
        until="Registered to:",
        path=path,
    )


def crew(address: str, **options) -> DaskCrew:
    return DaskCrew(address, compute=obey, **options)


@pytest.fixture(scope="module")
def cluster():
    with scheduler() as (_, address), worker(address, "--nworkers", "2"):
        yield address


def test_every_task_comes_back_once(cluster):
    with crew(cluster) as workers:
        assert workers.wait() == []
        for number in range(6):
            workers.submit(task(f"sleep 0.2{number}"))
        assert workers.wait(0.01) == []
        back = collect(workers, 6)
        assert workers.size == 2
    assert sorted(done.unit for done in back) == [f"sleep 0.2{number}" for number in range(6)]
    assert len({done.worker for done in back}) == 2
    assert {row["TF_NUM_INTRAOP_THREADS"] for done in back for row in done.rows} <= {"1", "2"}


def test_errors_come_back_whole(cluster):
    with crew(cluster) as workers:
        workers.submit(task("mistake 3"))
        workers.submit(task("bug seven"))
        errors = {type(each.error): each.error for each in collect(workers, 2) if isinstance(each, Failed)}
    assert "here: must not be, got '3'; mend it" in str(errors[LinksimError])
    assert str(errors[LinksimError]).startswith("Dask worker tcp://127.0.0.1:")
    assert any("in obey" in note for note in errors[ZeroDivisionError].__notes__)


def test_what_is_done_is_released_on_the_cluster(cluster):
    from distributed import Client

    with crew(cluster) as workers, Client(cluster, set_as_default=False) as client:
        for number in range(3):
            workers.submit(task(f"sleep 0.0{number}"))
        collect(workers, 3)
        until = time.monotonic() + 30
        while (held := client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))) and (
            time.monotonic() < until
        ):
            time.sleep(0.05)
    assert held == 0


def test_a_task_that_kills_every_worker_is_lost_and_one_that_kills_once_is_done(cluster, tmp_path):
    with crew(cluster) as workers:
        workers.submit(task("die"))
        lost = collect(workers, 1)[0]
        assert isinstance(lost, Lost)
        assert "was killed" in lost.reason
        workers.submit(task(f"die-once {tmp_path / 'mark'}"))
        assert isinstance(collect(workers, 1)[0], Done)


def test_a_scheduler_that_is_killed_is_told_at_once():
    with scheduler() as (process, address), worker(address), crew(address) as workers:
        workers.submit(task("sleep 30"))
        assert workers.wait(0.5) == []
        os.killpg(process.pid, signal.SIGKILL)
        since = time.monotonic()
        line = f"Dask scheduler at {address}: is gone; what is done stays; start it and run the same command"
        with pytest.raises(LinksimError, match=line):
            workers.wait()
        with pytest.raises(LinksimError, match=line):
            workers.submit(task("sleep 0"))
        workers.close()
        assert time.monotonic() - since < 10


def test_a_cluster_without_workers_is_told():
    with scheduler() as (_, address):
        with pytest.raises(
            LinksimError, match="must have workers, got 'none for 1 s'; start some: dask worker tcp"
        ):
            crew(address, patience=1)
        with worker(address) as (process, _), crew(address, patience=1) as workers:
            workers.submit(task("sleep 30"))
            assert workers.wait(0.5) == []
            os.killpg(process.pid, signal.SIGKILL)
            with pytest.raises(LinksimError, match="must have workers"):
                workers.wait(20)


def test_a_worker_that_computes_several_at_a_time_is_refused():
    line = "must compute one task at a time, got '3 threads'; start it with"
    with (
        scheduler() as (_, address),
        worker(address, "--nthreads", "3"),
        pytest.raises(LinksimError, match=line),
    ):
        crew(address)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:9", "nowhere://x", "127.0.0.1:what", "no.such.host.invalid:1"]
)
def test_an_address_where_nobody_answers_is_told(address):
    since = time.monotonic()
    with pytest.raises(LinksimError, match=f"^Dask scheduler at {address}: must answer, got "):
        crew(address, timeout=1)
    assert time.monotonic() - since < 10


def test_a_worker_without_linksim_is_told_and_a_scheduler_does_without(tmp_path):
    (tmp_path / "linksim").mkdir()
    (tmp_path / "linksim/__init__.py").write_text("raise ImportError('an old one')")
    with scheduler() as (_, address), worker(address, path=tmp_path), crew(address) as workers:
        workers.submit(task("sleep 0"))
        failed = collect(workers, 1)[0]
    line = "Dask worker tcp://127.0.0.1:[0-9]+: must have linksim, got 'an old one'; install linksim-phy=="
    assert re.match(line, str(failed.error))
    with scheduler(path=tmp_path) as (_, address), worker(address), crew(address) as workers:
        workers.submit(task("sleep 0"))
        assert isinstance(collect(workers, 1)[0], Done)


def test_without_distributed_its_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingTool, match=r"--dask: .*pip install 'linksim-phy\[dask\]'"):
        crew("tcp://127.0.0.1:9")
