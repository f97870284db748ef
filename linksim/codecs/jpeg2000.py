"""JPEG 2000 as a source codec: the largest codestream whose real bytes, headers included, fit the payload.

image -> codestream of at most payload_bits // 8 bytes -> 'picture' bits -> codestream, if whole -> image
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Literal

import numpy as np

from linksim.codecs import openjpeg
from linksim.codecs.base import Image
from linksim.codecs.openjpeg import Form
from linksim.codecs.picture_file import PictureFile
from linksim.kept import Kept

KEPT_BYTES, ENTRY_BYTES = 64 << 20, 256
"""Of codestreams that a process keeps, and what each takes beside itself, about."""
_CODESTREAMS: Kept[bytes] = Kept(most=KEPT_BYTES)


@dataclass(frozen=True, kw_only=True)
class Jpeg2000(PictureFile):
    """JPEG 2000, fitted to the payload: irreversible 9/7, colour transform, a raw codestream.

    headers: known: its packets alone, as the receiver knows the shape and how it was made; of what a
        codestream has beside them, 106 bytes of a grey digit's, nothing tells of the picture.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["jpeg2000"] = "jpeg2000"

    @property
    def fingerprint(self) -> str:
        """The library that makes the codestreams."""
        return f"OpenJPEG {openjpeg.version()}"

    def written(self, image: Image, budget: int) -> bytes:
        return fitted(image.tobytes(), image.shape, budget, self.headers == "known")

    def read(self, content: bytes, shape: tuple[int, int, int]) -> Image | None:
        known = self.headers == "known"
        image = openjpeg.decompress(openjpeg.dressed(content, Form(shape=shape)) if known else content)
        return None if image is None or image.shape != shape or image.dtype != np.uint8 else image


def fitted(pixels: bytes, shape: tuple[int, int, int], budget: int, known: bool = False) -> bytes:
    """The largest codestream of at most `budget` bytes; empty where not even the smallest fits.

    known: its packets alone, without headers, are counted and returned.

    Those made last are kept: at other SNRs a picture meets the same budgets.
    """
    key = sha256(pixels).digest(), shape, budget, known
    if (kept := _CODESTREAMS.get(key)) is not None:
        return kept
    made = search(pixels, shape, budget, known)
    _CODESTREAMS.put(key, made, len(made) + ENTRY_BYTES)
    return made


def search(pixels: bytes, shape: tuple[int, int, int], budget: int, known: bool = False) -> bytes:
    """What `fitted` returns."""
    return openjpeg.largest(np.frombuffer(pixels, np.uint8).reshape(shape), budget, known)
