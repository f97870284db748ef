"""The notebooks run from their first cell to their last, on a study of a few trials."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONG = {"bring_your_own_codec"}
"""Those that take half a minute even when they are short."""
STUDY = ROOT / "scenarios" / "adaptive_or_fixed.yaml"
SMALL = ("--quick", "--set", "trials.per_image=3")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """The folder of the study that the notebooks read, two pictures at its lowest and highest SNR."""
    folder = tmp_path_factory.mktemp("runs") / "study"
    command = [sys.executable, "-m", "linksim", "run", str(STUDY), *SMALL, "--out", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.slow) if path.stem in LONG else path for path in NOTEBOOKS],
    ids=lambda path: path.stem,
)
def test_a_notebook_runs_to_its_end(path, study, monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # figures come into the notebook
    monkeypatch.setenv("STUDY", str(study))
    monkeypatch.setenv("STEPS", "20")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    drawn = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert drawn


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_with_its_figures_and_without_errors(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not any(output.output_type == "error" for output in outputs)
    assert "/" + "work" not in path.read_text()
