"""The conventional hybrid: bits that fill their payload, a residual whose variance is known, all charged."""

from fractions import Fraction

import numpy as np
import pytest

from linksim.codecs.dct_hda import DctHda, _Quantiser, left_by_rounding
from linksim.codecs.hda import HdaDeepsc
from linksim.codecs.softcast_metadata import Metadata, indices_of
from linksim.codecs.softcast_transform import Grid, to_planes
from linksim.images import load_images
from linksim.scenario import Images
from linksim.system import System
from phy.bearer import AnalogBearer, DigitalBearer
from phy.channel import Awgn
from phy.link import Link
from phy.types import BitsObserved, Grant, SymbolsObserved

PHOTO = load_images(Images(set="sample", crop="141x203", limit=1))[0]
BEST = {
    "transform": "image",
    "chunks": 256,
    "spacing": "quadratic",
    "colour": "klt",
    "allocation": "lmmse",
}


def grants(uses: int, bits: int, snr_db: float) -> dict[str, Grant]:
    return {
        "essential": Grant(channel_uses=bits, payload_bits=bits, snr_db=snr_db, mcs="x"),
        "auxiliary": Grant(channel_uses=uses, payload_bits=0, snr_db=snr_db),
    }


def through(codec: DctHda, image: np.ndarray, uses: int, bits: int, snr_db: float = 10.0, **fields):
    (message,) = codec.encode([image], [grants(uses, bits, snr_db)])
    x, rng, n0 = message["auxiliary"].data, np.random.default_rng(1), 10 ** (-snr_db / 10)
    noise = (rng.standard_normal(x.size) + 1j * rng.standard_normal(x.size)) * np.sqrt(n0 / 2)
    got = {
        "essential": BitsObserved(data=message["essential"].data, **{"ok": True} | fields),
        "auxiliary": SymbolsObserved(
            data=(x + noise).astype(np.complex64), noise_var=np.full(x.size, n0, np.float32)
        ),
    }
    return codec.decode([got], [image.shape])[0], message


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


@pytest.mark.parametrize("variance", [2.0**-6, 0.1, 1.0, 30.0, 2.0**15])
def test_what_rounding_leaves_of_laplaces_law(variance):
    x = np.random.default_rng(1).laplace(scale=np.sqrt(variance / 2), size=1_000_000)
    squares = (x - np.rint(x)) ** 2
    told = float(left_by_rounding(np.array([variance]))[0])
    assert abs(squares.mean() - told) < 5 * squares.std() / 1000 + 1e-4 * told


@pytest.mark.parametrize("fields", [{}, BEST])
def test_the_residual_has_about_the_variance_that_both_ends_take_it_for(fields):
    codec = DctHda(**fields)
    grid = Grid(shape=PHOTO.image.shape, transform=codec.transform, spacing=codec.spacing, side=8)
    planes, means = to_planes(PHOTO.image, ())
    c = grid.forward(planes)
    told = Metadata(side=8, snr_db=0, scale=0, means=means, angles=(), indices=indices_of(grid, c))
    for step in (80, 128):
        quantiser, left = _Quantiser.of(grid, told, step), c.copy()
        left[quantiser.places] -= quantiser.integers(c) * np.float32(quantiser.step)
        energy = np.sum(left.astype(float) ** 2)
        assert energy == pytest.approx(grid.counts @ quantiser.left, rel=0.4)
        assert energy < 0.9 * np.sum(c.astype(float) ** 2)


@pytest.mark.parametrize("fields", [{}, BEST])
@pytest.mark.parametrize("bits", [3000, 9000, 40_000])
def test_bits_fill_the_payload_as_far_as_steps_go(fields, bits):
    decoded, message = through(DctHda(**fields), PHOTO.image, 10_000, bits)
    assert 0.94 * bits < message["essential"].data.size <= bits
    assert not decoded.outage


@pytest.mark.parametrize("fields", [{}, BEST, {"chunks": 256}])
def test_more_bits_more_uses_and_a_better_channel_each_improve_the_picture(fields):
    codec = DctHda(**fields)

    def quality(uses: int, bits: int, snr_db: float) -> float:
        return psnr(through(codec, PHOTO.image, uses, bits, snr_db)[0].image, PHOTO.image)

    base = quality(9000, 6000, 8.0)
    assert quality(9000, 30_000, 8.0) > base + 1
    assert quality(25_000, 6000, 8.0) > base + 1
    assert quality(9000, 6000, 16.0) > base + 1
    assert base > 24


