"""The conventional hybrid: a quantised DCT as bits, what quantisation leaves as analog symbols.

    image -> colour -> DCT c -> q = round(c / step) -> range coder -> 'essential' bits, metadata in front
                       c - q step -> gains, Hadamard -> 'auxiliary' symbols
    bits -> q;  symbols -> LLSE of c - q step;  q step + that -> inverse DCT -> image

The baseline that HDA-DeepSC's paper calls conventional HDA (2-D DCT and scalar quantiser, its ref. [30]),
with SoftCast for its analog part. The step is the smallest whose bits fit the payload. One table of variances
serves both parts: of what is quantised it tells the range coder's law, Laplace's, and by that law the
variance that quantisation leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from linksim.codecs import softcast_analog as analog
from linksim.codecs.dct_tables import FIRST_SHAPE, N_SHAPES, WORD_BITS, Encoder, bits, put, take
from linksim.codecs.softcast import Bitarray, Coefficients, Linear
from linksim.codecs.softcast_metadata import (
    Bitstring,
    Metadata,
    from_words,
    heard,
    n_angles,
    to_bits,
    told,
    variances_of,
)
from linksim.codecs.softcast_transform import Grid, Transform
from phy.types import Reception

STEP_BITS, STEPS_PER_OCTAVE = 9, 16
"""Of the quantiser's step, 2^(index / 16) from 2^-3 on."""
FIRST_STEP, N_STEPS = -3 * STEPS_PER_OCTAVE, 1 << STEP_BITS
LEFT_STEPS = 1 << 20
"""Of a step squared, to which what is left is rounded. Chunks far above the step are left 1/12 alike, but for
the last bits of floats: by those the order in which chunks are sent would differ from machine to machine."""


@dataclass(frozen=True, kw_only=True)
class DctHda(Linear):
    """The conventional hybrid: quantised DCT coefficients as bits, what that leaves as analog symbols.

    Fields as of `Linear`, but in 8x8 blocks where nothing else is said.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["dct_hda"] = "dct_hda"
    transform: Transform = "block"

    streams: ClassVar[Mapping[str, str]] = {"essential": "digital", "auxiliary": "analog"}
    digital: ClassVar[str] = "essential"
    analog: ClassVar[str] = "auxiliary"
    ahead_bits: ClassVar[int] = STEP_BITS

    def _message(
        self, grid: Grid, metadata: Metadata, coefficients: Coefficients, uses: int, budget: int
    ) -> tuple[Bitarray, NDArray[np.complex64]] | None:
        """Bits and symbols under the smallest step that fits; None where metadata alone do not."""
        coder = Encoder()
        head = told(grid, metadata, coder)
        room = budget - head.size - STEP_BITS
        variance_bits = WORD_BITS * (coder.get_compressed().size - 2)  # at the least: two words end any code
        low, high = 0, N_STEPS
        while low < high:
            middle = (low + high) // 2
            fits = variance_bits + _Quantiser.of(grid, metadata, middle).bits(coefficients) <= room
            low, high = (low, middle) if fits else (middle + 1, high)
        for step in range(low, N_STEPS):
            quantiser, coder = _Quantiser.of(grid, metadata, step), Encoder()
            told(grid, metadata, coder)
            q = quantiser.integers(coefficients)
            put(coder, q, quantiser.shapes)
            words = from_words(coder.get_compressed())
            if words.size <= room:
                left = coefficients.copy()
                left[quantiser.places] -= q * np.float32(quantiser.step)
                plan = self._plan(grid, quantiser.left, uses, metadata)
                symbols, scale = analog.send(plan, left)
                head = told(grid, replace(metadata, scale=scale), Encoder())
                return np.concatenate([to_bits(step, STEP_BITS), head, words]), symbols
        return None

    def _coefficients(
        self, grid: Grid, bits: Bitarray, reception: Reception
    ) -> tuple[Grid, Metadata, Coefficients]:
        content, symbols = Bitstring(data=bits), reception[self.analog]
        step = content.take(STEP_BITS)
        grid, metadata, coder = heard(grid, content, n_angles(grid.shape[2], self.colour))
        quantiser = _Quantiser.of(grid, metadata, step)
        q = take(coder, quantiser.shapes)
        plan = self._plan(grid, quantiser.left, symbols.data.size, metadata)
        out = analog.receive(plan, symbols, metadata.scale, grid.chunk_of.size)
        out[quantiser.places] += q * np.float32(quantiser.step)
        return grid, metadata, out


@dataclass(frozen=True, kw_only=True, eq=False)
class _Quantiser:
    """places: of the coefficients that are quantised, [n]; shapes: of their laws, [n].

    left: variance of each chunk after quantisation, [n_chunks].
    """

    step: float
    places: NDArray[np.int64]
    shapes: NDArray[np.int64]
    left: NDArray[np.float64]

    @classmethod
    def of(cls, grid: Grid, metadata: Metadata, index: int) -> "_Quantiser":
        """Of the step's index: both ends make it of the metadata, of integers alone but for `left`."""
        half_octaves = (4 * (index + FIRST_STEP) + STEPS_PER_OCTAVE // 2) // STEPS_PER_OCTAVE
        shapes = metadata.indices - half_octaves - FIRST_SHAPE
        coded, shapes = shapes >= 0, shapes.clip(0, N_SHAPES - 1)
        step = 2.0 ** ((index + FIRST_STEP) / STEPS_PER_OCTAVE)
        places = np.flatnonzero(coded[grid.chunk_of])
        told, chunk = np.unique(metadata.indices, return_inverse=True)
        share = np.rint(left_by_rounding(variances_of(told) / step**2) * LEFT_STEPS) / LEFT_STEPS
        left = step**2 * share[chunk]
        left = np.where(coded, left, metadata.variances)
        return cls(step=step, places=places, shapes=shapes[grid.chunk_of[places]], left=left)

    def integers(self, coefficients: Coefficients) -> NDArray[np.int32]:
        """round(c / step) of the coefficients that are quantised."""
        return np.rint(coefficients[self.places] / np.float32(self.step)).astype(np.int32)

    def bits(self, coefficients: Coefficients) -> float:
        """Ideal length of those integers."""
        return bits(self.integers(coefficients), self.shapes)


def left_by_rounding(variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """E (x - round(x))^2 of Laplace's law, for variances [n].

    Folded to e in (-1/2, 1/2), its density is a/2 (exp(-a |e|) + 2 cosh(a e) t / (1 - t)), t = exp(-a).
    """
    e = (np.arange(512) + 0.5) / 512 - 0.5
    a = np.sqrt(2 / variance)[:, None]
    folded = (np.exp(a * (np.abs(e) - 1)) + np.exp(-a * (np.abs(e) + 1))) / -np.expm1(-a)
    return np.mean(a / 2 * (np.exp(-a * np.abs(e)) + folded) * e**2, axis=1)
