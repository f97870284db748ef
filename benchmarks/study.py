"""How much faster a study is done by two workers than by one: `make bench-study`.

    python benchmarks/study.py [STUDY] [--set FIELD=VALUE ...] [--threads 1] [--quick]

Each crew computes the whole study into a folder of its own, by `linksim run`, from a cold start to the
report: one local worker, two, and two of a Dask cluster, each on `--threads` threads. The tables must be the
same.
Without --quick one worker must take two minutes at least, and two workers must be 1.7 times as fast.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import pandas as pd

from linksim import results

LEAST_SECONDS = 120
LEAST_RATIO = 1.7
STUDY = "scenarios/rician_jpeg2000_ldpc.yaml"
SETS = ("links.air.engine=native", "trials.per_image=64")
"""A JPEG 2000 baseline at five SNRs, 256 trials of photos at each; no TensorFlow, so the start is short."""

LINKSIM = (sys.executable, "-m", "linksim")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", nargs="?", default=STUDY)
    parser.add_argument("--set", action="append", dest="sets", metavar="FIELD=VALUE")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="`linksim run --quick`, and no bar to pass")
    given = parser.parse_args()
    sets = given.sets if given.sets is not None or given.study != STUDY else SETS
    command = [given.study, *(f"--set={each}" for each in sets or ()), *(["--quick"] if given.quick else [])]
    local = {f"{n} local": ["--workers", str(n), "--threads", str(given.threads)] for n in (1, 2)}
    with TemporaryDirectory() as home, cluster(given.threads) as address:
        crews = local | {"2 of Dask": ["--dask", address]}
        seconds, tables = {}, {}
        for name, options in crews.items():
            folder = Path(home) / name
            seconds[name] = timed([*LINKSIM, "run", *command, *options, "--out", str(folder)])
            tables[name] = table(folder)
            ratio = seconds["1 local"] / seconds[name]
            inside = tables[name].attrs["computing"]
            print(f"{name:10} {seconds[name]:7.1f} s   x{ratio:.2f}   {inside:7.1f} s in units", flush=True)
    for name, each in tables.items():
        pd.testing.assert_frame_equal(tables["1 local"], each, check_exact=True, obj=name)
    print(f"{len(tables['1 local'])} trials, the same in every table; load was {os.getloadavg()[1]:.1f}")
    if not given.quick:
        judge(seconds)


def judge(seconds: dict[str, float]) -> None:
    """End with a line where the study is too short to tell, or two local workers are too slow."""
    if seconds["1 local"] < LEAST_SECONDS:
        sys.exit(f"one worker took less than {LEAST_SECONDS} s: more trials, please")
    if seconds["1 local"] / seconds["2 local"] < LEAST_RATIO:
        sys.exit(f"two workers must be {LEAST_RATIO} times as fast as one")


def timed(command: list[str]) -> float:
    """Seconds that the command takes; it ends this one where it fails."""
    start = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return perf_counter() - start


def table(folder: Path) -> pd.DataFrame:
    """The rows without their timings. attrs['computing']: the seconds of all stages, over all workers."""
    rows = results.read_rows(folder)
    timings = [name for name in rows if name.startswith(results.TIMINGS)]
    table = rows.drop(columns=timings)
    table.attrs["computing"] = float(rows[timings].sum().sum())
    return table


@contextmanager
def cluster(threads: int) -> Iterator[str]:
    """Two workers of Dask on this machine, idle until they are asked; their scheduler's address."""
    command = [*LINKSIM, "cluster", "local", "--workers", "2", "--threads", str(threads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"tcp://\S+\d", process.stdout.readline())[0]
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
