"""A file is there whole or as it was, at whatever instant its writer died."""

import pytest

from linksim import disk
from linksim.errors import LinksimError


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the writer runs after it but what Python itself must."""


@pytest.mark.parametrize("before", [None, b"as it was"])
def test_a_writer_killed_before_the_rename_changes_nothing(tmp_path, monkeypatch, before):
    path = tmp_path / "rows" / "unit.parquet"
    if before is not None:
        disk.write(path, before)

    def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(disk.os, "fsync", killed)
    with pytest.raises(Killed):
        disk.write(path, b"half written")
    monkeypatch.undo()
    assert (path.read_bytes() if path.exists() else None) == before
    assert [each for each in path.parent.iterdir() if each != path]
    disk.remove_partials(tmp_path)
    assert not [each for each in path.parent.iterdir() if each != path]
    disk.write(path, b"new")
    assert path.read_bytes() == b"new"


def test_only_what_a_run_left_unfinished_is_taken_away(tmp_path):
    theirs, ours = tmp_path / "mail" / ".draft.partial", tmp_path / "pictures" / "a" / ".point000.png.partial"
    for path in (theirs, ours):
        path.parent.mkdir(parents=True)
        path.touch()
    disk.remove_partials(tmp_path)
    assert (theirs.exists(), ours.exists()) == (True, False)


def test_what_is_left_unfinished_is_no_shard(tmp_path):
    """Readers glob for *.parquet: a partial file must not end so."""
    assert not disk.PARTIAL.endswith(".parquet")


def test_content_is_on_disk_before_its_name_is(tmp_path, monkeypatch):
    calls: list[str] = []
    sync, rename = disk.os.fsync, disk.Path.replace
    monkeypatch.setattr(disk.os, "fsync", lambda handle: (calls.append("fsync"), sync(handle))[1])
    monkeypatch.setattr(disk.Path, "replace", lambda path, to: (calls.append("rename"), rename(path, to))[1])
    disk.write(tmp_path / "file", b"content")
    assert calls == ["fsync", "rename", "fsync"]


def test_a_folder_in_the_way_of_a_file_is_one_line(tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(LinksimError, match=r"file: must be writable, got 'Is a directory'"):
        disk.write(tmp_path / "file", b"")
