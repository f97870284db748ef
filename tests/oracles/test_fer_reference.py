"""The reference frame error rates of sum-product: cheap rows always, the whole table with `-m slow`."""

import pytest
from fer_campaign import DECODER, MIN_ERRORS, Row, measure, overlap, read_table, refusal

from phy.engine import ENGINES as EVERY_ENGINE

ENGINES = [engine for engine in EVERY_ENGINE if engine != "auto"]  # which is one of the others
TABLE = read_table()
CHEAP = [row for row in TABLE if row.frames == 1000]
engines = pytest.mark.parametrize("engine", ENGINES)


def name(row: Row) -> str:
    return f"{row.code_rate} {row.constellation} {row.esn0_db} dB"


def assert_agreement(point: Row, engine: str) -> None:
    if told := refusal(engine, f"802.11ad-{point.code_rate}", DECODER):
        assert "engine:" in told
        assert engine not in ("reference", "sionna"), told
        return
    row = measure(point, seed=2, engine=engine)
    assert row.frame_errors >= min(point.frame_errors, MIN_ERRORS)
    assert overlap(row, point), f"{row} against {point}"


@pytest.mark.parametrize("point", CHEAP, ids=name)
def test_a_high_frame_error_rate_is_the_tables(point):
    assert_agreement(point, "sionna")


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine != "sionna"])
def test_every_engine_has_the_tables_frame_error_rate(engine):
    assert_agreement(CHEAP[0], engine)


@pytest.mark.slow
@engines
@pytest.mark.parametrize("point", TABLE, ids=name)
def test_every_frame_error_rate_is_the_tables(point, engine):
    if engine == "reference" and point.frames > 20_000:
        pytest.skip("the plain reference takes a quarter of an hour for so many frames")
    assert_agreement(point, engine)


def test_the_committed_campaign_covers_every_row_and_agrees():
    measured = read_table("fer_measured.csv")
    assert len(measured) == len(TABLE) == 15
    for row, point in zip(measured, TABLE, strict=True):
        assert (row.code_rate, row.constellation, row.esn0_db) == (
            point.code_rate,
            point.constellation,
            point.esn0_db,
        )
        assert row.frame_errors >= min(point.frame_errors, MIN_ERRORS)
        assert overlap(row, point)


def test_the_interval_is_clopper_and_pearsons():
    row = Row(code_rate="1/2", constellation="qpsk", esn0_db=1.5, frame_errors=10, frames=100)
    assert row.interval() == pytest.approx((0.04900469, 0.17622260), abs=1e-7)
    assert row.ebn0_db == pytest.approx(1.5)
