"""JPEG XL as a source codec, by libjxl through imagecodecs: the least distance whose real bytes fit.

image -> bare codestream at a distance -> 'picture' bits -> codestream, if whole -> image
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import ClassVar, Literal

import numpy as np

from linksim.codecs.base import Image
from linksim.codecs.picture_file import ScaledFile
from linksim.errors import MissingTool

MOST_DISTANCE, LEAST_DISTANCE = 25.0, 0.05
"""The largest that libjxl takes, and one at which the lossless form is about as small."""
STEPS = 24
"""Rungs that halve the distance: bytes grow by 2 to 3 % from one to the next."""
OCTAVE = 33
"""Rungs that double the bytes, about."""
RUNG_OF_ONE_BIT = 85
"""About the rung at one bit a pixel: where the search starts."""


@dataclass(frozen=True, kw_only=True)
class JpegXl(ScaledFile):
    """JPEG XL, fitted to the payload: VarDCT in XYB without subsampling, one thread; at the end lossless.

    Its encoder aims at butteraugli's distance, the scale searched, and cannot be told to aim at PSNR.

    effort: libjxl's, 1 the fastest to 10.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["jxl"] = "jxl"
    effort: int = 7

    channels: ClassVar[tuple[int, ...]] = (1, 3)
    look: ClassVar[int] = 4
    ends_lossless: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.effort <= 10:
            raise ValueError(f"effort: must be 1 to 10, got {self.effort}; 7 is the default, 10 the slowest")

    @property
    def fingerprint(self) -> str:
        """The library that makes and reads the codestreams."""
        return library().jpegxl_version()

    def qualities(self, shape: tuple[int, int, int]) -> Sequence[float]:
        """Distances, the last of them 0: lossless."""
        count = int(STEPS * np.log2(MOST_DISTANCE / LEAST_DISTANCE))
        return [*(MOST_DISTANCE * 2 ** (-n / STEPS) for n in range(count)), 0.0]

    def guess(self, shape: tuple[int, int, int], budget: int) -> tuple[int, float]:
        last = len(self.qualities(shape)) - 1
        bits_per_pixel = 8 * budget / (shape[0] * shape[1])
        return int(np.clip(RUNG_OF_ONE_BIT + OCTAVE * np.log2(bits_per_pixel), 0, last)), OCTAVE

    def at(self, image: Image, quality: float) -> bytes:
        options = {"distance": quality} if quality else {"lossless": True}
        return bytes(library().jpegxl_encode(image, effort=self.effort, numthreads=1, **options))

    def read(self, content: bytes, shape: tuple[int, int, int]) -> Image | None:
        jxl = library()
        try:
            image = np.asarray(jxl.jpegxl_decode(content, numthreads=1))
        except (RuntimeError, ValueError, MemoryError, OverflowError):  # JpegxlError is the first
            return None
        image = np.atleast_3d(image)
        return np.ascontiguousarray(image) if image.shape == shape and image.dtype == np.uint8 else None


@cache
def library() -> ModuleType:
    """imagecodecs with libjxl. MissingTool where there is none."""
    where, remedy = "codec: jxl", "pip install 'linksim-phy[jxl]', which brings imagecodecs"
    try:
        codecs = import_module("imagecodecs")
    except ImportError as error:
        rule = "needs libjxl, in the package imagecodecs"
        raise MissingTool(where, rule, str(error), remedy) from error
    if not codecs.JPEGXL.available:
        raise MissingTool(where, "needs an imagecodecs with libjxl: its own wheel has one", "none", remedy)
    return codecs
