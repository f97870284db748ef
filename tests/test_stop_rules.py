"""When a point stops, and that the interval it then reports is worth what it says."""

import itertools
import math
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from linksim.errors import ScenarioError
from linksim.intervals import bootstrap_mean, clopper_pearson
from linksim.load import load
from linksim.stopping import MIN_TRIALS, SCALE, UNSEEN, HalfWidth, Moments, Stop, Tally, looks, reason

SCHEDULE = tuple(4 * rounds for rounds in itertools.islice(looks(4, 10**9, 8), 20))
"""Trials at the looks of a run of four pictures in groups of eight draws."""
EVERY = range(2, 4000)
COVERED = (0.93, 0.97)
FEW = 25
"""Errors below which a discrete interval that covers at least 95 % covers more."""
RULES = {
    "50 block errors": Stop(block_errors=50),
    "100 block errors": Stop(block_errors=100),
    "outage rate +-0.05": Stop(half_width=HalfWidth(outage_rate=0.05)),
    "outage rate +-0.02": Stop(half_width=HalfWidth(outage_rate=0.02)),
    "outage rate +-0.01": Stop(half_width=HalfWidth(outage_rate=0.01)),
    "2000 trials": Stop(trials=2000),
}


def trial(
    psnr_db: float | None = 30.0, outage: bool = False, blocks: int = 1, errors: int = 0, **more
) -> dict:
    return {"outage": outage, "psnr_db": psnr_db, "blocks": blocks, "block_errors": errors} | more


@cache
def ends(stop: Stop, n: int, errors: int) -> bool:
    """Whether a point of n trials, a block each, with so many errors, each an outage, ends here."""
    tally = Tally(n=n, outages=errors, blocks=n, block_errors=errors)
    return reason(stop, tally) is not None


def exactly(rate: float, ended, schedule) -> tuple[float, float, float, float]:
    """(coverage of the reported interval, mean estimate, its mean half-width, mean errors), without chance.

    ended: (n, errors) -> whether a point ends. Look by look, the probability of each count of errors among
    the points that still go on.
    """
    going, before, covered, estimate, width, seen = np.ones(1), 0, 0.0, 0.0, 0.0, 0.0
    for n in schedule:
        going = np.convolve(going, stats.binom.pmf(np.arange(n - before + 1), n - before, rate))
        before, errors = n, np.flatnonzero(going > 1e-12)
        stopped = np.array([ended(n, int(k)) for k in errors])
        k, mass = errors[stopped], going[errors[stopped]]
        low, high = clopper_pearson(k, n)
        covered += mass[(low <= rate) & (rate <= high)].sum()
        estimate, seen = estimate + mass @ k / n, seen + mass @ k
        width += mass @ (high - low) / 2
        going[k] = 0
        if going.sum() < 1e-6:
            return covered, estimate, width, seen
    raise AssertionError("the schedule is too short for the rule")


def simulated(rate: float, stop: Stop, schedule, n_points: int, rng: np.random.Generator) -> float:
    """Share of points, run to their end, whose reported interval holds the rate."""
    errors, going, covered, before = np.zeros(n_points, int), np.ones(n_points, bool), 0, 0
    for n in schedule:
        errors += rng.binomial(n - before, rate, n_points)
        before = n
        stopped = going & np.array([ends(stop, n, int(k)) for k in errors])
        low, high = clopper_pearson(errors[stopped], n)
        covered += int(((low <= rate) & (rate <= high)).sum())
        going &= ~stopped
        if not going.any():
            return covered / n_points
    raise AssertionError("the schedule is too short for the rule")


def assert_honest(rate: float, stop: Stop) -> None:
    coverage, estimate, half_width, errors = exactly(rate, partial(ends, stop), SCHEDULE)
    assert coverage >= COVERED[0]
    if errors >= FEW:
        assert coverage <= COVERED[1]
    # Counted to m errors, a rate is 1/(m - 1) too high on average (Haldane); stopped at a width, too low.
    # Both are small beside the interval.
    assert abs(estimate - rate) <= 0.13 * half_width
    if stop.block_errors:
        assert -0.5 / stop.block_errors <= estimate / rate - 1 <= 1.5 / stop.block_errors
    if stop.trials:
        assert estimate == pytest.approx(rate, rel=1e-6)


