"""`linksim table`: the numbers of the rows, beside each other."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from studies_by_hand import trial, trials, write_study

from linksim.errors import LinksimError
from linksim.estimates import METRICS
from linksim.intervals import clopper_pearson, mean_interval
from linksim.tables import table

RNG = np.random.default_rng(1)
LOSSES = [trial(0, n, 10.0 if n < 2 else 30.0, outage=n < 2) for n in range(8)]


def grid(mean: float) -> list[dict]:
    return trials(RNG.normal(mean, 1, (4, 8)))


@pytest.fixture
def study(tmp_path):
    points = [
        (system, {"snr_db": snr}, grid(level + snr))
        for system, level in (("HDA", 25), ("JPEG 2000 + LDPC", 22))
        for snr in (10, 0, 5)
    ]
    return write_study(tmp_path / "study", points)


def shown(made, width: int = 200) -> str:
    text = io.StringIO()
    Console(file=text, width=width).print(made)
    return text.getvalue()


def test_one_metric_has_its_systems_side_by_side_in_order_of_the_field(study):
    made = table([study], metrics=["psnr"])
    assert made.head == ["SNR (dB)", "HDA", "JPEG 2000 + LDPC"]
    assert [line[0] for line in made.cells] == ["0", "5", "10"]
    rows = made.frame[(made.frame.system == "HDA") & (made.frame.snr_db == 5)].iloc[0]
    told = f"{rows.psnr_db:.2f} [{rows.psnr_db_low:.2f}, {rows.psnr_db_high:.2f}]"
    assert made.cells[1][1] == told
    assert max(map(len, shown(made, 80).splitlines()[:4])) <= 80
    assert "32 trials a point" in shown(made)


def test_the_pictures_are_told_by_three_metrics_at_once(tmp_path):
    folder = write_study(tmp_path / "run", [("", {"snr_db": 3.0}, LOSSES)])
    made = table([folder])
    low, high = map(float, clopper_pearson(2, 8))
    assert made.head == ["SNR (dB)", "trials", "PSNR (dB)", "delivered (dB)", "outage (%)"]
    mean, *limits = mean_interval([10.0, 10.0] + [30.0] * 6)
    assert made.cells == [
        [
            "3", "8", f"{mean:.2f} [{limits[0]:.2f}, {limits[1]:.2f}]", "30.00 [30.00, 30.00]",
            f"25.0 [{100 * low:.1f}, {100 * high:.1f}]",
        ]
    ]  # fmt: skip
    line = made.frame.iloc[0]
    assert (line.psnr_db, line.psnr_delivered_db, line.outage_rate) == (25, 30, 0.25)
    assert (line.outage_low, line.outage_high) == pytest.approx((low, high))


def test_block_errors_and_uses_are_ratios_of_counts(tmp_path):
    folder = write_study(tmp_path / "run", [("", {"snr_db": 3.0}, LOSSES)])
    made = table([folder], metrics=["bler", "uses"])
    assert made.cells == [["3", "8", "25.00", f"{1200 / 7200:.4f}"]]


def test_the_numbers_are_those_of_the_summary(study):
    from linksim.report.table import summarise
    from linksim.results import read_rows

    rows = read_rows(study)
    for _, point in rows.groupby("point_index"):
        for name in ("psnr", "psnr_delivered", "outage"):
            metric = METRICS[name]
            stem = metric.column.removesuffix("_rate")
            theirs = summarise(point.assign(**{"uses.data": 0.0, "uses.pilots": 0.0}), ["snr_db"]).iloc[0]
            columns = [metric.column, f"{stem}_low", f"{stem}_high"]
            assert metric.of(point) == pytest.approx([theirs[each] for each in columns])


def test_by_names_a_field_by_its_last_words_and_the_rest_stands_beside_it(tmp_path):
    k, ratio = "links.air.channel.k_factor", "links.air.bandwidth_ratio"
    points = [("", {k: factor, ratio: f"1/{n}"}, grid(20 + n)) for factor in (0, 3) for n in (12, 6)]
    folder = write_study(tmp_path / "run", points)
    assert table([folder], metrics=["psnr"]).head == [
        "k_factor",
        "bandwidth_ratio 1/12",
        "bandwidth_ratio 1/6",
    ]
    made = table([folder], by="bandwidth_ratio", metrics=["psnr"])
    assert made.head == ["bandwidth_ratio", "k_factor 0", "k_factor 3"]
    assert [line[0] for line in made.cells] == ["1/12", "1/6"]
    assert table([folder], by="snr_db", metrics=["uses"]).head[0] == "SNR (dB)"


def test_a_table_too_wide_has_a_line_a_setting(study):
    made = table([study], metrics=["psnr"], width=40)
    assert made.head == ["SNR (dB)", "system", "trials", "PSNR (dB)"]
    assert [line[:2] for line in made.cells[:3]] == [["0", "HDA"], ["0", "JPEG 2000 + LDPC"], ["5", "HDA"]]


def test_a_codec_s_own_numbers_are_metrics_and_what_was_swept_keeps_its_name(tmp_path):
    points = [
        ("", {"codec.rank": rank}, [row | {"codec.rank": sent, "codec.eta": sent / 7} for row in grid(20)])
        for rank, sent in (("best", 3.5), (4, 4.0))
    ]
    folder = write_study(tmp_path / "run", points)
    made = table([folder], metrics=["eta", "codec.rank.sent"])
    assert made.head == ["rank", "trials", "eta", "rank.sent"]
    assert made.cells == [["best", "32", "0.5", "3.5"], ["4", "32", "0.5714", "4"]]
    assert [line[0] for line in table([folder], metrics=["eta"], at=["rank=best"]).cells] == ["best"]
    with pytest.raises(LinksimError, match="must be a metric, got 'etta'"):
        table([folder], metrics=["etta"])


def test_several_runs_stand_beside_each_other_under_their_names(tmp_path):
    runs = [
        write_study(tmp_path / "one", [("", {"snr_db": 5}, grid(20))]),
        write_study(tmp_path / "two", [("A", {"snr_db": 5}, grid(20)), ("B", {"snr_db": 9}, grid(25))]),
    ]
    made = table(runs, metrics=["psnr"])
    assert made.head == ["SNR (dB)", "one", "two: A", "two: B"]
    assert [line[0] for line in made.cells] == ["5", "9"]
    assert made.cells[0][3] == made.cells[1][1] == ""


def test_numbers_go_to_csv_and_text_to_markdown(study, tmp_path):
    made = table([study], metrics=["psnr", "outage"])
    read = pd.read_csv(made.write(tmp_path / "t.csv"))
    assert list(read.columns) == [
        *("system", "snr_db", "trials", "psnr_db", "psnr_db_low", "psnr_db_high"),
        *("outage_rate", "outage_low", "outage_high"),
    ]
    assert len(read) == 6
    assert (read.psnr_db_low < read.psnr_db).all()
    text = made.write(tmp_path / "t.md").read_text().splitlines()
    assert text[:2] == [
        "| SNR (dB) | system | trials | PSNR (dB) | outage (%) |",
        "| ---: | --- | ---: | ---: | ---: |",
    ]
    with pytest.raises(LinksimError, match=r"--out: must end in \.csv .* or \.md .*, got .*t\.txt"):
        made.write(tmp_path / "t.txt")


def test_a_mean_without_an_interval_stands_alone_and_an_infinite_one_is_told(tmp_path):
    points = [("", {"snr_db": 1}, trials([[30, 31]])), ("", {"snr_db": 2}, trials([[np.inf] * 8]))]
    made = table([write_study(tmp_path / "run", points)], metrics=["psnr"])
    assert [line[-1] for line in made.cells] == ["30.50", "inf"]


FAULTS = [
    ({"metrics": ["psrn"]}, "--metric: must be a metric, got 'psrn'; did you mean 'psnr'?"),
    ({"metrics": ["eve_psnr"]}, "--metric: was not measured here, got 'eve_psnr'; there is psnr, "),
    ({"by": "snr"}, "--by: must be one of the swept fields, got 'snr'; did you mean 'snr_db'?"),
    ({"by": "k_factor"}, "--by: must be one of the swept fields, got 'k_factor'; it may be system, snr_db"),
]


@pytest.mark.parametrize(("options", "told"), FAULTS, ids=[told for _, told in FAULTS])
def test_an_unknown_name_is_told_in_one_line(study, options, told):
    with pytest.raises(LinksimError) as caught:
        table([study], **options)
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


def test_metrics_may_be_called_by_their_columns(study):
    assert table([study], metrics=["psnr_db", "outage_rate"]).head[-2:] == ["PSNR (dB)", "outage (%)"]


def test_small_errors_are_told_in_powers_of_ten(tmp_path):
    errors = [3e-4, 5e-4, 1e-4, 2e-4, 6e-4, 1e-4]
    rows = [trial(0, n, 35.0, mse=error) for n, error in enumerate(errors)]
    made = table([write_study(tmp_path / "study", [("A", {"snr_db": 5}, rows)])], metrics=["mse"])
    mean, low, high = mean_interval(errors)
    assert made.head[-1] == "MSE"
    assert made.cells[0][-1] == f"{mean:.2e} [{low:.2e}, {high:.2e}]"
    assert made.cells[0][-1].startswith("3.00e-04 [")
    assert list(made.frame.mse) == [pytest.approx(3e-4)]


def test_values_that_differ_in_a_late_digit_are_told_apart(tmp_path):
    points = [
        ("", {"snr_db": snr, "codec.bytes": n}, trials(np.full((2, 3), float(snr + n % 10))))
        for snr in (0, 5)
        for n in (1000001, 1000002)
    ]
    made = table([write_study(tmp_path / "run", points)], metrics=("psnr",))
    assert made.head == ["SNR (dB)", "bytes 1000001", "bytes 1000002"]
    assert [[cell.split()[0] for cell in line] for line in made.cells] == [
        ["0", "1.00", "2.00"],
        ["5", "6.00", "7.00"],
    ]
