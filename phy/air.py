"""The air: a frame's uses shared between pilots and data, y = h x + n, and x^ with its noise level.

    | pilots | data ... | pilots | data ... |     places follow from the CSI, the channel and the length
    y = h x + sqrt(N0) n    ->    h^ from the pilots    ->    x^ = h^* y / |h^|^2, (N0 + s_e^2) / |h^|^2

This is the one place where a signal meets a channel: links and bare chains pass it alike, any leading axes.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from phy.channel import Awgn, Channel, Moving
from phy.detect import AgeingCsi, Csi, PilotCsi, aged, least_squares
from phy.estimate import Estimator, block_estimator, moving_estimator


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which of a frame's `total` channel uses carry pilots, and which data. Take it from `layout`, which
    keeps those made last.

    Energies are such that E|x|^2 = 1 over all uses for data symbols of unit energy.
    """

    csi: Csi
    channel: Channel
    total: int

    @cached_property
    def _is_pilot(self) -> NDArray[np.bool_]:
        if not isinstance(self.csi, PilotCsi):
            return np.zeros(self.total, np.bool_)
        offset = np.arange(self.total) % _segment(self.channel, max(self.total, 1))
        return (offset % self.csi.spacing if self.csi.spacing else offset) < self.csi.count

    @cached_property
    def pilots(self) -> NDArray[np.intp]:
        """Places of the pilots, rising, intp [n_pilots]."""
        return np.flatnonzero(self._is_pilot)

    @cached_property
    def data(self) -> NDArray[np.intp]:
        """Places of the data, rising, intp [n_data]."""
        return np.flatnonzero(~self._is_pilot)

    @property
    def n_pilots(self) -> int:
        """Uses that carry pilots."""
        return self.pilots.size

    @property
    def n_data(self) -> int:
        """Uses that carry data."""
        return self.total - self.n_pilots

    @property
    def data_energy(self) -> float:
        """Mean energy of a data use, E_d: total = n_data E_d + n_pilots power E_d."""
        if not self.n_pilots:
            return 1.0
        return self.total / (self.n_data + self.csi.power * self.n_pilots)

    @property
    def pilot_energy(self) -> float:
        """Energy of a pilot, E_p = power E_d; 0 where there is none."""
        return self.csi.power * self.data_energy if self.n_pilots else 0.0

    @property
    def needs_other(self) -> bool:
        """Whether `pass_through` needs a second, independent draw of the fading."""
        return isinstance(self.csi, AgeingCsi)

    def error_var(self, n0: float) -> NDArray[np.float64]:
        """s_e^2 = E|h^ - h|^2 at each data use, float64 [n_data]."""
        if _estimates(self.csi) and self.n_data:
            return _estimator(self, n0).error_var
        lost = 0.0
        if isinstance(self.csi, AgeingCsi):
            lost = (1 - self.csi.correlation(self.channel) ** 2) * (1 - abs(self.channel.mean) ** 2)
        return np.full(self.n_data, lost)

    def effective_snr(self, n0: float, energy: float = 1.0) -> float:
        """E|h^|^2 / (N0 / E + s_e^2) on average, the SNR that a demapper meets.

        energy: of these data uses over the mean data use's: E = energy E_d.
        An estimate that is orthogonal to its error has E|h^|^2 = 1 - s_e^2; for least squares, whose estimate
        is not, h itself stands. Errors that last as long as a fade do less harm than noise of this level.
        """
        if not self.n_data:
            return energy / n0
        error = float(np.mean(self.error_var(n0)))
        least = isinstance(self.csi, PilotCsi) and self.csi.estimator == "ls"
        return (1.0 if least else 1.0 - error) / (n0 / (self.data_energy * energy) + error)

    @property
    def data_channel(self) -> Channel:
        """The channel as the data see it: a block fade lasts for what pilots leave of its uses."""
        if not self.n_pilots or self.channel.block == "frame" or isinstance(self.channel, Moving):
            return self.channel
        of_block = np.count_nonzero(~self._is_pilot[: self.channel.block])
        return replace(self.channel, block=int(of_block))


@lru_cache(maxsize=16)
def layout_within(csi: Csi, channel: Channel, n_uses: int) -> Layout:
    """The layout with the most data in at most `n_uses`; pilots behind the last data are spared."""
    check_csi(csi, channel)
    return layout(csi, channel, Layout(csi=csi, channel=channel, total=n_uses).n_data)


