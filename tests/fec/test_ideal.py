"""Ideal codes: they arrive exactly when the information says so, and no engine pretends to decode them."""

import numpy as np
import pytest
from scipy.stats import binomtest

from phy import theory
from phy.chain import Chain, count
from phy.channel import Rayleigh
from phy.constellation import find_constellation
from phy.engine import ENGINES, find_engine
from phy.fec import find_code
from phy.fec.decoder import Decoder, default_decoder
from phy.fec.ideal import ShannonCode
from phy.information import mutual_information, snr_of_information

GENIE = Decoder(algorithm="genie")


def over_rayleigh(code, constellation: str, snr_db: float, frames: int):
    chain = Chain(
        code=code,
        constellation=find_constellation(constellation),
        channel=Rayleigh(),
        decoder=default_decoder(code),
    )
    return count(chain, find_engine("reference"), snr_db, 5, range(frames))


@pytest.mark.parametrize("snr_db", [5.0, 12.0])
def test_shannons_outage_over_rayleigh_is_the_closed_form(snr_db):
    """P(log2(1 + g |h|^2) < R), within the 99.9 % interval of the counts."""
    counts = over_rayleigh(find_code("ideal:shannon,rate=1.5,uses=8"), "qpsk", snr_db, 4000)
    interval = binomtest(counts.frame_errors, counts.frames).proportion_ci(0.999)
    assert interval.low <= theory.outage_rayleigh(1.5, 10 ** (snr_db / 10)) <= interval.high
    assert counts.bit_errors == counts.frame_errors * 6  # every other one of 12


@pytest.mark.parametrize("kind", ["cm", "bicm"])
def test_the_outage_of_a_constellation_is_that_of_the_snr_it_needs(kind):
    """P(|h|^2 < snr_needed / snr) = 1 - exp(-...)."""
    points = find_constellation("16qam")
    counts = over_rayleigh(find_code(f"ideal:rate=3/4,n=8,kind={kind}"), "16qam", 15.0, 4000)
    needed = snr_of_information(points, 3.0, kind)
    interval = binomtest(counts.frame_errors, counts.frames).proportion_ci(0.999)
    assert interval.low <= -np.expm1(-needed / 10**1.5) <= interval.high


def test_what_counts_is_the_mean_over_the_blocks_own_uses():
    """Half of the uses carry all, half nothing: rate 1/2 is just not reached, rate 2/5 is."""
    points = find_constellation("qpsk")
    noise_var = np.repeat([[1e-3], [1e3]], 20, axis=0).reshape(1, 40)
    information = mutual_information(points, 1 / noise_var[0]).mean() / 2
    assert 0.4 < information < 0.51
    for spec, arrives in (("ideal:rate=0.4,n=40", True), ("ideal:rate=0.55,n=40", False)):
        code = find_code(spec)
        assert code.delivered(noise_var, points).tolist() == [arrives]


def test_a_lost_block_has_half_of_its_bits_wrong_and_a_delivered_one_none():
    code, points = find_code("ideal:rate=1/2,n=40"), find_constellation("qpsk")
    sent = np.random.default_rng(1).integers(0, 2, (2, 20), dtype=np.uint8)
    noise_var = np.repeat([[0.01], [100.0]], 40, axis=1)
    decided = code.decide(sent, noise_var, points)
    np.testing.assert_array_equal(decided[0], sent[0])
    np.testing.assert_array_equal(decided[1] != sent[1], np.arange(20) % 2 == 0)


def test_the_bound_of_a_frame_carries_the_capacity_of_its_uses():
    """k = floor(sum of log2(1 + snr)), always delivered; no more than the points carry."""
    snr = np.random.default_rng(2).exponential(20.0, 100)
    code = find_code("ideal:shannon").bound(snr, 10)
    assert code.k == int(np.floor(np.log2(1 + snr).sum()))
    assert code.n == 1000
    assert code.delivered(np.full((3, 1000), 1e9), find_constellation("1024qam")).all()
    assert find_code(code.name) == code
    assert find_code("ideal:shannon").bound(snr, 1).k == 100
    assert find_code("ideal:shannon").bound(np.full(5, 1e-9), 2) is None


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("spec", ["ideal:rate=1/2,n=8", "ideal:shannon,rate=1"])
def test_no_engine_decodes_them(spec, engine):
    code = find_code(spec)
    with pytest.raises(ValueError, match=r"engine: no engine decodes 'ideal:.*decided, not decoded"):
        find_engine(engine).decode(code, np.zeros((1, code.n), np.float32), GENIE)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("ideal", "needed, with n and kind alone"),
        ("ideal:rate=3/2", "rate: must be above 0 and at most 1, got 3/2"),
        ("ideal:rate=1/3,n=100", "take a multiple of 3"),
        ("ideal:rate=1/2,kind=tcm", "kind: must be cm or bicm, got 'tcm'"),
        ("ideal:shanon", "must be shannon"),
        ("ideal:shannon,rate=5", "must carry 1..672 information bits in 336 uses"),
        ("ideal:shannon,rate=1,bits=11", "bits: must be >= 1 and 1..10"),
    ],
)
def test_what_is_no_such_code_is_told_in_a_line(spec, told):
    with pytest.raises(ValueError, match=r"^code: ") as raised:
        find_code(spec)
    assert told in str(raised.value)


def test_a_bound_without_a_size_says_so():
    assert isinstance(find_code("ideal:shannon"), ShannonCode)
    with pytest.raises(ValueError, match="has the size of the frame it is sent in, got none; give it a rate"):
        _ = find_code("ideal:shannon").n


def test_shannons_code_counts_the_bits_of_its_points():
    code = find_code("ideal:shannon,rate=1")
    with pytest.raises(ValueError, match=r"counts 2 bits a use, got 16qam of 4; add bits=4"):
        code.delivered(np.ones((1, code.n)), find_constellation("16qam"))
