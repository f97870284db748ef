"""What HSC's messages come to in numbers: the columns `codec.*` of a row, and a line of `linksim show`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from linksim.codecs.complement import Reals, discarded, eigen_rows, error_matrix
from linksim.codecs.complement_bits import Strings, Told

PAPERS_USES = 0.8
"""R of (21): channel uses that the paper counts for a real of the complement."""
Facts = Mapping[str, float]


def complement_facts(
    told: Sequence[Told], strings: Strings, x: Reals, guess: Reals
) -> list[dict[str, float]]:
    """Of each picture, x and guess [n, t, c, L, W], what its complement comes to.

    rank: the mean d of its tiles; cr_reals, cr_bits: what is sent of it; sr_mse: |X - X^|^2, discarded: the
    eigenvalues that the ranks leave out, bound: the most that |X - X~|^2 is; these three a sample, on [0, 1],
    with the X^ of an error-free channel, before pixels are rounded.
    """
    n, tiles, channels = x.shape[:3]
    b = error_matrix(x.reshape(-1, *x.shape[2:]), guess.reshape(-1, *x.shape[2:]))
    values = eigen_rows(b)[0].reshape(n, tiles, -1)
    samples, out = x[0].size, []
    for i, each in enumerate(told):
        left = [discarded(v[None], int(d))[0] for v, d in zip(values[i], each.ranks, strict=True)]
        out.append(
            {
                "rank": float(np.mean(each.ranks)),
                "cr_reals": float(each.reals),
                "cr_bits": float(strings[i].size),
                "sr_mse": float(np.mean((x[i] - guess[i]) ** 2)),
                "discarded": channels * float(np.sum(left)) / samples,
                "bound": each.bound / samples,
            }
        )
    return out


def load_facts(made: Facts, samples: int, symbols: int, granted: int) -> dict[str, float]:
    """What the loads come to. samples: of the picture; symbols: k; granted: channel uses of the complement.

    uses_per_real: channel uses, of all that is granted, for a real of the complement; nan without one. eta:
    (21) with the paper's R, of the k that are sent and the reals of this complement.
    """
    reals = made["cr_reals"]
    return {
        "uses_per_real": granted / reals if reals else float("nan"),
        "eta": (symbols / PAPERS_USES + reals) / samples,
    }


def describe(facts: Sequence[Facts], uses_per_sample: float) -> str:
    """A line for people of the facts of some pictures."""
    told = {name: [each[name] for each in facts] for name in facts[0]}
    if not any(told["cr_reals"]):
        return f"no complement; eta {_span(told['eta'], 3)} by (21), {uses_per_sample:.4g} uses a sample"
    return (
        f"complement: d {_span(told['rank'])}, {_span(told['cr_reals'])} reals in "
        f"{_span(told['cr_bits'])} bits, {_span(told['uses_per_real'], 3)} channel uses a real "
        f"(the paper counts {PAPERS_USES}); "
        f"eta {_span(told['eta'], 3)} by (21), {uses_per_sample:.4g} uses a sample"
    )


def _span(values: Sequence[float], digits: int = 6) -> str:
    """'8', or '5 to 9'."""
    low, high = (f"{each:.{digits}g}" for each in (np.nanmin(values), np.nanmax(values)))
    return low if low == high else f"{low} to {high}"
