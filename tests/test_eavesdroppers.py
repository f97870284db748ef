"""Who listens: without the key, with a wrong one, or not at all; how it is written, and what is seen."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from small_runs import go

from linksim.document import parse
from linksim.errors import ScenarioError
from linksim.images import load_images
from linksim.load import load
from linksim.plan import expand
from linksim.results import read_rows
from linksim.scenario import build, resolved
from linksim.system import Eavesdropper, System

SCENARIOS = Path(__file__).parent.parent / "scenarios"
TEXT = """
name: listened
images: {{set: sample, crop: 64x64, limit: 1}}
codec: {{kind: jpeg2000}}
links:
  air:
    bandwidth_ratio: 1/3
    channel: {{kind: awgn}}
    engine: reference
    streams:
      picture: {{kind: digital, mcs: 16qam-1/2, cipher: {{kind: {cipher}, key: {{test: true}}}}}}
snr_db: 30
seed: 1
eavesdropper: {who}
"""


def delivered(who: str, cipher: str = "aes-ctr"):
    scenario = build(parse(TEXT.format(who=who, cipher=cipher), "listened"))
    photos = load_images(scenario.images)
    system = System(codec=scenario.codec, links=scenario.links, eavesdropper=scenario.eavesdropper)
    (outcome,) = system.deliver(photos, [0], scenario.seed, scenario.snr_db)
    return photos[0], outcome


@pytest.mark.parametrize("cipher", ["aes-ctr", "aes-gcm"])
@pytest.mark.parametrize("who", ["{key: none}", "{key: wrong}", "true"])
def test_neither_without_a_key_nor_with_a_wrong_one_is_the_picture_seen(who, cipher):
    photo, outcome = delivered(who, cipher)
    assert not outcome.decoded.outage
    assert outcome.eavesdropped.outage
    error = np.mean((photo.image.astype(float) - outcome.eavesdropped.image) ** 2)
    assert error > 20 * np.mean((photo.image.astype(float) - outcome.decoded.image) ** 2)


@dataclass(frozen=True, eq=False)
class Overhearing:
    """A codec, and what it was given to decode."""

    codec: object
    heard: list = field(default_factory=list)

    def encode(self, images, grants):
        return self.codec.encode(images, grants)

    def decode(self, receptions, shapes):
        self.heard.extend(receptions)
        return self.codec.decode(receptions, shapes)


@pytest.mark.parametrize(
    ("who", "deciphered"), [("true", False), ("{key: none}", False), ("{key: wrong}", True)]
)
def test_only_who_has_a_key_takes_bits_for_deciphered(who, deciphered):
    scenario = build(parse(TEXT.format(who=who, cipher="aes-ctr"), "listened"))
    codec = Overhearing(scenario.codec)
    system = System(codec=codec, links=scenario.links, eavesdropper=scenario.eavesdropper)
    system.deliver(load_images(scenario.images), [0], scenario.seed, scenario.snr_db)
    own, seen = (each["picture"] for each in codec.heard)
    assert own.ok
    assert seen.ok
    assert seen.deciphered is deciphered
    assert 0.4 < np.mean(seen.data != own.data) < 0.6


def test_what_is_overheard_is_scored_as_what_is_received(tmp_path):
    text = TEXT.format(who="true", cipher="aes-ctr").replace("crop: 64x64", "crop: 192x192")
    plan = expand(build(parse(text + "metrics: [psnr_db, ms_ssim_db]", "listened")))
    go(plan, tmp_path / "run")
    (row,) = read_rows(tmp_path / "run").to_dict("records")
    assert row["eve_psnr_db"] < row["psnr_db"]
    assert row["eve_ms_ssim_db"] < 3 < 10 < row["ms_ssim_db"]


def test_nobody_listens_unless_asked_for():
    assert delivered("false")[1].eavesdropped is None


def test_an_eavesdropper_is_written_read_and_swept():
    scenario = build(parse(TEXT.format(who="{key: wrong}", cipher="aes-ctr"), "listened"))
    assert scenario.eavesdropper == Eavesdropper(key="wrong")
    assert resolved(scenario)["eavesdropper"] == {"key": "wrong", "attack": None, "places": "guessed"}
    with pytest.raises(ScenarioError, match=r"eavesdropper\.key: .*none.*wrong.*got 'right'"):
        build(parse(TEXT.format(who="{key: right}", cipher="aes-ctr"), "listened"))
    shipped = load(SCENARIOS / "rician_hda_eve.yaml")
    assert list(shipped.sweep["eavesdropper.key"]) == ["none", "wrong"]


def test_the_hybrid_survives_what_a_wrong_key_reads():
    """Bits that look random and pass their check: a header and a code that mean nothing, in many trials."""
    scenario = load(
        SCENARIOS / "rician_hda_eve.yaml", sets=["eavesdropper={key: wrong}", "images.crop=64x64"]
    )
    photos = load_images(scenario.images)[:1] * 40
    links = {name: link for name, link in scenario.links.items()}
    system = System(codec=scenario.codec, links=links, eavesdropper=scenario.eavesdropper)
    outcomes = system.deliver(photos, range(40), 1, 25.0)
    assert sum(not each.decoded.outage for each in outcomes) > 30
    for photo, each in zip(photos, outcomes, strict=True):
        seen = each.eavesdropped.image
        assert seen.shape == photo.image.shape
        assert seen.dtype == np.uint8
        assert not np.array_equal(seen, each.decoded.image) or each.decoded.outage
