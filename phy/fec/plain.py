"""Codes that no Tanner graph decodes: each has its plain NumPy decoder and says which engines compute it."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from phy.fec.code import Code
from phy.fec.decoder import Decoder

EVERY_ENGINE = ("native", "sionna", "reference")
"""A computation at the border that is the same NumPy in each."""


class PlainCode(Code):
    """A code with a decoder of its own, vectorised over the batch.

    engines: the engines that compute each algorithm, the quickest on a CPU first; 'reference' is `decide`.
    """

    engines: ClassVar[Mapping[str, tuple[str, ...]]]

    @abstractmethod
    def decide(self, llr: NDArray[np.floating], decoder: Decoder) -> NDArray[np.uint8]:
        """Information bits uint8 [B, k] of LLRs log p(0)/p(1) [B, n], by the decoder's algorithm."""


def refuse_unless_fit(code: Code, decoder: Decoder) -> None:
    """Raise the one line that names its algorithms, unless that decoder is one of this code's."""
    if decoder.algorithm not in code.algorithms:
        raise ValueError(
            f"decoder: must be {' or '.join(code.algorithms)} for {code.name!r}, got {decoder.algorithm!r}; "
            f"leave it out for {code.algorithms[0]}"
        )


def refuse_unless_able(engine: str, code: Code, decoder: Decoder) -> None:
    """Raise the one line that names who can, unless that engine computes that decoder of that code."""
    if not isinstance(code, PlainCode):
        raise ValueError(
            f"engine: no engine decodes {code.name!r}, got {engine}; its blocks are decided, not decoded"
        )
    refuse_unless_fit(code, decoder)
    able = code.engines[decoder.algorithm]
    if engine not in able:
        raise ValueError(
            f"engine: must be {' or '.join(able)} for {decoder.algorithm} of {code.name!r}, got {engine!r}; "
            f"take engine: {able[0]}"
        )


def decode(engine: str, code: PlainCode, llr: NDArray[np.floating], decoder: Decoder) -> NDArray[np.uint8]:
    """Information bits uint8 [B, k] by the code's own NumPy decoder, where that engine computes it."""
    refuse_unless_able(engine, code, decoder)
    return code.decide(llr, decoder)


def check_bits(bits: NDArray[np.uint8], k: int) -> NDArray[np.uint8]:
    """`bits` as uint8 [..., k], or the line that says they are not."""
    bits = np.asarray(bits, np.uint8)
    if bits.shape[-1:] != (k,):
        raise ValueError(
            f"bits: last axis must be k = {k}, got shape {bits.shape}; segment the payload first"
        )
    return bits
