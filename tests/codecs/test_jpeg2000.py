"""JPEG 2000 keeps to its bytes, arrives whole or not at all, and needs nothing of its user."""

import ctypes.util
import io
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from linksim.codecs import openjpeg
from linksim.codecs.base import GREY
from linksim.codecs.jpeg2000 import Jpeg2000
from linksim.errors import MissingTool
from linksim.images import Photo, load_images
from linksim.metrics import psnr_db, squared_error
from linksim.scenario import Images
from linksim.system import System
from phy.bearer import DigitalBearer
from phy.channel import Awgn
from phy.link import Link
from phy.types import Bits, BitsObserved, Grant


@pytest.fixture(scope="module")
def photo() -> Photo:
    """uint8 [93, 131, 3]: both sides odd."""
    return Photo.of("cat", load_images(Images(set="sample"))[1].image[60:153, 120:251])


def grant(n_bytes: int, spare_bits: int = 0) -> dict[str, Grant]:
    n_bits = 8 * n_bytes + spare_bits
    return {"picture": Grant(channel_uses=n_bits, payload_bits=n_bits, snr_db=10.0, mcs="bpsk-1/2")}


def sent(image: np.ndarray, n_bytes: int, spare_bits: int = 0) -> Bits:
    return Jpeg2000().encode([image], [grant(n_bytes, spare_bits)])[0]["picture"]


def shown(observed: BitsObserved, shape: tuple[int, int, int]):
    return Jpeg2000().decode([{"picture": observed}], [shape])[0]


@pytest.mark.parametrize("budget", [200, 400, 1023, 1024, 4000, 9001])
def test_the_codestream_is_the_largest_that_fits_the_whole_bytes_of_the_payload(photo, budget):
    bits = sent(photo.image, budget, spare_bits=7)
    scan = range(budget - budget // 20, budget + budget // 10, max(1, budget // 150))
    sizes = [len(openjpeg.compress(photo.image, target)) for target in scan]
    assert bits.data.size % 8 == 0
    assert max(size for size in sizes if size <= budget) <= bits.data.size // 8 <= budget


def test_more_bytes_are_never_a_worse_picture_and_the_search_is_deterministic(photo):
    scores = []
    for budget in (300, 600, 1200, 2400, 4800, 9600):
        codestream = openjpeg.largest(photo.image, budget)
        assert codestream == openjpeg.largest(photo.image, budget)
        received = openjpeg.decompress(codestream)
        scores.append(psnr_db(squared_error(photo.image, received), photo.image.size))
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 15


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (200, 3, 3), (17, 33, 3), (64, 64, 3)])
def test_pictures_of_any_size_come_back_and_pillow_reads_the_same(shape):
    image = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    codestream = np.packbits(sent(image, 4 * image.size + 300).data).tobytes()
    received = shown(BitsObserved(data=sent(image, 4 * image.size + 300).data, ok=True), shape)
    assert not received.outage
    np.testing.assert_array_equal(received.image, np.asarray(Image.open(io.BytesIO(codestream))))
    assert psnr_db(squared_error(image, received.image), image.size) > 45


def test_a_payload_too_small_for_any_codestream_is_an_outage_and_no_exception(photo):
    for budget in (0, 1, 60):
        bits = sent(photo.image, budget)
        assert bits.data.size == 0
        assert shown(BitsObserved(data=bits.data, ok=True), photo.image.shape).outage


def test_what_did_not_arrive_whole_is_shown_as_grey(photo):
    data, shape = sent(photo.image, 2000).data, photo.image.shape
    rubbish = np.random.default_rng(1).integers(0, 2, data.size, dtype=np.uint8)
    lost = [
        BitsObserved(data=data, ok=False),
        BitsObserved(data=data, ok=True, deciphered=False),
        BitsObserved(data=rubbish, ok=True),
        BitsObserved(data=data[:-3], ok=True),
        BitsObserved(data=data[:0], ok=True),
    ]
    for observed in lost:
        seen = shown(observed, shape)
        assert seen.outage
        assert seen.image.shape == shape
        assert (seen.image == GREY).all()
    assert shown(BitsObserved(data=data, ok=True), (shape[0], shape[1] + 1, 3)).outage


def test_a_truncated_codestream_never_raises(photo):
    data, shape = sent(photo.image, 2000).data, photo.image.shape
    for n_bytes in (1, 2, 30, 100, 500, 1500):
        shown(BitsObserved(data=data[: 8 * n_bytes], ok=True), shape)


