"""From a scenario to its report: the table says what the rows say, the figures are there and not blank."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from linksim import results
from linksim.load import load
from linksim.plan import expand
from linksim.report.fields import DATA, USES
from linksim.report.plots import plot_runs
from linksim.runner import run

SCENARIO = """
name: {name}
images: {{set: sample, limit: 2}}
codec: {{kind: jpeg2000}}
links:
  air:
    bandwidth_ratio: 1/120
    channel: {{kind: rayleigh, block: frame}}
    engine: reference
    streams:
      picture:
        kind: digital
        mcs: {mcs}
        decoder: {{iterations: 5}}
        cipher: {{kind: aes-ctr, key: {{test: true}}}}
{sweep}
trials: {{per_image: 3}}
seed: 5
eavesdropper: true
"""


def made(home: Path, name: str, mcs: str, sweep: str) -> Path:
    path = home / f"{name}.yaml"
    path.write_text(SCENARIO.format(name=name, mcs=mcs, sweep=sweep))
    run(expand(load(path)), home / name, lambda event: None)
    return home / name


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def folder(home) -> Path:
    return made(home, "first", "qpsk-1/2", "sweep: {snr_db: [2, 12]}")


def test_the_table_is_recomputed_by_hand_from_counts_and_energies(folder):
    rows = results.read_rows(folder)
    for _, line in pd.read_csv(folder / "summary.csv").iterrows():
        trials = [row for _, row in rows.iterrows() if row["point"] == line["point"]]
        psnr = [10 * np.log10(255**2 * t["height"] * t["width"] * 3 / t["squared_error"]) for t in trials]
        arrived = [value for value, t in zip(psnr, trials, strict=True) if not t["outage"]]
        assert line["trials"] == len(trials) == 6
        assert line["psnr_db"] == pytest.approx(np.mean(psnr), rel=1e-12)
        assert line["psnr_db_low"] <= line["psnr_db"] <= line["psnr_db_high"]
        delivered = np.mean(arrived) if arrived else np.nan
        assert line["psnr_delivered_db"] == pytest.approx(delivered, rel=1e-12, nan_ok=True)
        assert line["outage_rate"] == sum(t["outage"] for t in trials) / 6
        assert line["outage_low"] <= line["outage_rate"] <= line["outage_high"]
        samples = sum(t["samples"] for t in trials)
        assert line[USES] == sum(t["air.n_uses"] for t in trials) / samples
        data = sum(t["air.picture.data"] / t["air.picture.bits_per_use"] for t in trials)
        assert line[DATA] == pytest.approx(data / samples, rel=1e-12)
        eve = [10 * np.log10(255**2 * t["samples"] / t["eve_squared_error"]) for t in trials]
        assert line["eve_psnr_db"] == pytest.approx(np.mean(eve), rel=1e-12)
    assert rows["outage"].any()
    assert not rows["outage"].all()


def colours(path: Path) -> int:
    pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    return len(np.unique(pixels[::97], axis=0))


def test_every_figure_of_a_run_is_there_and_not_blank(folder):
    for name in ("psnr", "ms_ssim", "outage", "strip"):
        assert colours(folder / "figures" / f"{name}.png") > 4
    assert (folder / "figures" / "psnr.pdf").read_bytes().startswith(b"%PDF")


def test_a_run_of_one_point_is_reported_on_and_plotted_beside_another(home, folder):
    other = made(home, "point", "bpsk-1/2", "snr_db: 12")
    assert pd.read_csv(other / "summary.csv")["snr_db"].tolist() == [12.0]
    assert colours(other / "figures" / "psnr.png") > 4
    assert colours(plot_runs([folder, other], home / "both.png")) > 4
