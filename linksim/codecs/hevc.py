"""HEVC intra as a source codec: the best quality whose real bytes fit the payload.

image -> what of its HEVC stream the receiver cannot know -> 'picture' bits -> the same, if whole -> image
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Literal

import numpy as np

from linksim.codecs import x265
from linksim.codecs.base import Image
from linksim.codecs.picture_file import Headers, PictureFile
from linksim.kept import Kept

KEPT_BYTES, ENTRY_BYTES = 64 << 20, 256
"""Of streams that a process keeps, and what each takes beside itself, about."""
_STREAMS: Kept[bytes] = Kept(most=KEPT_BYTES)
OCTAVE = 6
"""QPs that double the quantiser's step, and about halve the bytes."""
QP_OF_ONE_BIT = 29
"""About the QP at one bit a pixel: where the search starts."""
SECANTS = 7
"""Steps after which the search goes on by halves."""


@dataclass(frozen=True, kw_only=True)
class Hevc(PictureFile):
    """HEVC intra in BPG's settings, fitted to the payload: x265, 4:4:4 (grey: 4:0:0), tuned for PSNR.

    headers: known: the slice alone, from which the receiver, who knows the shape, makes the stream whole.
        sent: all of a stream that any decoder reads, some 90 bytes more.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["hevc"] = "hevc"
    headers: Headers = "known"

    channels: ClassVar[tuple[int, ...]] = (1, 3)

    @property
    def fingerprint(self) -> str:
        """The libraries that make and read the streams."""
        return x265.version()

    def written(self, image: Image, budget: int) -> bytes:
        return fitted(image, budget, self.headers)

    def read(self, content: bytes, shape: tuple[int, int, int]) -> Image | None:
        return (x265.decompress if self.headers == "known" else x265.read)(content, shape)


def fitted(image: Image, budget: int, headers: Headers = "known") -> bytes:
    """The stream of the best quality of `x265.ladder` that takes at most `budget` bytes; empty for none.

    Where bytes do not grow with every rung, a rung that fits and whose next one does not. Streams made last
    are kept: at other SNRs a picture meets other budgets, and the same rungs.
    """
    rungs = x265.ladder(image.shape)
    digest = sha256(image.tobytes()).digest()
    make = x265.compress if headers == "known" else x265.whole_stream

    def at(rung: int) -> bytes:
        key = digest, image.shape, headers, rung
        if (known := _STREAMS.get(key)) is None:
            known = make(image, rungs[rung])
            _STREAMS.put(key, known, len(known) + ENTRY_BYTES)
        return known

    if budget < 1:
        return b""
    best = highest(lambda rung: len(at(rung)), len(rungs), budget, *_guess(image, budget))
    return b"" if best is None else at(best)


def _guess(image: Image, budget: int) -> tuple[int, float]:
    """The rung to try first, and about how many rungs double the bytes; by the budget and the shape alone, so
    that what is kept does not decide where a search ends.
    """
    rungs = x265.ladder(image.shape)
    octave = OCTAVE * (len(rungs) - 1) / x265.MOST_QP
    bits_per_pixel = 8 * budget / (image.shape[0] * image.shape[1])
    qp = QP_OF_ONE_BIT - OCTAVE * np.log2(bits_per_pixel)
    return int(np.clip((x265.MOST_QP - qp) * octave / OCTAVE, 0, len(rungs) - 1)), octave


def highest(size: Callable[[int], int], count: int, budget: int, first: int, octave: float) -> int | None:
    """A rung of 0 to count - 1 of at most `budget` bytes whose next one takes more; None where rung 0 does.

    It tries `first`, goes on as if bytes doubled every `octave` rungs until the answer is enclosed, and then
    between the nearest two that it tried, as if bytes grew there evenly in their logarithm: some four tries.
    """
    low, high, under, over = -1, count, 0.0, 0.0
    rung, tries = first, 0
    while True:
        excess, tries = float(np.log2(size(rung) / budget)), tries + 1
        if excess <= 0:
            low, under = rung, excess
        else:
            high, over = rung, excess
        if high - low == 1:
            return low if low >= 0 else None
        ahead = octave * (1 if tries == 1 else 1.5)
        if tries > SECANTS:
            rung = (low + high) // 2
        elif low < 0:
            rung = high - 1 - int(np.ceil(over * ahead))
        elif high == count:
            rung = low + 1 + int(-under * ahead)
        else:
            share = -under / (over - under)
            rung = low + int(np.floor(share * (high - low)) if share > 0.5 else np.ceil(share * (high - low)))
        rung = int(np.clip(rung, low + 1, high - 1))
