"""How a frame is shared: uses, stream after stream or all among each other, and energy by the powers."""

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Multiplexing = Literal["serial", "interleaved"]
"""Whether streams ride one after another, or each spread evenly over the frame."""
Span = slice | NDArray[np.intp]
"""A stream's uses among the data uses of a frame, rising."""
POWER_TOLERANCE = 1e-3
"""Relative excess of a stream's mean power that float32 arithmetic may leave."""


def split_uses(n_uses: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Channel uses of each stream, in proportion to its share; they sum to n_uses exactly.

    Borders between streams lie at floor(n_uses * cumulated share / all shares), computed in fractions.

    >>> split_uses(12, {"digital": 0.2, "analog": 1.0})
    {'digital': 2, 'analog': 10}
    """
    exact = {name: Fraction(s).limit_denominator(10**9) or Fraction(s) for name, s in shares.items()}
    total, run, border, uses = sum(exact.values()), Fraction(0), 0, {}
    for name, share in exact.items():
        run += share
        end = int(n_uses * run / total)
        uses[name], border = end - border, end
    return uses


def spans(uses: Mapping[str, int], multiplexing: Multiplexing) -> dict[str, Span]:
    """Where each stream rides. Interleaved, use j of a stream's n lies (j + 1/2) / n of the way.

    >>> {name: at.tolist() for name, at in spans({"digital": 2, "analog": 4}, "interleaved").items()}
    {'digital': [1, 4], 'analog': [0, 2, 3, 5]}
    """
    counts = tuple(uses.values())
    return dict(zip(uses, (_serial if multiplexing == "serial" else _interleaved)(counts), strict=True))


def _serial(counts: tuple[int, ...]) -> list[slice]:
    ends = np.cumsum(counts).tolist()
    return [slice(end - n, end) for n, end in zip(counts, ends, strict=True)]


@lru_cache(maxsize=16)
def _interleaved(counts: tuple[int, ...]) -> list[NDArray[np.intp]]:
    way = np.concatenate([(np.arange(n) + 0.5) / max(n, 1) for n in counts])
    place = np.empty(way.size, np.intp)
    place[np.argsort(way, kind="stable")] = np.arange(way.size)
    return np.split(place, np.cumsum(counts)[:-1])


def use_energies(uses: Mapping[str, int], powers: Mapping[str, float]) -> dict[str, float]:
    """Energy of a data use of each stream, E_s = p_s n / sum_r n_r p_r: of mean 1 over all n uses.

    >>> use_energies({"digital": 2, "analog": 10}, {"digital": 2.5, "analog": 0.7})
    {'digital': 2.5, 'analog': 0.7}
    """
    if len(set(powers.values())) == 1 or not any(uses.values()):
        return dict.fromkeys(uses, 1.0)
    mean = sum(n * powers[name] for name, n in uses.items()) / sum(uses.values())
    return {name: powers[name] / mean for name in uses}


def check_power(name: str, symbols: NDArray[np.complex64]) -> None:
    """ValueError if the mean power of complex64 [n] exceeds 1, or is no number."""
    energy = float(np.sum(np.abs(symbols.astype(np.complex128)) ** 2))
    if not energy <= symbols.size * (1 + POWER_TOLERANCE):
        power = energy / max(symbols.size, 1)
        raise ValueError(f"{name}: mean power must be at most 1, got {power:.6g}; normalise before sending")
