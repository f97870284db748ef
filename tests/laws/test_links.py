"""Laws of every link: honest noise levels, exact accounts, grants that hold, no batch effects."""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from phy.amc import AMC_SETS, MCS, Amc
from phy.bearer import AnalogBearer, DigitalBearer
from phy.channel import Awgn, Jakes, Nakagami, Rayleigh, Recorded, Rician, complex_normal
from phy.cipher import AesCtr, AesGcm, KeySource
from phy.detect import AgeingCsi, PilotCsi
from phy.engine import ReferenceEngine
from phy.ledger import CATEGORIES
from phy.link import Link
from phy.power import split_uses
from phy.rng import generator
from phy.transmission import deliver
from phy.types import Bits, Symbols
from phy.units import noise_variance

KEY = KeySource(test=True)
CHANNELS = {
    "awgn": Awgn(),
    "rayleigh": Rayleigh(),
    "rician": Rician(k_factor=1.0),
    "blocks": Rayleigh(block=50),
}
ESTIMATED = {
    "ls in blocks": (Rayleigh(block=50), PilotCsi(count=4, power=2.0)),
    "lmmse in blocks": (Rician(k_factor=1.0, block=64), PilotCsi(count=2, estimator="lmmse")),
    "ls spaced": (Awgn(), PilotCsi(count=2, spacing=40)),
    "nakagami": (Nakagami(m=2.0, block=40), PilotCsi(count=3, spacing=16)),
    "ls moving": (Jakes(doppler=0.01), PilotCsi(count=2, spacing=12)),
    "lmmse moving": (Jakes(doppler=0.01), PilotCsi(count=1, spacing=12, estimator="lmmse", power=3.0)),
    "recorded": (
        Recorded(file=str(Path(__file__).with_name("recorded_fading.csv")), normalise=True),
        PilotCsi(count=1, spacing=15, estimator="lmmse"),
    ),
    "ageing": (Rayleigh(block=50), AgeingCsi(rho=0.95)),
    "ageing moving": (Jakes(doppler=0.01), AgeingCsi(delay=5)),
}
BEARERS = {
    "fixed": DigitalBearer(share=0.4, mcs="qpsk-1/2"),
    "16qam": DigitalBearer(share=0.4, mcs="16qam-3/4", cipher=AesCtr(key=KEY)),
    "64qam": DigitalBearer(share=0.7, mcs="64qam-5/8", crc_per="block", crc=16),
    "gcm": DigitalBearer(share=0.3, mcs="bpsk-1/2", cipher=AesGcm(key=KEY), crc=32),
    "blind": DigitalBearer(share=1.5, mcs=Amc()),
    "csit": DigitalBearer(share=0.6, mcs=Amc(csit=True), cipher=AesCtr(key=KEY)),
}
N_SOURCE = (12_000, 18_001)


def link_of(channel, bearer, **fields) -> Link:
    streams = {"essential": bearer, "auxiliary": AnalogBearer()}
    fields = {"bandwidth_ratio": Fraction(1, 3), "engine": "reference"} | fields
    return Link(channel=channel, streams=streams, **fields)


def keys(n: int) -> list[tuple]:
    return [(1, "air", "image", trial) for trial in range(n)]


def messages_for(grants, seed: int = 0) -> list[dict]:
    """Payloads that fill their grants but for some bits and symbols, the same for the same trial."""
    made = []
    for trial, grant in enumerate(grants):
        rng = generator("message", seed, trial)
        n = max(grant["essential"].payload_bits - 3 * trial, 0)
        symbols = complex_normal(grant["auxiliary"].channel_uses - trial, rng)
        symbols /= np.sqrt(np.mean(np.abs(symbols) ** 2))
        made.append(
            {
                "essential": Bits(data=rng.integers(0, 2, n, np.uint8)),
                "auxiliary": Symbols(data=symbols.astype(np.complex64)),
            }
        )
    return made


def run(link: Link, snr_db: float, n_source=N_SOURCE):
    draws = link.draw(snr_db, keys(len(n_source)))
    grants = link.grants(n_source, draws)
    messages = messages_for(grants)
    return grants, messages, link.deliver(messages, draws, grants)


@dataclass(frozen=True, kw_only=True)
class Recorder(ReferenceEngine):
    """The reference engine, remembering what it mapped and what it was given to demap; it decodes nothing."""

    mapped: list = field(default_factory=list)
    heard: list = field(default_factory=list)

    def map(self, constellation, bits):
        self.mapped.append(super().map(constellation, bits))
        return self.mapped[-1]

    def demap(self, constellation, y, noise_var, method):
        self.heard.append((y, noise_var))
        return super().demap(constellation, y, noise_var, method)

    def decode(self, code, llr, decoder):
        return np.zeros((len(llr), code.k), np.uint8)


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


