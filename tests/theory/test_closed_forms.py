"""The closed forms: every doctest of phy's modules, and the forms against integration and enumeration."""

import doctest
import importlib

import numpy as np
import pytest

from phy import theory
from phy.constellation import CONSTELLATIONS

MODULES = [
    "phy.theory",
    "phy.constellation",
    "phy.mapping",
    "phy.fec.code",
    "phy.fec.reference",
    "phy.fec.wigig",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_hold(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", ["bpsk", "qpsk", "16qam", "64qam", "256qam", "1024qam"])
def test_the_bit_error_rate_is_the_sum_over_decision_regions(name):
    """Each axis enumerated: P(level sent, region decided) times the bits in which their labels differ."""
    constellation, snr = CONSTELLATIONS[name], 12.0
    m = constellation.bits_per_symbol
    turned = np.array([-1.0, 1.0]) / np.sqrt(m)  # BPSK, and QPSK turned by 45 degrees: two axes of energy 1/2
    levels = turned if constellation.axes is None else constellation.axes[0]
    order = np.argsort(levels)
    borders = np.concatenate([[-np.inf], (levels[order][1:] + levels[order][:-1]) / 2, [np.inf]])
    label_bits = (levels.size - 1).bit_length()
    total = 0.0
    for sent in range(levels.size):
        tail = theory.q_function((borders - levels[sent]) * np.sqrt(2 * snr))
        for region, decided in enumerate(order):
            total += (tail[region] - tail[region + 1]) * int(sent ^ decided).bit_count()
    assert float(theory.ber_awgn(m, snr)) == pytest.approx(total / levels.size / label_bits, rel=1e-9)


def test_no_ergodic_rate_exceeds_the_awgn_capacity():
    for snr in (0.01, 1.0, 100.0):
        assert theory.ergodic_capacity_rayleigh(snr) < theory.capacity_awgn(snr)


def test_ergodic_capacity_is_the_mean_over_the_fades():
    gains = -np.log((np.arange(200_000) + 0.5) / 200_000)
    for snr in (0.1, 1.0, 30.0):
        assert theory.ergodic_capacity_rayleigh(snr) == pytest.approx(
            np.log2(1 + snr * gains).mean(), rel=1e-4
        )


def test_a_strong_line_of_sight_has_no_outage_below_capacity():
    assert theory.outage_rician(2.0, 10.0, 1e4) < 1e-12
    assert theory.outage_rician(4.0, 10.0, 1e4) > 1 - 1e-9


def test_best_rank_d_copy_leaves_the_discarded_energy():
    a = np.random.default_rng(1).standard_normal((12, 9))
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    for d in (0, 4, 9):
        copy = (u[:, :d] * s[:d]) @ vt[:d]
        assert np.sum((a - copy) ** 2) == pytest.approx(theory.truncation_error(s**2, d), abs=1e-8)
    assert theory.truncation_error_lmmse(s**2, 9, 0.0) == pytest.approx(0.0, abs=1e-12)


def test_an_odd_number_of_bits_has_no_square_constellation():
    with pytest.raises(ValueError, match="bits_per_symbol: must be 1 or even, got 3"):
        theory.ber_terms(3)
