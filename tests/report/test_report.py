"""The report says what the rows say, and its figures are there, of the right size and not blank."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from linksim import results
from linksim.errors import LinksimError
from linksim.load import load
from linksim.plan import expand
from linksim.report.curves import positions, read_series
from linksim.report.plots import plot_runs
from linksim.report.strip import strip_rows
from linksim.report.style import DPI
from linksim.report.table import summarise, summary, swept
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
trials: {{per_image: 2}}
seed: 5
eavesdropper: true
"""


def made(home: Path, name: str, mcs: str = "qpsk-1/2", sweep: str = "sweep: {snr_db: [2, 12]}") -> Path:
    path = home / f"{name}.yaml"
    path.write_text(SCENARIO.format(name=name, mcs=mcs, sweep=sweep))
    run(expand(load(path)), home / name, lambda event: None)
    return home / name


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def folder(home) -> Path:
    return made(home, "first")


def test_the_table_is_recomputed_by_hand_from_counts_and_energies(folder):
    rows = results.read_rows(folder)
    table = pd.read_csv(folder / "summary.csv")
    for line in table.itertuples():
        trials = [row for _, row in rows.iterrows() if row["point"] == line.point]
        psnr = [10 * np.log10(255**2 * t["height"] * t["width"] * 3 / t["squared_error"]) for t in trials]
        arrived = [value for value, t in zip(psnr, trials, strict=True) if not t["outage"]]
        assert line.trials == len(trials) == 4
        assert line.psnr_db == pytest.approx(np.mean(psnr), rel=1e-12)
        assert line.psnr_db_low <= line.psnr_db <= line.psnr_db_high
        assert line.psnr_delivered_db == pytest.approx(np.mean(arrived) if arrived else np.nan, nan_ok=True)
        assert line.outage_rate == sum(t["outage"] for t in trials) / 4
        assert line.outage_low <= line.outage_rate <= line.outage_high
        errors, blocks = (
            sum(t[f"air.picture.{name}"] for t in trials) for name in ("block_errors", "blocks")
        )
        assert line.bler_rate == errors / blocks
        samples = sum(t["samples"] for t in trials)
        assert line.bandwidth_ratio == sum(t["air.n_uses"] for t in trials) / samples
        data = sum(t["air.picture.data"] / t["air.picture.bits_per_use"] for t in trials)
        assert line.payload_bandwidth_ratio == pytest.approx(data / samples, rel=1e-12)
        assert line.mcs == "qpsk-1/2"
        eve = [10 * np.log10(255**2 * t["samples"] / t["eve_squared_error"]) for t in trials]
        assert line.eve_psnr_db == pytest.approx(np.mean(eve), rel=1e-12)
    assert rows["outage"].any()
    assert not rows["outage"].all()


def test_the_summary_is_printed_with_a_line_a_point(folder):
    console = Console(width=220, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(summary(folder))
    text = console.export_text()
    for told in ("SNR (dB)", "PSNR (dB)", "outage (%)", "eavesdropper", "qpsk-1/2", "strip.png"):
        assert told in text
    markdown = (folder / "summary.md").read_text().splitlines()
    assert len([line for line in markdown if line.startswith("| ")]) == 2 + 2


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_the_figures_are_there_and_not_blank(folder):
    for name in ("psnr", "ms_ssim", "outage"):
        drawn = pixels(folder / "figures" / f"{name}.png")
        assert drawn.shape == (4 * DPI, 6 * DPI, 3)
        assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 20
    assert (folder / "figures" / "psnr.pdf").read_bytes().startswith(b"%PDF")


def test_the_strip_shows_original_every_point_and_the_eavesdropper(folder):
    rows, gallery, table = strip_rows(folder), results.Gallery(folder=folder), results.read_rows(folder)
    heads = [tile.head for tile in rows[0]]
    assert heads == ["original", "SNR 2 dB", "SNR 12 dB", "eavesdropper\nSNR 12 dB"]
    assert len(rows) == 2
    for name, row in zip(("astronaut", "chelsea"), rows, strict=True):
        paths = [
            gallery.original(name),
            gallery.received(name, 0),
            gallery.received(name, 1),
            gallery.eavesdropped(name, 1),
        ]
        for tile, path in zip(row, paths, strict=True):
            np.testing.assert_array_equal(tile.picture, results.load_picture(path))
        firsts = table[(table["image"] == name) & (table["trial"] == 0)].sort_values("point")
        for tile, line in zip(row[1:3], firsts.itertuples(), strict=True):
            assert tile.words == f"{line.psnr_db:.1f} dB" + (", outage" if line.outage else "")
    drawn = pixels(folder / "figures" / "strip.png")
    assert drawn.shape[1] == 2 * DPI * len(heads)
    assert drawn.shape[0] > 2 * DPI * (512 / 512 + 300 / 451)


def test_several_runs_share_one_figure(home, folder):
    other = made(home, "second", mcs="bpsk-1/2")
    out = plot_runs([folder, other], home / "both.png")
    assert pixels(out).shape[0] > 3 * 2.5 * DPI
    assert read_series(other).name == "second"
    curve = read_series(folder).curves("psnr_db")[0]
    np.testing.assert_array_equal(curve.x, [2, 12])
    np.testing.assert_allclose(curve.y, pd.read_csv(folder / "summary.csv")["psnr_db"])


def test_a_grid_gives_a_curve_for_each_setting_of_the_other_field(home):
    grid = "sweep: {snr_db: [2, 12], links.air.streams.picture.mcs: [bpsk-1/2, qpsk-1/2]}"
    series = read_series(made(home, "grid", sweep=grid))
    curves = series.curves("outage_rate")
    assert [curve.label for curve in curves] == ["grid, mcs=bpsk-1/2", "grid, mcs=qpsk-1/2"]
    assert all(curve.x.tolist() == [2, 12] for curve in curves)


def test_one_point_and_no_sweep_make_a_report_too(home):
    folder = made(home, "point", sweep="snr_db: 12")
    assert swept(results.read_manifest(folder)) == ["snr_db"]
    assert pd.read_csv(folder / "summary.csv")["snr_db"].tolist() == [12.0]
    assert (folder / "figures" / "psnr.png").exists()


def test_what_cannot_be_plotted_is_one_line(home, folder):
    with pytest.raises(LinksimError, match=r"--out: must end in \.png, \.pdf, \.svg"):
        plot_runs([folder], home / "figure.bmp")
    with pytest.raises(LinksimError, match="must be the folder of a run"):
        plot_runs([home / "nowhere"], home / "figure.png")
    other = made(home, "ratio", sweep="sweep: {links.air.bandwidth_ratio: [1/120, 1/100]}")
    with pytest.raises(LinksimError, match="must be swept over the same field"):
        plot_runs([folder, other], home / "figure.png")
    assert not (home / "figure.png").exists()


def test_fractions_lie_where_their_values_are():
    np.testing.assert_array_equal(positions(["1/4", "1/2", 1]), [0.25, 0.5, 1.0])
    np.testing.assert_array_equal(positions(["bpsk-1/2", "qpsk-1/2"]), [0, 1])


def test_an_infinite_psnr_is_told_and_has_no_interval(folder):
    rows = results.read_rows(folder)
    rows.loc[0, "psnr_db"] = np.inf
    line = summarise(rows, ["snr_db"]).iloc[0]
    assert np.isinf(line["psnr_db"])
    assert np.isnan(line["psnr_db_low"])
    assert json.loads(json.dumps(swept({"points": [{}]}))) == ["snr_db"]
