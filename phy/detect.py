"""What the receiver knows of h, told apart by `kind`, and detection with the noise level that it leaves."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from phy.channel import Awgn, Channel, Jakes, Moving
from phy.compact import or_word, parse_compact

MOST_PILOT_POWER = 1e6
LEAST_CORRELATION = 0.01
"""Below it an old estimate says nothing of the phase, and least squares divides by next to nothing."""
LEAST_GAIN = 1e-20
"""A recording may hold gains of 0: the detector counts this one, so that the variance is a finite float32."""


@dataclass(frozen=True, kw_only=True)
class PerfectCsi:
    """The receiver knows h exactly and spends no pilots."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["perfect"] = "perfect"


@dataclass(frozen=True, kw_only=True)
class PilotCsi:
    """The receiver estimates h from known symbols, which take channel uses and energy from the data.

    count: pilots in a row at the head of every coherence block: the channel's block, or the frame.
    spacing: a new group of `count` pilots every so many uses of the block, counted from its head.
    power: energy of a pilot over the mean energy of a data use (linear); E|x|^2 = 1 over the whole frame.
    estimator: 'ls' averages a block's pilots, and goes in straight lines between groups where fading moves;
        'lmmse' knows the channel's mean and autocovariance as well (`phy.estimate`). 'genie' is a bound: h is
        known, and pilots are sent as if it were not.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["pilots"] = "pilots"
    count: int = 16
    power: float = 1.0
    spacing: int | None = None
    estimator: Literal["ls", "lmmse", "genie"] = "ls"

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count: must be at least 1 pilot, got {self.count}; kind: perfect needs none")
        if not 1 / MOST_PILOT_POWER <= self.power <= MOST_PILOT_POWER:
            raise ValueError(
                f"power: must be positive, {1 / MOST_PILOT_POWER:g} to {MOST_PILOT_POWER:g}, "
                f"got {self.power}; it is linear, over a data use's"
            )
        if self.spacing is not None and self.spacing <= self.count:
            raise ValueError(
                f"spacing: must be more than the {self.count} pilots of a group, got {self.spacing}; "
                "data lie between groups"
            )


@dataclass(frozen=True, kw_only=True)
class AgeingCsi:
    """The receiver knows an old h exactly: h_old = rho h + sqrt(1 - rho^2) w, w like h and independent.

    rho: correlation of the old h with the present one. delay: the age in channel uses in its place, where
    fading moves as `jakes` does: rho = J0(2 pi doppler delay). The receiver knows rho and predicts
    h^ = rho h_old, which leaves the error 1 - rho^2; a mean that is known (Rician) does not age.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["ageing"] = "ageing"
    rho: float | None = None
    delay: int | None = None

    def __post_init__(self) -> None:
        if (self.rho is None) == (self.delay is None):
            got = "neither" if self.rho is None else "both"
            raise ValueError(
                f"needs either rho or delay, got {got}; write rho: 0.99, or delay: 100 over jakes"
            )
        if self.rho is not None and not LEAST_CORRELATION <= self.rho <= 1:
            raise ValueError(
                f"rho: must lie between {LEAST_CORRELATION} and 1, got {self.rho}; 1 is perfect knowledge"
            )
        if self.delay is not None and self.delay < 0:
            raise ValueError(
                f"delay: must be at least 0 channel uses, got {self.delay}; 0 is perfect knowledge"
            )

    def correlation(self, channel: Channel) -> float:
        """rho over this channel; ValueError where the delay names none."""
        if self.rho is not None:
            return self.rho
        if not isinstance(channel, Jakes):
            raise ValueError(
                f"delay: must be over a jakes channel, got {channel.kind}; write rho: its correlation"
            )
        rho = float(channel.autocovariance(self.delay).real)
        if abs(rho) < LEAST_CORRELATION:
            raise ValueError(
                f"delay: must leave a correlation of {LEAST_CORRELATION}, got {rho:.3g} after {self.delay} "
                "uses; the estimate is too old"
            )
        return rho


CSI: dict[str, type] = {"perfect": PerfectCsi, "pilots": PilotCsi, "ageing": AgeingCsi}


def parse_csi(text: str) -> "Csi":
    """The knowledge that 'kind' or 'kind:field=value,...' names; ValueError, one line, where it names none.

    >>> parse_csi("pilots:count=4,spacing=64")
    PilotCsi(kind='pilots', count=4, power=1.0, spacing=64, estimator='ls')
    """
    return parse_compact("csi", text, CSI)


_Form = Annotated[PerfectCsi | PilotCsi | AgeingCsi, Field(discriminator="kind")]
Csi = Annotated[_Form, or_word("csi", parse_csi, _Form)]
"""Any of them; a scenario writes a mapping with its kind, or the word."""


def aged(h: NDArray, other: NDArray, mean: complex, rho: float) -> NDArray[np.complex128]:
    """h_old - mean = rho (h - mean) + sqrt(1 - rho^2) (other - mean), complex128 [..., n].

    other: an independent draw of the same channel, [..., n]; the old h has h's own law, in second moments
    for any and whole where the fading is Gaussian.
    """
    return mean + rho * (h - mean) + np.sqrt(1 - rho**2) * (other - mean)


def feedback_correlation(channel: Channel, delay: int, n_uses: int) -> float:
    """|rho| of what a transmitter was told `delay` channel uses ago with the present fading.

    Moving fading: |R(d)| / R(0). Block fading of B uses (a frame: `n_uses`): max(0, 1 - d / B), its mean
    over where in a block the frame begins. Without fading nothing grows old.
    """
    if not delay or isinstance(channel, Awgn):
        return 1.0
    if isinstance(channel, Moving):
        now, then = np.abs(channel.autocovariance([0, delay]))
        return float(min(then / now, 1.0)) if now > 0 else 1.0
    block = n_uses if channel.block == "frame" else channel.block
    return max(0.0, 1 - delay / max(block, 1))


def least_squares(
    y: NDArray[np.complex64], h: NDArray[np.complex64], noise_var: float | NDArray[np.float64]
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """x^ = h* y / |h|^2 = x + w with w ~ CN(0, N0 / |h|^2), use by use.

    y, h: complex [..., n]; noise_var: N0, or N0 + s_e^2 of each use where h is an estimate of that error.
    Returns x^ complex64 [..., n] and its variance float32 [..., n]. A use without any gain tells nothing: its
    x^ is 0, its variance N0 / `LEAST_GAIN`.
    """
    h = np.asarray(h, np.complex128)
    gain = np.maximum(np.abs(h) ** 2, LEAST_GAIN)
    x_hat = np.conj(h) * y / gain
    return x_hat.astype(np.complex64), (noise_var / gain).astype(np.float32)
