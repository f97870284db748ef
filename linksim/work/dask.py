"""Workers of a Dask cluster, by the address of its scheduler.

The scheduler sees bytes: a task and what became of it are pickled here and in the workers, so it needs no
memory for pictures that nobody fetches, and results are released there as soon as they are here.
"""

from __future__ import annotations

import logging
import os
import pickle
import warnings
from collections.abc import Callable
from concurrent.futures import CancelledError
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from linksim import __version__
from linksim.errors import LinksimError, MissingTool
from linksim.work.compute import Done, Task
from linksim.work.compute import compute as computed
from linksim.work.crew import Failed, Lost, Result

if TYPE_CHECKING:
    from distributed import Client, Future

ASK_SECONDS = 2.0
"""How often the scheduler is asked who its workers are."""

ANSWER_SECONDS = 20.0
"""How long it may take to answer."""


class DaskCrew:
    """The workers of a Dask cluster, as many as there are at the time; each computes one task at a time.

    address: of the scheduler, such as 'tcp://10.0.0.1:8786'. timeout: seconds to find it. patience: seconds
    that it may be without any worker, now and later. compute: what a worker does with a task.

    Raises MissingTool without Dask's distributed, and LinksimError where nobody answers at the address, where
    no worker comes, or one computes several tasks at a time.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float = 10.0,
        patience: float = 60.0,
        compute: Callable[[Task], Done] = computed,
    ) -> None:
        self.address, self._patience = address, patience
        self._client = _client(address, timeout)
        self._compute, self._perform = pickle.dumps(compute), _by_value()
        self._out: dict[str, tuple[Task, Future]] = {}
        self._back: SimpleQueue[str] = SimpleQueue()
        self._workers: dict[str, int] = {}
        self._asked = self._seen = monotonic()
        try:
            while not self._ask():
                sleep(0.2)
            self._refuse_many_threads()
        except BaseException:
            self.close(now=True)
            raise

    @property
    def size(self) -> int:
        """Workers that the cluster had when it was last asked."""
        return max(1, len(self._workers))

    @property
    def reach(self) -> int:
        """One that each worker computes, and one on its way to it."""
        return 2 * self.size

    def submit(self, task: Task) -> None:
        """Send the task to the scheduler. Raises LinksimError where that is gone."""
        self._refuse_gone()
        key = f"linksim-{task.unit}-{uuid4().hex[:8]}"
        future = self._client.submit(
            self._perform, self._compute, pickle.dumps(task), os.getcwd(), key=key, pure=False, retries=0
        )
        self._out[key] = task, future
        future.add_done_callback(lambda future: self._back.put(future.key))

    def wait(self, timeout: float | None = None) -> list[Result]:
        """What has come back: at least one, unless the time in seconds is over or nothing is out.

        Raises LinksimError where the scheduler is gone, or all of its workers have been for too long.
        """
        until = None if timeout is None else monotonic() + timeout
        while self._out:
            left = ASK_SECONDS if until is None else min(ASK_SECONDS, until - monotonic())
            keys = self._done(max(0.0, left))
            self._refuse_gone()
            if monotonic() - self._asked > ASK_SECONDS:
                self._ask()
            if keys or (until is not None and monotonic() >= until):
                return [self._result(*self._out.pop(key)) for key in keys]
        return []

    def recall(self) -> list[Task]:
        """None: which of them has been begun, the cluster knows."""
        return []

    def close(self, now: bool = False) -> None:
        """Leave the cluster. What is queued there is cancelled, what is being computed is dropped."""
        self._out.clear()  # the scheduler forgets futures that nobody holds
        self._client.close(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(now=kind is not None)

    def _done(self, seconds: float) -> list[str]:
        """Keys of tasks that are over, as many as there are; waits for the first."""
        keys = []
        try:
            keys.append(self._back.get(timeout=seconds))
            while True:
                keys.append(self._back.get_nowait())
        except Empty:
            return [key for key in keys if key in self._out]

    def _result(self, task: Task, future: Future) -> Result:
        from distributed import KilledWorker

        if future.status == "error":
            error = future.exception(timeout=ANSWER_SECONDS)
            if isinstance(error, KilledWorker):
                return Lost(task=task, reason=f"Dask worker {error.last_worker.address} was killed")
            if isinstance(error, ModuleNotFoundError):
                remedy = f"install linksim-phy=={__version__} where the worker runs and start it again"
                error = LinksimError(f"Dask worker {error.path}", "must have linksim", str(error), remedy)
            return Failed(task=task, error=error)
        try:
            back: Result = pickle.loads(future.result(timeout=ANSWER_SECONDS))
        except (OSError, TimeoutError, CancelledError) as error:
            self._refuse_gone()
            return Lost(task=task, reason=f"its result was lost with a Dask worker: {error}")
        return back

    def _ask(self) -> bool:
        """Whether there are workers. Raises LinksimError where there have been none for too long."""
        try:
            self._workers = self._client.sync(self._client.scheduler.ncores, callback_timeout=ANSWER_SECONDS)
        except (OSError, TimeoutError) as error:
            raise self._gone() from error
        self._asked = monotonic()
        if self._workers:
            self._seen = self._asked
        elif self._asked - self._seen > self._patience:
            raise LinksimError(
                f"Dask cluster at {self.address}",
                "must have workers",
                f"none for {self._patience:.0f} s",
                f"start some: dask worker {self.address} --nthreads 1 --nworkers 2; queued jobs come later",
            )
        return bool(self._workers)

    def _refuse_many_threads(self) -> None:
        for worker, threads in self._workers.items():
            if threads != 1:
                raise LinksimError(
                    f"Dask worker {worker}",
                    "must compute one task at a time",
                    f"{threads} threads",
                    f"start it with: dask worker {self.address} --nthreads 1 --nworkers {threads}",
                )

    def _refuse_gone(self) -> None:
        if self._client.status != "running":
            raise self._gone()

    def _gone(self) -> LinksimError:
        return LinksimError(
            f"Dask scheduler at {self.address}",
            "is gone",
            remedy="what is done stays; start it and run the same command again",
        )


def _by_value() -> Callable[[bytes, bytes, str], bytes]:
    """What a Dask worker calls. Of a function within a function Dask sends the code: one that it looked up in
    a module would end, without a word, the workers that lack the module, and the scheduler would need it too.
    """

    def perform(compute: bytes, data: bytes, home: str) -> bytes:
        try:
            from linksim.work.worker import perform
        except ImportError as error:
            from distributed import get_worker

            raise ModuleNotFoundError(str(error), path=get_worker().address) from error
        return perform(compute, data, home)

    return perform


def _client(address: str, timeout: float) -> Client:
    """A connection to the scheduler, and silence in the terminal: what goes wrong is told by the crew."""
    try:
        import distributed
    except ImportError as error:
        remedy = "pip install 'linksim-phy[dask]'"
        raise MissingTool("--dask", "must have Dask's distributed", str(error), remedy) from error
    for name in [each for each in logging.root.manager.loggerDict if each.split(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", category=distributed.versions.VersionMismatchWarning)

    class Closing(distributed.Client):
        """One that cannot start is closed: left to the garbage collector, it may wait for itself for ever."""

        def start(self, **settings: Any) -> None:
            try:
                super().start(**settings)
            except BaseException:
                self.close(timeout=1)
                raise

    try:
        return Closing(address, timeout=timeout, set_as_default=False, name="linksim")
    except (OSError, ValueError, TypeError) as error:
        raise LinksimError(
            f"Dask scheduler at {address}",
            "must answer",
            str(error).splitlines()[0] if str(error) else type(error).__name__,
            "its address is the one that `linksim cluster local` or `dask scheduler` prints: tcp://HOST:8786",
        ) from error
