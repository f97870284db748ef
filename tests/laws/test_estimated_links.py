"""Laws of links that estimate their channel, or know it late, or code over many fades."""

from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from links import BEARERS, N_SOURCE, Recorder, keys, link_of, messages_for, run

from phy.air import layout_within
from phy.amc import Amc
from phy.bearer import AnalogBearer, DigitalBearer
from phy.channel import Awgn, Jakes, Nakagami, Rayleigh, Recorded, Rician
from phy.detect import AgeingCsi, PerfectCsi, PilotCsi
from phy.link import Link
from phy.transmission import deliver
from phy.types import Bits

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


def test_the_snr_told_counts_the_energy_of_an_orthogonal_estimate():
    """E|h^|^2 / (N0 + s_e^2) = rho^2 / (N0 + 1 - rho^2) of an old h over Rayleigh fading."""
    link = link_of(Rayleigh(block=50), BEARERS["fixed"], csi=AgeingCsi(rho=0.9))
    (grant,) = link.grants([12_000], link.draw(10.0, keys(1)))
    assert grant["auxiliary"].snr_db == pytest.approx(10 * np.log10(0.81 / (0.1 + 0.19)), abs=1e-6)


@pytest.mark.parametrize(("csi", "left"), [(PilotCsi(count=5), 45), (PilotCsi(count=2, spacing=20), 44)])
def test_data_meet_fades_as_long_as_pilots_leave_them(csi, left):
    frame = layout_within(csi, Rayleigh(block=50), 500)
    assert frame.data_channel == Rayleigh(block=left)
    assert np.all(np.bincount(frame.data // 50)[:9] == left)


@pytest.mark.parametrize("block", [1, 7, 336, 5000, "frame"])
@pytest.mark.parametrize("csi", [PerfectCsi(), AgeingCsi(rho=0.999)])
def test_blocks_of_any_length_carry_payloads_interleaved_or_not(block, csi):
    for interleaver in ("none", "frame", "block"):
        bearer = DigitalBearer(share=1.0, mcs="qpsk-1/2", interleaver=interleaver)
        link = link_of(Rician(k_factor=8.0, block=block), bearer, csi=csi)
        _, _, (got, *_) = run(link, 25.0)
        assert got.reception["essential"].ok


def test_interleaving_over_many_fades_saves_the_blocks_that_a_fade_would_take():
    """QPSK of rate 1/2 at 8 dB: a fade that lasts a code block takes a fourth of them, P(|h|^2 < 0.28); mixed
    over 50 fades they meet the ergodic 1.5 bits a use."""
    wrong = {}
    for interleaver in ("none", "frame"):
        bearer = DigitalBearer(share=1.0, mcs="qpsk-1/2", interleaver=interleaver)
        link = Link(
            bandwidth_ratio=Fraction(1, 3),
            channel=Rayleigh(block=336),
            streams={"essential": bearer},
            engine="reference",
        )
        draws = link.draw(8.0, keys(1))
        (grant,) = link.grants([3 * 336 * 50], draws)
        message = {"essential": Bits(data=np.zeros(grant["essential"].payload_bits, np.uint8))}
        (got,) = link.deliver([message], draws, [grant])
        account = got.ledger.streams["essential"]
        wrong[interleaver] = account.block_errors
        assert account.blocks == 50
    assert abs(wrong["none"] / 50 - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 50)
    assert wrong["frame"] == 0


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
