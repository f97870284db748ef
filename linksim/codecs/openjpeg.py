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
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from linksim.errors import MissingTool

Samples = NDArray[np.uint8] | NDArray[np.uint16]
"""[height, width, components], of which three are taken for colours."""

COMMENT = 0xFF64
START_OF_TILE, START_OF_DATA, END = 0xFF90, 0xFF93, b"\xff\xd9"
TILE_BYTES = 14
"""Of a tile-part's head: SOT's segment and SOD (ISO/IEC 15444-1, A.4.2)."""
FINENESS = 1024
"""The search for a target ends when it is known to 1/1024 of the budget, or to 8 bytes, or 1/32 of it."""
LAYERS, LAYER_STEP = 8, 2**0.5
"""Quality layers of a codestream that may be cut, and how many times the bytes each has of the one before."""
RESOLUTIONS = 6
"""Resolution levels of the wavelet transform, five decompositions, where the picture is large enough."""

_lock = Lock()


def compress(image: Samples, target_bytes: int, resolutions: int = RESOLUTIONS, layers: int = 1) -> bytes:
    """A raw codestream (no JP2 boxes) of about `target_bytes`: irreversible 9/7.

    Three channels pass the colour transform; one is one component. One resolution is no wavelet transform.
    Of several layers each is a tile-part of its own, whose head tells where it ends (ISO/IEC 15444-1, A.4.2).

    The comment that OpenJPEG signs with is taken out: it says nothing about the picture.
    """
    levels = min(resolutions, int(np.log2(min(image.shape[:2]))) + 1)
    ratios = [image.nbytes / target_bytes * LAYER_STEP**n for n in reversed(range(layers))]
    options = {"cratios": ratios, "irreversible": True, "numres": levels}
    options |= {"mct": True} if image.shape[2] == 3 else {}
    writer = _in_parts() if layers > 1 else library().Jp2k
    with _lock, TemporaryDirectory(prefix="linksim-") as folder:
        path = Path(folder) / "picture.j2k"
        writer(path, data=image, **options)
        return without_comments(path.read_bytes())


def decompress(codestream: bytes) -> Samples | None:
    """What a codestream holds, of 8 or 16 bits a sample; None where it is not one."""
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
    return np.ascontiguousarray(image) if image.ndim == 3 and image.dtype in (np.uint8, np.uint16) else None


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a receiver may know of a codestream without reading its headers. bits: 8 or 16, of a sample."""

    shape: tuple[int, int, int]
    bits: int = 8
    resolutions: int = RESOLUTIONS

    def blank(self) -> Samples:
        """Samples of this form, all 0."""
        return np.zeros(self.shape, np.uint8 if self.bits == 8 else np.uint16)


def largest(
    image: Samples,
    budget: int,
    known: bool = False,
    resolutions: int = RESOLUTIONS,
    fineness: int = FINENESS,
    layers: int = 1,
) -> bytes:
    """The largest codestream of at most `budget` bytes; empty where not even the smallest fits.

    known: headers are not counted, nor returned: what is left is packets, and `dressed` puts them on again.

    The size grows in steps with the target that OpenJPEG is told, as coding passes are kept or dropped, and
    stays a little below it: a target above the budget may still fit. The target is bisected, and the largest
    codestream that was seen to fit is kept.
    """
    form = Form(shape=image.shape, bits=8 * image.itemsize, resolutions=resolutions)
    most, best = image.nbytes, b""
    extra = len(header(form)) + TILE_BYTES + len(END) if known else 0

    def fits(target: int) -> bool:
        nonlocal best
        made = compress(image, target + extra, resolutions, layers)
        made = bare(made) if known else made
        if len(best) < len(made) <= budget:
            best = made
        return len(made) <= budget

    if budget < 1:
        return b""
    if budget >= most // 4 and fits(most):  # the whole of it, nothing dropped
        return best
    low, high = (budget, budget + budget // 32 + 64) if fits(budget) else (0, budget)
    while low == budget and fits(high):
        low, high = high, min(2 * high, most)
        if low == high:
            return best
    while high - low > max(1, budget // fineness, min(8, budget // 32)):
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return best


@lru_cache(maxsize=256)
def header(form: Form) -> bytes:
    """The main header that `compress` writes for samples of a form: nothing in it depends on the picture."""
    codestream = compress(form.blank(), 1, form.resolutions)
    return codestream[: _tile(codestream)]


def bare(codestream: bytes) -> bytes:
    """The packets of a codestream by `compress`: less the headers, the tile's head and the end's marker."""
    return codestream[_tile(codestream) + TILE_BYTES : -len(END)]


def dressed(packets: bytes, form: Form) -> bytes:
    """The codestream of samples of a known form whose packets alone were sent."""
    length = (TILE_BYTES + len(packets)).to_bytes(4, "big")
    tile = b"\xff\x90\x00\x0a\x00\x00" + length + b"\x00\x01" + START_OF_DATA.to_bytes(2, "big")
    return header(form) + tile + packets + END


def whole_parts(prefix: bytes) -> bytes:
    """The codestream of the tile-parts that are whole in a codestream's first bytes; empty where none is."""
    start = at = _tile(prefix)
    while prefix[at : at + 2] == START_OF_TILE.to_bytes(2, "big"):
        length = int.from_bytes(prefix[at + 6 : at + 10], "big")
        if length < TILE_BYTES or at + length > len(prefix):
            break
        at += length
    return prefix[:at] + END if at > start else b""


def _tile(codestream: bytes) -> int:
    """Where the first tile-part begins, behind the main header's segments."""
    at = 2
    while at < len(codestream) and codestream[at : at + 2] != START_OF_TILE.to_bytes(2, "big"):
        at += 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
    return at


def without_comments(codestream: bytes) -> bytes:
    """The codestream less the comment segments of its main header (ISO/IEC 15444-1, A.9.2)."""
    kept, at = codestream[:2], 2
    while (marker := int.from_bytes(codestream[at : at + 2], "big")) != START_OF_TILE:
        end = at + 2 + int.from_bytes(codestream[at + 2 : at + 4], "big")
        kept += b"" if marker == COMMENT else codestream[at:end]
        at = end
    return kept + codestream[at:]


@cache
def _in_parts() -> type:
    """glymur's writer, made to put each layer into a tile-part, which its options do not offer."""

    class InParts(library().Jp2k):
        def _populate_cparams(self, image: Samples) -> None:
            super()._populate_cparams(image)
            self._cparams.tp_on, self._cparams.tp_flag = 1, ord("L")

    return InParts


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
