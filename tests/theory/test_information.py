"""Mutual information, dispersion, the normal approximation and outage against literature and Monte Carlo."""

import numpy as np
import pytest
from scipy.special import logsumexp

from phy.channel import Nakagami, Rayleigh, Rician
from phy.constellation import CONSTELLATIONS, Constellation, find_constellation
from phy.information import (
    dispersion,
    information_curve,
    mutual_information,
    normal_approximation,
    outage,
    snr_of_information,
)

SOME = ("bpsk", "qpsk", "8psk", "16qam", "16qam@5g", "64qam", "16apsk:rate=3/4", "256qam")


def at_db(value_db):
    return 10 ** (np.asarray(value_db, float) / 10)


@pytest.mark.parametrize(
    ("name", "bits", "esn0_db", "within_db"),
    [
        ("bpsk", 0.5, -2.823, 0.002),  # Eb/N0 0.187 dB: the Shannon limit of BPSK at rate 1/2
        ("qpsk", 1.0, 0.187, 0.002),
        ("bpsk", 1 / 3, -5.268, 0.005),  # Eb/N0 -0.497 dB: at rate 1/3, of turbo codes
        ("8psk", 2.0, 5.8, 0.15),  # Ungerboeck 1982: 'error-free 2 bit/T at 5.9 dB'
        ("16qam", 3.0, 9.3, 0.15),  # Ungerboeck 1982, figure 2
    ],
)
def test_limits_known_from_the_literature(name, bits, esn0_db, within_db):
    snr = snr_of_information(find_constellation(name), bits, "cm")
    assert 10 * np.log10(snr) == pytest.approx(esn0_db, abs=within_db)


@pytest.mark.parametrize("name", SOME)
def test_moments_agree_with_monte_carlo(name):
    """4 deviations of the estimate, whose own spread it tells."""
    constellation, snr = find_constellation(name), 10**0.6
    n = 3_000_000 // constellation.points.size
    rng = np.random.default_rng(1)
    points, labels = constellation.points, constellation.labels
    sent = rng.integers(len(points), size=n)
    y = np.sqrt(snr) * points[sent] + (rng.standard_normal(n) + 1j * rng.standard_normal(n)) / np.sqrt(2)
    metric = -(np.abs(y[:, None] - np.sqrt(snr) * points) ** 2)
    total = logsumexp(metric, axis=1)
    density = {
        "cm": np.log2(len(points)) + (metric[np.arange(n), sent] - total) / np.log(2),
        "bicm": np.zeros(n),
    }
    for bit in labels.T:
        those = logsumexp(np.where(bit[sent][:, None] == bit, metric, -np.inf), axis=1)
        density["bicm"] += 1 + (those - total) / np.log(2)
    for kind, values in density.items():
        mean = float(mutual_information(constellation, snr, kind))
        assert values.mean() == pytest.approx(mean, abs=4 * values.std() / np.sqrt(n))
        square = (values - mean) ** 2
        variance = float(dispersion(constellation, snr, kind))
        assert square.mean() == pytest.approx(variance, abs=4 * square.std() / np.sqrt(n) + 1e-4)


@pytest.mark.parametrize("name", SOME)
def test_information_lies_between_its_bounds(name):
    constellation, snr = find_constellation(name), at_db(np.arange(-30.0, 45.0, 2.5))
    cm = mutual_information(constellation, snr, "cm")
    bicm = mutual_information(constellation, snr, "bicm")
    gaussian = np.log2(1 + snr)
    assert (np.diff(cm) >= -1e-12).all()
    assert (bicm <= cm + 1e-9).all()
    assert (cm <= np.minimum(gaussian, constellation.bits_per_symbol) + 1e-9).all()
    assert cm[-1] == pytest.approx(constellation.bits_per_symbol, abs=1e-9)
    assert cm[0] == pytest.approx(gaussian[0], rel=2e-3), "any zero-mean points do at low SNR"


@pytest.mark.parametrize("kind", ["cm", "bicm"])
@pytest.mark.parametrize("name", SOME)
def test_the_curve_is_the_quadrature_to_1e_6(name, kind):
    constellation = find_constellation(name)
    snr = at_db(np.random.default_rng(2).uniform(-50, 50, 20))
    curve = information_curve(constellation, kind)
    assert curve(snr) == pytest.approx(mutual_information(constellation, snr, kind), abs=1e-6)
    assert curve(np.array([0.0, 1e12])).tolist() == [0.0, constellation.bits_per_symbol]


