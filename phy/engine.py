"""Engines: who computes. An engine never changes what is asked of it; one that cannot compute it refuses."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from phy import mapping
from phy.constellation import Constellation
from phy.fec import plain, reference
from phy.fec.code import Code, GraphCode
from phy.fec.decoder import Decoded, Decoder
from phy.fec.segmented import block_by_block
from phy.mapping import Demapping


class Engine(Protocol):
    """Bits to symbols and back, NumPy at the border, B codewords or rows of symbols at a time (B = 0 too)."""

    name: ClassVar[str]

    def encode(self, code: Code, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Codewords uint8 [B, n] of information bits uint8 [B, k]."""
        ...

    def map(self, constellation: Constellation, bits: NDArray[np.uint8]) -> NDArray[np.complex64]:
        """Symbols complex64 [B, s] of unit mean energy, of bits uint8 [B, m s]."""
        ...

    def demap(
        self,
        constellation: Constellation,
        y: NDArray[np.complex64],
        noise_var: NDArray[np.float32],
        method: Demapping,
    ) -> NDArray[np.float32]:
        """LLRs log p(0)/p(1) float32 [B, m s] of symbols complex64 [B, s] with N0 float32 [B, s] each."""
        ...

    def decode(self, code: Code, llr: NDArray[np.float32], decoder: Decoder) -> NDArray[np.uint8]:
        """Information bits uint8 [B, k] of LLRs float32 [B, n]."""
        ...


@dataclass(frozen=True, kw_only=True)
class ReferenceEngine:
    """The float64 NumPy reference: slow, plain, everywhere."""

    name: ClassVar[str] = "reference"

    def encode(self, code: Code, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Engine.encode`."""
        return code.encode(bits)

    def map(self, constellation: Constellation, bits: NDArray[np.uint8]) -> NDArray[np.complex64]:
        """See `Engine.map`."""
        return mapping.map_bits(constellation, bits).astype(np.complex64)

    def demap(
        self,
        constellation: Constellation,
        y: NDArray[np.complex64],
        noise_var: NDArray[np.float32],
        method: Demapping,
    ) -> NDArray[np.float32]:
        """See `Engine.demap`."""
        return mapping.demap(constellation, y, noise_var, method).astype(np.float32)

    @block_by_block
    def decode(self, code: Code, llr: NDArray[np.float32], decoder: Decoder) -> NDArray[np.uint8]:
        """See `Engine.decode`."""
        if not isinstance(code, GraphCode):
            return plain.decode(self.name, code, llr, decoder)
        return self.soft(code, llr, decoder).bits[:, code.info]

    def soft(self, code: GraphCode, llr: NDArray[np.float32], decoder: Decoder) -> Decoded:
        """Mother words as the decoder leaves them, with their iterations, of LLRs float32 [B, n]."""
        plain.refuse_unless_fit(code, decoder)
        return reference.decode(code, code.gather(llr, decoder.known), decoder)


def _sionna() -> Engine:
    """TensorFlow takes seconds to import: only who asks for it pays."""
    try:
        from phy.sionna_engine import SionnaEngine
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"engine: sionna needs a package that is not installed, got {missing.name!r} missing; "
            "pip install 'linksim-phy[cpu]', or engine: reference"
        ) from missing
    return SionnaEngine()


def _native() -> Engine:
    """Numba takes half a second to import: only who asks for it pays."""
    from phy.native.engine import NativeEngine

    return NativeEngine()


def _auto() -> Engine:
    """Who can compute what is settled where it is asked."""
    from phy.auto_engine import AutoEngine

    return AutoEngine()


ENGINES: dict[str, Callable[[], Engine]] = {
    "auto": _auto,
    "native": _native,
    "sionna": _sionna,
    "reference": ReferenceEngine,
}
"""Name -> how to get the engine."""

ABOUT = {
    "auto": "sionna on a GPU; else native, for what it lacks the quicker of sionna and reference",
    "native": "Numba kernels for the whole chain on one core of a CPU; the fastest there",
    "sionna": "TensorFlow and Sionna, on a GPU or a CPU; some seconds to start, and to compile each code",
    "reference": "NumPy in double precision, written to be read; the oracle of the others",
}
"""Name -> what it is, in a line."""


@cache
def find_engine(name: str) -> Engine:
    """The engine of that name, one instance a process, so that compiled functions are shared."""
    if not name:
        raise ValueError(f"engine: must not be empty, got ''; one of {', '.join(ENGINES)}")
    if name not in ENGINES:
        near = get_close_matches(name, ENGINES, n=1, cutoff=0.0)
        raise ValueError(
            f"engine: must be one of {', '.join(ENGINES)}, got {name!r}; did you mean {near[0]!r}?"
        )
    return ENGINES[name]()
