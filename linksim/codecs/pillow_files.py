"""JPEG, WebP and AVIF as source codecs, by the libraries in Pillow's wheel: libjpeg-turbo, libwebp, libavif.

image -> the file of the best quality that fits, container and headers included -> 'picture' bits -> image
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from PIL import Image as Pictures
from PIL import features

from linksim.codecs.base import Image
from linksim.codecs.picture_file import Concealment, ScaledFile
from linksim.errors import MissingTool

LOSSLESS = 101.0
"""The rung above every lossy quality, of a format that has one."""
END_OF_JPEG, START_OF_SCAN = b"\xff\xd9", 0xDA
NEXT_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]", re.DOTALL)
"""Of a segment, in coded samples: neither a stuffed 0xFF nor a restart."""
MODES = {1: "L", 3: "RGB"}


class PillowFile(ScaledFile):
    """A format that Pillow writes and reads, on Pillow's scale of qualities."""

    channels: ClassVar[tuple[int, ...]] = (1, 3)
    format: ClassVar[str]
    library: ClassVar[tuple[str, str]]
    """Pillow's name of the library, and what people call it."""
    look: ClassVar[int] = 8

    @property
    def fingerprint(self) -> str:
        """The library that makes and reads the files."""
        name, told = self.library
        if not features.check(name):
            rule = f"needs a Pillow with {told}: its own wheel has one"
            remedy = "pip install --force-reinstall --only-binary pillow 'pillow>=11.3'"
            raise MissingTool(f"codec: {self.format.lower()}", rule, "none", remedy)
        return f"{told} {features.version(name)}"

    def saved(self, image: Image, **options: Any) -> bytes:
        """The file that Pillow makes with these options."""
        _ = self.fingerprint
        made = io.BytesIO()
        Pictures.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(
            made, self.format, **options
        )
        return made.getvalue()

    def read(self, content: bytes, shape: tuple[int, int, int]) -> Image | None:
        _ = self.fingerprint
        try:
            with Pictures.open(io.BytesIO(content), formats=[self.format]) as picture:
                if (picture.height, picture.width) != shape[:2]:  # before anything so large is made
                    return None
                return np.array(picture.convert(MODES[shape[2]])).reshape(shape)
        except (OSError, ValueError, SyntaxError, EOFError, RuntimeError, Pictures.DecompressionBombError):
            return None


@dataclass(frozen=True, kw_only=True)
class Jpeg(PillowFile):
    """JPEG, fitted to the payload: 4:4:4, libjpeg's tables at quality 1 to 100, Huffman tables of its own.

    Sequential or progressive, whichever is smaller.

    concealment: prefix: progressive; an outage shows what the scans tell that lie in front of the first
        failed block. Needs the stream's `crc_per: block`, by which the receiver knows that block.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["jpeg"] = "jpeg"
    concealment: Concealment = "flat"

    format: ClassVar[str] = "JPEG"
    library: ClassVar[tuple[str, str]] = ("libjpeg_turbo", "libjpeg-turbo")

    def qualities(self, shape: tuple[int, int, int]) -> Sequence[float]:
        return range(1, 101)

    def at(self, image: Image, quality: float) -> bytes:
        ways = (True,) if self.concealment == "prefix" else (False, True)
        made = [
            self.saved(image, quality=int(quality), subsampling=0, optimize=True, progressive=way)
            for way in ways
        ]
        return min(made, key=len)

    def read_prefix(self, content: bytes, shape: tuple[int, int, int]) -> Image | None:
        if self.concealment == "flat":
            return None
        return self.read(content[: whole_segments(content)] + END_OF_JPEG, shape)


def whole_segments(prefix: bytes) -> int:
    """How many of a JPEG's first bytes hold no marker segment cut short; coded samples may be (T.81, B.1)."""
    at = 2
    while at + 4 <= len(prefix):
        marker, end = prefix[at + 1], at + 2 + int.from_bytes(prefix[at + 2 : at + 4], "big")
        if end > len(prefix):
            return at
        if marker == START_OF_SCAN:
            found = NEXT_MARKER.search(prefix, end)
            end = found.start() if found else len(prefix.rstrip(b"\xff"))
            if not found:
                return end
        at = end
    return at


@dataclass(frozen=True, kw_only=True)
class Webp(PillowFile):
    """WebP, fitted to the payload: VP8 at the slowest method, quality 0 to 100 by halves, above it lossless.

    Its lossy part is 4:2:0 and in studio range: the format has nothing else.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["webp"] = "webp"

    format: ClassVar[str] = "WEBP"
    library: ClassVar[tuple[str, str]] = ("webp", "libwebp")
    ends_lossless: ClassVar[bool] = True

    def qualities(self, shape: tuple[int, int, int]) -> Sequence[float]:
        return [*(n / 2 for n in range(201)), LOSSLESS]

    def at(self, image: Image, quality: float) -> bytes:
        if quality == LOSSLESS:
            return self.saved(image, lossless=True, quality=75, method=6, exact=True)
        return self.saved(image, quality=quality, method=6)


@dataclass(frozen=True, kw_only=True)
class Avif(PillowFile):
    """AVIF, fitted to the payload: libaom, 4:4:4 (grey: 4:0:0), eight bits, full range, tuned for PSNR, one
    thread. Qualities are libavif's 64 quantisers.

    speed: libaom's, 0 the slowest to 10. On three photos of BSDS500, at 0.3 to 2 bits a pixel, 4 is 0.1 to
        0.3 dB below 0, in a fifth to an eighth of its time, and 6 is 0.3 to 0.7 dB below 4, in a seventh.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["avif"] = "avif"
    speed: int = 4

    format: ClassVar[str] = "AVIF"
    library: ClassVar[tuple[str, str]] = ("avif", "libavif")
    look: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.speed <= 10:
            raise ValueError(f"speed: must be 0 to 10, got {self.speed}; 4 is the default, 0 the slowest")

    @property
    def fingerprint(self) -> str:
        from PIL import _avif

        return f"{super().fingerprint}, {_avif.codec_versions()}"

    def qualities(self, shape: tuple[int, int, int]) -> Sequence[float]:
        """The lowest quality of each quantiser, which is round(63 (1 - quality / 100))."""
        lowest = {((100 - quality) * 63 + 50) // 100: quality for quality in range(100, -1, -1)}
        return sorted(lowest.values())

    def guess(self, shape: tuple[int, int, int], budget: int) -> tuple[int, float]:
        bits_per_pixel = 8 * budget / (shape[0] * shape[1])
        return int(np.clip(37 + 11 * np.log2(bits_per_pixel), 0, 63)), 11.0

    def at(self, image: Image, quality: float) -> bytes:
        options = {"subsampling": "4:4:4"} if image.shape[2] == 3 else {}
        return self.saved(
            image,
            quality=int(quality),
            speed=self.speed,
            max_threads=1,
            codec="aom",
            advanced={"tune": "psnr"},
            **options,
        )
