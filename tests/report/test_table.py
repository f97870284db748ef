"""The table of a run written by hand: every number is known before the code computes it."""

import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from written_runs import PILOTS, SAMPLES, USES, trial, write_run

from linksim.report.fields import setting, swept
from linksim.report.table import mcs_mix, read_summary, summary, write_tables


def test_means_and_rates_are_those_reckoned_by_hand(lossy):
    low, high = (line for _, line in read_summary(lossy).iterrows())
    assert low["trials"] == 4
    assert low["psnr_db"] == (20 + 10 + 24 + 10) / 4
    assert low["psnr_delivered_db"] == (20 + 24) / 2
    assert low["outage_rate"] == 2 / 4
    assert low["ms_ssim_db"] == (4 + 5 + 5 + 6) / 4
    assert low["eve_psnr_db"] == 8
    assert low["air.essential.bler"] == 4 / 40
    assert high["air.essential.bler"] == 0
    assert high["psnr_db"] == high["psnr_delivered_db"] == 30


def test_the_outage_interval_is_clopper_and_pearsons(lossy):
    low, high = (line for _, line in read_summary(lossy).iterrows())
    # 2 of 4: the beta quantiles of a published table; 0 of 4: 1 - 0.025^(1/4).
    assert (low["outage_low"], low["outage_high"]) == pytest.approx((0.067586, 0.932414), abs=1e-6)
    assert (high["outage_low"], high["outage_high"]) == (0, pytest.approx(1 - 0.025 ** (1 / 4)))


def test_the_interval_of_a_mean_is_that_of_its_bootstrap_distribution(tmp_path):
    values = [20.0, 10.0, 24.0, 10.0, 30.0, 20.0]
    rows = [trial(0, {}, 0, n, psnr) for n, psnr in enumerate(values)]
    line = read_summary(write_run(tmp_path / "six", [{}], rows)).iloc[0]
    every = np.array(np.meshgrid(*[values] * 6)).reshape(6, -1).mean(axis=0)
    # All 6^6 equally likely resamples. Each tail is Phi(-sqrt(6/5) 2.5706) = 0.0024, Student's 2.5706 at 5
    # degrees of freedom; of 2000 drawn, the share below a limit scatters by 0.0011, and means are discrete.
    below, above = (every < line["psnr_db_low"]).mean(), (every > line["psnr_db_high"]).mean()
    assert (below, above) == pytest.approx((0.0024, 0.0024), abs=0.002)


def test_four_trials_have_no_interval_of_their_mean(lossy):
    assert read_summary(lossy)[["psnr_db_low", "psnr_db_high", "eve_psnr_db_low"]].isna().all(axis=None)


def test_bandwidth_ratios_count_everything_and_the_payload_alone(lossy):
    line = read_summary(lossy).iloc[0]
    assert line["bandwidth_ratio"] == USES / SAMPLES == 1 / 6
    assert line["pilots_bandwidth_ratio"] == PILOTS / SAMPLES
    assert line["air.essential.bandwidth_ratio"] == 576 / 7200
    assert line["air.essential.payload_bandwidth_ratio"] == 200 / 2 / 7200
    assert line["air.auxiliary.payload_bandwidth_ratio"] == 570 / 7200
    streams = [line[f"air.{name}.payload_bandwidth_ratio"] for name in ("essential", "auxiliary")]
    assert line["payload_bandwidth_ratio"] == pytest.approx(sum(streams), rel=1e-12)
    assert "air.auxiliary.bler" not in line


def test_schemes_are_told_by_how_often_they_were_sent(lossy):
    table = read_summary(lossy)
    assert list(table["air.essential.mcs"]) == ["qpsk-1/2 75 %, bpsk-1/2 25 %", "qpsk-1/2"]
    assert mcs_mix(pd.Series([None], dtype=object)) == ""


def test_an_infinite_or_missing_score_has_no_interval(tmp_path):
    scores = [(0, 0, math.inf, False), (1, 0, 30.0, True)]
    rows = [trial(0, {"snr_db": 1.0}, i, n, psnr, outage=lost) for i, n, psnr, lost in scores]
    line = read_summary(write_run(tmp_path / "exact", [{"snr_db": 1}], rows)).iloc[0]
    assert line["psnr_db"] == line["psnr_delivered_db"] == math.inf
    assert math.isnan(line["psnr_db_low"])
    assert math.isnan(line["ms_ssim_db"])
    lost = [trial(0, {}, 0, 0, 12.0, outage=True)]
    line = read_summary(write_run(tmp_path / "lost", [{}], lost)).iloc[0]
    assert math.isnan(line["psnr_delivered_db"])
    assert line["outage_low"] == pytest.approx(0.025)


def test_a_swept_bandwidth_ratio_is_no_stream(tmp_path):
    values = {"links.air.bandwidth_ratio": "1/6"}
    folder = write_run(tmp_path / "ratio", [values], [trial(0, values, 0, 0, 30.0)])
    write_tables(folder)
    told = [
        line.split(" | ")[1] for line in (folder / "summary.md").read_text().splitlines() if line[:1] == "|"
    ]
    assert told[told.index("stream") + 2 :] == ["essential", "auxiliary", "frame, with pilots"]


def test_the_written_tables_hold_a_line_a_point(lossy):
    csv, markdown = (path.read_text().splitlines() for path in sorted(write_tables(lossy)))
    assert len(csv) == 1 + 2
    assert csv[0].startswith("point,snr_db,trials,psnr_db,psnr_db_low,psnr_db_high,")
    assert "| 0 | 4 | 16.00 | 22.00 | 50.0 [7, 93] | 5.00 | 8.00 |" in markdown
    assert "| 10 | essential | qpsk-1/2 | 40 | 0.00 | 0.0800 | 0.0139 |" in markdown


def test_the_summary_fits_a_hundred_columns(lossy):
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(summary(lossy))
    lines = console.export_text().splitlines()
    (first,) = [line for line in lines if "16.00" in line]
    assert " ".join(first.split()) == "0 4 16.00 22.00 50.0 [7, 93] 5.00 8.00"
    assert any("frame, with pilots" in line for line in lines)


def test_settings_are_told_in_words():
    assert setting("snr_db", 5.0) == "SNR 5 dB"
    assert setting("mcs", '{"amc": "hda", "csit": false, "max_outage": null}') == "mcs amc hda"
    assert swept({"fields": []}) == ["snr_db"]
