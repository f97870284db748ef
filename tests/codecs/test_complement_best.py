"""Ranks and widths chosen picture by picture: the best there is in the bits there are, and read from them."""

from dataclasses import replace

import numpy as np
import pytest

from linksim.codecs.complement import (
    SCALES_PER_OCTAVE,
    eigen_rows,
    error_matrix,
    measured,
    recompose,
)
from linksim.codecs.complement_best import Chosen
from linksim.codecs.complement_bits import ComplementCode
from linksim.codecs.complement_fixed import Fixed
from linksim.codecs.complement_rows import NONE, Even, Water

SHAPE = (2, 8, 6)
TOP = 8**0.5
SENT = {"even": Even(widths=(2, 4, 6, 9), top=TOP), "water": Water(top=TOP)}


def code(**fields):
    told = {"basis": "eigen", "source": "residual", "bits_a": 6, "bits_ax": 6, "shape": SHAPE}
    return ComplementCode(**(told | fields))


def chosen(sent="even", basis="eigen", **fields):
    return Chosen(codes=tuple(code(bits_a=bits, basis=basis) for bits in (4, 7)), sent=SENT[sent], **fields)


def pictures(n=6, tiles=1, seed=0):
    """Pictures with a guess that is off by a few rows' worth, some more and some less."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, tiles, *SHAPE))
    strength = np.exp(rng.uniform(-4, -1, (n, tiles, 1, 1, 1)))
    decay = np.exp(-np.arange(8.0))[:, None] * rng.standard_normal((n, tiles, 1, 8, 1))
    q, _ = np.linalg.qr(rng.standard_normal((n, tiles, 1, 8, 8)))
    return x, x + strength * (q @ (decay * rng.standard_normal((n, tiles, *SHAPE))))


def values(n=5, rows=4, width=7, seed=1):
    """Rows of very different sizes, one of them empty."""
    rng = np.random.default_rng(seed)
    sizes = np.array([2.0, 0.3, 0.01, 0.0])[:rows, None]
    return (sizes * rng.standard_normal((n, rows, width))).clip(-TOP, TOP)


def ranks_of(code, strings, tiles):
    """[n, t]."""
    return np.array([len(rows) for rows, _ in code.read(strings, tiles)]).reshape(-1, tiles)


def errors(x, made):
    return np.sum((x - made) ** 2, axis=(1, 2, 3, 4))


@pytest.mark.parametrize("name", ["even", "water"])
def test_what_is_written_is_read_and_is_as_long_and_as_wrong_as_told(name):
    quantiser, given = SENT[name], values()
    rng = np.random.default_rng(0)
    for setting in (0, 1, 3) if name == "even" else (0, 17, 60, 130, 180):
        settings = np.full(len(given), setting)
        sizes, wrong = quantiser.n_bits(given, settings), quantiser.error(given, settings)
        for each, size, error in zip(given, sizes, wrong, strict=True):
            bits = quantiser.write(each, setting)
            assert bits.size == size
            more = np.concatenate([bits, rng.integers(0, 2, 40, np.uint8)])
            assert quantiser.size(more, 4, 7) == size
            read, step = quantiser.read(bits, 4, 7)
            assert np.abs(read - each).max() <= step / 2 * (1 + 1e-9)
            assert np.sum((read - each) ** 2) == pytest.approx(error, abs=1e-18)
    assert quantiser.size(bits[:2], 4, 7) > 2


@pytest.mark.parametrize("name", ["even", "water"])
def test_settings_are_the_finest_that_fit_and_the_coarsest_that_are_near_enough(name):
    quantiser, given = SENT[name], values()
    last = 3 if name == "even" else 230
    every = [np.full(len(given), setting) for setting in range(last + 1)]
    sizes = np.stack([quantiser.n_bits(given, each) for each in every])
    wrong = np.stack([quantiser.error(given, each) for each in every])
    for room in (5, 60, 100, 131, 180, 250):
        found = quantiser.finest(given, np.full(len(given), room))
        fits = sizes <= room
        assert np.array_equal(found, np.where(fits.any(axis=0), fits.sum(axis=0) - 1, NONE))
    for most in (1e3, 1.0, 0.03, 1e-4):
        found = quantiser.coarsest(given, np.full(len(given), most))
        near = np.argmax(wrong <= most, axis=0)
        if name == "even":
            assert np.array_equal(found, np.where((wrong <= most).any(axis=0), near, NONE))
        else:  # the error is not quite monotone
            assert np.all(wrong[found, range(len(given))] <= most)
            assert np.all(found <= near + SCALES_PER_OCTAVE // 2)
    assert np.all(quantiser.coarsest(given, np.full(len(given), -1.0)) == NONE)


def test_rows_as_wide_as_they_need_err_less_in_the_same_bits():
    given = values(50)
    room = np.full(len(given), 3 + 8 + 28 * 6)
    even, water = (SENT[name] for name in ("even", "water"))
    wrong = [q.error(given, q.finest(given, room)) for q in (even, water)]
    assert np.all(water.n_bits(given, water.finest(given, room)) <= room)
    assert np.all(wrong[1] < 0.25 * wrong[0])


def brute(given, x, guess, room):
    """(bits, squared error) of each way to send a tile in `room`, without the code's own search."""
    ways = []
    settings = np.arange(4 if isinstance(given.sent, Even) else 230)
    _, eigenrows = eigen_rows(error_matrix(x, guess))
    for d in range(1, 9):
        for place, own in enumerate(given.codes):
            rows = own.rows(own.tell(eigenrows[:, :d]), d)
            sent = measured(rows, x, guess, own.source)
            left = np.sum((x - recompose(rows, sent, guess, own.source)) ** 2)
            each = np.repeat(sent.reshape(1, 2 * d, 6), settings.size, axis=0)
            sizes = given.head_bits(d, place) + given.sent.n_bits(each, settings)
            ways += zip(sizes, left + given.sent.error(each, settings), strict=True)
    return [(size, error) for size, error in ways if size <= room]


