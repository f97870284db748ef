"""The channel of a batch of trials, as a value that can be inspected and replayed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phy.channel import Channel, complex_normal
from phy.detect import aged
from phy.rng import Word, digest, generator


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Everything random about the channel follows from the keys.

    snr_db: long-term Es/N0, the link's offset included. keys: one a trial, (seed, link, image hash, trial); h
        and the unit-variance noise depend on nothing else, so every SNR and every system meets the same ones.
    nonce: words that name what else may change a plaintext under the same key: the scenario, the network,
        the code. The SNR, the stream, its uses and its scheme are in the nonce already.
    """

    channel: Channel
    snr_db: float
    keys: Sequence[tuple[Word, ...]]
    nonce: tuple[Word, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def fading(self, trial: int, n_uses: int) -> NDArray[np.complex64]:
        """h of one trial, complex64 [n_uses]; fewer uses see the head of what more would see (`Jakes` says
        where not)."""
        return self.channel.fading(n_uses, generator(*self.keys[trial], "fading"))

    def other_fading(self, trial: int, n_uses: int) -> NDArray[np.complex64]:
        """What an old estimate at the receiver owes to the past alone: an independent draw of the fading."""
        return self.channel.fading(n_uses, generator(*self.keys[trial], "ageing"))

    def transmitter_view(self, trial: int, n_uses: int, rho: float = 1.0) -> NDArray[np.complex128]:
        """h as the transmitter learnt it, complex128 [n_uses]: of correlation rho with the present one.

        rho = 1 is feedback without delay; below, the rest is a draw of its own (`phy.detect.aged`).
        """
        h = self.fading(trial, n_uses).astype(np.complex128)
        if rho == 1:
            return h
        past = self.channel.fading(n_uses, generator(*self.keys[trial], "feedback"))
        return aged(h, past, self.channel.mean, rho)

    def noise(self, trial: int, n_uses: int) -> NDArray[np.complex128]:
        """n / sqrt(N0) of one trial, complex128 [n_uses], CN(0, 1); fewer uses see the head of more."""
        return complex_normal(n_uses, generator(*self.keys[trial], "noise"))

    def nonce_for(self, trial: int, stream: str, n_uses: int, mcs: str) -> bytes:
        """The 96-bit nonce of one payload, which both ends derive from the frame's place in the run.

        It is the head of SHA-256 over the trial's key, the SNR and `nonce`, so two plaintexts meet the same
        one under one key only if the caller names what makes two plaintexts alike.
        """
        return digest(*self.keys[trial], repr(self.snr_db), stream, n_uses, mcs, *self.nonce)[:12]
