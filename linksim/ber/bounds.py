"""What theory says of a curve: closed forms of uncoded bits, else what the best code could do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linksim.ber.request import Curve
from phy import theory
from phy.constellation import Constellation
from phy.information import normal_approximation, outage, snr_of_information
from phy.units import linear_to_db

MOST_BLOCKS = 256
"""Independent fades of a frame up to which its outage is worked out."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A line to draw beside a curve. of: the rate it is about; name: for the legend.

    esn0_db: float64 [p], Es/N0; rate: float64 [p]. limit_db: Es/N0 below which no code works, if any.
    """

    of: Literal["ber", "bler"]
    name: str
    esn0_db: NDArray[np.float64]
    rate: NDArray[np.float64]
    limit_db: float | None = None


def bound(curve: Curve, esn0_db: NDArray[np.float64]) -> Bound | None:
    """Theory at these SNRs; None where there is none: the receiver estimates h, or h moves within a block.

    Uncoded: the exact bit error rate of Gray-labelled square points (`phy.theory`). Over AWGN: the normal
    approximation for the constellation, k bits in the frame's uses, and its capacity limit. Over block
    fading: the outage probability, below which no code of that rate is. 'ideal' codes are a bound themselves.
    """
    chain, kind = curve.chain, curve.chain.channel.kind
    if chain.csi.kind != "perfect" or curve.words.code.startswith("ideal"):
        return None
    snr = 10 ** (np.asarray(esn0_db, np.float64) / 10)
    if curve.words.code.startswith("uncoded"):
        bits, law = gray_bits(chain.constellation), _uncoded(curve)
        if bits is None or law is None:
            return None
        rate = np.array([law(bits, float(g)) for g in snr])
        return Bound(of="ber", name="closed form", esn0_db=esn0_db, rate=rate)
    per_use = chain.code.k / chain.uses
    if kind == "awgn":
        needed = snr_of_information(chain.constellation, per_use, "cm")
        rate = normal_approximation(chain.constellation, chain.uses, chain.code.k, snr)
        limit = linear_to_db(needed) if np.isfinite(needed) else None
        return Bound(of="bler", name="normal approximation", esn0_db=esn0_db, rate=rate, limit_db=limit)
    blocks = _blocks(curve)
    if blocks is None:
        return None
    rate = outage(chain.constellation, per_use, snr, chain.channel.gain_cdf, blocks, "cm")
    return Bound(of="bler", name="outage", esn0_db=esn0_db, rate=rate)


def gray_bits(constellation: Constellation) -> int | None:
    """m where `phy.theory.ber_terms` holds: two points, a square of four, square QAM with Gray labels."""
    m, points, labels = constellation.bits_per_symbol, constellation.points, constellation.labels
    if m == 1:
        return 1 if np.allclose(points[0], -points[1]) else None
    if m == 2:
        apart = np.abs(points[:, None] - points)
        alike = (labels[:, None] != labels).sum(axis=2)
        near = np.isclose(apart, np.sqrt(2.0)) == (alike == 1)
        return 2 if np.allclose(np.abs(points), 1.0) and near.all() else None
    side = 1 << (m // 2)
    if m % 2:
        return None
    for axis in (points.real, points.imag):
        levels = np.unique(axis.round(9))
        if len(levels) != side or not np.allclose(np.diff(levels), levels[1] - levels[0]):
            return None
        place = np.searchsorted(levels, axis.round(9))
        by_level = [labels[place == level] for level in range(side)]
        fixed = [np.flatnonzero((rows == rows[0]).all(axis=0)) for rows in by_level]
        bits = set.intersection(*(set(each.tolist()) for each in fixed))
        changes = np.abs(np.diff([rows[0].astype(int) for rows in by_level], axis=0))[:, sorted(bits)]
        reflected = sorted(changes.sum(axis=0)) == [1 << i for i in range(m // 2)]
        if len(bits) != m // 2 or not reflected or (changes.sum(axis=1) != 1).any():
            return None
    return m


def _uncoded(curve: Curve) -> Callable[[int, float], float] | None:
    channel = curve.chain.channel
    laws: dict[str, Callable[[int, float], float]] = {
        "awgn": lambda m, g: float(theory.ber_awgn(m, g)),
        "rayleigh": lambda m, g: float(theory.ber_rayleigh(m, g)),
        "jakes": lambda m, g: float(theory.ber_rayleigh(m, g)),
        "rician": lambda m, g: theory.ber_rician(m, g, channel.k_factor),
        "nakagami": lambda m, g: theory.ber_nakagami(m, g, channel.m),
    }
    return laws.get(channel.kind)


def _blocks(curve: Curve) -> list[int] | None:
    """Uses of each independent fade of a frame; None where h moves, or the fades are too many."""
    channel, uses = curve.chain.channel, curve.chain.uses
    if channel.kind not in ("rayleigh", "rician", "nakagami"):
        return None
    if channel.block == "frame":
        return [uses]
    full, rest = divmod(uses, channel.block)
    blocks = [channel.block] * full + [rest] * (rest > 0)
    return blocks if len(blocks) <= MOST_BLOCKS else None
