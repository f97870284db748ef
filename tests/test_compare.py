"""`linksim compare`: differences over the same draws, and intervals that cover them."""

import io
import math
import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from studies_by_hand import trial, trials, write_study

from linksim.compare import compare_runs
from linksim.curve_gains import GAIN, RATE, SAVING, gains
from linksim.errors import LinksimError
from linksim.paired import paired, unpaired
from linksim.sides import COMPARED, read_sides

SNRS = (0, 5, 10)
RATIO = "links.air.bandwidth_ratio"


def psnrs(rng: np.random.Generator, images: int, draws: int) -> np.ndarray:
    """Of pictures that differ by some dB, over fades that do: [images, draws]."""
    return rng.normal(0, 3, (images, 1)) + rng.normal(0, 2, (images, draws))


def study(
    folder, levels: dict[str, float], draw: int = 0, images: int = 4, draws: int = 8, noise=0.3, **more
):
    """Systems whose PSNR is a level + 1.5 dB for each dB of SNR, over shared fades, with their own noise."""
    rng = np.random.default_rng(draw)
    shared = psnrs(rng, images, draws)
    points = [
        (
            system,
            {"snr_db": snr},
            trials(level + 1.5 * snr + shared + rng.normal(0, noise, (images, draws))),
        )
        for system, level in levels.items()
        for snr in SNRS
    ]
    return write_study(folder, points, **more)


def shown(made) -> str:
    text = io.StringIO()
    Console(file=text, width=400).print(made)
    return text.getvalue()


@pytest.fixture
def two(tmp_path):
    return study(tmp_path / "two", {"HDA": 23.0, "JPEG 2000 + LDPC": 20.0})


def test_a_line_a_shared_point_says_who_beats_whom_by_how_much(two):
    made = compare_runs(f"{two}:HDA", f"{two}:JPEG 2000 + LDPC")
    assert len(made.sentences) == len(SNRS)
    for sentence, (_, row), snr in zip(made.sentences, made.frame.iterrows(), SNRS, strict=True):
        half, like = row.difference - row.these_low, row.difference - row.like_low
        told = f"{row.difference:.1f} +-{half:.1f} (+-{like:.1f})"
        assert sentence == f"HDA beats JPEG 2000 + LDPC by {told} dB at {snr} dB"
        assert 2.5 < row.difference < 3.5
        assert row.difference == pytest.approx(row.mean_a - row.mean_b)
    assert sentence in shown(made)


def test_the_other_way_round_it_loses_by_as_much(two):
    one, other = compare_runs(str(two)), compare_runs(f"{two}:JPEG 2000 + LDPC", str(two))
    assert other.sentences[0].startswith("JPEG 2000 + LDPC loses to HDA by ")
    assert list(other.frame.difference) == pytest.approx(list(-one.frame.difference))


def test_where_the_interval_holds_nought_no_difference_is_seen(tmp_path):
    made = compare_runs(str(study(tmp_path / "even", {"A": 20.0, "B": 20.01})))
    assert made.sentences[0].startswith("no difference seen between A and B at 0 dB: ")


def test_systems_equal_in_every_trial_are_equal(tmp_path):
    made = compare_runs(str(study(tmp_path / "even", {"A": 20.0, "B": 20.0}, noise=0.0)))
    assert made.sentences == [f"A and B are equal at {snr} dB, in every trial" for snr in SNRS]
    assert made.averages[0] == f"on average over {SNRS[0]} to {SNRS[-1]} dB: A and B are equal"
    assert all(line.endswith("A needs as much SNR as B") for line in made.averages[1:])


def test_shared_fades_drop_out_and_make_the_interval_narrow(tmp_path):
    rng = np.random.default_rng(0)
    fades = psnrs(rng, 4, 8)
    point = [("A", {"snr_db": 5}, trials(21 + fades)), ("B", {"snr_db": 5}, trials(20 + fades))]
    made = compare_runs(str(write_study(tmp_path / "run", point)))
    assert made.sentences == ["A beats B by 1.00 +-0.00 (+-0.00) dB at 5 dB"]


