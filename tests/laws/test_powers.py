"""Laws of links whose streams share energy unevenly, drive a converter, lose blocks, or are overheard."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from links import BEARERS, CHANNELS, Recorder, keys, link_of, messages_for

from phy.amc import Amc
from phy.bearer import AnalogBearer, DigitalBearer
from phy.channel import Awgn, Rayleigh, Rician
from phy.detect import AgeingCsi, PilotCsi
from phy.link import Link
from phy.power import use_energies
from phy.transmission import deliver
from phy.types import Bits
from phy.units import linear_to_db, noise_variance

ESTIMATES = {
    "perfect": (Rician(block=50), None),
    "ls": (Rayleigh(block=50), PilotCsi(count=4, power=2.0)),
    "lmmse": (Rician(block=64), PilotCsi(count=2, estimator="lmmse")),
    "genie": (Rayleigh(block=50), PilotCsi(count=4, power=2.0, estimator="genie")),
    "ageing": (Rayleigh(block=50), AgeingCsi(rho=0.95)),
}


def split_link(power: float, channel=None, csi=None, analog: dict | None = None, **fields) -> Link:
    bearer = DigitalBearer(**{"share": 0.5, "mcs": "qpsk-1/2", "power": power} | fields)
    link = link_of(channel or Awgn(), bearer, **({"csi": csi} if csi else {}))
    return replace(link, streams=dict(link.streams) | {"auxiliary": AnalogBearer(**(analog or {}))})


def honest(ratio: np.ndarray) -> bool:
    """The mean of |error|^2 / noise_var is 1, within 5 standard errors over stretches of 1000 uses."""
    means = ratio[: ratio.size // 1000 * 1000].reshape(-1, 1000).mean(axis=1)
    return abs(means.mean() - 1) < 5 * means.std() / np.sqrt(means.size)


@pytest.mark.parametrize("power", [0.25, 4.0])
@pytest.mark.parametrize("known", ESTIMATES)
def test_the_frame_keeps_its_energy_and_every_stream_its_true_noise_level(known, power):
    channel, csi = ESTIMATES[known]
    link, recorder = split_link(power, channel, csi), Recorder()
    draws = link.draw(12.0, keys(2))
    grants = link.grants([90_000] * 2, draws)
    messages = messages_for(grants)
    delivered = deliver(recorder, link.streams, messages, draws, grants, link.csi)
    (sent,), ((y, var),) = recorder.mapped, recorder.heard
    assert honest((np.abs(y - sent) ** 2 / var).ravel())
    for message, got in zip(messages, delivered, strict=True):
        symbols, seen = message["auxiliary"].data, got.reception["auxiliary"]
        assert honest(np.abs(seen.data[: symbols.size] - symbols) ** 2 / seen.noise_var[: symbols.size])
        ledger = got.ledger
        essential, auxiliary = ledger.streams["essential"], ledger.streams["auxiliary"]
        assert ledger.energy == pytest.approx(ledger.n_uses, rel=1e-3)
        assert essential.energy / essential.uses == pytest.approx(
            power * auxiliary.energy / auxiliary.data, rel=1e-3
        )


def test_grants_and_schemes_follow_the_power_that_a_stream_has():
    """QPSK of rate 1/2 needs 3 dB: at 0 dB four times the energy lets the digital stream take it."""
    told = {}
    for power in (1.0, 4.0):
        link = split_link(power, mcs=Amc())
        (grant,) = link.grants([12_000], link.draw(0.0, keys(1)))
        energies = use_energies(
            {name: each.channel_uses for name, each in grant.items()}, {"essential": power, "auxiliary": 1.0}
        )
        for name, energy in energies.items():
            assert grant[name].snr_db == pytest.approx(linear_to_db(energy), abs=1e-9)
        told[power] = grant["essential"].mcs
    assert told == {1.0: "bpsk-1/2", 4.0: "qpsk-1/2"}
    (even,) = link_of(Awgn(), BEARERS["fixed"]).grants([12_000], link.draw(5.0, keys(1)))
    assert even["essential"].snr_db == even["auxiliary"].snr_db == 5.0


def test_the_snr_told_counts_power_and_estimation_together():
    """1 / (N0 / (E_s E_d) + s_e^2): more power makes no estimate better."""
    link = split_link(4.0, Rayleigh(block=50), PilotCsi(count=4))
    (grant,) = link.grants([12_000], link.draw(10.0, keys(1)))
    uses = {name: each.channel_uses for name, each in grant.items()}
    energy = use_energies(uses, {"essential": 4.0, "auxiliary": 1.0})["essential"]
    error = 0.1 / 4  # pilots and data have the same mean energy
    assert grant["essential"].snr_db == pytest.approx(-linear_to_db(0.1 / energy + error), abs=1e-3)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("analog", [{"clip_db": 2.0}, {"clip_db": 8.0, "dac_bits": 3}])
def test_distortion_is_noise_that_the_receiver_knows_of(channel, analog):
    link = split_link(2.0, CHANNELS[channel], analog=analog)
    draws = link.draw(15.0, keys(2))
    grants = link.grants([90_000] * 2, draws)
    messages = messages_for(grants)
    for message, got in zip(messages, link.deliver(messages, draws, grants), strict=True):
        sent, seen = message["auxiliary"].data, got.reception["auxiliary"]
        ratio = np.abs(seen.data[: sent.size] - sent) ** 2 / seen.noise_var[: sent.size]
        assert abs(ratio.mean() - 1) < 5 * ratio.std() / np.sqrt(ratio.size)
        account = got.ledger.streams["auxiliary"]
        assert got.ledger.energy == pytest.approx(got.ledger.n_uses, rel=0.02)
        assert account.papr_db < analog["clip_db"] + 1.5 < 9.6
    front = link.streams["auxiliary"].front_end
    (plain,) = split_link(2.0, Awgn()).grants([90_000], draws)
    (told,) = split_link(2.0, Awgn(), analog=analog).grants([90_000], draws)
    snr = 10 ** (plain["auxiliary"].snr_db / 10)
    assert told["auxiliary"].snr_db == pytest.approx(linear_to_db(front.snr(snr)))


def test_peaks_are_those_of_single_symbols():
    """QPSK has none; 16QAM's corner is 1.8; n Gaussian symbols reach about ln n."""
    found = {}
    for mcs in ("qpsk-1/2", "16qam-1/2"):
        link = split_link(3.0, mcs=mcs)
        draws = link.draw(10.0, keys(1))
        grants = link.grants([60_000], draws)
        (got,) = link.deliver(messages_for(grants), draws, grants)
        found[mcs] = got.ledger.streams
    assert found["qpsk-1/2"]["essential"].papr_db == pytest.approx(0, abs=1e-3)
    assert found["16qam-1/2"]["essential"].papr_db == pytest.approx(linear_to_db(1.8), abs=0.05)
    assert 9 < found["qpsk-1/2"]["auxiliary"].papr_db < 13


