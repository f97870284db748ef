"""Block fading: h is constant over a block of channel uses and independent between blocks, E|h|^2 = 1.

The first blocks of a longer draw are those of a shorter one.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from phy.rng import complex_normal

Block = Literal["frame"] | int
"""How long h stays: the whole frame, or this many channel uses."""

LEAST_M, MOST_M = 0.5, 1e4
LEAST_LEVEL = 2.0**-54
"""Half the least number above 0 that a generator draws: no gain is 0."""


def _check_block(block: Block) -> None:
    if block != "frame" and (isinstance(block, bool) or not isinstance(block, int) or block < 1):
        raise ValueError(
            f"block: must be 'frame' or at least 1 channel use, got {block!r}; write frame or a count"
        )


def _n_blocks(block: Block, n_uses: int) -> int:
    return min(n_uses, 1) if block == "frame" else -(-n_uses // block)


def _spread(per_block: NDArray[np.complex128], block: Block, n_uses: int) -> NDArray[np.complex64]:
    uses = n_uses if block == "frame" else min(block, n_uses)
    return np.repeat(per_block, uses)[:n_uses].astype(np.complex64)


@dataclass(frozen=True, kw_only=True)
class Awgn:
    """No fading: h = 1."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["awgn"] = "awgn"

    block: ClassVar[Block] = "frame"
    mean: ClassVar[float] = 1.0
    coherence_uses: ClassVar[Block] = "frame"

    def fading(self, n_uses: int, rng: np.random.Generator) -> NDArray[np.complex64]:
        """h: complex64 [n_uses], all ones."""
        return np.ones(n_uses, np.complex64)

    def gain_cdf(self, gain: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(|h|^2 <= gain): a step at 1."""
        return (np.asarray(gain) >= 1).astype(np.float64)


@dataclass(frozen=True, kw_only=True)
class Rayleigh:
    """h ~ CN(0, 1), one draw a block."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["rayleigh"] = "rayleigh"
    block: Block = "frame"

    mean: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        _check_block(self.block)

    @property
    def coherence_uses(self) -> Block:
        """How long h stays: a block."""
        return self.block

    def fading(self, n_uses: int, rng: np.random.Generator) -> NDArray[np.complex64]:
        """h: complex64 [n_uses]."""
        return _spread(complex_normal(_n_blocks(self.block, n_uses), rng), self.block, n_uses)

    def gain_cdf(self, gain: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(|h|^2 <= gain), exponential of mean 1."""
        return -np.expm1(-np.asarray(gain, np.float64))


@dataclass(frozen=True, kw_only=True)
class Rician:
    """h = sqrt(K/(K+1)) + sqrt(1/(K+1)) w, w ~ CN(0, 1), one draw a block; K (linear) is sight over scatter.

    The line of sight has phase 0, as in the HDA-DeepSC paper (mean mu = sqrt(r/(r+1)), variance 1/(r+1),
    r = K). K = 0 is Rayleigh, draw for draw.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["rician"] = "rician"
    k_factor: float = 1.0
    block: Block = "frame"

    def __post_init__(self) -> None:
        if not 0 <= self.k_factor < float("inf"):
            raise ValueError(
                f"k_factor: must be >= 0 and finite, got {self.k_factor}; it is linear, not in dB"
            )
        _check_block(self.block)

    @property
    def mean(self) -> float:
        """E h, the line of sight."""
        return float(np.sqrt(self.k_factor / (self.k_factor + 1)))

    @property
    def coherence_uses(self) -> Block:
        """How long h stays: a block."""
        return self.block

    def fading(self, n_uses: int, rng: np.random.Generator) -> NDArray[np.complex64]:
        """h: complex64 [n_uses]."""
        scatter = complex_normal(_n_blocks(self.block, n_uses), rng)
        h = np.sqrt(self.k_factor / (self.k_factor + 1)) + np.sqrt(1 / (self.k_factor + 1)) * scatter
        return _spread(h, self.block, n_uses)

    def gain_cdf(self, gain: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(|h|^2 <= gain): 2 (K+1) |h|^2 is noncentral chi-square of 2 degrees and noncentrality 2 K."""
        k = self.k_factor
        return special.chndtr(2 * (k + 1) * np.asarray(gain, np.float64), 2, 2 * k)


@dataclass(frozen=True, kw_only=True)
class Nakagami:
    """|h| ~ Nakagami-m of uniform phase, one draw a block: |h|^2 is gamma of shape m and mean 1.

    m = 1/2 is one-sided Gaussian, m = 1 Rayleigh in law, m -> infinity no fading (Nakagami 1960). The gain is
    drawn by inversion, so that each block takes two numbers.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["nakagami"] = "nakagami"
    m: float = 1.0
    block: Block = "frame"

    mean: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        if not LEAST_M <= self.m <= MOST_M:
            raise ValueError(f"m: must lie between {LEAST_M} and {MOST_M:g}, got {self.m}; 1 is Rayleigh")
        _check_block(self.block)

    @property
    def coherence_uses(self) -> Block:
        """How long h stays: a block."""
        return self.block

    def fading(self, n_uses: int, rng: np.random.Generator) -> NDArray[np.complex64]:
        """h: complex64 [n_uses]."""
        level, turn = rng.random((_n_blocks(self.block, n_uses), 2)).T
        gain = special.gammaincinv(self.m, np.maximum(level, LEAST_LEVEL)) / self.m
        return _spread(np.sqrt(gain) * np.exp(2j * np.pi * turn), self.block, n_uses)

    def gain_cdf(self, gain: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(|h|^2 <= gain), the gamma law."""
        return special.gammainc(self.m, self.m * np.asarray(gain, np.float64))
