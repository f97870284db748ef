"""Intervals hold what they promise."""

import numpy as np
import pytest
from scipy import stats

from linksim.intervals import LEAST, bootstrap_mean, clopper_pearson, mean_interval, student_half_width


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_the_exact_interval_is_scipys(confidence):
    for errors, n in [(0, 1), (1, 1), (0, 50), (3, 50), (50, 50), (17, 10_000), (1, 10**7)]:
        oracle = stats.binomtest(errors, n).proportion_ci(confidence, method="exact")
        low, high = clopper_pearson(errors, n, confidence)
        assert (float(low), float(high)) == pytest.approx((oracle.low, oracle.high), rel=1e-9)


@pytest.mark.parametrize("rate", [0.0, 1e-3, 0.03, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("n", [1, 20, 300])
def test_the_exact_interval_covers_every_rate_at_least_as_often_as_it_says(rate, n):
    errors = np.arange(n + 1)
    low, high = clopper_pearson(errors, n, 0.95)
    covered = (low <= rate) & (rate <= high)
    assert stats.binom.pmf(errors, n, rate)[covered].sum() >= 0.95 - 1e-12


def test_without_trials_the_rate_is_anywhere():
    assert tuple(map(float, clopper_pearson(0, 0))) == (0.0, 1.0)


def test_the_bootstrap_of_a_normal_mean_is_the_normal_interval():
    rng = np.random.default_rng(3)
    values = rng.normal(30, 2, 1000)
    low, high = bootstrap_mean(values, rng, resamples=4000)
    # 1.96 s / sqrt(n); a percentile of 4000 resamples wanders by about 3 % of the half width, five times that
    half = 1.96 * values.std() / np.sqrt(values.size)
    assert low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_the_bootstrap_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    covered = sum(
        low <= 1 <= high
        for low, high in (bootstrap_mean(rng.exponential(1, 60), rng, resamples=400) for _ in range(400))
    )
    # 95 % less the skewness of 60 exponentials, known to cost about 2 %; three sigma of 400 draws are 3.3 %
    assert 0.89 <= covered / 400 <= 0.985


def test_the_bootstrap_of_few_values_covers_their_mean_nearly_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = sum(
        low <= 0 <= high
        for low, high in (bootstrap_mean(rng.normal(size=8), rng, resamples=400) for _ in range(1500))
    )
    # plain percentiles cover 0.88; three sigma of 1500 draws are 0.018
    assert covered / 1500 >= 0.918


def test_the_same_generator_gives_the_same_interval_in_any_chunks(monkeypatch):
    values = np.arange(11.0)
    one = bootstrap_mean(values, np.random.default_rng(1))
    monkeypatch.setattr("linksim.intervals.DRAWS_AT_ONCE", 100)
    assert bootstrap_mean(values, np.random.default_rng(1)) == one


@pytest.mark.parametrize("law", ["normal", "skewed", "few outages"])
def test_percentiles_of_many_values_are_those_of_resampled_means(monkeypatch, law):
    rng = np.random.default_rng(6)
    values = {
        "normal": rng.normal(30, 2, 1000),
        "skewed": rng.exponential(1e-3, 1000),
        "few outages": np.where(rng.random(4000) < 0.02, 0.1, 1e-3 * rng.random(4000)),
    }[law]
    low, high = bootstrap_mean(values, rng)
    monkeypatch.setattr("linksim.intervals.MANY", 10**9)
    drawn = bootstrap_mean(values, rng, resamples=20_000)
    # percentiles of 20,000 drawn means wander by 0.9 % of the half width; four times that
    assert (low, high) == pytest.approx(drawn, abs=0.036 * (drawn[1] - drawn[0]) / 2)
    assert (low, high) != drawn


def test_many_values_that_a_few_make_are_resampled_and_equal_ones_are_sure():
    rare = np.zeros(4000)
    rare[:3] = 1.0
    low, high = bootstrap_mean(rare, np.random.default_rng(0))
    assert 4000 * low == pytest.approx(round(4000 * low))  # counts, as drawn means are
    assert low == 0 < 5 / 4000 <= high <= 8 / 4000
    assert bootstrap_mean(np.full(4000, 0.3), np.random.default_rng(0)) == (0.3, 0.3)


def test_few_values_and_bad_ones():
    rng = np.random.default_rng(0)
    assert bootstrap_mean([31.5], rng) == (31.5, 31.5)
    assert np.isnan(bootstrap_mean([], rng)).all()
    with pytest.raises(ValueError, match="must be finite"):
        bootstrap_mean([1.0, np.inf], rng)


@pytest.mark.parametrize("n", [2, 5, 30, 1000])
def test_students_half_width_is_scipys(n):
    values = np.random.default_rng(n).normal(30, 2, n)
    low, high = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert student_half_width(values.std(ddof=1), n) == pytest.approx((high - low) / 2, rel=1e-9)
    assert np.isnan(student_half_width(1.0, 1))


def test_a_mean_has_an_interval_from_six_finite_values_on():
    values = np.random.default_rng(0).normal(30, 2, LEAST)
    assert mean_interval(values) == (values.mean(), *bootstrap_mean(values, np.random.default_rng(0)))
    assert mean_interval([*values, np.nan]) == mean_interval(values)
    for few in (values[1:], [*values, np.inf], []):
        assert np.isnan(mean_interval(few)[1:]).all()
    assert mean_interval([*values, np.inf])[0] == np.inf
    assert np.isnan(mean_interval([])[0])
