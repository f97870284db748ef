"""A disk that is full or read-only, and shards that were spoilt, are told in one line and outlived."""

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
from campaign import Running, assert_whole, finish, table, units

from linksim import disk


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 100 kB of its own; only root can have one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=100k", "linksim-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def remount(place: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)


def refused(running: Running) -> str:
    """The one line of a run that ends with exit code 2."""
    code, _, told = running.end()
    assert code == 2, told
    assert not running.leftover()
    lines = [line for line in told.splitlines() if "must be writable" in line]
    assert len(lines) == 1, told
    assert told.splitlines()[-1] == lines[0]
    assert "Traceback" not in told
    return lines[0]


def test_a_full_disk_is_one_line_and_with_room_the_run_goes_on(study, whole, small_disk):
    folder = small_disk / "run"
    line = refused(Running(study, folder))
    assert "must be writable, got 'No space left on device'; make room and run again" in line
    assert not list(folder.rglob(f"*{disk.PARTIAL}"))
    kept = len(table(folder)) if units(folder) else 0
    remount(small_disk, "size=50m")
    finish(study, folder)
    assert kept < len(table(folder))
    assert_whole(folder, whole)


def test_a_read_only_disk_is_one_line(study, small_disk):
    remount(small_disk, "ro")
    assert "got 'Read-only file system'; choose another folder" in refused(Running(study, small_disk / "run"))


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_is_one_line(study, whole, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
    try:
        running = Running(study, tmp_path / "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "must be writable, got 'File too large'" in refused(running)
    assert not list((tmp_path / "run").rglob(f"*{disk.PARTIAL}"))
    finish(study, tmp_path / "run")
    assert_whole(tmp_path / "run", whole)


def test_spoilt_shards_are_put_aside_told_and_run_again(study, whole, tmp_path):
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    cut, garbage, empty, other, right = units(folder)[:5]
    cut.write_bytes(cut.read_bytes()[:-100])
    garbage.write_bytes(b"PAR1" + bytes(range(256)) * 8)
    empty.write_bytes(b"")
    other.write_bytes(right.read_bytes())
    _, told = finish(study, folder)
    spoilt = {path.name for path in (cut, garbage, empty, other)}
    assert {path.name.removesuffix(".broken") for path in (folder / "rows").glob("*.broken")} == spoilt
    assert all(told.count(name) == 1 for name in spoilt), told
    assert_whole(folder, whole)
