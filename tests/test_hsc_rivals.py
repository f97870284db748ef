"""HSC's rivals and relatives as scenarios: equal channel uses, one frame or two, with and without the key."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from linksim.images import load_images
from linksim.load import load
from linksim.system import System
from phy.channel import Awgn

SCENARIOS = Path(__file__).parent.parent / "scenarios"
RIVALS = ("rayleigh_png", "rayleigh_jpeg2000_digits", "rayleigh_jpeg2000_sheets", "rayleigh_hsc_one_frame")


def delivered(name: str, n: int = 1, snr_db: float = 60.0, faded: bool = False):
    """Scenario, its first pictures, and what came of them, without fading unless told."""
    scenario = load(SCENARIOS / f"{name}.yaml")
    photos = load_images(replace(scenario.images, limit=n))
    links = scenario.links
    if not faded:
        links = {key: replace(link, channel=Awgn()) for key, link in links.items()}
    system = System(codec=scenario.codec, links=links, eavesdropper=scenario.eavesdropper, nonce=("test",))
    return photos, system.deliver(photos, [0] * n, scenario.seed, snr_db)


def error(photo, decoded) -> float:
    return float(np.mean((photo.image / 255 - decoded.image / 255) ** 2))


def uses(photo, outcome) -> float:
    return sum(ledger.n_uses for ledger in outcome.ledgers.values()) / photo.image.size


@pytest.fixture(scope="module")
def hsc():
    pytest.importorskip("mlxtend")
    photos, outcomes = delivered("rayleigh_hsc", 4)
    return photos, outcomes


@pytest.mark.parametrize("name", RIVALS)
def test_rivals_have_the_channel_uses_of_hsc(hsc, name):
    photos, (outcome, *_) = delivered(name)
    assert uses(photos[0], outcome) == uses(hsc[0][0], hsc[1][0]) == 247 / 98


def test_png_has_no_error_where_the_digit_fits_and_is_flat_where_it_does_not_arrive(hsc):
    photos, outcomes = delivered("rayleigh_png", 4)
    assert [error(*pair) for pair in zip(photos, (each.decoded for each in outcomes), strict=True)] == [0] * 4
    photos, (lost,) = delivered("rayleigh_png", 1, snr_db=-20.0)
    assert lost.decoded.outage
    assert (lost.decoded.image == 33).all()


def test_one_frame_brings_what_two_links_bring_under_one_fade(hsc):
    photos, outcomes = delivered("rayleigh_hsc_one_frame", 4)
    for photo, one, two in zip(photos, outcomes, hsc[1], strict=True):
        assert not one.decoded.outage
        assert error(photo, one.decoded) == pytest.approx(error(photo, two.decoded), rel=0.05)
    _, faded = delivered("rayleigh_hsc_one_frame", 2, faded=True)
    assert [len(each.ledgers) for each in faded] == [1, 1]


def test_without_the_key_one_sees_the_semantic_picture_alone(hsc):
    photos, outcomes = delivered("rayleigh_hsc_aes_amc", 4)
    for photo, outcome in zip(photos, outcomes, strict=True):
        assert not outcome.decoded.outage
        assert outcome.eavesdropped.outage
        assert error(photo, outcome.decoded) < 0.2 * error(photo, outcome.eavesdropped)
    poor = delivered("rayleigh_hsc_aes_amc", 4, snr_db=4.0)
    richer, poorer = (
        np.mean([error(*pair) for pair in zip(photos, (each.decoded for each in some), strict=True)])
        for some in (outcomes, poor[1])
    )
    assert not any(each.decoded.outage for each in poor[1])
    assert richer < 0.5 * poorer


def test_a_sheet_s_complements_take_half_the_uses_and_err_less(hsc):
    (sheet,), (outcome,) = delivered("rayleigh_hsc_sheets")
    assert not outcome.decoded.outage
    assert uses(sheet, outcome) < 0.6 * uses(hsc[0][0], hsc[1][0])
    singles = np.mean([error(p, o.decoded) for p, o in zip(*hsc, strict=True)])
    assert error(sheet, outcome.decoded) < 0.7 * singles


def test_the_photos_rival_is_sent(hsc):
    photos, (outcome,) = delivered("awgn_jpeg2000_photos")
    assert photos[0].image.shape == (256, 256, 3)
    assert not outcome.decoded.outage
    assert error(photos[0], outcome.decoded) < 1e-3
