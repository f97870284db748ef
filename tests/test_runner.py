"""Runs survive: done once, never lost, never mixed, the same however they were stopped."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from linksim import disk, results, runner
from linksim.codecs.jpeg2000 import Jpeg2000
from linksim.errors import LinksimError
from linksim.load import load
from linksim.plan import expand
from linksim.report.table import SUMMARY
from phy.draws import Draws
from phy.ledger import CATEGORIES

SCENARIO = """
name: small
images: {{folder: {folder}}}
codec: {{kind: jpeg2000}}
links:
  air:
    bandwidth_ratio: 1/4
    channel: {{kind: rician, k_factor: 1.0, block: frame}}
    engine: reference
    streams:
      picture:
        kind: digital
        mcs: {{amc: hda, csit: true}}
        cipher: {{kind: aes-ctr, key: {{test: true}}}}
sweep: {{snr_db: [5, 15]}}
trials: {{per_image: 5}}
seed: 3
eavesdropper: true
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory) -> Path:
    """Two small pictures, one of odd sides, five draws each, at two SNRs: four units."""
    home = tmp_path_factory.mktemp("scenario")
    rng, folder = np.random.default_rng(2), home / "photos"
    folder.mkdir()
    for name, shape in (("a", (64, 96, 3)), ("b", (81, 59, 3))):
        smooth = np.kron(rng.integers(0, 256, (11, 13, 3)), np.ones((8, 8, 1)))[: shape[0], : shape[1]]
        Image.fromarray(smooth.astype(np.uint8)).save(folder / f"{name}.png")
    path = home / "small.yaml"
    path.write_text(SCENARIO.format(folder=folder))
    return path


def go(scenario: Path, folder: Path, *sets: str) -> list[runner.Event]:
    events: list[runner.Event] = []
    runner.run(expand(load(scenario, sets=sets)), folder, events.append)
    return events


