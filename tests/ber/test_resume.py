"""What is counted is kept: a call goes on from there, and ends where one without a break would."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from linksim.ber.store import ABOUT, UNITS

ROOT = Path(__file__).resolve().parent.parent.parent
WORDS = ("ber", "--code", "802.11ad-1/2", "--constellation", "qpsk", "--ebn0", "1.5", "--json")


def rows(out: str) -> list[dict]:
    """Rows of --json, without the time they took."""
    return [
        {name: value for name, value in row.items() if name not in ("seconds", "mbps")}
        for row in json.loads(out)["rows"]
    ]


def units(root: Path) -> Path:
    (found,) = root.glob(f"*/{UNITS}")
    return found


def test_stricter_limits_deepen_what_is_there_and_looser_ones_keep_it(call, tmp_path):
    few, many = ("--frame-errors", 10), ("--frame-errors", 40)
    _, whole, _ = call(*WORDS, *many, "--out", "whole")
    _, first, _ = call(*WORDS, *few, "--out", "split")
    _, second, _ = call(*WORDS, *many, "--out", "split")
    _, third, _ = call(*WORDS, *few, "--out", "split")
    assert rows(first)[0]["frames"] < rows(second)[0]["frames"]
    assert rows(second) == rows(whole)
    assert rows(third) == rows(whole), "what is known is not thrown away"
    starts = [json.loads(line)["start"] for line in units(tmp_path / "split").read_text().splitlines()]
    assert starts == sorted(set(starts)), "no frame is sent twice"


def test_a_limit_on_frames_inside_a_unit_moves_no_later_stop(call):
    _, whole, _ = call(*WORDS, "--frame-errors", 30, "--out", "whole")
    call(*WORDS, "--frames", 100, "--out", "split")
    _, split, _ = call(*WORDS, "--frame-errors", 30, "--out", "split")
    assert rows(split) == rows(whole)


def test_fresh_forgets(call, tmp_path):
    call(*WORDS, "--frames", 64, "--out", "here")
    before = units(tmp_path / "here").read_text()
    _, out, _ = call(*WORDS, "--frames", 64, "--out", "here", "--fresh")
    assert rows(out)[0]["frames"] == 64
    assert len(units(tmp_path / "here").read_text().splitlines()) == len(before.splitlines()) == 1


def test_a_line_that_a_kill_cut_short_is_counted_anew(call, tmp_path):
    _, whole, _ = call(*WORDS, "--frame-errors", 40, "--out", "here")
    path = units(tmp_path / "here")
    text = path.read_text()
    path.write_text(text[: text.rstrip("\n").rfind("\n") + 40])
    _, again, _ = call(*WORDS, "--frame-errors", 40, "--out", "here")
    assert rows(again) == rows(whole)
    assert path.read_text().count("\n") == text.count("\n")


@pytest.mark.parametrize("line", ['{"esn0_db": 1.5}', "nonsense", '{"esn0_db":1.5,"start":640,"stop":704}'])
def test_a_store_that_was_tampered_with_is_refused_with_its_line(call, tmp_path, line):
    call(*WORDS, "--frames", 64, "--out", "here")
    with units(tmp_path / "here").open("a") as file:
        file.write(line + "\n")
    code, _, err = call(*WORDS, "--frames", 128, "--out", "here")
    assert code == 2
    assert f"{UNITS}:2: must be a unit of frames" in err
    assert len(err.splitlines()) == 1


def test_what_decides_the_counts_has_a_folder_of_its_own(call, tmp_path):
    base = (*WORDS, "--frames", 1, "--out", "here")
    others = (
        ("--seed", 1),
        ("--demapper", "max-log"),
        ("--decoder", "min-sum"),
        ("--decoder", "sum-product:iterations=21"),
        ("--interleaver", "block"),
        ("--csi", "pilots:count=4"),
        ("--channel", "rayleigh"),
    )
    for words in ((), *others, ("--frame-errors", 7)):
        assert call(*base, *words)[0] == 0
    assert len(list((tmp_path / "here").glob(f"*/{ABOUT}"))) == 1 + len(others)


@contextlib.contextmanager
def begun(folder: Path, *words: object) -> Iterator[subprocess.Popen]:
    """The command in a process of its own, which does not outlive the test."""
    running = subprocess.Popen(
        [sys.executable, "-m", "linksim", *map(str, (*WORDS, *words))],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def wait_for_units(root: Path, count: int) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        if any(path.read_bytes().count(b"\n") >= count for path in root.glob(f"*/{UNITS}")):
            return
        time.sleep(0.01)
    raise AssertionError("no unit was done within five minutes")


def test_a_killed_run_goes_on_to_the_counts_of_one_without_a_break(call, tmp_path):
    with begun(tmp_path, "--frame-errors", 10**6, "--out", "killed") as running:
        wait_for_units(tmp_path / "killed", 2)
    assert running.returncode == -signal.SIGKILL
    kept = units(tmp_path / "killed").read_bytes().count(b"\n")
    assert kept >= 2
    limit = ("--frames", 500, "--frame-errors", 10**6)
    _, continued, _ = call(*WORDS, *limit, "--out", "killed")
    _, whole, _ = call(*WORDS, *limit, "--out", "whole")
    frames = rows(continued)[0]["frames"]
    if frames == 500:  # it was killed before that
        assert rows(continued) == rows(whole)
    else:
        _, whole, _ = call(*WORDS, "--frames", frames, "--frame-errors", 10**6, "--out", "whole")
        assert rows(continued) == rows(whole)


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path):
    words = ("--frame-errors", 10**6, "--out", "here", "--csv", "curve.csv")
    with begun(tmp_path, *words) as running:
        wait_for_units(tmp_path / "here", 1)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=300)
    assert running.returncode == 130
    assert "here keeps what is done; the same command goes on from there" in err
    assert "Traceback" not in err
    (row,) = rows(out)
    assert row["stopped"] == "interrupted"
    assert row["frames"] >= 64
    assert (tmp_path / "curve.csv").exists()


def test_two_runs_at_once_do_not_share_a_curve(call, tmp_path):
    with begun(tmp_path, "--frame-errors", 10**6, "--out", "here"):
        wait_for_units(tmp_path / "here", 1)
        code, _, err = call(*WORDS, "--frames", 64, "--out", "here")
    assert code == 2
    assert "must not be in use" in err


def test_calibrating_forgets_no_count(tmp_path, monkeypatch):
    from linksim.ber import request

    data = tmp_path / "phy" / "data"
    data.mkdir(parents=True)
    (tmp_path / "stopping.py").write_text("")
    monkeypatch.setattr(request, "HOME", tmp_path)
    monkeypatch.setattr(request, "__file__", str(tmp_path / "request.py"))
    digests = []
    for name, text in zip(("bler_curves.json",) * 2 + ("table.json", "a.py"), "1234", strict=True):
        (data / name).write_text(text)
        digests.append(request.code_digest.__wrapped__())
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3, "any other file decides"