@pytest.mark.parametrize("crc_per", ["payload", "block"])
def test_lost_blocks_come_at_their_rate_nested_and_paired(crc_per):
    lost = {}
    for rate in (0.0, 0.05, 0.3, 1.0):
        link = split_link(1.0, block_loss=rate, crc_per=crc_per)
        draws = link.draw(30.0, keys(4))
        grants = link.grants([90_000] * 4, draws)
        messages = messages_for(grants)
        got = link.deliver(messages, draws, grants)
        accounts = [each.ledger.streams["essential"] for each in got]
        lost[rate] = sum(each.block_errors for each in accounts)
        blocks = sum(each.blocks for each in accounts)
        assert abs(lost[rate] / blocks - rate) <= 4 * np.sqrt(rate * (1 - rate) / blocks)
        for message, each in zip(messages, got, strict=True):
            seen = each.reception["essential"]
            assert seen.ok == (each.ledger.streams["essential"].block_errors == 0)
            sent = message["essential"].data
            if crc_per == "block" and seen.good.any():
                assert np.array_equal(seen.data[seen.good], sent[seen.good])
                wrong = seen.data[~seen.good] != sent[~seen.good]
                assert not wrong.size or 0.4 < wrong.mean() < 0.6
    assert lost[0.0] == 0 < lost[0.05] < lost[0.3]


def test_a_lost_block_is_lost_at_any_snr_and_higher_rate_and_in_any_batch():
    wrong = {}
    for rate, snr_db, batch in ((0.05, 30.0, 8), (0.3, 30.0, 8), (0.3, 40.0, 8), (0.3, 30.0, 1)):
        link = split_link(1.0, block_loss=rate, crc_per="block")
        draws = link.draw(snr_db, keys(8))
        grants = link.grants([30_000] * 8, draws)
        messages = messages_for(grants)
        for start in range(0, 8, batch):
            part, those = slice(start, start + batch), link.draw(snr_db, keys(8)[start : start + batch])
            for n, got in enumerate(link.deliver(messages[part], those, grants[part]), start):
                seen, sent = got.reception["essential"], messages[n]["essential"].data
                wrong[rate, snr_db, batch, n] = seen.data[: sent.size] != sent
                first = wrong[rate, snr_db, batch, n][:100].any()
                assert seen.good.any() != first  # it holds the length by which all others are read
    for n in range(8):
        many = wrong[0.3, 30.0, 8, n]
        assert np.array_equal(many, wrong[0.3, 40.0, 8, n])
        assert np.array_equal(many, wrong[0.3, 30.0, 1, n])
        assert not np.any(wrong[0.05, 30.0, 8, n] & ~many)
    assert len({wrong[0.3, 30.0, 8, n].tobytes() for n in range(8)}) > 6


