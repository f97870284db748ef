"""Complements by JPEG 2000: within their bytes, in closed loop, and nearer than bits of fixed length."""

import numpy as np
import pytest

from linksim.codecs.complement import error_matrix, left_over, measured, orthonormal
from linksim.codecs.complement_bits import ComplementCode
from linksim.codecs.complement_jpeg2000 import Codestreams

SIDE = 28


def drawn(n: int, tiles: int, channels: int = 1, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Rings that differ, and the same out of focus: float64 [n, t, c, L, L]."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:side, :side] / side
    count = n * tiles * channels
    at, size = rng.uniform(0.35, 0.65, (2, count, 1, 1)), rng.uniform(0.15, 0.3, (count, 1, 1))
    away = np.hypot(y - at[0], (x - at[1]) * rng.uniform(0.7, 1.6, (count, 1, 1)))
    rings = np.clip(1.4 - 14 * np.abs(away - size), 0, 1)
    soft = sum(np.roll(rings, shift, axis=axis) for shift in (-2, 0, 2) for axis in (1, 2)) / 6
    soft += rng.normal(0, 0.03, rings.shape)
    shape = (n, tiles, channels, side, side)
    return rings.reshape(shape), soft.clip(0, 1).reshape(shape)


def code(**fields) -> Codestreams:
    return Codestreams(**{"shape": (1, SIDE, SIDE), "source": "AX", "rank": 4} | fields)


def squared(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sum((x - y) ** 2))


@pytest.mark.parametrize(
    ("n", "tiles", "budget", "fields"),
    [
        (2, 1, 120, {}),
        (1, 4, 400, {"source": "residual", "rank": 8}),
        (1, 2, 700, {"shape": (3, SIDE, SIDE), "rank": 28}),
    ],
)
def test_a_string_fits_and_its_error_is_what_the_closed_loop_says(n, tiles, budget, fields):
    own = code(**fields)
    x, guess = drawn(n, tiles, own.shape[0])
    strings = own.encode(x, guess, 8 * budget + 5)
    assert own.within(8 * budget + 5, tiles) == 8 * budget
    for string, one, hat in zip(strings, x, guess, strict=True):
        assert 0.85 * 8 * budget < string.size <= 8 * budget
        rows, sent = own._read(string, tiles)
        np.testing.assert_allclose(orthonormal(rows), rows, atol=1e-12)
        lost = squared(measured(rows, one, hat, own.source), sent)
        wanted = own.shape[0] * left_over(rows, error_matrix(one, hat)).sum() + lost
        (got,) = own.decode([string], hat[None])
        assert squared(one, got) == pytest.approx(wanted, rel=1e-9)
        assert squared(one, got) < 0.7 * squared(one, hat)
    heard = own.read(strings, tiles)
    ranks = np.array([np.any(rows, axis=1).sum() for rows, _ in heard]).reshape(n, tiles)
    assert ranks.shape == (n, tiles)
    assert 1 <= ranks.min() <= ranks.max() <= own.rank
    numbers = SIDE * (1 + own.shape[0])
    assert [told.reals for told in own.told(strings, x, guess)] == [numbers * r.sum() for r in ranks]


def test_it_is_nearer_than_bits_of_fixed_length_at_equal_bytes():
    x, guess = drawn(1, 16)
    fixed = ComplementCode(basis="eigen", source="AX", bits_a=4, bits_ax=4, shape=(1, SIDE, SIDE))
    flat = (x[0], guess[0])
    theirs = fixed.decode(fixed.encode(*flat, 4), flat[1], 4)
    own, n_bits = code(), 16 * fixed.n_bits(4)
    strings = own.encode(x, guess, n_bits)
    assert strings[0].size <= n_bits
    assert squared(x, own.decode(strings, guess)) < 0.8 * squared(x[0], theirs)


def test_a_rank_that_is_too_large_costs_little_and_the_best_is_no_worse():
    x, guess = drawn(1, 4)
    errors = {}
    for rank in (2, 8, 28, "best", "fit"):
        own = code(rank=rank, source="residual")
        errors[rank] = squared(x, own.decode(own.encode(x, guess, 8 * 4 * 90), guess))
    assert errors["best"] == errors["fit"] <= 1.001 * min(errors[rank] for rank in (2, 8, 28))
    assert errors[28] < 1.25 * errors["best"]
    assert errors[2] > 1.5 * errors["best"]


def test_where_nothing_fits_or_nothing_is_wrong_nothing_is_sent():
    x, guess = drawn(1, 1)
    for n_bits in (0, 7, 8 * 20):
        (string,) = code().encode(x, guess, n_bits)
        assert string.size == 0
        np.testing.assert_array_equal(code().decode([string], guess), guess)
        assert len(code().read([string], 1)[0].rows) == 0
    (string,) = code().encode(x, x, 8 * 200)
    assert string.size == 0


def test_any_bits_make_a_picture():
    x, guess = drawn(1, 2)
    (string,) = code().encode(x, guess, 8 * 250)
    rng = np.random.default_rng(2)
    broken = [string[:n] for n in (1, 16, 40, 800, string.size - 8)]
    broken += [string ^ (rng.random(string.size) < rate) for rate in (0.002, 0.02, 0.5)]
    broken += [np.ones(64, np.uint8), np.zeros(400, np.uint8)]
    for bits in broken:
        got = code().decode([bits.astype(np.uint8)], guess)
        assert got.shape == guess.shape
        assert np.isfinite(got).all()
