"""A study that needs no TensorFlow, runs of it as processes of their own, and what they leave when killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import numpy as np
import pandas as pd
from PIL import Image

from linksim import disk, results

MARK = "LINKSIM_SURVIVAL"
"""An environment variable that every process of a run inherits, so that none is overlooked."""
GONE_S = 5.0
"""Seconds within which no process of a run that was killed may be left."""
TRIALS = 8
SCENARIO = """\
name: {name}
images: {{folder: {photos}}}
codec: {{kind: jpeg2000}}
links:
  air:
    bandwidth_ratio: 1/6
    channel: {{kind: rician, k_factor: 1.0, block: frame}}
    engine: native
    streams:
      picture: {{kind: digital, mcs: {mcs}}}
trials: {{per_image: {trials}}}
metrics: [psnr_db]
seed: 3
"""
STUDY = """\
name: survivors
scenarios:
  robust: robust.yaml
  fast: fast.yaml
sweep: {snr_db: 0:12:3}
"""


def write_study(home: Path, trials: int = TRIALS) -> Path:
    """Three smooth pictures, one of odd sides, two systems, five SNRs; units of a fraction of a second."""
    rng, photos = np.random.default_rng(2), home / "photos"
    photos.mkdir(parents=True)
    for name, (height, width) in (("a", (64, 96)), ("b", (81, 59)), ("c", (72, 72))):
        coarse = rng.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3))
        smooth = np.kron(coarse, np.ones((16, 16, 1)))[:height, :width]
        Image.fromarray(smooth.astype(np.uint8)).save(photos / f"{name}.png")
    for name, mcs in (("robust", "qpsk-1/2"), ("fast", "16qam-1/2")):
        text = SCENARIO.format(name=name, photos=photos, mcs=mcs, trials=trials)
        (home / f"{name}.yaml").write_text(text)
    study = home / "study.yaml"
    study.write_text(STUDY)
    return study


@dataclass
class Running:
    """`linksim run` as a process, and every process that it starts, known by their mark."""

    study: Path
    out: Path
    options: tuple[str, ...] = ("--workers", "2")
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        words = [
            sys.executable,
            "-m",
            "linksim",
            "run",
            str(self.study),
            "--out",
            str(self.out),
            *self.options,
        ]
        self._out, self._err = TemporaryFile("w+"), TemporaryFile("w+")  # noqa: SIM115 (gone with this)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            words,
            env=os.environ | {MARK: self.mark},
            stdout=self._out,
            stderr=self._err,
            start_new_session=True,
            preexec_fn=_default_signals,
        )

    def alive(self) -> list[int]:
        """Processes of the run that have not ended, the parent among them."""
        return marked(self.mark)

    def workers(self) -> list[int]:
        """Processes that compute: those that were spawned, and no tracker of resources."""
        pids = [pid for pid in self.alive() if pid != self.process.pid]
        return [pid for pid in pids if "spawn_main" in _read(f"/proc/{pid}/cmdline")]

    def kill(self, signal_: int = signal.SIGKILL) -> None:
        """A signal to the parent alone."""
        self.process.send_signal(signal_)

    def end(self, timeout: float = 120.0) -> tuple[int, str, str]:
        """(exit code, standard output, standard error) once the parent has ended."""
        self.process.wait(timeout)
        return self.process.returncode, _text(self._out), _text(self._err)

    def tells(self, line: str, timeout: float = 30.0) -> None:
        """Wait until standard error has the line."""
        deadline = time.monotonic() + timeout
        while line not in _text(self._err).splitlines() and time.monotonic() < deadline:
            time.sleep(0.01)

    def leftover(self) -> list[int]:
        """Processes that outlive the parent by `GONE_S`; they are killed then."""
        self.process.wait(timeout=60)
        deadline = time.monotonic() + GONE_S
        while (left := self.alive()) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        return left

    def until(self, shards: int, timeout: float = 60.0) -> None:
        """Wait until so many units are there, or the run has ended."""
        deadline = time.monotonic() + timeout
        while len(units(self.out)) < shards and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)


def _text(file: IO[str]) -> str:
    """What was written so far, wherever the writer stands."""
    return os.pread(file.fileno(), 1 << 20, 0).decode()


def marked(mark: str) -> list[int]:
    """Processes that have the mark in their environment, and are no zombies."""
    pids = map(int, filter(str.isdigit, os.listdir("/proc")))
    return [pid for pid in pids if _carries(pid, mark)]


def _carries(pid: int, mark: str) -> bool:
    state = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return f"{MARK}={mark}" in _read(f"/proc/{pid}/environ").split("\0") and state[:1] != ["Z"]


def _default_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job would pass on that it is ignored


def _read(path: str) -> str:
    try:
        return Path(path).read_bytes().decode(errors="replace")
    except OSError:
        return ""


def units(folder: Path) -> list[Path]:
    """The shards that are there."""
    return sorted((folder / "rows").glob("*.parquet"))


def table(folder: Path) -> pd.DataFrame:
    """The rows of a run without wall times, each trial once."""
    rows = results.read_rows(folder)
    rows = rows.drop(columns=[name for name in rows if name.startswith(results.TIMINGS)])
    assert not rows.duplicated(["point", "image_index", "trial"]).any()
    return rows


def finish(study: Path, out: Path, *options: str) -> tuple[str, str]:
    """Run to the end, by one process, which takes least; what it printed."""
    running = Running(study, out, options or ("--workers", "1"))
    code, printed, told = running.end()
    assert code == 0, told
    assert not running.leftover()
    return printed, told


def assert_whole(folder: Path, expected: Path) -> None:
    """The folder holds what an uninterrupted run left in the other, and nothing half-written."""
    pd.testing.assert_frame_equal(table(folder), table(expected))
    assert not list(folder.rglob(f"*{disk.PARTIAL}"))
    told = [sorted(path.relative_to(each) for path in each.rglob("*.png")) for each in (folder, expected)]
    assert told[0] == told[1]
    assert [path.name for path in units(folder)] == [path.name for path in units(expected)]


@dataclass(frozen=True)
class Pace:
    """Of the run that nothing interrupted: seconds to its first unit, and of its report; its units."""

    start_s: float
    report_s: float
    units: int


def measured(study: Path, folder: Path) -> Pace:
    """Run the study into the folder, and keep the time."""
    running = Running(study, folder)
    running.until(1)
    start_s = time.monotonic() - running.started
    last = time.monotonic()
    there = 0
    while running.process.poll() is None:
        if len(units(folder)) > there:
            there, last = len(units(folder)), time.monotonic()
        time.sleep(0.01)
    code, _, told = running.end()
    assert code == 0, told
    return Pace(start_s=start_s, report_s=time.monotonic() - last, units=there)
