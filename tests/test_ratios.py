"""Ratios of mean squared errors: their intervals cover, and know which draws the points share."""

import numpy as np
import pandas as pd
import pytest
from studies_by_hand import trial, write_study

from linksim.compare import compare_runs
from linksim.errors import LinksimError
from linksim.ratios import average, moved, ratio
from linksim.sides import COMPARED, Pair

RANK, ETA = "codec.rank", "codec.eta"


def errors(rng: np.random.Generator, level: float, hard: np.ndarray, **more) -> list[dict]:
    """Trials whose MSE is a level times how hard the draw is, [images, draws], and a noise of their own."""
    values = level * hard * rng.lognormal(0, 0.2, hard.shape)
    return [
        trial(i, n, 30.0, mse=float(value), **more)
        for i, line in enumerate(values)
        for n, value in enumerate(line)
    ]


def study(folder, draw: int, images=6, draws=5, levels=(0.5, 0.25), **more):
    """a has of b's MSE a half at rank 1 and a quarter at rank 2, over the same hard and easy draws."""
    rng = np.random.default_rng(draw)
    hard = rng.exponential(1, (images, draws)) * rng.lognormal(0, 0.5, (images, 1))
    points = [
        (system, {"snr_db": 5, RANK: rank}, errors(rng, level if system == "a" else 1.0, hard))
        for system in "ab"
        for rank, level in enumerate(levels, 1)
    ]
    return write_study(folder, points, **more)


def test_intervals_of_ratios_and_of_their_average_cover_them():
    levels, covered = (0.5, 0.25), np.zeros(3)
    for draw in range(200):
        rng = np.random.default_rng(draw)
        hard = rng.exponential(1, (8, 5)) * rng.lognormal(0, 0.5, (8, 1))
        points = []
        for level in levels:
            a, b = (pd.DataFrame(errors(rng, each, hard)) for each in (level, 1.0))
            points.append(moved(Pair(values={}, a=a, b=b, shared=True), COMPARED["mse"]))
        found = [*map(ratio, points), average(points)]
        truth = [*levels, np.mean(levels)]
        covered += [each.low <= true <= each.high for each, true in zip(found, truth, strict=True)]
    # 95 % of 200, less what 40 trials of skewed errors cost; four sigma of a binomial count are 12
    assert (covered >= 174).all()
    assert (covered <= 199).all()


def test_one_ratio_is_that_of_the_means_and_the_average_their_mean(tmp_path):
    folder = study(tmp_path / "run", 1)
    made = compare_runs(f"{folder}:a", f"{folder}:b", metric="mse")
    assert list(made.frame.ratio) == pytest.approx(list(made.frame.mean_a / made.frame.mean_b))
    every = compare_runs(str(folder), metric="mse", over=["rank"])
    assert every.frame.ratio.iloc[0] == pytest.approx(made.frame.ratio.mean())
    assert every.sentences[0].startswith("on average over 2 points, rank 1 to 2: a's MSE is 0.3")
    assert "times as much" in made.sentences[0]
    other = compare_runs(f"{folder}:b", f"{folder}:a", metric="mse").frame
    assert list(other.ratio_low * made.frame.ratio_high) == pytest.approx([1, 1])


def test_points_over_the_same_draws_are_not_so_many_experiments(tmp_path):
    rng = np.random.default_rng(2)
    hard = rng.exponential(1, (8, 6))
    own, b = errors(rng, 0.5, hard), errors(rng, 1.0, hard)
    points = [(s, {"snr_db": 5, RANK: rank}, rows) for s, rows in (("a", own), ("b", b)) for rank in range(4)]
    folder = write_study(tmp_path / "run", points)  # four points of the very same trials
    one = compare_runs(str(folder), metric="mse").frame.iloc[0]
    every = compare_runs(str(folder), metric="mse", over=["rank"]).frame.iloc[0]
    assert [every.ratio, every.ratio_low, every.ratio_high] == pytest.approx(
        [one.ratio, one.ratio_low, one.ratio_high], rel=1e-9
    )


def test_draws_not_shared_have_wider_intervals_and_one_draw_a_picture_those_over_pictures(tmp_path):
    same, other = study(tmp_path / "run", 3), study(tmp_path / "other", 3, seed=2)
    once = study(tmp_path / "once", 3, draws=1)
    narrow, wide, over_pictures = (
        compare_runs(*sides, metric="mse").frame.iloc[0]
        for sides in ((f"{same}:a", f"{same}:b"), (f"{same}:a", f"{other}:b"), (str(once),))
    )
    assert narrow.ratio == pytest.approx(wide.ratio)
    assert wide.ratio_high / wide.ratio_low > 2 * narrow.ratio_high / narrow.ratio_low
    assert narrow.ratio_like_low <= narrow.ratio_low
    assert over_pictures.ratio_low == over_pictures.ratio_like_low < over_pictures.ratio


