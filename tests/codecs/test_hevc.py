"""HEVC keeps to its bytes, sends nothing that its receiver knows, and arrives whole or not at all."""

import csv
import io
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from linksim.codecs import openjpeg, picture_file, x265
from linksim.codecs.base import GREY
from linksim.codecs.hevc import Hevc
from linksim.codecs.picture_file import SECANTS, highest
from linksim.errors import MissingTool
from linksim.images import Photo, load_images
from linksim.kept import Kept
from linksim.metrics import psnr_db, squared_error
from linksim.scenario import Images
from linksim.system import System
from phy.bearer import DigitalBearer
from phy.channel import Awgn
from phy.link import Link
from phy.types import BitsObserved, Grant

FACTS = Path(__file__).parent / "data" / "source_codecs.csv"
KODAK = Path(os.environ.get("LINKSIM_DATA", "")) / "kodak"


@pytest.fixture(scope="module")
def photo() -> Photo:
    """uint8 [93, 131, 3]: both sides odd."""
    return Photo.of("cat", load_images(Images(set="sample"))[1].image[60:153, 120:251])


def ring(height: int = 28, width: int = 28) -> np.ndarray:
    """A ring with soft edges: uint8 [height, width, 1]."""
    y, x = np.mgrid[:height, :width]
    away = np.hypot(y - height / 2, x - width / 2)
    return np.clip(255 - 40 * np.abs(away - height / 3), 0, 255).astype(np.uint8)[..., None]


KNOWN = Hevc(headers="known")


def sent(image: np.ndarray, n_bytes: int, spare_bits: int = 0, **fields: str) -> np.ndarray:
    n_bits = 8 * n_bytes + spare_bits
    grant = {"picture": Grant(channel_uses=n_bits, payload_bits=n_bits, snr_db=10.0, mcs="bpsk-1/2")}
    return Hevc(**({"headers": "known"} | fields)).encode([image], [grant])[0]["picture"].data


def shown(data: np.ndarray, shape: tuple[int, int, int], **fields: bool):
    observed = BitsObserved(data=data, **({"ok": True} | fields))
    return KNOWN.decode([{"picture": observed}], [shape])[0]


@pytest.mark.parametrize(("grey", "budget"), [(True, 90), (True, 300), (False, 300)])
def test_the_stream_is_of_the_best_quality_that_fits_the_whole_bytes_of_the_payload(photo, grey, budget):
    image = ring() if grey else photo.image[:32, :32]
    data = sent(image, budget, spare_bits=7)
    stream, rungs = np.packbits(data).tobytes(), x265.ladder(image.shape)
    assert data.size == 8 * len(stream) <= 8 * budget
    made = [x265.compress(image, rung) for rung in rungs]
    assert stream in made
    assert len(made[made.index(stream) + 1]) > budget


@given(
    steps=st.lists(st.floats(0, 0.4), min_size=1, max_size=220),
    at=st.integers(0, 219),
    more=st.integers(-1, 1) | st.integers(-30, 10**6),
    first=st.integers(0, 300),
    octave=st.floats(2, 40),
)
def test_the_search_finds_the_last_rung_that_fits_wherever_it_starts(steps, at, more, first, octave):
    sizes = np.ceil(20 * 2 ** np.cumsum(steps)).astype(int).tolist()
    budget = max(1, sizes[at % len(sizes)] + more)
    tried = []

    def size(rung: int) -> int:
        tried.append(rung)
        return sizes[rung]

    fitting = [rung for rung, each in enumerate(sizes) if each <= budget]
    found = highest(size, len(sizes), budget, min(first, len(sizes) - 1), octave)
    assert found == (fitting[-1] if fitting else None)
    assert len(tried) == len(set(tried)) <= SECANTS + 8


def test_what_is_kept_does_not_decide_what_is_found(photo):
    image, budgets = photo.image[:32, :32], (100, 200, 400, 800)
    rising = [KNOWN.written(image, budget) for budget in budgets]
    picture_file._TRIED = Kept(most=picture_file.KEPT_BYTES)
    falling = [KNOWN.written(image, budget) for budget in reversed(budgets)]
    assert rising == falling[::-1]


def test_more_bytes_are_a_better_picture(photo):
    scores = []
    for budget in (150, 450, 1350, 4050):
        received = x265.decompress(KNOWN.written(photo.image, budget), photo.image.shape)
        scores.append(psnr_db(squared_error(photo.image, received), photo.image.size))
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 12


