"""How a frame is shared: consecutive channel uses to each stream, and energy by the streams' powers."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

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