def test_an_error_free_link_sits_on_the_codecs_own_curve(photo):
    """The plateau: noise 60 dB down, so what comes out is the codec called with the payload's bytes."""
    picture = DigitalBearer(mcs="16qam-3/4")
    link = Link(
        name="air",
        bandwidth_ratio=Fraction(1, 12),
        channel=Awgn(),
        streams={"picture": picture},
        engine="reference",
    )
    (outcome,) = System(codec=Jpeg2000(), links={"air": link}).deliver([photo], [0], seed=1, snr_db=60.0)
    account = outcome.ledgers["air"].streams["picture"]
    assert not outcome.decoded.outage
    assert account.bit_errors == 0
    granted = link.grants([photo.image.size], link.draw(60.0, [(1, "air", photo.sha256, 0)]))[0]["picture"]
    direct = openjpeg.largest(photo.image, granted.payload_bits // 8)
    assert account.data == 8 * len(direct)
    np.testing.assert_array_equal(outcome.decoded.image, openjpeg.decompress(direct))


def test_the_comment_is_out_and_nothing_else():
    image = np.random.default_rng(3).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    stream = openjpeg.compress(image, 3000)
    assert stream[:4] == b"\xff\x4f\xff\x51"
    assert b"OpenJPEG" not in stream
    assert b"\xff\x64" not in stream[: stream.index(b"\xff\x90")]
    comment = b"\xff\x64\x00\x07\x00\x01abc"
    assert openjpeg.without_comments(stream[:2] + comment + stream[2:]) == stream


def test_the_library_is_pillows_and_ctypes_is_as_it_was():
    code = (
        "import ctypes.util; before = ctypes.util.find_library\n"
        "from linksim.codecs import openjpeg; glymur = openjpeg.library()\n"
        "assert ctypes.util.find_library is before and glymur.config.find_library is before\n"
        "assert glymur.lib.openjp2.OPENJP2._name == openjpeg.pillows_openjpeg(), glymur.lib.openjp2.OPENJP2\n"
        "print(openjpeg.version())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() >= "2.4.0"


def test_a_glymur_that_found_nothing_before_is_imported_again():
    code = (
        "import ctypes.util; real = ctypes.util.find_library; ctypes.util.find_library = lambda name: None\n"
        "import glymur; ctypes.util.find_library = real; assert glymur.lib.openjp2.OPENJP2 is None\n"
        "from linksim.codecs import openjpeg; print(openjpeg.version())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() >= "2.4.0"


def test_without_any_openjpeg_the_missing_tool_is_named(monkeypatch):
    monkeypatch.setattr(openjpeg, "pillows_openjpeg", lambda: None)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "glymur"}
    for name in kept:
        monkeypatch.delitem(sys.modules, name)
    openjpeg.library.cache_clear()
    try:
        with pytest.raises(MissingTool, match=r"needs an OpenJPEG.*pip install"):
            openjpeg.library()
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "glymur"]:
            del sys.modules[name]
        sys.modules.update(kept)
        openjpeg.library.cache_clear()


def drawn_grey(height: int = 28, width: int = 28) -> np.ndarray:
    """A ring with soft edges: uint8 [height, width, 1]."""
    y, x = np.mgrid[:height, :width]
    away = np.hypot(y - height / 2, x - width / 2)
    return np.clip(255 - 40 * np.abs(away - height / 3), 0, 255).astype(np.uint8)[..., None]


@pytest.mark.parametrize(("height", "width"), [(28, 28), (45, 31)])
def test_a_grey_picture_is_one_component_and_arrives_over_an_error_free_link(height, width):
    photo = Photo.of("ring", drawn_grey(height, width))
    air = Link(
        name="air",
        bandwidth_ratio=Fraction(4),
        channel=Awgn(),
        streams={"picture": DigitalBearer(mcs="qpsk-1/2")},
        engine="reference",
    )
    (outcome,) = System(codec=Jpeg2000(), links={"air": air}).deliver([photo], [0], seed=1, snr_db=20.0)
    assert not outcome.decoded.outage
    assert outcome.decoded.image.shape == photo.image.shape
    assert psnr_db(squared_error(photo.image, outcome.decoded.image), photo.image.size) > 30
    codestream = openjpeg.largest(photo.image, 400)
    assert int.from_bytes(codestream[40:42], "big") == 1  # Csiz, ISO/IEC 15444-1, A.5.1
    lost = Jpeg2000().decode([{"picture": BitsObserved(data=np.zeros(0, np.uint8), ok=False)}], [(28, 28, 1)])
    np.testing.assert_array_equal(lost[0].image, np.full((28, 28, 1), GREY, np.uint8))


def test_a_grey_codestream_is_no_colour_picture():
    codestream = openjpeg.largest(drawn_grey(), 400)
    bits = np.unpackbits(np.frombuffer(codestream, np.uint8))
    got = shown(BitsObserved(data=bits, ok=True), (28, 28, 3))
    assert got.outage
    assert got.image.shape == (28, 28, 3)
