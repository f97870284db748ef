"""A worker: one process that computes one task after another for the parent that started it.

This module imports nothing heavy: the libraries' threads must be set before NumPy, Numba, ONNX Runtime and
TensorFlow are imported, which happens with the first message.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from multiprocessing import connection, parent_process, resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from linksim.errors import LinksimError
from linksim.work.threads import limit

_ONE_AT_A_TIME = threading.Lock()

PARENTS = ("SIGINT", "SIGTERM")
"""Signals that the parent answers for all: a whole process group gets them."""


def serve(channel: Connection, threads: int, keep: bool, parent: int) -> None:
    """Answer every task that comes down the channel, until it closes.

    First an empty message tells that the worker has started; then come the function that computes, and tasks.
    """
    for name in PARENTS:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    end_with(parent)
    limit(threads, keep)
    try:
        channel.send_bytes(b"")
        compute = channel.recv()
        while True:
            channel.send_bytes(pickle.dumps(attempt(compute, channel.recv())))
    except (EOFError, OSError):
        return


def attempt(compute: Any, task: Any) -> Any:
    """What became of a task: Done, or Failed with an error that the parent can unpickle."""
    from linksim.work.crew import Failed

    try:
        return compute(task)
    except Exception as error:
        return Failed(task=task, error=portable(error))


def perform(compute: bytes, data: bytes, home: str) -> bytes:
    """A pickled task, in a worker of a Dask cluster: one at a time, on LINKSIM_THREADS threads, else on one.

    compute: the function that computes, pickled, so that threads are told before it is imported. A line that
    the user can mend names the worker, which may be far from the user. home: the user's working
    directory, which relative paths mean; where there is none, a path's own line tells so.
    """
    with _ONE_AT_A_TIME:
        keep_memory()
        with suppress(OSError):
            os.chdir(home)
        told = os.environ.get("LINKSIM_THREADS", "")
        limit(int(told) if told.isdecimal() and int(told) else 1, keep=True)
        back = attempt(pickle.loads(compute), pickle.loads(data))
    error = getattr(back, "error", None)
    if isinstance(error, LinksimError) and not error.where.startswith("worker "):
        from distributed import get_worker

        back = replace(back, error=type(error)(f"Dask worker {get_worker().address}", str(error)))
    return pickle.dumps(back)


@cache
def keep_memory() -> None:
    """Have glibc use again what it would give back: Dask's settings give back every large array's memory.

    The system then clears every page anew, which took a third of a worker's time.
    """
    with suppress(OSError, AttributeError):
        import ctypes

        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD: arrays up to that size from the heap
        libc.mallopt(-1, 256 << 20)  # M_TRIM_THRESHOLD: free memory that is kept


def portable(error: Exception) -> Exception:
    """The error as another process can read it. A bug keeps its traceback, as a note."""
    told = "".join(traceback.format_exception(error))
    if not isinstance(error, LinksimError):
        error.add_note(f"in worker {os.getpid()}:\n{told}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"in worker {os.getpid()}:\n{told}")
    return error


def end_with(parent: int) -> None:
    """End this process when its parent ends, however it does.

    Linux kills it with the thread that started it; elsewhere, and were that missed, a thread watches.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # it ended before the line above
            os._exit(1)
    started_by = parent_process()
    if started_by is not None:
        threading.Thread(target=_watch, args=(started_by.sentinel,), daemon=True).start()


def _watch(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits meanwhile. Processes and threads that start here never hear of it, if they do not ask."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would lift the block when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
