"""Image codecs keep to one rule: the best quality whose real bytes fit, whole or concealed as declared."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linksim.codecs import CODECS, bpg, jxl, openjpeg, picture_file
from linksim.codecs.base import GREY
from linksim.codecs.jpeg2000 import Jpeg2000
from linksim.codecs.picture_file import good_prefix, highest
from linksim.codecs.pillow_files import Jpeg
from linksim.errors import MissingTool
from linksim.images import Photo, load_images
from linksim.kept import Kept
from linksim.metrics import psnr_db, squared_error
from linksim.scenario import Images
from linksim.system import Encodings, System
from phy.amc import Amc
from phy.bearer import DigitalBearer
from phy.channel import Awgn, Rician
from phy.link import Link
from phy.types import BitsObserved

NEW = {"jpeg": {}, "webp": {}, "avif": {"speed": 9}, "jxl": {"effort": 5}, "bpg": {}}
SCALED = [name for name in NEW if name != "bpg"]
OTHERS = ["hevc", "jpeg2000", "png"]


@pytest.fixture(scope="module")
def photo() -> Photo:
    """uint8 [93, 131, 3]: both sides odd."""
    return Photo.of("cat", load_images(Images(set="sample"))[1].image[60:153, 120:251])


def codec_of(name: str, **fields):
    return CODECS[name](**NEW.get(name, {}) | fields)


@pytest.fixture(autouse=True)
def bpg_on_the_path(tmp_path, monkeypatch):
    for name in ("bpgenc", "bpgdec"):
        program = tmp_path / name
        stand_in = Path(__file__).with_name("bpg_stand_in.py")
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" {name} "$@"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def link_of(ratio: Fraction, channel=None, **bearer) -> Link:
    bearer = {"mcs": "16qam-3/4"} | bearer
    streams = {"picture": DigitalBearer(**bearer)}
    return Link(
        name="air", bandwidth_ratio=ratio, channel=channel or Awgn(), streams=streams, engine="reference"
    )


def psnr(image: np.ndarray, shown: np.ndarray) -> float:
    return psnr_db(squared_error(image, shown), image.size)


def observed(content: bytes, **fields) -> dict[str, BitsObserved]:
    bits = np.unpackbits(np.frombuffer(content, np.uint8))
    return {"picture": BitsObserved(data=bits, **{"ok": True} | fields)}


@pytest.mark.parametrize("name", [*NEW, *OTHERS])
def test_over_an_error_free_link_a_picture_is_the_codecs_own_of_the_payloads_bytes(photo, name):
    """The plateau: noise 60 dB down."""
    codec, link = codec_of(name), link_of(Fraction(3) if name == "png" else Fraction(1, 6))
    (outcome,) = System(codec=codec, links={"air": link}).deliver([photo], [0], seed=1, snr_db=60.0)
    account = outcome.ledgers["air"].streams["picture"]
    draws = link.draw(60.0, [(1, "air", photo.sha256, 0)])
    granted = link.grants([photo.image.size], draws)[0]["picture"]
    direct = codec.written(photo.image, granted.payload_bits // 8)
    assert not outcome.decoded.outage
    assert account.bit_errors == 0
    assert account.data == 8 * len(direct) <= granted.payload_bits
    shown = codec.read(direct, photo.image.shape)
    assert psnr(photo.image, outcome.decoded.image) == psnr(photo.image, shown) > 25


@pytest.mark.parametrize("ratio", [Fraction(1, 24), Fraction(1, 6)])
def test_jpeg_2000_over_an_error_free_link_is_on_its_curve_at_the_payloads_bits_a_pixel(ratio):
    link, photo = link_of(ratio), load_images(Images(set="sample", crop="200x240"))[1]
    image = photo.image
    (outcome,) = System(codec=Jpeg2000(), links={"air": link}).deliver([photo], [0], seed=1, snr_db=60.0)
    draws = link.draw(60.0, [(1, "air", photo.sha256, 0)])
    n_bytes = link.grants([image.size], draws)[0]["picture"].payload_bits / 8
    curve = [openjpeg.compress(image, round(n_bytes * 2 ** (n / 8))) for n in range(-4, 5)]
    rates = np.log([len(each) for each in curve])
    quality = [psnr(image, openjpeg.decompress(each)) for each in curve]
    here = float(np.interp(np.log(n_bytes), rates, quality))
    assert psnr(image, outcome.decoded.image) == pytest.approx(here, abs=0.05)


@pytest.mark.parametrize("name", SCALED)
def test_no_better_quality_fits_than_the_one_that_is_sent(photo, name):
    image, codec = np.ascontiguousarray(photo.image[:32, :48]), codec_of(name)
    made = [codec.at(image, quality) for quality in codec.qualities(image.shape)]
    sizes = np.array([len(each) for each in made])
    assert codec.written(image, int(sizes.min()) - 1) == b""
    for budget in (*np.unique(sizes)[::17].tolist(), int(sizes.max()), 10**6):
        assert codec.written(image, budget) == made[np.flatnonzero(sizes <= budget)[-1]]


@given(
    steps=st.lists(st.floats(0, 0.4), min_size=20, max_size=220),
    dips=st.sets(st.integers(0, 219)),
    budget=st.integers(10, 10**5),
    first=st.integers(0, 300),
    octave=st.floats(2, 40),
)
def test_the_search_passes_rungs_that_take_more_bytes_than_better_ones(steps, dips, budget, first, octave):
    sizes = np.ceil(20 * 2 ** np.cumsum(steps)).astype(int)
    for dip in dips:  # each rung that is turned with its neighbour stands above at most two better ones
        if dip + 1 < sizes.size and dip - 1 not in dips:
            sizes[[dip, dip + 1]] = sizes[[dip + 1, dip]]
    fitting = np.flatnonzero(sizes <= budget)
    found = highest(lambda r: int(sizes[r]), sizes.size, budget, min(first, sizes.size - 1), octave, look=3)
    assert found == (fitting[-1] if fitting.size else None)


def test_a_picture_is_encoded_once_for_a_payload_whatever_the_fades(photo, monkeypatch):
    """With CSIT every trial has a grant of its own, but payloads are as many as schemes."""
    tried, made = [], Jpeg.at

    def counted(codec, image, quality):
        tried.append(quality)
        return made(codec, image, quality)

    monkeypatch.setattr(Jpeg, "at", counted)
    monkeypatch.setattr(picture_file, "_FITTED", Kept(most=picture_file.KEPT_BYTES))
    monkeypatch.setattr(picture_file, "_TRIED", Kept(most=picture_file.KEPT_BYTES))
    link = link_of(Fraction(1, 6), Rician(k_factor=1.0), mcs=Amc(amc="hda", csit=True))
    system = System(codec=Jpeg(), links={"air": link}, encodings=Encodings())
    outcomes = system.deliver([photo] * 12, range(12), seed=1, snr_db=8.0)
    schemes = {outcome.ledgers["air"].streams["picture"].mcs for outcome in outcomes}
    assert len(tried) == len(set(tried))
    before = len(tried)
    again = system.deliver([photo] * 24, range(24), seed=1, snr_db=8.0)
    if {each.ledgers["air"].streams["picture"].mcs for each in again} == schemes:
        assert len(tried) == before


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("shape", [(1, 1, 3), (9, 1, 1), (28, 28, 1), (33, 65, 3)])
def test_pictures_of_any_size_come_back(name, shape):
    y, x, c = np.indices(shape)
    image = ((3 * y + 2 * x + 40 * c) % 256).astype(np.uint8)
    codec = codec_of(name)
    content = codec.fitted(image, 20_000)
    assert content == codec.written(image, 20_000)
    (shown,) = codec.decode([observed(content)], [shape])
    assert not shown.outage
    assert psnr(image, shown.image) > 30


@pytest.mark.parametrize("name", NEW)
def test_what_is_no_file_of_its_own_is_an_outage_and_no_exception(photo, name):
    codec = codec_of(name, outage_level=33)
    content, shape = codec.fitted(photo.image, 3000), photo.image.shape
    rubbish = np.random.default_rng(1).bytes(len(content))
    wrong = [rubbish, b""]
    if name != "bpg":
        wrong += [content[:1], content[:40], content[:12] + rubbish[12:], content[: len(content) // 2]]
    receptions = [observed(each) for each in wrong]
    receptions += [observed(content, ok=False), observed(content, deciphered=False)]
    for got in receptions:
        (shown,) = codec.decode([got], [shape])
        assert shown.outage
        np.testing.assert_array_equal(shown.image, np.full(shape, 33, np.uint8))
    assert codec.decode([observed(content)], [(shape[0], shape[1] + 1, 3)])[0].outage
    assert codec.fitted(photo.image, 0) == codec.fitted(photo.image, 9) == b""
    step = len(content) // (2 if name == "bpg" else 40)
    for place in range(0, len(content), step):  # bits of which some are wrong
        flipped = content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]
        codec.decode([observed(flipped)], [shape])


@pytest.mark.parametrize("name", [*SCALED, "hevc"])
def test_payloads_that_are_wrong_in_any_way_are_a_picture_or_an_outage(name):
    """Bits that are wrong, bytes too few and too many, of a grey and of a colour picture."""
    rng = np.random.default_rng(5)
    y, x, c = np.indices((40, 56, 3))
    image = ((3 * y + 2 * x + 40 * c) % 256).astype(np.uint8)
    image[10:30, 10:30] = rng.integers(0, 256, (20, 20, 3))
    codec = codec_of(name)
    for sent in (image, image[..., :1].copy()):
        content = codec.fitted(sent, 10**6)
        for trial in range(60):
            wrong, at = bytearray(content), rng.integers(0, len(content) if trial % 2 else 120, 4)
            if trial % 3 == 0:
                wrong[at[0] : at[0]] = rng.bytes(int(rng.integers(1, 30)))
            elif trial % 3 == 1:
                del wrong[max(1, at[0]) :]
            for place in at[at < len(wrong)]:
                wrong[place] = rng.integers(256)
            for shape in (image.shape, image[..., :1].shape):
                (shown,) = codec.decode([observed(bytes(wrong))], [shape])
                assert (shown.image.shape, shown.image.dtype) == (shape, np.uint8)


def test_the_prefix_ends_with_the_last_whole_byte_that_a_check_vouches_for():
    bits = np.random.default_rng(2).integers(0, 2, 80, dtype=np.uint8)
    checked = np.ones(80, bool)
    checked[37:50] = False
    whole = np.packbits(bits).tobytes()
    assert good_prefix(BitsObserved(data=bits, ok=False, checked=checked)) == whole[:4]
    assert good_prefix(BitsObserved(data=bits, ok=False)) == b""
    assert good_prefix(BitsObserved(data=bits, ok=True)) == whole
    assert good_prefix(BitsObserved(data=bits, ok=True, deciphered=False)) == b""


@pytest.mark.parametrize(("name", "cost", "below"), [("jpeg2000", 0.9, 2.3), ("jpeg", 0, 5)])
def test_the_prefix_of_a_file_shows_what_a_file_of_about_its_bytes_would(photo, name, cost, below):
    """Layers are half an octave apart, so at most one, 2.3 dB here, is lost with the cut."""
    codec, plain, image = codec_of(name, concealment="prefix"), codec_of(name), photo.image
    content = codec.fitted(image, 6000)

    def of_plain(budget: int) -> float:
        return psnr(image, plain.read(plain.fitted(image, budget), image.shape))

    whole, last = psnr(image, codec.read(content, image.shape)), 0.0
    assert whole > of_plain(6000) - cost - 0.2
    for n_bytes in (1500, 2000, 2700, 3900, 5000):
        got = observed(content, ok=False, checked=np.arange(8 * len(content)) < 8 * n_bytes + 3)
        (shown,), (unseen,) = (each.decode([got], [image.shape]) for each in (codec, plain))
        assert shown.outage
        assert unseen.outage
        assert (unseen.image == GREY).all()
        assert max(last, of_plain(n_bytes) - cost - below) <= psnr(image, shown.image) < whole
        last = psnr(image, shown.image)
    for n_bytes in range(0, len(content), 97):  # wherever it is cut, and nothing of what cannot be shown
        got = observed(content, ok=False, checked=np.arange(8 * len(content)) < 8 * n_bytes)
        (shown,) = codec.decode([got], [image.shape])
        assert psnr(image, shown.image) > 15 if n_bytes > 1500 else shown.outage
    assert (codec.decode([observed(content[:80], ok=False)], [image.shape])[0].image == GREY).all()


def test_over_a_link_that_loses_blocks_layers_remain(photo):
    codec = Jpeg2000(concealment="prefix")
    shown = {}
    for crc_per in ("block", "payload"):
        link = link_of(Fraction(1, 3), mcs="qpsk-1/2", crc_per=crc_per)
        outcomes = System(codec=codec, links={"air": link}).deliver([photo] * 6, range(6), seed=3, snr_db=1.9)
        shown[crc_per] = [each.decoded for each in outcomes]
    assert all(each.outage for each in shown["payload"])
    assert all((each.image == GREY).all() for each in shown["payload"])
    lost = [psnr(photo.image, each.image) for each in shown["block"] if each.outage]
    assert max(lost) > 22
    assert min(lost) >= psnr(photo.image, np.full(photo.image.shape, GREY))


def test_fields_that_cannot_be_are_refused():
    for name, fields, told in (
        (
            "jpeg2000",
            {"concealment": "prefix", "headers": "known"},
            r"concealment: prefix needs headers: sent",
        ),
        ("avif", {"speed": 11}, r"speed: must be 0 to 10, got 11"),
        ("jxl", {"effort": 0}, r"effort: must be 1 to 10, got 0"),
        ("webp", {"outage_level": -1}, r"outage_level: must be 0 to 255"),
    ):
        with pytest.raises(ValueError, match=told):
            CODECS[name](**fields)


def test_missing_programs_and_libraries_are_named(photo, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(MissingTool, match=r"codec: bpg: needs the program bpgenc.*build libbpg"):
        bpg.Bpg().fitted(photo.image, 4000)
    with pytest.raises(MissingTool, match="bpgdec"):
        bpg.Bpg().read(b"BPG\xfb", photo.image.shape)

    def absent(name: str):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(jxl, "import_module", absent)
    jxl.library.cache_clear()
    try:
        with pytest.raises(MissingTool, match=r"codec: jxl: needs libjxl.*pip install 'linksim-phy\[jxl\]'"):
            _ = jxl.JpegXl().fingerprint
    finally:
        jxl.library.cache_clear()


@pytest.mark.parametrize("name", NEW)
def test_a_run_is_told_what_made_its_files(name):
    assert any(digit in codec_of(name).fingerprint for digit in "0123456789")