def test_a_block_that_the_channel_took_already_is_no_less_lost():
    link = split_link(1.0, block_loss=1.0)
    draws = link.draw(-15.0, keys(1))
    grants = link.grants([12_000], draws)
    (got,) = link.deliver(messages_for(grants), draws, grants)
    account = got.ledger.streams["essential"]
    assert account.block_errors == account.blocks > 0
    assert account.bit_errors == account.bits // 2  # every other one


@pytest.mark.parametrize("bearer", ["16qam", "gcm"])
def test_a_wrong_key_reads_bits_that_look_random_and_a_tag_refuses_it(bearer):
    link = link_of(Awgn(), BEARERS[bearer])
    draws = link.draw(30.0, keys(2))
    grants = link.grants([12_000] * 2, draws)
    messages = messages_for(grants)
    for message, got in zip(messages, link.deliver(messages, draws, grants), strict=True):
        fooled, sent = got.mistaken["essential"], message["essential"].data
        assert fooled.deciphered
        if bearer == "gcm":
            assert not fooled.ok
            assert not fooled.data.size
            continue
        assert fooled.ok  # the checksum covers the ciphertext
        assert abs(np.mean(fooled.data != sent) - 0.5) < 4 * 0.5 / np.sqrt(sent.size)
        stolen = got.eavesdropped["essential"].data
        assert abs(np.mean(fooled.data != stolen) - 0.5) < 4 * 0.5 / np.sqrt(sent.size)
        assert np.array_equal(got.mistaken["auxiliary"].data, got.reception["auxiliary"].data)


def test_without_a_cipher_no_key_is_wrong():
    link = link_of(Awgn(), BEARERS["fixed"])
    draws = link.draw(30.0, keys(1))
    grants = link.grants([12_000], draws)
    messages = messages_for(grants)
    (got,) = link.deliver(messages, draws, grants)
    assert np.array_equal(got.mistaken["essential"].data, messages[0]["essential"].data)


def test_a_genie_s_pilots_are_charged_and_their_h_is_exact():
    link = Link(
        bandwidth_ratio=Fraction(1, 3),
        channel=Rayleigh(block=50),
        csi=PilotCsi(count=4, power=2.0, estimator="genie"),
        streams={"auxiliary": AnalogBearer()},
        engine="reference",
    )
    frame = link.layout(12_000)
    draws = link.draw(10.0, keys(1))
    (grant,) = link.grants([12_000], draws)
    assert grant["auxiliary"].snr_db == pytest.approx(10 + linear_to_db(frame.data_energy))
    assert frame.n_pilots == 4 * 80
    gain = np.abs(draws.fading(0, frame.total)[frame.data].astype(np.complex128)) ** 2
    (got,) = link.deliver([{k: v for k, v in messages_of(grant).items()}], draws, [grant])
    expected = noise_variance(10.0) / frame.data_energy / gain
    np.testing.assert_allclose(got.reception["auxiliary"].noise_var, expected, rtol=1e-5)
    assert got.ledger.pilots == frame.n_pilots


def messages_of(grant) -> dict:
    return {"auxiliary": messages_for([dict(grant) | {"essential": grant["auxiliary"]}])[0]["auxiliary"]}


def test_an_even_split_is_the_link_without_powers_to_the_bit():
    seen = []
    for power in (1.0, 7.0):
        link = link_of(Rician(), DigitalBearer(share=0.5, mcs="16qam-1/2", power=power))
        link = replace(link, streams=dict(link.streams) | {"auxiliary": AnalogBearer(power=power)})
        draws = link.draw(9.0, keys(1))
        grants = link.grants([12_000], draws)
        (got,) = link.deliver(messages_for(grants), draws, grants)
        seen.append((got.ledger, got.reception["auxiliary"].data.tobytes()))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"power": 0.0}, "power: must be positive, 0.001 to 1000, got 0.0; it is linear"),
        ({"block_loss": 1.5}, "block_loss: must lie between 0 and 1, got 1.5; it is a probability"),
    ],
)
def test_a_bearer_that_cannot_be_is_refused(fields, told):
    with pytest.raises(ValueError, match=told):
        DigitalBearer(mcs="qpsk-1/2", **fields)


def test_an_empty_payload_loses_blocks_too():
    link = split_link(1.0, block_loss=0.5)
    draws = link.draw(30.0, keys(1))
    grants = link.grants([12_000], draws)
    message = messages_for(grants)[0] | {"essential": Bits(data=np.zeros(0, np.uint8))}
    (got,) = link.deliver([message], draws, grants)
    assert got.ledger.streams["essential"].block_errors > 0
