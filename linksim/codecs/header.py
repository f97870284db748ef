"""Side information of HDA-DeepSC: 24 bits that the receiver must have, sent and charged like everything else.

As the first bits of the digital stream, or (for the analog part alone) as repeated BPSK symbols in front of
the analog ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP_BITS, POWER_BITS, SNR_BITS, CODED_BITS = 7, 10, 6, 1
HEADER_BITS = STEP_BITS + POWER_BITS + SNR_BITS + CODED_BITS
POWERS_PER_OCTAVE = 32
LOG2_POWER_FIRST = -16.0
SNR_FIRST_DB = -16
REPEATS = 32
HEADER_USES = HEADER_BITS * REPEATS
"""Channel uses of the header as symbols: 32 a bit, wrong in 24 Q(sqrt(64 Es/N0)) of the frames: 8e-5 at -5
dB, 1e-14 at 0 dB.
"""


@dataclass(frozen=True, kw_only=True)
class Header:
    """step: index of the quantiser's step; power: index of the analog power scale; coded: whether integers
    follow as bits.
    """

    step: int
    power: int
    design_snr_db: int
    coded: bool

    @property
    def log2_power(self) -> float:
        return log2_power(self.power)


def log2_power(index: int) -> float:
    """log2 of the power of that index on the header's grid."""
    return LOG2_POWER_FIRST + index / POWERS_PER_OCTAVE


def power_index(power: float) -> int:
    """Index of the grid's smallest power that is at least `power`: normalised symbols never exceed it."""
    index = np.ceil((np.log2(max(power, 1e-30)) - LOG2_POWER_FIRST) * POWERS_PER_OCTAVE)
    return int(np.clip(index, 0, 2**POWER_BITS - 1))


def nearest_design_snr(snr_db: float) -> int:
    """The SNR in whole dB that the header can say."""
    return int(np.clip(np.rint(snr_db), SNR_FIRST_DB, SNR_FIRST_DB + 2**SNR_BITS - 1))


def pack(header: Header) -> NDArray[np.uint8]:
    """Header -> uint8 [HEADER_BITS] of 0 and 1, most significant first."""
    fields = (
        (header.step, STEP_BITS),
        (header.power, POWER_BITS),
        (header.design_snr_db - SNR_FIRST_DB, SNR_BITS),
        (int(header.coded), CODED_BITS),
    )
    return np.asarray([value >> i & 1 for value, n in fields for i in reversed(range(n))], np.uint8)


def unpack(bits: NDArray[np.uint8]) -> Header:
    """The inverse of `pack`."""
    values, at = [], 0
    for n in (STEP_BITS, POWER_BITS, SNR_BITS, CODED_BITS):
        values.append(int(bits[at : at + n].astype(np.int64) @ (1 << np.arange(n)[::-1])))
        at += n
    return Header(
        step=values[0], power=values[1], design_snr_db=values[2] + SNR_FIRST_DB, coded=bool(values[3])
    )


def to_symbols(bits: NDArray[np.uint8]) -> NDArray[np.complex64]:
    """Each bit as REPEATS symbols of BPSK, interleaved: complex64 [HEADER_USES], power 1."""
    return np.tile(1 - 2 * bits.astype(np.float32), REPEATS).astype(np.complex64)


def from_symbols(data: NDArray[np.complex64], noise_var: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Hard decisions after maximum ratio combining of the repeats."""
    weighted = (data.real / np.maximum(noise_var, 1e-12)).reshape(REPEATS, HEADER_BITS).sum(0)
    return (weighted < 0).astype(np.uint8)
