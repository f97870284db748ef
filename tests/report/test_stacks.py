"""Figures of losses: steps of stacks, trial by trial, what a study may say of them, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from written_studies import write_study

from linksim import manifest
from linksim.errors import LinksimError
from linksim.estimates import METRICS
from linksim.gathered import gather
from linksim.report.asked import Plot, asked_of
from linksim.report.main import write_main
from linksim.report.stacks import steps_of
from linksim.study import plan_of

STEPS = ("CSI", "code")
STACKS = {"A": ("A", "A, CSI", "bound"), "B": ("B", "B", "bound")}
LEVELS = {"A": 20.0, "A, CSI": 21.5, "B": 24.0, "bound": 23.0}
PLOT = {
    "y": "psnr",
    "steps": list(STEPS),
    "stacks": {bar: list(systems) for bar, systems in STACKS.items()},
}


def study(home: Path, name: str = "budget", plot: dict | None = None, **fields) -> Path:
    """Each system is 2 dB better at 10 dB than at 0 dB; pictures and trials are each 1 dB apart."""
    systems = {system: {0.0: level, 10.0: level + 2} for system, level in LEVELS.items()}
    folder = write_study(home / name, systems, pictures=False, **fields)
    tree = json.loads((folder / manifest.MANIFEST).read_text())
    (folder / manifest.MANIFEST).write_text(json.dumps(tree | {"study": {"plot": plot or PLOT}}))
    return folder


def test_steps_are_mean_differences_of_neighbours_and_add_up_to_the_last_system(tmp_path):
    gathered = gather([study(tmp_path)])
    steps = steps_of(gathered, STACKS, STEPS, METRICS["psnr"])
    told = [(step.stack, step.x, step.name, step.start, step.loss) for step in steps]
    assert told == [
        ("A", "0", "CSI", 21.0, 1.5), ("A", "0", "code", 22.5, 1.5),
        ("B", "0", "CSI", 25.0, 0.0), ("B", "0", "code", 25.0, -1.0),
        ("A", "10", "CSI", 23.0, 1.5), ("A", "10", "code", 24.5, 1.5),
        ("B", "10", "CSI", 27.0, 0.0), ("B", "10", "code", 27.0, -1.0),
    ]  # fmt: skip
    assert all(step.half_width == 0 for step in steps)  # every trial gains alike


def test_a_stack_is_of_the_trials_that_all_its_systems_have(tmp_path):
    """Else neighbours would differ in what they share, and the bars not meet."""
    gathered = gather([study(tmp_path)])
    rows = gathered.rows
    missing = (rows["system"] == "bound") & (rows["image"] == "blue") & (rows["trial"] == 1)
    steps = steps_of(replace(gathered, rows=rows[~missing]), STACKS, STEPS, METRICS["psnr"])
    told = [(step.start, step.loss) for step in steps[:2]]
    assert told == [(pytest.approx(20 + 2 / 3), 1.5), (pytest.approx(21.5 + 2 / 3), 1.5)]


def test_pictures_of_one_place_are_not_paired_unless_they_are_the_same(tmp_path):
    gathered = gather([study(tmp_path)])
    rows = gathered.rows.copy()
    rows.loc[rows["system"] == "bound", "sha256"] += "0"
    with pytest.raises(LinksimError, match=r"stacks: must name systems with a picture and a trial in common"):
        steps_of(replace(gathered, rows=rows), STACKS, STEPS, METRICS["psnr"])


def test_a_run_leaves_the_bars_and_their_numbers(tmp_path):
    written = write_main(study(tmp_path))
    assert [path.name for path in written] == ["main.png", "main.pdf", "main.csv"]
    table = pd.read_csv(written[2])
    assert list(table) == ["stack", "x", "name", "start", "loss", "half_width"]
    assert table.groupby(["stack", "x"])["loss"].sum().to_dict() == {
        ("A", 0): 3.0, ("A", 10): 3.0, ("B", 0): -1.0, ("B", 10): -1.0
    }  # fmt: skip
    with Image.open(written[0]) as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0xD9, 0xD9, 0xD9)):  # both steps, and the foot
        assert (pixels == colour).all(axis=1).sum() > 1000


def test_a_figure_waits_for_the_points_that_are_not_run(tmp_path):
    assert write_main(study(tmp_path, done=5)) == []


def test_what_is_no_number_is_told(tmp_path):
    folder = study(tmp_path, "lossless", plot=PLOT | {"y": "ms_ssim"}, ms_ssim_db=float("inf"))
    with pytest.raises(LinksimError, match=r"plot\.y of the study: must be finite in every trial"):
        write_main(folder)
    folder = study(tmp_path, "rate", plot=PLOT | {"y": "outage"})
    with pytest.raises(LinksimError, match=r"plot\.y of the study: must be one column of stacks"):
        write_main(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": ["CSI"]}, "stacks: A must name 2 systems, one more than steps, got 3; name one again"),
        ({"steps": []}, "steps: go with stacks, got one of the two; write both"),
        ({"steps": ["CSI", "CSI"]}, "steps: must differ, got 'CSI' twice; each has a colour of its own"),
        ({"y": ["psnr", "mse"]}, "y: must be one column of stacks, got psnr, mse; leave all but one out"),
        ({"by": "system"}, "stacks: are no pictures and have no by, got both"),
    ],
)
def test_stacks_that_cannot_be_are_refused(changes, told):
    with pytest.raises(ValueError, match=told):
        Plot(**(PLOT | changes))


def test_stacks_name_systems_of_their_study(tmp_path):
    one = Path(__file__).resolve().parents[2] / "scenarios" / "rician_jpeg2000_ldpc.yaml"
    text = f"name: s\nscenarios:\n  real: {one}\n  ideal: {{file: {one}, set: {{seed: 2}}}}\n"
    path = tmp_path / "s.yaml"
    path.write_text(text + "plot: {steps: [code], stacks: {all: [real, ideal]}}\n")
    assert asked_of(plan_of(path).study["plot"]).stacks == {"all": ("real", "ideal")}
    path.write_text(text + "plot: {steps: [code], stacks: {all: [real, idle]}}\n")
    with pytest.raises(
        LinksimError, match=r"plot.stacks: must name systems of the study, got 'idle'; did you"
    ):
        plan_of(path)
    path.write_text(
        f"name: s\nscenarios:\n  real: {one}\nplot: {{steps: [code], stacks: {{all: [real, real]}}}}\n"
    )
    with pytest.raises(LinksimError, match=r"plot.stacks: must name two systems or more, got a study of one"):
        plan_of(path)
