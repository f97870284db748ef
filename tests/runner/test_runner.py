"""Runs survive: done once, never lost, never mixed, the same however they were stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_runs import go, once, plan_of, table, write_scenario

from linksim import disk, identity, manifest, results, runner
from linksim.codecs.jpeg2000 import Jpeg2000
from linksim.errors import LinksimError
from linksim.load import load
from linksim.study import plan_of as study_plan
from linksim.work import crew, units
from phy.draws import Draws
from phy.ledger import CATEGORIES


def test_rows_hold_the_counts_that_every_rate_follows_from(done):
    rows = results.read_rows(done)
    assert len(rows) == 2 * 2 * 5
    assert rows.groupby(["point", "image"]).size().eq(5).all()
    psnr = 10 * np.log10(255**2 * rows["samples"] / rows["squared_error"])
    np.testing.assert_allclose(rows["psnr_db"], psnr, rtol=1e-12)
    uses = rows[[f"uses.{name}" for name in ("pilots", *CATEGORIES)]].sum(axis=1)
    np.testing.assert_allclose(uses, rows["n_uses"], rtol=1e-12)
    assert (rows["n_uses"] == rows["samples"] // 4).all()
    assert (rows["outage"] == ~rows["air.picture.ok"]).all()
    assert (rows["air.picture.block_errors"] <= rows["air.picture.blocks"]).all()
    assert rows["ms_ssim_db"].isna().all()


def test_the_saved_pictures_are_those_that_were_scored(done):
    gallery, rows = results.Gallery(folder=done), results.read_rows(done)
    for _, row in rows[rows["trial"] == 0].iterrows():
        original = results.load_picture(gallery.original(row["image"])).astype(int)
        for path, error in (
            (gallery.received(row["image"], row["point"]), row["squared_error"]),
            (gallery.eavesdropped(row["image"], row["point"]), row["eve_squared_error"]),
        ):
            assert int(((results.load_picture(path) - original) ** 2).sum()) == error


def test_an_eavesdropper_without_the_key_sees_grey_whatever_arrived(done):
    rows = results.read_rows(done)
    for image, seen in rows.groupby("image"):
        original = results.load_picture(results.Gallery(folder=done).original(image)).astype(int)
        assert (seen["eve_squared_error"] == int(((original - 128) ** 2).sum())).all()
    assert (rows["psnr_db"] > rows["eve_psnr_db"])[~rows["outage"]].all()
    assert not rows["outage"].all()


def test_the_manifest_holds_the_plan_as_it_was_run(done, scenario):
    from linksim.document import parse
    from linksim.plan import expand
    from linksim.scenario import build, digest

    told = manifest.read_manifest(done)
    again = build(parse(json.dumps(told["scenarios"][""]), "manifest"))
    assert digest(again) == digest(load(scenario))
    points = expand(again).points
    assert [point["id"] for point in told["points"]] == [point.id for point in points]
    assert [point["values"] for point in told["points"]] == [{"snr_db": 5}, {"snr_db": 15}]
    assert told["fields"] == ["snr_db"]
    assert [image["name"] for image in told["deciding"]["images"][""]] == ["a", "b"]


def test_a_second_run_computes_nothing_and_changes_no_file(scenario, done, monkeypatch):
    def stamps() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in done.rglob("*") if path.name != disk.LOCK}

    before = stamps()
    monkeypatch.setattr(crew, "compute", lambda task: pytest.fail("computed again"))
    assert all(event.found for event in go(plan_of(scenario), done))
    assert stamps() == before


def test_a_resumed_run_tells_the_rows_that_were_there_as_they_were(scenario, tmp_path):
    first, second = go(plan_of(scenario), tmp_path / "run"), go(plan_of(scenario), tmp_path / "run")
    assert not any(event.found for event in first)
    assert [event.rows for event in first] == [event.rows for event in second]


def test_every_snr_and_every_system_meets_the_same_fades(scenario, done, tmp_path):
    sets = "links.air.streams.picture.mcs=qpsk-1/2", "links.air.bandwidth_ratio=1/3"
    go(plan_of(scenario, *sets), tmp_path / "other")
    gains = [
        results.read_rows(folder).pivot(index=["image", "trial"], columns="point_index", values="gain")
        for folder in (done, tmp_path / "other")
    ]
    np.testing.assert_array_equal(gains[0][0], gains[0][1])
    np.testing.assert_allclose(gains[0], gains[1], rtol=1e-12)
    assert gains[0][0].nunique() == 10


def test_a_run_killed_after_its_first_shard_goes_on_and_ends_in_the_same_table(
    scenario, tmp_path, monkeypatch
):
    monkeypatch.undo()
    folder, plan = tmp_path / "killed", plan_of(scenario)
    command = [sys.executable, "-m", "linksim", "run", str(scenario), "--out", str(folder)]
    with pytest.MonkeyPatch.context() as patch:  # the command cuts units as it always does
        patch.setattr(units, "UNIT_TRIALS", 256)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while not results.shards(folder) and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        found = [event.found for event in go(plan, folder)]
        go(plan, tmp_path / "whole")
    assert found[0]
    assert not found[-1]
    pd.testing.assert_frame_equal(table(folder), table(tmp_path / "whole"))
    for name in ("summary.csv", "summary.md"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list(folder.rglob(f"*{disk.PARTIAL}"))


@pytest.mark.parametrize("lost", [0, 3, 7])
def test_any_unit_that_is_missing_is_run_again_to_the_same_rows(scenario, copy, done, lost, remembered):
    results.shards(copy)[lost].unlink()
    assert sum(not event.found for event in go(plan_of(scenario), copy)) == 1
    pd.testing.assert_frame_equal(table(copy), table(done))


@pytest.fixture(scope="module")
def longer(scenario, tmp_path_factory) -> Path:
    """A run of nine draws from the start."""
    folder = tmp_path_factory.mktemp("runs") / "longer"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew, "compute", once)
        go(plan_of(scenario, "trials.per_image=9", "sweep.snr_db=[5,15,10]"), folder)
    return folder


def test_a_folder_grows_by_draws_and_points_to_the_table_of_a_run_at_once(scenario, copy, longer, remembered):
    events = go(plan_of(scenario, "trials.per_image=9", "sweep.snr_db=[5,15,10]"), copy)
    assert sum(event.found for event in events) == 4  # the whole groups; those of one draw are superseded
    assert {path.name for path in results.shards(copy)} == {path.name for path in results.shards(longer)}
    pd.testing.assert_frame_equal(table(copy), table(longer))
    told = manifest.read_manifest(copy)
    assert [point["per_image"] for point in told["points"]] == [9, 9, 9]
    assert len(told["commands"]) == 1


def test_a_trial_in_two_units_counts_once(scenario, copy, longer):
    before = table(longer)
    for path in results.shards(copy):  # as a kill between writing a unit and removing what it supersedes
        shutil.copy(path, longer / "rows")
    assert len(results.shards(longer)) > len(before["unit"].unique())
    pd.testing.assert_frame_equal(table(longer), before)


def test_fewer_draws_than_there_are_find_them(scenario, longer, tmp_path, remembered):
    folder = Path(shutil.copytree(longer, tmp_path / "shorter"))
    for per_image in (7, 5, 1):
        sets = f"trials.per_image={per_image}", "sweep.snr_db=[5,15,10]"
        events = go(plan_of(scenario, *sets), folder)
        assert all(event.found for event in events)
        assert events[-1].state.done == events[-1].state.most == 2 * per_image
    pd.testing.assert_frame_equal(table(folder), table(longer))


def test_points_may_not_be_taken_away(scenario, copy):
    with pytest.raises(
        LinksimError, match="holds another run: the sweep, 1 of whose 2 points are gone, changed"
    ):
        go(plan_of(scenario, "sweep.snr_db=[5]"), copy)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("seed=4", r"the scenario changed \(seed was 3, is 4\)"),
        ("images.limit=1", r"the pictures changed \(images.limit was not there, is 1\)"),
        (
            "links.air.channel=awgn",
            r"the scenario changed \(links.air.channel.kind was rician, is awgn.*\)",
        ),
    ],
)
def test_a_folder_keeps_one_run_and_tells_what_another_changes(scenario, copy, change, told):
    with pytest.raises(LinksimError, match=f"holds another run: {told}; run into another folder with --out"):
        go(plan_of(scenario, change), copy)


def test_a_system_of_a_run_is_no_folder(copy):
    with pytest.raises(LinksimError, match=f"must be the folder of a run.*; name the whole run, '{copy}'$"):
        manifest.read_manifest(copy.with_name(f"{copy.name}:adaptive"))
    with pytest.raises(LinksimError, match=r"must be the folder of a run.*; check the path$"):
        manifest.read_manifest(copy.with_name("other:adaptive"))


def test_pictures_that_change_are_seen_though_their_system_is_called_anew(tmp_path):
    path, folder = write_scenario(tmp_path), tmp_path / "run"
    go(plan_of(path, "trials.per_image=1"), folder)
    Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(tmp_path / "photos" / "a.png")
    study = tmp_path / "study.yaml"
    other = "{file: small.yaml, set: {links.air.channel.k_factor: 3}}"
    study.write_text(f"name: two\nscenarios: {{A: small.yaml, B: {other}}}\nset: {{trials.per_image: 1}}\n")
    with pytest.raises(LinksimError, match="holds another run: the pictures changed"):
        go(study_plan(study), folder)


def test_another_key_is_another_run_that_tells_nothing_of_it(scenario, tmp_path):
    key, folder = tmp_path / "key", tmp_path / "run"
    sets = "trials.per_image=1", f"links.air.streams.picture.cipher.key={{file: {key}}}"
    key.write_bytes(bytes(16))
    go(plan_of(scenario, *sets), folder)
    text = (folder / manifest.MANIFEST).read_text()
    key.write_text("01" * 16)
    with pytest.raises(LinksimError, match="holds another run: a key changed"):
        go(plan_of(scenario, *sets), folder)
    key.write_bytes(bytes(16))
    assert all(event.found for event in go(plan_of(scenario, *sets), folder))
    assert not [each for each in (sha256(bytes(16)).hexdigest()[:8], "00" * 16) if each in text]


def test_a_folder_made_by_other_code_is_not_gone_on_with(scenario, copy, monkeypatch):
    monkeypatch.setattr(identity, "code_digest", lambda: "0" * 64)
    with pytest.raises(LinksimError, match="linksim's code changed"):
        go(plan_of(scenario), copy)


@pytest.mark.parametrize("change", ["code", "network", "versions"])
def test_other_code_or_weights_never_meet_a_nonce_again(scenario, tmp_path, monkeypatch, change):
    monkeypatch.setattr(runner, "write_report", lambda folder: [])

    def nonces(folder: Path) -> set[bytes]:
        made: set[bytes] = set()
        plain = Draws.nonce_for

        def kept(*words) -> bytes:
            made.add(plain(*words))
            return plain(*words)

        with monkeypatch.context() as patch:
            patch.setattr(Draws, "nonce_for", kept)
            go(plan_of(scenario, "trials.per_image=1", "sweep.snr_db=[5]"), folder)
        return made

    first = nonces(tmp_path / "first")
    assert nonces(tmp_path / "again") == first
    if change == "code":
        monkeypatch.setattr(identity, "code_digest", lambda: "0" * 64)
    elif change == "network":
        monkeypatch.setattr(Jpeg2000, "fingerprint", "another")
    else:
        monkeypatch.setattr(identity, "versions", lambda: {"numpy": "0"})
    assert len(first) == 2
    assert not nonces(tmp_path / "second") & first


def test_a_folder_serves_one_run_at_a_time_and_names_the_holder(scenario, tmp_path):
    told = f"must not be in use, got 'process {os.getpid()} on .*'; wait for it"
    with disk.locked(tmp_path / "run"), pytest.raises(LinksimError, match=told):
        go(plan_of(scenario), tmp_path / "run")


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from linksim import disk\n"
        "with disk.locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    folder = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LinksimError, match=f"process {holder.pid} on"), disk.locked(folder):
            pass
        holder.kill()
        holder.wait()
    with disk.locked(folder):
        pass


def test_two_systems_may_not_call_different_pictures_by_one_name(scenario, tmp_path):
    from linksim.plan import join

    other = write_scenario(tmp_path)
    (tmp_path / "photos" / "a.png").rename(tmp_path / "photos" / "c.png")
    shutil.copy(tmp_path / "photos" / "c.png", tmp_path / "photos" / "b.png")
    plan = join("both", {"one": load(scenario), "two": load(other)}, "study")
    with pytest.raises(LinksimError, match="picture b: must be one picture in all systems"):
        go(plan, tmp_path / "run")
