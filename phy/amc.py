"""Modulation and coding schemes, and the rule that picks one.

With CSIT the scheme follows the realised gains; without, it follows the channel's fading law at the long-term
SNR. The target is the failure of a *payload*: P_fail = 1 - (1 - BLER)^blocks, so long payloads need a better
SNR than short ones. Block error rates are this link's own, measured (`phy.bler`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from phy import bler
from phy.channel import Awgn, Channel
from phy.constellation import CONSTELLATIONS, Constellation
from phy.fec import Code, find_code


@dataclass(frozen=True, kw_only=True)
class Mcs:
    """A modulation and coding scheme: constellation and code by name."""

    name: str
    constellation_name: str
    code_name: str

    @property
    def constellation(self) -> Constellation:
        """Points and labels."""
        return CONSTELLATIONS[self.constellation_name]

    @property
    def code(self) -> Code:
        """The block code."""
        return find_code(self.code_name)

    @property
    def bits_per_use(self) -> int:
        """Coded bits in a channel use."""
        return self.constellation.bits_per_symbol

    @property
    def info_bits_per_use(self) -> Fraction:
        """Information bits in a channel use, before framing."""
        return Fraction(self.code.k, self.code.n) * self.bits_per_use

    def blocks(self, n_uses: int) -> int:
        """Whole code blocks that `n_uses` channel uses hold."""
        return n_uses * self.bits_per_use // self.code.n


MCS: dict[str, Mcs] = {
    f"{points}-{rate}": Mcs(name=f"{points}-{rate}", constellation_name=points, code_name=f"802.11ad-{rate}")
    for points in ("bpsk", "qpsk", "16qam", "64qam")
    for rate in ("1/2", "5/8", "3/4", "13/16")
}

AMC_SETS: dict[str, tuple[str, ...]] = {
    "hda": ("bpsk-1/2", "qpsk-1/2", "qpsk-3/4", "16qam-1/2", "16qam-3/4"),
}
"""Sets to adapt over, most robust first. 'hda': the five steps of the HDA-DeepSC paper."""


def find_mcs(name: str) -> Mcs:
    """The scheme of that name; ValueError with a near miss.

    >>> find_mcs("16qam-1/2").bits_per_use
    4
    """
    if name in MCS:
        return MCS[name]
    near = get_close_matches(name, MCS, 1, 0.0)[0]
    raise ValueError(f"mcs: must be one of {', '.join(MCS)}, got {name!r}; did you mean {near!r}?")


@dataclass(frozen=True, kw_only=True)
class Amc:
    """Adaptive modulation and coding over a named set.

    csit: the transmitter knows the realised gains, and signals the scheme it picks (`phy.signalling`);
        without, it knows the long-term SNR and the fading law, as the receiver does: nothing is signalled.
    target: highest failure probability of a payload with CSIT, and wherever the channel does not fade.
    max_outage: without CSIT, highest expected failure probability; None leaves the goodput alone to decide.

    If no scheme meets the condition the most robust one is used.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    amc: Literal["hda"] = "hda"
    csit: bool = False
    target: float = 1e-2
    max_outage: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.target < 1:
            raise ValueError(f"target: must lie between 0 and 1, got {self.target}; 1e-2 is usual")
        if self.max_outage is not None and not 0 < self.max_outage <= 1:
            raise ValueError(f"max_outage: must lie in (0, 1], got {self.max_outage}; leave it out for none")

    @property
    def schemes(self) -> tuple[Mcs, ...]:
        """The set, most robust first."""
        return tuple(MCS[name] for name in AMC_SETS[self.amc])


def payload_failure(mcs: Mcs, snr_db: float, blocks: int, gains: NDArray[np.float64]) -> float:
    """P(some block fails) when the payload's blocks are spread evenly over fades of gains |h|^2 [n].

    log P_success = blocks * mean over fades of log(1 - BLER(|h|^2 snr)): every code block is taken to lie in
    one fade. Where fades are shorter than a code block, coding across them makes the truth better than this.
    """
    with np.errstate(divide="ignore"):
        realised_db = snr_db + 10 * np.log10(np.asarray(gains, np.float64))
    return float(-np.expm1(blocks * np.mean(bler.log_success(mcs.name, realised_db))))


def expected_failure(mcs: Mcs, snr_db: float, n_uses: int, channel: Channel) -> float:
    """P(some block fails) over the channel's fading law, for a payload that fills `n_uses`.

    One fade carries blocks/fades code blocks and fails with f(g) = 1 - (1 - BLER(g snr))^(blocks/fades).
    f falls in g, so E f = int F(g) d(-f(g)) with F the law of |h|^2; all fail 1 - (1 - E f)^fades.
    """
    fades = 1.0 if channel.block == "frame" else max(n_uses / channel.block, 1.0)
    grid_db = bler.support(mcs.name)
    failure = -np.expm1(mcs.blocks(n_uses) / fades * bler.log_success(mcs.name, grid_db))
    middle = 10 ** ((0.5 * (grid_db[1:] + grid_db[:-1]) - snr_db) / 10)
    below, above = channel.gain_cdf(10 ** ((grid_db[0] - snr_db) / 10)), failure[-1]
    one_fade = (1 - failure[0]) * below + float(np.sum(channel.gain_cdf(middle) * -np.diff(failure))) + above
    return float(-np.expm1(fades * np.log1p(-min(one_fade, 1.0)))) if one_fade < 1 else 1.0


def choose(
    amc: Amc, candidates: Sequence[Mcs], snr_db: float, gains: NDArray[np.float64], n_uses: int
) -> Mcs:
    """With CSIT: the fastest candidate whose payload fails at most with the target, else the most robust.

    candidates: schemes that can hold a payload, most robust first; gains: realised |h|^2 of the fades [n].
    """
    fit = [m for m in candidates if payload_failure(m, snr_db, m.blocks(n_uses), gains) <= amc.target]
    return max(fit, key=lambda m: m.info_bits_per_use) if fit else candidates[0]


@lru_cache(maxsize=4096)
def choose_blind(amc: Amc, candidates: tuple[Mcs, ...], snr_db: float, channel: Channel, n_uses: int) -> Mcs:
    """Without CSIT: the candidate of largest (1 - outage) x rate whose outage is at most `max_outage`.

    Where nothing fades the long-term SNR is the realised one, and the rule of `choose` holds.
    """
    if isinstance(channel, Awgn):
        return choose(amc, candidates, snr_db, np.ones(1), n_uses)
    outage = {m: expected_failure(m, snr_db, n_uses, channel) for m in candidates}
    fit = [m for m in candidates if amc.max_outage is None or outage[m] <= amc.max_outage]
    return max(fit, key=lambda m: (1 - outage[m]) * m.info_bits_per_use) if fit else candidates[0]
