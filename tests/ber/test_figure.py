"""Figures and the theory in them."""

import numpy as np
import pytest
from PIL import Image

from linksim.ber.bounds import bound, gray_bits
from linksim.ber.figure import labels
from linksim.ber.request import Words, build
from phy.constellation import Constellation, find_constellation
from phy.theory import outage_rayleigh


def curve(code="802.11ad-1/2", constellation="qpsk", **words):
    return build(Words(code=code, constellation=constellation, **words))


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_a_figure_is_drawn_of_points_with_and_without_errors(call, tmp_path, suffix):
    words = ("ber", "--code", "802.11ad-1/2", "--code", "uncoded", "--ebn0", "0,5", "--frames", 64)
    code, out, _ = call(*words, "--figure", f"curve.{suffix}")
    assert code == 0
    assert f"curve.{suffix}" in out
    assert (tmp_path / f"curve.{suffix}").stat().st_size > 5000
    if suffix == "png":
        picture = np.asarray(Image.open(tmp_path / "curve.png").convert("RGB"))
        for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):  # both curves
            assert (np.abs(picture.astype(int) - colour).sum(axis=2) < 30).sum() > 50


def test_curves_are_told_apart_by_what_differs():
    names, shared = labels([curve(engine="reference"), curve(code="802.11ad-3/4", engine="reference")])
    assert names == ["802.11ad-1/2", "802.11ad-3/4"]
    assert shared == "qpsk, awgn, sum-product, engine reference"
    names, _ = labels([curve(), curve(seed=3)])
    assert names == ["0", "3"]


@pytest.mark.parametrize("name", ["bpsk", "qpsk", "16qam", "64qam", "qpsk@5g", "256qam@5g", "pi/2-bpsk"])
def test_gray_labelled_squares_have_the_closed_form(name):
    constellation = find_constellation(name)
    assert gray_bits(constellation) == constellation.bits_per_symbol


def test_other_labels_and_points_have_none():
    square = find_constellation("16qam").alphabet
    shuffled = Constellation(name="natural", alphabet=tuple(np.array(square)[np.roll(np.arange(16), 3)]))
    assert gray_bits(shuffled) is None
    assert gray_bits(find_constellation("8psk")) is None
    crossed = Constellation(name="crossed", alphabet=(1 + 0j, -1 + 0j, 1j, -1j))
    assert gray_bits(crossed) is None, "opposite points differ in one bit"


def test_each_curve_has_the_theory_that_applies():
    snrs = np.array([0.0, 10.0])
    assert bound(curve(), snrs).of == "bler"
    assert bound(curve(), snrs).limit_db == pytest.approx(0.187, abs=1e-3), "QPSK at a bit a use"
    assert bound(curve(code="uncoded"), snrs).of == "ber"
    assert bound(curve(code="ideal:rate=1/2"), snrs) is None
    assert bound(curve(csi="pilots:count=4"), snrs) is None
    assert bound(curve(channel="jakes:doppler=0.01"), snrs) is None
    faded = bound(curve(channel="rayleigh"), snrs)
    assert faded.name == "outage"
    gaussian = [outage_rayleigh(1.0, 10 ** (snr / 10)) for snr in snrs]
    assert (faded.rate > gaussian).all(), "QPSK carries less than a Gaussian"
    assert faded.rate == pytest.approx(gaussian, rel=0.1)


def test_no_two_curves_look_alike_and_a_narrow_axis_has_whole_decades_alone():
    from matplotlib.figure import Figure

    from linksim.ber.figure import _axes, _limits, _look

    assert len({_look(number) for number in range(49)}) == 49
    drawn = Figure()
    axes = drawn.subplots()
    _axes(axes, "block error rate", True, [4.0, 5.0])
    _limits(axes, [0.9, 0.5])
    drawn.draw_without_rendering()
    assert not any(label.get_text() for label in axes.get_yticklabels(minor=True))
    assert "10⁰" in [label.get_text() for label in axes.get_yticklabels()]
