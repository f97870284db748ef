"""The studies of HDA-DeepSC's figures: what is compared in each is alike but for the system."""

from pathlib import Path

import pytest

from linksim.plan import Plan
from linksim.study import plan_of
from phy.amc import Amc
from phy.channel import Awgn, Rician

STUDIES = Path(__file__).parent.parent / "scenarios" / "hda"
FADED = {"fig4": False, "fig5": True, "fig6": False, "fig7": True, "fig8": False}
BLIND = "no CSIT"
"""What the label of a system says whose schemes do not follow the fades."""


@pytest.fixture(params=FADED)
def figure(request, kodak) -> tuple[str, Plan]:
    return request.param, plan_of(STUDIES / f"{request.param}.yaml")


def test_systems_meet_the_same_pictures_fades_and_noise(figure):
    name, plan = figure
    scenarios = list(plan.scenarios.values())
    assert {each.images.set for each in scenarios} == {"kodak"}
    assert len({each.seed for each in scenarios}) == 1
    assert len({each.trials for each in scenarios}) == 1
    assert {tuple(each.links) for each in scenarios} == {("air",)}
    (channel,) = {each.links["air"].channel for each in scenarios}
    assert channel == (Rician(k_factor=1.0, block="frame") if FADED[name] else Awgn())
    assert len({each.links["air"].csi for each in scenarios}) == 1


@pytest.mark.parametrize("name", ["fig3", "table1", "table3", "fig9"])
def test_detections_and_eavesdroppers_meet_the_same_pictures_uses_and_noise(name, kodak):
    scenarios = list(plan_of(STUDIES / f"{name}.yaml").scenarios.values())
    assert {each.images.set for each in scenarios} == {"kodak"}
    assert len({(each.seed, each.trials, each.images.limit) for each in scenarios}) == 1
    links = [each.links["air"] for each in scenarios]
    assert len({(link.channel, link.csi, link.bandwidth_ratio) for link in links}) == 1


def test_systems_have_the_same_channel_uses_and_snrs(figure):
    _, plan = figure
    met: dict[str, set] = {}
    for point in plan.points:
        here = (point.scenario.links["air"].bandwidth_ratio, point.scenario.snr_db)
        met.setdefault(point.values["system"], set()).add(here)
    for label, each in met.items():
        of_one_ratio = plan.scenarios[label].codec.kind == "deepjscc"
        assert each <= met["HDA-DeepSC"] if of_one_ratio else each == met["HDA-DeepSC"], label


def test_both_metrics_are_scored_and_nobody_listens(figure):
    _, plan = figure
    assert {tuple(each.metrics) for each in plan.scenarios.values()} == {("psnr_db", "ms_ssim_db")}
    assert not any(each.eavesdropper for each in plan.scenarios.values())


def test_over_fading_schemes_follow_the_fades_unless_the_label_says_otherwise(figure):
    name, plan = figure
    for label, scenario in plan.scenarios.items():
        for stream in scenario.links["air"].streams.values():
            if isinstance(getattr(stream, "mcs", None), Amc):
                assert stream.mcs.csit is (FADED[name] and not label.endswith(BLIND)), label


def test_linear_codecs_stand_as_published_and_at_their_best(figure):
    name, plan = figure
    kinds = [each.codec.kind for each in plan.scenarios.values()]
    if name != "fig8":
        assert (kinds.count("softcast"), kinds.count("dct_hda")) == (2, 2)
        for kind in ("softcast", "dct_hda"):
            published, best = (each.codec for each in plan.scenarios.values() if each.codec.kind == kind)
            assert published == type(published)()
            assert (best.chunks, best.allocation) == (256, "lmmse")
