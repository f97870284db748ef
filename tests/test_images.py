"""What is sent is what a viewer would show: real photos that come along, sets, and anybody's folder."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from linksim.errors import LinksimError
from linksim.images import Photo, known_sets, load_images, read_image
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
    assert [row[1] for row in rows if row[0] == "kodak"] == ["none"]


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
        "must be one of sample, mine, got 'samples'; did you mean 'sample'?"
    )
    assert "did you mean 'kodak'?" in told(Images(set="kodac"))
    assert f"https://r0k.us/graphics/kodak in {data}/kodak, or set LINKSIM_DATA" in told(Images(set="kodak"))
    assert "or set LINKSIM_DATA to the folder that holds it" in told(Images(set="zzz"))


@pytest.mark.parametrize("name", ["..", ".", "", "../data", "/tmp"])
def test_a_set_lies_inside_the_data_folder(name):
    assert "must be one of sample" in told(Images(set=name))
