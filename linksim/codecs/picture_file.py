"""What image codecs share: a picture's file as one stream of bits, the best quality whose bytes fit.

image -> file of at most payload_bits // 8 bytes -> 'picture' bits -> file, if whole -> image
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Literal

import numpy as np

from linksim.codecs.base import GREY, Decoded, Image, check_level, grey, to_bits, whole_bytes
from linksim.kept import Kept
from phy.types import BitsObserved, Grant, Message, Reception

Headers = Literal["sent", "known"]
Concealment = Literal["flat", "prefix"]

KEPT_BYTES, ENTRY_BYTES = 64 << 20, 256
"""Of files that a process keeps, and what each takes beside itself, about."""
_FITTED: Kept[bytes] = Kept(most=KEPT_BYTES)
"""What was sent, by codec, picture and budget: fades change neither."""
_TRIED: Kept[bytes] = Kept(most=KEPT_BYTES)
"""What a search tried, by codec, picture and rung: other budgets try much the same."""
SECANTS = 7
"""Tries after which a search goes on by halves."""


@dataclass(frozen=True, kw_only=True)
class PictureFile(ABC):
    """A codec whose message is a file's bytes.

    A picture is an outage where nothing that is a picture fitted, the CRC failed, or the receiver lacks the
    key: arithmetic-coded bits of which any may be wrong are not shown. In its place stands a flat picture,
    or what a codec with `concealment: prefix` makes of the bytes in front of the first block that failed.

    outage_level: of the flat picture.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    outage_level: int = GREY

    streams: ClassVar[Mapping[str, str]] = {"picture": "digital"}

    def __post_init__(self) -> None:
        check_level(self.outage_level)

    @abstractmethod
    def written(self, image: Image, budget: int) -> bytes:
        """The best file of at most `budget` bytes, which are 1 or more; empty where none fits."""

    @abstractmethod
    def read(self, content: bytes, shape: tuple[int, int, int]) -> Image | None:
        """The picture of a file; None of anything else, as one wrong payload in 2^24 passes its CRC."""

    def read_prefix(self, content: bytes, shape: tuple[int, int, int]) -> Image | None:
        """What the first bytes of a file show; None where that is nothing, or not asked for."""
        return None

    def encode(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Message]:
        """The file's bits, most significant first; no bit at all where none fits."""
        files = [
            self.fitted(image, grant["picture"].payload_bits // 8)
            for image, grant in zip(images, grants, strict=True)
        ]
        return [{"picture": to_bits(each)} for each in files]

    def decode(
        self, receptions: Sequence[Reception], shapes: Sequence[tuple[int, int, int]]
    ) -> list[Decoded]:
        """The picture of a file that arrived whole, else its concealment."""
        shown = []
        for reception, shape in zip(receptions, shapes, strict=True):
            content = whole_bytes(reception["picture"])
            image = None if content is None else self.read(content, shape)
            lost = image is None
            shown.append(
                Decoded(image=self._concealed(reception["picture"], shape) if lost else image, outage=lost)
            )
        return shown

    def fitted(self, image: Image, budget: int) -> bytes:
        """What `written` makes, once for a picture and a budget while it is kept."""
        if budget < 1:
            return b""
        key = (self, *_digest(image), budget)
        if (known := _FITTED.get(key)) is None:
            known = self.written(np.ascontiguousarray(image), budget)
            _FITTED.put(key, known, len(known) + ENTRY_BYTES)
        return known

    def _concealed(self, got: BitsObserved, shape: tuple[int, int, int]) -> Image:
        prefix = good_prefix(got)
        image = self.read_prefix(prefix, shape) if prefix else None
        return grey(shape, self.outage_level) if image is None else image


class ScaledFile(PictureFile):
    """A codec with a scale of qualities, searched for the best that fits."""

    look: ClassVar[int] = 0
    """Rungs beyond the end of the search that are tried too, where more quality may take fewer bytes."""
    ends_lossless: ClassVar[bool] = False
    """Whether the last rung is without loss: it may take less than many below, so it is tried first."""

    @abstractmethod
    def qualities(self, shape: tuple[int, int, int]) -> Sequence[float]:
        """The codec's own scale, worst first: its rungs."""

    @abstractmethod
    def at(self, image: Image, quality: float) -> bytes:
        """The file at one of `qualities`."""

    def guess(self, shape: tuple[int, int, int], budget: int) -> tuple[int, float]:
        """The rung to try first, and about how many rungs double the bytes: by budget and shape alone, so
        that what is kept does not decide where a search ends.
        """
        count = len(self.qualities(shape))
        return count // 2, count / 6

    def written(self, image: Image, budget: int) -> bytes:
        scale, digest = self.qualities(image.shape), _digest(image)

        def at(rung: int) -> bytes:
            key = (self, *digest, rung)
            if (known := _TRIED.get(key)) is None:
                known = self.at(image, scale[rung])
                _TRIED.put(key, known, len(known) + ENTRY_BYTES)
            return known

        count = len(scale)
        if self.ends_lossless and len(at(count - 1)) <= budget:
            return at(count - 1)
        count -= self.ends_lossless
        first, octave = self.guess(image.shape, budget)
        best = highest(lambda rung: len(at(rung)), count, budget, min(first, count - 1), octave, self.look)
        return b"" if best is None else at(best)


def highest(
    size: Callable[[int], int], count: int, budget: int, first: int, octave: float, look: int = 0
) -> int | None:
    """A rung of 0 to count - 1 of at most `budget` bytes whose next one takes more; None where there is none.

    It tries `first`, goes on as if bytes doubled every `octave` rungs until the answer is enclosed, and then
    between the nearest two that it tried, as if bytes grew there evenly in their logarithm: some four tries.

    Where bytes do not grow with every rung there may be several such, and a search ends at any. Of the `look`
    rungs above its end the last that fits then takes its place, and so on from there: what is found is the
    best of all where no `look` rungs in a row take too much below one that fits.
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
            break
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
    while above := [r for r in range(low + 1, min(low + 1 + look, count)) if size(r) <= budget]:
        low = above[-1]
    return low if low >= 0 else None


def good_prefix(got: BitsObserved) -> bytes:
    """The whole bytes in front of the first bit that no check vouches for: none without `crc_per: block`."""
    if not got.deciphered:
        return b""
    n_bits = got.data.size if got.good.all() else int(np.argmin(got.good))
    return np.packbits(got.data[: n_bits // 8 * 8]).tobytes()


def check_concealment(concealment: Concealment, headers: Headers) -> None:
    """ValueError where a prefix would lack the headers that tell how far it goes."""
    if concealment == "prefix" and headers != "sent":
        raise ValueError(f"concealment: prefix needs headers: sent, got {headers!r}; send them, or take flat")


def _digest(image: Image) -> tuple[bytes, tuple[int, ...]]:
    return sha256(np.ascontiguousarray(image).data).digest(), image.shape
