"""What every constellation keeps, by every engine: a new one is tested by being in CONSTELLATIONS."""

import numpy as np
import pytest

from phy.constellation import CONSTELLATIONS, Constellation, find_constellation
from phy.engine import ENGINES, find_engine
from phy.mapping import demap, map_bits, turn, unturn

constellations = pytest.mark.parametrize("constellation", CONSTELLATIONS.values(), ids=CONSTELLATIONS)
COMPUTED = {  # by engines, to which a turned constellation and one of another ring ratio are nothing new
    name: each
    for name, each in CONSTELLATIONS.items()
    if len(each.rotation) == 1 and (":" not in name or name.endswith("rate=3/4"))
}
computed = pytest.mark.parametrize("constellation", COMPUTED.values(), ids=COMPUTED)
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
    assert differing[nearest].max() == 1


@constellations
def test_a_label_is_read_most_significant_bit_first(constellation):
    np.testing.assert_array_equal(map_bits(constellation, constellation.labels)[:, 0], constellation.points)


@constellations
def test_axes_rebuild_the_points_where_they_are_labelled_apart(constellation):
    square = "qam" in constellation.name or constellation.name in ("qpsk@802.11n", "qpsk@5g")
    assert (constellation.axis_levels is not None) == square
    if not square:
        assert constellation.axes is constellation.axis_bits is None
        return
    (on_i, on_q), (real, imag) = constellation.axis_bits, constellation.axis_levels
    assert sorted(on_i + on_q) == list(range(constellation.bits_per_symbol))
    for label, point in zip(constellation.labels, constellation.points, strict=True):
        spelled = [int("".join(map(str, label[list(bits)])), 2) for bits in (on_i, on_q)]
        assert point == real[spelled[0]] + 1j * imag[spelled[1]]
    if "@5g" not in constellation.name:
        real, imag = constellation.axes
        np.testing.assert_array_equal((real[:, None] + 1j * imag).ravel(), constellation.points)


@constellations
def test_a_constellation_is_a_value(constellation):
    assert eval(repr(constellation), {"Constellation": Constellation}) == constellation


@computed
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


@computed
@engines
@methods
def test_every_engine_maps_and_demaps_as_the_reference(constellation, engine, method):
    bits, y, noise_var = received(
        constellation, (3, 3000 if constellation.bits_per_symbol < 7 else 300), seed=2
    )
    symbols = find_engine(engine).map(constellation, bits)
    assert symbols.dtype == np.complex64
    np.testing.assert_allclose(symbols, map_bits(constellation, bits), rtol=0, atol=1e-6)
    llr = find_engine(engine).demap(constellation, y, noise_var, method)
    assert llr.dtype == np.float32
    expected = demap(constellation, y, noise_var, method)
    # float32: |y - s|^2 / N0 up to about 12 / 0.02, of relative precision 2^-23, and a handful of operations
    np.testing.assert_allclose(llr, expected, rtol=0, atol=1e-3)


@computed
@engines
def test_positive_llrs_mean_zero(constellation, engine):
    bits = np.random.default_rng(3).integers(0, 2, (2, 60 * constellation.bits_per_symbol), dtype=np.uint8)
    symbols = find_engine(engine).map(constellation, bits)
    llr = find_engine(engine).demap(constellation, symbols, np.full(symbols.shape, 1e-3, np.float32), "exact")
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
    with pytest.raises(ValueError, match=r"got 'QPSK'; did you mean 'qpsk'\?"):
        find_constellation("QPSK")


@constellations
def test_a_turn_is_undone_whatever_the_first_symbol(constellation):
    rng = np.random.default_rng(4)
    x = (rng.standard_normal((2, 9)) + 1j * rng.standard_normal((2, 9))).astype(np.complex64)
    for first in (0, 3, 32):
        sent = turn(constellation, x, first)
        assert sent.dtype == np.complex64
        np.testing.assert_allclose(unturn(constellation, sent, first), x, atol=1e-6)
        np.testing.assert_allclose(sent[:, 2:], turn(constellation, x[:, 2:], first + 2), atol=1e-6)
    same = np.array_equal(turn(constellation, x), x)
    assert same == (not constellation.name.startswith("pi/2-"))


def test_802_11ad_turns_by_a_quarter_each_symbol_and_5g_every_other():
    ones = np.ones(6, np.complex128)
    k = np.arange(6)
    np.testing.assert_allclose(turn(CONSTELLATIONS["pi/2-qpsk"], ones), np.exp(0.5j * np.pi * k), atol=1e-12)
    by_5g = turn(CONSTELLATIONS["pi/2-bpsk@5g"], ones)
    np.testing.assert_allclose(by_5g, np.exp(0.5j * np.pi * (k % 2)), atol=1e-12)
    bits = np.array([0, 1, 0, 1], np.uint8)
    sent = turn(CONSTELLATIONS["pi/2-bpsk@5g"], map_bits(CONSTELLATIONS["pi/2-bpsk@5g"], bits))
    formula = np.exp(0.5j * np.pi * (np.arange(4) % 2)) * (1 - 2.0 * bits) * (1 + 1j) / np.sqrt(2)
    np.testing.assert_allclose(sent, formula, atol=1e-12)


