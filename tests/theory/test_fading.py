"""Fading against its law. Bands: 4 sqrt(var / n) for means, 1.95 / sqrt(n) (1e-3) for KS."""

import numpy as np
import pytest
from scipy import stats

from phy.channel import Awgn, Rayleigh, Rician, complex_normal
from phy.rng import generator

N = 100_000
FADING = {
    "rayleigh": Rayleigh(block=1),
    "rician 0": Rician(k_factor=0.0, block=1),
    "rician 1": Rician(k_factor=1.0, block=1),
    "rician 10": Rician(k_factor=10.0, block=1),
}


def gains(channel) -> np.ndarray:
    return np.abs(channel.fading(N, generator("fading", 7)).astype(np.complex128)) ** 2


@pytest.mark.parametrize("channel", FADING.values(), ids=FADING)
def test_the_mean_gain_is_one(channel):
    k = getattr(channel, "k_factor", 0.0)
    variance = (1 + 2 * k) / (1 + k) ** 2  # of |h|^2: noncentral chi-square of 2 degrees
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
    for channel in (Awgn(), Rayleigh(), Rician(block=16)):
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
