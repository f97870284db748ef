"""Decibels, noise and energy per bit: the only place where one is converted into another.

SNR is Es/N0 per complex channel use with E|x|^2 = E|h|^2 = 1; the noise is n ~ CN(0, N0).
"""

from fractions import Fraction
from math import log10

MOST_SNR_DB = 100.0
"""An SNR and an offset of it lie within +-100 dB: float32 holds the noise and the LLRs of both together."""


def check_snr(name: str, value_db: float) -> None:
    """ValueError where an SNR in dB is none that the link can compute."""
    if not abs(value_db) <= MOST_SNR_DB:
        raise ValueError(
            f"{name}: must lie between {-MOST_SNR_DB:g} and {MOST_SNR_DB:g} dB, got {value_db:g}; it is in dB"
        )


def db_to_linear(value_db: float) -> float:
    """10^(value_db / 10), a ratio of powers.

    >>> db_to_linear(10.0)
    10.0
    """
    return 10.0 ** (value_db / 10.0)


def linear_to_db(ratio: float) -> float:
    """10 log10(ratio) of a positive ratio of powers; 0 is minus infinity.

    >>> linear_to_db(100.0)
    20.0
    """
    if ratio < 0:
        raise ValueError(f"ratio: must be >= 0, got {ratio}; a ratio of powers has no sign")
    return 10.0 * log10(ratio) if ratio > 0 else float("-inf")


def noise_variance(snr_db: float) -> float:
    """N0 = E|n|^2 per complex channel use, for symbols of unit energy.

    >>> noise_variance(20.0)
    0.01
    """
    return db_to_linear(-snr_db)


def ebn0_db(esn0_db: float, info_bits_per_use: float | Fraction) -> float:
    """Eb/N0 = Es/N0 - 10 log10(information bits per channel use).

    >>> round(ebn0_db(10.0, 2), 4)
    6.9897
    """
    return esn0_db - linear_to_db(float(info_bits_per_use))


def esn0_db(ebn0_db: float, info_bits_per_use: float | Fraction) -> float:
    """Es/N0 = Eb/N0 + 10 log10(information bits per channel use), the inverse of `ebn0_db`."""
    return ebn0_db + linear_to_db(float(info_bits_per_use))
