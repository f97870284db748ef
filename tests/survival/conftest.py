"""Studies, and runs of them that nothing interrupts: what every survivor is compared with."""

from pathlib import Path

import pytest
from campaign import Pace, measured, write_study


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Path:
    """Ten units."""
    return write_study(tmp_path_factory.mktemp("study") / "here")


@pytest.fixture(scope="session")
def timed(study, tmp_path_factory) -> tuple[Path, Pace]:
    """It also warms the cache of compiled code."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, measured(study, folder)


@pytest.fixture(scope="session")
def whole(timed) -> Path:
    return timed[0]


@pytest.fixture(scope="session")
def pace(timed) -> Pace:
    return timed[1]


@pytest.fixture(scope="session")
def long_study(tmp_path_factory) -> Path:
    """Forty units."""
    return write_study(tmp_path_factory.mktemp("study") / "here", trials=64)


@pytest.fixture(scope="session")
def long_timed(long_study, tmp_path_factory) -> tuple[Path, Pace]:
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, measured(long_study, folder)


@pytest.fixture(scope="session")
def long_whole(long_timed) -> Path:
    return long_timed[0]


@pytest.fixture(scope="session")
def long_pace(long_timed) -> Pace:
    return long_timed[1]
