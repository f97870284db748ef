"""Laws of every link: honest noise levels, exact accounts, grants that hold, no batch effects."""

from itertools import product

import numpy as np
import pytest
from links import BEARERS, CHANNELS, N_SOURCE, Recorder, keys, link_of, messages_for, run

from phy.amc import Amc
from phy.bearer import DigitalBearer
from phy.channel import Awgn, Rayleigh, Rician
from phy.ledger import CATEGORIES
from phy.mcs import AMC_SETS, MCS
from phy.power import split_uses
from phy.transmission import deliver
from phy.types import Bits, Symbols
from phy.units import noise_variance


@pytest.mark.parametrize(("channel", "bearer"), product(CHANNELS, ["fixed", "16qam", "64qam"]))
def test_every_bearer_is_told_its_true_noise_level(channel, bearer):
    """mean(|error|^2 / noise_var) = 1, within 5/sqrt(n)."""
    link, recorder = link_of(CHANNELS[channel], BEARERS[bearer], snr_offset_db=1.5), Recorder()
    draws = link.draw(8.0, keys(4))
    grants = link.grants([60_000] * 4, draws)
    messages = messages_for(grants)
    delivered = deliver(recorder, link.streams, messages, draws, grants, link.csi)
    (sent,), ((y, var),) = recorder.mapped, recorder.heard
    normalised = np.abs(y - sent) ** 2 / var
    assert abs(normalised.mean() - 1) < 5 / np.sqrt(normalised.size)
    for message, delivery in zip(messages, delivered, strict=True):
        symbols, seen = message["auxiliary"].data, delivery.reception["auxiliary"]
        normalised = np.abs(seen.data[: symbols.size] - symbols) ** 2 / seen.noise_var[: symbols.size]
        assert abs(normalised.mean() - 1) < 5 / np.sqrt(normalised.size)


def test_over_awgn_the_noise_level_is_the_stated_snr():
    link = link_of(Awgn(), BEARERS["fixed"], snr_offset_db=2.0)
    _, _, (delivery, *_) = run(link, 5.0)
    np.testing.assert_allclose(delivery.reception["auxiliary"].noise_var, noise_variance(7.0), rtol=1e-6)


@pytest.mark.parametrize(("channel", "bearer", "snr_db"), product(CHANNELS, BEARERS, [-12.0, 30.0]))
def test_accounts_are_exact_and_receptions_true(channel, bearer, snr_db):
    link = link_of(CHANNELS[channel], BEARERS[bearer])
    grants, messages, deliveries = run(link, snr_db)
    for n, grant, message, got in zip(N_SOURCE, grants, messages, deliveries, strict=True):
        ledger, digital = got.ledger, got.ledger.streams["essential"]
        assert ledger.n_uses == n // 3 == ledger.pilots + sum(s.uses for s in ledger.streams.values())
        assert {name: s.uses for name, s in ledger.streams.items()} == {
            k: g.channel_uses for k, g in grant.items()
        }
        assert sum(getattr(digital, name) for name in CATEGORIES) == digital.uses * digital.bits_per_use
        assert min(getattr(digital, name) for name in CATEGORIES) >= 0
        assert sum(ledger.uses_by_category().values()) == ledger.n_uses
        assert ledger.energy == pytest.approx(sum(s.energy for s in ledger.streams.values()))
        assert digital.data == message["essential"].data.size <= grant["essential"].payload_bits
        assert digital.mcs == grant["essential"].mcs
        assert (digital.bit_errors == 0) == (digital.block_errors == 0)
        seen = got.reception["essential"]
        assert digital.ok == seen.ok
        assert seen.ok or digital.block_errors > 0
        if seen.ok:
            assert np.array_equal(seen.data, message["essential"].data)
        assert got.reception["auxiliary"].data.size == grant["auxiliary"].channel_uses


@pytest.mark.parametrize("bearer", BEARERS)
def test_a_good_channel_delivers_and_a_dead_one_says_so(bearer):
    _, _, good = run(link_of(Awgn(), BEARERS[bearer]), 35.0)
    assert all(d.reception["essential"].ok for d in good)
    if bearer != "blind":  # the most robust scheme is alive a little longer
        assert not any(d.reception["essential"].ok for d in run(link_of(Awgn(), BEARERS[bearer]), -15.0)[2])


