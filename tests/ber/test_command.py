"""`linksim ber` from its words to its files."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from linksim.ber.board import Board, clock, time_left
from linksim.ber.request import Words, build
from linksim.ber.rows import Row
from linksim.ber.stopping import Stop
from linksim.intervals import clopper_pearson
from phy.chain import Counts, count
from phy.engine import find_engine

ROOT = Path(__file__).resolve().parent.parent.parent
CODE = ("--code", "802.11ad-1/2", "--constellation", "qpsk")
QUICK = ("ber", *CODE, "--ebn0", "0:1.5:0.75", "--frame-errors", 20, "--frames", 400)


def test_every_rate_follows_from_the_counts_beside_it(call, tmp_path):
    code, out, err = call(*QUICK, "--engine", "reference", "--csv", "curve.csv", "--parquet", "curve.parquet")
    assert (code, err) == (0, "")
    table = pd.read_csv("curve.csv")
    assert table["ebn0_db"].tolist() == [0.0, 0.75, 1.5]
    assert (table["esn0_db"] == table["ebn0_db"]).all(), "qpsk at rate 1/2 carries a bit a use"
    low, high = clopper_pearson(table["frame_errors"], table["frames"])
    for name, value in {
        "bler": table["frame_errors"] / table["frames"],
        "bler_low": low,
        "bler_high": high,
        "ber": table["bit_errors"] / table["bits"],
        "bits": 336 * table["frames"],
        "mbps": table["bits"] / table["seconds"] / 1e6,
    }.items():
        assert table[name].tolist() == pytest.approx(list(value), rel=1e-12), name
    assert (table["frame_errors"] >= 20).all()
    assert table["iterations_mean"].between(1, 20).all()
    assert table["iterations_mean"].is_monotonic_decreasing, "better channels need fewer"
    assert set(table["stopped"]) == {"errors"}
    parquet = pd.read_parquet("curve.parquet")
    assert list(parquet) == list(table)
    assert parquet["frame_errors"].tolist() == table["frame_errors"].tolist()
    told = json.loads((tmp_path / "curve.csv.json").read_text())
    assert told["command"].startswith("linksim ber --code")
    assert "numpy" in told["versions"]
    assert [line.split()[0] for line in out.splitlines()[2:5]] == ["0.00", "0.75", "1.50"]


def test_codes_constellations_and_channels_multiply(call):
    words = ("--code", "802.11ad-3/4", "--constellation", "16qam", "--channel", "awgn")
    many = ("--channel", "rician:k_factor=2", "--esn0", "4", "--frames", 64, "--json")
    code, out, _ = call("ber", *CODE, *words, *many)
    assert code == 0
    rows = json.loads(out)["rows"]
    assert len({(row["code"], row["constellation"], row["channel"]) for row in rows}) == len(rows) == 8
    assert {row["channel"] for row in rows} == {"awgn", "rician:k_factor=2.0"}
    for row in rows:
        per_use = row["k"] / row["uses"]
        assert row["ebn0_db"] == pytest.approx(4 - 10 * math.log10(per_use), abs=1e-8)
        assert row["stopped"] == ("errors" if row["frame_errors"] >= 100 else "frames")


def test_a_point_without_its_errors_says_why_it_was_given_up(call):
    _, out, _ = call("ber", *CODE, "--ebn0", "6", "--frames", 100, "--json")
    (row,) = json.loads(out)["rows"]
    assert (row["frames"], row["frame_errors"], row["stopped"]) == (100, 0, "frames")
    _, out, _ = call("ber", *CODE, "--ebn0", "5.5", "--seconds", 1e-9, "--json")
    (row,) = json.loads(out)["rows"]
    assert (row["frames"], row["stopped"]) == (64, "seconds")


def test_a_curve_ends_below_the_target(call):
    _, out, _ = call("ber", *CODE, "--ebn0", "0,1,5,6,7", "--target-bler", 0.05, "--json")
    rows = json.loads(out)["rows"]
    assert [row["ebn0_db"] for row in rows] == [0.0, 1.0, 5.0]
    assert rows[-1]["stopped"] == "target"
    assert rows[-1]["bler_high"] < 0.05


def test_at_least_so_many_frames_are_sent(call):
    _, out, _ = call("ber", *CODE, "--ebn0", "0", "--frame-errors", 1, "--min-frames", 300, "--json")
    (row,) = json.loads(out)["rows"]
    assert row["frames"] == 320


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--code", "802.11ad-1/3", "--ebn0", "1"), "--code: must be one of 802.11ad-1/2, "),
        (("--code", "", "--ebn0", "1"), "--code: must not be empty"),
        (("--code", "nr-ldpc:k=99,rate=1/2,n=198", "--ebn0", "1"), "needs one of them, got both"),
        (("--code", "nr-ldpc:k=99", "--ebn0", "1"), "needs one of them, got neither"),
        (("--code", "ideal:shannon,rate=2", "--ebn0", "1"), "--code: ideal:shannon,rate=2 counts 2 bits"),
        ((*CODE, "--ebn0", "1", "--engine", ""), "--engine: must not be empty"),
        ((*CODE, "--ebn0", "1", "--csi", "ageing:rho=0.9"), "--csi: csi.kind: ageing means nothing over"),
        (("--ebn0", "1"), "--code: is missing"),
        ((*CODE,), "needs --ebn0 or --esn0"),
        ((*CODE, "--ebn0", "1", "--esn0", "1"), "takes --ebn0 or --esn0"),
        ((*CODE, "--ebn0", "1:x"), "--ebn0: must be"),
        ((*CODE, "--ebn0", "nan"), "--ebn0: must lie"),
        ((*CODE, "--ebn0", "0:10:0.001"), "at most 1000 points"),
        ((*CODE, "--ebn0", "1", "--constellation", "9qam"), "--constellation: must be"),
        ((*CODE, "--ebn0", "1", "--channel", "rice"), "--channel: must be"),
        ((*CODE, "--ebn0", "1", "--channel", "rician:k_factor=-1"), "k_factor: must be >= 0"),
        ((*CODE, "--ebn0", "1", "--csi", "pilots:count=0"), "count: must be at least 1"),
        ((*CODE, "--ebn0", "1", "--decoder", "min-sun"), "--decoder: must be"),
        ((*CODE, "--ebn0", "1", "--decoder", "viterbi"), "--decoder: must be"),
        ((*CODE, "--ebn0", "1", "--engine", "abacus"), "--engine: must be"),
        ((*CODE, "--ebn0", "1", "--frame-errors", 0), "--frame-errors"),
        ((*CODE, "--ebn0", "1", "--frames", -5), "--frames"),
        ((*CODE, "--ebn0", "1", "--frames", "many"), "--frames"),
        ((*CODE, "--ebn0", "1", "--seconds", "nan"), "--seconds"),
        ((*CODE, "--ebn0", "1", "--target-bler", "nan"), "--target-bler"),
        ((*CODE, "--ebn0", "1", "--min-frames", 20, "--frames", 10), "--min-frames: must be at most"),
        ((*CODE, "--ebn0", "1", "--seed", -1), "--seed"),
        ((*CODE, "--ebn0", "1", "--csv", "taken/curve.csv"), "--csv: must lie in a folder"),
        ((*CODE, "--ebn0", "1", "--figure", "/proc/x.png"), "--figure: must be writable"),
        ((*CODE, "--ebn0", "1", "--csv", "/proc/x.csv"), "--csv: must be writable"),
        ((*CODE, "--ebn0", "1", "--parquet", "/proc/a/x"), "--parquet: must be writable"),
        ((*CODE, "--ebn0", "1", "--aff3ct", "/dev/null"), "--aff3ct: must be a file"),
        ((*CODE, "--ebn0", "1", "--csv", "."), "--csv: must be a file"),
        ((*CODE, "--ebn0", "1", "--figure", "curve.doc"), "--figure: must end in"),
        ((*CODE, "--ebn0", "1", "--csv", "a", "--parquet", "a"), "must write different files"),
        ((*CODE, *CODE[:2], "--ebn0", "1"), "different curves"),
    ],
)
def test_what_means_nothing_is_one_line_before_anything_is_written(call, tmp_path, words, told):
    (tmp_path / "taken").write_text("a file")
    code, out, err = call("ber", *words)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_later_curve_that_cannot_be_counted_is_told_before_the_first_is(call, tmp_path):
    code, out, err = call("ber", *CODE, "--code", "conv", "--ebn0", "0", "--frames", 64, "--engine", "native")
    assert (code, out) == (2, "")
    assert "--engine: must be reference" in err
    assert not (tmp_path / "runs").exists()


def test_counts_may_be_written_with_an_exponent(call):
    _, out, _ = call("ber", *CODE, "--ebn0", "7", "--frames", "2e2", "--json")
    assert json.loads(out)["rows"][0]["frames"] == 200
    words = ("--frame-errors", 1, "--frames", "3e2", "--min-frames", "3e2", "--fresh")
    _, out, _ = call("ber", *CODE, "--ebn0", "0", *words, "--json")
    assert json.loads(out)["rows"][0]["frames"] == 300


def test_the_native_engine_starts_without_tensorflow(tmp_path):
    words = ["ber", *CODE, "--ebn0", "7", "--frames", "64", "--out", str(tmp_path)]
    program = (
        "import sys\nfrom linksim.cli import main\n"
        f"try: main({words})\n"
        "except SystemExit: print({'tensorflow', 'onnxruntime', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True, cwd=ROOT
    )
    assert "engine native" in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_row_is_the_count_of_the_frames_from_the_first_on(call):
    _, out, _ = call(
        "ber", *CODE, "--ebn0", "1.25", "--frames", 300, "--seed", 4, "--engine", "reference", "--json"
    )
    (row,) = json.loads(out)["rows"]
    curve = build(Words(code=CODE[1], constellation="qpsk", engine="reference", seed=4))
    counts = count(curve.chain, find_engine("reference"), 1.25, 4, range(row["frames"]))
    assert row["frames"] == counts.frames
    assert (row["frame_errors"], row["bit_errors"]) == (counts.frame_errors, counts.bit_errors)
    assert tuple(row["failed"]) == counts.failed


@pytest.mark.parametrize("seconds", [0.0, 7.2, 99.4, 101.0, 3599.0, 7800.0, 1e9])
def test_the_line_at_hand_fits_80_letters(seconds):
    curve = build(Words(code="802.11ad-1/2", constellation="qpsk", engine="reference"))
    counts = Counts(frames=64_000_000, frame_errors=100_000, bits=10**10, bit_errors=10**9)
    row = Row(curve=curve, ebn0_db=-10.25, esn0_db=-10.25, counts=counts, seconds=seconds)
    stop = Stop(frame_errors=100_001, frames=10**12, min_frames=0, seconds=2 * seconds or None)
    shown = Board(stop=stop, row=row).__rich__().plain
    assert len(shown) <= 80
    assert shown.rstrip().endswith(f"in {clock(time_left(row, stop))}" if seconds else "begins")


def test_what_the_engine_cannot_decode_is_told_before_anything_is_shown(call):
    for codes in (("conv",), ("802.11ad-1/2", "conv")):
        words = [word for code in codes for word in ("--code", code)]
        status, out, err = call("ber", *words, "--ebn0", 1, "--engine", "native")
        assert (status, out) == (2, "")
        assert "must be reference or sionna for viterbi of 'conv'" in err