@pytest.mark.parametrize("rate", [0.3, 0.1, 0.02, 0.005])
@pytest.mark.parametrize("rule", RULES)
def test_the_interval_of_a_rate_after_stopping_covers_it_as_often_as_it_says(rule, rate):
    assert_honest(rate, RULES[rule])


@pytest.mark.parametrize("rate", [0.1, 0.02])
def test_where_most_trials_are_outages_deliveries_are_as_safe_as_outages_elsewhere(rate):
    ended = partial(ends, RULES["outage rate +-0.02"])
    (few, *_), (many, *_) = exactly(rate, ended, SCHEDULE), exactly(1 - rate, ended, SCHEDULE)
    assert many == pytest.approx(few, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_the_interval_of_any_rate_after_stopping_covers_it_as_often_as_it_says(rule):
    for rate in np.geomspace(0.003, 0.5, 60):
        assert_honest(float(rate), RULES[rule])


@pytest.mark.parametrize(("rule", "rate"), [("50 block errors", 0.1), ("outage rate +-0.02", 0.1)])
def test_points_run_by_chance_bear_the_exact_coverage_out(rule, rate):
    n_points = 4000
    share = simulated(rate, RULES[rule], SCHEDULE, n_points, np.random.default_rng(7))
    coverage = exactly(rate, partial(ends, RULES[rule]), SCHEDULE)[0]
    assert abs(share - coverage) <= 4 * math.sqrt(coverage * (1 - coverage) / n_points)
    assert COVERED[0] <= share <= COVERED[1]


def test_a_rule_that_trusts_its_own_estimate_after_every_trial_is_caught():
    def looks_narrow(n, errors):
        """The normal interval of the rate is within +-0.05: without an error seen, after two trials."""
        return n >= 2 and 1.96 * math.sqrt(errors * (n - errors) / n**3) <= 0.05

    _, estimate, half_width, _ = exactly(0.1, looks_narrow, range(2, 2000))
    assert abs(estimate - 0.1) > 0.13 * half_width
    coverage, *_ = exactly(0.3, lambda n, errors: clopper_pearson(errors, n)[1] < 0.3 or n >= 1000, EVERY)
    assert coverage < COVERED[0]


SOURCES = {
    "normal": (lambda rng, n: (rng.normal(30, 1, n), np.zeros(n, bool)), 30.0),
    "skewed": (lambda rng, n: (33 - rng.gamma(1, 2, n), np.zeros(n, bool)), 31.0),
    "an outage in 10": (lambda rng, n: fading(rng, n, 0.1), 30.0),
    "an outage in 50": (lambda rng, n: fading(rng, n, 0.02), 31.6),
    "an outage in 1000": (lambda rng, n: fading(rng, n, 0.001), 31.98),
    "a delivery in 20": (lambda rng, n: fading(rng, n, 0.95, spread=0), 13.0),
}


def fading(rng: np.random.Generator, n: int, rate: float, spread: float = 2):
    """PSNRs about 32 dB, and about 12 dB in outages, which those of one picture are all alike in."""
    lost = rng.random(n) < rate
    return np.where(lost, rng.normal(12, spread, n), rng.normal(32, 0.5, n)), lost


def sampled(source: str, stop: Stop, schedule, n_points: int, digital: bool, seed: int = 1):
    """The PSNRs of each point until it stops, and its tally then."""
    rng, (draw, _) = np.random.default_rng(seed), SOURCES[source]
    for _ in range(n_points):
        values, lost = draw(rng, schedule[-1])
        for n in schedule:
            tally = Tally(n=n, outages=int(lost[:n].sum()), blocks=n * digital)
            tally.moments["psnr_db"] = moments(values[:n])
            if reason(stop, tally):
                break
        else:
            raise AssertionError("the schedule is too short for the rule")
        yield values[:n], tally


def moments(values: np.ndarray) -> Moments:
    total, squares = float(values.sum()), float((values**2).sum())
    return Moments(n=values.size, total=round(total * SCALE), squares=round(squares * SCALE**2))


def shares(source: str, width: float, schedule=SCHEDULE[:13], n_points: int = 1500, **options):
    """(of the points whose interval holds the mean, of those within `width` of it, mean error over width)."""
    stop = Stop(half_width=HalfWidth(psnr_db=width), min_trials=options.pop("min_trials", MIN_TRIALS))
    errors, widths = [], []
    for _, tally in sampled(source, stop, schedule, n_points, options.get("digital", True)):
        errors.append(tally.mean("psnr_db") - SOURCES[source][1])
        widths.append(tally.half_width("psnr_db"))
    errors, widths = np.array(errors), np.array(widths)
    return (abs(errors) <= widths).mean(), (abs(errors) <= width).mean(), errors.mean() / width


@pytest.mark.parametrize("source", SOURCES)
def test_a_mean_stopped_at_a_half_width_is_within_it(source):
    covered, within, bias = shares(source, 0.3)
    assert within >= COVERED[0]
    assert abs(bias) <= 0.13
    if source in ("normal", "skewed"):
        assert COVERED[0] <= covered <= COVERED[1]


@pytest.mark.slow
@pytest.mark.parametrize("source", ["normal", "skewed", "an outage in 50", "an outage in 1000"])
def test_a_mean_stopped_at_a_tenth_of_a_decibel_is_within_it(source):
    covered, within, bias = shares(source, 0.1, n_points=4000)
    assert within >= COVERED[0]
    assert abs(bias) <= 0.13
    if "1000" not in source:  # too few outages are seen there to tell what they cost: about one
        assert COVERED[0] <= covered <= COVERED[1]


@pytest.mark.slow
@pytest.mark.parametrize("source", ["normal", "skewed"])
def test_the_resampled_interval_after_stopping_covers_the_mean(source):
    stop, rng = Stop(half_width=HalfWidth(psnr_db=0.3)), np.random.default_rng(2)
    covered = [
        low <= SOURCES[source][1] <= high
        for values, _ in sampled(source, stop, SCHEDULE, 1500, digital=True)
        for low, high in [bootstrap_mean(values, rng, resamples=600)]
    ]
    # a percentile of 600 resamples gives up about half a percent; three sigma of 1500 points are 1.7 %
    assert 0.918 <= np.mean(covered) <= COVERED[1]


def test_a_rule_on_the_mean_that_is_asked_all_the_time_or_forgets_outages_is_caught():
    assert shares("normal", 0.3, range(2, 400), 600, digital=False, min_trials=2)[1] < COVERED[0]
    assert shares("an outage in 50", 0.3, digital=False)[1] < 0.7


@pytest.mark.parametrize("source", ["normal", "skewed", "an outage in 10"])
def test_the_half_width_of_a_mean_is_about_that_of_the_resampled_interval(source):
    stop = Stop(half_width=HalfWidth(psnr_db=0.3))
    ratios = []
    for values, tally in sampled(source, stop, SCHEDULE, 20, digital=True):
        low, high = bootstrap_mean(values, np.random.default_rng(0))
        ratios.append(tally.half_width("psnr_db") / ((high - low) / 2))
    assert np.mean(ratios) == pytest.approx(1, abs=0.02)
    assert max(abs(np.array(ratios) - 1)) < 0.1  # a percentile of 2000 resamples wanders by about 3 %


def rows_of(n: int, rng: np.random.Generator) -> list[dict]:
    return [
        trial(rng.normal(30, 3), bool(rng.random() < 0.2), 3, int(rng.integers(0, 2)), ms_ssim_db=None)
        | {"seconds.link": rng.random(), "eve_psnr_db": rng.normal(8, 1)}
        for _ in range(n)
    ]


def test_a_tally_is_the_same_in_any_order_and_any_units():
    rng = np.random.default_rng(5)
    rows = rows_of(500, rng)
    one, other = Tally(), Tally()
    one.take(rows)
    for chunk in np.array_split(rng.permutation(500), 17):
        other.take([rows[i] for i in chunk])
    assert one == other


def test_a_tally_tells_the_means_and_deviations_of_its_rows():
    rows = rows_of(200, np.random.default_rng(6))
    tally = Tally()
    tally.take(rows)
    values = np.array([row["psnr_db"] for row in rows])
    delivered = values[[not row["outage"] for row in rows]]
    assert tally.mean("psnr_db") == pytest.approx(values.mean(), abs=1e-9)
    assert tally.moments["psnr_db"].deviation == pytest.approx(values.std(ddof=1), rel=1e-9)
    assert tally.mean("psnr_delivered_db") == pytest.approx(delivered.mean(), abs=1e-9)
    assert (tally.n, tally.outages) == (200, 200 - delivered.size)
    assert (tally.blocks, tally.block_errors) == (600, sum(row["block_errors"] for row in rows))
    assert tally.seconds == pytest.approx(sum(row["seconds.link"] for row in rows), abs=1e-6)
    half = stats.t.ppf(0.975, 199) * values.std(ddof=1) / math.sqrt(200)
    assert tally.half_width("psnr_db") == pytest.approx(half, rel=1e-9)
    low, high = clopper_pearson(tally.outages, 200)
    assert tally.half_width("outage_rate") == pytest.approx((high - low) / 2)
    assert math.isnan(tally.mean("ms_ssim_db"))
    assert math.isnan(tally.half_width("ms_ssim_db"))


def test_a_cautious_width_is_that_of_the_sample_with_two_more_outages_or_deliveries():
    values = np.random.default_rng(8).normal(30, 2, 100)
    tally, longer = Tally(), np.append(values, [10.0] * UNSEEN)
    tally.take([trial(value) for value in values])
    half = stats.t.ppf(0.975, longer.size - 1) * longer.std(ddof=1) / math.sqrt(longer.size)
    assert tally.cautious("psnr_db") == pytest.approx(half, rel=1e-9)
    assert tally.cautious("psnr_delivered_db") == tally.half_width("psnr_delivered_db")
    low, high = clopper_pearson(UNSEEN, 100)
    assert tally.cautious("outage_rate") == pytest.approx((high - low) / 2)
    lost, longer = Tally(), np.append(values - 20, [30.0] * UNSEEN)
    lost.take([trial(value - 20, outage=True) for value in values])
    half = stats.t.ppf(0.975, longer.size - 1) * longer.std(ddof=1) / math.sqrt(longer.size)
    assert lost.cautious("psnr_db") == pytest.approx(half, rel=1e-9)
    assert lost.cautious("outage_rate") == pytest.approx(tally.cautious("outage_rate"))
    analog = Tally()
    analog.take([trial(value, blocks=0) for value in values])
    assert analog.cautious("psnr_db") == analog.half_width("psnr_db")


def test_the_mean_squared_error_of_small_errors_has_a_half_width_of_as_many_digits():
    values = 1e-9 * np.random.default_rng(9).exponential(1, 100)
    tally = Tally()
    tally.take([trial(30.0, blocks=0) | {"mse": value} for value in values])
    half = stats.t.ppf(0.975, 99) * values.std(ddof=1) / 10
    assert tally.half_width("mse") == pytest.approx(half, rel=1e-9)
    assert reason(Stop(half_width=HalfWidth(mse=1.01 * half)), tally) == "half width"
    assert reason(Stop(half_width=HalfWidth(mse=0.99 * half)), tally) is None
    coded, longer = Tally(), np.append(values, [0.1] * UNSEEN)
    coded.take([trial(30.0) | {"mse": value} for value in values])
    half = stats.t.ppf(0.975, longer.size - 1) * longer.std(ddof=1) / math.sqrt(longer.size)
    assert coded.cautious("mse") == pytest.approx(half, rel=1e-9)


def test_a_picture_that_arrives_as_it_was_sent_has_no_half_width_and_ends_nothing():
    stop, tally = Stop(half_width=HalfWidth(psnr_db=100.0), trials=64), Tally()
    tally.take([trial(30.0)] * 62 + [trial(math.inf)])
    assert tally.mean("psnr_db") == math.inf
    assert math.isnan(tally.half_width("psnr_db"))
    assert reason(stop, tally) is None
    tally.take([trial(math.nan)])
    assert reason(stop, tally) == "trials"


def test_each_rule_names_itself_and_waits_for_what_it_needs():
    tally = Tally()
    tally.take([trial(30.0, errors=1, **{"seconds.link": 0.5})] * 40)
    assert reason(None, tally) is None
    assert reason(Stop(block_errors=40), tally) == "block errors"
    assert reason(Stop(block_errors=41), tally) is None
    assert reason(Stop(block_errors=40, min_trials=41), tally) is None
    assert reason(Stop(trials=40), tally) == "trials"
    assert reason(Stop(trials=40, min_trials=41), tally) == "trials"
    assert reason(Stop(seconds=20.0), tally) == "seconds"
    assert reason(Stop(seconds=20.1), tally) is None
    both = HalfWidth(psnr_delivered_db=0.1, outage_rate=0.2)
    assert reason(Stop(half_width=both), tally) == "half width"
    assert reason(Stop(half_width=HalfWidth(psnr_delivered_db=0.1, outage_rate=0.02)), tally) is None


@pytest.mark.parametrize(("n_images", "group"), [(1, 1), (1, 256), (24, 8), (4, 3), (1000, 1)])
@pytest.mark.parametrize("per_image", [1, 2, 7, 100, 10_000])
def test_looks_rise_by_whole_groups_to_the_last_round_and_grow_by_about_a_half(n_images, group, per_image):
    found = list(looks(n_images, per_image, group))
    assert found[-1] == per_image
    assert all(a < b for a, b in itertools.pairwise(found))
    assert all(rounds % group == 0 for rounds in found[:-1])
    assert all(n_images * rounds >= MIN_TRIALS for rounds in found[:-1])
    assert all(b - a <= a / 2 + group for a, b in itertools.pairwise(found))
    assert len(found) <= 4 + math.log(max(2, per_image)) / math.log(1.5)


FAULTS = [
    ({}, "names no rule; it may be block_errors, half_width, trials or seconds"),
    ({"block_errors": 0}, "block_errors: must be at least 1, got 0"),
    ({"trials": -1}, "trials: must be at least 1, got -1"),
    ({"trials": 10, "min_trials": 0}, "min_trials: must be at least 1, got 0"),
    ({"seconds": 0.0}, "seconds: must be above 0, got 0"),
]


@pytest.mark.parametrize(("fields", "told"), FAULTS, ids=[told for _, told in FAULTS])
def test_a_rule_that_can_never_or_always_hold_is_refused(fields, told):
    with pytest.raises(ValueError, match=f"^{told}"):
        Stop(**fields)


def test_a_half_width_names_a_metric_and_is_positive():
    with pytest.raises(ValueError, match=r"^names no metric; it may be psnr_db, "):
        HalfWidth()
    with pytest.raises(ValueError, match=r"^psnr_db: must be above 0, got -0\.1; "):
        HalfWidth(psnr_db=-0.1)


SCENARIO = "scenarios/rician_jpeg2000_ldpc.yaml"
OPTIONS = [
    ("stop={}", "stop: names no rule; it may be"),
    ("stop.block_error=3", "stop.block_error: is not a field; did you mean 'block_errors'?"),
    ("stop.half_width.psnr=3", "stop.half_width.psnr: is not a field; did you mean 'psnr_db'?"),
    ("stop.half_width.psnr_db=0", "stop.half_width.psnr_db: must be above 0, got 0; as 0.1"),
    ("stop.half_width=0.1", "stop.half_width: must be a mapping of fields, got 0.1"),
    ("stop.half_width.eve_psnr_db=1", "stop.half_width.eve_psnr_db: needs an eavesdropper, got none; set"),
    ("stop.block_errors=1.5", "stop.block_errors: must be a whole number, got 1.5"),
]


def test_a_rule_of_a_scenario_can_be_set_from_outside():
    path = Path(__file__).parents[1] / SCENARIO
    scenario = load(path, sets=["trials.stop.half_width.psnr_db=0.1", "trials.stop.trials=500"])
    assert scenario.trials.stop == Stop(half_width=HalfWidth(psnr_db=0.1), trials=500)


def test_no_rule_waits_for_a_metric_that_is_not_measured():
    sets = ["metrics=[psnr_db]", "trials.stop.half_width.ms_ssim_db=0.1"]
    with pytest.raises(ScenarioError, match=r"trials\.stop\.half_width\.ms_ssim_db: is not measured; add it"):
        load(Path(__file__).parents[1] / SCENARIO, sets=sets)


@pytest.mark.parametrize(("option", "told"), OPTIONS, ids=[option for option, _ in OPTIONS])
def test_a_faulty_rule_of_a_scenario_is_told_with_its_field(option, told):
    with pytest.raises(ScenarioError) as caught:
        load(Path(__file__).parents[1] / SCENARIO, sets=[f"trials.{option}"])
    assert str(caught.value).startswith(f"--set trials.{option}: trials.{told}")
