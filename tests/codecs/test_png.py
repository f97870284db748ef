"""PNG arrives without loss or not at all, is as small as others make it, and tells an outage as one."""

import io
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from linksim.codecs import png
from linksim.codecs.base import GREY
from linksim.codecs.png import Png
from linksim.images import Photo, load_images
from linksim.scenario import Images
from linksim.system import System
from phy.bearer import DigitalBearer
from phy.channel import Awgn
from phy.link import Link
from phy.types import BitsObserved, Grant


def photo() -> np.ndarray:
    return load_images(Images(set="sample", crop="61x90", limit=1))[0].image


def ring(height: int = 28, width: int = 28) -> np.ndarray:
    """Soft-edged: uint8 [height, width, 1]."""
    y, x = np.mgrid[:height, :width]
    away = np.hypot(y - height / 2, x - width / 2)
    return np.clip(255 - 40 * np.abs(away - height / 3), 0, 255).astype(np.uint8)[..., None]


def grant(n_bits: int) -> dict[str, Grant]:
    return {"picture": Grant(channel_uses=n_bits, payload_bits=n_bits, snr_db=10.0, mcs="bpsk-1/2")}


def sent(image: np.ndarray, codec: Png, n_bits: int = 10**7) -> np.ndarray:
    return codec.encode([image], [grant(n_bits)])[0]["picture"].data


@pytest.mark.parametrize(
    "image",
    [
        photo(),
        ring(),
        ring(1, 1),
        ring(3, 90),
        np.random.default_rng(1).integers(0, 256, (9, 7, 3), np.uint8),
    ],
)
def test_the_file_is_a_png_that_others_read_and_no_larger_than_theirs(image):
    content = np.packbits(sent(image, Png())).tobytes()
    read = np.asarray(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(read.reshape(image.shape), image)
    theirs = io.BytesIO()
    Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(theirs, "PNG", optimize=True)
    assert len(content) <= len(theirs.getvalue())
    assert len(content) == len(np.packbits(sent(image, Png(headers="known")))) + 57


@pytest.mark.parametrize("headers", ["sent", "known"])
def test_what_fits_arrives_without_loss_and_what_does_not_is_an_outage(headers):
    image, codec = ring(), Png(headers=headers, outage_level=33)
    bits = sent(image, codec)
    assert sent(image, codec, bits.size).size == bits.size
    assert sent(image, codec, bits.size - 1).size == 0

    def shown(data: np.ndarray, shape: tuple[int, int, int] = image.shape, **fields: bool):
        observed = BitsObserved(data=data.astype(np.uint8), **{"ok": True} | fields)
        return codec.decode([{"picture": observed}], [shape])[0]

    whole = shown(bits)
    assert not whole.outage
    np.testing.assert_array_equal(whole.image, image)
    rubbish = np.random.default_rng(3).integers(0, 2, bits.size)
    flipped = bits.copy()
    flipped[500] ^= 1
    lost = [shown(bits, ok=False), shown(bits, deciphered=False), shown(bits[:0]), shown(bits[:-400])]
    for seen in [*lost, shown(rubbish), shown(flipped), shown(bits[:-3])]:
        assert seen.outage
        np.testing.assert_array_equal(seen.image, np.full(image.shape, 33, np.uint8))
    for shape in ((28, 28, 3), (29, 28, 1), (27, 28, 1)):
        got = shown(bits, shape)
        assert got.outage
        assert got.image.shape == shape


def test_no_picture_is_flatter_than_a_byte():
    with pytest.raises(ValueError, match="outage_level: must be 0 to 255, got 256; 128 is the default"):
        Png(outage_level=256)


def test_over_an_error_free_link_the_error_is_none_and_a_small_link_is_an_outage():
    digit = Photo.of("ring", ring())
    for ratio, outage in ((Fraction(8), False), (Fraction(1), True)):
        air = Link(
            name="air",
            bandwidth_ratio=ratio,
            channel=Awgn(),
            streams={"picture": DigitalBearer(mcs="qpsk-1/2")},
            engine="reference",
        )
        (outcome,) = System(codec=Png(), links={"air": air}).deliver([digit], [0], seed=1, snr_db=20.0)
        assert outcome.decoded.outage == outage
        wanted = np.full(digit.image.shape, GREY, np.uint8) if outage else digit.image
        np.testing.assert_array_equal(outcome.decoded.image, wanted)


def test_filters_are_undone_by_their_definition():
    """ISO/IEC 15948, 9.2, sample by sample, against the whole picture's."""
    image = np.random.default_rng(4).integers(0, 256, (5, 4, 3), np.uint8)
    rows = png.filtered(image)
    x = image.reshape(5, 12).astype(int)
    for r in range(5):
        for i in range(12):
            a = x[r, i - 3] if i >= 3 else 0
            b = x[r - 1, i] if r else 0
            c = x[r - 1, i - 3] if r and i >= 3 else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            wanted = [(x[r, i] - guess) % 256 for guess in (0, a, b, (a + b) // 2, paeth)]
            assert [int(each) for each in rows[:, r, 1 + i]] == wanted
