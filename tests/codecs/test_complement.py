"""HSC's complement: the paper's identity to 1e-10, the bound on what quantisation adds, and bits that are
integers exactly.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from linksim.codecs import subspace
from linksim.codecs.complement import (
    Quantiser,
    added_bound,
    dct_rows,
    discarded,
    eigen_rows,
    error_matrix,
    left_over,
    measured,
    orthonormal,
    recompose,
)
from linksim.codecs.complement_bits import ComplementCode

SHAPES = [(1, 28, 28), (3, 12, 20), (1, 9, 4)]


def pictures(shape, n=6, seed=0):
    """Pictures on [0, 1] and guesses of several kinds: far, near, equal, black, of low rank, clipped."""
    rng = np.random.default_rng(seed)
    x, guess = rng.random((2, n, *shape))
    guess[1] = x[1] + 0.01 * rng.standard_normal(shape)
    guess[2] = x[2]
    x[3], guess[3] = 0, 0.5
    guess[4] = x[4] + 0.1 * rng.random(shape[1])[:, None] * rng.random(shape[2])
    x[5] = np.rint(x[5])
    return x, guess


def squared_error(x, y):
    """|x - y|^2 of each picture, the mean over its channels."""
    return np.sum((x - y) ** 2, axis=(2, 3)).mean(axis=1)


@pytest.mark.parametrize("source", ["AX", "residual"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_is_left_over_is_the_sum_of_the_discarded_eigenvalues(shape, source):
    x, guess = pictures(shape)
    values, rows = eigen_rows(error_matrix(x, guess))
    for d in range(shape[1] + 1):
        a = rows[:, :d]
        made = recompose(a, measured(a, x, guess, source), guess, source)
        np.testing.assert_allclose(squared_error(x, made), discarded(values, d), rtol=0, atol=1e-10)
    assert np.max(squared_error(x, made)) < 1e-20  # d = L: nothing is


@pytest.mark.parametrize("source", ["AX", "residual"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_code_without_quantisation_keeps_the_identity_across_bits(shape, source):
    x, guess = pictures(shape, seed=1)
    values, _ = eigen_rows(error_matrix(x, guess))
    code = ComplementCode(basis="eigen", source=source, bits_a=0, bits_ax=0, shape=shape)
    for d in (0, 1, shape[1] // 2, shape[1]):
        bits = code.encode(x, guess, d)
        assert bits.shape == (len(x), code.n_bits(d))
        assert code.n_bits(d) == 64 * d * (shape[1] + shape[0] * shape[2])
        made = code.decode(bits, guess, d)
        np.testing.assert_allclose(squared_error(x, made), discarded(values, d), rtol=0, atol=1e-10)


def test_no_other_basis_leaves_less():
    x, guess = pictures((1, 10, 14))
    b = error_matrix(x, guess)
    values, rows = eigen_rows(b)
    rng = np.random.default_rng(2)
    for d in range(1, 10):
        for spread in (1e-3, 0.1, 10):
            other = orthonormal(rows[:, :d] + spread * rng.standard_normal((len(x), d, 10)))
            assert np.all(left_over(other, b) >= discarded(values, d) - 1e-12)
        fixed = np.broadcast_to(dct_rows(d, 10), (len(x), d, 10))
        assert np.all(left_over(fixed, b) >= discarded(values, d) - 1e-12)


def test_eigenvectors_have_an_order_and_a_sign():
    x, guess = pictures((1, 12, 12))
    b = error_matrix(x, guess)
    values, rows = eigen_rows(b)
    assert np.all(np.diff(values, axis=1) <= 0)
    assert values.min() >= 0
    for picture in rows:
        for row in picture:
            assert row[np.argmax(np.abs(row) >= (1 - 1e-6) * np.abs(row).max())] > 0
    np.testing.assert_allclose(np.einsum("nli,nl,nlj->nij", rows, values, rows), b, atol=1e-12)
    # a matrix known beforehand, and a symmetric one whose eigenvector has two entries of one magnitude
    known, known_rows = eigen_rows(np.array([[[2.0, 0], [0, 3]], [[0, -1], [-1, 0]]]))
    np.testing.assert_allclose(known, [[3, 2], [1, 0]], atol=1e-15)
    np.testing.assert_allclose(known_rows[0], [[0, 1], [1, 0]], atol=1e-15)
    np.testing.assert_allclose(known_rows[1, 0], np.array([1, -1]) / np.sqrt(2), atol=1e-15)


@pytest.mark.parametrize("bits", [2, 3, 5, 8, 13, 24])
def test_rows_of_both_ends_are_orthonormal_and_span_the_integers(bits):
    rng = np.random.default_rng(bits)
    x, guess = pictures((1, 16, 16))
    _, rows = eigen_rows(error_matrix(x, guess))
    quantiser = Quantiser(bits=bits, top=1.0)
    for d in (1, 7, 16):
        told = quantiser.from_bits(quantiser.to_bits(rows[:, :d].reshape(len(x), -1))).reshape(len(x), d, 16)
        made = orthonormal(told)
        gram = made @ made.swapaxes(1, 2)
        alive = np.einsum("nii->ni", gram).round(9)
        np.testing.assert_allclose(gram, np.einsum("ni,ij->nij", alive, np.eye(d)), atol=1e-12)
        assert np.isin(alive, (0, 1)).all()
        np.testing.assert_allclose(told @ made.swapaxes(1, 2) @ made, told, atol=1e-8)  # in their span
        assert np.array_equal(np.linalg.matrix_rank(told, tol=1e-7), alive.sum(axis=1))
    dependent = np.stack([told[0, 0], 3 * told[0, 0], 0 * told[0, 0], rng.random(16)])[None]
    length = np.linalg.norm(orthonormal(dependent), axis=-1)
    np.testing.assert_allclose(length, [[1, 0, 0, 1]], atol=1e-12)


@pytest.mark.parametrize("bits", [2, 3, 8, 16, 24])
def test_bits_are_integers_exactly_and_no_value_is_off_by_more_than_half_a_step(bits):
    rng = np.random.default_rng(bits)
    quantiser = Quantiser(bits=bits, top=5.0)
    values = rng.uniform(-5, 5, (200, 31)) * 2.0 ** -rng.uniform(0, 20, (200, 1))
    values[0], values[1, 0], values[2] = 0, 5, -5
    codes, integers = quantiser.quantise(values)
    told = quantiser.to_bits(values)
    assert told.dtype == np.uint8
    assert told.shape == (200, 8 + 31 * bits)
    assert told.max() <= 1
    made = quantiser.from_bits(told)
    assert np.array_equal(made, quantiser.restore(codes, integers))
    step = quantiser.step(codes)[:, None]
    assert np.all(np.abs(made - values) <= step / 2 * (1 + 1e-9))
    assert not made[0].any()
    # the scale is the least that will do: a 16th of an octave
    loud = np.max(np.abs(values), axis=1) > 5 * 2.0**-15
    assert np.all(
        np.max(np.abs(values), axis=1)[loud] > step[loud, 0] * quantiser.most * 2 ** (-1 / 16 - 1e-9)
    )


def test_a_known_string_of_bits():
    quantiser = Quantiser(bits=3, top=1.0)
    told = quantiser.to_bits(np.array([[1.0, -1.0, 0.3, 0.1]]))
    # scale 1 is code 255; step 1/3: integers 3, -3, 1, 0 stand 3 higher
    assert "".join(map(str, told[0])) == "11111111" + "110" + "000" + "100" + "011"


def test_any_bits_tell_finite_values_no_larger_than_the_top():
    rng = np.random.default_rng(5)
    for bits in (0, 2, 7):
        quantiser = Quantiser(bits=bits, top=2.0)
        told = rng.integers(0, 2, (300, quantiser.head_bits + 9 * quantiser.bits_each), np.uint8)
        told[0] = 1
        assert np.abs(quantiser.from_bits(told)).max() <= 2 * (1 + 1e-12)


@pytest.mark.parametrize("bits_a", [2, 4, 8, 12])
@pytest.mark.parametrize("bits_ax", [2, 6, 12])
@pytest.mark.parametrize("source", ["AX", "residual"])
def test_what_quantisation_adds_is_what_the_formula_says_and_under_its_bound(bits_a, bits_ax, source):
    for shape in SHAPES:
        channels, side, width = shape
        x, guess = pictures(shape, seed=bits_a)
        b = error_matrix(x, guess)
        values, rows = eigen_rows(b)
        code = ComplementCode(basis="eigen", source=source, bits_a=bits_a, bits_ax=bits_ax, shape=shape)
        for d in (1, side // 3, side):
            error = squared_error(x, code.decode(code.encode(x, guess, d), guess, d))
            numbers = rows[:, :d].reshape(len(x), -1)
            codes, integers = code.of_rows.quantise(numbers)
            a = orthonormal(code.of_rows.restore(codes, integers).reshape(len(x), d, side))
            sent = measured(a, x, guess, source).reshape(len(x), -1)
            own_codes, own = code.of_measured.quantise(sent)
            off = (code.of_measured.restore(own_codes, own) - sent).reshape(len(x), channels, d, width)
            seen = np.sum((a[:, None].swapaxes(2, 3) @ off) ** 2, axis=(2, 3)).mean(axis=1)
            np.testing.assert_allclose(error, left_over(a, b) + seen, rtol=1e-9, atol=1e-10)
            steps = code.of_rows.step(codes), code.of_measured.step(own_codes)
            bound = added_bound(values, d, width, *steps)
            added = error - discarded(values, d)
            assert np.all(added <= bound + 1e-12)
            if d == side // 3:  # tight enough to mean something
                assert np.max(added / (bound + 1e-30)) > 0.02


def test_in_open_loop_the_error_is_larger():
    """Why A X is computed with the A that the receiver holds."""
    x, _ = pictures((1, 28, 28), n=30)
    guess = x + 0.1 * np.random.default_rng(1).standard_normal(x.shape)
    b = error_matrix(x, guess)
    _, rows = eigen_rows(b)
    a = rows[:, :12]
    quantiser = Quantiser(bits=4, top=1.0)
    made = orthonormal(quantiser.from_bits(quantiser.to_bits(a.reshape(30, -1))).reshape(a.shape))
    open_loop = recompose(made, measured(a, x, guess, "AX"), guess, "AX")
    closed = recompose(made, measured(made, x, guess, "AX"), guess, "AX")
    assert squared_error(x, closed).mean() < 0.5 * squared_error(x, open_loop).mean()


@pytest.mark.parametrize("basis", ["eigen", "subspace", "dct"])
def test_a_length_tells_the_rank(basis):
    for bits_a, bits_ax in ((8, 8), (24, 2), (2, 12), (0, 3)):
        code = ComplementCode(basis=basis, source="AX", bits_a=bits_a, bits_ax=bits_ax, shape=(1, 28, 28))
        for n_bits in (*range(0, 3000, 37), 10**9):
            for most in (None, 5, 20):
                d = code.rank_within(n_bits, most)
                assert code.n_bits(d) <= n_bits
                assert code.rank_within(code.n_bits(d), most) == d
    assert (
        ComplementCode(basis=basis, source="AX", bits_a=8, bits_ax=8, shape=(1, 28, 28)).n_bits(4)
        == {
            "eigen": 8 + 4 * 28 * 8 + 8 + 4 * 28 * 8,
            "subspace": 8 + 4 * 24 * 8 + 8 + 4 * 28 * 8,
            "dct": 8 + 4 * 28 * 8,
        }[basis]
    )


def test_angles_hold_a_span_and_no_more_numbers_than_it_has():
    x, guess = pictures((1, 11, 11))
    b = error_matrix(x, guess)
    values, rows = eigen_rows(b)
    for d in range(12):
        told = subspace.angles(rows[:, :d])
        assert told.shape == (len(x), d * (11 - d))
        assert np.abs(told).max(initial=0) <= np.pi / 2
        made = subspace.rows_of(told, d, 11)
        np.testing.assert_allclose(
            made.swapaxes(1, 2) @ made, rows[:, :d].swapaxes(1, 2) @ rows[:, :d], atol=1e-10
        )
        np.testing.assert_allclose(left_over(made, b), discarded(values, d), atol=1e-10)
    rng = np.random.default_rng(0)
    any_rows = subspace.rows_of(rng.uniform(-9, 9, (3, 28)), 4, 11)
    np.testing.assert_allclose(
        any_rows @ any_rows.swapaxes(1, 2), np.broadcast_to(np.eye(4), (3, 4, 4)), atol=1e-12
    )


def test_fixed_rows_are_orthonormal_and_the_first_is_the_mean():
    rows = dct_rows(28, 28)
    np.testing.assert_allclose(rows @ rows.T, np.eye(28), atol=1e-13)
    np.testing.assert_allclose(rows[0], 1 / np.sqrt(28))
    np.testing.assert_array_equal(dct_rows(5, 28), rows[:5])


@pytest.mark.parametrize("basis", ["eigen", "subspace", "dct"])
def test_finer_quantisers_come_nearer_to_what_the_rows_can_do(basis):
    x, guess = pictures((1, 28, 28), n=12)
    b = error_matrix(x, guess)
    values, _ = eigen_rows(b)
    fixed = np.broadcast_to(dct_rows(6, 28), (12, 6, 28))
    floor = left_over(fixed, b) if basis == "dct" else discarded(values, 6)
    errors = []
    for bits in (4, 8, 12, 20):
        code = ComplementCode(basis=basis, source="AX", bits_a=bits, bits_ax=bits, shape=(1, 28, 28))
        errors.append(np.mean(squared_error(x, code.decode(code.encode(x, guess, 6), guess, 6)) - floor))
    assert np.all(np.diff(errors) < 0)
    assert abs(errors[-1]) < 1e-4 * np.mean(floor)


def test_pictures_are_coded_each_by_itself():
    x, guess = pictures((3, 12, 20))
    code = ComplementCode(basis="eigen", source="AX", bits_a=6, bits_ax=7, shape=(3, 12, 20))
    together = code.encode(x, guess, 5)
    for i in range(len(x)):
        assert np.array_equal(code.encode(x[i : i + 1], guess[i : i + 1], 5)[0], together[i])


def test_bits_do_not_depend_on_the_number_of_threads():
    """Eigenvectors of nearly equal eigenvalues turn on the last bit of a sum."""
    script = (
        "import numpy as np, hashlib; from linksim.codecs.complement_bits import ComplementCode\n"
        "r = np.random.default_rng(0); x = r.random((20, 1, 28, 28)); x[10:, :, :9] = 0\n"
        "guess = x + r.standard_normal((20, 1, 28, 3)) @ r.random((20, 1, 3, 28))\n"
        "code = ComplementCode(basis='eigen', source='AX', bits_a=24, bits_ax=24, shape=(1, 28, 28))\n"
        "print(hashlib.sha256(code.encode(x, guess, 28)).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2", "4")
    }
    assert len(told) == 1
    assert len(told.pop().strip()) == 64
