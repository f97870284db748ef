"""What a decoder computes: a fact of the scenario, since it decides the result. Engines compute it.

Message passing works on a mother word of N bits (`GraphCode.gather`), its checks being the rows of
`parity_check()`. With L_v the channel's LLR log p(0)/p(1), r_cv the message from check c to bit v, t_vc the
one back, f the check rule, clip(a) = min(max(a, -clip), clip), and every message 0 at the start:

flooding, one iteration: t_vc = clip(L_v + sum of r_c'v over c' != c) on every edge, then every
    r_cv = clip(f(t)). After it the posterior is L_v + sum of all r_cv.
layered, one iteration: the checks one after another, row 0 first, each at once for all of its bits:
    u_vc = P_v - r_cv;  r_cv = clip(f(clip(u)));  P_v = u_vc + r_cv, with P_v = L_v at the start.
    Posteriors P are not clipped. Rows without a common bit may trade places or go together: the result is the
    same number for number, so a quasi-cyclic code takes a block row at a time and any other code what it can.
f, over the other edges of the check: sum-product, their boxplus; min-sum, the product of their signs times m,
    the least of their magnitudes; normalised, scale m for m; offset, max(m - offset, 0) for m. A zero counts
    as positive. A check of one bit says that it is 0: +clip.
stop: after each whole iteration (never before the first) the decisions, 1 where the posterior is < 0, are put
    into every check; with stop 'syndrome' a codeword that satisfies all of them keeps these posteriors.
    L is limited to +-clip, and so are the posteriors that come out.

quantisation: integers throughout. A word of `bits` saturates where the machine's does, at -2^(bits-1) and at
    W = 2^(bits-1) - 1. Channel: rint(steps llr) (halves to even), limited to +-W.
    f takes min(|t|, W) for a magnitude, m being the least of them. offset: max(m - offset steps, 0);
    scale: floor(scale m + 1/2). A message is that magnitude, at most `limit`, with the product of the signs.
    layered: t_vc = saturate(P_v - r_cv);  r_cv = f(t);  P_v = saturate(t_vc + r_cv), a machine step each.
    flooding: sums are exact; t_vc = saturate(sum without r_cv), and out comes saturate(whole sum).
    Output LLRs are words / steps. There is no other clip; a check of one bit says +limit.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

Algorithm = Literal[
    "sum-product",
    "min-sum",
    "normalised-min-sum",
    "offset-min-sum",
    "viterbi",
    "bcjr",
    "successive-cancellation",
    "sc-list",
    "hard",
    "genie",
]
Schedule = Literal["flooding", "layered"]

_PASSING = frozenset({"schedule", "iterations", "stop", "clip"})
READS: dict[str, frozenset[str]] = {
    "sum-product": _PASSING,
    "min-sum": _PASSING | {"quantisation"},
    "normalised-min-sum": _PASSING | {"quantisation", "scale"},
    "offset-min-sum": _PASSING | {"quantisation", "offset"},
    "viterbi": frozenset(),
    "bcjr": frozenset({"iterations"}),
    "successive-cancellation": frozenset(),
    "sc-list": frozenset({"list_size"}),
    "hard": frozenset(),
    "genie": frozenset(),
}
"""The fields that each algorithm reads; a value for another is refused, since it would change nothing."""

MESSAGE_PASSING = tuple(name for name, read in READS.items() if "schedule" in read)
"""The algorithms of graph codes."""

KNOWN_LLR = 1e6
"""Of a bit known to be 0, where nothing clips: certain, and far from what float64 cannot add to."""


@dataclass(frozen=True, kw_only=True)
class Quantisation:
    """Fixed-point message passing, as hardware and SIMD do it; the module says which arithmetic exactly.

    bits: word width of posteriors and of messages to checks, saturating.
    steps: quantisation steps per unit of LLR, a power of two.
    limit: the largest message from a check, steps; a quarter of the largest word if not given. Layered
        decoding needs one well below the word's end: a saturated posterior has forgotten what its messages
        will subtract, and frames fail at any SNR.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    bits: int = 8
    steps: int = 4
    limit: int | None = None

    def __post_init__(self) -> None:
        if not 3 <= self.bits <= 16:
            raise ValueError(f"quantisation.bits: must be 3 to 16, got {self.bits}; 8 is an int8 word")
        if self.steps not in (1, 2, 4, 8, 16, 32, 64):
            raise ValueError(
                f"quantisation.steps: must be a power of two up to 64, got {self.steps}; 4 is usual"
            )
        if self.limit is None:
            object.__setattr__(self, "limit", self.usual_limit)
        if not 1 <= self.limit <= self.most:
            raise ValueError(
                f"quantisation.limit: must be 1 to {self.most} with {self.bits} bits, got {self.limit}; "
                f"{self.usual_limit} is usual"
            )

    @property
    def most(self) -> int:
        """W = 2^(bits-1) - 1, the largest word."""
        return (1 << (self.bits - 1)) - 1

    @property
    def usual_limit(self) -> int:
        """The limit where none is given, 31 of an int8 word."""
        return max(self.most // 4, 1)


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """A decoding algorithm with its parameters; which codes it fits, `Code.algorithms` says.

    algorithm: 'sum-product' (boxplus), 'min-sum', 'normalised-min-sum' (Chen and Fossorier, IEEE Trans.
        Commun. 50(3), 2002), 'offset-min-sum' (Chen et al., IEEE Trans. Commun. 53(8), 2005); 'viterbi'
        and 'bcjr' of trellises; 'successive-cancellation', 'sc-list' of polar codes; 'hard' bit by bit.
    schedule: 'flooding': all checks, then all variables; 'layered': check by check (Hocevar, SiPS 2004).
    iterations: most iterations; 0 leaves the channel's decisions.
    stop: 'syndrome' ends a codeword after its first iteration with decisions of H c = 0; 'none' does not.
    clip: channel LLRs, messages and outputs are limited to +-clip; None leaves them as they are.
    scale: of normalised min-sum, in (0, 1]; a multiple of 1/16 if quantised.
    offset: of offset min-sum, in LLR units; whole steps if quantised.
    quantisation: fixed-point arithmetic instead of floating point and of clip.
    list_size: paths that a list decoder keeps.

    >>> Decoder(algorithm="offset-min-sum", schedule="layered", quantisation=Quantisation()).spec
    'layered-offset-min-sum:quantisation=8'
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    algorithm: Algorithm = "sum-product"
    schedule: Schedule = "flooding"
    iterations: int = 20
    stop: Literal["none", "syndrome"] = "syndrome"
    clip: float | None = 20.0
    scale: float = 0.75
    offset: float = 0.5
    quantisation: Quantisation | None = None
    list_size: int = 8

    def __post_init__(self) -> None:
        if self.algorithm not in READS:
            raise ValueError(
                f"decoder.algorithm: must be one of {', '.join(READS)}, got {self.algorithm!r}; "
                "linksim list decoders shows them"
            )
        self._check_ranges()
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            if field.name not in READS[self.algorithm] and value != field.default:
                raise ValueError(
                    f"decoder.{field.name}: means nothing to {self.algorithm}, got {value}; leave it out"
                )
        if self.quantisation is not None:
            self._check_quantised(self.quantisation)

    def _check_ranges(self) -> None:
        if self.schedule not in ("flooding", "layered"):
            raise ValueError(
                f"decoder.schedule: must be flooding or layered, got {self.schedule!r}; flooding is usual"
            )
        if self.stop not in ("none", "syndrome"):
            raise ValueError(f"decoder.stop: must be none or syndrome, got {self.stop!r}; syndrome is usual")
        if not 0 <= self.iterations <= 10_000:
            raise ValueError(
                f"decoder.iterations: must be 0 to 10000, got {self.iterations}; 20 is usual, 50 plenty"
            )
        if self.clip is not None and not 0 < self.clip < np.inf:
            raise ValueError(f"decoder.clip: must be > 0 and finite, got {self.clip}; 20 is usual, or none")
        if not 0 < self.scale <= 1:
            raise ValueError(f"decoder.scale: must be above 0 and at most 1, got {self.scale}; 0.75 is usual")
        if not 0 <= self.offset < np.inf:
            raise ValueError(f"decoder.offset: must be >= 0 and finite, got {self.offset}; 0.5 is usual")
        if not 1 <= self.list_size <= 4096:
            raise ValueError(f"decoder.list_size: must be 1 to 4096, got {self.list_size}; 8 is usual")

    def _check_quantised(self, q: Quantisation) -> None:
        if self.clip != type(self).clip:
            raise ValueError(
                f"decoder.clip: quantised words saturate by themselves, got {self.clip}; leave it out"
            )
        if self.algorithm == "offset-min-sum" and self.offset * q.steps % 1:
            raise ValueError(
                f"decoder.offset: must be whole steps of 1/{q.steps}, got {self.offset}; 0.5 is usual"
            )
        if self.algorithm == "normalised-min-sum" and self.scale * 16 % 1:
            raise ValueError(
                f"decoder.scale: must be a multiple of 1/16 if quantised, got {self.scale}; 0.75 is one"
            )

    @property
    def known(self) -> float:
        """The LLR of a mother bit known to be 0, `GraphCode.gather`'s: what is certain to this decoder."""
        if self.quantisation is not None:
            return self.quantisation.most / self.quantisation.steps
        return KNOWN_LLR if self.clip is None else self.clip

    @property
    def name(self) -> str:
        """'layered-offset-min-sum': the schedule, unless flooding, and the algorithm."""
        return f"layered-{self.algorithm}" if self.schedule == "layered" else self.algorithm

    @property
    def spec(self) -> str:
        """The word for this decoder that `phy.fec.decoder_spec.parse_decoder` reads back."""
        from phy.fec.decoder_spec import write_decoder  # which needs this class

        return write_decoder(self)


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """What a soft decoder leaves.

    llr: float [..., N], log p(0)/p(1) of every bit of the mother word at the iteration it stopped.
    iterations: int [...], the iterations each codeword took.
    """

    llr: NDArray[np.floating]
    iterations: NDArray[np.integer]

    @property
    def bits(self) -> NDArray[np.uint8]:
        """Hard decisions uint8 [..., N]: 1 where the LLR is negative."""
        return (self.llr < 0).astype(np.uint8)


def default_decoder(code: Any) -> Decoder:
    """The decoder of a `Code` where none is named: its first algorithm, everything else as usual."""
    algorithm = code.algorithms[0]
    return Decoder(algorithm=algorithm, iterations=8 if algorithm == "bcjr" else Decoder.iterations)
