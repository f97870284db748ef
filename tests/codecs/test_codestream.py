"""A codestream is full, bare, found in few encodings, and the same in any thread and decoder."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pictures

from linksim.codecs import openjpeg
from linksim.codecs.jpeg2000 import Jpeg2000
from linksim.images import load_images
from linksim.metrics import psnr_db, squared_error
from linksim.scenario import Images
from phy.types import BitsObserved, Grant

CODEC = Jpeg2000()
SIZ, COD, QCD, SOT, EOC = (bytes.fromhex(f"ff{low}") for low in ("51", "52", "5c", "90", "d9"))


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """uint8 [300, 451, 3]."""
    return load_images(Images(set="sample"))[1].image


@pytest.fixture(scope="module")
def crop(photo) -> np.ndarray:
    """uint8 [53, 71, 3]."""
    return np.ascontiguousarray(photo[100:153, 120:191])


def best(image: np.ndarray, budget: int) -> bytes:
    return openjpeg.largest(np.ascontiguousarray(image), budget)


def in_pillow(codestream: bytes) -> np.ndarray:
    return np.asarray(Pictures.open(io.BytesIO(codestream), formats=["JPEG2000"]))


@pytest.mark.parametrize("bpp", [0.25, 0.5, 1.0, 2.0])
def test_a_photo_fills_97_percent_of_its_grant_and_pillow_decodes_the_same(photo, bpp):
    budget = int(bpp * photo.shape[0] * photo.shape[1] / 8)
    codestream = best(photo, budget)
    assert 0.97 * budget <= len(codestream) <= budget
    received = openjpeg.decompress(codestream)
    # two roundings of one reconstruction: a level at most
    assert np.abs(received.astype(int) - in_pillow(codestream).astype(int)).max() <= 1


def test_quality_is_that_of_pillows_own_encoder_at_the_same_size(photo):
    file = io.BytesIO()
    Pictures.fromarray(photo).save(
        file, "JPEG2000", quality_mode="rates", quality_layers=[photo.size / 8192],
        irreversible=True, mct=1, no_jp2=True,
    )  # fmt: skip
    theirs = file.getvalue()
    ours = best(photo, len(theirs))
    mine, other = (psnr_db(squared_error(photo, in_pillow(each)), photo.size) for each in (ours, theirs))
    assert mine >= other - 0.01


def test_it_takes_at_most_eight_encodings(photo, monkeypatch):
    compress, targets = openjpeg.compress, []

    def counted(image, target, *form):
        targets.append(target)
        return compress(image, target, *form)

    monkeypatch.setattr(openjpeg, "compress", counted)
    for budget in (341, 2_111, 8_455, 17_003):
        targets.clear()
        openjpeg.largest(photo, budget)
        assert 0 < len(targets) <= 8


def test_the_codestream_is_bare(photo):
    """ISO/IEC 15444-1, annex A: SIZ, COD and QCD, then one tile; no comment, no box."""
    codestream = best(photo, 4096)
    markers, at = [], 2
    while codestream[at : at + 2] != SOT:
        markers.append(codestream[at : at + 2])
        if markers[-1] == COD:
            layers, colour, wavelet = codestream[at + 6 : at + 8], codestream[at + 8], codestream[at + 13]
        at += 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
    assert markers == [SIZ, COD, QCD]
    assert (layers, colour, wavelet) == (b"\0\1", 1, 0)  # one layer, colour transform, 9/7 irreversible
    tile_length = int.from_bytes(codestream[at + 6 : at + 10], "big")
    assert codestream[at + tile_length :] == EOC


def test_threads_get_the_codestreams_they_would_get_alone(crop):
    budgets = [900, 1800, 900, 2700, 1800, 900]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda budget: openjpeg.largest(crop, budget), budgets))
    assert together == [openjpeg.largest(crop, budget) for budget in budgets]


def test_glymurs_own_threads_change_nothing(photo):
    glymur = openjpeg.library()
    before = glymur.get_option("lib.num_threads")
    made = {}
    try:
        for threads in (1, 2):
            glymur.set_option("lib.num_threads", threads)
            codestream = openjpeg.compress(photo, 5000)
            made[threads] = (codestream, openjpeg.decompress(codestream).tobytes())
    finally:
        glymur.set_option("lib.num_threads", before)
    assert made[1] == made[2]


def test_a_batch_is_its_items(photo):
    images = [photo[:50, :70], photo[:33, :20], photo[:50, :70]]
    grants = [
        {"picture": Grant(channel_uses=8 * size, payload_bits=8 * size, snr_db=10.0, mcs="bpsk-1/2")}
        for size in (600, 0, 900)
    ]
    messages = CODEC.encode(images, grants)
    for message, image, each in zip(messages, images, grants, strict=True):
        direct = best(image, each["picture"].payload_bits // 8)
        assert np.packbits(message["picture"].data).tobytes() == direct
    seen = [{"picture": BitsObserved(data=message["picture"].data, ok=True)} for message in messages]
    decoded = CODEC.decode(seen, [image.shape for image in images])
    assert [each.outage for each in decoded] == [False, True, False]


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(1, 40), width=st.integers(1, 40), budget=st.integers(0, 6000), seed=st.integers(0, 9)
)
def test_any_size_fits_any_grant_and_comes_back_in_shape(height, width, budget, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    codestream = best(image, budget)
    assert len(codestream) <= budget
    if codestream:
        assert openjpeg.decompress(codestream).shape == image.shape
    if budget >= 250 + 5 * image.size // 3:  # markers, and more than noise needs: nothing had to be dropped
        assert np.abs(openjpeg.decompress(codestream).astype(int) - image).max() <= 4


def test_a_missing_glymur_is_told_with_its_package():
    code = (
        "import sys; sys.modules['glymur'] = None\n"
        "from linksim.codecs import openjpeg\nfrom linksim.errors import MissingTool\n"
        "try: openjpeg.library()\nexcept MissingTool as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("codec: jpeg2000: needs glymur")
    assert done.stdout.strip().endswith("pip install glymur")