@pytest.mark.parametrize("name", ["even", "water"])
def test_nothing_that_fits_errs_less(name):
    x, guess = pictures(3)
    given, ranks = chosen(name), set()
    for room in (90, 300, 700):
        strings = given.encode(x, guess, room)
        got = errors(x, given.decode(strings, guess))
        for i, string in enumerate(strings):
            assert string.size <= room
            ways = brute(given, x[i], guess[i], room)
            least = min([error for _, error in ways] + [errors(x, guess)[i]])
            # of a step the finest is taken, and a coarser one may happen to err less
            assert least * (1 - 1e-9) <= got[i] <= least * (1 + 1e-9 if name == "even" else 1.1)
        ranks |= {int(d) for d in ranks_of(given, strings, 1)[:, 0]}
    assert len(ranks) > 1


@pytest.mark.parametrize("name", ["even", "water"])
def test_an_error_is_met_with_the_fewest_bits(name):
    x, guess = pictures(4)
    most = 1e-4 * x[0].size
    given = chosen(name, target=1e-4)
    strings = given.encode(x, guess, 5000)
    got = errors(x, given.decode(strings, guess))
    assert np.all(got <= most)
    for i, string in enumerate(strings):
        if string.size:
            fewest = min(size for size, error in brute(given, x[i], guess[i], 5000) if error <= most)
            # of a step the coarsest is bisected, and a coarser one may happen to do
            assert fewest <= string.size <= fewest + (0 if name == "even" else 12)
        else:
            assert errors(x, guess)[i] <= most
    assert len({string.size for string in strings}) > 2
    unmet = replace(given, target=1e-12)
    best = replace(given, target=None)
    for a, b in zip(unmet.encode(x, guess, 200), best.encode(x, guess, 200), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("source", ["AX", "residual"])
@pytest.mark.parametrize("basis", ["eigen", "subspace", "dct"])
@pytest.mark.parametrize("name", ["even", "water"])
def test_tiles_follow_one_another_and_are_told_within_their_bound(name, basis, source):
    x, guess = pictures(4, tiles=3)
    codes = tuple(code(bits_a=bits, basis=basis, source=source) for bits in (4, 7))
    given = Chosen(codes=codes, sent=SENT[name])
    strings = given.encode(x, guess, 900)
    made, told = given.decode(strings, guess), given.told(strings, x, guess)
    ranks = ranks_of(given, strings, 3)
    for i, each in enumerate(told):
        assert strings[i].size <= 900
        assert np.array_equal(each.ranks, ranks[i])
        assert errors(x, made)[i] <= each.bound * (1 + 1e-9)
        assert each.reals == sum(code(basis=basis).reals(int(d)) for d in ranks[i])
    assert errors(x, made).sum() < (0.7 if basis == "dct" else 0.5) * errors(x, guess).sum()
    for tile in range(3):  # alone, a tile has the same share
        alone = given.encode(x[:, tile : tile + 1], guess[:, tile : tile + 1], 300)
        one = given.decode(alone, guess[:, tile : tile + 1])
        np.testing.assert_allclose(one[:, 0], made[:, tile], atol=1e-12)


@pytest.mark.parametrize("name", ["even", "water"])
def test_any_bits_make_pictures(name):
    x, guess = pictures(1, tiles=2)
    rng = np.random.default_rng(5)
    for given in (chosen(name), chosen(name, basis="dct"), Fixed(code=code(), rank=None)):
        (string,) = given.encode(x, guess, 800)
        for size in (0, 1, 4, 5, 20, 100, 799, 5000):
            for bits in (rng.integers(0, 2, size, np.uint8), np.ones(size, np.uint8), string[:size]):
                made = given.decode([bits], guess)
                assert made.shape == guess.shape
                assert np.all(np.isfinite(made))
                assert ranks_of(given, [bits], 2).max() <= 8


def test_declared_widths_take_no_more_bits_for_water():
    x, guess = pictures()
    fixed = Fixed(code=code(), rank=4)
    water = Chosen(codes=(code(),), sent=SENT["water"], rank=4, capped=True)
    one, other = fixed.encode(x, guess, 2000), water.encode(x, guess, 2000)
    assert all(b.size <= a.size for a, b in zip(one, other, strict=True))
    assert np.all(ranks_of(water, other, 1) <= 4)
    wrong = [errors(x, each.decode(s, guess)).sum() for each, s in ((fixed, one), (water, other))]
    assert wrong[1] < wrong[0]


def test_a_cap_keeps_no_rank_from_meeting_an_error_with_fewer_bits():
    rng = np.random.default_rng(5)
    x, turns = rng.random((20, 1, *SHAPE)), np.linalg.qr(rng.standard_normal((20, 1, 2, 8, 8)))[0]
    decay = np.exp(-0.35 * np.arange(8.0))[:, None]
    guess = x + 0.3 * turns @ (decay * rng.standard_normal((20, 1, *SHAPE)))
    fields = {"codes": (code(),), "sent": SENT["water"], "target": 3e-3}
    capped, free = (Chosen(**fields, capped=capped).encode(x, guess, 5000) for capped in (True, False))
    assert [string.size for string in capped] == [string.size for string in free]


def test_a_payload_that_holds_nothing_is_told():
    given = chosen(rank=5)
    least = given.least(5)
    given.check(3 * least, 3)
    with pytest.raises(ValueError, match=rf"codec\.rank: rank 5 of 3 tiles of 8x6x2 takes {3 * least} bits"):
        given.check(3 * least - 1, 3)
    x, guess = pictures(2, tiles=3)
    assert [s.size for s in given.encode(x, guess, 20)] == [0, 0]
    assert set(ranks_of(given, given.encode(x, guess, 3 * least), 3).reshape(-1)) == {5}


def test_alike_tiles_of_a_declared_rank():
    x, guess = pictures(3, tiles=2)
    given = Fixed(code=code(), rank=3)
    strings = given.encode(x, guess, 10_000)
    assert {s.size for s in strings} == {given.within(10_000, 2)} == {2 * code().n_bits(3)}
    for tile in range(2):
        alone = code().encode(x[:, tile], guess[:, tile], 3)
        assert np.array_equal(np.stack(strings).reshape(3, 2, -1)[:, tile], alone)
    told = given.told(strings, x, guess)
    assert np.all(errors(x, given.decode(strings, guess)) <= [each.bound for each in told])
