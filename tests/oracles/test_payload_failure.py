"""What adaptive modulation expects against what this link does: curves, block count, fading law."""

from fractions import Fraction

import numpy as np
import pytest

from phy.bearer import AnalogBearer, DigitalBearer
from phy.bler import Receiver
from phy.channel import Awgn, Jakes, Rayleigh, Rician
from phy.link import Link
from phy.mcs import MCS
from phy.prediction import expected_failure, payload_failure
from phy.rng import generator
from phy.types import Bits, Symbols

TRIALS, USES = 120, 3400
MCS_NAME = "qpsk-1/2"


def outages(
    channel, snr_db: float, engine: str = "native", interleaver: str = "none", neighbour: int = 0
) -> int:
    """Payloads of 10 blocks that fail, of TRIALS; among uses of a neighbour, so many times as many."""
    beside = {"beside": AnalogBearer(share=neighbour)} if neighbour else {}
    link = Link(
        bandwidth_ratio=Fraction(1),
        channel=channel,
        streams={"only": DigitalBearer(share=1.0, mcs=MCS_NAME, interleaver=interleaver), **beside},
        multiplexing="interleaved" if neighbour else "serial",
        engine=engine,
    )
    draws = link.draw(snr_db, [(1, "air", "payload failure", trial) for trial in range(TRIALS)])
    grants = link.grants([USES * (1 + neighbour)] * TRIALS, draws)
    rng = generator("payload failure")
    silence = {name: Symbols(data=np.zeros(0, np.complex64)) for name in beside}
    messages = [
        {"only": Bits(data=rng.integers(0, 2, g["only"].payload_bits, np.uint8)), **silence} for g in grants
    ]
    deliveries = link.deliver(messages, draws, grants)
    assert {d.ledger.streams["only"].blocks for d in deliveries} == {MCS[MCS_NAME].blocks(USES)} == {10}
    return sum(not d.reception["only"].ok for d in deliveries)


def close(failures: int, expected: float) -> bool:
    """Within 4 sigma of TRIALS payloads and the curve's own 10 %."""
    return (
        abs(failures / TRIALS - expected) < 4 * np.sqrt(expected * (1 - expected) / TRIALS) + 0.1 * expected
    )


def test_payloads_over_awgn_fail_as_often_as_expected_whatever_the_engine():
    """Single precision may decide a payload in a hundred otherwise."""
    expected = payload_failure(MCS[MCS_NAME], 2.1, 10, np.ones(1))
    assert 0.05 < expected < 0.95
    reference = outages(Awgn(), 2.1, "reference")
    assert close(reference, expected)
    for engine in ("native", "sionna"):
        assert abs(outages(Awgn(), 2.1, engine) - reference) <= 0.01 * TRIALS


def test_payloads_over_fading_fail_as_often_as_expected():
    channel = Rician(k_factor=1.0)
    expected = expected_failure(MCS[MCS_NAME], 7.0, USES, channel)
    assert 0.1 < expected < 0.9
    assert close(outages(channel, 7.0), expected)


@pytest.mark.parametrize(
    ("channel", "snr_db", "interleaver"),
    [
        (Rayleigh(block=32), 6.0, "none"),
        (Rayleigh(block=32), 4.0, "frame"),
        (Rayleigh(block=4), 4.5, "block"),
        (Rician(k_factor=1.0, block=1000), 6.0, "none"),
    ],
)
def test_fades_shorter_than_a_code_block_or_a_payload_fail_as_often_as_expected(channel, snr_db, interleaver):
    """A code block takes 336 uses, so it meets 10.5, 84, or one or two fades."""
    expected = expected_failure(MCS[MCS_NAME], snr_db, USES, channel, Receiver(interleaver=interleaver))
    assert 0.1 < expected < 0.9
    assert close(outages(channel, snr_db, interleaver=interleaver), expected)


@pytest.mark.parametrize(
    ("channel", "snr_db", "interleaver"),
    [
        (Rician(k_factor=1.0, block=4000), 6.0, "none"),
        (Rayleigh(block=1024), 6.0, "frame"),
        (Jakes(doppler=1e-3), 5.3, "frame"),
    ],
)
def test_payloads_among_another_stream_s_uses_meet_the_fades_of_the_whole_frame(channel, snr_db, interleaver):
    """A payload has 3400 uses of 17000: it meets 4 or 17 fades, or moves on by 17 cycles of the Doppler."""
    receiver = Receiver(interleaver=interleaver)
    expected = expected_failure(MCS[MCS_NAME], snr_db, USES, channel, receiver, over=5 * USES)
    alone = expected_failure(MCS[MCS_NAME], snr_db, USES, channel, receiver)
    assert 0.1 < expected < 0.9
    assert abs(expected - alone) > 0.1
    assert close(outages(channel, snr_db, interleaver=interleaver, neighbour=4), expected)
