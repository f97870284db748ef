"""Estimation of h from pilots: a linear filter over pilot groups, with the error that it leaves.

A group's pilots, divided by what was sent, are averaged to g = h + w. Over block fading a group is all of a
block's pilots, and h^ = g (ls) or h^ = mean + v / (v + s) (g - mean) (lmmse), v the fading's variance, s = N0
/ (n E_p). Over moving fading h^ is a weighted sum of the groups around it: a straight line between two (ls),
or the Wiener filter over the nearest `TAPS` (lmmse). With any weights W the error is

    s_e^2 = E|h^ - h|^2 = R(0) - 2 Re(W r^H) + W C W^H,     r = Cov(h, g),  C = Cov(g, g)

which the receiver knows, as it knows N0 and the channel's autocovariance R (Kay 1993, section 12.5).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phy.channel import Channel, Moving
from phy.detect import PilotCsi

TAPS = 8
"""Groups that a Wiener filter looks at."""
JITTER = 1e-12
"""Added to C's diagonal where it is inverted: slow fading without noise makes it singular."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimator:
    """h^[k] = mean + sum_t weights[k, t] (g[taps[k, t]] - mean) at each data use k.

    heads: intp [G], the first pilot of each group; sizes: pilots in each, intp [G]. taps: intp [n_data, T];
    weights: complex128 [n_data, T]. error_var: s_e^2 of each data use, float64 [n_data].
    """

    mean: complex
    heads: NDArray[np.intp]
    sizes: NDArray[np.intp]
    taps: NDArray[np.intp]
    weights: NDArray[np.complex128]
    error_var: NDArray[np.float64]

    def estimate(self, pilots: NDArray) -> NDArray[np.complex128]:
        """h^ complex128 [..., n_data] of received pilots over sent ones, complex [..., n_pilots]."""
        used = pilots[..., : self.heads[-1] + self.sizes[-1]]
        groups = np.add.reduceat(used, self.heads, axis=-1) / self.sizes - self.mean
        return self.mean + sum(
            weight * groups[..., tap] for weight, tap in zip(self.weights.T, self.taps.T, strict=True)
        )


def block_estimator(
    csi: PilotCsi, channel: Channel, blocks: tuple[NDArray, NDArray], pilot_snr: float
) -> Estimator:
    """Over fading that keeps h over a block. blocks: the block of each pilot, and of each data use.

    pilot_snr: energy of a pilot over N0.
    """
    of_pilot, of_data = blocks
    sizes = np.bincount(of_pilot)
    noise, variance = 1 / (pilot_snr * sizes), 1 - abs(channel.mean) ** 2
    shrink = np.ones(sizes.size) if csi.estimator == "ls" else variance / (variance + noise)
    error = noise if csi.estimator == "ls" else shrink * noise
    return Estimator(
        mean=channel.mean,
        heads=np.cumsum(sizes) - sizes,
        sizes=sizes,
        taps=of_data[:, None],
        weights=shrink[of_data, None].astype(np.complex128),
        error_var=error[of_data],
    )


def moving_estimator(csi: PilotCsi, channel: Moving, data: NDArray[np.intp], pilot_snr: float) -> Estimator:
    """Over fading that moves. data: the place of each data use, rising; pilot_snr: a pilot's energy over N0.

    A group that the end of the frame cuts short is not looked at.
    """
    count = csi.count
    spacing = csi.spacing or int(data[-1]) + count + 1
    n_groups = (int(data[-1]) + 1 - count) // spacing + 1
    ls = csi.estimator == "ls"
    n_taps = min(2 if ls else TAPS, n_groups)
    first = np.clip(data // spacing - (n_taps - 1) // 2, 0, n_groups - n_taps)
    taps = first[:, None] + np.arange(n_taps)
    within = np.arange(count)
    lags = np.arange(n_taps) * spacing
    cross = _means(channel, data[:, None] - taps * spacing, -within)
    apart = lags[:, None] - lags
    own = _means(channel, apart, (within[:, None] - within).ravel())
    own = own + np.eye(n_taps) / (pilot_snr * count)
    if ls:
        along = (data - (first * spacing + (count - 1) / 2)) / spacing
        along = np.clip(along, 0, 1)[:, None] if n_taps == 2 else np.zeros((data.size, 1))
        weights = np.concatenate([1 - along, along], axis=1)[:, :n_taps].astype(np.complex128)
    else:
        weights = np.linalg.solve((own + JITTER * np.eye(n_taps)).T, cross.T).T
    power = float(channel.autocovariance(0).real)
    error = power - 2 * np.sum(weights * np.conj(cross), axis=1).real
    error = error + np.sum((weights @ own) * np.conj(weights), axis=1).real
    sizes = np.full(n_groups, count)
    return Estimator(
        mean=channel.mean,
        heads=np.arange(n_groups) * count,
        sizes=sizes,
        taps=taps,
        weights=weights,
        error_var=np.maximum(error, 0.0),
    )


def _means(channel: Moving, lags: NDArray[np.intp], offsets: NDArray[np.intp]) -> NDArray[np.complex128]:
    """Mean autocovariance over lag + offset, for every lag; each distinct lag is computed once."""
    distinct, place = np.unique(lags, return_inverse=True)
    means = np.zeros(distinct.size, np.complex128)
    for offset, often in zip(*np.unique(offsets, return_counts=True), strict=True):
        means += often * channel.autocovariance(distinct + offset)
    return (means / offsets.size)[place].reshape(lags.shape)
