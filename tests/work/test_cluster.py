"""Tables do not depend on who computed them; clusters start, tell their address, and end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_local import group, task

from linksim import results, runner
from linksim.errors import LinksimError, MissingTool
from linksim.runner import run
from linksim.study import plan_of
from linksim.work import cluster
from linksim.work.crew import Failed
from linksim.work.local import LocalCrew

pytest.importorskip("distributed")

SCENARIO = """
name: small
images: {folder: photos}
codec: {kind: jpeg2000}
links:
  air:
    bandwidth_ratio: 1/4
    channel: {kind: rician, k_factor: 1.0, block: frame}
    engine: native
    streams:
      picture: {kind: digital, mcs: {amc: hda, csit: true}}
sweep: {snr_db: [6, 25]}
trials: {per_image: 64, stop: {half_width: {psnr_db: 0.7}}}
seed: 3
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory) -> Path:
    """Three small pictures at three SNRs, under a rule that ends points early: several looks and units."""
    home = tmp_path_factory.mktemp("scenario")
    rng, folder = np.random.default_rng(2), home / "photos"
    folder.mkdir()
    for name, shape in (("a", (64, 96)), ("b", (81, 59)), ("c", (70, 70))):
        smooth = np.kron(rng.integers(0, 256, (11, 13, 3)), np.ones((8, 8, 1)))[: shape[0], : shape[1]]
        Image.fromarray(smooth.astype(np.uint8)).save(folder / f"{name}.png")
    path = home / "small.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture(autouse=True)
def here(scenario, monkeypatch) -> None:
    """The scenario's pictures are named relative to the working directory; no report, which takes longest."""
    monkeypatch.chdir(scenario.parent)
    monkeypatch.setattr(runner, "write_report", lambda _: None)


@pytest.fixture(scope="module")
def alone(scenario, tmp_path_factory) -> Path:
    """The folder of a run by this process, in which the points ended after different numbers of trials."""
    folder, ends = tmp_path_factory.mktemp("runs") / "alone", {}
    with contextlib.chdir(scenario.parent), pytest.MonkeyPatch.context() as patched:
        patched.setattr(runner, "write_report", lambda _: None)
        run(plan_of(scenario), folder, lambda event: ends.update({event.point.index: event.state.done}))
    assert len(set(ends.values())) == 2
    assert sum(ends.values()) >= 4 * 48
    return folder


def table(folder: Path) -> pd.DataFrame:
    rows = results.read_rows(folder)
    return rows.drop(columns=[name for name in rows if name.startswith(results.TIMINGS)])


def pictures(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("pictures/**/*.png")}


def same(folder: Path, other: Path) -> None:
    pd.testing.assert_frame_equal(table(folder), table(other), check_exact=True)
    assert pictures(folder) == pictures(other)


@pytest.mark.parametrize("workers", [*(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2)), 5])
def test_local_workers_give_the_table_of_one_process(workers, scenario, alone, tmp_path):
    with LocalCrew(workers, threads=1 + workers % 2) as crew:
        run(plan_of(scenario), tmp_path / "run", lambda _: None, crew)
    same(alone, tmp_path / "run")


def test_a_worker_killed_in_the_middle_changes_nothing(scenario, alone, tmp_path):
    killed = []

    def kill_one(event) -> None:
        pid = crew._seats[0].process.pid
        if len(killed) < 2 and pid not in killed:  # the dead one keeps its seat until it is missed
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    with LocalCrew(2, threads=1) as crew:
        done = run(plan_of(scenario), tmp_path / "run", kill_one, crew)
    assert len(set(killed)) == 2
    assert done.trials == len(table(alone))
    same(alone, tmp_path / "run")


START = "from linksim.work import cluster\nif __name__ == '__main__': cluster.{}"
SAY = "say=lambda line: print(line, flush=True)"


