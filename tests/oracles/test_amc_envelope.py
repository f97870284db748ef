"""Adaptive modulation against every fixed scheme: at no SNR more than 1 dB behind the best of them.

Goodput is (1 - P(payload fails)) x information bits a use. Within 1 dB: what a rule brings in at an SNR is at
least what the best fixed scheme of its set brings in with 1 dB less.
"""

from fractions import Fraction

import numpy as np
import pytest

from phy.amc import Amc, choose
from phy.bearer import DigitalBearer
from phy.bler import Receiver
from phy.channel import Awgn, Rayleigh, Rician
from phy.fec.decoder_spec import parse_decoder
from phy.link import Link
from phy.mcs import AMC_SETS, MCS
from phy.prediction import expected_failure, payload_failure
from phy.rng import generator
from phy.types import Bits

USES = 8192
GRID_DB = np.arange(-12.0, 32.0, 0.5)
RECEIVERS = {
    "usual": Receiver(),
    "native": Receiver(decoder=parse_decoder("layered-offset-min-sum:quantisation=8")),
}
LONG = ("cqi2-long", "nr-long")
"""Sets of one decoder's curves alone."""
MEASURED = [(amc, who) for amc in AMC_SETS for who in RECEIVERS if who == "native" or amc not in LONG]


def members(amc: str, n_uses: int = USES):
    return [MCS[name] for name in AMC_SETS[amc] if MCS[name].blocks(n_uses)]


def fixed(mcs, snr_db: float, n_uses: int = USES, receiver: Receiver = RECEIVERS["usual"]) -> float:
    """Goodput of one scheme over AWGN, from its counts."""
    failure = payload_failure(mcs, snr_db, mcs.blocks(n_uses), np.ones(1), receiver)
    return (1 - failure) * float(mcs.info_bits_per_use)


@pytest.mark.parametrize(("amc", "who"), MEASURED)
@pytest.mark.parametrize("n_uses", [2048, 8192, 32768])
def test_over_awgn_the_rule_is_within_1_db_of_the_best_scheme(amc, who, n_uses):
    rule, able, receiver = Amc(amc=amc, csit=True), members(amc, n_uses), RECEIVERS[who]
    for snr_db in GRID_DB:
        chosen = choose(rule, able, float(snr_db), np.ones(1), n_uses, receiver)
        best = max(fixed(mcs, snr_db - 1.0, n_uses, receiver) for mcs in able)
        assert fixed(chosen, snr_db, n_uses, receiver) >= best - 1e-9


@pytest.mark.parametrize("amc", AMC_SETS)
@pytest.mark.parametrize("k_factor", [0.0, 3.0])
def test_over_fading_the_rule_with_csit_is_within_1_db_of_the_best_scheme(amc, k_factor):
    """A fade a frame, integrated over 2,000 equally likely gains."""
    receiver = RECEIVERS["native" if amc in LONG else "usual"]
    channel, rule, able = Rician(k_factor=k_factor), Amc(amc=amc, csit=True), members(amc)
    law = np.linspace(0, 12, 200_001)
    gains = np.interp((np.arange(2000) + 0.5) / 2000, channel.gain_cdf(law), law)
    realised_db = np.arange(-45.0, 45.0, 0.1)  # goodput with CSIT depends on the realised SNR alone
    chosen = [choose(rule, able, float(s), np.ones(1), USES, receiver) for s in realised_db]
    goodput = np.array([fixed(m, s, USES, receiver) for m, s in zip(chosen, realised_db, strict=True)])
    for snr_db in GRID_DB[::4]:
        adaptive = np.interp(snr_db + 10 * np.log10(gains), realised_db, goodput).mean()
        best = max(
            (1 - expected_failure(m, snr_db - 1.0, USES, channel, receiver)) * float(m.info_bits_per_use)
            for m in able
        )
        assert adaptive >= best - 0.01 * best - 1e-3  # the gains' grid


def delivered(mcs, channel, snr_db: float, trials: int, n_uses: int) -> np.ndarray:
    """Payload bits that arrive in each frame, sent over the whole link by the reference engine."""
    link = Link(
        bandwidth_ratio=Fraction(1),
        channel=channel,
        streams={"only": DigitalBearer(mcs=mcs)},
        engine="reference",
    )
    draws = link.draw(snr_db, [(1, "air", "envelope", trial) for trial in range(trials)])
    grants = link.grants([n_uses] * trials, draws)
    rng = generator("envelope")
    messages = [{"only": Bits(data=rng.integers(0, 2, g["only"].payload_bits, np.uint8))} for g in grants]
    received = link.deliver(messages, draws, grants)
    return np.array(
        [d.reception["only"].ok * m["only"].data.size for d, m in zip(received, messages, strict=True)]
    )


@pytest.mark.slow
@pytest.mark.parametrize("channel", [Awgn(), Rayleigh()], ids=["awgn", "rayleigh"])
@pytest.mark.parametrize("snr_db", [1.0, 5.0, 9.0, 13.0])
def test_simulated_links_are_within_1_db_of_the_best_scheme(channel, snr_db):
    """Payloads counted, 4 sigma of the difference allowed, and a block for the index that is signalled."""
    trials, n_uses = 60, 3400
    adaptive = delivered(Amc(csit=True), channel, snr_db, trials, n_uses)
    for name in AMC_SETS["hda"]:
        single = delivered(name, channel, snr_db - 1.0, trials, n_uses)
        sigma = np.sqrt((adaptive.var() + single.var()) / trials)
        one_block = MCS[name].code.k  # what its 32 uses of 3400 may cost
        assert adaptive.mean() >= single.mean() - one_block - 4 * sigma
