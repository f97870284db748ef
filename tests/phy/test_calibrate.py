"""The measurement of block error curves: counts that can be continued and that agree with those shipped."""

import json
from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from phy import bler, calibrate
from phy.amc import Amc
from phy.bearer import DigitalBearer
from phy.bler import Receiver
from phy.calibrate import COLUMNS, Effort, Point, chain_of, load, measure_point, store
from phy.chain import count
from phy.engine import find_engine
from phy.fec import Decoder
from phy.fec.decoder_spec import parse_decoder
from phy.mcs import AMC_SETS, MCS, find_mcs

QPSK = MCS["qpsk-1/2"]
AT_1_DB = Point(snr_db=1.0)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(calibrate, "LEAST_BATCH", 64)


def measure(effort: Effort, start: Point = AT_1_DB) -> Point:
    chain = chain_of(QPSK, Receiver())
    return ([start, *measure_point(find_engine("reference"), chain, effort, start)])[-1]


def test_a_point_ends_with_enough_errors_or_enough_blocks():
    assert measure(Effort(errors=1, blocks=1000)).blocks == 64
    assert measure(Effort(errors=10**6, blocks=128)).blocks == 128


def test_a_measurement_that_was_stopped_continues_to_the_same_counts():
    whole = measure(Effort(errors=10**6, blocks=256))
    half = measure(Effort(errors=10**6, blocks=64))
    assert measure(Effort(errors=10**6, blocks=256), start=half) == whole
    assert 0 < whole.block_errors <= whole.bit_errors


def test_a_second_run_measures_nothing_and_a_deeper_one_adds(tmp_path, monkeypatch, capsys):
    path = tmp_path / "curves.json"
    arguments = ["--mcs", "qpsk-1/2", "--engine", "reference", "--errors", "20", "--floor", "0.9", "--out"]
    calibrate.main([*arguments, str(path), "--blocks", "64"])
    first = path.read_text()
    told = capsys.readouterr().out
    with monkeypatch.context() as patch:
        patch.setattr(calibrate, "count", None)  # measuring anything would call None
        calibrate.main([*arguments, str(path), "--blocks", "64"])
    assert path.read_text() == first
    assert capsys.readouterr().out == told
    table = json.loads(first)
    (curve,) = table["curves"].values()
    assert [recipe["engine"] for recipe in curve["recipes"]] == ["reference"]
    assert table["columns"] == ["snr_db", "block_errors", "blocks", "bit_errors"]
    assert bler.fit(curve["counts"][-2:]).tail_slope < 0
    calibrate.main([*arguments, str(path), "--blocks", "128", "--errors", "1000"])
    (deeper,) = json.loads(path.read_text())["curves"].values()
    assert len(deeper["recipes"]) == 2
    assert {row[2] for row in deeper["counts"]} == {128}


def test_schemes_that_share_points_and_code_are_measured_once(tmp_path, capsys):
    names = ["--mcs", "qpsk-1/2", "802.11ad-mcs6", "pi/2-qpsk/802.11ad-1/2"]
    more = ["--engine", "reference", "--blocks", "64", "--floor", "0.99", "--out", str(tmp_path / "c.json")]
    calibrate.main([*names, *more])
    assert len(load(tmp_path / "c.json")["curves"]) == 1


def test_a_curve_belongs_to_its_demapper_and_decoder(tmp_path):
    path, effort = tmp_path / "c.json", Effort(errors=1, blocks=64, floor=0.999)
    lazy = Receiver(demapper="max-log", decoder=Decoder(iterations=3))
    for receiver in (Receiver(), lazy):
        calibrate.calibrate(path, ["qpsk-1/2"], receiver, find_engine("reference"), effort, lambda *_: None)
    assert set(load(path)["curves"]) == {
        "qpsk/802.11ad-1/2 exact sum-product",
        "qpsk/802.11ad-1/2 max-log sum-product:iterations=3",
    }


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"curves": {"a": 1}}', '{"columns": [], "channel": 1}'])
def test_a_file_that_is_no_table_is_left_alone(tmp_path, text):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"^out: must be a table of block error counts, got "):
        load(path)
    assert path.read_text() == text


def test_what_is_stored_is_loaded(tmp_path):
    path = tmp_path / "curves.json"
    table = load(path) | {"curves": {"a b c": {"recipes": [{}], "counts": [[1.0, 2, 3, 4]]}}}
    store(path, table)
    assert load(path) == table


