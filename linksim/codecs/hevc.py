"""HEVC intra as a source codec: the best quality whose real bytes fit the payload.

image -> what of its HEVC stream the receiver cannot know -> 'picture' bits -> the same, if whole -> image
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from linksim.codecs import x265
from linksim.codecs.base import Image
from linksim.codecs.picture_file import Headers, ScaledFile

OCTAVE = 6
"""QPs that double the quantiser's step, and about halve the bytes."""
QP_OF_ONE_BIT = 29
"""About the QP at one bit a pixel: where the search starts."""


@dataclass(frozen=True, kw_only=True)
class Hevc(ScaledFile):
    """HEVC intra in BPG's settings, fitted to the payload: x265, 4:4:4 (grey: 4:0:0), tuned for PSNR.

    headers: sent: all of a stream that any decoder reads. known: the slice alone, some 90 bytes less, from
        which the receiver, who knows the shape, makes the stream whole.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["hevc"] = "hevc"
    headers: Headers = "sent"

    channels: ClassVar[tuple[int, ...]] = (1, 3)

    @property
    def fingerprint(self) -> str:
        """The libraries that make and read the streams."""
        return x265.version()

    def qualities(self, shape: tuple[int, int, int]) -> Sequence[float]:
        """QPs. Bytes grow with every rung but for a fifth of a percent, so none is looked at beyond."""
        return x265.ladder(shape)

    def at(self, image: Image, quality: float) -> bytes:
        return (x265.compress if self.headers == "known" else x265.whole_stream)(image, quality)

    def guess(self, shape: tuple[int, int, int], budget: int) -> tuple[int, float]:
        ladder = x265.ladder(shape)
        rungs, octave = len(ladder), OCTAVE / (ladder[0] - ladder[1])
        qp = QP_OF_ONE_BIT - OCTAVE * np.log2(8 * budget / (shape[0] * shape[1]))
        return int(np.clip((x265.MOST_QP - qp) * octave / OCTAVE, 0, rungs - 1)), octave

    def read(self, content: bytes, shape: tuple[int, int, int]) -> Image | None:
        return (x265.decompress if self.headers == "known" else x265.read)(content, shape)