def test_5g_maps_by_its_formulae():
    def s(b, i):
        return 1 - 2.0 * b[:, i]

    qpsk, qam16, qam64, qam256, qam1024 = (
        CONSTELLATIONS[f"{name}@5g"] for name in ("qpsk", "16qam", "64qam", "256qam", "1024qam")
    )
    b = qpsk.labels.astype(int)
    np.testing.assert_allclose(qpsk.points, (s(b, 0) + 1j * s(b, 1)) / np.sqrt(2), atol=1e-12)
    b = qam16.labels.astype(int)
    i, q = (s(b, x) * (2 - s(b, x + 2)) for x in (0, 1))
    np.testing.assert_allclose(qam16.points, (i + 1j * q) / np.sqrt(10), atol=1e-12)
    b = qam64.labels.astype(int)
    i, q = (s(b, x) * (4 - s(b, x + 2) * (2 - s(b, x + 4))) for x in (0, 1))
    np.testing.assert_allclose(qam64.points, (i + 1j * q) / np.sqrt(42), atol=1e-12)
    b = qam256.labels.astype(int)
    i, q = (s(b, x) * (8 - s(b, x + 2) * (4 - s(b, x + 4) * (2 - s(b, x + 6)))) for x in (0, 1))
    np.testing.assert_allclose(qam256.points, (i + 1j * q) / np.sqrt(170), atol=1e-12)
    b = qam1024.labels.astype(int)
    i, q = (
        s(b, x) * (16 - s(b, x + 2) * (8 - s(b, x + 4) * (4 - s(b, x + 6) * (2 - s(b, x + 8)))))
        for x in (0, 1)
    )
    np.testing.assert_allclose(qam1024.points, (i + 1j * q) / np.sqrt(682), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        ("16qam", "00:-3 01:-1 11:1 10:3"),
        ("64qam", "000:-7 001:-5 011:-3 010:-1 110:1 111:3 101:5 100:7"),
        (
            "256qam",
            "0000:-15 0001:-13 0011:-11 0010:-9 0110:-7 0111:-5 0101:-3 0100:-1 "
            "1100:1 1101:3 1111:5 1110:7 1010:9 1011:11 1001:13 1000:15",
        ),
    ],
)
def test_802_11_tables_of_levels(name, levels):
    """802.11-2016 tables 17-16 and 17-17 and 802.11ac's for 256QAM, as public receivers transcribe them."""
    constellation = CONSTELLATIONS[name]
    scale = {"16qam": 10, "64qam": 42, "256qam": 170}[name] ** 0.5
    for entry in levels.split():
        label, level = entry.split(":")
        for axis in constellation.axes:
            assert axis[int(label, 2)] * scale == pytest.approx(int(level), abs=1e-9)


def test_1024qam_lies_on_the_reflected_code_of_802_11ax():
    levels = CONSTELLATIONS["1024qam"].axes[0] * np.sqrt(682)
    first = [-31, -29, -25, -27, -17, -19, -23, -21, -1, -3, -7, -5, -15, -13, -9, -11]
    np.testing.assert_allclose(levels, [*first, *(-x for x in first)], atol=1e-9)


def rings(constellation, radius: float) -> list[int]:
    """Labels on the ring of that radius, by rising angle in [0, 2 pi)."""
    on = np.flatnonzero(np.isclose(np.abs(constellation.points), radius, rtol=1e-9))
    angle = np.mod(np.angle(constellation.points[on]) + 1e-9, 2 * np.pi)
    return [int(label) for label in on[np.argsort(angle)]]


def test_dvbs2_rings_carry_the_labels_of_the_standard():
    """EN 302 307 figures 10 to 12, read ring by ring from angle 0, as a public list by rings has them."""
    apsk = CONSTELLATIONS["16apsk:rate=2/3"]
    inner, outer = sorted(set(np.abs(apsk.points).round(9)))
    assert outer / inner == pytest.approx(3.15, abs=1e-6)
    assert [f"{x:04b}" for x in rings(apsk, inner)] == ["1100", "1110", "1111", "1101"]
    expected = "0100 0000 1000 1010 0010 0110 0111 0011 1011 1001 0001 0101"
    assert [f"{x:04b}" for x in rings(apsk, outer)] == expected.split()
    apsk = CONSTELLATIONS["32apsk:rate=9/10"]
    inner, middle, outer = sorted(set(np.abs(apsk.points).round(9)))
    assert middle / inner == pytest.approx(2.53, abs=1e-6)
    assert outer / inner == pytest.approx(4.30, abs=1e-6)
    assert [f"{x:05b}" for x in rings(apsk, inner)] == ["10001", "10101", "10111", "10011"]
    expected = "10000 00000 00001 00101 00100 10100 10110 00110 00111 00011 00010 10010"
    assert [f"{x:05b}" for x in rings(apsk, middle)] == expected.split()
    expected = (
        "11000 01000 11001 01001 01101 11101 01100 11100 11110 01110 11111 01111 01011 11011 01010 11010"
    )
    assert [f"{x:05b}" for x in rings(apsk, outer)] == expected.split()


@pytest.mark.parametrize(
    "name", ["16apsk", "16apsk:gamma=0.5", "32apsk:gamma1=3,gamma2=2", "16apsk:rate=1/2", "pi/2-pi/2-bpsk"]
)
def test_a_form_that_is_none_is_refused_in_one_line(name):
    with pytest.raises(ValueError, match=r"^constellation: .*got .*; [^\n]+$"):
        find_constellation(name)


def test_forms_choose_what_the_tables_do():
    np.testing.assert_array_equal(
        find_constellation("16apsk:gamma=2.85").points, CONSTELLATIONS["16apsk:rate=3/4"].points
    )
    assert find_constellation("pi/2-256qam").alphabet == CONSTELLATIONS["256qam"].alphabet
    assert find_constellation("pi/2-256qam") is find_constellation("pi/2-256qam")