@pytest.mark.parametrize("bearer", ["16qam", "gcm"])
def test_the_eavesdropper_holds_ciphertext_of_the_same_observation(bearer):
    _, messages, deliveries = run(link_of(Awgn(), BEARERS[bearer]), 30.0)
    for message, got in zip(messages, deliveries, strict=True):
        seen, stolen = got.reception["essential"], got.eavesdropped["essential"]
        assert seen.deciphered
        assert not stolen.deciphered
        assert stolen.ok  # the checksum covers the ciphertext
        n = message["essential"].data.size
        assert abs(np.mean(stolen.data[:n] != seen.data) - 0.5) < 4 * 0.5 / np.sqrt(n)
        assert np.array_equal(got.eavesdropped["auxiliary"].data, got.reception["auxiliary"].data)


def test_without_a_cipher_everybody_reads():
    _, _, (got, *_) = run(link_of(Awgn(), BEARERS["fixed"]), 30.0)
    assert got.eavesdropped["essential"].deciphered
    assert np.array_equal(got.eavesdropped["essential"].data, got.reception["essential"].data)


def test_nonces_differ_between_trials_snrs_streams_schemes_and_systems():
    base = dict(channel=Awgn(), snr_db=3.0, keys=keys(2))
    from phy.draws import Draws

    draws = Draws(**base)
    made = [
        draws.nonce_for(0, "a", 100, "qpsk-1/2"),
        draws.nonce_for(1, "a", 100, "qpsk-1/2"),
        draws.nonce_for(0, "b", 100, "qpsk-1/2"),
        draws.nonce_for(0, "a", 101, "qpsk-1/2"),
        draws.nonce_for(0, "a", 100, "qpsk-3/4"),
        Draws(**base | {"snr_db": 4.0}).nonce_for(0, "a", 100, "qpsk-1/2"),
        Draws(**base, nonce=("system", 2)).nonce_for(0, "a", 100, "qpsk-1/2"),
    ]
    assert len(set(made)) == len(made)
    assert {len(nonce) for nonce in made} == {12}


@pytest.mark.parametrize("bearer", ["16qam", "csit"])
def test_results_do_not_depend_on_how_a_batch_is_split(bearer):
    link, n_source = link_of(Rician(), BEARERS[bearer]), [12_000, 15_000, 9_000]
    draws = link.draw(9.0, keys(3))
    grants = link.grants(n_source, draws)
    messages = messages_for(grants)
    whole = link.deliver(messages, draws, grants)
    for i in range(3):
        alone_draws = link.draw(9.0, keys(3)[i : i + 1])
        assert link.grants(n_source[i : i + 1], alone_draws) == grants[i : i + 1]
        (alone,) = link.deliver(messages[i : i + 1], alone_draws, grants[i : i + 1])
        assert alone.ledger == whole[i].ledger
        for name in link.streams:
            assert np.array_equal(alone.reception[name].data, whole[i].reception[name].data)


def test_the_same_draw_serves_every_snr_and_every_system():
    """h and n / sqrt(N0) depend on the key alone."""
    seen = {}
    for snr_db, bearer in product([0.0, 10.0], ["fixed", "64qam"]):
        link = link_of(Rayleigh(), BEARERS[bearer])
        draws = link.draw(snr_db, keys(1))
        seen[snr_db, bearer] = (draws.fading(0, 500).tobytes(), draws.noise(0, 500).tobytes())
    assert len(set(seen.values())) == 1