@contextlib.contextmanager
def begun(tmp_path: Path, call: str):
    """A cluster that a process starts, and the address that it tells."""
    script = tmp_path / "start.py"
    script.write_text(START.format(call))
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        cwd="/",
        env=dict(os.environ) | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        said = process.stdout.readline()
        yield process, said.removeprefix("Dask scheduler at ").partition(": ")[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()


def test_a_local_cluster_gives_the_table_of_one_process_and_ends_without_a_word(scenario, alone, tmp_path):
    from linksim.work.dask import DaskCrew

    with begun(tmp_path, f"local(2, 1, {SAY})") as (process, address):
        with DaskCrew(address) as crew:
            assert crew.size == 2
            run(plan_of(scenario), tmp_path / "run", lambda _: None, crew)
        same(alone, tmp_path / "run")
        os.killpg(process.pid, signal.SIGINT)
        said = process.stdout.read().splitlines()
        assert process.wait(60) == 0
        assert said[0] == f"  linksim run STUDY --dask {address}"
        assert said[2:] == ["Ctrl-C ends it.", "The cluster ends."]
        until = time.monotonic() + 10
        while group(process.pid) and time.monotonic() < until:
            time.sleep(0.05)
        assert group(process.pid) == []


def test_a_port_that_is_taken_is_told(tmp_path):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        line = r"Dask scheduler on 127.0.0.1:\d+: must start, got '.*in use.*'; take another --port or --host"
        with pytest.raises(LinksimError, match=line):
            cluster.local(1, port=taken.getsockname()[1])


def test_numbers_that_cannot_be_are_told():
    with pytest.raises(LinksimError, match="--workers: must be at least 1, got 0"):
        cluster.local(0)
    with pytest.raises(LinksimError, match="--threads: must be at most the job's 2 cores, got 3"):
        cluster.Job(cores=2, memory="1GB", threads=3)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"memory": "much"}, "--memory: must be a size with its unit, got 'much'; as 8GB or 512MB"),
        ({"memory": "24"}, "--memory: must be a size with its unit, got '24'; as 8GB or 512MB"),
        (
            {"walltime": "soon"},
            "--walltime: must be a time as Slurm writes it, got 'soon'; as .*",
        ),
        ({"options": ("partition=cpu",)}, "--option: must begin with .*; write --option=--partition=cpu"),
    ],
)
def test_a_job_that_slurm_would_not_understand_is_told(given, told):
    with pytest.raises(LinksimError, match=f"^{told}$"):
        cluster.Job(**{"cores": 2, "memory": "1GB"} | given)


@pytest.mark.parametrize("address", ["login", "login:8786", "tcp://login", "tcp://login:", "tcp://a b:1"])
def test_a_job_script_has_the_address_of_a_scheduler(address):
    with pytest.raises(LinksimError, match=r"--print: must be the address of a scheduler, got .*; as tcp://"):
        cluster.script(cluster.Job(cores=2, memory="1GB"), address)


def test_a_job_script_asks_for_the_job_and_limits_its_workers():
    job = cluster.Job(cores=8, threads=2, memory="16GiB", walltime="02:00:00", options=("--partition=cpu",))
    lines = cluster.script(job, "tcp://10.0.0.1:8786").splitlines()
    assert {
        "#SBATCH --cpus-per-task=8",
        "#SBATCH --mem=16G",
        "#SBATCH -t 02:00:00",
        "#SBATCH --partition=cpu",
        "export LINKSIM_THREADS=2",
        "export DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE=False",
    } <= set(lines)
    assert " tcp://10.0.0.1:8786 " in lines[-1]
    assert "--nthreads 1 " in lines[-1]
    assert "--nworkers 4 " in lines[-1]
    assert "--memory-limit 4.00GiB" in lines[-1]


SBATCH = """#!/bin/sh
# Stands in for Slurm's sbatch: starts the job at once, on this machine, and tells its number as Slurm does.
[ "$1" = --test-only ] && exit 0
cp "$1" {home}/job.$$
setsid sh {home}/job.$$ > {home}/log.$$ 2>&1 &
echo $! >> {home}/jobs
echo "Submitted batch job $!"
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Commands that stand in for Slurm's on the PATH, by name and text; no Slurm runs here."""

    def put(**commands: str) -> None:
        for name, text in commands.items():
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return put


def test_jobs_of_slurm_join_and_are_cancelled(tmp_path, stand_in):
    from linksim.work.dask import DaskCrew

    stand_in(sbatch=SBATCH.format(home=tmp_path), scancel='#!/bin/sh\nkill -TERM -- "-$1"\n')
    job = "cluster.Job(cores=1, memory='2GB')"
    with begun(tmp_path, f"slurm({job}, 2, {SAY})") as (process, address):
        with DaskCrew(address) as crew:
            crew.submit(task("sleep 0"))
            assert isinstance(crew.wait(90)[0], Failed)  # its code is another's
            until = time.monotonic() + 60
            while crew.size < 2 and time.monotonic() < until:
                crew._ask()
            assert crew.size == 2
        jobs = [int(number) for number in (tmp_path / "jobs").read_text().split()]
        assert all(group(number) for number in jobs)
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout.read().splitlines()[-1] == "The jobs are cancelled."
        assert process.wait(60) == 0
        until = time.monotonic() + 10
        while any(group(number) for number in jobs) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(group(number) for number in jobs)


def test_what_sbatch_refuses_is_told_in_its_words(stand_in):
    job = cluster.Job(cores=1, memory="2GB", options=("--partition=none",))
    stand_in(sbatch="#!/bin/sh\necho 'sbatch: error: invalid partition specified: none' >&2; exit 1\n")
    with pytest.raises(LinksimError) as told:
        cluster.slurm(job, 1, say=lambda _: None)
    line = "sbatch: must take the job, got 'invalid partition specified: none'; mend the job's options;"
    assert str(told.value).startswith(line)


def test_without_slurm_its_command_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="must find Slurm's sbatch on the PATH; run this where"):
        cluster.slurm(cluster.Job(cores=1, memory="2GB"), 1)
