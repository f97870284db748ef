"""What adaptive modulation expects against what this link does: curves, block count, fading law."""

from fractions import Fraction

import numpy as np

from phy.amc import MCS, expected_failure, payload_failure
from phy.bearer import DigitalBearer
from phy.channel import Awgn, Rician
from phy.link import Link
from phy.rng import generator
from phy.types import Bits

TRIALS, USES = 120, 3400
MCS_NAME = "qpsk-1/2"


def outages(channel, snr_db: float, engine: str = "reference") -> int:
    """Payloads of 10 blocks that fail, of TRIALS."""
    link = Link(
        bandwidth_ratio=Fraction(1),
        channel=channel,
        streams={"only": DigitalBearer(mcs=MCS_NAME)},
        engine=engine,
    )
    draws = link.draw(snr_db, [(1, "air", "payload failure", trial) for trial in range(TRIALS)])
    grants = link.grants([USES] * TRIALS, draws)
    rng = generator("payload failure")
    messages = [{"only": Bits(data=rng.integers(0, 2, g["only"].payload_bits, np.uint8))} for g in grants]
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
    reference = outages(Awgn(), 2.1)
    assert close(reference, expected)
    assert abs(outages(Awgn(), 2.1, "sionna") - reference) <= 0.01 * TRIALS


def test_payloads_over_fading_fail_as_often_as_expected():
    channel = Rician(k_factor=1.0)
    expected = expected_failure(MCS[MCS_NAME], 7.0, USES, channel)
    assert 0.1 < expected < 0.9
    assert close(outages(channel, 7.0), expected)
