"""OpenJPEG through glymur, with the library that lies inside Pillow's wheel.

glymur brings no OpenJPEG of its own; it asks `ctypes.util.find_library` for one when it is first imported and
lays out its structures by the version it finds. During that one import the question is answered with Pillow's
copy. The user's own glymur configuration comes before it, and a system's library after it.
"""

from __future__ import annotations

import ctypes.util
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from types import ModuleType

import numpy as np

from linksim.codecs.base import Image
from linksim.errors import MissingTool

COMMENT = 0xFF64
START_OF_TILE = 0xFF90
RESOLUTIONS = 6
"""Resolution levels of the wavelet transform, five decompositions, where the picture is large enough."""

_lock = Lock()


def compress(image: Image, target_bytes: int) -> bytes:
    """A raw codestream (no JP2 boxes) of about `target_bytes`: irreversible 9/7, one layer.

    Three channels pass the colour transform; one is one component.

    The comment that OpenJPEG signs with is taken out: it says nothing about the picture.
    """
    levels = min(RESOLUTIONS, int(np.log2(min(image.shape[:2]))) + 1)
    options = {"cratios": [image.size / target_bytes], "irreversible": True, "numres": levels}
    options |= {"mct": True} if image.shape[2] == 3 else {}
    glymur = library()
    with _lock, TemporaryDirectory(prefix="linksim-") as folder:
        path = Path(folder) / "picture.j2k"
        glymur.Jp2k(path, data=image, **options)
        return without_comments(path.read_bytes())


def decompress(codestream: bytes) -> Image | None:
    """uint8 [height, width, components] of a codestream; None where it is not one."""
    glymur = library()
    with _lock, TemporaryDirectory(prefix="linksim-") as folder:
        path = Path(folder) / "picture.j2k"
        path.write_bytes(codestream)
        try:
            image = glymur.Jp2kr(path)._read()
        except (
            Exception
        ):  # glymur meets broken bytes with whatever its parser runs into: struct.error, OSError, ...
            return None
    image = np.atleast_3d(image)  # glymur leaves out the axis of one component
    return np.ascontiguousarray(image) if image.ndim == 3 and image.dtype == np.uint8 else None


def without_comments(codestream: bytes) -> bytes:
    """The codestream less the comment segments of its main header (ISO/IEC 15444-1, A.9.2)."""
    kept, at = codestream[:2], 2
    while (marker := int.from_bytes(codestream[at : at + 2], "big")) != START_OF_TILE:
        end = at + 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
        kept += b"" if marker == COMMENT else codestream[at:end]
        at = end
    return kept + codestream[at:]


def version() -> str:
    """OpenJPEG's version, for the manifest."""
    return library().version.openjpeg_version


@cache
def library() -> ModuleType:
    """glymur with an OpenJPEG. MissingTool where there is none."""
    with _lock:
        try:
            glymur = _imported()
        except ImportError as error:
            remedy = "pip install glymur"
            raise MissingTool("codec: jpeg2000", "needs glymur", str(error), remedy) from error
    if glymur.lib.openjp2.OPENJP2 is None:
        told = "needs an OpenJPEG: Pillow's wheel has one"
        raise MissingTool("codec: jpeg2000", told, "none", "pip install --force-reinstall pillow")
    return glymur


def _imported() -> ModuleType:
    """glymur; imported anew where someone imported it before, and it found nothing."""
    if glymur := sys.modules.get("glymur"):
        if glymur.lib.openjp2.OPENJP2 is not None:
            return glymur
        for name in [name for name in sys.modules if name.split(".")[0] == "glymur"]:
            del sys.modules[name]
    with _answering("openjp2", pillows_openjpeg()):
        return importlib.import_module("glymur")


def pillows_openjpeg() -> str | None:
    """The OpenJPEG in Pillow's wheel: beside the package on Linux and Windows, inside it on macOS."""
    spec = find_spec("PIL")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    places = (package.parent / "pillow.libs", package / ".dylibs", package)
    found = [path for place in places for path in sorted(place.glob("*openjp2*")) if path.suffix != ".py"]
    return str(found[0]) if found else None


@contextmanager
def _answering(name: str, path: str | None) -> Iterator[None]:
    """Inside, `ctypes.util.find_library(name)` is `path` where that is known; other names are passed on."""
    asked = ctypes.util.find_library

    def find_library(wanted: str) -> str | None:
        return path if wanted == name and path is not None else asked(wanted)

    ctypes.util.find_library = find_library
    try:
        yield
    finally:
        ctypes.util.find_library = asked
        if config := sys.modules.get("glymur.config"):
            config.find_library = asked
