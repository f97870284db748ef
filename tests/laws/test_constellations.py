"""What every constellation keeps, by every engine: a new one is tested by being in CONSTELLATIONS."""

import numpy as np
import pytest

from phy.constellation import CONSTELLATIONS, Constellation, find_constellation
from phy.engine import ENGINES, find_engine
from phy.mapping import demap, map_bits

constellations = pytest.mark.parametrize("constellation", CONSTELLATIONS.values(), ids=CONSTELLATIONS)
engines = pytest.mark.parametrize("engine", ENGINES)
methods = pytest.mark.parametrize("method", ["exact", "max-log"])


def received(constellation: Constellation, shape: tuple[int, int], seed: int):
    """Bits uint8 [rows, m columns], what arrives of them complex64 [rows, columns], and N0 of each."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (shape[0], shape[1] * constellation.bits_per_symbol), dtype=np.uint8)
    noise_var = rng.uniform(0.02, 0.5, shape).astype(np.float32)
    noise = np.sqrt(noise_var / 2) * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    return bits, (map_bits(constellation, bits) + noise).astype(np.complex64), noise_var


@constellations
def test_points_have_unit_energy_no_mean_and_distinct_places(constellation):
    assert np.mean(np.abs(constellation.points) ** 2) == pytest.approx(1, abs=1e-12)
    assert abs(np.mean(constellation.points)) < 1e-12
    assert len(np.unique(constellation.points.round(9))) == 2**constellation.bits_per_symbol


@constellations
def test_nearest_neighbours_differ_in_one_bit(constellation):
    distance = np.abs(constellation.points[:, None] - constellation.points)
    nearest = np.isclose(distance, distance[distance > 0].min())
    differing = (constellation.labels[:, None] != constellation.labels).sum(axis=-1)
    assert np.all(differing[nearest] == 1)


@constellations
def test_a_label_is_read_most_significant_bit_first(constellation):
    np.testing.assert_array_equal(map_bits(constellation, constellation.labels)[:, 0], constellation.points)


@constellations
def test_axes_rebuild_the_points_where_they_are_labelled_apart(constellation):
    if constellation.axes is None:
        assert constellation.bits_per_symbol <= 2
    else:
        real, imag = constellation.axes
        np.testing.assert_array_equal((real[:, None] + 1j * imag).ravel(), constellation.points)


@constellations
def test_a_constellation_is_a_value(constellation):
    assert eval(repr(constellation), {"Constellation": Constellation}) == constellation


@constellations
@methods
def test_the_demapper_is_its_definition(constellation, method):
    _, y, noise_var = received(constellation, (1, 40), seed=1)
    llr = demap(constellation, y, noise_var, method).reshape(40, -1)
    for s in range(40):
        p = np.exp(-(np.abs(complex(y[0, s]) - constellation.points) ** 2) / float(noise_var[0, s]))
        for i in range(constellation.bits_per_symbol):
            one = constellation.labels[:, i] == 1
            sums = (p[~one].sum(), p[one].sum()) if method == "exact" else (p[~one].max(), p[one].max())
            assert llr[s, i] == pytest.approx(np.log(sums[0]) - np.log(sums[1]), rel=1e-9, abs=1e-9)


@constellations
@engines
@methods
def test_every_engine_maps_and_demaps_as_the_reference(constellation, engine, method):
    bits, y, noise_var = received(constellation, (3, 3000), seed=2)
    symbols = find_engine(engine).map(constellation, bits)
    assert symbols.dtype == np.complex64
    np.testing.assert_allclose(symbols, map_bits(constellation, bits), rtol=0, atol=1e-6)
    llr = find_engine(engine).demap(constellation, y, noise_var, method)
    assert llr.dtype == np.float32
    expected = demap(constellation, y, noise_var, method)
    # float32: |y - s|^2 / N0 up to about 12 / 0.02, of relative precision 2^-23, and a handful of operations
    np.testing.assert_allclose(llr, expected, rtol=0, atol=1e-3)


@constellations
@engines
def test_positive_llrs_mean_zero(constellation, engine):
    bits = np.random.default_rng(3).integers(0, 2, (2, 60 * constellation.bits_per_symbol), dtype=np.uint8)
    symbols = find_engine(engine).map(constellation, bits)
    llr = find_engine(engine).demap(constellation, symbols, np.full(symbols.shape, 0.01, np.float32), "exact")
    np.testing.assert_array_equal(llr < 0, bits == 1)


@engines
def test_every_engine_takes_an_empty_batch(engine):
    qpsk = CONSTELLATIONS["qpsk"]
    assert find_engine(engine).map(qpsk, np.empty((0, 8), np.uint8)).shape == (0, 4)
    empty = np.empty((0, 4), np.complex64), np.empty((0, 4), np.float32)
    assert find_engine(engine).demap(qpsk, *empty, "exact").shape == (0, 8)


@engines
def test_bits_that_do_not_fill_symbols_are_refused(engine):
    with pytest.raises(ValueError, match=r"bits: last axis must be a multiple of 4 for 16qam"):
        find_engine(engine).map(CONSTELLATIONS["16qam"], np.zeros((1, 6), np.uint8))


def test_802_11ad_maps_by_its_formulae():
    def sign(c):
        return 2 * c - 1

    for c0, c1 in CONSTELLATIONS["qpsk"].labels:
        st = (sign(int(c0)) + 1j * sign(int(c1))) / np.sqrt(2) * np.exp(-1j * np.pi / 4)
        assert CONSTELLATIONS["qpsk"].points[2 * c0 + c1] == pytest.approx(st, abs=1e-15)
    for label, bits in enumerate(CONSTELLATIONS["16qam"].labels.astype(int)):
        i, q = (4 * c[0] - 2 - sign(c[0]) * sign(c[1]) for c in (bits[:2], bits[2:]))
        assert CONSTELLATIONS["16qam"].points[label] == pytest.approx((i + 1j * q) / np.sqrt(10), abs=1e-15)
    for label, bits in enumerate(CONSTELLATIONS["64qam"].labels.astype(int)):
        i, q = (
            8 * c[0] - 4 - sign(c[0]) * (4 * c[1] - 2) + sign(c[0]) * sign(c[1]) * sign(c[2])
            for c in (bits[:3], bits[3:])
        )
        assert CONSTELLATIONS["64qam"].points[label] == pytest.approx((i + 1j * q) / np.sqrt(42), abs=1e-15)


@pytest.mark.parametrize(("alphabet", "rule"), [((1, -1, 1j), "2\\^m points"), ((2, -2), "mean energy 1")])
def test_an_alphabet_that_is_none_is_refused(alphabet, rule):
    with pytest.raises(ValueError, match=rule):
        Constellation(name="odd", alphabet=alphabet)


def test_an_unknown_constellation_names_its_nearest():
    with pytest.raises(ValueError, match=r"got '16-qam'; did you mean '16qam'\?"):
        find_constellation("16-qam")
