"""How many cores there are for us, and the threads of a worker's libraries. Imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path

LIBRARIES = (
    "LINKSIM_THREADS",  # ONNX Runtime, by linksim
    "TF_NUM_INTRAOP_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""Variables that libraries read once, when they are imported."""
ONE = ("TF_NUM_INTEROP_THREADS", "OPENBLAS_NUM_THREADS")
"""Of which one is best: NumPy's matrices are small here. Eigenvalues of 28 x 28 take 0.1 ms, and on two
threads of busy cores 20 ms.
"""


def cores(root: Path = Path("/")) -> int:
    """Cores that this process may use: by affinity and by the quota of its control groups; at least 1."""
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([free, *(int(quota) for quota in _quotas(root))]))


def share(workers: int) -> int:
    """Threads of one of several workers here: LINKSIM_THREADS, else its part of the cores; at least 1."""
    told = os.environ.get("LINKSIM_THREADS", "")
    return int(told) if told.isdecimal() and int(told) else max(1, cores() // workers)


def environment(threads: int) -> dict[str, str]:
    """The variables that hold every library to so many threads."""
    return dict.fromkeys(LIBRARIES, str(threads)) | dict.fromkeys(ONE, "1")


def limit(threads: int, keep: bool = False) -> None:
    """Set the variables here, before the libraries are imported. keep: what is set already stays."""
    for name, value in environment(threads).items():
        if not (keep and os.environ.get(name)):
            os.environ[name] = value


def _quotas(root: Path) -> list[float]:
    """Cores by the quota of each control group that this process is in, of version 2 or 1."""
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in groups:
        _, controllers, place = line.split(":", 2)
        home = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        if controllers and "cpu" not in controllers.split(","):
            continue
        inner = Path(place.lstrip("/"))
        for each in (inner, *inner.parents):  # the last is the top, which is all that a container sees
            found += _quota(home / each)
    return found


def _quota(group: Path) -> list[float]:
    """Quota over period: `cpu.max` of version 2, two files of version 1; nothing where there is no limit."""
    for names in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        try:
            quota, period = " ".join((group / name).read_text() for name in names).split()
        except (OSError, ValueError):
            continue
        return [int(quota) / int(period)] if quota not in ("max", "-1") else []
    return []
