"""What a task shows while it runs: on a terminal, in a log file, and to a machine."""

import io
import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from rich.console import Console

from linksim.live import _summary
from linksim.plan import Plan, Point
from linksim.progress import Pace, Progress, overall
from linksim.progress_board import Board
from linksim.progress_views import Lines, Log
from linksim.stopping import HalfWidth, Stop


def on_a_terminal(argv: list[str], cwd: Path, stdout: int | None = None) -> tuple[int, str]:
    """(exit code, what the terminal got) of the command; its standard output may go elsewhere."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "linksim", *argv],
        cwd=cwd,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    return process.wait(timeout=60), seen.decode()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_lines_that_go_to_a_file_do_not_go_to_the_terminal(tmp_path):
    with (tmp_path / "rows").open("w") as rows:
        words = ["ber", "--code", "uncoded", "--ebn0", "1", "--frames", "100", "--out", str(tmp_path / "ber")]
        code, seen = on_a_terminal(words, tmp_path, rows.fileno())
    assert code == 0, seen
    assert "Eb/N0" in (tmp_path / "rows").read_text()
    assert "Eb/N0" not in seen


@dataclass(frozen=True, kw_only=True)
class State:
    """What the runner tells of a point."""

    point: Point
    done: int
    planned: int
    most: int
    stopped: str | None = None
    psnr_db: float | None = 30.0
    half_width: float | None = 0.25
    outages: int = 0
    block_errors: int = 0


@dataclass(frozen=True, kw_only=True)
class Event:
    """What the runner tells of a unit."""

    point: Point
    rows: list
    found: bool
    state: State


def plan_with(n_points: int, per_image: int, stop: Stop | None = None, systems: int = 1) -> Plan:
    """A plan whose points differ in nothing but their place."""
    scenario = SimpleNamespace(trials=SimpleNamespace(per_image=per_image, stop=stop))
    names = [f"system {number}" for number in range(systems)] if systems > 1 else [""]
    points = tuple(
        Point(index=i, values={"snr_db": i / 2}, scenario=scenario, system=names[i * systems // n_points])
        for i in range(n_points)
    )
    scenarios = dict.fromkeys(names, scenario)
    return Plan(name="made", points=points, fields=("snr_db",), scenarios=scenarios)


def progress_of(plan: Plan, size: int = 1, now=lambda: 0.0) -> Progress:
    most = [point.scenario.trials.per_image for point in plan.points]
    return Progress(plan, most, Pace(size=size, now=now))


def unit(point: Point, done: int, trials: int = 10, cost_s: float = 0.1, **told) -> Event:
    """A unit of the point is back, which brings it to `done` trials; each took `cost_s`."""
    most = point.scenario.trials.per_image
    told.setdefault("stopped", "all" if done == most else None)
    state = State(point=point, done=done, planned=told.pop("planned", most), most=most, **told)
    return Event(point=point, rows=[{"seconds.link": cost_s}] * trials, found=False, state=state)


@pytest.mark.parametrize("workers", [1, 5])
def test_the_time_to_go_is_right_from_the_first_unit_on(workers):
    clock = [0.0]
    plan = plan_with(20, per_image=100, systems=2)
    progress = progress_of(plan, workers, now=lambda: clock[0])
    assert progress.eta_s() is None
    costs = {"system 0": 0.01, "system 1": 0.03}
    ends = sum(costs[point.system] * 100 for point in plan.points) / workers
    waits = [(point, done) for done in range(10, 101, 10) for point in plan.points]
    clock[0] = begun = 7.0  # whatever it took to start
    for number, (point, done) in enumerate(waits):
        seconds = costs[point.system] * 10
        clock[0] += seconds / workers
        progress.take(unit(point, done, cost_s=costs[point.system]))
        left = begun + ends - clock[0]
        if number >= 20 - 1:  # both systems were seen
            assert progress.eta_s() == pytest.approx(left, rel=0.1, abs=0.5)
        else:
            assert left / 3 < progress.eta_s() < left * 3
    assert progress.eta_s() == 0


def test_what_was_found_done_tells_nothing_of_the_pace():
    progress = progress_of(plan := plan_with(2, per_image=100))
    progress.take(replace(unit(plan.points[0], 100), found=True))
    assert progress.eta_s() is None
    assert (progress.done, progress.points_done) == (100, 1)


@pytest.mark.parametrize(
    ("stop", "told", "expected"),
    [
        (Stop(block_errors=50), {"block_errors": 25}, 400),
        (Stop(half_width=HalfWidth(psnr_db=0.1)), {"half_width": 0.2}, 800),
        (Stop(trials=300), {}, 300),
        (Stop(block_errors=50), {"block_errors": 0}, 1000),
        (Stop(half_width=HalfWidth(psnr_db=0.1)), {"half_width": float("nan")}, 1000),
        (Stop(block_errors=50), {"block_errors": 50, "planned": 300}, 300),
        (None, {}, 1000),
    ],
)
def test_a_rule_that_will_end_a_point_early_shortens_the_time_to_go(stop, told, expected):
    progress = progress_of(plan := plan_with(2, per_image=1000, stop=stop))
    progress.take(unit(plan.points[0], 200, **({"planned": 200} | told)))
    assert progress.expected == 2 * expected  # the point of which nothing is known likely takes as long


def drawn(board: Board, width: int = 80, height: int = 24) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(board)
    return console.file.getvalue().splitlines()


def test_two_thousand_points_stay_within_the_terminal():
    board = Board(Console(width=80, height=24, file=io.StringIO()))
    board.begin(plan := plan_with(2000, per_image=100), Path("run"), progress := progress_of(plan))
    for index in (3, 700, 1999, 3):
        progress.take(unit(plan.points[index], 50, outages=5))
    lines = drawn(board)
    assert len(lines) < 24
    assert all(len(line) <= 80 for line in lines)
    assert "0/2000 points, 150 of about 200000 trials" in lines[0]
    shown = [line[:12].strip() for line in lines[2:-1]]
    assert shown == ["SNR 1.5 dB", "SNR 350 dB", "SNR 999.5 dB"]
    assert "50/100  30.00 +-0.25   10.0%" in lines[2]
    assert "3 of 2000" in lines[-1]


def test_when_every_point_is_done_the_report_is_awaited():
    progress = progress_of(plan := plan_with(1, per_image=100))
    progress.take(unit(plan.points[0], 100))
    assert overall(progress) == "1/1 point, 100 of about 100 trials, writing the report"


def test_of_many_points_the_summary_is_a_line_a_system():
    progress = progress_of(plan := plan_with(40, per_image=100, systems=2))
    for point in plan.points[:30]:
        told = {"psnr_db": 20.0 + point.index, "outages": point.index}
        progress.take(unit(point, 100 if point.index < 25 else 50, **told))
    console = Console(width=80, file=io.StringIO())
    console.print(_summary(Path("run"), progress.lines))
    lines = [line.split("  ") for line in console.file.getvalue().splitlines()]
    assert [cell.strip() for cell in lines[1] if cell] == [
        *("system 0", "20/20", "2000", "20.00 to 39.00", "0.0% to 19.0%")
    ]
    assert [cell.strip() for cell in lines[2] if cell] == [
        *("system 1", "5/20", "750", "40.00 to 49.00", "20.0% to 58.0%")
    ]
    assert lines[-1] == ["run: 40 points; linksim table run shows them all"]


def test_a_long_name_is_cut_and_no_number_is_lost():
    plan = plan_with(1, per_image=100)
    long = replace(plan.points[0], values={"links.air.streams.picture.decoder": "layered-offset-min-sum" * 4})
    board = Board(Console(width=60, height=24, file=io.StringIO()))
    board.begin(plan, Path("run"), progress := progress_of(plan))
    progress.take(unit(plan.points[0], 100, stopped="block errors"))
    progress.lines[0].point = long
    lines = drawn(board, width=60)
    assert lines[-1].endswith("30.00 +-0.25    0.0%  block errors")
    assert len(lines) == 3


def test_a_label_of_wide_letters_leaves_its_settings_room():
    plan = plan_with(1, per_image=100)
    board = Board(Console(width=80, height=24, file=io.StringIO()))
    board.begin(plan, Path("run"), progress := progress_of(plan))
    line = progress.lines[0]
    line.point = replace(line.point, values={"system": "\u4e2d\u6587" * 4, "snr_db": 15})
    assert drawn(board)[2].startswith("\u4e2d\u6587" * 4 + ", 15 dB ")


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (60, "JPE…, {} dB, k_fact…"),
        (70, "JPEG 2000…, {} dB, k_factor 10"),
        (100, "JPEG 2000 + LDPC, adaptive, {} dB, k_factor 10"),
    ],
)
def test_a_long_label_is_cut_before_the_settings_that_tell_points_apart(width, shown):
    plan = plan_with(2, per_image=100)
    board = Board(Console(width=width, height=24, file=io.StringIO()))
    board.begin(plan, Path("run"), progress := progress_of(plan))
    for line, snr_db in zip(progress.lines, (0, 5), strict=True):
        values = {
            "system": "JPEG 2000 + LDPC, adaptive",
            "snr_db": snr_db,
            "links.air.channel.k_factor": 10.0,
        }
        line.point = replace(line.point, values=values)
    told = [line.partition("0/100")[0].strip() for line in drawn(board, width)[2:]]
    assert told == [shown.format(0), shown.format(5)]


def test_a_log_file_gets_a_line_a_point_and_at_most_one_a_minute():
    clock, written = [0.0], []
    log = Log(written.append, now=lambda: clock[0])
    log.begin(plan := plan_with(2, per_image=100_000), Path("run"), progress := progress_of(plan))
    for done in range(10, 10_001, 10):
        clock[0] += 0.5
        log.take(progress.take(unit(plan.points[1], done)))
    assert len(written) == 8  # 500 seconds
    assert written[0].startswith("0/2 points, 1200 of about 200000 trials, ")
    log.take(progress.take(unit(plan.points[1], 100_000, outages=1000)))
    assert written[8:] == ["snr_db=0.5: 100000 trials, PSNR 30.00 +-0.25 dB, outage 1.0%"]
    log.take(progress.take(unit(plan.points[0], 400, stopped="half width")))
    assert written[-1].endswith("stopped by half width")
    assert all(line.isprintable() for line in written)


def test_a_machine_gets_an_object_a_line_and_no_number_that_is_none():
    written: list[str] = []
    lines = Lines(written.append)
    plan = plan_with(1, per_image=100)
    vars(plan.points[0])["id"] = "0" * 16
    lines.begin(plan, Path("run"), progress := progress_of(plan))
    lines.take(progress.take(unit(plan.points[0], 50, psnr_db=float("inf"), half_width=float("nan"))))
    lines.take(progress.take(unit(plan.points[0], 100)))
    lines.end(interrupted=False)

    def none(word: str) -> None:
        raise AssertionError(word)

    start, running, ended, done = (json.loads(line, parse_constant=none) for line in written)
    assert start == {"event": "start", "name": "made", "folder": "run", "points": 1, "trials": 100}
    assert (running["event"], running["psnr_db"], running["half_width"]) == ("progress", None, None)
    assert (running["done"], running["values"]) == (50, {"snr_db": 0.0})
    assert (ended["event"], ended["stopped"], ended["psnr_db"], ended["eta_s"]) == ("point", "all", 30.0, 0.0)
    assert done == {"event": "done", "folder": "run", "trials": 100}


SCENARIO = """\
name: small
images: {folder: pictures}
codec: {kind: jpeg2000}
links:
  air:
    bandwidth_ratio: 1/6
    channel: {kind: rician, k_factor: 1.0}
    engine: reference
    streams:
      picture: {kind: digital, mcs: qpsk-1/2}
