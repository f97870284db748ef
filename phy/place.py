"""Where one payload rides: a bearer, a scheme and a number of channel uses, laid out as

    | scheme's index, 32 uses, if signalled | code blocks | uses left over |

The blocks are one stream of bits, interleaved where the bearer says so and filled up with known bits to whole
symbols: 672 bits need not divide into symbols of 10.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from phy import signalling
from phy.amc import Amc, choose, choose_blind
from phy.bearer import DigitalBearer
from phy.bits import from_int, pack
from phy.channel import Channel
from phy.fec.ideal import ShannonCode
from phy.mcs import Mcs, find_mcs
from phy.segment import HEADER_BITS, Framing, Parts
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
        """The layout of the information bits; without a block where header and checksum do not fit."""
        cipher, bearer = self.bearer.cipher, self.bearer
        framing = Framing(
            k=self.mcs.code.k,
            blocks=self.mcs.blocks(self.n_uses - self.signalling_uses),
            crc=bearer.crc,
            crc_per=bearer.crc_per,
            granule=cipher.granule if cipher else 1,
            tag_bits=cipher.tag_bits if cipher else 0,
        )
        return framing if framing.room >= 0 else replace(framing, blocks=0)

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
            seen = BitsObserved(data=parts.body, ok=parts.ok, checked=parts.checked)
            return seen, seen
        ciphertext = parts.body[: parts.body.size - cipher.tag_bits]
        stolen = BitsObserved(data=ciphertext, ok=parts.ok, deciphered=False)
        return self._deciphered(parts, wrong_key=False), stolen

    def open_wrongly(self, blocks: NDArray[np.uint8] | None) -> BitsObserved:
        """What uint8 [blocks, k] say to a receiver that takes a wrong key for the right one.

        Checks over the ciphertext agree, so nothing but GCM's tag tells it of its mistake.
        """
        if blocks is None or not self.framing.blocks or self.bearer.cipher is None:
            return self.open(blocks)[0]
        return self._deciphered(self.framing.split(blocks), wrong_key=True)

    def _deciphered(self, parts: Parts, *, wrong_key: bool) -> BitsObserved:
        cipher, header = self.bearer.cipher, _header(parts.n_bits)
        payload = cipher.decrypt(parts.body, parts.n_bits, self.nonce, header, wrong_key)
        lost = payload is None
        return BitsObserved(
            data=np.zeros(0, np.uint8) if lost else payload,
            ok=parts.ok and not lost,
            checked=None if cipher.tag_bits else parts.checked,  # a tag vouches for all or for nothing
        )


def _header(n_bits: int) -> bytes:
    return pack(from_int(n_bits, HEADER_BITS))


def _signalling_uses(bearer: DigitalBearer, n_uses: int) -> int:
    adaptive = isinstance(bearer.mcs, Amc) and bearer.mcs.csit
    return signalling.USES if adaptive and n_uses >= signalling.USES else 0


def settle(
    bearer: DigitalBearer,
    channel: Channel,
    snr_db: float,
    gains: NDArray[np.float64],
    n_uses: int,
    over: int | None = None,
) -> Place:
    """The place that the bearer takes in `n_uses`: its own scheme, or the one its rule picks.

    gains: |h|^2 over the stream's uses, which only a rule with CSIT looks at. Where no scheme of the set can
    hold a payload, the most robust one takes the place, with nothing in it. over: uses of the frame that the
    stream's lie evenly among; None, if they follow one another.
    """
    schemes = [sized(mcs, snr_db, gains, n_uses) for mcs in bearer.schemes]
    places = [Place(bearer=bearer, mcs=mcs, n_uses=n_uses) for mcs in schemes]
    able = [p.mcs for p in places if p.framing.payload_bits > 0]
    if not isinstance(bearer.mcs, Amc) or not able:
        return places[0]
    uses = n_uses - _signalling_uses(bearer, n_uses)
    if bearer.mcs.csit:
        met = gains[n_uses - uses :] if gains.size == n_uses else gains  # blocks lie behind the index
        mcs = choose(bearer.mcs, able, snr_db, met, uses, bearer.receiver)
    else:
        mcs = choose_blind(bearer.mcs, tuple(able), snr_db, channel, uses, bearer.receiver, over)
    return Place(bearer=bearer, mcs=mcs, n_uses=n_uses)


def sized(mcs: Mcs, snr_db: float, gains: NDArray[np.float64], n_uses: int) -> Mcs:
    """The scheme itself, or, under the capacity bound of `ideal:shannon`, that of these realised gains.

    gains: |h|^2 of one fade for all [1], or of every use [n_uses].
    """
    code = mcs.code
    if not isinstance(code, ShannonCode) or code.is_bound or not n_uses:
        return mcs
    snr = 10 ** (snr_db / 10) * np.broadcast_to(gains, n_uses)
    bound = code.bound(snr, mcs.bits_per_use)
    name = f"{code.name},uses={n_uses},bits={mcs.bits_per_use},k=1" if bound is None else bound.name
    return find_mcs(f"{mcs.constellation_name}/{name}")
