"""Sionna 1.2's decoders of convolutional, turbo and polar codes as compiled functions of one fixed tile.

Beside `sionna_blocks` the only module where signs change: Sionna's LLRs are log p(1)/p(0), ours the opposite.
"""

import contextlib
import io
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phy.fec.convolutional import Convolutional
from phy.fec.decoder import Decoder
from phy.fec.plain import PlainCode, refuse_unless_able
from phy.fec.polar import NrPolar
from phy.fec.turbo import LteTurbo
from phy.sionna_blocks import quietly, tf

TILE = 64
"""Words that one call of a compiled decoder takes; last tiles are padded with certain zeros."""

SURE = 20.0
"""LLR of the padding."""


def decode(code: PlainCode, llr: NDArray[np.float32], decoder: Decoder) -> NDArray[np.uint8]:
    """Information bits uint8 [B, k] of LLRs log p(0)/p(1) [B, n] of a code without a graph."""
    refuse_unless_able("sionna", code, decoder)
    if type(code) not in BLOCKS:
        return code.decide(llr, decoder)
    if isinstance(code, Convolutional | LteTurbo):
        llr = code.depuncture(llr)
    run = compiled(code, decoder)
    decided = [np.zeros((0, code.k), np.uint8)]
    for start in range(0, len(llr), TILE):
        words = llr[start : start + TILE]
        tile = np.full((TILE, llr.shape[1]), SURE, np.float32)
        tile[: len(words)] = words
        decided.append(run(tile).numpy()[: len(words)])
    return np.concatenate(decided)


@lru_cache(maxsize=16)
def compiled(code: PlainCode, decoder: Decoder) -> Callable[[Any], Any]:
    """LLRs log p(0)/p(1) float32 [TILE, n] -> information bits uint8 [TILE, k], traced as it is made.

    XLA pays for trellises; the polar tree would compile for half a minute, so it runs as a plain graph, and
    Sionna's list decoder as its own NumPy version, which is its quickest and starts at once.
    """
    n = code.n if isinstance(code, NrPolar) else code.mother_n
    with contextlib.redirect_stdout(io.StringIO()), quietly(), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # Sionna greets with what `linksim list codes` says, oneDNN with wishes
        block = BLOCKS[type(code)](code, decoder)

        def run(llr: Any) -> Any:
            return tf.cast(tf.reshape(block(-llr), (TILE, code.k)), tf.uint8)

        if decoder.algorithm == "sc-list":
            return lambda llr: run(tf.constant(llr))
        signature = [tf.TensorSpec((TILE, n), tf.float32)]
        traced = tf.function(run, input_signature=signature, jit_compile=not isinstance(code, NrPolar))
        traced.get_concrete_function()
        return traced


def _viterbi(code: Convolutional, decoder: Decoder) -> Callable[[Any], Any]:
    from sionna.phy.fec.conv import ViterbiDecoder

    polynomials = tuple("".join(map(str, taps)) for taps in code.taps)
    return ViterbiDecoder(gen_poly=polynomials, terminate=True, precision="single")


def _turbo(code: LteTurbo, decoder: Decoder) -> Callable[[Any], Any]:
    from sionna.phy.fec.turbo import TurboDecoder

    return TurboDecoder(
        constraint_length=4,
        rate=1 / 3,
        terminate=True,
        num_iter=decoder.iterations,
        algorithm="log",
        precision="single",
    )


def _polar(code: NrPolar, decoder: Decoder) -> Callable[[Any], Any]:
    from sionna.phy.fec.polar import Polar5GDecoder, Polar5GEncoder, PolarSCLDecoder

    encoder = Polar5GEncoder(code.k, code.n, channel_type=code.link, precision="single")
    block = Polar5GDecoder(encoder, "SC", precision="single")
    if decoder.algorithm == "sc-list":
        block._polar_dec = PolarSCLDecoder(
            encoder.frozen_pos,
            code.mother_n,
            list_size=decoder.list_size,
            crc_degree=encoder.enc_crc.crc_degree,
            ind_iil_inv=block.ind_iil_inv,
            cpu_only=True,
            precision="single",
        )
    return block


BLOCKS: dict[type, Callable[[Any, Decoder], Callable[[Any], Any]]] = {
    Convolutional: _viterbi,
    LteTurbo: _turbo,
    NrPolar: _polar,
}
"""Family -> Sionna's block of it; the others are decoded as they are everywhere."""
