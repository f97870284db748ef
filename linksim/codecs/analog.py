"""The analog part of HDA-DeepSC alone on a link: Analog DeepSC (Xie et al. 2025, sec. IV and V-B).

image -> encoder -> z -> transmitter -> x -> power normalisation -> 'auxiliary' symbols
symbols -> x^ = x + s eps -> denoiser -> decoder -> image
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from linksim.codecs import header as side_information
from linksim.codecs.base import Decoded, Image, check_channels, grey
from linksim.codecs.denoiser import LMMSE, Denoiser
from linksim.codecs.hda import analysed
from linksim.codecs.header import HEADER_USES, Header, nearest_design_snr
from linksim.codecs.network import Network, find_network
from phy.types import Grant, Message, Reception, Symbols, SymbolsObserved


@dataclass(frozen=True, kw_only=True)
class Analog:
    """The analog part of HDA-DeepSC alone: z~ = 0, all of z as symbols, its header as repeated BPSK in
    front.

    card: a network in the zoo, or a folder with one. denoiser: what detection does about noise, see
        `linksim.codecs.denoiser`.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["analog"] = "analog"
    card: str = "analog_deepsc"
    denoiser: Denoiser = LMMSE

    streams: ClassVar[Mapping[str, str]] = {"auxiliary": "analog"}
    channels: ClassVar[tuple[int, ...]] = (3,)

    @property
    def network(self) -> Network:
        return find_network(self.card)

    @property
    def fingerprint(self) -> str:
        own, denoiser = self.network.fingerprint, self.denoiser.network(self.network)
        return own + (f"; denoiser: {denoiser.fingerprint}" if denoiser else "")

    def check(self, shape: tuple[int, int, int], grants: Mapping[str, Grant]) -> None:
        """ValueError where the denoiser was trained for another bandwidth ratio than is granted."""
        denoiser, token = self.denoiser.network(self.network), self.network.number("token")
        if denoiser is not None:
            uses = max(grants["auxiliary"].channel_uses - HEADER_USES, 0)
            denoiser.check(2 * uses / np.prod([-(-side // token) for side in shape[:2]]))

    def encode(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Message]:
        """One symbol for each granted use: the header, then the image."""
        return [self._encode(image, grant["auxiliary"]) for image, grant in zip(images, grants, strict=True)]

    def decode(
        self, receptions: Sequence[Reception], shapes: Sequence[tuple[int, int, int]]
    ) -> list[Decoded]:
        """A picture: an analog link fades, and has an outage only where the frame has no room for one."""
        return [self._decode(r["auxiliary"], shape) for r, shape in zip(receptions, shapes, strict=True)]

    def _encode(self, image: Image, grant: Grant) -> Message:
        check_channels(self, image)
        network, uses = self.network, max(grant.channel_uses - HEADER_USES, 0)
        z, _ = analysed(network, image)
        known = {"step": 0, "design_snr_db": nearest_design_snr(grant.snr_db), "coded": False}
        q = np.zeros(network.integers_shape(image.shape), np.int32)
        told = network.known(q, Header(power=0, **known), image.shape, uses)
        symbols, power = network.analog(z, told, image.shape, uses)
        front = side_information.to_symbols(side_information.pack(Header(power=power, **known)))
        return {"auxiliary": Symbols(data=np.concatenate([front, symbols])[: grant.channel_uses])}

    def _decode(self, got: SymbolsObserved, shape: tuple[int, int, int]) -> Decoded:
        network = self.network
        if got.data.size <= HEADER_USES:
            return Decoded(image=grey(shape), outage=True)
        header = side_information.unpack(
            side_information.from_symbols(got.data[:HEADER_USES], got.noise_var[:HEADER_USES])
        )
        rest = SymbolsObserved(data=got.data[HEADER_USES:], noise_var=got.noise_var[HEADER_USES:])
        q = np.zeros(network.integers_shape(shape), np.int32)
        known = network.known(q, header, shape, rest.data.size)
        x, noise = network.received(known, header, rest, shape)
        denoiser = self.denoiser.network(network)
        x, noise = self.denoiser.detected(denoiser, x, noise, known.power, header.log2_power)
        return Decoded(image=network.shown(known, x, noise, shape), outage=False)
