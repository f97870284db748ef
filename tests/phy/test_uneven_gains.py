"""Gains that are not alike over a payload: where its blocks lie, and uses where nothing arrives."""

import numpy as np
import pytest

from phy import frames
from phy.amc import Amc
from phy.bearer import DigitalBearer
from phy.chain import Chain, count
from phy.channel import Rayleigh, Recorded
from phy.constellation import CONSTELLATIONS
from phy.detect import LEAST_GAIN, least_squares
from phy.engine import find_engine
from phy.fec import find_code
from phy.fec.decoder_spec import parse_decoder
from phy.native.engine import NativeEngine
from phy.place import settle
from phy.signalling import USES


def test_the_gains_that_decide_are_those_behind_the_signalled_index():
    bearer = DigitalBearer(mcs=Amc(amc="hda", csit=True))
    gains = np.full(USES + 672 + 300, 1e-3)
    gains[USES : USES + 672] = 100.0  # two blocks of QPSK lie here; the last of 16QAM's five lies behind
    assert settle(bearer, Rayleigh(block=4), 0.0, gains, gains.size).mcs.name == "qpsk-3/4"


def test_a_use_without_gain_tells_nothing():
    y, h = np.array([1 + 1j, 2 + 0j], np.complex64), np.array([0, 2], np.complex64)
    x_hat, noise_var = least_squares(y, h, 1e10)
    assert x_hat.tolist() == [0, 1]
    assert noise_var == pytest.approx([1e10 / LEAST_GAIN, 2.5e9])


def test_a_block_longer_than_the_frame_is_the_frame():
    long = frames.fading(1, np.arange(3), Rayleigh(block=10**12), 20)
    assert np.array_equal(long, frames.fading(1, np.arange(3), Rayleigh(), 20))


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_a_recording_with_gaps_is_an_erasure_channel(tmp_path, engine):
    h = np.full(8, np.sqrt(8 / 7), np.complex128)
    h[3] = 0
    np.save(tmp_path / "gaps.npy", h)
    chain = Chain(
        code=find_code("802.11ad-1/2"),
        constellation=CONSTELLATIONS["qpsk"],
        channel=Recorded(file=str(tmp_path / "gaps.npy")),
        decoder=parse_decoder("layered-offset-min-sum:iterations=20"),
    )
    with np.errstate(all="raise"):
        counts = count(chain, find_engine(engine), 10.0, 1, range(64))
    assert counts.frame_errors == 0  # an eighth is erased, half of the bits are parity


FADED = {
    "nr-ldpc:k=500,rate=0.6,qm=4": (Rayleigh(), "block", "exact", "1024qam", 24.434871409529684, 2**32 - 30),
    "802.11ad-7/8": (Rayleigh(), "none", "exact", "1024qam", 32.83002565949617, 2**40 + 5),
    "nr-ldpc:k=40,rate=1/3": (Rayleigh(block=7), "none", "max-log", "32apsk:rate=3/4", 9.8741974, 2**40 + 5),
}


@pytest.mark.parametrize("code", FADED)
def test_the_fused_chain_counts_what_the_stages_count_over_fades(code, monkeypatch):
    channel, interleaver, demapper, points, snr_db, first = FADED[code]
    chain = Chain(
        code=find_code(code),
        constellation=CONSTELLATIONS[points],
        channel=channel,
        interleaver=interleaver,
        demapper=demapper,
        decoder=parse_decoder("layered-normalised-min-sum:scale=0.75,iterations=5,quantisation=8"),
    )
    sent = range(first, first + 130)
    fused = count(chain, NativeEngine(), snr_db, 9, sent)
    monkeypatch.setattr(NativeEngine, "count", lambda *_: None)
    staged = count(chain, NativeEngine(), snr_db, 9, sent)
    assert 0 < fused.frame_errors < 130
    assert (fused.frame_errors, fused.bit_errors, fused.failed) == (
        staged.frame_errors,
        staged.bit_errors,
        staged.failed,
    )
