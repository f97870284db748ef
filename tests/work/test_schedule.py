"""What is due: never beyond the next look, the same units and ends whoever answers, in whatever order."""

import numpy as np
import pandas as pd
import pytest
from small_runs import ShuffledCrew, go, made_up, plan_of, table, write_scenario

from linksim import disk, results, runner
from linksim.errors import LinksimError
from linksim.plan import Plan
from linksim.stopping import Tally, looks, reason
from linksim.work import crew, shelf, units
from linksim.work.crew import Failed, Lost, SerialCrew

STOP = ("sweep.snr_db=[0,5,10,15]", "trials.per_image=120", "trials.stop={block_errors: 9}")


@pytest.fixture(autouse=True)
def no_work(monkeypatch):
    """Rows are made up, the report is none: what is left is what was scheduled."""
    monkeypatch.setattr(crew, "compute", made_up)
    monkeypatch.setattr(runner, "write_report", lambda folder: [])
    monkeypatch.setattr(disk.os, "fsync", lambda handle: None)
    monkeypatch.setattr(units, "UNIT_TRIALS", 4)
    monkeypatch.setattr(shelf, "GALLERY_IMAGES", 0)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    return write_scenario(tmp_path_factory.mktemp("scenario"))


@pytest.fixture
def plan(scenario) -> Plan:
    return plan_of(scenario, *STOP)


def test_tables_and_ends_are_the_same_for_any_crew_and_any_order(plan, tmp_path):
    serial = go(plan, tmp_path / "serial")
    ends = {event.point.index: (event.at_end, event.state) for event in serial if event.at_end}
    assert {reason for reason, _ in ends.values()} == {"block errors"}
    assert len({state.done for _, state in ends.values()}) > 1  # points end at looks of their own
    for size, seed in ((1, 0), (2, 1), (5, 2), (5, 3), (32, 4)):
        folder = tmp_path / f"{size} {seed}"
        events = go(plan, folder, ShuffledCrew(size=size, seed=seed))
        assert {event.point.index: (event.at_end, event.state) for event in events if event.at_end} == ends
        assert {path.stem for path in results.shards(folder)} == {event.unit for event in serial}
        pd.testing.assert_frame_equal(table(folder), table(tmp_path / "serial"))


