"""Streams in turn or among each other: every use is one stream's, evenly, and nothing else changes."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phy.amc import Amc, choose_blind
from phy.bearer import AnalogBearer, DigitalBearer
from phy.channel import Awgn, Rayleigh
from phy.detect import PilotCsi
from phy.link import Link
from phy.mcs import MCS
from phy.power import spans
from phy.prediction import expected_failure
from phy.rng import generator
from phy.types import Bits, Symbols

COUNTS = st.lists(st.integers(0, 60), min_size=1, max_size=4).filter(any)


@given(COUNTS, st.sampled_from(["serial", "interleaved"]))
def test_every_use_belongs_to_one_stream_in_its_own_order(counts, multiplexing):
    uses = {f"s{i}": n for i, n in enumerate(counts)}
    frame = np.arange(sum(counts))
    taken = {name: frame[at] for name, at in spans(uses, multiplexing).items()}
    assert {name: at.size for name, at in taken.items()} == uses
    assert np.array_equal(np.sort(np.concatenate(list(taken.values()))), frame)
    assert all(np.all(np.diff(at) > 0) for at in taken.values())


@given(COUNTS)
def test_interleaved_any_stretch_holds_of_a_stream_what_its_share_is(counts):
    """To within one use for each other stream."""
    n = sum(counts)
    for own, at in zip(counts, spans(dict(enumerate(counts)), "interleaved").values(), strict=True):
        before = np.searchsorted(at, np.arange(n + 1))
        assert np.abs(before - np.arange(n + 1) * own / n).max() <= len(counts)


def hybrid(multiplexing: str, channel, **bits) -> Link:
    essential = DigitalBearer(share=1.0, interleaver="frame", **({"mcs": "qpsk-1/2"} | bits))
    streams = {"essential": essential, "auxiliary": AnalogBearer(share=3.0, power=0.5)}
    return Link(
        bandwidth_ratio=Fraction(1), channel=channel, streams=streams, multiplexing=multiplexing,
        engine="native", csi=PilotCsi(count=4, estimator="ls"),
    )  # fmt: skip


def delivered(link: Link, snr_db: float, n: int = 6000):
    draws = link.draw(snr_db, [(1, "air", "multiplexing", 0)])
    grants = link.grants([n], draws)
    rng = generator("multiplexing")
    bits = rng.integers(0, 2, grants[0]["essential"].payload_bits, np.uint8)
    x = rng.standard_normal((grants[0]["auxiliary"].channel_uses, 2)) @ [1, 1j] * np.sqrt(0.4)
    message = {"essential": Bits(data=bits), "auxiliary": Symbols(data=x.astype(np.complex64))}
    return draws, grants[0], message, link.deliver([message], draws, grants)[0]


@pytest.mark.parametrize("multiplexing", ["serial", "interleaved"])
def test_what_is_sent_arrives(multiplexing):
    _, _, message, made = delivered(hybrid(multiplexing, Rayleigh(block=100)), 60.0)
    assert made.reception["essential"].ok
    assert np.array_equal(made.reception["essential"].data, message["essential"].data)
    heard = made.reception["auxiliary"].data[: message["auxiliary"].data.size]
    assert np.mean(np.abs(heard - message["auxiliary"].data) ** 2) < 1e-3


def test_the_ledger_is_the_same_whichever_way():
    serial, mixed = (delivered(hybrid(m, Awgn()), 10.0)[3].ledger for m in ("serial", "interleaved"))
    assert serial.n_uses == mixed.n_uses
    assert serial.energy == pytest.approx(mixed.energy, rel=1e-6)
    for name in ("essential", "auxiliary"):
        assert serial.streams[name].uses == mixed.streams[name].uses
        assert serial.streams[name].energy == pytest.approx(mixed.streams[name].energy, rel=1e-6)


@pytest.mark.parametrize("multiplexing", ["serial", "interleaved"])
def test_a_stream_meets_the_gains_of_its_own_uses(multiplexing):
    """By hand, of the draw: a quarter of the data uses, the first or those all over the frame."""
    link = hybrid(multiplexing, Rayleigh(block=100))
    draws, _, _, made = delivered(link, 20.0)
    layout = link.layout(6000)
    gain = np.abs(draws.fading(0, layout.total)[layout.data].astype(np.complex128)) ** 2
    own = gain[: gain.size // 4] if multiplexing == "serial" else gain
    close = 1e-6 if multiplexing == "serial" else 0.02
    assert made.ledger.streams["essential"].gain == pytest.approx(own.mean(), rel=close)


def test_a_transmitter_with_csit_is_told_the_gains_of_its_own_uses():
    """All else that the told SNR counts is the same both ways."""
    told, met = [], []
    for multiplexing in ("serial", "interleaved"):
        link = hybrid(multiplexing, Rayleigh(block=100), mcs=Amc(csit=True))
        _, grant, _, made = delivered(link, 10.0)
        told.append(grant["essential"].snr_db)
        met.append(10 * np.log10(made.ledger.streams["essential"].gain))
    assert abs(met[1] - met[0]) > 0.1
    assert told[1] - told[0] == pytest.approx(met[1] - met[0], abs=1e-6)


def test_a_fourth_of_the_uses_meets_fades_of_a_fourth_of_the_length():
    """Blocks of 400 uses, every fourth of them: the law is that of blocks of 100, drawn anew."""
    mcs = MCS["qpsk-1/2"]
    for snr_db in (3.0, 6.0, 9.0):
        among = expected_failure(mcs, snr_db, 3400, Rayleigh(block=400), over=13600)
        alone = expected_failure(mcs, snr_db, 3400, Rayleigh(block=100))
        assert among == pytest.approx(alone, abs=0.03)


def test_a_rule_without_csit_counts_on_the_fades_of_the_whole_frame():
    chosen = {}
    for multiplexing in ("serial", "interleaved"):
        link = hybrid(multiplexing, Rayleigh(block=250), mcs=Amc(max_outage=0.2))
        layout, bearer = link.layout(12000), link.streams["essential"]
        over = layout.n_data if multiplexing == "interleaved" else None
        for snr_db in np.arange(4.0, 20.0, 2.0):
            grant = link.grants([12000], link.draw(snr_db, [(1, "air", 0)]))[0]["essential"]
            best = choose_blind(
                bearer.mcs, bearer.schemes, grant.snr_db, layout.data_channel, grant.channel_uses,
                bearer.receiver, over,
            )  # fmt: skip
            chosen[multiplexing, snr_db] = grant.mcs
            assert grant.mcs == best.name
    differ = [snr_db for m, snr_db in chosen if chosen["serial", snr_db] != chosen["interleaved", snr_db]]
    assert differ
