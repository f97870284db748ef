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
from test_local import group

from linksim import results, runner
from linksim.errors import LinksimError, MissingTool
from linksim.study import plan_of
from linksim.runner import run
from linksim.work import cluster
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
      picture: {kind: digital, mcs: {amc: hda, csit: true}, cipher: {kind: aes-ctr, key: {test: true}}}
sweep: {snr_db: [2, 18]}
trials: {per_image: 64, stop: {half_width: {psnr_db: 0.5}}}
seed: 3
eavesdropper: true
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
    assert sum(ends.values()) >= 6 * 48
    return folder


def table(folder: Path) -> pd.DataFrame:
    rows = results.read_rows(folder)
    return rows.drop(columns=[name for name in rows if name.startswith(results.TIMINGS)])


def pictures(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("pictures/**/*.png")}


def same(folder: Path, other: Path) -> None:
    pd.testing.assert_frame_equal(table(folder), table(other), check_exact=True)
    assert pictures(folder) == pictures(other)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_local_workers_give_the_table_of_one_process(workers, scenario, alone, tmp_path):
    with LocalCrew(workers, threads=1 + workers % 2) as crew:
        run(plan_of(scenario), tmp_path / "run", lambda _: None, crew)
    same(alone, tmp_path / "run")


def test_a_worker_killed_in_the_middle_changes_nothing(scenario, alone, tmp_path):
    killed = []

    def kill_one(event) -> None:
        if len(killed) < 2:
            killed.append(crew._seats[0].process.pid)
            os.kill(killed[-1], signal.SIGKILL)

    with LocalCrew(2, threads=1) as crew:
        done = run(plan_of(scenario), tmp_path / "run", kill_one, crew)
    assert len(set(killed)) == 2
    assert done.trials == len(table(alone))
    same(alone, tmp_path / "run")


START = "import sys; from linksim.work import cluster\nif __name__ == '__main__': cluster.local({})"


@contextlib.contextmanager
def local(tmp_path: Path, arguments: str):
    """`linksim cluster local`, and its address."""
    script = tmp_path / "start.py"
    script.write_text(START.format(f"{arguments}, say=lambda line: print(line, flush=True)"))
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

    with local(tmp_path, "2, 1") as (process, address):
        with DaskCrew(address) as crew:
            assert crew.size == 2
            run(plan_of(scenario), tmp_path / "run", lambda _: None, crew)
        same(alone, tmp_path / "run")
        os.killpg(process.pid, signal.SIGINT)
        said = process.stdout.read().splitlines()
        assert process.wait(15) == 0
        assert said[0] == f"  linksim run STUDY --dask {address}"
        assert said[2:] == ["Ctrl-C ends it.", "The cluster ends."]
        until = time.monotonic() + 3
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
    with pytest.raises(LinksimError, match="--memory: must be a size such as 8GB, got 'much'"):
        cluster.script(cluster.Job(cores=2, memory="much"), "tcp://here:1")


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
setsid sh "$1" > {log} 2>&1 &
echo $! >> {jobs}
echo "Submitted batch job $!"
"""


def test_jobs_of_slurm_join_and_are_cancelled(tmp_path, monkeypatch):
    """Against a stand-in for sbatch and scancel on the PATH: no Slurm runs here."""
    from linksim.work.dask import DaskCrew

    tools, jobs = tmp_path / "tools", tmp_path / "jobs"
    tools.mkdir()
    for name, text in (
        (
            "sbatch",
            SBATCH.format(log=tmp_path / "log", jobs=jobs)
            .replace('"$1"', "$1.kept")
            .replace("setsid", "cp $1 $1.kept; setsid"),
        ),
        ("scancel", '#!/bin/sh\nkill -TERM -- "-$1"\n'),
    ):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
