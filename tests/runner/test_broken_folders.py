"""Whatever became of a folder, nothing computed is lost or counted twice, and one line says what to do."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_runs import ShuffledCrew, go, once, plan_of, table, write_scenario

from linksim import disk, manifest, results, runner
from linksim.errors import LinksimError
from linksim.plan import Plan
from linksim.report.table import SUMMARY


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the writer runs after it but what Python itself must."""


def test_a_folder_that_cannot_be_written_is_one_clear_line(scenario, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LinksimError, match=r"must be writable, got 'Not a directory'; a file .*--out"):
        go(plan_of(scenario), tmp_path / "file" / "run")


def test_a_read_only_disk_is_one_clear_line(scenario, tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(
        LinksimError, match="run: must be writable, got 'Read-only file system'; choose another folder"
    ):
        go(plan_of(scenario), tmp_path / "run")


def test_a_full_disk_loses_nothing_and_leaves_nothing_half_written(scenario, done, tmp_path, monkeypatch):
    events: list[runner.Event] = []
    sync = os.fsync

    def full(handle: int) -> None:
        if events:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(LinksimError, match="must be writable, got 'No space left on device'; make room"):
        runner.run(plan_of(scenario), tmp_path / "run", events.append)
    monkeypatch.undo()
    assert not list((tmp_path / "run").rglob(f"*{disk.PARTIAL}"))
    assert len(table(tmp_path / "run")) == len(events[0].rows)
    assert sum(event.found for event in go(plan_of(scenario), tmp_path / "run")) == 1
    pd.testing.assert_frame_equal(table(tmp_path / "run"), table(done))


def test_what_comes_back_while_the_disk_is_full_is_kept_once_there_is_room(
    scenario, tmp_path, monkeypatch, remembered
):
    sync, refused = os.fsync, []

    def full(handle: int) -> None:
        if results.shards(tmp_path / "run") and len(refused) < 2:
            refused.append(handle)
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(disk.os, "fsync", full)
    crew_of_two = ShuffledCrew(size=2, compute=once)
    with pytest.raises(LinksimError, match="No space left on device"):
        go(plan_of(scenario), tmp_path / "run", crew_of_two)
    assert len(refused) == 2
    assert len(results.shards(tmp_path / "run")) == len(crew_of_two.computed) >= 4


@pytest.mark.parametrize("broken", [b"no parquet", b""])
def test_a_broken_shard_is_set_aside_told_and_run_again(scenario, copy, done, broken, remembered):
    shard = results.shards(copy)[1]
    shard.write_bytes(broken)
    with pytest.raises(LinksimError, match=f"{shard.name}: must be Parquet.*run again: it is set aside"):
        results.read_rows(copy)
    events = go(plan_of(scenario), copy)
    assert [event.found for event in events].count(False) == 1
    (note,) = [event.note for event in events if event.note]
    assert note.startswith(f"{shard}.broken: set aside, for it must be Parquet")
    assert shard.with_name(f"{shard.name}.broken").read_bytes() == broken
    pd.testing.assert_frame_equal(table(copy), table(done))


def test_a_shard_cut_short_at_any_byte_is_run_again(scenario, copy, done, remembered):
    shard = results.shards(copy)[0]
    whole = shard.read_bytes()
    for size in range(0, len(whole), len(whole) // 9):
        shard.write_bytes(whole[:size] + bytes(len(whole) - size) * (size % 2))
        assert [event.found for event in go(plan_of(scenario), copy)].count(False) == 1
    pd.testing.assert_frame_equal(table(copy), table(done))


def test_rows_under_another_name_are_set_aside_so_that_none_counts_twice(scenario, copy, done, remembered):
    shard, *_ = results.shards(copy)
    shard.with_stem("again").write_bytes(shard.read_bytes())
    told = f"again.parquet: must hold the rows of the unit it is named by, got '{shard.stem}'; run again"
    with pytest.raises(LinksimError, match=told):
        results.read_rows(copy)
    summary = runner.run(plan_of(scenario), copy, lambda event: None)
    assert "again.parquet.broken: set aside" in summary.notes[0]
    pd.testing.assert_frame_equal(table(copy), table(done))


def test_a_shard_of_something_else_is_run_again(scenario, copy, done, remembered):
    shard, *_ = results.shards(copy)
    pd.DataFrame({"a": [1]}).to_parquet(shard)
    assert [event.found for event in go(plan_of(scenario), copy)].count(False) == 1
    pd.testing.assert_frame_equal(table(copy), table(done))


NO_MANIFEST = [
    "[1]",
    "{}",
    "null",
    "no JSON",
    '{"name": "x", "deciding": {"a": 1}, "points": [], "format": 2}',
]


@pytest.mark.parametrize("text", NO_MANIFEST)
def test_a_manifest_that_is_none_is_refused_by_readers_and_made_anew_by_a_run(scenario, copy, done, text):
    (copy / manifest.MANIFEST).write_text(text)
    with pytest.raises(LinksimError, match=r"manifest\.json: must be .*; run again to mend it"):
        results.read_rows(copy)
    summary = runner.run(plan_of(scenario), copy, lambda event: None)
    assert summary.found == summary.trials == 20
    assert "manifest.json.broken: set aside" in summary.notes[0]
    pd.testing.assert_frame_equal(table(copy), table(done))


@pytest.mark.parametrize("text", ["no JSON", None])
def test_rows_of_another_plan_without_their_manifest_are_not_gone_on_with(scenario, copy, text):
    (copy / manifest.MANIFEST).unlink()
    if text is not None:
        (copy / manifest.MANIFEST).write_text(text)
    before = {path for path in copy.rglob("*") if path.name != disk.LOCK}
    with pytest.raises(
        LinksimError, match="holds the rows of another run, without a manifest that can be read"
    ):
        go(plan_of(scenario, "seed=4"), copy)
    assert {path for path in copy.rglob("*") if path.name != disk.LOCK} == before


def test_rows_of_other_pictures_without_their_manifest_are_not_gone_on_with(tmp_path):
    path, folder = write_scenario(tmp_path), tmp_path / "run"
    go(plan_of(path, "trials.per_image=1"), folder)
    (folder / manifest.MANIFEST).unlink()
    Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(tmp_path / "photos" / "a.png")
    with pytest.raises(LinksimError, match="holds the rows of another run"):
        go(plan_of(path, "trials.per_image=1"), folder)


def test_a_folder_of_another_release_is_one_line_and_stays_as_it_is(scenario, copy):
    old = {"name": "small", "deciding": {"digest": "0"}, "points": [{"snr_db": 5}]}
    (copy / manifest.MANIFEST).write_text(json.dumps(old))
    with pytest.raises(
        LinksimError, match="must be a run's manifest of format 2, got 1; the folder was made by"
    ):
        go(plan_of(scenario), copy)
    assert json.loads((copy / manifest.MANIFEST).read_text()) == old


def test_a_report_does_not_outlive_a_broken_shard_that_no_unit_asks_for(scenario, copy):
    fewer = plan_of(scenario, "trials.per_image=1")
    go(fewer, copy)
    reported = pd.read_csv(copy / SUMMARY)["trials"].sum()
    beyond = next(each for each in results.shards(copy) if results.read_shard(each)["trial"][0].as_py())
    beyond.write_bytes(b"")
    assert "set aside" in runner.run(fewer, copy, lambda event: None).notes[0]
    assert pd.read_csv(copy / SUMMARY)["trials"].sum() == len(table(copy)) < reported


def test_pictures_that_are_gone_are_made_anew(scenario, copy, done, remembered):
    before = {path.relative_to(copy): path.read_bytes() for path in copy.glob("pictures/*/*")}
    for name in before:
        if name.stem == "original" or name.parts[1] == "a":
            (copy / name).unlink()
    events = go(plan_of(scenario), copy)
    assert sum(not event.found for event in events) == 3  # a at both points, b where its original is from
    assert {path.relative_to(copy): path.read_bytes() for path in copy.glob("pictures/*/*")} == before
    pd.testing.assert_frame_equal(table(copy), table(done))


def test_a_report_is_made_where_a_run_was_killed_before_it(scenario, copy, remembered):
    results.shards(copy)[0].unlink()
    go(plan_of(scenario), copy)
    assert (copy / SUMMARY).read_bytes() == b"whole"  # no report of fewer rows outlives them


def test_a_folder_that_is_no_run_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LinksimError, match=r"file: must be the folder of a run, with manifest\.json"):
        manifest.read_manifest(tmp_path / "file")
    with pytest.raises(LinksimError, match=r"must be the folder of a run, with manifest\.json"):
        results.read_rows(tmp_path)


def test_a_run_killed_at_any_write_goes_on_to_the_same_table(
    scenario, done, tmp_path, monkeypatch, remembered
):
    writes = count_writes(monkeypatch, plan_of(scenario), tmp_path / "whole")
    assert (
        writes == 1 + 8 + 2 + 8 + 2
    )  # manifest; shards; pictures as sent, as received twice; trials, report
    for n in range(writes):
        folder = tmp_path / str(n)
        with monkeypatch.context() as patch:
            kill_at(patch, n)
            with pytest.raises(Killed):
                go(plan_of(scenario), folder)
        assert len(go(plan_of(scenario), folder)) == 8
        pd.testing.assert_frame_equal(table(folder), table(done))
        assert len(pd.read_parquet(folder / results.TRIALS)) == 20
        assert not list(folder.rglob(f"*{disk.PARTIAL}"))


def count_writes(monkeypatch, plan: Plan, folder: Path) -> int:
    plain, paths = disk.write, []
    with monkeypatch.context() as patch:
        patch.setattr(disk, "write", lambda path, content: (paths.append(path), plain(path, content)))
        go(plan, folder)
    return len(paths)


def kill_at(patch, n: int) -> None:
    """Die in the n-th write, before the file takes its name or after."""
    calls = iter(range(2 * n + 2))

    def dying(handle: int) -> None:  # once for the file, once for its folder
        if next(calls) == 2 * n + n // 2 % 2:
            raise Killed

    patch.setattr(disk.os, "fsync", dying)