@pytest.mark.parametrize("image", [PHOTO.image[:61, :90], PHOTO.image[:33, :40, :1], PHOTO.image[:3, :5]])
def test_without_noise_and_with_room_for_all_every_pixel_comes_back(image):
    high, wide = (-(-n // 8) * 8 for n in image.shape[:2])
    for fields in ({}, BEST):
        decoded, _ = through(DctHda(**fields), image, high * wide * 3 // 2 + 1, 2000, snr_db=120.0)
        assert not decoded.outage
        np.testing.assert_array_equal(decoded.image, image)


def test_the_step_is_the_smallest_whose_bits_fit():
    """What fitted a larger payload, and fills this one to the last bit, is taken again."""
    for bits in (3000, 9000):
        for _ in range(3):
            (message,) = DctHda().encode([PHOTO.image], [grants(10, bits, 10.0)])
            made = message["essential"].data
            again = DctHda().encode([PHOTO.image], [grants(10, made.size, 10.0)])[0]["essential"].data
            np.testing.assert_array_equal(again, made)
            bits = made.size - 1


def test_chunks_far_above_the_step_are_left_the_same_to_the_last_bit():
    """The order of what is sent, made at both ends, must not hang on how a machine rounds floats."""
    grid = Grid(shape=(64, 64, 1), transform="image", spacing="even", side=8)
    means, indices = np.zeros(1, np.int64), np.arange(64) + 8
    told = Metadata(side=8, snr_db=0, scale=0, means=means, angles=(), indices=indices)
    for step in (0, 37):
        left = _Quantiser.of(grid, told, step).left
        assert np.unique(left[-32:]).size == 1
        assert left[-1] == pytest.approx(2.0 ** ((step - 48) / 8) / 12, rel=1e-5)


def test_a_payload_without_room_for_a_word_is_refused_and_two_words_hold_a_pixel():
    shape = (1, 1, 3)
    DctHda().check(shape, grants(1, 103, 10.0))
    with pytest.raises(
        ValueError, match="needs 103 bits of 'essential' at the least, got 102; raise its share"
    ):
        DctHda().check(shape, grants(1, 102, 10.0))
    decoded, message = through(DctHda(), np.full(shape, 77, np.uint8), 1, 135, snr_db=40.0)
    assert not decoded.outage
    assert message["essential"].data.size <= 135
    np.testing.assert_array_equal(decoded.image, np.full(shape, 77, np.uint8))


def test_bits_that_did_not_arrive_are_an_outage_and_garbage_is_some_picture():
    codec, shape = DctHda(outage_level=7), PHOTO.image.shape
    for fields in ({"ok": False}, {"deciphered": False}):
        decoded, message = through(codec, PHOTO.image, 5000, 9000, **fields)
        assert decoded.outage
        np.testing.assert_array_equal(decoded.image, np.full(shape, 7, np.uint8))
    x, rng = message["auxiliary"].data, np.random.default_rng(3)
    symbols = SymbolsObserved(data=x, noise_var=np.full(x.size, 0.1, np.float32))
    for n in (0, 5, 90, 700, 9000):
        for kept in (0, 100):  # garbage from the start, or behind the step and the head
            data = rng.integers(0, 2, n, dtype=np.uint8)
            data[:kept] = message["essential"].data[: min(kept, n)]
            got = BitsObserved(data=data, ok=True)
            assert codec.decode([{"essential": got, "auxiliary": symbols}], [shape])[0].image.shape == shape
    decoded, message = through(codec, PHOTO.image, 5000, 60)
    assert decoded.outage
    assert message["essential"].data.size == 0


def test_it_takes_the_place_of_the_network_on_one_link_and_all_is_charged():
    assert DctHda.streams == HdaDeepsc.streams
    air = Link(
        name="air",
        bandwidth_ratio=Fraction(1, 6),
        channel=Awgn(),
        streams={"essential": DigitalBearer(share=0.2, mcs="qpsk-1/2"), "auxiliary": AnalogBearer(share=1.0)},
        engine="reference",
    )
    (outcome,) = System(codec=DctHda(), links={"air": air}).deliver([PHOTO], [0], seed=1, snr_db=10.0)
    ledger = outcome.ledgers["air"]
    granted = air.grants([PHOTO.image.size], air.draw(10.0, [(1, "air", PHOTO.sha256, 0)]))[0]
    assert not outcome.decoded.outage
    assert ledger.n_uses == PHOTO.image.size // 6
    assert 0.9 * granted["essential"].payload_bits < ledger.streams["essential"].data
    direct = through(
        DctHda(), PHOTO.image, granted["auxiliary"].channel_uses, granted["essential"].payload_bits
    )[0]
    assert psnr(outcome.decoded.image, PHOTO.image) == pytest.approx(psnr(direct.image, PHOTO.image), abs=0.3)
