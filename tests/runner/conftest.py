"""A small run that is done, to be gone on with, grown and broken."""

import shutil
from pathlib import Path

import pytest
from small_runs import go, once, plan_of, write_scenario

from linksim import disk, manifest, runner
from linksim.report.table import SUMMARY
from linksim.work import crew, units


@pytest.fixture(scope="module")
def scenario(tmp_path_factory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("scenario"))


@pytest.fixture(scope="module", autouse=True)
def small_units():
    """Units of one picture and four draws, and of the draw that is left: eight in all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "UNIT_TRIALS", 4)
        yield


@pytest.fixture(scope="module")
def done(scenario, tmp_path_factory) -> Path:
    """The folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "once"
    go(plan_of(scenario), folder)
    return folder


@pytest.fixture
def copy(done, tmp_path) -> Path:
    """That folder again, to be broken."""
    return Path(shutil.copytree(done, tmp_path / "copy"))


@pytest.fixture
def remembered(monkeypatch):
    """No unit is computed twice, the report is a word, the disk is not waited for: runs take no time."""
    monkeypatch.setattr(crew, "compute", once)
    monkeypatch.setattr(runner, "write_report", lambda folder: disk.write(folder / SUMMARY, b"whole"))
    monkeypatch.setattr(manifest, "git_state", lambda: None)
    monkeypatch.setattr(disk.os, "fsync", lambda handle: None)
