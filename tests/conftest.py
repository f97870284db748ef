"""One thread a process and quiet libraries, set before NumPy, TensorFlow or torch are imported.

Hypothesis takes the same examples in every run, however busy the machine is.
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from PIL import Image

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MPLBACKEND", "Agg")

settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

LONGEST = {"survival", "test_studies_page.py", "test_notebooks.py"}
"""Tests that start processes and wait for them: they come first, so that no worker ends on one alone."""


@pytest.fixture
def kodak(tmp_path, monkeypatch) -> Path:
    """A folder for LINKSIM_DATA; of Kodak's photos, which no package brings, it has one of their size."""
    (tmp_path / "kodak").mkdir()
    Image.new("RGB", (768, 512)).save(tmp_path / "kodak" / "kodim01.png")
    monkeypatch.setenv("LINKSIM_DATA", str(tmp_path))
    return tmp_path


def pytest_collection_modifyitems(items: list) -> None:
    items.sort(key=lambda item: LONGEST.isdisjoint(item.path.parts))
