"""The rule that picks a scheme.

With CSIT the scheme follows the realised gains; without, it follows the channel's fading law at the long-term
SNR. The target is the failure of a *payload*: P_fail = 1 - (1 - BLER)^blocks, so long payloads need a better
SNR than short ones. Block error rates are this link's own, measured (`phy.bler`); what uneven gains make of
them is in `phy.prediction`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from phy.bler import USUAL, Receiver
from phy.channel import Awgn, Channel
from phy.mcs import AMC_SETS, MCS, Mcs
from phy.prediction import expected_failure, payload_failure

MOST_MARGIN_DB = 60.0


@dataclass(frozen=True, kw_only=True)
class Amc:
    """Adaptive modulation and coding over a named set.

    csit: the transmitter knows the realised gains, and signals the scheme it picks (`phy.signalling`);
        without, it knows the long-term SNR and the fading law, as the receiver does: nothing is signalled.
    target: highest failure probability of a payload with CSIT, and wherever the channel does not fade.
    max_outage: without CSIT, highest expected failure probability; None leaves the goodput alone to decide.
    feedback_delay: with CSIT, channel uses by which the gains that the transmitter knows are old.
    margin_db: by so much the SNR is taken to be worse than it is thought to be.

    If no scheme meets the condition the most robust one is used.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    amc: Literal["hda", "802.11ad", "cqi1", "cqi2", "cqi3", "cqi2-long", "nr-long"] = "hda"
    csit: bool = False
    target: float = 1e-2
    max_outage: float | None = None
    feedback_delay: int = 0
    margin_db: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.target < 1:
            raise ValueError(f"target: must lie between 0 and 1, got {self.target}; 1e-2 is usual")
        if self.max_outage is not None and not 0 < self.max_outage <= 1:
            raise ValueError(f"max_outage: must lie in (0, 1], got {self.max_outage}; leave it out for none")
        if self.feedback_delay < 0 or (self.feedback_delay and not self.csit):
            raise ValueError(
                f"feedback_delay: must be >= 0 channel uses, and 0 without csit, got {self.feedback_delay}; "
                "write csit: true beside it"
            )
        if not abs(self.margin_db) <= MOST_MARGIN_DB:
            raise ValueError(
                f"margin_db: must lie within +-{MOST_MARGIN_DB:g} dB, got {self.margin_db}; 1 is usual"
            )

    @property
    def schemes(self) -> tuple[Mcs, ...]:
        """The set, most robust first."""
        return tuple(MCS[name] for name in AMC_SETS[self.amc])


def choose(
    amc: Amc,
    candidates: Sequence[Mcs],
    snr_db: float,
    gains: NDArray[np.float64],
    n_uses: int,
    receiver: Receiver = USUAL,
) -> Mcs:
    """With CSIT: the fastest candidate whose payload fails at most with the target, else the most robust.

    candidates: schemes that can hold a payload, most robust first; gains: |h|^2 as the transmitter knows it,
    of one fade for all [1], or of every use [n_uses].
    """
    fit = [
        m for m in candidates if _failure(m, snr_db - amc.margin_db, gains, n_uses, receiver) <= amc.target
    ]
    return max(fit, key=lambda m: m.info_bits_per_use) if fit else candidates[0]


def _failure(mcs: Mcs, snr_db: float, gains: NDArray[np.float64], n_uses: int, receiver: Receiver) -> float:
    """Of a payload that lies at the head of the uses, as far as whole blocks go."""
    blocks = mcs.blocks(n_uses)
    met = gains[: ceil(blocks * mcs.code.n / mcs.bits_per_use)] if gains.size == n_uses else gains
    return payload_failure(mcs, snr_db, blocks, met, receiver)


@lru_cache(maxsize=4096)
def choose_blind(
    amc: Amc,
    candidates: tuple[Mcs, ...],
    snr_db: float,
    channel: Channel,
    n_uses: int,
    receiver: Receiver = USUAL,
    over: int | None = None,
) -> Mcs:
    """Without CSIT: the candidate of largest (1 - outage) x rate whose outage is at most `max_outage`.

    Where nothing fades the long-term SNR is the realised one, and the rule of `choose` holds. over: as
    `phy.prediction.expected_failure` has it.
    """
    if isinstance(channel, Awgn):
        return choose(amc, candidates, snr_db, np.ones(1), n_uses, receiver)
    outage = {
        m: expected_failure(m, snr_db - amc.margin_db, n_uses, channel, receiver, over) for m in candidates
    }
    fit = [m for m in candidates if amc.max_outage is None or outage[m] <= amc.max_outage]
    return max(fit, key=lambda m: (1 - outage[m]) * m.info_bits_per_use) if fit else candidates[0]
