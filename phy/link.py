"""A link: streams side by side in one frame, one channel draw, one ledger.

    messages -> frame (digital: cipher, CRC, code, map | analog: as is) -> y = h x + n -> least squares -> receptions
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from phy.bearer import Bearer
from phy.channel import Channel, complex_normal
from phy.detect import Csi, PerfectCsi
from phy.ledger import Ledger
from phy.rng import Word, generator
from phy.types import Grant, Message, Reception


@dataclass(frozen=True, kw_only=True)
class Draws:
    """The channel of a batch of trials, as a value: everything random about it follows from the keys.

    snr_db: long-term Es/N0, the link's offset included. keys: one a trial, (seed, link, image hash, trial); h and the
    unit-variance noise depend on nothing else, so every SNR and every system meets the same ones.
    nonce: words that name what else may change a plaintext (the scenario's hash, the point, the system).
    """

    channel: Channel
    snr_db: float
    keys: Sequence[tuple[Word, ...]]
    nonce: tuple[Word, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def fading(self, trial: int, n_uses: int) -> NDArray[np.complex64]:
        """h of one trial, complex64 [n_uses]."""
        return self.channel.fading(n_uses, generator(*self.keys[trial], "fading"))

    def noise(self, trial: int, n_uses: int) -> NDArray[np.complex64]:
        """n / sqrt(N0) of one trial, complex64 [n_uses], CN(0, 1)."""
        return complex_normal(n_uses, generator(*self.keys[trial], "noise")).astype(np.complex64)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What one frame came to: the receiver's reception, the eavesdropper's (same y, no key), and the account."""

    reception: Reception
    eavesdropped: Reception
    ledger: Ledger


@dataclass(frozen=True, kw_only=True)
class Link:
    """Streams that share one frame and one channel draw; mean power 1, equal for every use.

    bandwidth_ratio: channel uses / source samples, everything included; n_uses = floor(ratio * samples).
    snr_offset_db: this link's SNR relative to the scenario's. engine: who computes the chain; it never changes an answer.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    name: str = ""
    bandwidth_ratio: Fraction
    channel: Channel
    csi: Csi = field(default_factory=PerfectCsi)
    streams: Mapping[str, Bearer]
    engine: Literal["sionna", "reference"] = "sionna"
    snr_offset_db: float = 0.0

    def __post_init__(self) -> None:
        if self.bandwidth_ratio <= 0:
            raise ValueError(f"bandwidth_ratio: must be positive, got {self.bandwidth_ratio}; 1/6 is usual")
        if not self.streams:
            raise ValueError("streams: must hold at least one stream, got none; name one with a kind")

    def n_uses(self, n_source: int) -> int:
        """Channel uses of a frame for `n_source` source samples: floor(bandwidth_ratio * n_source)."""
        return int(self.bandwidth_ratio * n_source)

    def draw(self, snr_db: float, keys: Sequence[tuple[Word, ...]], nonce: Sequence[Word] = ()) -> Draws:
        """The channel of one trial per key at a scenario SNR."""
        return Draws(channel=self.channel, snr_db=snr_db + self.snr_offset_db, keys=tuple(keys), nonce=tuple(nonce))

    def grants(self, n_source: Sequence[int], draws: Draws) -> list[Mapping[str, Grant]]:
        """What each stream of each trial may send; adaptive modulation is settled here."""
        raise NotImplementedError

    def deliver(
        self, messages: Sequence[Message], draws: Draws, grants: Sequence[Mapping[str, Grant]]
    ) -> list[Delivery]:
        """Send every trial's message through its draw."""
        raise NotImplementedError