def curve(folder, own: dict[float, float], other: dict[float, float]):
    """A study of two systems, each eta -> MSE in every trial."""
    rng, hard = np.random.default_rng(0), np.ones((2, 3))
    points = []
    for system, field, values in (("HSC", RANK, own), ("SC", "links.sr.bandwidth_ratio", other)):
        for n, (eta, level) in enumerate(values.items()):
            rows = [row | {"mse": level, ETA: eta} for row in errors(rng, 1.0, hard)]
            points.append((system, {"snr_db": 5, field: n}, rows))
    return write_study(folder, points)


def test_at_equal_cost_the_other_curve_is_read_between_its_points(tmp_path):
    own = {0.1: 1e-3, 0.3: 2e-4, 0.4: 1e-4, 0.9: 1e-6}
    folder = curve(tmp_path / "run", own, {0.2: 1e-2, 0.4: 1e-4, 0.6: 1e-5})
    made = compare_runs(f"{folder}:HSC", f"{folder}:SC", metric="mse", along="eta")
    assert list(made.frame[ETA]) == [0.3, 0.4]
    assert list(made.frame.ratio) == pytest.approx([0.2, 1.0])  # 1e-3 between 1e-2 and 1e-4
    assert made.sentences[0] == "at eta 0.3, rank 1: HSC's MSE is 0.2 [0.2, 0.2] of SC's"
    assert "2 points of HSC lie where SC has no eta." in made.notes


def test_sweeps_of_one_s_own_cross_and_have_no_average(tmp_path):
    folder = curve(tmp_path / "run", {0.2: 1e-3, 0.4: 1e-4}, {0.2: 1e-2, 0.4: 1e-3})
    made = compare_runs(f"{folder}:HSC", f"{folder}:SC", metric="mse")
    assert len(made.sentences) == 4
    assert not [line for line in made.averages if "'s MSE is" in line]
    assert [note for note in made.notes if note.startswith("Each has a sweep of its own")]


def test_what_has_no_ratio_is_one_line(tmp_path):
    folder = str(study(tmp_path / "run", 1))
    for words in ({"over": ["rank"]}, {"along": "eta"}):
        with pytest.raises(LinksimError, match="is told of ratios, as of mse, got 'psnr'; add --metric mse"):
            compare_runs(folder, **words)
    with pytest.raises(LinksimError, match="--over: must be one of the swept fields, got 'tank'"):
        compare_runs(folder, metric="mse", over=["tank"])
    with pytest.raises(LinksimError, match="--along: must be a metric, got 'eta'"):
        compare_runs(folder, metric="mse", along="eta")
    with pytest.raises(LinksimError, match="--along: must be one column, got 'pictures'"):
        compare_runs(folder, metric="mse", along="pictures")
    points = [
        (name, {"snr_db": 5}, [trial(0, 0, 30.0, mse=1e-3) | {ETA: eta}])
        for name, eta in (("a", 0.2), ("b", None))
    ]
    half = str(write_study(tmp_path / "half", points))
    with pytest.raises(LinksimError, match="--along: was not measured of b, got 'eta'; name what both have"):
        compare_runs(half, metric="mse", along="eta")


def test_a_ratio_alone_tells_where_it_is(tmp_path):
    folder = curve(tmp_path / "run", {0.2: 1e-4}, {0.2: 1e-3})
    made = compare_runs(f"{folder}:HSC", f"{folder}:SC", metric="mse", along="eta")
    assert made.sentences[0].startswith("at eta 0.2: HSC's MSE is 0.1")
    made = compare_runs(f"{folder}:HSC", f"{folder}:SC", metric="mse", over=["rank"])
    assert made.sentences[0].startswith("HSC's MSE is 0.1")


def test_an_error_of_nought_is_no_part_and_divides_nothing(tmp_path):
    folder = curve(tmp_path / "run", {0.2: 0.0}, {0.2: 1e-3})
    assert compare_runs(f"{folder}:HSC", f"{folder}:SC", metric="mse").frame.ratio.iloc[0] == 0
    made = compare_runs(f"{folder}:SC", f"{folder}:HSC", metric="mse")
    assert "ratio" not in made.frame
    assert "1 pair of points, where HSC makes no error, have no ratio." in made.notes
