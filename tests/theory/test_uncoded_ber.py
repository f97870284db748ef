"""Uncoded bit error rates against their closed forms, within 4 standard deviations.

Nearest-point decisions (max-log), which is what the closed forms count. The deviation is that of errors
clustered by fade: one for each symbol, or one for a block of symbols.
"""

import numpy as np
import pytest

from phy import theory
from phy.constellation import CONSTELLATIONS
from phy.engine import ENGINES, find_engine

engines = pytest.mark.parametrize("engine", ENGINES)
ESN0_DB = {"bpsk": 4.0, "qpsk": 7.0, "16qam": 13.5, "64qam": 19.0, "256qam@5g": 25.0}
constellations = pytest.mark.parametrize("name", ESN0_DB)


def count_errors(
    engine: str, name: str, snr: float, fading: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Wrong bits of each fade: int [fades]; fading complex [fades, symbols]."""
    constellation = CONSTELLATIONS[name]
    fades, symbols = fading.shape
    bits = rng.integers(0, 2, (fades, symbols * constellation.bits_per_symbol), dtype=np.uint8)
    noise = (rng.standard_normal(fading.shape) + 1j * rng.standard_normal(fading.shape)) * np.sqrt(0.5 / snr)
    y = fading * find_engine(engine).map(constellation, bits) + noise
    equalised = (np.conj(fading) * y / np.abs(fading) ** 2).astype(np.complex64)
    noise_var = (1 / (snr * np.abs(fading) ** 2)).astype(np.float32)
    llr = find_engine(engine).demap(constellation, equalised, noise_var, "max-log")
    return ((llr < 0) != bits).sum(axis=1)


def assert_within_4_sigma(errors: np.ndarray, bits_per_fade: int, expected: float) -> None:
    assert errors.sum() >= 100
    sigma = np.std(errors) / bits_per_fade / np.sqrt(errors.size)
    assert abs(errors.mean() / bits_per_fade - expected) < 4 * sigma


@constellations
@engines
def test_over_awgn(name, engine):
    m, snr = CONSTELLATIONS[name].bits_per_symbol, 10 ** (ESN0_DB[name] / 10)
    errors = count_errors(engine, name, snr, np.ones((100_000, 1)), np.random.default_rng(1))
    assert_within_4_sigma(errors, m, float(theory.ber_awgn(m, snr)))


@constellations
@engines
@pytest.mark.parametrize("block", [1, 10])
def test_over_rayleigh_fading(name, engine, block):
    rng = np.random.default_rng(2)
    m, snr = CONSTELLATIONS[name].bits_per_symbol, 10 ** (ESN0_DB[name] / 10)
    fades = 60_000 // block
    h = (rng.standard_normal((fades, 1)) + 1j * rng.standard_normal((fades, 1))) * np.sqrt(0.5)
    errors = count_errors(engine, name, snr, np.repeat(h, block, axis=1), rng)
    assert_within_4_sigma(errors, m * block, float(theory.ber_rayleigh(m, snr)))


@constellations
def test_over_rician_fading(name):
    rng, k_factor = np.random.default_rng(3), 3.0
    m, snr = CONSTELLATIONS[name].bits_per_symbol, 10 ** (ESN0_DB[name] / 10)
    scattered = (rng.standard_normal((60_000, 1)) + 1j * rng.standard_normal((60_000, 1))) * np.sqrt(0.5)
    h = np.sqrt(k_factor / (k_factor + 1)) * np.exp(0.7j) + np.sqrt(1 / (k_factor + 1)) * scattered
    errors = count_errors("reference", name, snr, h, rng)
    assert_within_4_sigma(errors, m, theory.ber_rician(m, snr, k_factor))
