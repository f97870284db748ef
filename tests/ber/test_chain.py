"""Chains against closed forms, whatever the split of the frames."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phy import theory
from phy.chain import Chain, Counts, count
from phy.channel import Awgn, Nakagami, Rayleigh, Rician
from phy.constellation import find_constellation
from phy.detect import PilotCsi
from phy.engine import find_engine
from phy.fec import find_code
from phy.fec.decoder import default_decoder

REFERENCE = find_engine("reference")


def chain(code="802.11ad-1/2", constellation="qpsk", **rest) -> Chain:
    code = find_code(code)
    return Chain(
        code=code, constellation=find_constellation(constellation), decoder=default_decoder(code), **rest
    )


LDPC = chain(channel=Rician(k_factor=3.0, block=100), csi=PilotCsi(count=3), interleaver="block")
WHOLE = count(LDPC, REFERENCE, 3.0, 5, range(0, 100))


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(1, 99), unique=True, max_size=4))
def test_counts_do_not_depend_on_the_split(cuts):
    edges = [0, *sorted(cuts), 100]
    total = Counts()
    for start, stop in pairwise(edges):
        total += count(LDPC, REFERENCE, 3.0, 5, range(start, stop))
    assert total == WHOLE
    assert 0 < WHOLE.frame_errors < 100


def test_failed_frames_fail_alone():
    for frame in WHOLE.failed[:3]:
        assert count(LDPC, REFERENCE, 3.0, 5, range(frame, frame + 1)).frame_errors == 1


def test_another_seed_is_another_experiment():
    assert count(LDPC, REFERENCE, 3.0, 6, range(0, 100)) != WHOLE


FADES = {
    "awgn": (Awgn(), lambda m, g: float(theory.ber_awgn(m, g))),
    "rayleigh": (Rayleigh(block=1), lambda m, g: float(theory.ber_rayleigh(m, g))),
    "rician": (Rician(k_factor=3.0, block=1), lambda m, g: theory.ber_rician(m, g, 3.0)),
    "nakagami": (Nakagami(m=2.0, block=1), lambda m, g: theory.ber_nakagami(m, g, 2.0)),
}


@pytest.mark.parametrize("fade", FADES)
@pytest.mark.parametrize(("constellation", "snr_db"), [("bpsk", 3.0), ("qpsk", 6.0), ("16qam", 12.0)])
def test_uncoded_bits_meet_the_closed_form(fade, constellation, snr_db):
    channel, law = FADES[fade]
    uncoded = chain("uncoded:k=672", constellation, channel=channel)
    counts = count(uncoded, REFERENCE, snr_db, 2, range(0, 400))
    m = uncoded.constellation.bits_per_symbol
    expected = law(m, 10 ** (snr_db / 10))
    deviation = np.sqrt(m * expected * (1 - expected) / counts.bits)  # bits of a symbol share a fade
    assert counts.bits == 400 * 672
    assert counts.bit_errors / counts.bits == pytest.approx(expected, abs=4 * deviation)


def test_pilots_are_uses_that_carry_no_bits():
    bare, aided = chain(channel=Rayleigh()), chain(channel=Rayleigh(), csi=PilotCsi(count=24))
    assert aided.uses == bare.uses + 24 == 360
    assert aided.info_bits_per_use == Fraction(336, 360)


def test_a_codeword_fills_up_to_a_whole_symbol():
    odd = chain("repetition:n=3,k=5", "64qam")
    assert (odd.data_uses, odd.code.n) == (3, 15)
    assert count(odd, REFERENCE, 40.0, 1, range(0, 20)).bit_errors == 0
