"""The digital half of a link: payloads to symbols and back, one engine call per scheme for a whole batch.

A place is where one payload rides: a bearer, a scheme and a number of channel uses, laid out as

    | scheme's index, 32 uses, if signalled | code blocks | uses left over |

The blocks are one stream of bits, interleaved where the bearer says so and filled up with known bits to whole
symbols: 672 bits need not divide into symbols of 10.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from phy import signalling
from phy.amc import Amc, choose, choose_blind
from phy.bearer import DigitalBearer
from phy.bits import from_int, pack
from phy.channel import Channel
from phy.engine import Engine
from phy.fec.decoder import Decoder
from phy.interleave import deinterleave, interleave
from phy.mapping import turn, unturn
from phy.mcs import Mcs
from phy.scramble import sequence
from phy.segment import HEADER_BITS, Framing
from phy.types import BitsObserved


@dataclass(frozen=True, kw_only=True)
class Place:
    """One payload's channel uses under a bearer and a scheme. nonce: 12 bytes, never used twice."""

    bearer: DigitalBearer
    mcs: Mcs
    n_uses: int
    nonce: bytes = bytes(12)

    @property
    def signalling_uses(self) -> int:
        """Uses of the scheme's index: none unless the scheme follows what only the transmitter knows."""
        return _signalling_uses(self.bearer, self.n_uses)

    @property
    def coded_uses(self) -> int:
        """Uses of code blocks, the last one filled up."""
        return -(-self.coded_bits // self.mcs.bits_per_use)

    @property
    def coded_bits(self) -> int:
        """Bits of code blocks."""
        return self.framing.blocks * self.mcs.code.n

    @property
    def pad_bits(self) -> int:
        """Known bits that fill the last symbol of code blocks."""
        return self.coded_uses * self.mcs.bits_per_use - self.coded_bits

    @property
    def fill_uses(self) -> int:
        """Uses left over."""
        return self.n_uses - self.signalling_uses - self.coded_uses

    @cached_property
    def framing(self) -> Framing:
        """The layout of the information bits."""
        cipher, bearer = self.bearer.cipher, self.bearer
        return Framing(
            k=self.mcs.code.k,
            blocks=self.mcs.blocks(self.n_uses - self.signalling_uses),
            crc=bearer.crc,
            crc_per=bearer.crc_per,
            granule=cipher.granule if cipher else 1,
            tag_bits=cipher.tag_bits if cipher else 0,
        )

    def categories(self, n_bits: int) -> dict[str, int]:
        """Coded bits by category for a payload of `n_bits`; they sum to n_uses * bits_per_use."""
        code, m = self.mcs.code, self.mcs.bits_per_use
        parity = self.framing.blocks * (code.n - code.k)
        fill = self.pad_bits + self.fill_uses * m
        outer = {"signalling": self.signalling_uses * m, "parity": parity, "fill": fill}
        return self.framing.categories(n_bits) | outer

    def seal(self, payload: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Information blocks uint8 [blocks, k] of a payload uint8 [n <= payload_bits]: sealed, framed."""
        if not self.framing.blocks:
            return np.zeros((0, self.mcs.code.k), np.uint8)
        cipher, body = self.bearer.cipher, payload
        if cipher:
            body = cipher.encrypt(payload, self.nonce, _header(payload.size))
        return self.framing.join(payload.size, body)

    def open(self, blocks: NDArray[np.uint8] | None) -> tuple[BitsObserved, BitsObserved]:
        """What uint8 [blocks, k] say to the receiver with the key, and to one without.

        None stands for a payload that was lost whole. Without agreement of the CRC the data are a best
        effort, cut at the length that the header claims; under GCM nothing is given out that the tag does not
        vouch for.
        """
        if blocks is None or not self.framing.blocks:
            lost = BitsObserved(data=np.zeros(0, np.uint8), ok=False)
            return lost, BitsObserved(data=lost.data, ok=False, deciphered=self.bearer.cipher is None)
        parts, cipher = self.framing.split(blocks), self.bearer.cipher
        if cipher is None:
            seen = BitsObserved(data=parts.body, ok=parts.ok)
            return seen, seen
        ciphertext = parts.body[: parts.body.size - cipher.tag_bits]
        payload = cipher.decrypt(parts.body, parts.n_bits, self.nonce, _header(parts.n_bits))
        received = BitsObserved(
            data=np.zeros(0, np.uint8) if payload is None else payload, ok=parts.ok and payload is not None
        )
        return received, BitsObserved(data=ciphertext, ok=parts.ok, deciphered=False)


def _header(n_bits: int) -> bytes:
    return pack(from_int(n_bits, HEADER_BITS))


def _signalling_uses(bearer: DigitalBearer, n_uses: int) -> int:
    adaptive = isinstance(bearer.mcs, Amc) and bearer.mcs.csit
    return signalling.USES if adaptive and n_uses >= signalling.USES else 0


def settle(
    bearer: DigitalBearer, channel: Channel, snr_db: float, gains: NDArray[np.float64], n_uses: int
) -> Place:
    """The place that the bearer takes in `n_uses`: its own scheme, or the one its rule picks.

    gains: |h|^2 over the stream's uses, which only a rule with CSIT looks at. Where no scheme of the set can
    hold a payload, the most robust one takes the place, with nothing in it.
    """
    places = [Place(bearer=bearer, mcs=mcs, n_uses=n_uses) for mcs in bearer.schemes]
    able = [p.mcs for p in places if p.framing.payload_bits > 0]
    if not isinstance(bearer.mcs, Amc) or not able:
        return places[0]
    uses = n_uses - _signalling_uses(bearer, n_uses)
    if bearer.mcs.csit:
        mcs = choose(bearer.mcs, able, snr_db, gains, uses, bearer.receiver)
    else:
        mcs = choose_blind(bearer.mcs, tuple(able), snr_db, channel, uses, bearer.receiver)
    return Place(bearer=bearer, mcs=mcs, n_uses=n_uses)


Group = tuple[Mcs, str, Decoder]
"""What one engine call computes: a scheme, a demapper and a decoder."""


def _by_chain(places: Sequence[Place]) -> dict[Group, list[int]]:
    """Indices of the places that one engine call can serve."""
    groups: dict[Group, list[int]] = {}
    for i, place in enumerate(places):
        if place.framing.blocks:
            chain = (place.mcs, place.bearer.demapper, place.bearer.decoder_of(place.mcs.code))
            groups.setdefault(chain, []).append(i)
    return groups


def modulate(
    engine: Engine, places: Sequence[Place], blocks: Sequence[NDArray[np.uint8]]
) -> list[NDArray[np.complex64]]:
    """Symbols complex64 [n_uses] of each place from its information blocks uint8 [blocks, k]."""
    coded = [np.zeros(0, np.complex64)] * len(places)
    for (mcs, _, _), members in _by_chain(places).items():
        codewords = engine.encode(mcs.code, np.concatenate([blocks[i] for i in members]))
        words = np.split(codewords, _cuts(places[i].framing.blocks for i in members))
        streams = [_stream(places[i], own) for i, own in zip(members, words, strict=True)]
        symbols = engine.map(mcs.constellation, np.concatenate(streams)[None])[0]
        parts = np.split(symbols, _cuts(places[i].coded_uses for i in members))
        for i, part in zip(members, parts, strict=True):
            coded[i] = part
    return [
        np.concatenate([_index_symbols(place), turn(place.mcs.constellation, _filled(place, part))])
        for place, part in zip(places, coded, strict=True)
    ]


def _cuts(sizes: Iterable[int]) -> NDArray[np.int64]:
    return np.cumsum(np.fromiter(sizes, np.int64))[:-1]


def _stream(place: Place, codewords: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bits on the symbols, uint8 [coded uses * m]: interleaved, then known ones to the last symbol."""
    sent = interleave(place.bearer.interleaver, codewords)
    return np.concatenate([sent, sequence(place.pad_bits)]) if place.pad_bits else sent


def _index_symbols(place: Place) -> NDArray[np.complex64]:
    if not place.signalling_uses:
        return np.zeros(0, np.complex64)
    return signalling.send(place.bearer.schemes.index(place.mcs))


def _filled(place: Place, coded: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Known symbols after the coded ones for the uses left over, so that every use carries energy."""
    m = place.mcs.bits_per_use
    labels = sequence(place.fill_uses * m).reshape(-1, m) @ (1 << np.arange(m - 1, -1, -1))
    return np.concatenate([coded, place.mcs.constellation.points[labels].astype(np.complex64)])


def demodulate(
    engine: Engine,
    places: Sequence[Place],
    symbols: Sequence[NDArray[np.complex64]],
    noise_var: Sequence[NDArray[np.float32]],
) -> list[NDArray[np.uint8] | None]:
    """Information blocks uint8 [blocks, k] of each place from x^ complex64 [n_uses] and its variance float32.

    None where the scheme's index was misread: the receiver then decodes something else, and the payload
    is lost.
    """
    decided: list[NDArray[np.uint8] | None] = [np.zeros((0, p.mcs.code.k), np.uint8) for p in places]
    for (mcs, demapper, decoder), members in _by_chain(places).items():
        y = np.concatenate([unturn(mcs.constellation, _coded(places[i], symbols[i])) for i in members])
        var = np.concatenate([_coded(places[i], noise_var[i]) for i in members])
        llr = engine.demap(mcs.constellation, y[None], var[None], demapper)[0]
        words = [
            deinterleave(places[i].bearer.interleaver, part[: places[i].coded_bits], mcs.code.n)
            for i, part in zip(members, _split_llr(llr, places, members), strict=True)
        ]
        bits = engine.decode(mcs.code, np.concatenate(words), decoder)
        parts = np.split(bits, _cuts(places[i].framing.blocks for i in members))
        for i, part in zip(members, parts, strict=True):
            decided[i] = part
    for i, place in enumerate(places):
        if place.signalling_uses and _read_index(place, symbols[i], noise_var[i]) != place.mcs:
            decided[i] = None
    return decided


def _split_llr(
    llr: NDArray[np.float32], places: Sequence[Place], members: Sequence[int]
) -> list[NDArray[np.float32]]:
    return np.split(llr, _cuts(places[i].coded_uses * places[i].mcs.bits_per_use for i in members))


def _coded(place: Place, per_use: NDArray) -> NDArray:
    return per_use[place.signalling_uses :][: place.coded_uses]


def _read_index(place: Place, symbols: NDArray[np.complex64], noise_var: NDArray[np.float32]) -> Mcs:
    n, schemes = place.signalling_uses, place.bearer.schemes
    return schemes[signalling.receive(symbols[:n], noise_var[:n], len(schemes))]
