"""The measurement of block error curves: counts that can be continued and that agree with those shipped."""

import json

import pytest

from phy import bler, calibrate
from phy.amc import AMC_SETS
from phy.calibrate import Effort, Point, load, measure_point, store
from phy.engine import find_engine
from phy.fec import Decoder

MCS = calibrate.MCS["qpsk-1/2"]
AT_1_DB = Point(snr_db=1.0)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(calibrate, "CHUNK", 64)


def measure(effort: Effort, start: Point = AT_1_DB) -> Point:
    return measure_point(find_engine("reference"), MCS, Decoder(), effort, start, 1)


def test_a_point_ends_with_enough_errors_or_enough_blocks():
    assert measure(Effort(errors=1, blocks=1000)).blocks == 64
    assert measure(Effort(errors=10**6, blocks=128)).blocks == 128


def test_a_measurement_that_was_stopped_continues_to_the_same_counts():
    whole = measure(Effort(errors=10**6, blocks=192))
    half = measure(Effort(errors=10**6, blocks=64))
    assert measure(Effort(errors=10**6, blocks=192), start=half) == whole
    assert 0 < whole.block_errors <= whole.bit_errors


def test_a_second_run_measures_nothing_and_a_deeper_one_adds(tmp_path, monkeypatch, capsys):
    path = tmp_path / "curves.json"
    arguments = ["--mcs", "qpsk-1/2", "--engine", "reference", "--errors", "20", "--floor", "0.9", "--out"]
    calibrate.main([*arguments, str(path), "--blocks", "64"])
    first = path.read_text()
    told = capsys.readouterr().out
    monkeypatch.setattr(calibrate, "measure_chunk", None)  # measuring anything would call None
    calibrate.main([*arguments, str(path), "--blocks", "64"])
    assert path.read_text() == first
    assert capsys.readouterr().out == told
    table = json.loads(first)
    assert table["recipes"]["qpsk-1/2"]["engine"] == "reference"
    assert table["columns"] == ["snr_db", "block_errors", "blocks", "bit_errors"]
    assert bler.fit(table["curves"]["qpsk-1/2"][-2:]).tail_slope < 0


def test_counts_of_another_decoder_are_not_mixed(tmp_path):
    path = tmp_path / "curves.json"
    table = load(path, Decoder(), 1) | {"curves": {}}
    store(path, table)
    assert load(path, Decoder(), 1) == table
    with pytest.raises(ValueError, match="decoder must be"):
        load(path, Decoder(iterations=7), 1)


def test_the_shipped_counts_name_their_recipe():
    table = bler.table()
    assert set(AMC_SETS["hda"]) <= table["curves"].keys() == table["recipes"].keys()
    assert table["decoder"] == {
        "algorithm": "sum-product",
        "schedule": "flooding",
        "iterations": 20,
        "stop": "syndrome",
        "clip": 20.0,
    }
    for name, points in table["curves"].items():
        assert "python -m phy.calibrate" in table["recipes"][name]["command"]
        assert all(0 <= errors <= blocks for _, errors, blocks, _ in points)


def test_shipped_counts_are_those_of_their_first_chunk(monkeypatch):
    """The seed names the blocks, so the float64 decoder meets the shipped blocks again.

    It may decide 2 % of the failures otherwise than an engine in single precision.
    """
    monkeypatch.setattr(calibrate, "CHUNK", 2048)
    chunk = [p for p in bler.table()["curves"]["qpsk-1/2"] if p[2] == 2048]
    snr_db, errors, blocks, bit_errors = min(chunk, key=lambda p: p[1])
    again = measure(Effort(errors=1, blocks=1), start=Point(snr_db=snr_db))
    assert again.blocks == blocks
    assert abs(again.block_errors - errors) <= 0.02 * errors
    assert abs(again.bit_errors - bit_errors) <= 0.05 * bit_errors
