"""The Sionna engine: NumPy in, NumPy out, computed by Sionna's blocks in tiles of one fixed shape.

Symbols are mapped and demapped TILE at a time, codewords are decoded in LANES: a lane whose codeword ended
takes the next one, so that none waits for a slower one. Nothing is traced per length: last tiles are padded.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from phy import sionna_blocks as blocks
from phy import sionna_passing as passing
from phy.constellation import Constellation
from phy.fec import plain
from phy.fec.code import Code, GraphCode
from phy.fec.decoder import Decoded, Decoder
from phy.fec.segmented import block_by_block
from phy.mapping import Demapping
from phy.sionna_blocks import Precision

TILE = 8192
"""Symbols that one call of a compiled mapper or demapper takes."""

LANES = 1024 if blocks.tf.config.list_physical_devices("GPU") else 64
"""Codewords decoded side by side: on a CPU as fast as 128 and 256 are, and short runs leave fewer idle; a GPU
has room for more, how many best was not measured."""

CHUNK = 4
"""Iterations between two looks at which lanes have ended."""


@dataclass(frozen=True, kw_only=True)
class SionnaEngine:
    """Sionna 1.2 in single precision; encoding is the code's own forward substitution."""

    name: ClassVar[str] = "sionna"

    def encode(self, code: Code, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Engine.encode`."""
        return code.encode(bits)

    def map(self, constellation: Constellation, bits: NDArray[np.uint8]) -> NDArray[np.complex64]:
        """See `Engine.map`."""
        m = constellation.bits_per_symbol
        if bits.shape[-1] % m:
            name = constellation.name
            raise ValueError(
                f"bits: last axis must be a multiple of {m} for {name}, got {bits.shape}; pad them"
            )
        shape = (*bits.shape[:-1], bits.shape[-1] // m)
        run = blocks.mapper(constellation, TILE)
        return _join([run(tile).numpy() for tile in _tiles(bits, TILE * m)], shape, np.complex64)

    def demap(
        self,
        constellation: Constellation,
        y: NDArray[np.complex64],
        noise_var: NDArray[np.float32],
        method: Demapping,
    ) -> NDArray[np.float32]:
        """See `Engine.demap`."""
        run = blocks.demapper(constellation, method, TILE)
        noise = np.broadcast_to(np.asarray(noise_var, np.float32), y.shape)
        pairs = zip(_tiles(y, TILE), _tiles(noise, TILE), strict=True)
        shape = (*y.shape[:-1], y.shape[-1] * constellation.bits_per_symbol)
        return _join([run(*pair).numpy() for pair in pairs], shape, np.float32)

    @block_by_block
    def decode(self, code: Code, llr: NDArray[np.float32], decoder: Decoder) -> NDArray[np.uint8]:
        """See `Engine.decode`."""
        if not isinstance(code, GraphCode):
            from phy import sionna_codes  # compiled decoders of their own

            return sionna_codes.decode(code, llr, decoder)
        return self.soft(code, llr, decoder).bits[:, code.info]

    def soft(self, code: GraphCode, llr: NDArray[np.float32], decoder: Decoder) -> Decoded:
        """Mother words as the decoder leaves them, with their iterations, of LLRs float32 [B, n]."""
        plain.refuse_unless_fit(code, decoder)
        return soft_decode(code, code.gather(llr, decoder.known), decoder)


def soft_decode(
    code: GraphCode, llr: NDArray[np.floating], decoder: Decoder, precision: Precision = "single"
) -> Decoded:
    """Any number of mother words: llr float [B, N] -> LLRs of that shape, and iterations.

    Flooding is Sionna's where it has the check rule: the decisions are those of its own loop of
    `decoder.iterations`, left at the first iteration with H c = 0 where the decoder says so. The rest is
    `phy.sionna_passing`'s. Raises ValueError for what neither computes.
    """
    dtype = np.dtype(np.float32 if precision == "single" else np.float64)
    run, state = _compiled(code, decoder, precision)  # the state stays with TensorFlow, never copied
    llr_lanes = np.zeros((code.mother_n, LANES), dtype)
    word, done = np.full(LANES, -1), np.zeros(LANES, np.int32)  # a lane's codeword and its iterations
    soft, iterations = np.empty(llr.shape, dtype), np.zeros(len(llr), np.int64)
    waiting = 0
    while waiting < len(llr) or np.any(word >= 0):
        free = np.flatnonzero(word < 0)[: len(llr) - waiting]
        word[free] = waiting + np.arange(free.size)
        waiting += free.size
        llr_lanes[:, free], done[free] = llr[word[free]].T, 0
        done[word < 0] = decoder.iterations  # an empty lane has nothing left to do
        early = decoder.stop == "syndrome"
        out, state, done, ended = run(llr_lanes, state, done, decoder.iterations, CHUNK, early)
        done = np.array(done)
        over = np.flatnonzero(ended.numpy() & (word >= 0))
        soft[word[over]], iterations[word[over]] = out.numpy()[:, over].T, done[over]
        word[over] = -1
    return Decoded(llr=soft, iterations=iterations)


def _compiled(code: GraphCode, decoder: Decoder, precision: Precision) -> tuple[Callable[..., Any], Any]:
    """The function that decodes in lanes, and the state of lanes that have not begun."""
    if decoder.quantisation is not None:
        raise ValueError(
            f"decoder.quantisation: the sionna engine computes in floating point, got {decoder.spec}; "
            "engine: native or reference has integers"
        )
    if sionnas_own(decoder):
        if decoder.clip is None:
            raise ValueError(
                "decoder.clip: the sionna engine needs a limit, got None; 20 is usual, or engine: reference"
            )
        run = blocks.decoder(code, decoder.algorithm, float(decoder.clip), LANES, precision)
        return run, blocks.empty_state(code, LANES, precision)
    how = replace(decoder, iterations=Decoder.iterations, stop=Decoder.stop)  # arguments of one function
    return passing.decoder(code, how, LANES, precision), passing.empty_state(code, how, LANES, precision)


def sionnas_own(decoder: Decoder) -> bool:
    """Whether Sionna 1.2 itself has the decoder: flooding, by a check rule of its own with its own offset."""
    return (
        decoder.schedule == "flooding"
        and decoder.algorithm in blocks.CHECK_NODE
        and (decoder.algorithm != "offset-min-sum" or decoder.offset == blocks.OFFSET)
    )


def _tiles(x: NDArray, size: int) -> list[NDArray]:
    """x, of any shape, in pieces of `size` values, the last one zero padded."""
    padded = np.zeros(-(-x.size // size) * size, x.dtype)
    padded[: x.size] = x.reshape(-1)
    return list(padded.reshape(-1, size))


def _join(tiles: list[NDArray], shape: tuple[int, ...], dtype: type) -> NDArray:
    """The tiles' values in that shape, without the padding."""
    return np.concatenate([*tiles, np.empty(0, dtype)])[: math.prod(shape)].reshape(shape)
