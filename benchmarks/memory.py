"""How much memory the workers of a study take, over its whole length.

    python benchmarks/memory.py STUDY [--workers 2] [--set FIELD=VALUE ...]

Runs the study by `linksim run` into a folder that is thrown away, looks at every process that it starts every
ten seconds (Linux's /proc), and prints for each tenth of the time the most that a worker held. Needs no
quiet machine.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

PERIOD_S = 10.0
PARTS = 10
MIB = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", action="append", dest="sets", metavar="FIELD=VALUE", default=[])
    given = parser.parse_args()
    sets = [f"--set={each}" for each in given.sets]
    with TemporaryDirectory() as home:
        command = [sys.executable, "-m", "linksim", "run", given.study, *sets]
        command += ["--workers", str(given.workers), "--out", str(Path(home) / "run")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        seen, began = [], time.monotonic()
        while process.poll() is None:
            seen.append((time.monotonic() - began, max(map(resident_mib, children(process.pid)), default=0)))
            time.sleep(PERIOD_S)
    if process.returncode:
        sys.exit(process.returncode)
    whole = seen[-1][0] + PERIOD_S
    for part in range(PARTS):
        held = [mib for at, mib in seen if part <= at * PARTS / whole < part + 1]
        if held:
            print(f"{part * whole / PARTS:7.0f} s   largest worker {max(held):6.0f} MiB")


def children(parent: int) -> list[int]:
    """Processes that the parent started and that run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
        except (OSError, IndexError):
            continue
    return found


def resident_mib(process: int) -> float:
    """Resident memory of a process, MiB; 0 if it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    line = next((each for each in status.splitlines() if each.startswith("VmRSS:")), "VmRSS: 0 kB")
    return int(line.split()[1]) * 1024 / MIB


if __name__ == "__main__":
    main()
