"""Scenarios over every channel and knowledge of it, from file to rows; recordings known by their content."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from linksim import results, runner
from linksim.budget import PILOTS, budget, frames
from linksim.errors import LinksimError
from linksim.load import load
from linksim.manifest import manifest, read_manifest
from linksim.plan import expand
from phy.engine import find_engine

SCENARIO = """
name: small
images: {{folder: {folder}}}
codec: {{kind: jpeg2000}}
links:
  air:
    bandwidth_ratio: 1/4
    channel: {channel}
    csi: {csi}
    engine: reference
    streams:
      picture: {{kind: digital, mcs: qpsk-1/2}}
snr_db: 20
seed: 3
"""
SYSTEMS = {
    "pilots": ("{kind: rician, k_factor: 5}", "{kind: pilots, count: 16}"),
    "blocks": ("{kind: nakagami, m: 2, block: 300}", "{kind: pilots, count: 4, estimator: lmmse, power: 2}"),
    "moving": ("{kind: jakes, doppler: 0.001}", "{kind: pilots, count: 2, spacing: 50, estimator: lmmse}"),
    "recorded": ("{kind: recorded, file: h.csv}", "{kind: pilots, count: 1, spacing: 20}"),
    "ageing": ("{kind: jakes, doppler: 0.001}", "{kind: ageing, delay: 20}"),
}


@pytest.fixture
def scenario(tmp_path, monkeypatch):
    """A function that writes a scenario over a channel and knowledge, in a folder with a picture."""
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("photos").mkdir()
    smooth = np.kron(np.random.default_rng(2).integers(0, 256, (8, 12, 3)), np.ones((8, 8, 1)))
    Image.fromarray(smooth.astype(np.uint8)).save(tmp_path / "photos" / "a.png")
    record(1.0)

    def write(channel: str, csi: str) -> Path:
        path = tmp_path / "small.yaml"
        path.write_text(SCENARIO.format(folder=tmp_path / "photos", channel=channel, csi=csi))
        return path

    return write


def record(turns: float) -> None:
    """200 values of unit gain, a circle walked `turns` times."""
    phase = 2 * np.pi * turns * np.arange(200) / 200
    Path("h.csv").write_text("re,im\n" + "".join(f"{np.cos(p)},{np.sin(p)}\n" for p in phase))


def go(path: Path, folder: str) -> pd.DataFrame:
    runner.run(expand(load(path)), Path(folder), lambda event: None)
    return results.read_rows(Path(folder))


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_scenario_over_it_runs_and_its_budget_is_what_is_spent(scenario, system):
    path = scenario(*SYSTEMS[system])
    (row,) = go(path, "run").to_dict("records")
    (point,) = expand(load(path)).points
    spent = budget(point, [64 * 96 * 3])
    (frame,) = frames(spent)
    pilots = sum(each.uses for each in spent if each.stream == PILOTS)
    assert row["n_uses"] == frame.uses == sum(frame.uses_by_category.values()) <= 64 * 96 * 3 // 4
    assert row["uses.pilots"] == row["air.pilots"] == pilots == frame.uses_by_category["pilots"]
    assert (pilots == 0) == (system == "ageing")
    assert row["air.energy"] == pytest.approx(row["n_uses"], rel=1e-5)  # QPSK: every use's energy is exact
    assert not row["outage"]
    assert row["block_errors"] == 0 < row["blocks"]


def test_a_run_is_another_where_the_recording_changed(scenario):
    path = scenario(*SYSTEMS["recorded"])
    named = ids(path)
    go(path, "run")
    (told,) = read_manifest(Path("run"))["points"]
    assert told["contents"]["recordings"]
    go(path, "run")  # the same file: gone on with
    record(2.0)
    assert ids(path) != named
    with pytest.raises(LinksimError, match="holds another run: a recorded channel changed"):
        go(path, "run")


def ids(path: Path) -> list[str]:
    return [point.id for point in expand(load(path)).points]


def test_other_runs_say_nothing_of_recordings(scenario):
    plan = expand(load(scenario(*SYSTEMS["pilots"])))
    assert manifest(plan, {})["points"][0]["contents"] == {}


def test_a_recording_that_is_gone_is_one_line_with_its_place(scenario):
    path = scenario("{kind: recorded, file: gone.npy}", "{kind: perfect}")
    told = r"small\.yaml:8: links\.air\.channel\.file: must be a readable \.npy or \.csv, got 'gone\.npy'"
    with pytest.raises(LinksimError, match=told):
        load(path)


def points_file(turns: float) -> None:
    """QPSK in a file, turned."""
    points = np.exp(1j * np.pi * (np.array([0, 1, 3, 2]) / 2 + turns))
    Path("points.csv").write_text("".join(f"{i:02b},{p.real},{p.imag}\n" for i, p in enumerate(points)))


def shifts_file(shift: int) -> None:
    """A quasi-cyclic code of 48 information bits in a file."""
    Path("shifts.csv").write_text(f"lifting=24\n0,{shift},0,-1\n5,2,0,0\n")


@pytest.mark.parametrize("change", [lambda: points_file(0.1), lambda: shifts_file(7)])
def test_a_run_is_another_where_the_file_of_a_code_or_constellation_changed(scenario, change):
    path = scenario(*SYSTEMS["pilots"])
    mcs = "{constellation: file:points.csv, code: qc:shifts.csv}"
    path.write_text(path.read_text().replace("mcs: qpsk-1/2", f"mcs: {mcs}"))
    points_file(0.0)
    shifts_file(3)
    named = ids(path)
    go(path, "run")
    assert ids(path) == named
    change()
    assert ids(path) != named
    with pytest.raises(LinksimError, match="holds another run: the file of a code or constellation changed"):
        go(path, "run")


@pytest.mark.parametrize(
    ("mcs", "engines"),
    [("qpsk-1/2", ["native"]), ("qpsk/conv:k=100", ["reference"]), ("qpsk/ideal:rate=1/2", [])],
)
def test_the_manifest_tells_whom_auto_took(scenario, mcs, engines, monkeypatch):
    monkeypatch.setattr("phy.auto_engine.has_gpu", lambda: False)
    find_engine.cache_clear()
    path = scenario(*SYSTEMS["pilots"])
    told = path.read_text().replace("engine: reference", "engine: auto")
    path.write_text(told.replace("mcs: qpsk-1/2", f"mcs: '{mcs}'"))
    assert manifest(expand(load(path)), {})["engines"] == engines
