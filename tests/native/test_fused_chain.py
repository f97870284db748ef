"""The fused chain against its own stages, one after another at NumPy's borders."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phy.chain import Chain, Counts, count
from phy.channel import Awgn, Jakes, Nakagami, Rayleigh, Rician
from phy.constellation import find_constellation
from phy.detect import PilotCsi
from phy.engine import find_engine
from phy.fec import Decoder, find_code
from phy.fec.decoder import Quantisation

NATIVE = find_engine("native")
OFFSET = Decoder(algorithm="offset-min-sum", schedule="layered", quantisation=Quantisation())
CHAINS = [
    ("802.11ad-1/2", "bpsk", Awgn(), -1.3, {}),
    ("802.11ad-1/2", "bpsk@5g", Awgn(), -1.3, {}),
    ("802.11ad-13/16", "16qam", Awgn(), 11.3, {"demapper": "max-log"}),
    ("802.11ad-1/2", "pi/2-qpsk", Awgn(), 1.6, {"interleaver": "block"}),
    ("802.11ad-mcs1", "pi/2-bpsk", Awgn(), -4.7, {"interleaver": "block"}),
    ("802.11ad-7/8", "64qam", Awgn(), 19.0, {}),
    ("nr-ldpc:k=128,rate=1/20", "16qam@5g", Awgn(), -4.2, {"interleaver": "block"}),
    ("nr-ldpc:k=500,rate=0.6,qm=4", "32apsk:rate=3/4", Awgn(), 9.5, {}),
    ("gallager:n=96,dv=2,dc=4,seed=7", "8psk", Awgn(), 6.0, {}),
    ("802.11n-648-3/4", "64qam", Rayleigh(), 17.0, {}),
    ("802.11n-648-1/2", "64qam@5g", Rician(k_factor=2.0, block=16), 13.0, {"interleaver": "block"}),
    ("802.11n-648-1/2", "pi/2-qpsk", Nakagami(m=2.0, block=11), 2.0, {}),
]


class Stages:
    """The native engine without its fused chain."""

    name = "native"
    encode, map, demap, decode = NATIVE.encode, NATIVE.map, NATIVE.demap, NATIVE.decode


def errors(counts: Counts) -> tuple:
    return counts.frames, counts.frame_errors, counts.bits, counts.bit_errors, counts.failed


@pytest.mark.parametrize(("code", "points", "channel", "snr_db", "more"), CHAINS)
def test_the_fused_chain_counts_what_its_stages_count(code, points, channel, snr_db, more):
    chain = Chain(
        code=find_code(code),
        constellation=find_constellation(points),
        channel=channel,
        decoder=OFFSET,
        **more,
    )
    frames = range(1000, 1200)
    fused = NATIVE.count(chain, snr_db, 3, frames)
    assert errors(fused) == errors(count(chain, Stages(), snr_db, 3, frames))
    assert 0 < fused.frame_errors < 200


@settings(max_examples=20, deadline=None)
@given(
    start=st.integers(0, 10_000),
    cuts=st.lists(st.integers(0, 300), max_size=4).map(sorted),
    channel=st.sampled_from([Awgn(), Rayleigh(block=64)]),
)
def test_a_range_of_frames_can_be_cut_anywhere(start, cuts, channel):
    chain = Chain(
        code=find_code("802.11ad-1/2"),
        constellation=find_constellation("qpsk"),
        channel=channel,
        decoder=OFFSET,
    )
    snr_db = 1.7 if channel.kind == "awgn" else 6.0
    whole = count(chain, NATIVE, snr_db, 5, range(start, start + 300))
    ends = [start + c for c in (0, *cuts, 300)]
    parts = [count(chain, NATIVE, snr_db, 5, range(a, b)) for a, b in pairwise(ends)]
    assert sum(parts, Counts()) == whole


def test_what_is_not_fused_is_left_to_the_stages():
    code, points = find_code("802.11ad-1/2"), find_constellation("qpsk")
    for chain in (
        Chain(code=code, constellation=points, decoder=Decoder()),
        Chain(code=code, constellation=points, decoder=OFFSET, channel=Jakes(doppler=0.01)),
        Chain(code=code, constellation=points, decoder=OFFSET, channel=Rayleigh(), csi=PilotCsi(count=4)),
        Chain(code=find_code("conv:k=330"), constellation=points, decoder=Decoder(algorithm="viterbi")),
    ):
        assert NATIVE.count(chain, 3.0, 1, range(5)) is None
        assert count(chain, find_engine("auto"), 3.0, 1, range(5)).frames == 5


def test_iterations_are_counted():
    chain = Chain(code=find_code("802.11ad-1/2"), constellation=find_constellation("bpsk"), decoder=OFFSET)
    easy, hard = (NATIVE.count(chain, snr_db, 1, range(128)).iterations / 128 for snr_db in (8.0, -5.0))
    assert easy < 2
    assert hard == 20


def test_more_frames_than_a_chunk_are_counted_alike():
    chain = Chain(code=find_code("802.11ad-1/2"), constellation=find_constellation("bpsk"), decoder=OFFSET)
    whole = NATIVE.count(chain, -1.5, 2, range(6000))
    parts = [NATIVE.count(chain, -1.5, 2, range(a, a + 1000)) for a in range(0, 6000, 1000)]
    assert sum(parts, Counts()) == whole
    assert np.isclose(whole.bits, 6000 * 336)
