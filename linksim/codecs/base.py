"""What every codec is: images to streams that fit their grants, and receptions back to images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.errors import LinksimError
from phy.types import Bits, BitsObserved, Grant, Message, Reception

Image = NDArray[np.uint8]
"""uint8 [height, width, channels]: 3 of sRGB, or 1 of grey."""


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """What the receiver shows: always a picture, and whether it is the codec's concealment of an outage."""

    image: Image
    outage: bool


GREY = 128
"""The level of the flat picture that conceals an outage."""


def grey(shape: tuple[int, int, int], level: int = GREY) -> Image:
    """A flat picture: what an outage looks like where nothing of the picture arrived."""
    return np.full(shape, level, np.uint8)


def to_bits(content: bytes) -> Bits:
    """Bytes as a stream, the most significant bit of each first."""
    return Bits(data=np.unpackbits(np.frombuffer(content, np.uint8)))


def whole_bytes(got: BitsObserved) -> bytes | None:
    """What was sent as bytes; None where a check failed, the receiver lacks the key, or nothing was sent."""
    readable = got.ok and got.deciphered and got.data.size and got.data.size % 8 == 0
    return np.packbits(got.data).tobytes() if readable else None


def check_level(level: int) -> None:
    """ValueError where no picture can be that flat."""
    if not 0 <= level <= 0xFF:
        raise ValueError(f"outage_level: must be 0 to 255, got {level}; {GREY} is the default")


class Codec(Protocol):
    """One system's source side. Stateless and batched: item i of every list is trial i.

    It may tell by `channels` which pictures it takes, as (3,); without, it takes all. It may have a method
    `check(shape, grants)` that raises ValueError 'field: rule, got X; remedy' for a picture of that shape
    which it cannot send under the most that its streams may be granted. And it may have a method
    `facts(images, grants) -> list[Mapping[str, float]]`: numbers of the message that `encode` makes of the
    same, under names that are the same for every message; result rows hold them as `codec.NAME`. Then
    `describe(facts, uses_per_sample)` is a line for `linksim show`.
    """

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


def check_channels(codec: Any, image: Image, where: str = "codec") -> None:
    """LinksimError where the codec takes no picture of so many channels."""
    taken = getattr(codec, "channels", (image.shape[2],))
    if image.shape[2] not in taken:
        rule = f"{codec.kind} takes pictures of {' or '.join(map(str, taken))} channels"
        remedy = "choose other images, or another codec, as jpeg2000"
        raise LinksimError(where, rule, image.shape[2], remedy)