@pytest.mark.parametrize("seed", range(3))
def test_what_was_found_done_changes_nothing(plan, tmp_path, seed):
    go(plan, tmp_path / "run")
    whole = table(tmp_path / "run")
    rng = np.random.default_rng(seed)
    shards = results.shards(tmp_path / "run")
    for path in rng.choice(shards, len(shards) // 2, replace=False):
        path.unlink()
    events = go(plan, tmp_path / "run", ShuffledCrew(size=3, seed=seed))
    assert {event.found for event in events} == {True, False}
    pd.testing.assert_frame_equal(table(tmp_path / "run"), whole)


def test_a_point_ends_at_the_first_look_whose_rows_say_so(plan, tmp_path):
    events = go(plan, tmp_path / "run")
    rows = table(tmp_path / "run").assign(**{f"{results.TIMINGS}x": 0.0})
    for point in plan.points:
        mine = rows[rows["point"] == point.id]
        for rounds in looks(2, 120, 4):
            tally = Tally()
            tally.take(mine[mine["trial"] < rounds].to_dict("records"))
            if reason(point.scenario.trials.stop, tally):
                break
        assert len(mine) == 2 * rounds == tally.n
        (end,) = [event.state for event in events if event.at_end and event.point is point]
        assert (end.done, end.planned, end.most, end.outages) == (2 * rounds, 2 * rounds, 240, tally.outages)
        assert end.psnr_db == pytest.approx(mine["psnr_db"].mean(), rel=1e-9)


def test_a_looser_rule_goes_on_where_the_stricter_one_ended(scenario, plan, tmp_path):
    go(plan, tmp_path / "run")
    more = plan_of(scenario, *STOP[:2], "trials.stop={block_errors: 20}")
    assert {event.found for event in go(more, tmp_path / "run")} == {True, False}
    go(more, tmp_path / "at once")
    pd.testing.assert_frame_equal(table(tmp_path / "run"), table(tmp_path / "at once"))
    go(plan, tmp_path / "run")  # and back: nothing is computed, nothing is lost
    pd.testing.assert_frame_equal(table(tmp_path / "run"), table(tmp_path / "at once"))


def test_every_worker_has_a_unit_in_hand_and_one_at_hand(scenario, tmp_path):
    busy = ShuffledCrew(size=4)
    go(plan_of(scenario, "trials.per_image=40"), tmp_path / "run", busy)
    assert busy.most == 8
    assert len({task.point for task in busy.computed[:4]}) == 2  # points take turns


class Asked:
    """Asks for the end once so many tasks were computed."""

    def __init__(self, crew: ShuffledCrew, after: int) -> None:
        self.crew, self.after = crew, after

    @property
    def asked(self) -> bool:
        return len(self.crew.computed) >= self.after


def test_an_interrupt_ends_with_what_is_in_hand_and_the_next_run_goes_on(plan, tmp_path):
    busy = ShuffledCrew(size=3)
    summary = runner.run(plan, tmp_path / "run", lambda event: None, busy, Asked(busy, 7))
    assert summary.interrupted
    assert 7 <= len(busy.computed) <= 7 + 2 + 3  # those that came back together, and what workers had begun
    assert len(results.shards(tmp_path / "run")) == len(busy.computed)
    assert len(pd.read_parquet(tmp_path / "run" / results.TRIALS)) == summary.trials
    rest = runner.run(plan, tmp_path / "run", lambda event: None)
    assert not rest.interrupted
    assert rest.found == summary.trials
    go(plan, tmp_path / "whole")
    pd.testing.assert_frame_equal(table(tmp_path / "run"), table(tmp_path / "whole"))


def test_the_second_interrupt_closes_the_crew_at_once(plan, tmp_path):
    def stopped(task):
        raise KeyboardInterrupt

    busy = ShuffledCrew(size=2, compute=stopped)
    with pytest.raises(KeyboardInterrupt):
        runner.run(plan, tmp_path / "run", lambda event: None, busy)
    assert busy.closed_now
    with disk.locked(tmp_path / "run"):
        pass


def test_a_lost_unit_is_computed_again_and_counted_once(plan, tmp_path):
    lost = set()

    def once_lost(task):
        if len(lost) < 9 and task.unit not in lost:
            lost.add(task.unit)
            return Lost(task=task, reason="killed by signal 9")
        return None

    events = go(plan, tmp_path / "run", ShuffledCrew(size=4, fate=once_lost))
    assert len(lost) == 9
    assert sum("computed again" in (event.note or "") for event in events) >= 1
    go(plan, tmp_path / "whole")
    pd.testing.assert_frame_equal(table(tmp_path / "run"), table(tmp_path / "whole"))


def test_a_unit_that_takes_every_worker_with_it_is_named_alone(scenario, tmp_path):
    plan = plan_of(scenario, "trials.per_image=40")
    busy = ShuffledCrew(size=4, breaks=True)
    at_loss = []

    def deadly(task):
        if any(job.name == "b" and job.trial == 8 for job in task.jobs) and task.point == plan.points[1].id:
            at_loss.append(len(busy._tasks))
            return Lost(task=task, reason="killed by signal 9")
        return None

    busy.fate = deadly
    told = r"snr_db=15, picture b, trials 8 to 11: must not end .* 3 times, got 'killed.*--workers"
    with pytest.raises(LinksimError, match=told):
        go(plan, tmp_path / "run", busy)
    assert len(at_loss) == 3
    assert at_loss[-1] == 0  # nothing else was in hand, so no other unit is blamed
    assert len(results.shards(tmp_path / "run")) == len(busy.computed) >= 10


@pytest.mark.parametrize("error", [LinksimError("picture a", "must be there"), ZeroDivisionError("a bug")])
def test_what_a_unit_raises_is_raised_once_the_others_are_stored(plan, tmp_path, error):
    busy = ShuffledCrew(size=4)
    busy.fate = lambda task: Failed(task=task, error=error) if len(busy.computed) == 6 else None
    with pytest.raises(type(error), match=str(error)):
        go(plan, tmp_path / "run", busy)
    assert len(results.shards(tmp_path / "run")) == len(busy.computed) >= 6
    assert go(plan, tmp_path / "run")[-1].at_end


def test_this_process_takes_one_unit_at_a_time(plan, tmp_path):
    hands = []

    class Watched(SerialCrew):
        def submit(self, task):
            super().submit(task)
            hands.append(len(self._tasks))

    go(plan, tmp_path / "run", Watched())
    assert set(hands) == {1}
