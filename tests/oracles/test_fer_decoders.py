"""Frame error rates by decoder against other programs' and published ones: 802.11ad, rate 1/2."""

import csv
from dataclasses import dataclass, replace
from importlib import resources
from math import ceil

import pytest
from fer_campaign import Row, measure, refusal

from phy.engine import ENGINES as EVERY_ENGINE
from phy.fec.decoder import Decoder, Quantisation
from phy.fec.decoder_spec import parse_decoder

ENGINES = tuple(engine for engine in EVERY_ENGINE if engine != "auto")  # which is one of the others

UNKNOWN_COUNTS = 0.2
"""Relative uncertainty of a frame error rate whose counts were not kept, as the table says."""

WANTED = 100
"""Frame errors counted at a point, at least: a tenth."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A row of the table: its interval covers the true frame error rate."""

    decoder: Decoder
    ebn0_db: float
    low: float
    high: float

    @property
    def frames(self) -> int:
        """Enough for WANTED errors."""
        return ceil(WANTED / self.high / 500) * 500

    def measured(self, engine: str, decoder: Decoder | None = None) -> Row:
        """By an engine; Es/N0 of QPSK is Eb/N0 at rate 1/2."""
        point = Row(
            code_rate="1/2", constellation="qpsk", esn0_db=self.ebn0_db, frame_errors=1, frames=self.frames
        )
        return measure(point, seed=3, engine=engine, decoder=decoder or self.decoder)


def read_known() -> list[Known]:
    text = resources.files("phy").joinpath("data", "fer_decoders.csv").read_text(encoding="utf-8")
    rows = []
    for r in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        ebn0_db = float(r["ebn0_db"])
        if r["frame_errors"]:
            counted = Row(
                code_rate="1/2",
                constellation="qpsk",
                esn0_db=ebn0_db,
                frame_errors=int(r["frame_errors"]),
                frames=int(r["frames"]),
            )
            low, high = counted.interval()
        else:
            low, high = (float(r["fer"]) * f for f in (1 - UNKNOWN_COUNTS, 1 + UNKNOWN_COUNTS))
        rows.append(Known(decoder=parse_decoder(r["decoder"]), ebn0_db=ebn0_db, low=low, high=high))
    return rows


TABLE = read_known()
CHEAP = [
    known for known in TABLE if known.ebn0_db <= 1.5 or (known.ebn0_db == 2.0 and known.decoder.quantisation)
]
QUICK = {
    "sum-product": (),
    "normalised-min-sum": ("reference",),
    "offset-min-sum": ("native", "reference"),
}
"""Engines of the quick rows, by algorithm, at 2 dB the native one alone; the others are slow.

Sionna's soft outputs are compared with the reference's in test_sionna.py.
"""


def name(known: Known) -> str:
    return f"{known.decoder.spec} {known.ebn0_db} dB"


def agrees(known: Known, engine: str) -> None:
    if told := refusal(engine, "802.11ad-1/2", known.decoder):
        assert "engine" in told
        assert engine != "reference", told
        return
    row = known.measured(engine)
    low, high = row.interval()
    assert low <= known.high, f"{row} is above {known}"
    assert high >= known.low, f"{row} is below {known}"


def quick_runs():
    for known in CHEAP:
        for engine in QUICK[known.decoder.algorithm]:
            if engine == "native" or known.ebn0_db <= 1.5:
                yield pytest.param(known, engine, id=f"{name(known)} {engine}")


@pytest.mark.parametrize(("known", "engine"), quick_runs())
def test_a_high_frame_error_rate_is_the_known_one(known, engine):
    agrees(known, engine)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("known", TABLE, ids=name)
def test_every_frame_error_rate_is_the_known_one(known, engine):
    agrees(known, engine)


def test_six_bit_words_cost_a_tenth_of_a_decibel_at_most():
    """Published at 2 dB; that curve falls 2.27 decades in the next decibel, 1.69 times in a tenth of one."""
    known = next(k for k in TABLE if k.decoder.algorithm == "normalised-min-sum" and k.ebn0_db == 2.0)
    words = replace(known.decoder, quantisation=Quantisation(bits=6, steps=4, limit=31))
    row = known.measured("reference", words)
    low, high = row.interval()
    assert high >= known.low
    assert low <= 1.69 * known.high
    assert row.frame_errors / row.frames < 1.69 * 500 / 2711


def test_rows_with_counts_have_their_interval_and_rows_without_a_fifth():
    counted, uncounted = TABLE[-1], TABLE[0]
    assert (counted.low, counted.high) == pytest.approx((7.96e-4, 1.194e-3), rel=1e-2)
    assert (uncounted.low, uncounted.high) == pytest.approx((0.1496, 0.2244))
