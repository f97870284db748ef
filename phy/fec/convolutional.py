"""Zero-terminated convolutional codes, punctured or not, and their Viterbi decoder over a whole batch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from phy.fec.decoder import Decoder
from phy.fec.plain import PlainCode, check_bits

GENERATORS: dict[tuple[Fraction, int], tuple[int, ...]] = {
    (Fraction(1, 2), 2): (0o5, 0o7),
    (Fraction(1, 2), 3): (0o15, 0o17),
    (Fraction(1, 2), 4): (0o23, 0o35),
    (Fraction(1, 2), 5): (0o53, 0o75),
    (Fraction(1, 2), 6): (0o133, 0o171),
    (Fraction(1, 2), 7): (0o247, 0o371),
    (Fraction(1, 2), 8): (0o561, 0o753),
    (Fraction(1, 3), 6): (0o133, 0o171, 0o165),
}
"""(rate, memory) -> generators: Proakis, Digital Communications, table 8.2-1; 1/3: TS 36.212, 5.1.3.1."""

PUNCTURING: dict[Fraction, tuple[tuple[int, ...], tuple[int, ...]]] = {
    Fraction(2, 3): ((1, 1), (1, 0)),
    Fraction(3, 4): ((1, 1, 0), (1, 0, 1)),
    Fraction(5, 6): ((1, 1, 0, 1, 0), (1, 0, 1, 0, 1)),
}
"""Rate -> which bits of either generator are sent, by steps: IEEE 802.11-2012, 18.3.5.7 and 20.3.11.6."""

TILE_BYTES = 1 << 25
"""Decisions that one tile of the Viterbi decoder keeps."""


@dataclass(frozen=True, kw_only=True)
class Convolutional(PlainCode):
    """A feed-forward encoder of `memory` bits, brought back to zero by as many zeros.

    generators: octal, the highest bit on the newest input: y_j[t] = sum_i g_j[memory - i] u[t - i] (mod 2).
    puncturing: for every generator, which of its bits are sent, over a period of steps; () sends all.
    The outputs of one step stand together, the first generator's first.

    >>> code = Convolutional(name="five", generators=(0o5, 0o7), memory=2, block=3)
    >>> code.n, code.encode(np.array([1, 0, 0], np.uint8)).tolist()
    (10, [1, 1, 0, 1, 1, 1, 0, 0, 0, 0])
    """

    algorithms: ClassVar[tuple[str, ...]] = ("viterbi",)
    engines: ClassVar[Mapping[str, tuple[str, ...]]] = {"viterbi": ("reference", "sionna")}
    generators: tuple[int, ...] = (0o133, 0o171)
    memory: int = 6
    puncturing: tuple[tuple[int, ...], ...] = ()
    block: int = 1024

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ValueError(f"k: must be >= 1, got {self.block}; 1024 is the default")
        if not 1 <= self.memory <= 8:
            raise ValueError(f"memory: must be 1..8, got {self.memory}; 6 is usual")
        low, high = 1, (2 << self.memory) - 1
        if len(self.generators) < 2 or any(not low <= g <= high for g in self.generators):
            told = "/".join(f"{g:o}" for g in self.generators)
            raise ValueError(
                f"generators: must be two or more octal numbers 1..{high:o} for memory {self.memory}, "
                f"got {told}; 133/171 is usual with memory 6"
            )

    @property
    def n(self) -> int:
        """Coded bits sent, those of the tail with them."""
        return int(self.sent.size)

    @property
    def k(self) -> int:
        """Information bits."""
        return self.block

    @property
    def steps(self) -> int:
        """Steps of the trellis: information and tail."""
        return self.block + self.memory

    @property
    def mother_n(self) -> int:
        """Coded bits before puncturing."""
        return self.steps * len(self.generators)

    @cached_property
    def sent(self) -> NDArray[np.intp]:
        """intp [n]: which bits of the unpunctured word are sent."""
        if not self.puncturing:
            return np.arange(self.mother_n)
        pattern = np.array(self.puncturing, bool).T  # [period, generators]
        return np.flatnonzero(np.resize(pattern, (self.steps, len(self.generators))))

    @cached_property
    def taps(self) -> NDArray[np.uint8]:
        """uint8 [generators, memory + 1], the newest input's first."""
        shift = np.arange(self.memory, -1, -1)
        return (np.array(self.generators)[:, None] >> shift & 1).astype(np.uint8)

    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Code.encode`."""
        bits = check_bits(bits, self.k)
        batch = bits.reshape(-1, self.k)
        padded = np.pad(batch, ((0, 0), (self.memory, self.memory)))
        word = np.zeros((len(batch), self.steps, len(self.generators)), np.uint8)
        for j, taps in enumerate(self.taps):
            for delay in np.flatnonzero(taps):
                word[:, :, j] ^= padded[:, self.memory - delay :][:, : self.steps]
        return word.reshape(-1, self.mother_n)[:, self.sent].reshape(*bits.shape[:-1], self.n)

    def depuncture(self, llr: NDArray[np.floating]) -> NDArray[np.floating]:
        """LLRs of the unpunctured word [B, mother_n], 0 where nothing was sent, from those sent [B, n]."""
        mother = np.zeros((len(llr), self.mother_n), llr.dtype)
        mother[:, self.sent] = llr
        return mother

    def decide(self, llr: NDArray[np.floating], decoder: Decoder) -> NDArray[np.uint8]:
        """See `PlainCode.decide`."""
        size = max(1, TILE_BYTES // (self.steps << self.memory))
        tiles = [self.depuncture(llr[i : i + size]) for i in range(0, len(llr), size)]
        decided = [viterbi(self, tile) for tile in tiles]
        return np.concatenate([*decided, np.zeros((0, self.k), np.uint8)])

    @cached_property
    def branch_words(self) -> NDArray[np.intp]:
        """intp [2, S / 2, 2]: the outputs as a number, for input u from the state 2 p + b."""
        u, p, b = np.ogrid[:2, : 1 << self.memory - 1, :2]
        register = (u << self.memory) | (p << 1) | b  # newest first
        delays = range(self.memory + 1)
        outputs = [sum((register & g) >> i & 1 for i in delays) & 1 for g in self.generators]
        return sum(out.astype(np.intp) << j for j, out in enumerate(reversed(outputs)))


def make(
    *,
    name: str,
    k: int = 1024,
    rate: Fraction = Fraction(1, 2),
    memory: int = 6,
    generators: str | None = None,
) -> Convolutional:
    """The family's maker, see `phy.fec.spec`. Rates 2/3, 3/4 and 5/6 puncture the code of 802.11."""
    punctured = rate in PUNCTURING and memory == 6 and generators is None
    if generators is not None:
        taps = _octal(generators)
        if rate not in (Fraction(1, 2), Fraction(1, len(taps))):
            raise ValueError(f"rate: must be 1/{len(taps)} with those generators, got {rate}; leave it out")
    else:
        mother = Fraction(1, 2) if punctured else rate
        if (mother, memory) not in GENERATORS:
            raise ValueError(
                "rate: must be 1/2 with memory 2 to 8, or 1/3, 2/3, 3/4 or 5/6 with memory 6, "
                f"got {rate} with memory {memory}; or give generators=.../..."
            )
        taps = GENERATORS[mother, memory]
    return Convolutional(
        name=name,
        generators=taps,
        memory=memory,
        puncturing=PUNCTURING[rate] if punctured else (),
        block=k,
    )


def _octal(generators: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[0-7]{1,6}(/[0-7]{1,6})+", generators):
        raise ValueError(f"generators: must be octal numbers, got {generators!r}; write them as 133/171")
    return tuple(int(g, 8) for g in generators.split("/"))


def viterbi(code: Convolutional, llr: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The most likely information bits uint8 [B, k] of unpunctured LLRs [B, mother_n], in float64.

    A state is the last `memory` inputs, the newest its highest bit: from 2 p + b, input u leads to
    u S/2 + p (Forney, Proc. IEEE 61(3), 1973). The metric is the correlation sum (1 - 2 c) llr / 2. Words are
    in the fastest axis; equal metrics keep b = 0.
    """
    m, n_out, words = code.memory, len(code.generators), code.branch_words
    half = 1 << m - 1
    steps = np.asarray(llr, np.float64).T.reshape(code.steps, n_out, -1) / 2
    signs = 1.0 - 2.0 * (np.arange(1 << n_out)[:, None] >> np.arange(n_out - 1, -1, -1) & 1)
    metric = np.full((2 * half, steps.shape[2]), -np.inf)
    metric[0] = 0.0
    lost = np.empty((code.steps, 2 * half, steps.shape[2]), bool)  # the oldest bit of the survivor
    for t, step in enumerate(steps):
        branch = signs @ step
        candidates = metric.reshape(1, half, 2, -1) + branch[words]
        zero, one = candidates[:, :, 0], candidates[:, :, 1]
        np.greater(one, zero, out=lost[t].reshape(2, half, -1))
        metric = np.maximum(zero, one).reshape(2 * half, -1)
    return _trace_back(code, lost)


def _trace_back(code: Convolutional, lost: NDArray[np.bool_]) -> NDArray[np.uint8]:
    word = np.arange(lost.shape[2])
    state = np.zeros(word.size, np.intp)
    bits = np.empty((code.steps, word.size), np.uint8)
    for t in range(code.steps - 1, -1, -1):
        bits[t] = state >> code.memory - 1
        state = (state << 1 & (1 << code.memory) - 1) | lost[t, state, word]
    return np.ascontiguousarray(bits[: code.k].T)
