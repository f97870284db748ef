"""The engine that chooses: Sionna on a GPU, native on a CPU, and who else can where it cannot."""

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from phy.chain import Chain, Counts
from phy.constellation import Constellation
from phy.engine import Engine, find_engine
from phy.fec import plain
from phy.fec.code import Code
from phy.fec.decoder import Decoder
from phy.fec.plain import PlainCode
from phy.mapping import Demapping
from phy.native.able import refusal


@dataclass(frozen=True, kw_only=True)
class AutoEngine:
    """Sionna's on a GPU; else native where it has the decoder, sionna where that has it, reference for the
    rest.

    Who computes changes no answer but in its last digits; `chosen` tells it, for the record.
    """

    name: ClassVar[str] = "auto"

    def chosen(self, code: Code, decoder: Decoder) -> str:
        """The name of the engine that decodes this code so."""
        return _chosen(code, decoder, self._stages.name)

    def encode(self, code: Code, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Engine.encode`."""
        return self._stages.encode(code, bits)

    def map(self, constellation: Constellation, bits: NDArray[np.uint8]) -> NDArray[np.complex64]:
        """See `Engine.map`."""
        return self._stages.map(constellation, bits)

    def demap(
        self,
        constellation: Constellation,
        y: NDArray[np.complex64],
        noise_var: NDArray[np.float32],
        method: Demapping,
    ) -> NDArray[np.float32]:
        """See `Engine.demap`."""
        return self._stages.demap(constellation, y, noise_var, method)

    def decode(self, code: Code, llr: NDArray[np.float32], decoder: Decoder) -> NDArray[np.uint8]:
        """See `Engine.decode`."""
        return find_engine(self.chosen(code, decoder)).decode(code, llr, decoder)

    def count(self, chain: Chain, snr_db: float, seed: int, frames: range) -> Counts | None:
        """As `phy.chain.count`, in one piece where the native engine has it so."""
        if self._stages.name != "native" or refusal(chain.code, chain.decoder):
            return None
        return find_engine("native").count(chain, snr_db, seed, frames)

    @cached_property
    def _stages(self) -> Engine:
        """Who encodes, maps and demaps."""
        return find_engine("sionna" if has_gpu() else "native")


@cache
def has_gpu() -> bool:
    """Whether TensorFlow would compute on a GPU; it is loaded only where there is one at all."""
    if not any(Path("/dev").glob("nvidia[0-9]*")) or not _has_sionna():
        return False
    import tensorflow as tf

    import phy.sionna_blocks  # noqa: F401, which loads TensorFlow quietly

    return bool(tf.config.list_physical_devices("GPU"))


@cache
def _chosen(code: Code, decoder: Decoder, stages: str) -> str:
    if stages == "native" and refusal(code, decoder) is None:
        return "native"
    if isinstance(code, PlainCode):
        plain.refuse_unless_fit(code, decoder)
        able = code.engines[decoder.algorithm]
        return next(name for name in able if name != "sionna" or _has_sionna())
    if _has_sionna():
        try:
            find_engine("sionna").decode(code, np.empty((0, code.n), np.float32), decoder)
            return "sionna"
        except ValueError:
            pass  # which names who can: they are asked next
    return "native" if refusal(code, decoder) is None else "reference"


def _has_sionna() -> bool:
    return find_spec("sionna") is not None and find_spec("tensorflow") is not None
