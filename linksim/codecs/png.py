"""PNG as a source codec: the picture without loss, as small as the filters and zlib make it, or not at all.

image -> PNG (ISO/IEC 15948) -> 'picture' bits where the payload holds them -> PNG, if whole -> image
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from linksim.codecs.base import Image
from linksim.codecs.picture_file import Headers, PictureFile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 3: 2}
"""Channels -> the colour type of the header: grey, RGB."""
STRATEGIES = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_RLE)
IN_FRONT, BEHIND = 41, 16
"""Bytes of a file around those of IDAT."""
FILTERS = range(5)
"""None, Sub, Up, Average, Paeth."""


@dataclass(frozen=True, kw_only=True)
class Png(PictureFile):
    """PNG, the smallest of those that this makes: one filter for all rows, or of each row that of least sum.

    A picture whose file is larger than the payload is an outage.

    headers: known: the compressed pixels alone; of the 57 bytes that a file has beside them nothing tells of
        the picture.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["png"] = "png"
    headers: Headers = "sent"

    @property
    def fingerprint(self) -> str:
        """The library that makes the bytes."""
        return f"zlib {zlib.ZLIB_RUNTIME_VERSION}"

    def written(self, image: Image, budget: int) -> bytes:
        pixels = packed(image)
        made = pixels if self.headers == "known" else file_of(pixels, image.shape)
        return made if len(made) <= budget else b""

    def read(self, content: bytes, shape: tuple[int, int, int]) -> Image | None:
        return read(content if self.headers == "sent" else file_of(content, shape), shape)


def packed(image: Image) -> bytes:
    """The filtered rows under zlib, as IDAT holds them: the shortest that the filters and strategies make."""
    rows = filtered(image)
    each = np.abs(rows[..., 1:].astype(np.int8).astype(np.int64)).sum(axis=2)
    mixed = rows[np.argmin(each, axis=0), np.arange(rows.shape[1])]
    made = [_deflated(one.tobytes(), how) for one in (*rows, mixed) for how in STRATEGIES]
    return min(made, key=len)


def filtered(image: Image) -> NDArray[np.uint8]:
    """Every filter's rows, its number in front: uint8 [5, height, 1 + width channels] (15948, 9.2)."""
    height, _, channels = image.shape
    x = image.reshape(height, -1).astype(np.int64)
    left, above, corner = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    left[:, channels:], above[1:] = x[:, :-channels], x[:-1]
    corner[1:, channels:] = x[:-1, :-channels]
    p = left + above - corner
    to_left, to_above, to_corner = np.abs(p - left), np.abs(p - above), np.abs(p - corner)
    paeth = np.where(to_above <= to_corner, above, corner)
    paeth = np.where((to_left <= to_above) & (to_left <= to_corner), left, paeth)
    guesses = (np.zeros_like(x), left, above, (left + above) // 2, paeth)
    out = np.zeros((len(FILTERS), height, 1 + x.shape[1]), np.uint8)
    for n, guess in zip(FILTERS, guesses, strict=True):
        out[n, :, 0], out[n, :, 1:] = n, (x - guess) & 0xFF
    return out


def file_of(packed_pixels: bytes, shape: tuple[int, int, int]) -> bytes:
    """The PNG file around IDAT's bytes."""
    height, width, channels = shape
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8, COLOUR_TYPES[channels], 0, 0, 0))
    return SIGNATURE + _chunk(b"IHDR", head) + _chunk(b"IDAT", packed_pixels) + _chunk(b"IEND", b"")


def read(content: bytes, shape: tuple[int, int, int]) -> Image | None:
    """uint8 [height, width, channels] of a file by `file_of`; None where it holds no picture of the shape.

    One wrong payload in 2^24 passes the link's CRC, so that anything may come here.
    """
    height, width, channels = shape
    pixels = content[IN_FRONT:-BEHIND]
    try:
        if content != file_of(pixels, shape) or len(zlib.decompress(pixels)) != height * (
            1 + width * channels
        ):
            return None
        with Pictures.open(io.BytesIO(content), formats=["PNG"]) as picture:
            return np.array(picture).reshape(shape)
    except (zlib.error, OSError, ValueError, SyntaxError):
        return None


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + check


def _deflated(content: bytes, strategy: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 15, 9, strategy)
    return packer.compress(content) + packer.flush()