@lru_cache(maxsize=16)
def layout(csi: Csi, channel: Channel, n_data: int) -> Layout:
    """The shortest layout with `n_data` uses for data.

    >>> from phy.channel import Rayleigh
    >>> layout(PilotCsi(count=2), Rayleigh(block=10), 12).pilots.tolist()
    [0, 1, 10, 11]
    """
    check_csi(csi, channel)
    if not isinstance(csi, PilotCsi) or not n_data:
        return Layout(csi=csi, channel=channel, total=n_data)
    spacing = csi.spacing or csi.count + n_data
    block = _segment(channel, csi.count + n_data * spacing)
    groups, rest = divmod(block, spacing)
    in_block = groups * (spacing - csi.count) + max(rest - csi.count, 0)
    blocks, left = divmod(n_data - 1, in_block)
    groups, left = divmod(left, spacing - csi.count)
    return Layout(csi=csi, channel=channel, total=blocks * block + groups * spacing + csi.count + left + 1)


def check_csi(csi: Csi, channel: Channel) -> None:
    """ValueError where this knowledge cannot be had over this channel."""
    if isinstance(csi, AgeingCsi):
        if isinstance(channel, Awgn):
            raise ValueError("csi.kind: ageing means nothing over awgn, which has no fading; leave it out")
        try:
            csi.correlation(channel)
        except ValueError as error:
            raise ValueError(f"csi.{error}") from None
    if isinstance(csi, PilotCsi) and _segment(channel, csi.count + 1) <= csi.count:
        raise ValueError(
            f"csi.count: must be below the {channel.block} channel uses of the channel's block, got "
            f"{csi.count}; send fewer pilots or fade in longer blocks"
        )


def pass_through(
    x: NDArray[np.complex64],
    layout: Layout,
    h: NDArray[np.complex64],
    noise: NDArray[np.complex64] | NDArray[np.complex128],
    n0: float,
    other: NDArray[np.complex64] | None = None,
    energy: float | NDArray[np.float64] = 1.0,
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """Data symbols over the air and detected: x^ = x + w, w ~ CN(0, noise_var) in the mean.

    x: data of mean energy 1, complex64 [..., n_data]; they leave with energy E_d, and x^ is back at theirs.
    energy: of each use over the mean data use's, of mean 1, float64 [n_data].
    h: fading, complex64 [..., total]; noise: CN(0, 1), complex [..., total]; n0: N0.
    other: an independent draw of the same fading, complex64 [..., total], where `layout.needs_other`.
    Returns x^ complex64 [..., n_data] and its variance float32 [..., n_data].
    """
    csi, deviation = layout.csi, sqrt(n0)
    if isinstance(csi, PilotCsi):
        return _pilot_aided(x, layout, h, deviation * noise, n0, energy)
    h = np.asarray(h, np.complex128)  # as the fused chain of `phy.native` computes it
    y = h * x + deviation * noise / np.sqrt(energy)
    if isinstance(csi, AgeingCsi):
        mean, rho = layout.channel.mean, csi.correlation(layout.channel)
        old = aged(h, other, mean, rho)
        return least_squares(y, mean + rho * (old - mean), n0 / energy + layout.error_var(n0))
    return least_squares(y, h, n0 / energy)


def _pilot_aided(
    x: NDArray, layout: Layout, h: NDArray, noise: NDArray, n0: float, energy: float | NDArray
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    if not layout.n_data:
        return x.astype(np.complex64), np.zeros(x.shape, np.float32)
    of_use = layout.data_energy * energy
    y = h[..., layout.data] * x + noise[..., layout.data] / np.sqrt(of_use)
    if not _estimates(layout.csi):
        return least_squares(y, h[..., layout.data], n0 / of_use)
    estimator = _estimator(layout, n0)
    pilots = h[..., layout.pilots] + noise[..., layout.pilots] / sqrt(layout.pilot_energy)
    noise_var = n0 / of_use + estimator.error_var
    return least_squares(y, estimator.estimate(pilots), noise_var)


def _estimates(csi: Csi) -> bool:
    """Whether pilots tell the receiver of h, and not a genie."""
    return isinstance(csi, PilotCsi) and csi.estimator != "genie"


@lru_cache(maxsize=3)
def _estimator(layout: Layout, n0: float) -> Estimator:
    """The filter of a layout at a noise level; frames of a batch share it."""
    csi, channel, pilot_snr = layout.csi, layout.channel, layout.pilot_energy / n0
    if isinstance(channel, Moving):
        return moving_estimator(csi, channel, layout.data, pilot_snr)
    block = _segment(channel, layout.total)
    return block_estimator(csi, channel, (layout.pilots // block, layout.data // block), pilot_snr)


def _segment(channel: Channel, total: int) -> int:
    """Uses after which pilots start anew: the channel's block, or the whole frame where fading moves."""
    if channel.block == "frame" or isinstance(channel, Moving):
        return total
    return channel.block
