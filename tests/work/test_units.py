"""Units: cut by the pictures alone, every trial in one, the same ones however far a point goes."""

from dataclasses import dataclass

import pytest

from linksim.work.units import GROUP_TRIALS, UNIT_SAMPLES, UNIT_TRIALS, layout


@dataclass(frozen=True, kw_only=True)
class Point:
    """As much of a point as a unit asks for."""

    id: str = "0123456789abcdef"


def photos(n: int, height: int, width: int) -> list[dict]:
    return [{"name": f"p{i}", "sha256": f"{i:064x}", "height": height, "width": width} for i in range(n)]


PICTURES = {
    "kodak": photos(24, 512, 768),
    "one": photos(1, 512, 768),
    "huge": photos(3, 4000, 6000),
    "mnist": photos(1000, 28, 28),
    "mixed": photos(5, 512, 512) + photos(3, 100, 100) + photos(2, 2000, 3000),
}


@pytest.mark.parametrize("pictures", PICTURES.values(), ids=PICTURES)
@pytest.mark.parametrize("per_image", [1, 3, 16])
def test_every_trial_is_in_one_unit(pictures, per_image):
    cut = layout(pictures)
    units = list(cut.units(Point(), 0, per_image))
    trials = [(job.image_index, job.trial) for unit in units for job in unit.jobs]
    assert sorted(trials) == [(i, t) for i in range(len(pictures)) for t in range(per_image)]
    assert len({unit.name for unit in units}) == len(units) == cut.n_units(0, per_image)
    assert cut.n_images == len(pictures)
    for unit in units:
        for job in unit.jobs:
            assert (job.name, job.sha256) == tuple(pictures[job.image_index][n] for n in ("name", "sha256"))


@pytest.mark.parametrize("pictures", PICTURES.values(), ids=PICTURES)
def test_a_unit_is_small_and_a_group_is_whole_rounds(pictures):
    cut = layout(pictures)
    assert cut.group & (cut.group - 1) == 0
    assert cut.group == 1 or cut.group * len(pictures) < 2 * GROUP_TRIALS
    units = list(cut.units(Point(), 0, 4 * cut.group))
    for unit in units:
        samples = sum(3 * image["height"] * image["width"] for _, image in unit.chunk.images)
        assert len(unit.jobs) <= UNIT_TRIALS
        assert samples * cut.group <= UNIT_SAMPLES or len(unit.jobs) == 1
    assert [unit.start for unit in units] == sorted(unit.start for unit in units)


def test_photos_go_some_at_a_time_and_small_pictures_hundreds():
    assert {len(unit.jobs) for unit in layout(PICTURES["kodak"]).units(Point(), 0, 4)} == {4}
    assert max(len(unit.jobs) for unit in layout(PICTURES["mnist"]).units(Point(), 0, 1)) == UNIT_TRIALS


def test_more_rounds_leave_the_whole_groups_as_they_are():
    cut = layout(PICTURES["one"])
    assert cut.group == 4
    few, many = ([unit.name for unit in cut.units(Point(), 0, n)] for n in (6, 11))
    assert few[0] == many[0]
    assert few[1] != many[1]
    short = list(cut.units(Point(), 0, 6))[1]
    assert short.upto(8).name == many[1]


def test_a_name_is_of_the_point_the_pictures_and_the_trials():
    pictures = PICTURES["kodak"]
    (first, *_) = layout(pictures).units(Point(), 0, 2)
    (other, *_) = layout(pictures).units(Point(id="another"), 0, 2)
    names = {first.name, other.name, first.upto(1).name}
    for change in ({"sha256": "f" * 64}, {"name": "q"}):
        (changed, *_) = layout([pictures[0] | change, *pictures[1:]]).units(Point(), 0, 2)
        names.add(changed.name)
    assert len(names) == 5
    (same, *_) = layout(pictures).units(Point(), 0, 2)
    assert same.name == first.name
