"""What a point spends is told before it runs, and adds up."""

from fractions import Fraction

import pytest

from linksim.budget import budget, check_frames, frames
from linksim.document import parse
from linksim.errors import LinksimError
from linksim.plan import expand
from linksim.scenario import build

TEXT = """\
name: trial
images: {{set: sample}}
codec: {{kind: hda_deepsc}}
links:
  air:
    bandwidth_ratio: 1/6
    channel: {{kind: rician, k_factor: 1.0}}
    engine: reference
    streams:
      essential: {{kind: digital, share: 0.2, mcs: {mcs}}}
      auxiliary: {{kind: analog, share: 1.0}}
snr_db: {snr_db}
seed: 1
"""
KODAK = 768 * 512 * 3


def plan(mcs: str = "qpsk-1/2", snr_db: float = 10):
    return expand(build(parse(TEXT.format(mcs=mcs, snr_db=snr_db), "s.yaml")))


def rows(mcs: str = "qpsk-1/2", snr_db: float = 10, n_source: int = KODAK):
    return budget(plan(mcs, snr_db).points[0], [n_source])


def test_a_fixed_scheme_is_counted_by_hand():
    essential, auxiliary = rows()
    assert (essential.uses, auxiliary.uses) == (32768, 163840)  # 1/6 of 1 179 648, shared 0.2 to 1
    assert essential.blocks == 97  # 32768 uses x 2 bits / 672
    assert essential.payload_bits == 97 * 336 - 24 - 24  # header and CRC
    assert essential.uses_by_category["parity"] == Fraction(97 * 336, 2)
    assert essential.uses_by_category["fill"] == 32768 - 97 * 672 // 2
    assert auxiliary.uses_by_category["data"] == auxiliary.uses


@pytest.mark.parametrize("mcs", ["64qam-13/16", "{amc: hda}", "{amc: hda, csit: true}"])
@pytest.mark.parametrize("n_source", [KODAK, 333 * 217 * 3])
def test_categories_add_up_to_the_streams_uses_and_streams_to_the_frame(mcs, n_source):
    spent = rows(mcs, n_source=n_source)
    assert all(sum(row.uses_by_category.values()) == row.uses for row in spent)
    (frame,) = frames(spent)
    assert frame.uses == n_source // 6 == sum(frame.uses_by_category.values())


def test_with_csit_every_scheme_is_told_with_how_often_it_is_picked():
    picked = [row for row in rows("{amc: hda, csit: true}") if row.stream == "essential"]
    assert len(picked) == 5
    assert sum(row.how_often for row in picked) == 1


def test_without_csit_the_scheme_follows_the_long_term_snr():
    schemes = [rows("{amc: hda}", snr_db=snr_db)[0].mcs for snr_db in (0, 20)]
    assert schemes == ["bpsk-1/2", "16qam-3/4"]


def test_a_frame_too_small_for_any_payload_is_refused_with_its_link_and_stream():
    told = r"^scenario: links\.air\.streams\.essential: must hold a payload, .*\(picture 'b' of 300 samples\)"
    with pytest.raises(LinksimError, match=told):
        check_frames(plan(), {"": {KODAK: "a", 300: "b"}})


def test_fewer_draws_of_a_long_moving_frame_show_what_is_picked():
    text = TEXT.format(mcs="{amc: hda, csit: true}", snr_db=10)
    moving = text.replace("{kind: rician, k_factor: 1.0}", "{kind: jakes, doppler: 0.001}")
    assert moving != text
    point = expand(build(parse(moving, "s.yaml"))).points[0]
    picked = [row for row in budget(point, [KODAK]) if row.stream == "essential"]
    assert sum(row.how_often for row in picked) == 1
    assert all(20 % row.how_often.denominator == 0 for row in picked)
