"""Fading against its law. Bands: 4 sqrt(var / n) for means, 1.95 / sqrt(n) (1e-3) for KS."""

import numpy as np
import pytest
from scipy import special, stats

from phy.channel import Awgn, Jakes, Nakagami, Rayleigh, Recorded, Rician, complex_normal
from phy.rng import generator

N = 100_000
FADING = {
    "rayleigh": Rayleigh(block=1),
    "rician 0": Rician(k_factor=0.0, block=1),
    "rician 1": Rician(k_factor=1.0, block=1),
    "rician 10": Rician(k_factor=10.0, block=1),
    "nakagami 0.5": Nakagami(m=0.5, block=1),
    "nakagami 1": Nakagami(m=1.0, block=1),
    "nakagami 4": Nakagami(m=4.0, block=1),
}
LAGS = (0, 1, 3, 10, 24, 38, 61, 88, 150, 300, 399)


def gains(channel) -> np.ndarray:
    return np.abs(channel.fading(N, generator("fading", 7)).astype(np.complex128)) ** 2


@pytest.mark.parametrize("channel", FADING.values(), ids=FADING)
def test_the_mean_gain_is_one(channel):
    k = getattr(channel, "k_factor", 0.0)
    variance = (1 + 2 * k) / (1 + k) ** 2  # of |h|^2: noncentral chi-square of 2 degrees
    if isinstance(channel, Nakagami):
        variance = 1 / channel.m  # gamma of shape m
    assert abs(gains(channel).mean() - 1) < 4 * np.sqrt(variance / N)


@pytest.mark.parametrize("channel", FADING.values(), ids=FADING)
def test_gains_follow_the_law_that_adaptive_modulation_integrates(channel):
    assert stats.kstest(gains(channel), channel.gain_cdf).statistic < 1.95 / np.sqrt(N)


@pytest.mark.parametrize("k", [0.0, 1.0, 10.0])
def test_rician_fading_has_its_mean_and_its_scatter(k):
    h = Rician(k_factor=k, block=1).fading(N, generator("fading", 8)).astype(np.complex128)
    mu, var = np.sqrt(k / (k + 1)), 1 / (k + 1)
    assert abs(h.mean() - mu) < 4 * np.sqrt(var / N)
    assert abs(np.mean(np.abs(h - mu) ** 2) - var) < 4 * var / np.sqrt(N)


def test_rician_fading_of_k_zero_is_rayleigh_draw_for_draw():
    rician, rayleigh = Rician(k_factor=0.0, block=3), Rayleigh(block=3)
    assert np.array_equal(rician.fading(100, generator(1)), rayleigh.fading(100, generator(1)))
    grid = np.linspace(0, 8, 50)
    np.testing.assert_allclose(rician.gain_cdf(grid), rayleigh.gain_cdf(grid), atol=1e-12)