def test_trials_are_matched_by_picture_and_draw_and_not_by_place(tmp_path):
    fades = psnrs(np.random.default_rng(0), 4, 8)
    b = [row for row in trials(20 + fades) if row["trial"] != 3 and row["image"] != "photo1"]
    b = [row | {"image_index": 9 - row["image_index"]} for row in b]  # in another order
    folder = write_study(
        tmp_path / "run", [("A", {"snr_db": 5}, trials(21 + fades)), ("B", {"snr_db": 5}, b)]
    )
    line = compare_runs(str(folder)).frame.iloc[0]
    assert (line.trials, line.pictures) == (3 * 7, 3)
    assert line.difference == pytest.approx(1)
    assert line.these_high - line.these_low == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("change", [{"seed": 2}, {"links": ("uplink",)}])
def test_draws_that_are_not_shared_are_told_and_the_interval_is_wider(tmp_path, change):
    a = study(tmp_path / "a", {"": 23.0})
    same, other = study(tmp_path / "b", {"": 20.0}), study(tmp_path / "c", {"": 20.0}, **change)
    narrow, wide = compare_runs(str(a), str(same)), compare_runs(str(a), str(other))
    assert narrow.notes[0].startswith("Differences are within each trial")
    assert wide.notes[0].startswith("The draws are not shared")
    assert list(wide.frame.shared_draws) == [False] * 3
    widths = [made.frame.these_high - made.frame.these_low for made in (narrow, wide)]
    assert (widths[1] > 3 * widths[0]).all()
    assert "a beats c by " in wide.sentences[0]


def test_one_draw_a_picture_leaves_the_interval_over_pictures(tmp_path):
    made = compare_runs(str(study(tmp_path / "run", {"A": 23.0, "B": 20.0}, draws=1)))
    assert made.frame.these_low.isna().all()
    assert (made.frame.low == made.frame.like_low).all()
    assert "(+-" not in made.sentences[0]
    lone = compare_runs(str(study(tmp_path / "lone", {"A": 23.0, "B": 20.0}, draws=1, images=1)))
    assert lone.sentences[0].endswith("in one trial, without an interval")


def test_fewer_outages_are_better(tmp_path):
    lost = [[trial(0, n, 20.0, outage=n < count) for n in range(20)] for count in (2, 18)]
    folder = write_study(
        tmp_path / "run", [(name, {"snr_db": 5}, each) for name, each in zip("AB", lost, strict=True)]
    )
    made = compare_runs(str(folder), metric="outage")
    assert made.sentences[0].startswith("A beats B in outages by 80.0 +-")
    assert made.sentences[0].endswith(" % at 5 dB")


def test_a_smaller_mean_squared_error_is_better_and_told_in_powers_of_ten(tmp_path):
    fades = psnrs(np.random.default_rng(0), 4, 8)
    points = [
        (
            name,
            {"snr_db": snr},
            [row | {"mse": level * 10 ** (-row["psnr_db"] / 10)} for row in trials(20 + fades)],
        )
        for name, level in (("near", 1.0), ("far", 3.0))
        for snr in (0, 5)
    ]
    folder = write_study(tmp_path / "run", points)
    made = compare_runs(str(folder), metric="mse")
    expected = 2 * np.mean(10 ** (-(20 + fades) / 10))
    assert made.sentences[0].startswith(f"near beats far in MSE by {expected:.2e} +-")
    assert made.sentences[0].endswith(" at 0 dB: 0.333 [0.333, 0.333] times as much")
    assert "  " not in " ".join(made.sentences + made.averages)
    assert made.averages[0].startswith("on average over 2 points, 0 to 5 dB: near's MSE is 0.333 [0.333, ")
    assert f"near gains {expected:.2e} [" in made.averages[1]
    assert made.averages[1].endswith(" on far in MSE")
    line = made.frame.iloc[0]
    assert line.difference == pytest.approx(-expected)
    assert f"| {line.mean_a:.2e} | {line.mean_b:.2e} | {line.difference:.2e} | [" in made.markdown()
    other = compare_runs(f"{folder}:far", f"{folder}:near", metric="mse")
    assert other.sentences[0].startswith(f"far loses to near in MSE by {expected:.2e}")
    assert "far loses " in other.averages[1]


def test_an_average_of_fewer_outages_is_a_gain(tmp_path):
    lost = [[trial(0, n, 20.0, outage=n < count) for n in range(20)] for count in (2, 18)]
    points = [(name, {"snr_db": snr}, each) for name, each in zip("AB", lost, strict=True) for snr in (0, 5)]
    made = compare_runs(str(write_study(tmp_path / "run", points)), metric="outage")
    assert len(made.averages) == 1
    assert made.averages[0].startswith("on average over 0 to 5 dB: A gains 80.00 % [")
    assert made.averages[0].endswith("] on B in outages")