@pytest.fixture(scope="module")
def done(scenario, tmp_path_factory) -> Path:
    """The folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "once"
    go(scenario, folder)
    return folder


@pytest.fixture
def copy(done, tmp_path) -> Path:
    """That folder again, to be broken."""
    import shutil

    return Path(shutil.copytree(done, tmp_path / "copy"))


def table(folder: Path) -> pd.DataFrame:
    rows = results.read_rows(folder)
    return rows.drop(columns=[name for name in rows if name.startswith(results.TIMINGS)])


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


def test_the_manifest_holds_the_scenario_as_it_was_run(done, scenario):
    from linksim.document import parse
    from linksim.scenario import build, digest

    told = results.read_manifest(done)
    again = build(parse(json.dumps(told["scenario"]), "manifest"))
    assert digest(again) == digest(load(scenario)) == told["deciding"]["digest"]


def test_a_second_run_computes_nothing_and_changes_no_file(scenario, done, monkeypatch):
    def stamps() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in done.rglob("*") if path.name != disk.LOCK}

    before = stamps()
    monkeypatch.setattr(runner.System, "deliver", lambda *_: pytest.fail("computed again"))
    assert all(event.found for event in go(scenario, done))
    assert stamps() == before


def test_a_resumed_run_tells_the_rows_that_were_there_as_they_were(scenario, tmp_path):
    first, second = go(scenario, tmp_path / "run"), go(scenario, tmp_path / "run")
    assert not any(event.found for event in first)
    assert [event.rows for event in first] == [event.rows for event in second]


def test_every_snr_and_every_system_meets_the_same_fades(scenario, done, tmp_path):
    go(
        scenario,
        tmp_path / "other",
        "links.air.streams.picture.mcs=qpsk-1/2",
        "links.air.bandwidth_ratio=1/3",
    )
    gains = [
        results.read_rows(folder).pivot(index=["image", "trial"], columns="point", values="gain")
        for folder in (done, tmp_path / "other")
    ]
    np.testing.assert_array_equal(gains[0][0], gains[0][1])
    np.testing.assert_allclose(gains[0], gains[1], rtol=1e-12)
    assert gains[0][0].nunique() == 10


def test_a_run_killed_after_its_first_shard_goes_on_and_ends_in_the_same_table(scenario, done, tmp_path):
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "linksim", "run", str(scenario), "--out", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((folder / "rows").glob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    found = [event.found for event in go(scenario, folder)]
    assert found[0]
    assert not found[-1]
    pd.testing.assert_frame_equal(table(folder), table(done))
    for name in ("summary.csv", "summary.md"):
        assert (folder / name).read_bytes() == (done / name).read_bytes()
    assert not list(folder.rglob(f"*{disk.PARTIAL}"))


@pytest.mark.parametrize("lost", range(4))
def test_any_unit_that_is_missing_is_run_again_to_the_same_rows(scenario, copy, done, lost):
    sorted((copy / "rows").glob("*.parquet"))[lost].unlink()
    assert sum(not event.found for event in go(scenario, copy)) == 1
    pd.testing.assert_frame_equal(table(copy), table(done))


@pytest.mark.parametrize(
    ("change", "told"),
    [("seed=4", "the scenario changed"), ("images.limit=1", "the scenario and the pictures changed")],
)
def test_a_folder_keeps_one_run(scenario, copy, change, told):
    with pytest.raises(LinksimError, match=f"holds another run: {told}; run into another folder with --out"):
        go(scenario, copy, change)


def test_a_folder_made_by_other_code_is_not_gone_on_with(scenario, copy, monkeypatch):
    monkeypatch.setattr(results, "code_digest", lambda: "0" * 64)
    with pytest.raises(LinksimError, match="linksim's code changed"):
        go(scenario, copy)


@pytest.mark.parametrize("change", ["code", "network", "versions"])
def test_other_code_or_weights_never_meet_a_nonce_again(scenario, tmp_path, monkeypatch, change):
    def nonces(folder: Path) -> set[bytes]:
        made: set[bytes] = set()
        plain = Draws.nonce_for

        def kept(*words) -> bytes:
            made.add(plain(*words))
            return plain(*words)

        with monkeypatch.context() as patch:
            patch.setattr(Draws, "nonce_for", kept)
            go(scenario, folder, "trials.per_image=1", "snr_db=5")
        return made

    first = nonces(tmp_path / "first")
    assert nonces(tmp_path / "again") == first
    if change == "code":
        monkeypatch.setattr(results, "code_digest", lambda: "0" * 64)
    elif change == "network":
        monkeypatch.setattr(Jpeg2000, "fingerprint", "another")
    else:
        monkeypatch.setattr(results, "versions", lambda: {"numpy": "0"})
    assert len(first) == 2
    assert not nonces(tmp_path / "second") & first


def test_a_folder_serves_one_run_at_a_time_and_names_the_holder(scenario, tmp_path):
    told = f"must not be in use, got 'process {os.getpid()} on .*'; wait for it"
    with disk.locked(tmp_path / "run"), pytest.raises(LinksimError, match=told):
        go(scenario, tmp_path / "run")


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


def test_a_folder_that_cannot_be_written_is_one_clear_line(scenario, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LinksimError, match=r"must be writable, got 'Not a directory'.*--out"):
        go(scenario, tmp_path / "file" / "run")


def test_a_read_only_disk_is_one_clear_line(scenario, tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(
        LinksimError, match="run: must be writable, got 'Read-only file system'; choose another folder"
    ):
        go(scenario, tmp_path / "run")


def test_a_full_disk_loses_nothing_and_leaves_nothing_half_written(scenario, done, tmp_path, monkeypatch):
    events: list[runner.Event] = []
    sync = os.fsync

    def full(handle: int) -> None:
        if events:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(LinksimError, match="must be writable, got 'No space left on device'; make room"):
        runner.run(expand(load(scenario)), tmp_path / "run", events.append)
    monkeypatch.undo()
    assert not list((tmp_path / "run").rglob(f"*{disk.PARTIAL}"))
    assert len(table(tmp_path / "run")) == len(events[0].rows)
    assert sum(event.found for event in go(scenario, tmp_path / "run")) == 1
    pd.testing.assert_frame_equal(table(tmp_path / "run"), table(done))


def test_a_broken_shard_is_named_with_its_remedy(scenario, copy, done):
    shard = sorted((copy / "rows").glob("*.parquet"))[1]
    shard.write_bytes(b"no parquet")
    with pytest.raises(LinksimError, match=f"{shard.name}: must be Parquet.*delete it and run again"):
        results.read_rows(copy)
    shard.unlink()
    assert [event.found for event in go(scenario, copy)].count(False) == 1
    pd.testing.assert_frame_equal(table(copy), table(done))


def test_rows_under_another_name_are_refused_so_that_none_counts_twice(copy):
    shard, *_ = sorted((copy / "rows").glob("*.parquet"))
    shard.with_stem("again").write_bytes(shard.read_bytes())
    told = f"again.parquet: must hold the rows of the unit it is named by, got '{shard.stem}'; delete it"
    with pytest.raises(LinksimError, match=told):
        results.read_rows(copy)


def test_a_shard_of_something_else_is_refused(scenario, copy):
    shard, *_ = sorted((copy / "rows").glob("*.parquet"))
    pd.DataFrame({"a": [1]}).to_parquet(shard)
    with pytest.raises(LinksimError, match="must hold the rows of the unit it is named by, got 'none'"):
        go(scenario, copy)


@pytest.mark.parametrize("text", ["[1]", "{}", "null", '{"name": "x", "deciding": {"a": 1}, "points": []}'])
def test_a_manifest_of_something_else_is_refused(scenario, copy, text):
    (copy / results.MANIFEST).write_text(text)
    with pytest.raises(LinksimError, match=r"manifest\.json: must be the manifest of a run"):
        go(scenario, copy)


def test_a_picture_that_is_gone_is_named(scenario, copy):
    lost = next((copy / "pictures").glob("*/original.png"))
    lost.unlink()
    (copy / SUMMARY).unlink()
    with pytest.raises(
        LinksimError, match=r"original\.png: must be the picture that the run saved.*put it back"
    ):
        go(scenario, copy)


def test_a_folder_that_is_no_run_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LinksimError, match=r"file: must be the folder of a run, with manifest\.json"):
        results.read_manifest(tmp_path / "file")
    with pytest.raises(LinksimError, match=r"must be the folder of a run, with manifest\.json"):
        results.read_rows(tmp_path)


def test_units_are_named_by_all_that_decides_them(scenario):
    plan = expand(load(scenario))
    photos = runner.load_images(plan.scenario.images)
    deciding = results.manifest(plan, photos)["deciding"]
    names = [unit.name for unit in runner.units(plan, photos, deciding)]
    assert len(set(names)) == len(names) == 4
    for name in ("code", "versions"):
        other = [unit.name for unit in runner.units(plan, photos, {**deciding, name: "another"})]
        assert not set(other) & set(names)
    other = [unit.name for unit in runner.units(expand(load(scenario, seed=9)), photos, deciding)]
    assert not set(other) & set(names)