@pytest.mark.parametrize("block", [1, 7, 100, "frame"])
def test_fading_is_constant_over_a_block_and_changes_between_blocks(block):
    h = Rayleigh(block=block).fading(250, generator(2))
    size = 250 if block == "frame" else block
    assert len(set(h)) == -(-250 // size)
    assert all(len(set(h[i : i + size])) == 1 for i in range(0, 250, size))


def test_a_block_longer_than_the_frame_is_as_long_as_the_frame():
    endless, whole = (Rayleigh(block=block).fading(10, generator("x")) for block in (10**20, "frame"))
    np.testing.assert_array_equal(endless, whole)


def test_a_shorter_frame_sees_the_head_of_a_longer_one():
    for channel in (Awgn(), Rayleigh(), Rician(block=16), Nakagami(m=2.0, block=16)):
        long, short = channel.fading(1000, generator(3)), channel.fading(77, generator(3))
        assert np.array_equal(long[:77], short)
    assert np.array_equal(complex_normal(1000, generator(3))[:77], complex_normal(77, generator(3)))


def test_noise_is_circular_with_unit_variance():
    n = complex_normal(N, generator(4))
    assert abs(np.mean(np.abs(n) ** 2) - 1) < 4 / np.sqrt(N)
    assert abs(np.mean(n**2)) < 4 * np.sqrt(2 / N)
    assert stats.kstest(n.real, stats.norm(scale=np.sqrt(0.5)).cdf).statistic < 1.95 / np.sqrt(N)


def test_awgn_does_not_fade():
    assert np.array_equal(Awgn().fading(5, generator(5)), np.ones(5))
    assert Awgn().gain_cdf(np.array([0.99, 1.0])).tolist() == [0.0, 1.0]


def test_nakagami_fading_has_every_phase_alike():
    phase = np.angle(Nakagami(m=3.0, block=1).fading(N, generator("phase")))
    assert stats.kstest(phase, stats.uniform(-np.pi, 2 * np.pi).cdf).statistic < 1.95 / np.sqrt(N)


def test_nakagami_of_m_one_is_rayleigh_in_law():
    grid = np.linspace(0, 8, 50)
    np.testing.assert_allclose(Nakagami(m=1.0).gain_cdf(grid), Rayleigh().gain_cdf(grid), atol=1e-12)


@pytest.fixture(scope="module")
def moving() -> np.ndarray:
    """2500 frames of 400 uses in which fading turns four times, complex128."""
    channel = Jakes(doppler=0.01)
    return np.array([channel.fading(400, generator("jakes", i)) for i in range(2500)]).astype(np.complex128)


@pytest.mark.parametrize("lag", LAGS)
def test_jakes_fading_is_correlated_in_time_as_j0(moving, lag):
    """var(h(k) h*(0)) = 1 over Gaussian fading, real and imaginary part together, where k > 0."""
    found, theory = np.mean(moving[:, lag] * np.conj(moving[:, 0])), special.j0(2 * np.pi * 0.01 * lag)
    assert abs(found - theory) < 4 / np.sqrt(len(moving))
    assert Jakes(doppler=0.01).autocovariance(lag) == pytest.approx(theory)


def test_jakes_fading_is_stationary(moving):
    later = np.mean(moving[:, 250:] * np.conj(moving[:, 200:350]), axis=0)
    assert np.abs(later - special.j0(2 * np.pi * 0.01 * 50)).max() < 5 / np.sqrt(len(moving))


@pytest.mark.parametrize("lag", [0, 10, 38, 399])
def test_jakes_fading_is_jointly_gaussian(moving, lag):
    """h(0) + h(k) is then complex normal of variance 2 + 2 J0."""
    gain = np.abs(moving[:, 0] + moving[:, lag]) ** 2 / (2 + 2 * special.j0(2 * np.pi * 0.01 * lag))
    assert stats.kstest(gain, Jakes().gain_cdf).statistic < 1.95 / np.sqrt(len(moving))


def test_a_long_jakes_frame_keeps_its_law_on_average():
    """1000 turns of the fading in each of 8 frames, of as many paths as a frame takes at most; a time average
    has the variance sum J0^2 / 20000, about 1 / 1000."""
    channel = Jakes(doppler=0.05)
    assert channel.paths(20_000) == 4096
    frames = [channel.fading(20_000, generator("long", i)).astype(np.complex128) for i in range(8)]
    for lag in (0, 5, 13, 100):
        found = np.mean([np.mean(h[lag:] * np.conj(h[: h.size - lag])) for h in frames])
        assert abs(found - special.j0(2 * np.pi * 0.05 * lag)) < 4 / np.sqrt(8 * 1000)


def test_a_shorter_jakes_frame_sees_the_head_of_a_longer_one_of_as_many_paths():
    channel = Jakes(doppler=0.001)
    assert channel.paths(2500) == channel.paths(4000)
    long, short = (channel.fading(n, generator("head")) for n in (4000, 2500))
    np.testing.assert_allclose(long[:2500], short, atol=1e-6)


def test_a_block_fade_as_long_as_jakes_coherence_loses_half_its_correlation_as_soon():
    channel = Jakes(doppler=0.001)
    assert abs(channel.autocovariance(channel.coherence_uses / 2)) == pytest.approx(0.5, abs=0.01)


@pytest.fixture
def recorded(tmp_path) -> Recorded:
    h = Jakes(doppler=0.01).fading(3000, generator("recording"))
    np.save(tmp_path / "h.npy", 2 * h)
    return Recorded(file=str(tmp_path / "h.npy"), normalise=True)


def test_a_recording_is_played_from_a_random_place_and_round_again(recorded):
    ring = np.load(recorded.file)
    ring = ring / np.sqrt(np.mean(np.abs(ring) ** 2))
    starts = set()
    for i in range(20):
        h = recorded.fading(4000, generator("start", i))
        start = int(np.argmin(np.abs(ring - h[0])))
        np.testing.assert_allclose(h, np.resize(np.roll(ring, -start), 4000), rtol=1e-5)
        starts.add(start)
    assert len(starts) > 15
    assert np.array_equal(recorded.fading(77, generator(3)), recorded.fading(999, generator(3))[:77])


def test_a_recording_s_laws_are_those_of_its_file(recorded):
    h = recorded.fading(3000, generator(1)).astype(np.complex128)  # the whole ring
    assert np.mean(np.abs(h) ** 2) == pytest.approx(1, abs=1e-6)
    for gain in (0.1, 0.5, 2.0):
        assert recorded.gain_cdf(gain) == np.mean(np.abs(h) ** 2 <= gain)
    for lag in (0, 1, 40, 1000):
        product = np.mean(np.roll(h, -lag) * np.conj(h))
        assert recorded.autocovariance(lag) + abs(recorded.mean) ** 2 == pytest.approx(product, abs=1e-6)
    assert recorded.mean == pytest.approx(h.mean(), abs=1e-6)
    lags = np.arange(recorded.coherence_uses // 2 + 1)
    correlation = np.abs(recorded.autocovariance(lags) / recorded.autocovariance(0))
    assert (correlation[:-1] > 0.5).all()
    assert correlation[-1] <= 0.5