def test_grants_are_what_the_bearer_can_carry_to_the_last_bit():
    for bearer, crc, tag in [("fixed", 24, 0), ("gcm", 32, 128)]:
        link = link_of(Awgn(), BEARERS[bearer])
        (grant,) = link.grants([12_000], link.draw(30.0, keys(1)))
        mcs = MCS[grant["essential"].mcs]
        blocks = grant["essential"].channel_uses * mcs.bits_per_use // 672
        room = blocks * mcs.code.k - 24 - crc - tag
        assert grant["essential"].payload_bits == (room // 8 * 8 if tag else room)
        draws = link.draw(30.0, keys(1))
        message = messages_for([grant])[0]
        too_long = message | {"essential": Bits(data=np.zeros(grant["essential"].payload_bits + 1, np.uint8))}
        with pytest.raises(ValueError, match="payload bits"):
            link.deliver([too_long], draws, [grant])


def test_with_csit_the_analog_transmitter_is_told_the_realised_snr():
    for csit in (False, True):
        link = link_of(Rayleigh(), DigitalBearer(share=0.5, mcs=Amc(csit=csit)))
        draws = link.draw(10.0, keys(1))
        (grant,) = link.grants([12_000], draws)
        realised = 10 + 10 * np.log10(np.abs(draws.fading(0, 1)[0]) ** 2)
        assert grant["auxiliary"].snr_db == pytest.approx(realised if csit else 10.0, abs=1e-6)


def test_a_signalled_scheme_is_charged_and_others_are_not():
    for bearer, uses in [("csit", 32), ("blind", 0), ("fixed", 0)]:
        _, _, (got, *_) = run(link_of(Rician(), BEARERS[bearer]), 12.0)
        assert got.ledger.streams["essential"].uses_by_category()["signalling"] == uses


def test_a_misread_scheme_loses_the_payload(monkeypatch):
    link = link_of(Awgn(), BEARERS["csit"])
    monkeypatch.setattr("phy.signalling.receive", lambda y, noise_var, count: 0)
    _, _, deliveries = run(link, 30.0)
    for got in deliveries:
        account = got.ledger.streams["essential"]
        assert account.mcs == AMC_SETS["hda"][-1]
        assert not got.reception["essential"].ok
        assert account.block_errors == account.blocks > 0


def test_a_frame_too_short_for_a_block_grants_nothing_and_says_why():
    link = link_of(Awgn(), DigitalBearer(share=1.0, mcs="bpsk-1/2"))
    draws = link.draw(30.0, keys(1))
    (grant,) = link.grants([1200], draws)
    assert grant["essential"].payload_bits == 0
    told = link.shortfalls(1200)
    assert list(told) == ["essential"]
    assert "200 channel uses" in told["essential"]
    assert not link.shortfalls(12_000)
    (got,) = link.deliver(messages_for([grant]), draws, [grant])
    account = got.ledger.streams["essential"]
    assert not account.ok
    assert account.blocks == 0
    assert account.fill == account.uses == 200


def test_uses_are_split_in_proportion_and_to_the_last():
    assert split_uses(196_608, {"digital": 0.2, "analog": 1.0}) == {"digital": 32_768, "analog": 163_840}
    for n in (0, 1, 7, 1000, 99_991):
        uses = split_uses(n, {"a": 0.875, "b": 1.0, "c": 0.1})
        assert sum(uses.values()) == n
        assert all(abs(uses[k] - n * s / 1.975) < 1 for k, s in {"a": 0.875, "b": 1.0, "c": 0.1}.items())


def test_the_mean_power_of_a_frame_is_one_whatever_the_shares():
    """Unit-power analog symbols and whitened payloads, empty ones too: within 5 sigma of 64QAM."""
    for bearer in ("16qam", "64qam", "fixed"):
        link = link_of(Awgn(), BEARERS[bearer])
        draws = link.draw(10.0, keys(1))
        grants = link.grants([60_000], draws)
        message = messages_for(grants)[0] | {"essential": Bits(data=np.zeros(0, np.uint8))}
        (got,) = link.deliver([message], draws, grants)
        account = got.ledger.streams["essential"]
        assert abs(account.energy / account.uses - 1) < 5 * np.sqrt(0.38 / account.uses)
        assert got.ledger.energy / got.ledger.n_uses < 1.02


@pytest.mark.parametrize("fault", ["stream", "kind", "power", "length"])
def test_messages_that_break_their_grant_are_refused(fault):
    link = link_of(Awgn(), BEARERS["fixed"])
    draws = link.draw(10.0, keys(1))
    grants = link.grants([12_000], draws)
    (good,) = messages_for(grants)
    loud, long = good["auxiliary"].data * 1.1, np.zeros(grants[0]["auxiliary"].channel_uses + 1, np.complex64)
    bad = {
        "stream": {"essential": good["essential"]},
        "kind": good | {"essential": good["auxiliary"]},
        "power": good | {"auxiliary": Symbols(data=loud)},
        "length": good | {"auxiliary": Symbols(data=long)},
    }[fault]
    rule = {"stream": "streams", "kind": "Bits", "power": "mean power", "length": "channel uses"}[fault]
    with pytest.raises(ValueError, match=rule):
        link.deliver([bad], draws, grants)
