"""Workers on this machine: processes of their own, each with one task in hand.

They are spawned, since TensorFlow hangs after a fork. Each has a pipe of its own, so that one that is killed
takes nothing with it but the task in its hand: that one comes back as Lost, and a new worker takes its seat.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.util import Finalize
from time import monotonic
from typing import Self

from linksim.errors import LinksimError
from linksim.work.compute import Done, Task
from linksim.work.compute import compute as computed
from linksim.work.crew import Lost, Result
from linksim.work.threads import share
from linksim.work.worker import serve, uninterrupted

STILLBORN = 3
"""Workers in a row that may end before they have started."""
REACH = 5
"""Tasks in hand for each worker, so that there are some of pictures that it knows."""


@dataclass(kw_only=True)
class Seat:
    """A worker's place. task: what it has in hand; started: whether it has answered yet; known: digests of
    the pictures that it was given, whose encodings it keeps.
    """

    process: SpawnProcess
    channel: Connection
    task: Task | None = None
    started: bool = False
    known: set[str] = field(default_factory=set)


class LocalCrew:
    """Several processes on this machine. To be used by one thread, which should live as long as the crew.

    workers: at least 1; they start when there is work for them. threads: of each one's libraries; None: an
    equal share of the cores, where the environment (LINKSIM_THREADS, OMP_NUM_THREADS ...) says nothing else.
    compute: what a worker does with a task, a function of a module.
    """

    def __init__(
        self, workers: int, threads: int | None = None, compute: Callable[[Task], Done] = computed
    ) -> None:
        for name, number in (("workers", workers), ("threads", 1 if threads is None else threads)):
            if number < 1:
                raise LinksimError(name, "must be at least 1", number)
        self.size, self.reach = workers, REACH * workers
        self._threads, self._keep = threads or share(workers), threads is None
        self._compute = compute
        self._queue: deque[Task] = deque()
        self._seats: list[Seat] = []
        self._stillborn = 0
        self._finalize = Finalize(self, _kill, args=(self._seats,), exitpriority=10)

    def submit(self, task: Task) -> None:
        """Take a task; it begins when a worker is free."""
        self._queue.append(task)
        self._hand_out()

    def wait(self, timeout: float | None = None) -> list[Result]:
        """What has come back: at least one, unless the time in seconds is over or nothing is out.

        Raises LinksimError where workers end before they have started.
        """
        until = None if timeout is None else monotonic() + timeout
        while self._queue or any(seat.task is not None for seat in self._seats):
            left = None if until is None else max(0.0, until - monotonic())
            ready = connection.wait([seat.channel for seat in self._seats], left)
            back = [each for seat in list(self._seats) if seat.channel in ready for each in self._hear(seat)]
            self._hand_out()
            if back or not ready:
                return back
        return []

    def recall(self) -> list[Task]:
        """Those that wait for a free worker."""
        tasks = [*self._queue]
        self._queue.clear()
        return tasks

    def close(self, now: bool = False) -> None:
        """End the workers: at once, or each when the task in its hand is done. What comes back is dropped."""
        self._queue.clear()
        for seat in self._seats:
            seat.task = seat.task if seat.started else None
        while not now and any(seat.task is not None for seat in self._seats):
            self.wait()
        self._finalize()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(now=kind is not None)

    def _hand_out(self) -> None:
        """Give the head of the queue to workers that are free, or that start now."""
        free = [seat for seat in self._seats if seat.task is None]
        while self._queue and (free or len(self._seats) < self.size):
            seat = free.pop(0) if free else self._start()
            seat.task = self._choose(seat)
            if seat.started and not _send(seat.channel, seat.task):
                self._queue.appendleft(seat.task)
                seat.task = None  # it ended while it had nothing to do: the next wait hears of it

    def _choose(self, seat: Seat) -> Task:
        """Of the queue what has the fewest pictures new to the worker; of those, what others know least."""
        others = {each for other in self._seats if other is not seat for each in other.known}

        def rank(task: Task) -> tuple[int, int]:
            pictures = {job.sha256 for job in task.jobs}
            return len(pictures - seat.known), len(pictures & others)

        task = min(self._queue, key=rank)
        self._queue.remove(task)
        seat.known |= {job.sha256 for job in task.jobs}
        return task

    def _start(self) -> Seat:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=serve, args=(theirs, self._threads, self._keep, os.getpid()), name="linksim-worker"
        )
        with uninterrupted():
            process.start()
        theirs.close()
        seat = Seat(process=process, channel=ours)
        self._seats.append(seat)
        return seat

    def _hear(self, seat: Seat) -> list[Result]:
        """What a worker says: that it has started, what became of its task, or nothing more, ever."""
        try:
            message = seat.channel.recv_bytes()
        except (EOFError, OSError):
            return self._bury(seat)
        if not message:
            seat.started, self._stillborn = True, 0
            _send(seat.channel, self._compute)
            if seat.task is not None:
                _send(seat.channel, seat.task)
            return []
        seat.task = None
        return [pickle.loads(message)]

    def _bury(self, seat: Seat) -> list[Result]:
        """Clear the seat of a worker that ended. What it had begun is lost, what it had not goes back."""
        self._seats.remove(seat)
        seat.channel.close()
        seat.process.join()
        task, reason = seat.task, _epitaph(seat.process)
        if seat.started:
            return [] if task is None else [Lost(task=task, reason=reason)]
        if task is not None:
            self._queue.appendleft(task)
        self._stillborn += 1
        if self._stillborn >= STILLBORN:
            raise LinksimError(
                "workers",
                "must be able to start",
                reason,
                "a script of your own needs `if __name__ == '__main__':` before what starts a run",
            )
        return []


def _send(channel: Connection, what: object) -> bool:
    """Whether the other end was there to take it."""
    try:
        channel.send(what)
    except OSError:
        return False
    return True


def _epitaph(process: SpawnProcess) -> str:
    code = process.exitcode or 0
    if code >= 0:
        return f"worker {process.pid} ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"worker {process.pid} was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def _kill(seats: list[Seat]) -> None:
    """End the workers at once: they write nothing, so there is nothing to spoil."""
    for seat in seats:
        seat.process.kill()
    for seat in seats:
        seat.process.join()
        seat.channel.close()
    seats.clear()
