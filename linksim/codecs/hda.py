"""HDA-DeepSC on a link: the essential part as bits, the auxiliary part as analog symbols (Xie et al. 2025).

    image -> encoder -> z, z_D;  q = round(z_D / step) -> range coder -> 'essential' bits
             transmitter(z, q step) -> x -> power normalisation -> 'auxiliary' symbols
    bits -> q;  symbols -> x^;  decoder(q step, x^) -> image

The DA ratio (the streams' shares in the scenario) fixes the grants. The step is the smallest whose bits fit
the payload. What the receiver must know, it is sent in a header: the step's index, the power scale and the
SNR the transmitter designed for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from linksim.codecs import header as side_information
from linksim.codecs.base import Decoded, Image, check_channels, grey
from linksim.codecs.entropy import WORD_BITS, EntropyTables
from linksim.codecs.fixed_length import FixedLength
from linksim.codecs.header import HEADER_BITS, Header, nearest_design_snr, power_index
from linksim.codecs.network import Network, Placement, find_network
from phy.types import Bits, BitsObserved, Grant, Message, Reception, Symbols, SymbolsObserved


def words_to_bits(words: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Words of 32 bits -> bits, most significant first."""
    return np.unpackbits(words.astype(">u4").view(np.uint8))


def bits_to_words(bits: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """The inverse of `words_to_bits`; bits beyond the last whole word are left out."""
    whole = bits[: bits.size // WORD_BITS * WORD_BITS]
    return np.packbits(whole).view(">u4").astype(np.uint32)


Coder = EntropyTables | FixedLength


@dataclass(frozen=True, kw_only=True)
class HdaDeepsc:
    """The hybrid codec. `card`: a network in the zoo, or a folder with one.

    concealment: what an outage of the essential part shows: 'analog' decodes the auxiliary part alone, with
    nominal side information; 'mean' is flat grey. A receiver without the key is in the same place.
    coding: how z_D becomes bits. 'entropy': a range coder, which one lost bit ends. 'fixed': longer words of
    fixed length (`linksim.codecs.fixed_length`); on a bearer with `crc_per: block` a lost block costs its own
    integers, and only the loss of the block with the header is an outage.
    placement: which analog reals are sent: those that the bits tell to be large ('told'), of which wrong or
    lost integers leave nothing in place; or always the same ('nominal'), which go well with 'fixed'.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["hda_deepsc"] = "hda_deepsc"
    card: str = "hda_deepsc"
    concealment: Literal["analog", "mean"] = "analog"
    coding: Literal["entropy", "fixed"] = "entropy"
    placement: Placement = "told"

    streams: ClassVar[Mapping[str, str]] = {"essential": "digital", "auxiliary": "analog"}
    channels: ClassVar[tuple[int, ...]] = (3,)

    @property
    def network(self) -> Network:
        return find_network(self.card)

    @property
    def coder(self) -> Coder:
        """What makes bits of integers."""
        tables = self.network.tables
        return FixedLength(tables=tables) if self.coding == "fixed" else tables

    @property
    def fingerprint(self) -> str:
        return self.network.fingerprint

    def encode(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Message]:
        """Bits that fill the payload as far as whole steps go, and one symbol for each granted use."""
        return [self._encode(image, grant) for image, grant in zip(images, grants, strict=True)]

    def decode(
        self, receptions: Sequence[Reception], shapes: Sequence[tuple[int, int, int]]
    ) -> list[Decoded]:
        """A picture from the bits and the symbols; the declared concealment where the bits did not arrive."""
        return [self._decode(r, shape) for r, shape in zip(receptions, shapes, strict=True)]

    def _encode(self, image: Image, grants: Mapping[str, Grant]) -> Message:
        check_channels(self, image)
        network, essential, uses = self.network, grants["essential"], grants["auxiliary"].channel_uses
        z, z_d = analysed(network, image)
        step, q, words = fit(network, self.coder, z_d[0], essential.payload_bits - HEADER_BITS)
        known = {
            "step": step,
            "design_snr_db": nearest_design_snr(grants["auxiliary"].snr_db),
            "coded": words is not None,
        }
        told = network.known(q, Header(power=0, **known), image.shape, uses, self.placement)
        symbols, power = network.analog(z, told, image.shape, uses)
        bits = side_information.pack(Header(power=power, **known))
        if words is not None:
            bits = np.concatenate([bits, words_to_bits(words)])
        bits = bits[: essential.payload_bits]
        return {"essential": Bits(data=bits), "auxiliary": Symbols(data=symbols)}

    def _decode(self, reception: Reception, shape: tuple[int, int, int]) -> Decoded:
        network, got = self.network, reception["auxiliary"]
        decoded = read_essential(network, self.coder, reception["essential"], shape)
        if decoded is not None:
            return Decoded(image=network.image(*decoded, got, shape, self.placement), outage=False)
        if self.concealment == "mean" or not got.data.size:
            return Decoded(image=grey(shape), outage=True)
        return Decoded(image=network.image(*nominal(network, got, shape), got, shape), outage=True)


def analysed(network: Network, image: Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """z and z_D of an image; the last few are kept, since a picture meets many fades and SNRs."""
    return _analysed(network.folder, image.shape, image.tobytes())


@lru_cache(maxsize=4)
def _analysed(
    folder: Path, shape: tuple[int, int, int], pixels: bytes
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return find_network(str(folder)).encode(np.frombuffer(pixels, np.uint8).reshape(shape))


def fit(
    network: Network, tables: Coder, z_d: NDArray[np.float32], budget_bits: int
) -> tuple[int, NDArray[np.int32], NDArray[np.uint32] | None]:
    """The smallest step whose code fits the budget: its index, the integers q and their words.

    None for the words, and q = 0, where not even the largest step fits.
    """

    def integers(step: int) -> NDArray[np.int32]:
        header = Header(step=step, power=0, design_snr_db=0, coded=True)
        whole = np.rint(z_d / network.steps(header)[:, None, None]).astype(np.int32)
        return tables.held(whole, step)

    low, high = 0, tables.n_steps
    while low < high:
        middle = (low + high) // 2
        low, high = (
            (low, middle) if tables.bits(integers(middle), middle) <= budget_bits else (middle + 1, high)
        )
    for step in range(low, tables.n_steps):
        words = tables.encode(integers(step), step)
        if words.size * WORD_BITS <= budget_bits:
            return step, integers(step), words
    return 0, np.zeros(z_d.shape, np.int32), None


def read_essential(
    network: Network, tables: Coder, got: BitsObserved, shape: tuple[int, int, int]
) -> tuple[NDArray[np.int32], Header] | None:
    """The integers and the header of a stream that arrived as far as its coding needs; None where it did not,
    or was never sent.

    One wrong payload in 2^24 passes a CRC of 24 bits: what cannot be a code did not arrive.
    """
    if not got.deciphered or got.data.size < HEADER_BITS or not got.good[:HEADER_BITS].all():
        return None
    header = side_information.unpack(got.data[:HEADER_BITS])
    integers_shape = network.integers_shape(shape)
    if not header.coded:
        return np.zeros(integers_shape, np.int32), header
    if header.step >= tables.n_steps:
        return None
    try:
        words = bits_to_words(got.data[HEADER_BITS:])
        return tables.decode(words, header.step, integers_shape, got.good[HEADER_BITS:]), header
    except ValueError:
        return None


def nominal(
    network: Network, got: SymbolsObserved, shape: tuple[int, int, int]
) -> tuple[NDArray[np.int32], Header]:
    """What a receiver without the bits can assume: no integers, the card's nominal step and power, the SNR it
    measures.
    """
    header = Header(
        step=network.number("nominal_step"),
        power=power_index(2.0 ** network.card.network["nominal_log2_power"]),
        design_snr_db=nearest_design_snr(-10 * float(np.log10(np.mean(got.noise_var)))),
        coded=True,
    )
    return np.zeros(network.integers_shape(shape), np.int32), header