def test_an_average_that_some_resampled_curves_do_not_have_is_told_without_an_interval(tmp_path):
    values = {"A": ((20.0, 20.0), (25.0, 35.0)), "B": ((29.0, 29.0), (40.0, 40.0))}  # A's top may be below 29
    points = [
        (name, {"snr_db": 5.0 * n}, trials(np.repeat([each], 4, axis=0)))
        for name, both in values.items()
        for n, each in enumerate(both)
    ]
    made = compare_runs(str(write_study(tmp_path / "run", points)))
    assert "A needs " in made.averages[1]
    assert "[" not in made.averages[1]
    assert re.search(r"\(no interval: \d+ % of the resampled curves have no average\)$", made.averages[1])


def test_infinite_psnrs_are_left_out_and_told(tmp_path):
    a, b = np.full((2, 8), 30.0), np.full((2, 8), 28.0)
    a[0, 0] = b[0, 0] = b[1, 3] = np.inf
    points = [("A", {"snr_db": 5}, trials(a)), ("B", {"snr_db": 5}, trials(b))]
    made = compare_runs(str(write_study(tmp_path / "run", points)))
    assert made.sentences == ["A beats B by 2.00 +-0.00 (+-0.00) dB at 5 dB"]
    assert "2 trials without a finite value on both sides are left out." in made.notes


