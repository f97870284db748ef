"""What image codecs share: a picture's file as one stream of bits, shown whole or not at all."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from linksim.codecs.base import GREY, Decoded, Image, check_level, grey, to_bits, whole_bytes
from phy.types import Grant, Message, Reception

Headers = Literal["sent", "known"]


@dataclass(frozen=True, kw_only=True)
class PictureFile(ABC):
    """A codec whose message is a file's bytes.

    A picture is an outage, shown flat, where nothing that is a picture fitted, the CRC failed, or the
    receiver lacks the key: arithmetic-coded bits of which any may be wrong are not shown.

    headers: sent: the whole file. known: without what the receiver makes of the shape.
    outage_level: of the flat picture.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    headers: Headers = "sent"
    outage_level: int = GREY

    streams: ClassVar[Mapping[str, str]] = {"picture": "digital"}

    def __post_init__(self) -> None:
        check_level(self.outage_level)

    @abstractmethod
    def written(self, image: Image, budget: int) -> bytes:
        """The best file of at most `budget` bytes; empty where none fits."""

    @abstractmethod
    def read(self, content: bytes, shape: tuple[int, int, int]) -> Image | None:
        """The picture of a file; None of anything else, as one wrong payload in 2^24 passes its CRC."""

    def encode(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Message]:
        """The file's bits, most significant first; no bit at all where none fits."""
        files = [
            self.written(np.ascontiguousarray(image), grant["picture"].payload_bits // 8)
            for image, grant in zip(images, grants, strict=True)
        ]
        return [{"picture": to_bits(each)} for each in files]

    def decode(
        self, receptions: Sequence[Reception], shapes: Sequence[tuple[int, int, int]]
    ) -> list[Decoded]:
        """The picture of a file that arrived whole, else a flat one."""
        shown = []
        for reception, shape in zip(receptions, shapes, strict=True):
            content = whole_bytes(reception["picture"])
            image = None if content is None else self.read(content, shape)
            lost = image is None
            shown.append(Decoded(image=grey(shape, self.outage_level) if lost else image, outage=lost))
        return shown
