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
from linksim.codecs.base import Decoded, Image, grey
from linksim.kept import Kept
from phy.types import Bits, BitsObserved, Grant, Message, Reception

FINENESS = 1024
"""The search for the target ends when it is known to 1/1024 of the budget, or 8 bytes."""
KEPT_BYTES, ENTRY_BYTES = 64 << 20, 256
"""Of codestreams that a process keeps, and what each takes beside itself, about."""
_CODESTREAMS: Kept[bytes] = Kept(most=KEPT_BYTES)


@dataclass(frozen=True, kw_only=True)
class Jpeg2000:
    """JPEG 2000, fitted to the payload: irreversible 9/7, colour transform, a raw codestream.

    A picture is an outage, and shown as flat grey, where the CRC failed, the receiver lacks the key, or not
    even the smallest codestream fitted: arithmetic-coded bits of which any may be wrong are not shown.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["jpeg2000"] = "jpeg2000"

    streams: ClassVar[Mapping[str, str]] = {"picture": "digital"}

    @property
    def fingerprint(self) -> str:
        """The library that makes the codestreams."""
        return f"OpenJPEG {openjpeg.version()}"

    def encode(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Message]:
        """The codestream's bits, most significant first; no bit at all where none fits."""
        streams = [
            fitted(np.ascontiguousarray(image).tobytes(), image.shape, grant["picture"].payload_bits // 8)
            for image, grant in zip(images, grants, strict=True)
        ]
        return [{"picture": Bits(data=np.unpackbits(np.frombuffer(each, np.uint8)))} for each in streams]

    def decode(
        self, receptions: Sequence[Reception], shapes: Sequence[tuple[int, int, int]]
    ) -> list[Decoded]:
        """The picture of a codestream that arrived whole, else grey."""
        return [_decode(r["picture"], shape) for r, shape in zip(receptions, shapes, strict=True)]


def fitted(pixels: bytes, shape: tuple[int, int, int], budget: int) -> bytes:
    """The largest codestream of at most `budget` bytes; empty where not even the smallest fits.

    Those made last are kept: at other SNRs a picture meets the same budgets.
    """
    key = sha256(pixels).digest(), shape, budget
    if (known := _CODESTREAMS.get(key)) is not None:
        return known
    made = search(pixels, shape, budget)
    _CODESTREAMS.put(key, made, len(made) + ENTRY_BYTES)
    return made


def search(pixels: bytes, shape: tuple[int, int, int], budget: int) -> bytes:
    """What `fitted` returns.

    The size grows in steps with the target that OpenJPEG is told, as coding passes are kept or dropped, and
    stays a little below it: a target above the budget may still fit. The target is bisected, and the largest
    codestream that was seen to fit is kept.
    """
    image = np.frombuffer(pixels, np.uint8).reshape(shape)
    best = b""

    def fits(target: int) -> bool:
        nonlocal best
        codestream = openjpeg.compress(image, target)
        if len(best) < len(codestream) <= budget:
            best = codestream
        return len(codestream) <= budget

    if budget < 1:
        return b""
    if budget >= image.size // 4 and fits(image.size):  # the whole of it, nothing dropped
        return best
    low, high = (budget, budget + budget // 32 + 64) if fits(budget) else (0, budget)
    while low == budget and fits(high):
        low, high = high, min(2 * high, image.size)
        if low == high:
            return best
    while high - low > max(8, budget // FINENESS):
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return best


def _decode(got: BitsObserved, shape: tuple[int, int, int]) -> Decoded:
    """Grey for what did not arrive; one wrong payload in 2^24 passes the CRC, so the shape is checked too."""
    image = None
    if got.ok and got.deciphered and got.data.size and got.data.size % 8 == 0:
        image = openjpeg.decompress(np.packbits(got.data).tobytes())
    if image is None or image.shape != shape:
        return Decoded(image=grey(shape), outage=True)
    return Decoded(image=image, outage=False)
