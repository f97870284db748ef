"""`linksim calibrate`: counts on file, and one line for what is wrong."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from linksim.cli import linksim
from linksim.errors import LinksimError

QUICK = ["--engine", "reference", "--errors", "5", "--blocks", "256", "--floor", "0.999"]


def run(*arguments: str):
    return CliRunner().invoke(linksim, ["calibrate", *arguments], catch_exceptions=True)


def test_counts_are_kept_and_told(tmp_path):
    path = tmp_path / "counts.json"
    done = run("--mcs", "qpsk-1/2", *QUICK, "--out", str(path))
    assert done.exit_code == 0, done.output
    assert "qpsk-1/2" in done.output
    assert str(path) in done.output.replace("\n", "")
    (curve,) = json.loads(path.read_text())["curves"].values()
    assert all(row[1] <= row[2] for row in curve["counts"])
    before = path.read_text()
    assert run("--mcs", "qpsk-1/2", *QUICK, "--out", str(path)).exit_code == 0
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "needs a scheme or a set"),
        (("--mcs", "qpsk-1/3"), "did you mean 'qpsk-1/2'"),
        (("--mcs", "qpsk-1/2", "--decoder", "viterbi"), "must fit 802.11ad-1/2"),
        (("--mcs", "qpsk-1/2", "--decoder", "viter"), "did you mean 'viterbi'"),
        (("--set", "cqi4"), "--set: must be one of hda, 802.11ad, cqi1"),
        (("--mcs", "qpsk-1/2", "--floor", "2"), "--floor: must"),
        (("--mcs", "qpsk-1/2", "--step", "5"), "--step: must lie between 0.01 and 3 dB, got 5.0"),
        (("--mcs", "qpsk-1/2", "--step", "0.001"), "--step: must"),
        (("--mcs", "qpsk-1/2", "--engine", "none"), "--engine: must be one of"),
        (("--mcs", "qpsk/802.11ad-1/2x"), "--mcs: "),
        (("--mcs", "nope"), "--mcs: must"),
        (("--mcs", "qpsk-1/2", "--decoder", "min-sum:clip=-1"), "--decoder: decoder.clip: must"),
        (("--mcs", "qpsk-1/2", "--out", "/proc/x"), "--out: must be writable, got '/proc/x'"),
        (("--mcs", "qpsk-1/2", "--out", "/dev/null"), "--out: must be a file"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, told):
    done = run(*arguments)
    shown = done.output + str(done.exception or "")
    assert done.exit_code != 0
    assert told in shown
    assert "Traceback" not in done.output
    assert isinstance(done.exception, LinksimError | SystemExit)


def test_points_are_as_close_as_they_are_asked_for(tmp_path):
    path = tmp_path / "counts.json"
    asked = ["--engine", "reference", "--errors", "5", "--blocks", "64", "--floor", "0.9", "--step", "0.4"]
    assert run("--mcs", "qpsk-1/2", *asked, "--out", str(path)).exit_code == 0
    (curve,) = json.loads(path.read_text())["curves"].values()
    at = [row[0] for row in curve["counts"]]
    assert np.diff(at) == pytest.approx(0.4)
    assert len(at) > 2


def test_a_table_that_is_none_is_left_alone(tmp_path):
    path = tmp_path / "notes.json"
    path.write_text("[]")
    done = run("--mcs", "qpsk-1/2", *QUICK, "--out", str(path))
    assert done.exit_code != 0
    assert path.read_text() == "[]"
