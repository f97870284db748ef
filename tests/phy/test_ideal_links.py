"""Ideal codes in a link: what the channel let pass, charged and framed as any other payload."""

from fractions import Fraction

import numpy as np
import pytest

from phy.bearer import DigitalBearer
from phy.channel import Rayleigh
from phy.information import information_curve
from phy.link import Link
from phy.mcs import find_mcs
from phy.place import sized
from phy.rng import generator
from phy.types import Bits

TRIALS, USES = 40, 700


def sent(mcs: str, channel, snr_db: float):
    link = Link(
        bandwidth_ratio=Fraction(1),
        channel=channel,
        streams={"only": DigitalBearer(mcs=mcs)},
        engine="reference",
    )
    draws = link.draw(snr_db, [(1, "air", "ideal", trial) for trial in range(TRIALS)])
    grants = link.grants([USES] * TRIALS, draws)
    rng = generator("ideal links")
    messages = [{"only": Bits(data=rng.integers(0, 2, g["only"].payload_bits, np.uint8))} for g in grants]
    return draws, grants, messages, link.deliver(messages, draws, grants)


def test_a_payload_arrives_iff_the_points_carry_its_rate_over_the_realised_gain():
    draws, _, messages, got = sent("16qam/ideal:rate=1/2", Rayleigh(), 10.0)
    carried = information_curve(find_mcs("16qam/ideal:rate=1/2").constellation, "cm")
    arrived = []
    for trial, (message, delivery) in enumerate(zip(messages, got, strict=True)):
        gain = float(np.abs(draws.fading(trial, 1)[0].astype(np.complex128)) ** 2)
        arrived.append(delivery.reception["only"].ok)
        assert arrived[-1] == (carried(10.0 * gain) >= 2.0)
        assert not arrived[-1] or np.array_equal(delivery.reception["only"].data, message["only"].data)
    assert 0 < sum(arrived) < TRIALS


def test_the_capacity_bound_takes_the_size_of_each_realised_frame():
    draws, grants, messages, got = sent("16qam/ideal:shannon", Rayleigh(block=100), 6.0)
    sizes = set()
    for trial, (grant, delivery) in enumerate(zip(grants, got, strict=True)):
        gains = np.abs(draws.fading(trial, USES).astype(np.complex128)) ** 2
        capacity = int(np.log2(1 + 10**0.6 * gains).sum())
        code = find_mcs(grant["only"].mcs).code
        assert (code.k, code.n) == (min(capacity, 4 * USES), 4 * USES)
        assert grant["only"].payload_bits <= code.k
        assert delivery.reception["only"].ok
        assert np.array_equal(delivery.reception["only"].data, messages[trial]["only"].data)
        sizes.add(code.k)
    assert len(sizes) > TRIALS // 2


@pytest.mark.parametrize("name", ["qpsk-1/2", "16qam/ideal:rate=1/2", "16qam/ideal:shannon,rate=1"])
def test_a_scheme_of_a_size_of_its_own_keeps_it(name):
    assert sized(find_mcs(name), 3.0, np.ones(1), 500) == find_mcs(name)


def test_a_frame_without_capacity_holds_no_payload():
    assert sized(find_mcs("qpsk/ideal:shannon"), -60.0, np.ones(1), 500).code.k == 1
