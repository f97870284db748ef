"""Average distances of curves: closed forms, and another implementation."""

import math
import warnings

import numpy as np
import pytest

from linksim.bjontegaard import bd_psnr, bd_rate, gain, saving

X = np.array([0.0, 3.0, 7.0, 12.0, 20.0])
Y = np.array([18.0, 24.5, 29.0, 33.0, 35.5])


def test_a_curve_that_is_lifted_gains_what_it_was_lifted_by():
    found = gain(X, Y + 1.25, X, Y)
    assert found.value == pytest.approx(1.25, abs=1e-12)
    assert (found.low, found.high, found.note) == (0, 20, "")


def test_a_curve_that_is_shifted_saves_what_it_was_shifted_by():
    found = saving(X - 2.5, Y, X, Y)
    assert found.value == pytest.approx(2.5, abs=1e-12)
    assert (found.low, found.high, found.note) == (18, 35.5, "")


def test_ten_percent_more_rate_at_every_quality_is_ten_percent():
    rates = 2.0**X
    assert bd_rate(1.1 * rates, Y, rates, Y).value == pytest.approx(10, abs=1e-9)
    assert bd_rate(rates, Y, 1.1 * rates, Y).value == pytest.approx(100 * (1 / 1.1 - 1), abs=1e-9)
    assert bd_psnr(rates, Y + 0.5, rates, Y).value == pytest.approx(0.5, abs=1e-12)


def test_lines_that_cross_are_averaged_with_their_signs_over_what_both_span():
    found = gain([0, 10], [20, 30], [4, 20], [24.0, 32.0])  # x + 20 and x/2 + 22: 0 at 4, 3 at 10
    assert found.value == pytest.approx(1.5, abs=1e-12)
    assert (found.low, found.high) == (4, 10)


def test_to_swap_the_curves_changes_the_sign_alone():
    other = Y + np.array([2.0, 1.0, 0.5, 0.1, -1.0])
    assert gain(X, Y, X, other).value == pytest.approx(-gain(X, other, X, Y).value, abs=1e-12)
    assert saving(X, Y, X, other).value == pytest.approx(-saving(X, other, X, Y).value, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_another_implementation_finds_the_same(seed):
    oracle = pytest.importorskip("bjontegaard")
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 8))

    def curve():
        rates = np.cumsum(rng.uniform(0.02, 0.2, n))
        return rates, np.cumsum(rng.uniform(0.5, 5, n)) + rng.uniform(18, 22)

    (rate_a, psnr_a), (rate_b, psnr_b) = curve(), curve()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a small overlap
        theirs = [
            find(rate_b, psnr_b, rate_a, psnr_a, method="pchip", min_overlap=0)
            for find in (oracle.bd_rate, oracle.bd_psnr)
        ]
    ours = [find(rate_a, psnr_a, rate_b, psnr_b).value for find in (bd_rate, bd_psnr)]
    assert np.isfinite(ours).all()
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def test_points_come_in_any_order():
    turn = [3, 0, 4, 1, 2]
    assert gain(X[turn], Y[turn] + 1, X, Y) == gain(X, Y + 1, X, Y)


def test_without_anything_in_common_there_is_no_average_and_one_line_why():
    found = gain([0, 5], [20, 25], [10, 15], [20, 25])
    assert math.isnan(found.value)
    assert found.note == "the curves have no x in common (0 to 5 and 10 to 15)"
    found = saving([0, 5], [20, 25], [0, 5], [30, 35])
    assert math.isnan(found.value)
    assert found.note == "the curves have no quality in common (30 to 35 and 20 to 25)"
    found = saving([0, 5], [20.123456, 25], [0, 5], [30, 35])
    assert found.note.endswith("(30 to 35 and 20.12 to 25)")
    found = bd_rate([1], [20], [1, 2], [20, 25])
    assert math.isnan(found.value)
    assert found.note == "a curve has fewer than two points that can be used"


def test_a_quality_is_reached_where_it_first_is():
    dipped = np.array([18.0, 24.5, 24.0, 24.5, 30.0])  # the dip and the return to 24.5 add nothing
    rising = np.array([True, True, False, False, True])
    found = saving(X, dipped, X + 1, Y)
    assert found.note == "not rising at 2 points, passed over"
    assert found.value == saving(X[rising], dipped[rising], X + 1, Y).value


def test_what_is_not_finite_is_left_out_and_told():
    found = gain(X, [*Y[:4], math.inf], X, Y - 1)
    assert found.value == pytest.approx(gain(X[:4], Y[:4], X, Y - 1).value)
    assert found.note == "not finite at 1 point, left out"
    with pytest.raises(ValueError, match="must differ from point to point, got 5 twice"):
        gain([5, 5], [1, 2], X, Y)
