"""The scheme's index on the air."""

import numpy as np
from scipy import stats

from phy import signalling
from phy.channel import complex_normal
from phy.rng import generator


def test_every_index_is_read_back_and_costs_unit_energy():
    for index in range(signalling.USES):
        sent = signalling.send(index)
        assert np.all(np.abs(sent) == 1)
        assert signalling.receive(sent, np.ones(32, np.float32), 32) == index


def test_index_errors_stay_below_the_union_bound_and_near_it():
    """Five candidates at -8 dB: between Q(sqrt(32 Es/N0)) and four times that, with 4 sigma."""
    n0, n, rng = 10**0.8, 20_000, generator("signalling")
    wrong = 0
    for trial in range(n):
        y = signalling.send(trial % 5) + np.sqrt(n0) * complex_normal(32, rng)
        wrong += signalling.receive(y.astype(np.complex64), np.full(32, n0, np.float32), 5) != trial % 5
    q = stats.norm.sf(np.sqrt(32 / n0))
    band = 4 * np.sqrt(4 * q / n)
    assert q - band < wrong / n < 4 * q + band
