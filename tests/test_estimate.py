"""What `show` tells of a plan before it runs: systems, whether draws are paired, how long it takes."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from linksim.estimate import Clock, estimate
from linksim.images import load_images
from linksim.show import check, count, duration, pairing, show_plan
from linksim.study import plan_of
from linksim.work.compute import Done, compute

SCENARIO = """\
name: one
images: {{folder: {folder}}}
codec: {{kind: jpeg2000}}
links:
  air:
    bandwidth_ratio: 1/2
    channel: {{kind: rician, k_factor: 1.0}}
    engine: native
    streams:
      picture: {{kind: digital, mcs: bpsk-1/2}}
trials: {{per_image: 100}}
seed: 1
"""
STUDY = """\
name: both
scenarios:
  adaptive: {file: one.yaml, set: {links.air.streams.picture.mcs: {amc: hda, csit: true}}}
  fixed: one.yaml
sweep: {snr_db: [0, 5, 10, 15, 20]}
"""
SMALL, LARGE = (64, 64, 3), (64, 192, 3)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A study of two systems, of two pictures, one three times the other."""
    home, rng = tmp_path_factory.mktemp("study"), np.random.default_rng(2)
    (home / "photos").mkdir()
    for name, shape in (("a", LARGE), ("b", SMALL)):
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(home / "photos" / f"{name}.png")
    (home / "one.yaml").write_text(SCENARIO.format(folder=home / "photos"))
    (home / "both.yaml").write_text(STUDY)
    return home


@pytest.fixture
def plan(home):
    return plan_of(home / "both.yaml")


def pictures(plan):
    return {system: load_images(scenario.images) for system, scenario in plan.scenarios.items()}


@dataclass
class Machine:
    """Computes nothing, and takes as long as it is told: to start, for a trial, and for an encoding."""

    start: float
    send: float
    encode: float
    keep: float = 0.0
    cores_busy: float = 1.0
    now: float = 0.0

    def __post_init__(self):
        self.known, self.asked = set(), []

    @property
    def clock(self):
        return Clock(wall=lambda: self.now, cpu=lambda: self.now * self.cores_busy)

    def run(self, task):
        scenario = json.loads(task.scenario)
        adapts = "csit" in str(scenario["links"]["air"]["streams"]["picture"]["mcs"])
        sent = {(task.point, job.trial if adapts else 0, job.sha256) for job in task.jobs}
        seconds = self.encode * len(sent - self.known)
        self.asked.append((scenario["snr_db"], [(job.name, job.trial) for job in task.jobs]))
        self.now += seconds + self.send * len(task.jobs) + (0 if self.known else self.start)
        self.now += self.keep * any(job.trial == 0 for job in task.jobs)
        self.known |= sent
        row = {"seconds.encode": seconds / len(task.jobs), "seconds.link": self.send / 2, "psnr_db": 30.0}
        rows = [row | {"seconds.score": self.send / 2} for _ in task.jobs]
        return Done(unit=task.unit, rows=rows, pictures={}, worker="", seconds=0.0)


def test_the_estimate_of_a_machine_of_known_speed_is_exact(plan):
    machine = Machine(start=7.0, send=0.25, encode=0.5, keep=0.125)
    found = estimate(plan, pictures(plan), n_cores=2, clock=machine.clock, run=machine.run)
    adaptive, fixed = found.costs
    assert adaptive.start == pytest.approx(7.0)
    assert fixed.start == pytest.approx(0.0)
    scale = 2.0  # the pictures' samples are 1 and 3 times the smallest's
    assert adaptive.send == fixed.send == pytest.approx((0.25 * scale,) * 3)
    assert (adaptive.encode, fixed.encode) == pytest.approx((0.5 * scale,) * 2)
    sent, kept = 5 * 2 * 100 * 0.25 * scale, 5 * 2 * 0.125 * scale
    every, once = 5 * 2 * 100 * 0.5 * scale, 5 * 2 * 0.5 * scale
    assert adaptive.seconds() == pytest.approx(sent + every + kept)
    assert fixed.seconds() == pytest.approx(sent + once + kept)
    assert found.seconds() == pytest.approx(7 + 2 * sent + every + once + 2 * kept)
    assert found.seconds(2) == pytest.approx(7 + (2 * sent + every + 2 * once + 2 * kept) / 2)
    assert adaptive.per_trial == pytest.approx((1.5,) * 3)
    assert found.units == 2 * 5 * 7  # of 16 rounds of both pictures
    assert found.took == pytest.approx(machine.now)


