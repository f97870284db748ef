"""Local workers: every task comes back once, whoever dies; nobody outlives the parent."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from linksim.errors import LinksimError
from linksim.work import threads
from linksim.work.compute import Done, Job, Task
from linksim.work.crew import Failed, Lost
from linksim.work.local import LocalCrew, Seat


def task(order: str) -> Task:
    return Task(unit=order, point="", scenario="", jobs=(), originals=False, code="", versions={})


def obey(task: Task) -> Done:
    """What a worker does here: the order that stands where a unit's name stands in a real task."""
    verb, _, what = task.unit.partition(" ")
    if verb == "sleep":
        time.sleep(float(what))
    if verb == "die" or (verb == "die-once" and not Path(what).exists()):
        if verb == "die-once":
            Path(what).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if verb == "mistake":
        raise LinksimError("here", "must not be", what, "mend it")
    if verb == "bug":
        raise ZeroDivisionError(what)
    rows = [{name: os.environ.get(name) for name in threads.environment(1)}]
    return Done(unit=task.unit, rows=rows, pictures={}, worker=str(os.getpid()), seconds=0.0)


def crew(workers: int, threads: int | None = 1) -> LocalCrew:
    return LocalCrew(workers, threads, compute=obey)


def collect(crew: LocalCrew, number: int) -> list:
    back: list = []
    while len(back) < number:
        back += crew.wait(20)
    return back


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_every_task_comes_back_once_from_several_processes():
    with crew(2) as workers:
        for number in range(6):
            workers.submit(task(f"sleep 0.1{number}"))
        back = collect(workers, 6)
        assert workers.wait(0) == []
    assert sorted(done.unit for done in back) == [f"sleep 0.1{number}" for number in range(6)]
    assert len({done.worker for done in back}) == 2
    assert str(os.getpid()) not in {done.worker for done in back}


def test_a_worker_goes_on_with_the_pictures_that_it_knows():
    """Whoever encoded a picture keeps what came of it."""

    def of(unit: str) -> Task:
        job = Job(image_index=0, name=unit[0], sha256=unit[0], trial=0)
        return replace(task(unit), jobs=(job,))

    workers = crew(2)
    first, second = (Seat(process=None, channel=None) for _ in range(2))
    workers._seats += [first, second]
    workers._queue.extend(map(of, ("a0", "a1", "a2", "b0", "b1")))
    chosen = [workers._choose(seat).unit for seat in (first, second, second, first, second)]
    workers._seats.clear()
    assert chosen == ["a0", "b0", "b1", "a1", "a2"]


def test_waiting_for_too_short_a_time_gives_nothing():
    with crew(1) as workers:
        assert workers.wait() == []
        workers.submit(task("sleep 0.5"))
        assert workers.wait(0.01) == []
        assert len(collect(workers, 1)) == 1


def test_a_worker_that_is_killed_loses_its_own_task_alone(tmp_path):
    with crew(2) as workers:
        for order in ("sleep 0.3", "die", "sleep 0.2", "sleep 0.1"):
            workers.submit(task(order))
        back = collect(workers, 4)
        lost = [each for each in back if isinstance(each, Lost)]
        assert [each.task.unit for each in lost] == ["die"]
        assert "was killed by SIGKILL (out of memory?)" in lost[0].reason
        assert sorted(each.unit for each in back if isinstance(each, Done)) == [
            "sleep 0.1",
            "sleep 0.2",
            "sleep 0.3",
        ]
        workers.submit(task(f"die-once {tmp_path / 'mark'}"))
        again = collect(workers, 1)[0]
        assert isinstance(again, Lost)
        workers.submit(again.task)
        assert isinstance(collect(workers, 1)[0], Done)


def test_an_idle_worker_that_is_killed_is_replaced():
    with crew(1) as workers:
        workers.submit(task("sleep 0"))
        pid = int(collect(workers, 1)[0].worker)
        os.kill(pid, signal.SIGKILL)
        while alive(pid):
            time.sleep(0.01)
        time.sleep(0.2)  # its other threads hold the pipe a little longer
        workers.submit(task("sleep 0"))
        assert int(collect(workers, 1)[0].worker) != pid


def test_errors_come_back_whole():
    with crew(1) as workers:
        workers.submit(task("mistake 3"))
        workers.submit(task("bug seven"))
        mistake, bug = (each.error for each in collect(workers, 2) if isinstance(each, Failed))
    assert type(mistake) is LinksimError
    assert str(mistake) == "here: must not be, got '3'; mend it"
    assert isinstance(bug, ZeroDivisionError)
    assert any("in obey" in note for note in bug.__notes__)


