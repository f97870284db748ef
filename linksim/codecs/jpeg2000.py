"""JPEG 2000 as a source codec: the largest codestream whose real bytes, headers included, fit the payload.

image -> codestream of at most payload_bits // 8 bytes -> 'picture' bits -> codestream, if whole -> image
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Literal

import numpy as np

from linksim.codecs import openjpeg
from linksim.codecs.base import GREY, Decoded, Image, check_level, grey, to_bits, whole_bytes
from linksim.codecs.openjpeg import Form
from linksim.kept import Kept
from phy.types import BitsObserved, Grant, Message, Reception

KEPT_BYTES, ENTRY_BYTES = 64 << 20, 256
"""Of codestreams that a process keeps, and what each takes beside itself, about."""
_CODESTREAMS: Kept[bytes] = Kept(most=KEPT_BYTES)


@dataclass(frozen=True, kw_only=True)
class Jpeg2000:
    """JPEG 2000, fitted to the payload: irreversible 9/7, colour transform, a raw codestream.

    A picture is an outage, and shown as flat grey, where the CRC failed, the receiver lacks the key, or not
    even the smallest codestream fitted: arithmetic-coded bits of which any may be wrong are not shown.

    headers: sent: the whole codestream. known: its packets alone, as the receiver knows the shape and how it
        was made; of what a codestream has beside them, 106 bytes of a grey digit's, nothing tells of the
        picture.
    outage_level: of the flat picture.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["jpeg2000"] = "jpeg2000"
    headers: Literal["sent", "known"] = "sent"
    outage_level: int = GREY

    streams: ClassVar[Mapping[str, str]] = {"picture": "digital"}

    def __post_init__(self) -> None:
        check_level(self.outage_level)

    @property
    def fingerprint(self) -> str:
        """The library that makes the codestreams."""
        return f"OpenJPEG {openjpeg.version()}"

    def encode(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Message]:
        """The codestream's bits, most significant first; no bit at all where none fits."""
        streams = [
            fitted(
                np.ascontiguousarray(image).tobytes(),
                image.shape,
                grant["picture"].payload_bits // 8,
                self.headers == "known",
            )
            for image, grant in zip(images, grants, strict=True)
        ]
        return [{"picture": to_bits(each)} for each in streams]

    def decode(
        self, receptions: Sequence[Reception], shapes: Sequence[tuple[int, int, int]]
    ) -> list[Decoded]:
        """The picture of a codestream that arrived whole, else a flat one."""
        return [self._decoded(r["picture"], shape) for r, shape in zip(receptions, shapes, strict=True)]

    def _decoded(self, got: BitsObserved, shape: tuple[int, int, int]) -> Decoded:
        """One wrong payload in 2^24 passes the CRC, so the shape is checked too."""
        image = None
        if (told := whole_bytes(got)) is not None:
            known = self.headers == "known"
            image = openjpeg.decompress(openjpeg.dressed(told, Form(shape=shape)) if known else told)
        if image is None or image.shape != shape or image.dtype != np.uint8:
            return Decoded(image=grey(shape, self.outage_level), outage=True)
        return Decoded(image=image, outage=False)


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