def test_a_qp_between_whole_ones_stands_between_them_in_bytes_and_in_error():
    image = load_images(Images(set="sample"))[1].image[:192, 64:256]
    streams = [x265.compress(image, 36 - n / 8) for n in range(9)]
    sizes = np.asarray([len(each) for each in streams])
    errors = [squared_error(image, x265.decompress(each, image.shape)) for each in streams]
    assert (np.diff(sizes) >= -0.002 * sizes[0]).all()
    assert len(set(sizes)) >= 4
    share = (sizes - sizes[0]) / (sizes[-1] - sizes[0])
    lost = 10 * np.log10(errors) - np.interp(share, [0, 1], 10 * np.log10([errors[0], errors[-1]]))
    assert lost.max() < 0.08  # dB below the line between the whole QPs


@pytest.mark.parametrize("qp", [10, 30, 51])
def test_whole_qps_are_nearly_what_x265_calls_so(qp):
    image = load_images(Images(set="sample"))[1].image[100:228, 100:228]
    encoder = x265._encoder(image.shape, qp)
    encoder.options = encoder.options | {"x265-params": f"{x265.SETTINGS}:ctu=64:qp={qp}"}
    plain, ours = x265._run(encoder, x265.frame_of(image)), x265.whole_stream(image, qp)
    assert len(ours) == pytest.approx(len(plain), rel=0.03, abs=8)
    errors = [squared_error(image, x265.read(each, image.shape)) for each in (ours, plain)]
    assert errors[0] == pytest.approx(errors[1], rel=0.06)  # a QP more is 20 %


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 1), (28, 28, 1), (70, 3, 3), (33, 65, 1), (64, 96, 3)])
def test_pictures_of_any_size_come_back(shape):
    image = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    received = shown(sent(image, 4 * image.size + 300), shape)
    assert not received.outage
    assert psnr_db(squared_error(image, received.image), image.size) > 45


def test_ten_bits_hold_every_colour():
    image = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    image[:8, 0] = [[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)]
    np.testing.assert_array_equal(x265._to_picture(x265._of_picture(image)), image)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_parameter_sets_depend_on_the_shape_alone(photo, channels):
    image = photo.image[..., :channels]
    for qp in (51, 40.25, 28.5, 5):
        units = x265._units(image, qp)
        assert [unit[0] >> 1 for unit in units] == [32, 33, 34, 20]  # VPS, SPS, PPS, a slice: no message
        assert units[:3] == x265.parameter_sets(image.shape)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_stream_with_its_headers_is_one_that_others_read_and_costs_them(photo, channels):
    av, image = x265.library(), photo.image[..., :channels]
    data = np.packbits(sent(image, 900, headers="sent")).tobytes()
    with av.open(io.BytesIO(data), format="hevc") as file:
        (frame,) = file.decode(video=0)
    y, *chroma = (plane.astype(float) / 4 for plane in x265._samples(frame))
    if channels == 3:
        cb, cr = chroma[0] - 128, chroma[1] - 128
        y = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1)
    by_others = np.clip(np.rint(y.reshape(*y.shape[:2], -1)), 0, 255)[:93, :131]
    observed = {"picture": BitsObserved(data=np.unpackbits(np.frombuffer(data, np.uint8)), ok=True)}
    (received,) = Hevc(headers="sent").decode([observed], [image.shape])
    assert np.abs(received.image - by_others).max() <= (channels == 3)  # roundings
    spared = len(x265.whole_stream(image, 30)) - len(x265.compress(image, 30))
    assert 80 <= spared <= 95


def test_what_did_not_arrive_whole_is_shown_as_grey(photo):
    data, shape = sent(photo.image, 2000), photo.image.shape
    rubbish = np.random.default_rng(1).integers(0, 2, data.size, dtype=np.uint8)
    lost = [(data, {"ok": False}), (data, {"deciphered": False})]
    lost += [(each, {}) for each in (rubbish, data[:-3], data[:0], data[:8], data[:16])]
    for bits, fields in lost:
        seen = shown(bits, shape, **fields)
        assert seen.outage
        assert seen.image.shape == shape
        assert (seen.image == GREY).all()


def test_a_payload_too_small_for_any_stream_is_an_outage_and_no_exception(photo):
    for budget in (0, 1, 20):
        data = sent(photo.image, budget)
        assert data.size == 0
        assert shown(data, photo.image.shape).outage


def test_broken_streams_never_raise(photo):
    data, shape = sent(photo.image, 2000), photo.image.shape
    for n_bytes in (1, 2, 3, 30, 500, 1500):
        assert shown(data[: 8 * n_bytes], shape).image.shape == shape
    for bit in range(8, data.size, 1999):
        flipped = data.copy()
        flipped[bit] ^= 1
        assert shown(flipped, shape).image.shape == shape