@pytest.mark.parametrize("seed", [1, 2], ids=["shared draws", "others"])
def test_means_are_of_what_was_compared_so_that_they_differ_by_the_difference(tmp_path, seed):
    rng = np.random.default_rng(0)
    runs = []
    for name, own in (("a", 1), ("b", seed)):
        draws = [(n % 3, n // 3) for n in range(24 - (own > 1))]
        rows = [trial(*draw, rng.normal(30, 3), outage=rng.random() < 0.3) for draw in draws]
        runs.append(write_study(tmp_path / name, [("", {"snr_db": snr}, rows) for snr in (0, 5)], seed=own))
    made = compare_runs(*map(str, runs), metric="psnr_delivered")
    told = made.frame
    np.testing.assert_allclose(told["mean_a"] - told["mean_b"], told["difference"], rtol=1e-9)
    assert "in what both delivered" in made.sentences[0]
    assert "in what each delivered" in made.averages[0]


def test_where_few_outages_were_seen_the_reader_is_told(tmp_path):
    lost = [trial(0, n, 20.0, outage=n < 7) for n in range(20)]
    points = [
        (name, {"snr_db": snr}, rows) for name in "AB" for snr, rows in ((0, lost), (5, trials([[1.0, 2.0]])))
    ]
    made = compare_runs(str(write_study(tmp_path / "run", points)))
    assert "Few outages were seen: 0 of 2 at 5 dB. What rarer ones cost is in no interval." in made.notes
    analog = [(name, {"snr_db": 5}, trials([[1.0, 2.0]], blocks=0)) for name in "AB"]
    made = compare_runs(str(write_study(tmp_path / "analog", analog)))
    assert not any("outages" in note for note in made.notes)


def test_points_are_those_of_one_snr_and_setting(tmp_path):
    field = "links.air.channel.k_factor"
    fades = psnrs(np.random.default_rng(0), 2, 4)
    points = [
        (name, {"snr_db": snr, field: k}, trials(level + fades))
        for name, level, snrs in (("A", 21, (0, 5)), ("B", 20, (5, 10)))
        for snr in snrs
        for k in (0.0, 3.0)
    ]
    made = compare_runs(str(write_study(tmp_path / "run", points)))
    assert [each.rpartition(" at ")[2] for each in made.sentences] == ["5 dB, k_factor 0", "5 dB, k_factor 3"]


def test_a_system_that_sweeps_more_than_the_other_meets_it_at_each_of_its_settings(tmp_path):
    scheme = "links.air.streams.picture.mcs"
    points = [("HDA", {"snr_db": snr}, trials(23 + snr + np.eye(4))) for snr in SNRS]
    points += [
        ("JPEG 2000", {"snr_db": snr, scheme: mcs}, trials(20 + loss + snr + np.eye(4)))
        for mcs, loss in (("bpsk-1/2", 0), ("qpsk-1/2", 1))
        for snr in SNRS
    ]
    made = compare_runs(str(write_study(tmp_path / "run", points)))
    assert made.sentences[:2] == [
        "HDA beats JPEG 2000 by 3.00 +-0.00 (+-0.00) dB at 0 dB, mcs bpsk-1/2",
        "HDA beats JPEG 2000 by 2.00 +-0.00 (+-0.00) dB at 0 dB, mcs qpsk-1/2",
    ]
    assert len(made.sentences) == len(made.frame) == 6
    assert [each for each in made.averages if "gains" in each] == [
        f"on average over 0 to 10 dB ({mcs}): HDA gains {gain} dB [{gain}, {gain}] on JPEG 2000"
        for mcs, gain in (("mcs bpsk-1/2", "3.00"), ("mcs qpsk-1/2", "2.00"))
    ]


def test_a_picture_that_is_there_under_two_names_counts_once(tmp_path):
    """Its draws are the same ones: no fade was met twice."""
    a, b = trials(np.arange(12.0).reshape(3, 4) + 1), trials(np.arange(12.0).reshape(3, 4))
    again = [row | {"image": "copy", "image_index": 3} for row in a if row["image_index"] == 0]
    folder = write_study(tmp_path / "run", [("A", {"snr_db": 0}, a + again), ("B", {"snr_db": 0}, b)])
    made = compare_runs(str(folder))
    assert (made.frame["trials"].item(), made.frame["difference"].item()) == (12, 1.0)


def test_curves_gain_save_and_say_over_which_range(tmp_path):
    fades = psnrs(np.random.default_rng(0), 4, 8)
    points = [
        (name, {"snr_db": snr}, trials(level + 1.5 * snr + fades))
        for name, level in (("A", 23.0), ("B", 20.0))
        for snr in SNRS
    ]
    made = compare_runs(str(write_study(tmp_path / "run", points)))
    assert made.averages[0] == "on average over 0 to 10 dB: A gains 3.00 dB [3.00, 3.00] on B"
    assert made.averages[1].startswith("at equal quality, ")
    assert made.averages[1].endswith(": A needs 2.00 dB [2.00, 2.00] less SNR than B")


def test_bandwidth_is_what_the_ledger_counted(tmp_path):
    fades = psnrs(np.random.default_rng(0), 4, 8)
    points = [
        (
            name,
            {"snr_db": snr, RATIO: f"1/{n}"},
            trials(30 - 5 * math.log2(n) + fades, n_uses=uses * 7200 // n),
        )
        for name, uses in (("A", 1.1), ("B", 1.0))
        for snr in (5,)
        for n in (24, 12, 6)
    ]
    for _, _, rows in points:
        for row in rows:
            row["n_uses"] = int(row["n_uses"])
    made = compare_runs(str(write_study(tmp_path / "run", points)))
    rate = next(each for each in made.averages if "bandwidth" in each)
    assert rate.endswith(": A needs 10.00 % [10.00, 10.00] more bandwidth than B")
    assert made.notes[-1] == (
        "Mind the channel uses per source sample: A spends 0.04583 to 0.1833 and B spends 0.04167 to 0.1667."
    )


def test_curves_without_a_quality_in_common_say_so(tmp_path):
    made = compare_runs(str(study(tmp_path / "run", {"A": 90.0, "B": 20.0})))
    assert made.averages[1].startswith("no saving of SNR: the curves have no quality in common (")


def test_numbers_go_to_csv_and_sentences_to_markdown(two, tmp_path):
    made = compare_runs(str(two))
    read = pd.read_csv(made.write(tmp_path / "c.csv"))
    assert list(read.snr_db) == list(SNRS)
    assert list(read.difference) == pytest.approx(list(made.frame.difference))
    text = made.write(tmp_path / "c.md").read_text()
    assert f"- {made.sentences[0]}\n" in text
    assert "| SNR (dB) | trials | HDA | JPEG 2000 + LDPC | difference | these pictures |" in text


def test_what_cannot_be_compared_is_told_in_one_line(two, tmp_path):
    three = study(tmp_path / "three", {"A": 1.0, "B": 2.0, "C": 3.0})
    elsewhere = write_study(tmp_path / "x", [("", {"snr_db": 77}, trials([[1.0, 2.0]]))])
    faults = [
        ((str(three),), "a second run or system is missing; "),
        ((f"{three}:A",), "must be one system, as RUN:SYSTEM"),
        ((f"{two}:HDA", f"{two}:HDA"), "names one system twice"),
        ((f"{two}:HD", str(three)), "has no such system, got 'HD'; did you mean 'HDA'?"),
        ((f"{two}:HDA", str(tmp_path / "nowhere")), "must be the folder of a run"),
        ((f"{two}:HDA", str(elsewhere)), "in common; run them over the same SNRs and pictures"),
        (
            (str(two), None, "psrn"),
            "--metric: must be one that can be compared, got 'psrn'; did you mean 'psnr'?",
        ),
        ((str(two), None, "ms_ssim"), "--metric: HDA has no ms_ssim_db; choose another"),
    ]
    for words, told in faults:
        with pytest.raises(LinksimError) as caught:
            compare_runs(*words)
        assert told in str(caught.value)
        assert "\n" not in str(caught.value)


def test_two_runs_of_one_name_are_told_apart_by_their_folders(tmp_path):
    folders = [study(tmp_path / name / "run", {"": level}) for name, level in (("a", 23.0), ("b", 20.0))]
    made = compare_runs(*map(str, folders))
    assert made.sentences[0].startswith(f"{folders[0]} beats {folders[1]} by ")


def covered(images: int, draws: int, deviation, n: int = 1500) -> tuple[float, float]:
    """How often (the pictures' own mean, that of all pictures, 0) lies in its interval."""
    rng, these, like = np.random.default_rng(3), 0, 0
    for _ in range(n):
        own = rng.normal(0, 1, images)
        parts = own[:, None] + deviation(rng, (images, draws))
        found = paired(list(parts))
        these += abs(found.mean - own.mean()) <= found.these
        like += abs(found.mean) <= found.like
    return these / n, like / n


DEVIATIONS = {
    "normal": lambda rng, size: rng.normal(0, 1, size),
    "an outage in 5": lambda rng, size: 20 * ((rng.random(size) < 0.2) - 0.2),
    "some pictures are hard": lambda rng, size: rng.normal(0, 1, size) * rng.choice([0.2, 3], (size[0], 1)),
}


@pytest.mark.parametrize("name", DEVIATIONS)
def test_both_intervals_cover_as_often_as_they_say(name):
    these, like = covered(24, 8, DEVIATIONS[name])
    # three sigma of 1500 comparisons are 1.7 %
    assert 0.93 <= these <= 0.97
    assert 0.93 <= like <= 0.97


def test_the_interval_of_draws_that_are_not_shared_covers_as_often_as_it_says():
    rng, n, hits, widths = np.random.default_rng(5), 1500, 0, []
    for _ in range(n):
        level, fades = rng.normal(0, 3, (6, 1)), rng.normal(0, 2, (2, 6, 8))
        a, b = level + fades[0] + 0.7, (level + fades[1])[:, :5]
        found = unpaired(list(a), list(b))
        hits += abs(found.mean - 0.7) <= found.these
        widths.append(found.these)
    assert 0.93 <= hits / n <= 0.97
    assert np.mean(widths) == pytest.approx(1.96 * 2 * math.sqrt((1 / 8 + 1 / 5) / 6), rel=0.05)


def test_trials_taken_for_independent_would_not_cover_pictures_like_these():
    rng, n = np.random.default_rng(4), 400
    missed = 0
    for _ in range(n):
        values = (rng.normal(0, 1, (8, 1)) + rng.normal(0, 0.3, (8, 16))).ravel()
        missed += abs(values.mean()) > 1.98 * values.std(ddof=1) / math.sqrt(values.size)
    assert missed / n > 0.3  # and the interval over pictures is right above


def test_differences_of_few_draws_are_covered_more_often_rather_than_less():
    these, _ = covered(4, 2, DEVIATIONS["normal"])
    assert 0.94 <= these <= 1


@pytest.mark.slow
def test_the_intervals_of_average_gains_cover_them(tmp_path, monkeypatch):
    monkeypatch.setattr("linksim.curve_gains.RESAMPLES", 200)
    n, hits = 150, dict.fromkeys((GAIN, SAVING), 0)
    for seed in range(n):
        folder = study(tmp_path / str(seed), {"A": 23.0, "B": 20.0}, draw=seed, noise=1.5)
        for found in gains(*read_sides(str(folder), None), COMPARED["psnr"]):
            truth = 3.0 if found.kind == GAIN else 2.0
            hits[found.kind] += found.low <= truth <= found.high
    # percentiles of 200 give up about a percent; three sigma of 150 studies are 5.3 %
    assert all(0.88 <= count / n <= 0.99 for count in hits.values())
    assert RATE not in hits