def test_the_probe_asks_for_the_smallest_picture_at_the_ends_and_the_middle(plan):
    machine = Machine(start=0.0, send=0.01, encode=0.0)
    found = estimate(plan, pictures(plan), n_cores=2, clock=machine.clock, run=machine.run)
    assert [snr_db for snr_db, _ in machine.asked] == [10, 0, 0, 10, 10, 20, 20] * 2
    assert {name for _, jobs in machine.asked for name, _ in jobs} == {"b"}
    assert [len(jobs) for _, jobs in machine.asked] == [1, 1, 32, 1, 32, 1, 32] * 2
    assert found.probed == sum(len(jobs) for _, jobs in machine.asked)


def test_workers_share_the_cores_that_one_process_did_not_keep_busy(plan):
    busy = Machine(start=3.0, send=0.25, encode=0.0, cores_busy=1.6)
    found = estimate(plan, pictures(plan), n_cores=2, clock=busy.clock, run=busy.run)
    alone = 2 * 5 * 2 * 100 * 0.5
    assert found.seconds(1) == pytest.approx(3 + alone)
    assert found.seconds(2) == found.seconds(8) == pytest.approx(3 + alone * 1.6 / 2)


def test_a_real_probe_computes_as_a_worker_does(plan):
    found = estimate(plan, pictures(plan), run=compute)
    assert found.probed >= 2 * (1 + 3 * 2)
    for cost in found.costs:
        assert all(0 < seconds < 1 for seconds in cost.per_trial)
    assert 0 < found.seconds(2) <= found.seconds(1) < 600


def test_a_study_is_shown_in_80_columns(plan, capsys):
    show_plan(plan, probe=True, workers=2)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    told = "\n".join(lines)
    assert lines[0] == "both: 10 points of 2 systems, 2 images, 2000 trials"
    assert "draws are paired" in lines[1]
    assert lines[2] == "swept: snr_db (5)"
    assert lines[5].split() == ["adaptive", "jpeg2000", "5", "1000", "0.5000"]
    assert "with 1 worker, " in told
    assert "with --workers 2; 70 units of work" in told


def test_systems_with_sweeps_of_their_own_are_told_each_with_its_own(home, capsys):
    path = home / "own.yaml"
    own = "sweep: {links.air.channel.k_factor: [1, 2]}, zip: {snr_db: [1, 2], seed: [1, 2]}"
    path.write_text(f"name: own\nscenarios:\n  a: {{file: one.yaml, {own}}}\n  b: one.yaml\n")
    show_plan(plan_of(path))
    out = capsys.readouterr().out
    assert "k_factor (2) x snr_db + seed (2)" in out
    assert "nothing" in out


def test_channel_uses_are_told_from_the_fewest_to_the_most(home, capsys):
    path, own = home / "uses.yaml", "sweep: {links.air.bandwidth_ratio: [2, 10]}"
    path.write_text(f"name: uses\nscenarios:\n  a: {{file: one.yaml, {own}}}\n  b: one.yaml\n")
    show_plan(plan_of(path))
    assert " 2.0000-10.0000 " in capsys.readouterr().out


def test_many_points_of_one_system_are_shown_by_the_first_and_the_last(home, capsys):
    show_plan(plan_of(home / "one.yaml", sweeps=["snr_db=0:20:0.5"]))
    out = capsys.readouterr().out
    assert [line.split(";")[0] for line in out.splitlines() if "snr_db=" in line] == ["snr_db=0", "snr_db=20"]
    assert "The first and the last of 41 points" in out


UNPAIRED = [
    ("seed: 2", "seeds 1 and 2"),
    ("images.limit: 1", "pictures "),
    ("links.air.channel: awgn", "channels rician and awgn"),
]


@pytest.mark.parametrize(("change", "told"), UNPAIRED, ids=[told for _, told in UNPAIRED])
def test_systems_that_meet_other_draws_are_told(home, change, told):
    path = home / "apart.yaml"
    path.write_text(f"name: apart\nscenarios:\n  a: one.yaml\n  b: {{file: one.yaml, set: {{{change}}}}}\n")
    assert pairing(plan_of(path)).startswith(f"draws are not paired: {told}")


def test_pictures_are_counted_by_system(home):
    path = home / "apart.yaml"
    path.write_text("name: apart\nscenarios:\n  a: one.yaml\n  b: {file: one.yaml, set: {images.limit: 1}}\n")
    plan = plan_of(path, sets=["trials.stop={block_errors: 9}"])
    assert check(plan) == {"a": 2, "b": 1}
    assert count(plan, check(plan)) == "2 points of 2 systems, 1 to 2 images, at most 300 trials"


def test_durations_are_told_in_words():
    told = [duration(seconds) for seconds in (0.2, 119, 121, 7199, 7201, 172_801)]
    assert told == ["1 s", "119 s", "2 min", "120 min", "2.0 h", "2.0 days"]