def honest(ratio: np.ndarray) -> bool:
    """The mean of |error|^2 / noise_var is 1, within 5 standard errors over stretches of 1000 uses, which
    hold many fades."""
    means = ratio[: ratio.size // 1000 * 1000].reshape(-1, 1000).mean(axis=1)
    return abs(means.mean() - 1) < 5 * means.std() / np.sqrt(means.size)


@pytest.mark.parametrize(("estimated", "bearer"), product(ESTIMATED, ["fixed", "16qam", "64qam"]))
def test_every_bearer_is_told_what_estimation_costs(estimated, bearer):
    channel, csi = ESTIMATED[estimated]
    link, recorder = link_of(channel, BEARERS[bearer], csi=csi), Recorder()
    draws = link.draw(12.0, keys(2))
    grants = link.grants([60_000] * 2, draws)
    messages = messages_for(grants)
    delivered = deliver(recorder, link.streams, messages, draws, grants, link.csi)
    (sent,), ((y, var),) = recorder.mapped, recorder.heard
    assert honest((np.abs(y - sent) ** 2 / var).ravel())
    for message, delivery in zip(messages, delivered, strict=True):
        symbols, seen = message["auxiliary"].data, delivery.reception["auxiliary"]
        assert honest(np.abs(seen.data[: symbols.size] - symbols) ** 2 / seen.noise_var[: symbols.size])


@pytest.mark.parametrize("estimated", ESTIMATED)
@pytest.mark.parametrize("bearer", ["fixed", "csit"])
def test_pilots_are_charged_and_take_their_energy(estimated, bearer):
    channel, csi = ESTIMATED[estimated]
    link = link_of(channel, BEARERS[bearer], csi=csi)
    grants, _, deliveries = run(link, 15.0)
    for n, grant, got in zip(N_SOURCE, grants, deliveries, strict=True):
        ledger, frame = got.ledger, link.layout(n)
        assert (ledger.n_uses, ledger.pilots) == (frame.total, frame.n_pilots)
        assert isinstance(csi, AgeingCsi) == (ledger.pilots == 0)
        granted = sum(each.channel_uses for each in grant.values())
        assert ledger.n_uses == ledger.pilots + granted
        assert n // 3 - getattr(csi, "count", 0) <= ledger.n_uses <= n // 3
        assert sum(ledger.uses_by_category().values()) == ledger.n_uses
        assert ledger.uses_by_category()["pilots"] == ledger.pilots
        streams = sum(s.energy for s in ledger.streams.values())
        assert ledger.energy == pytest.approx(streams + ledger.pilots * frame.pilot_energy)
        spread = 5 * np.sqrt(
            0.38 * ledger.streams["essential"].uses
        )  # as 64QAM's; the rest is exact but 2 uses
        assert abs(ledger.energy - ledger.n_uses) < spread + 4


@pytest.mark.parametrize("estimated", ESTIMATED)
def test_a_link_that_estimates_delivers_at_a_high_snr(estimated):
    """Where the estimate keeps up with the fading: ageing has a floor, and moving fading a small one."""
    channel, csi = ESTIMATED[estimated]
    _, _, deliveries = run(link_of(channel, BEARERS["gcm"], csi=csi), 45.0)
    assert all(got.reception["essential"].ok for got in deliveries)


def test_the_snr_told_counts_what_estimation_costs():
    """E_d / (N0 + s_e^2 E_d), with 4 pilots of twice a data use's energy in each 50 uses."""
    link = link_of(Rayleigh(block=50), BEARERS["fixed"], csi=PilotCsi(count=4, power=2.0))
    (grant,) = link.grants([12_000], link.draw(10.0, keys(1)))
    data_energy = 50 / (46 + 2 * 4)
    noise = 0.1 / data_energy + 0.1 / (4 * 2 * data_energy)
    assert grant["auxiliary"].snr_db == pytest.approx(-10 * np.log10(noise), abs=1e-6)


def test_a_frame_that_pilots_fill_is_a_shortfall_of_the_pilots():
    link = link_of(Awgn(), AnalogBearer(), csi=PilotCsi(count=400))
    told = link.shortfalls(1200)
    assert list(told) == ["csi"]
    assert told["csi"].startswith(
        "csi.count: must leave channel uses for data, got 400 pilots in a frame of 400"
    )
    assert not link.shortfalls(1203)
    (grant,) = link.grants([1200], link.draw(10.0, keys(1)))
    assert grant["auxiliary"].channel_uses == 0


def test_old_feedback_is_a_fade_like_any_other_of_the_stated_correlation():
    channel = Rayleigh(block=1)
    draws = link_of(channel, BEARERS["csit"]).draw(10.0, keys(1))
    h = draws.fading(0, 40_000).astype(np.complex128)
    assert np.array_equal(draws.transmitter_view(0, 40_000), h)
    for rho in (0.0, 0.5, 0.9):
        view = draws.transmitter_view(0, 40_000, rho)
        assert abs(np.mean(np.abs(view) ** 2) - 1) < 4 / np.sqrt(h.size)
        assert abs(np.mean(view * np.conj(h)) - rho) < 4 * np.sqrt(2 / h.size)


def test_a_transmitter_with_old_feedback_is_told_the_old_snr():
    told = {}
    for delay in (0, 150, 4000):
        link = link_of(
            Jakes(doppler=0.001), DigitalBearer(share=0.5, mcs=Amc(csit=True, feedback_delay=delay))
        )
        draws = link.draw(10.0, keys(200))
        seen = np.array([g["essential"].snr_db - 10 for g in link.grants([300] * 200, draws)])
        real = [np.mean(np.abs(draws.fading(i, 100)[:33].astype(complex)) ** 2) for i in range(200)]
        told[delay] = np.corrcoef(10 ** (seen / 10), real)[0, 1]
    assert told[0] > 0.95 > told[150] > 0.4 > 0.3 > told[4000]  # J0^2: 1, 0.62, 0.01


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
