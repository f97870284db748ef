"""Dask clusters for those who have none: on this machine, or as jobs of Slurm. Each stays until Ctrl-C.

A worker is a process that computes one task at a time, its libraries held to the threads that it is given.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import TYPE_CHECKING, Any

from linksim.errors import LinksimError, MissingTool
from linksim.interrupts import Interrupts
from linksim.work.threads import environment, share
from linksim.work.worker import uninterrupted

if TYPE_CHECKING:
    from dask_jobqueue.slurm import SLURMJob

CALM = {
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
}
"""Dask's settings: workers keep no data to spill, and one that pauses at a memory limit would never go on."""
SIZE = re.compile(r"[1-9]\d*(\.\d+)? ?[MGTP](i?B)?", re.IGNORECASE)
WALLTIME = re.compile(r"(\d+-)?\d+(:\d\d?){0,2}")
ADDRESS = re.compile(r"[a-z]+://[^\s:/]+:\d+|[a-z]+://\[[0-9a-fA-F:]+\]:\d+")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job of Slurm. cores, memory ('8GB'): of all of it; threads: of one of its cores // threads workers.

    options: Slurm's own for the job, such as '--partition=cpu', '--account=me', '--gres=gpu:1'.
    interface: the network interface by which jobs and this machine find each other, such as 'ib0'.
    """

    cores: int
    memory: str
    walltime: str = "01:00:00"
    threads: int = 1
    options: tuple[str, ...] = ()
    interface: str | None = None

    def __post_init__(self) -> None:
        for name, number in (("cores", self.cores), ("threads", self.threads)):
            if number < 1:
                raise LinksimError(f"--{name}", "must be at least 1", number)
        if self.threads > self.cores:
            raise LinksimError("--threads", f"must be at most the job's {self.cores} cores", self.threads)
        if not SIZE.fullmatch(self.memory):
            raise LinksimError("--memory", "must be a size with its unit", self.memory, "as 8GB or 512MB")
        if not WALLTIME.fullmatch(self.walltime):
            remedy = "as 12:00:00, or 2-00:00:00 for two days"
            raise LinksimError("--walltime", "must be a time as Slurm writes it", self.walltime, remedy)
        for option in self.options:
            if not option.startswith("-"):
                remedy = f"write --option=--{option.split(maxsplit=1)[0] if option.strip() else 'NAME=VALUE'}"
                raise LinksimError("--option", "must begin with - or --, as in a job script", option, remedy)

    @property
    def workers(self) -> int:
        """Workers of one job."""
        return self.cores // self.threads

    @property
    def arguments(self) -> dict[str, Any]:
        """As dask-jobqueue takes them."""
        calm = {f"DASK_{name.upper().replace('.', '__')}": str(value) for name, value in CALM.items()}
        told = calm | environment(self.threads)
        return {
            "cores": self.workers,
            "processes": self.workers,
            "job_cpu": self.cores,
            "memory": self.memory,
            "walltime": self.walltime,
            "job_name": "linksim",
            "python": shlex.quote(sys.executable),
            "interface": self.interface,
            "job_extra_directives": list(self.options),
            "job_script_prologue": [f"export {name}={shlex.quote(text)}" for name, text in told.items()],
        }


def local(
    workers: int,
    threads: int | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    dashboard: int | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """A scheduler and workers on this machine, until Ctrl-C.

    threads: of each worker; None: an equal share of the cores. host: where it listens; '0.0.0.0' lets other
    machines in. port: 0 takes a free one. dashboard: a port for Dask's web page, which needs bokeh.

    Raises LinksimError where a number cannot be or the port is taken, MissingTool without distributed.
    """
    for name, number in (("workers", workers), ("threads", 1 if threads is None else threads)):
        if number < 1:
            raise LinksimError(f"--{name}", "must be at least 1", number)
    distributed = _tool("distributed")
    each = threads or share(workers)
    with _settings():
        try:
            with uninterrupted():
                cluster = distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    memory_limit=None,
                    host=host,
                    scheduler_port=port,
                    dashboard_address=f"{host}:{dashboard or 0}",
                    silence_logs="CRITICAL",
                    env=environment(each),
                )
        except (OSError, RuntimeError) as error:
            raise _refused(f"{host}:{port}", error) from error
        with cluster:
            _tell(cluster.scheduler_address, f"{workers} workers, threads of each: {each}", say)
            if dashboard:
                say(f"Dask's own page: {cluster.dashboard_link}")
            _stay(lambda: say("The cluster ends."))


def slurm(job: Job, jobs: int, *, port: int = 0, say: Callable[[str], None] = print) -> None:
    """A scheduler on this machine and workers as jobs of Slurm, until Ctrl-C, which cancels the jobs.

    Raises LinksimError where Slurm refuses the job, MissingTool without sbatch or dask-jobqueue.
    """
    if jobs < 1:
        raise LinksimError("--jobs", "must be at least 1", jobs)
    jobqueue = _tool("dask_jobqueue")
    if shutil.which("sbatch") is None:
        remedy = "run this where jobs are submitted, or see the script with --print"
        raise MissingTool("cluster slurm", "must find Slurm's sbatch on the PATH", remedy=remedy)
    _check_submission(job)
    options = {"port": port, "dashboard_address": ":0"}
    with _settings():
        try:
            cluster = jobqueue.SLURMCluster(scheduler_options=options, silence_logs=50, **job.arguments)
        except (OSError, RuntimeError, ValueError) as error:
            raise _refused(f"port {port}", error) from error
        with cluster:
            cluster.scale(jobs=jobs)
            what = f"{jobs} jobs of {job.workers} workers, threads of each: {job.threads}"
            _tell(cluster.scheduler_address, f"{what}; they come when Slurm starts them", say)
            _stay(lambda: say("The jobs are cancelled."))


def script(job: Job, address: str) -> str:
    """The job script for `sbatch` whose workers join the scheduler at the address, as tcp://HOST:PORT."""
    if not ADDRESS.fullmatch(address):
        raise LinksimError("--print", "must be the address of a scheduler", address, "as tcp://HOST:8786")
    _tool("dask_jobqueue")
    from dask_jobqueue.slurm import SLURMJob

    made: SLURMJob = SLURMJob(scheduler=address, name="linksim", **job.arguments)
    return str(made.job_script())