def test_axes_taken_apart_carry_what_the_plane_carries():
    """The plane's sum has fewer nodes: 1e-4 is what 64 of them leave at 10 dB."""
    square = CONSTELLATIONS["16qam"]
    turned = Constellation(name="turned", alphabet=tuple(square.points * np.exp(0.3j)))
    for kind in ("cm", "bicm"):
        assert mutual_information(turned, 10.0, kind) == pytest.approx(
            mutual_information(square, 10.0, kind), abs=1e-5
        )


def test_the_normal_approximation_is_a_half_at_capacity_but_for_its_logarithm():
    """Q(log2(n) / (2 sqrt(n V))) there; V of BPSK at rate 1/2 from its density's Monte Carlo above."""
    bpsk = CONSTELLATIONS["bpsk"]
    snr = snr_of_information(bpsk, 0.5, "cm")
    rates = [float(normal_approximation(bpsk, n, n // 2, snr)) for n in (10**2, 10**4, 10**8)]
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(0.5, abs=1e-3)
    assert rates[0] < 0.5


@pytest.mark.parametrize(("n", "ebn0_db"), [(128, 1.0), (128, 2.0), (512, 1.0), (512, 1.5)])
def test_the_normal_approximation_lies_between_achievability_and_converse(n, ebn0_db):
    """BPSK, rate 1/2, by Monte Carlo over i = sum of the n densities, log2 M = k.

    DT: some code has at most E 2^-max(0, i - log2((M - 1) / 2)) (Polyanskiy, Poor, Verdu 2010, theorem 17);
    none has less than P(i <= k - g) - 2^-g, any g (Verdu and Han 1994, theorem 4; the density is the best
    output's, and every codeword's alike).
    """
    snr, k, trials = at_db(ebn0_db) / 2, n // 2, 20_000
    y = np.sqrt(snr) + np.random.default_rng(4).standard_normal((trials, n)) / np.sqrt(2)
    i = (1 - np.logaddexp(0, -4 * np.sqrt(snr) * y) / np.log(2)).sum(axis=1)
    achieved = 2.0 ** -np.maximum(i - np.log2((2.0**k - 1) / 2), 0)
    needed = max(np.mean(i <= k - g) - 2.0**-g for g in np.arange(0.5, 16, 0.5))
    rate = float(normal_approximation(CONSTELLATIONS["bpsk"], n, k, snr))
    assert needed < rate < achieved.mean()


@pytest.mark.parametrize("channel", [Rayleigh(), Rician(k_factor=3.0), Nakagami(m=2.0)], ids=lambda c: c.kind)
@pytest.mark.parametrize("blocks", [[10], [10, 10], [10, 10, 3], [1] * 12], ids=len)
def test_outage_over_blocks_agrees_with_monte_carlo(channel, blocks):
    constellation, trials = CONSTELLATIONS["16qam"], 100_000
    rng = np.random.default_rng(3)
    uses = channel.__class__(
        **{k: v for k, v in vars(channel).items() if k not in ("kind", "block")}, block=1
    )
    gain = np.abs(uses.fading(trials * len(blocks), rng).reshape(trials, -1).astype(complex)) ** 2
    carried = information_curve(constellation, "cm")
    for snr_db in (6.0, 11.0):
        snr = 10 ** (snr_db / 10)
        seen = float(np.mean(carried(snr * gain) @ np.array(blocks) / sum(blocks) < 2.0))
        expected = float(outage(constellation, 2.0, snr, channel.gain_cdf, blocks, "cm"))
        deviation = np.sqrt(expected * (1 - expected) / trials)
        assert seen == pytest.approx(expected, abs=4 * deviation + 1e-4)


def test_a_rate_beyond_the_constellation_is_always_out():
    assert outage(CONSTELLATIONS["qpsk"], 2.0, np.array([1.0, 1e6]), Rayleigh().gain_cdf).tolist() == [
        1.0,
        1.0,
    ]
    assert snr_of_information(CONSTELLATIONS["qpsk"], 2.5) == float("inf")
