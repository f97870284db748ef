"""A unit computed: decided by its task alone, refused where code, files or pictures are others."""

import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from small_runs import plan_of, write_scenario

from linksim import identity, results, runner
from linksim.errors import LinksimError
from linksim.system import Encodings
from linksim.work import compute
from linksim.work.compute import Task
from linksim.work.crew import Failed, SerialCrew

ONE = ("trials.per_image=2", "sweep.snr_db=[5]")


@pytest.fixture
def scenario(tmp_path) -> Path:
    return write_scenario(tmp_path)


@pytest.fixture
def task(scenario) -> Task:
    return task_of(scenario)


def task_of(scenario: Path, *sets: str) -> Task:
    """The first task that a run hands out."""
    tasks = []

    class Kept(SerialCrew):
        def submit(self, task: Task) -> None:
            tasks.append(task)
            raise LinksimError("enough", "of it")

    with pytest.raises(LinksimError, match="enough"):
        runner.run(plan_of(scenario, *(sets or ONE)), scenario.parent / "run", lambda event: None, Kept())
    return tasks[0]


def told(done: compute.Done) -> tuple:
    rows = [{k: v for k, v in row.items() if not k.startswith(results.TIMINGS)} for row in done.rows]
    return done.unit, rows, dict(done.pictures)


def test_a_task_is_small_and_gives_the_same_after_a_journey_with_nothing_kept(task, monkeypatch):
    first = compute.compute(task)
    sent = pickle.dumps(task)
    assert len(sent) < 10_000
    monkeypatch.setattr(compute, "_ENCODINGS", Encodings())
    monkeypatch.setattr(compute, "_PHOTOS", compute.Kept(most=0))
    compute._built.cache_clear()
    compute._listed.cache_clear()
    again = pickle.loads(pickle.dumps(compute.compute(pickle.loads(sent))))
    assert told(again) == told(first)
    assert [(row["image"], row["trial"]) for row in again.rows] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def test_pictures_come_with_the_first_draw_of_an_image_and_as_sent_where_asked(task):
    names = {Path(place).name for place in compute.compute(task).pictures}
    assert names == {"original.png", f"{task.point}.png", f"{task.point}.eavesdropper.png"}
    later = replace(task, jobs=tuple(replace(job, trial=job.trial + 1) for job in task.jobs))
    assert compute.compute(later).pictures == {}
    other = compute.compute(replace(task, originals=False))
    assert "original.png" not in {Path(place).name for place in other.pictures}


def test_other_code_and_other_versions_are_refused(task, monkeypatch):
    with pytest.raises(LinksimError, match="must have linksim's code of the run, got 'others'"):
        compute.compute(replace(task, code="0" * 64))
    with pytest.raises(LinksimError, match="must have the versions of the run"):
        compute.compute(replace(task, versions={"numpy": "0"}))
    with pytest.raises(LinksimError, match="must have the networks, recordings, files and keys of the run"):
        compute.compute(replace(task, point="0" * 16))
    monkeypatch.setattr(identity, "code_digest", lambda: "0" * 64)
    with pytest.raises(LinksimError, match="linksim's code"):
        compute.compute(task)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda photo: Image.new("RGB", (96, 64), "red").save(photo), "another"),
        (lambda photo: photo.unlink(), "none"),
    ],
)
def test_a_picture_that_changed_while_the_run_went_on_is_named(task, scenario, change, got, monkeypatch):
    monkeypatch.setattr(compute, "_PHOTOS", compute.Kept(most=0))
    change(scenario.parent / "photos" / "b.png")
    told = f"picture b: must be the one that the run began with, got '{got}'; put the pictures back"
    with pytest.raises(LinksimError, match=told):
        compute.compute(task)


def test_a_folder_that_was_listed_before_it_changed_is_listed_again(task, scenario, tmp_path, monkeypatch):
    compute.compute(task)
    monkeypatch.setattr(compute, "_PHOTOS", compute.Kept(most=0))
    shutil.copy(tmp_path / "photos" / "b.png", tmp_path / "photos" / "0.png")
    (tmp_path / "run").rename(tmp_path / "before")
    done = compute.compute(task_of(scenario))
    assert [row["image"] for row in done.rows] == ["0", "0", "a", "a", "b", "b"]


def test_what_a_task_raises_comes_back_from_a_crew(task):
    crew = SerialCrew()
    crew.submit(replace(task, code="0"))
    (failed,) = crew.wait()
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, LinksimError)
    assert crew.wait() == []