def _check_submission(job: Job) -> None:
    """Ask Slurm whether it would take the job. Raises LinksimError in its words."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "job.sh"
        path.write_text(script(job, "tcp://127.0.0.1:8786"))
        asked = subprocess.run(["sbatch", "--test-only", str(path)], capture_output=True, text=True)
    if asked.returncode:
        said = asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"]
        remedy = "mend the job's options; sinfo shows what there is"
        raise LinksimError("sbatch", "must take the job", said[-1].rpartition("error: ")[2], remedy)


def _tell(address: str, what: str, say: Callable[[str], None]) -> None:
    say(f"Dask scheduler at {address}: {what}.")
    say(f"  linksim run STUDY --dask {address}")
    say(f"  dask worker {address} --nthreads 1 --nworkers N    (more workers, with the same linksim)")
    say("Ctrl-C ends it.")


def _stay(told: Callable[[], None]) -> None:
    """Until Ctrl-C or SIGTERM; a second one ends at once."""
    with Interrupts(tell=lambda _: told()) as interrupts:
        while not interrupts.asked:
            sleep(0.2)


def _tool(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        remedy = "pip install 'linksim-phy[dask]'"
        raise MissingTool("cluster", f"must have {name}", str(error), remedy) from error


@contextmanager
def _settings() -> Iterator[None]:
    import dask

    with dask.config.set(CALM):
        yield


def _refused(where: str, error: Exception) -> LinksimError:
    """The scheduler's refusal to start: its first cause says what is wrong."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return LinksimError(
        f"Dask scheduler on {where}", "must start", str(cause), "take another --port or --host"
    )
