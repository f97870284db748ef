"""What a decoder computes: a fact of the scenario, since it decides the result. Engines compute it."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

MIN_SUM_OFFSET = 0.5
"""beta of offset min-sum, in LLR units (Chen et al., IEEE Trans. Commun. 53(8), 2005; Sionna's value)."""


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """Iterative message passing on the Tanner graph of a parity-check code.

    algorithm: check node rule: 'sum-product' (boxplus), 'min-sum', or 'offset-min-sum' (beta = 0.5).
    schedule: 'flooding': all checks, then all variables, in each iteration.
    iterations: most iterations; 0 leaves the channel's decisions.
    stop: 'syndrome' ends a codeword after its first iteration with decisions of H c = 0; 'none' does not.
    clip: channel LLRs, messages and outputs are limited to +-clip; None leaves them as they are.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    algorithm: Literal["sum-product", "min-sum", "offset-min-sum"] = "sum-product"
    schedule: Literal["flooding"] = "flooding"
    iterations: int = 20
    stop: Literal["none", "syndrome"] = "syndrome"
    clip: float | None = 20.0

    def __post_init__(self) -> None:
        if self.iterations < 0:
            raise ValueError(
                f"iterations: must be >= 0, got {self.iterations}; 20 is usual, 50 is near convergence"
            )
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip: must be > 0, got {self.clip}; 20 is usual")


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """What a soft decoder leaves.

    llr: float [..., n], log p(0)/p(1) of every codeword bit at the iteration it stopped.
    iterations: int [...], the iterations each codeword took.
    """

    llr: NDArray[np.floating]
    iterations: NDArray[np.integer]

    @property
    def bits(self) -> NDArray[np.uint8]:
        """Hard decisions uint8 [..., n]: 1 where the LLR is negative."""
        return (self.llr < 0).astype(np.uint8)
