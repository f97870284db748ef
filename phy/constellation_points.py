"""Where standards put their points: alphabets by formula, one complex for every label, unit mean energy.

802.11ad, 802.11n/ac/ax: reflected Gray code on each axis, the label's first half on I, levels rising from
-(L-1) (802.11-2016 17.3.5.8 and 21.3.10.9, 802.11ax-2021 27.3.12.9; 802.11ad-2012 21.6.3.2.4 turns QPSK).
5G NR: TS 38.211 clause 5.1, I and Q bits in turns, 0 on the positive side.
DVB-S2: EN 302 307 V1.2.1, figures 10 to 12 and the ring ratios of tables 9 and 10. The labels were compared
with three public transcriptions, which agree.
"""

from collections.abc import Sequence

import numpy as np

Alphabet = tuple[complex, ...]

QUARTERS: Alphabet = (1 + 0j, 1j, -1 + 0j, -1j)
"""exp(j pi k / 2), the turn of 802.11ad's single carrier: symbol k is turned by element k mod 4."""


def gray_levels(bits: int) -> tuple[int, ...]:
    """Levels -(L-1), ..., L-1 in label order: the p-th level from below has label p xor floor(p / 2).

    >>> gray_levels(2)
    (-3, -1, 3, 1)
    """
    levels = [0] * (1 << bits)
    for p in range(1 << bits):
        levels[p ^ (p >> 1)] = 2 * p - (1 << bits) + 1
    return tuple(levels)


def square(levels: Sequence[int]) -> Alphabet:
    """Both axes alike, I from the label's first half; levels in label order, scaled to unit mean energy."""
    scale = float(np.sqrt(2 * np.mean(np.square(levels))))
    return tuple(complex(i / scale, q / scale) for i in levels for q in levels)


def bpsk() -> Alphabet:
    """802.11: st = 2 c0 - 1."""
    return (-1 + 0j, 1 + 0j)


def bpsk_5g() -> Alphabet:
    """TS 38.211 5.1.2: (1 - 2 b)(1 + j) / sqrt 2."""
    return (complex(0.5**0.5, 0.5**0.5), complex(-(0.5**0.5), -(0.5**0.5)))


def qpsk_turned() -> Alphabet:
    """802.11ad: ((2 c0 - 1) + j (2 c1 - 1)) / sqrt 2 exp(-j pi / 4): 00 -> -1, 01 -> j, 10 -> -j, 11 -> 1."""
    return (-1 + 0j, 1j, -1j, 1 + 0j)


def level_5g(bits: Sequence[int]) -> int:
    """TS 38.211 5.1.3 to 5.1.7, one axis: (1 - 2 b0)(2^(n-1) - (1 - 2 b1)(2^(n-2) - ...(2 - (1 - 2 b_n-1)))).

    >>> [level_5g(b) for b in ((0, 0), (0, 1), (1, 0), (1, 1))]
    [1, 3, -1, -3]
    """
    level = 1 - 2 * bits[-1]
    for i, bit in enumerate(reversed(bits[:-1])):
        level = (1 - 2 * bit) * ((2 << i) - level)
    return level


def qam_5g(bits_per_symbol: int) -> Alphabet:
    """Bits b0, b2, ... choose I, bits b1, b3, ... choose Q."""
    m = bits_per_symbol
    labels = [[(label >> (m - 1 - i)) & 1 for i in range(m)] for label in range(1 << m)]
    scale = float(np.sqrt(2 * ((1 << m) - 1) / 3))
    return tuple(complex(level_5g(b[0::2]) / scale, level_5g(b[1::2]) / scale) for b in labels)


def psk(bits_per_symbol: int) -> Alphabet:
    """Reflected Gray code around the circle: the p-th point from angle 0 has label p xor floor(p / 2)."""
    points = [0j] * (1 << bits_per_symbol)
    for p in range(len(points)):
        points[p ^ (p >> 1)] = _polar(1.0, 2 * p / len(points))
    return tuple(points)


def psk8_dvbs2() -> Alphabet:
    """EN 302 307 figure 10, angles in quarters of pi in label order."""
    return tuple(_polar(1.0, a / 4) for a in (1, 0, 4, 5, 2, 7, 3, 6))


GAMMA_16 = {"2/3": 3.15, "3/4": 2.85, "4/5": 2.75, "5/6": 2.70, "8/9": 2.60, "9/10": 2.57}
"""EN 302 307 table 9: outer over inner radius of 16APSK by the rate of the DVB-S2 code."""

GAMMA_32 = {
    "3/4": (2.84, 5.27),
    "4/5": (2.72, 4.87),
    "5/6": (2.64, 4.64),
    "8/9": (2.54, 4.33),
    "9/10": (2.53, 4.30),
}
"""EN 302 307 table 10: middle and outer over inner radius of 32APSK."""

_ANGLES_16 = (3, -3, 9, -9, 1, -1, 11, -11, 5, -5, 7, -7, 3, -3, 9, -9)
"""Figure 11, twelfths of pi in label order; labels 0 to 11 lie on the outer ring."""

# fmt: off
_PLACES_32 = (
    (1, 6), (1, 10), (1, -6), (1, -10), (1, 18), (1, 14), (1, -18), (1, -14),
    (2, 3), (2, 9), (2, -6), (2, -12), (2, 18), (2, 12), (2, -21), (2, -15),
    (1, 2), (0, 6), (1, -2), (0, -6), (1, 22), (0, 18), (1, -22), (0, -18),
    (2, 0), (2, 6), (2, -3), (2, -9), (2, 21), (2, 15), (2, 24), (2, -18),
)
# fmt: on
"""Figure 12 in label order: ring from the inner one, and the angle in twenty-fourths of pi."""


def apsk16(gamma: float) -> Alphabet:
    """4 + 12 points, R2 = gamma R1, 4 R1^2 + 12 R2^2 = 16."""
    inner = (16 / (4 + 12 * gamma**2)) ** 0.5
    radii = [inner * gamma] * 12 + [inner] * 4
    return tuple(_polar(r, a / 12) for r, a in zip(radii, _ANGLES_16, strict=True))


def apsk32(gamma1: float, gamma2: float) -> Alphabet:
    """4 + 12 + 16 points, R2 = gamma1 R1, R3 = gamma2 R1, 4 R1^2 + 12 R2^2 + 16 R3^2 = 32."""
    inner = (32 / (4 + 12 * gamma1**2 + 16 * gamma2**2)) ** 0.5
    radii = (inner, inner * gamma1, inner * gamma2)
    return tuple(_polar(radii[ring], a / 24) for ring, a in _PLACES_32)


def _polar(radius: float, half_turns: float) -> complex:
    return complex(radius * np.cos(np.pi * half_turns), radius * np.sin(np.pi * half_turns))
