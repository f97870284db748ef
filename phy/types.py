"""The words of the air interface: what a transmitter sends and what a receiver gets.

Bits and symbols are NumPy arrays at every border. Nothing here knows images, files or networks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Bits:
    """A digital stream: uint8 [n], each 0 or 1, any n from 0."""

    data: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Symbols:
    """An analog stream: complex64 [n], mean power at most 1."""

    data: NDArray[np.complex64]


Stream = Bits | Symbols
Message = Mapping[str, Stream]


@dataclass(frozen=True, kw_only=True)
class Grant:
    """Leave to send one stream in one frame.

    channel_uses: complex channel uses the stream owns, used or not.
    payload_bits: most bits a digital stream may carry; 0 for an analog one.
    snr_db: what the transmitter knows of the SNR (Es/N0): the realised one with CSIT, else the long-term one.
    mcs: name of the modulation and coding scheme chosen, None for an analog stream.
    """

    channel_uses: int
    payload_bits: int
    snr_db: float
    mcs: str | None = None


@dataclass(frozen=True, kw_only=True)
class BitsObserved:
    """A digital stream as received: uint8 [n] and whether every check passed.

    ok: the CRC (and the GCM tag, where there is one and the key is held) agreed.
    deciphered: False where the stream is enciphered and this receiver lacks the key: `data` is ciphertext.
    checked: bool [n], the bits whose own check agreed, where each code block has one (`crc_per: block`); None
        where one check stands for all.
    """

    data: NDArray[np.uint8]
    ok: bool
    deciphered: bool = True
    checked: NDArray[np.bool_] | None = None

    @property
    def good(self) -> NDArray[np.bool_]:
        """Bool [n]: the bits that a check vouches for."""
        return np.full(self.data.size, self.ok) if self.checked is None else self.checked


@dataclass(frozen=True, kw_only=True)
class SymbolsObserved:
    """An analog stream as received: data = sent + w, w ~ CN(0, noise_var), with its own noise level.

    data: complex64 [n]; noise_var: float32 [n], per complex symbol.
    """

    data: NDArray[np.complex64]
    noise_var: NDArray[np.float32]


Observed = BitsObserved | SymbolsObserved
Reception = Mapping[str, Observed]