metrics: [psnr_db]
sweep: {snr_db: [0, 10]}
trials: {per_image: 3}
seed: 1
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A working directory with a scenario of two points and one small picture."""
    home = tmp_path_factory.mktemp("home")
    (home / "pictures").mkdir()
    Image.linear_gradient("L").resize((48, 32)).convert("RGB").save(home / "pictures" / "grey.png")
    (home / "s.yaml").write_text(SCENARIO)
    return home


def call(home: Path, *words: str) -> subprocess.CompletedProcess:
    argv = [sys.executable, "-m", "linksim", *words]
    return subprocess.run(argv, cwd=home, capture_output=True, text=True, timeout=120)


def test_a_machine_can_follow_a_run_and_people_read_its_summary_elsewhere(home):
    done = call(home, "run", "s.yaml", "--json", "--out", "json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["event"] for each in events] == ["start", "point", "point", "done"]
    assert {"points": 2, "trials": 6, "folder": "json", "name": "small"}.items() <= events[0].items()
    assert [each["values"] for each in events[1:3]] == [{"snr_db": 0}, {"snr_db": 10}]
    assert all((each["stopped"], each["done"]) == ("all", 3) for each in events[1:3])
    assert done.stderr == "6 trials, 0 of them found done, " + done.stderr.rpartition(", ")[2]
    wrong = call(home, "run", "s.yaml", "--json", "--out", "json", "--seed", "9")
    assert wrong.returncode == 2
    told = [json.loads(line) for line in wrong.stdout.splitlines()]
    assert told[-1] == {"event": "error", "message": wrong.stderr.strip()}


def test_a_log_file_gets_plain_lines_and_no_control_characters(home):
    done = call(home, "run", "s.yaml", "--out", "log")
    assert done.returncode == 0, done.stderr
    assert [line.split(",")[0] for line in done.stderr.splitlines()] == [
        "snr_db=0: 3 trials",
        "snr_db=10: 3 trials",
    ]
    assert all(line.isprintable() for line in (done.stdout + done.stderr).splitlines())
    again = call(home, "run", "s.yaml", "--out", "log")
    assert again.stdout.splitlines()[-1].startswith("6 trials, 6 of them found done")
    assert again.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such terminals")
def test_a_terminal_shows_a_bar_and_then_the_summary(home):
    code, seen = on_a_terminal(["run", "s.yaml", "--out", "seen"], home)
    assert code == 0, seen
    assert "2/2 points, 6 of about 6 trials" in seen or "1/2 points, 3 of about 6 trials" in seen
    assert "SNR 10 dB" in seen
    assert "\x1b[2K" in seen  # the bar is wiped away
    after = seen.rpartition("\x1b[2K")[2]
    assert "SNR (dB)" in after
    assert "6 trials, 0 of them found done" in after
    assert "0s to go" not in after