@pytest.mark.parametrize(("told", "expected"), [(3, "3"), (None, "2")])
def test_threads_of_a_worker_are_set_before_its_libraries_are_imported(told, expected, monkeypatch):
    monkeypatch.setenv("LINKSIM_THREADS", "2")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    with crew(2, told) as workers:
        workers.submit(task("sleep 0"))
        found = collect(workers, 1)[0].rows[0]
    assert found.pop("TF_NUM_INTEROP_THREADS") == "1"
    assert found.pop("OPENBLAS_NUM_THREADS") == ("1" if told else "7")  # what the user set stays by default
    found.pop("OMP_NUM_THREADS"), found.pop("TF_NUM_INTRAOP_THREADS")  # set for all tests
    assert set(found.values()) == {expected}


@pytest.mark.parametrize(
    ("workers", "threads", "line"),
    [(0, None, "workers: must be at least 1, got 0"), (1, -1, "threads: must be at least 1, got -1")],
)
def test_numbers_that_cannot_be_are_told(workers, threads, line):
    with pytest.raises(LinksimError, match=line):
        LocalCrew(workers, threads)


def test_closing_waits_for_what_is_in_hand_or_does_not():
    for now, in_hand, least in ((False, "sleep 1.2", 1.0), (True, "sleep 60", 0.0)):
        workers = crew(1)
        workers.submit(task("sleep 0"))
        collect(workers, 1)
        workers.submit(task(in_hand))
        workers.submit(task("sleep 60"))
        since = time.monotonic()
        workers.close(now=now)
        workers.close()
        assert least < time.monotonic() - since < 30


PARENT = """
import sys, os
sys.path.insert(0, {home!r})
from test_local import collect, crew, task
if __name__ == "__main__":
    workers = crew(2)
    for order in ("sleep 0.01", "sleep 0.02"):
        workers.submit(task(order))
    pids = [done.worker for done in collect(workers, 2)]
    workers.submit(task("sleep 60"))
    print(*pids, flush=True)
    {then}
"""


def parent(tmp_path, then: str) -> tuple[subprocess.Popen, list[int]]:
    """A parent in a group of its own with two workers, one busy, one idle."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(home=str(Path(__file__).parent), then=then))
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    pids = [int(pid) for pid in process.stdout.readline().split()]
    return process, pids


def group(leader: int) -> list[int]:
    """Processes of a session that run, by the system's own list."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def emptied(leader: int, seconds: float = 5.0) -> bool:
    """Whether nobody of the process group is left, at once or soon: multiprocessing's tracker leaves last."""
    until = time.monotonic() + seconds
    while group(leader) and time.monotonic() < until:
        time.sleep(0.05)
    return group(leader) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_worker_outlives_a_parent_that_is_killed(tmp_path):
    process, pids = parent(tmp_path, "import time; time.sleep(60)")
    assert len(pids) == 2
    assert all(alive(pid) for pid in pids)
    process.kill()
    process.wait()
    assert emptied(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_crew_that_nobody_closed_ends_with_its_parent(tmp_path):
    process, _ = parent(tmp_path, "pass")
    assert process.wait(60) == 0
    assert emptied(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_signals_to_the_group_are_the_parents(tmp_path):
    told = "import signal, time; signal.signal(signal.SIGINT, lambda *_: None); "
    told += (
        "signal.signal(signal.SIGTERM, lambda *_: None); print(flush=True); sys.stdin.readline(); sys.exit(7)"
    )
    process, pids = parent(tmp_path, told)
    process.stdout.readline()
    for each in (signal.SIGINT, signal.SIGTERM):
        os.killpg(process.pid, each)
    time.sleep(0.3)
    assert all(alive(pid) for pid in pids)
    process.communicate("now\n", timeout=60)
    assert process.returncode == 7
    assert emptied(process.pid)


@pytest.mark.slow
def test_a_script_without_a_guard_is_told(tmp_path):
    script = tmp_path / "unguarded.py"
    text = PARENT.format(home=str(Path(__file__).parent), then="")
    script.write_text(text.replace("if __name__", "if True or __name__"))
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert "LinksimError: workers: must be able to start, got 'worker" in ended.stderr.splitlines()[-1]


def test_the_quota_of_a_control_group_bounds_the_cores(tmp_path):
    free = threads.cores(tmp_path)
    assert free >= 1
    (tmp_path / "proc/self").mkdir(parents=True)
    inner = tmp_path / "sys/fs/cgroup/a/b"
    inner.mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/a/b\n")
    (inner / "cpu.max").write_text("max 100000\n")
    assert threads.cores(tmp_path) == free
    (inner.parent / "cpu.max").write_text("150000 100000\n")
    assert threads.cores(tmp_path) == 1


def test_a_quota_of_version_1_bounds_the_cores(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("3:memory:/\n2:cpu,cpuacct:/a\n")
    top = tmp_path / "sys/fs/cgroup/cpu"
    top.mkdir(parents=True)
    (top / "cpu.cfs_quota_us").write_text("-1\n")
    (top / "cpu.cfs_period_us").write_text("100000\n")
    free = threads.cores(tmp_path)
    (top / "cpu.cfs_quota_us").write_text("100000\n")
    assert threads.cores(tmp_path) == 1 <= free