@pytest.mark.parametrize(("grey", "ratio"), [(False, Fraction(1, 12)), (True, Fraction(1))])
def test_an_error_free_link_sits_on_the_codecs_own_curve(photo, grey, ratio):
    """The plateau: noise 60 dB down, so what comes out is the codec called with the payload's bytes."""
    picture = Photo.of("ring", ring()) if grey else photo
    bearer = DigitalBearer(mcs="16qam-3/4")
    link = Link(
        name="air",
        bandwidth_ratio=ratio,
        channel=Awgn(),
        streams={"picture": bearer},
        engine="reference",
    )
    (outcome,) = System(codec=KNOWN, links={"air": link}).deliver([picture], [0], seed=1, snr_db=60.0)
    account = outcome.ledgers["air"].streams["picture"]
    assert not outcome.decoded.outage
    assert account.bit_errors == 0
    draws = link.draw(60.0, [(1, "air", picture.sha256, 0)])
    granted = link.grants([picture.image.size], draws)[0]["picture"]
    direct = KNOWN.written(picture.image, granted.payload_bits // 8)
    assert account.data == 8 * len(direct)
    np.testing.assert_array_equal(outcome.decoded.image, x265.decompress(direct, picture.image.shape))


def test_it_beats_jpeg_2000_at_the_same_bytes(photo):
    for image, budget in ((photo.image, 1200), (photo.image, 3000), (ring(), 200), (ring(), 400)):
        ours = x265.decompress(KNOWN.written(image, budget), image.shape)
        theirs = openjpeg.decompress(openjpeg.largest(image, budget))
        assert squared_error(image, ours) < squared_error(image, theirs) / 10**0.05  # 0.5 dB


def test_a_missing_library_is_named(monkeypatch):
    def absent(name: str):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(x265, "import_module", absent)
    x265.library.cache_clear()
    try:
        with pytest.raises(
            MissingTool, match=r"codec: hevc: needs PyAV, the package av.*pip install 'linksim"
        ):
            x265.library()
    finally:
        x265.library.cache_clear()


@pytest.mark.parametrize(("name", "told"), [("libx265", "x265"), ("hevc", "a decoder of HEVC")])
def test_an_ffmpeg_without_a_part_is_named(monkeypatch, name, told):
    av = x265.library()
    real = av.Codec

    def without(asked: str, mode: str):
        if asked == name:
            raise ValueError(asked)
        return real(asked, mode)

    x265.library.cache_clear()
    monkeypatch.setattr(av, "Codec", without)
    try:
        with pytest.raises(MissingTool, match=f"needs an FFmpeg with {told}.*pip install"):
            x265.library()
    finally:
        x265.library.cache_clear()


def test_the_fingerprint_names_what_makes_the_streams():
    assert KNOWN.fingerprint == x265.version()
    assert "x265 build 2" in KNOWN.fingerprint


def published(codec: str, photos: int) -> dict[float, float]:
    """bpp -> PSNR."""
    rows = csv.DictReader(line for line in FACTS.read_text().splitlines() if not line.startswith("#"))
    taken = [row for row in rows if (row["codec"], row["photos"]) == (codec, str(photos))]
    return {float(row["bpp"]): float(row["psnr_db"]) for row in taken}


def measured(image: np.ndarray, stream: bytes) -> tuple[float, float]:
    """Bits per pixel, PSNR."""
    received = x265.decompress(stream, image.shape)
    return 8 * len(stream) / image[..., 0].size, psnr_db(squared_error(image, received), image.size)


@pytest.mark.slow
@pytest.mark.skipif(not KODAK.is_dir(), reason="the 24 Kodak photos are not in LINKSIM_DATA")
def test_photos_are_within_a_tenth_of_a_decibel_of_bpg_at_its_rates():
    images = [photo.image for photo in load_images(Images(set="kodak"))[::3]]
    curves = np.array(
        [[measured(each, x265.compress(each, qp)) for qp in range(46, 21, -3)] for each in images]
    )
    bpp, psnr = curves.mean(0).T
    for rate, theirs in published("BPG", len(images)).items():
        assert PchipInterpolator(np.log(bpp), psnr)(np.log(rate)) > theirs - 0.1
    for image, curve in zip(images, curves, strict=True):
        rate, found = measured(image, KNOWN.written(image, image[..., 0].size // 16))  # half a bit a pixel
        assert 0.47 < rate <= 0.5
        assert found > PchipInterpolator(np.log(curve[:, 0]), curve[:, 1])(np.log(rate)) - 0.08
