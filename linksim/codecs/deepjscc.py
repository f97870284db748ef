"""DeepJSCC on a link: a network's symbols as they are, or the nearest points of its constellation.

    image -> encoder -> s -+-> |s|^2 = 1 on average over the picture -> 'picture' symbols -> decoder -> image
                           \\-> nearest points -/ (DeepJSCC-Q)

(Bourtsoulatze, Kurka, Gunduz 2019; Tung, Kurka, Jankowski, Gunduz 2022.) The network is a card of anybody's:
`linksim.codecs.jscc` says what it must keep. Nothing but the symbols is sent, and nothing else is received.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.base import Decoded, Image, check_channels
from linksim.codecs.jscc import Jscc, find_jscc
from linksim.errors import LinksimError
from phy.types import Grant, Message, Reception, Symbols


@dataclass(frozen=True, kw_only=True)
class DeepJscc:
    """A network from pictures to channel symbols and back. `card`: one of the zoo, or a folder with yours.

    A card with a constellation sends points of it alone. A factor brings a picture's symbols to power 1.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["deepjscc"] = "deepjscc"
    card: str = "deepjscc"

    streams: ClassVar[Mapping[str, str]] = {"picture": "analog"}

    @property
    def network(self) -> Jscc:
        return find_jscc(self.card)

    @property
    def fingerprint(self) -> str:
        return self.network.fingerprint

    @property
    def channels(self) -> tuple[int, ...]:
        return (self.network.channels,)

    def check(self, shape: tuple[int, int, int], grants: Mapping[str, Grant]) -> None:
        """ValueError where the picture's symbols do not fit."""
        network, uses = self.network, grants["picture"].channel_uses
        if uses < (least := network.least_uses(shape)):
            ratio = Fraction(network.reals, 2 * network.number("token") ** 2 * network.channels)
            # small pictures take more, where tokens reach beyond them
            ratio = max(ratio, Fraction(least, math.prod(shape)))
            rule = f"the stream 'picture' must have {least} channel uses for {shape[0]}x{shape[1]}"
            remedy = f"{network.card.name} takes a bandwidth_ratio of {ratio} for it alone"
            raise ValueError(f"codec.card: {rule}, got {uses}; {remedy}")

    def encode(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Message]:
        """One symbol for each place of the network's grid that is sent; uses beyond those stay free."""
        return [self._encode(image, grant) for image, grant in zip(images, grants, strict=True)]

    def decode(
        self, receptions: Sequence[Reception], shapes: Sequence[tuple[int, int, int]]
    ) -> list[Decoded]:
        """A picture, always: symbols fade, they do not fail."""
        return [self._decode(r, shape) for r, shape in zip(receptions, shapes, strict=True)]

    def _encode(self, image: Image, grants: Mapping[str, Grant]) -> Message:
        check_channels(self, image)
        try:
            self.check(image.shape, grants)
        except ValueError as error:
            raise LinksimError("codec.card", str(error).removeprefix("codec.card: ")) from None
        network, grant = self.network, grants["picture"]
        made = network.encode(image, grant.snr_db).reshape(-1)
        s = made[network.places(image.shape, grant.channel_uses)]
        if not np.isfinite(s).all():
            rule = "the encoder must give finite numbers, this picture got others"
            raise LinksimError(network.folder, rule, None, "train or export the network again")
        if network.points is not None:
            s = network.points[nearest(s, network.points)]
        return {"picture": Symbols(data=normalised(s))}

    def _decode(self, reception: Reception, shape: tuple[int, int, int]) -> Decoded:
        got = reception["picture"]
        return Decoded(image=self.network.decode(got.data, got.noise_var, shape, got.data.size), outage=False)


def normalised(s: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """s of mean power 1; as it is where there is no power."""
    power = float(np.mean(np.abs(s.astype(np.complex128)) ** 2)) if s.size else 0.0
    return (s / power**0.5).astype(np.complex64) if power > 0 else s


def nearest(s: NDArray[np.complex64], points: NDArray[np.complex64]) -> NDArray[np.intp]:
    """Index of the point nearest to each symbol [n]."""
    from scipy.spatial import cKDTree  # every start of the command would wait for it

    return cKDTree(plane(points)).query(plane(s))[1]


def plane(s: NDArray[np.complex64]) -> NDArray[np.float32]:
    """The two axes of symbols, [n, 2]."""
    return np.stack([s.real, s.imag], -1)