def test_the_shipped_counts_name_their_recipes():
    for name, curve in bler.table()["curves"].items():
        assert len(name.split(" ")) == 3
        assert curve["recipes"]
        for recipe in curve["recipes"]:
            assert recipe.keys() >= {"engine", "effort", "versions", "frames"}
        for row in curve["counts"]:
            assert len(row) == len(COLUMNS)
            assert 0 <= row[1] <= row[2]
            assert row[1] <= row[3]


@pytest.mark.parametrize("decoder", [None, "layered-offset-min-sum:quantisation=8"])
def test_every_set_has_the_curves_of_its_schemes_counted_to_where_few_blocks_fail(decoder):
    receiver = Receiver(decoder=parse_decoder(decoder) if decoder else None)
    for table, names in AMC_SETS.items():
        for name in names if decoder or not table.endswith("-long") else ():
            bler.check_curve(MCS[name], receiver)
            assert bler.curve(name, receiver).log_bler[-1] < -2
            _, errors, blocks, _ = bler.table()["curves"][receiver.curve_name(MCS[name])]["counts"][-1]
            assert errors / blocks < 3e-3


def test_without_the_decoder_that_long_blocks_were_measured_with_their_set_is_refused_by_its_name():
    fast = "layered-offset-min-sum:quantisation=8"
    with pytest.raises(ValueError, match=rf"exact with {fast} for cqi2-long-1.*; take what was measured"):
        DigitalBearer(mcs=Amc(amc="cqi2-long"))
    assert DigitalBearer(mcs=Amc(amc="cqi2-long"), decoder=parse_decoder(fast)).schemes


def test_long_code_blocks_need_less_snr_than_those_of_1024_bits():
    """At equal block error rate; more at 1e-3, where the curve of a long block is the steeper one."""
    receiver = Receiver(decoder=parse_decoder("layered-offset-min-sum:quantisation=8"))
    for short, long in zip(AMC_SETS["cqi2"], AMC_SETS["cqi2-long"], strict=True):
        gains = [
            bler.snr_db_at(at, short, receiver) - bler.snr_db_at(at, long, receiver) for at in (1e-2, 1e-3)
        ]
        assert 0.1 < gains[0] < gains[1] < 1.5


def test_sets_side_by_side_are_told_with_what_their_schemes_need(capsys):
    fast = "layered-offset-min-sum:quantisation=8"
    bler.main(["cqi2", "cqi2-long", "--decoder", fast, "--bler", "1e-2"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 15
    name, needed, _, long, needed_long, _ = lines[4].split()
    assert (name, long) == ("cqi2-5", "cqi2-long-5")
    receiver = Receiver(decoder=parse_decoder(fast))
    for told, each in ((needed, name), (needed_long, long)):
        log_bler = bler.curve(each, receiver).log10(np.array([float(told) - 0.02, float(told) + 0.01]))
        assert log_bler[1] <= -2 < log_bler[0]


def test_the_longer_of_two_sets_is_told_whole(capsys):
    bler.main(["hda", "cqi2-long", "--decoder", "layered-offset-min-sum:quantisation=8"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 15
    assert lines[14].split()[0] == "cqi2-long-15"
    assert lines[14].index("cqi2-long-15") == lines[0].index("cqi2-long-1")


def clopper_pearson(errors: int, frames: int, risk: float) -> tuple[float, float]:
    low = stats.beta.ppf(risk / 2, errors, frames - errors + 1) if errors else 0.0
    high = stats.beta.ppf(1 - risk / 2, errors + 1, frames - errors) if errors < frames else 1.0
    return low, high


@pytest.mark.parametrize("name", ["qpsk-1/2", "64qam-5/8"])
def test_shipped_counts_agree_with_other_frames_through_the_float64_decoder(name):
    """Other frames, another engine: intervals of risk 1e-3 overlap where a third or so of the blocks fail."""
    mcs = find_mcs(name)
    counts = bler.table()["curves"][Receiver().curve_name(mcs)]["counts"]
    shipped = Point(
        **dict(zip(COLUMNS, min(counts, key=lambda row: abs(row[1] / row[2] - 0.3)), strict=True))
    )
    got = count(chain_of(mcs, Receiver()), find_engine("reference"), shipped.snr_db, 77, range(512))
    low, high = clopper_pearson(got.frame_errors, got.frames, 1e-3)
    below, above = clopper_pearson(shipped.block_errors, shipped.blocks, 1e-3)
    assert max(low, below) < min(high, above), (astuple(shipped), got)
