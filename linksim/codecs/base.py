"""What every codec is: images to streams that fit their grants, and receptions back to images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from phy.types import Grant, Message, Reception

Image = NDArray[np.uint8]
"""uint8 [height, width, channels]: 3 of sRGB, or 1 of grey."""


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """What the receiver shows: always a picture, and whether it is the codec's concealment of an outage."""

    image: Image
    outage: bool


GREY = 128
"""The level of the flat picture that conceals an outage."""


def grey(shape: tuple[int, int, int]) -> Image:
    """Flat grey: what an outage looks like where nothing of the picture arrived."""
    return np.full(shape, GREY, np.uint8)


class Codec(Protocol):
    """One system's source side. Stateless and batched: item i of every list is trial i."""

    streams: Mapping[str, str]
    """Stream name -> 'digital' or 'analog': what a link must offer."""

    @property
    def fingerprint(self) -> str:
        """What decides its pictures beside its fields: checksums of its networks, the version of its
        library.
        """
        ...

    def encode(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Message]:
        """Streams that fit: at most `payload_bits` bits, at most `channel_uses` symbols of mean power <=
        1.
        """
        ...

    def decode(
        self, receptions: Sequence[Reception], shapes: Sequence[tuple[int, int, int]]
    ) -> list[Decoded]:
        """Pictures of the given shapes, from nothing but what was received."""
        ...
