"""Decoders and chains of others, each as a function that takes the same LLRs or makes the same frames.

TensorFlow computes on one thread here; XLA-compiled functions take one fixed batch, and the best of several
counts.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

from phy.constellation import Constellation
from phy.fec.code import GraphCode

Decode = Callable[[np.ndarray], np.ndarray]
"""LLRs float32 [B, n], log p(0)/p(1) -> information bits [B, k]."""


def sionna_decoder(code: GraphCode, rule: str, iterations: int, batch: int) -> Decode:
    """Sionna 1.2's `LDPCBPDecoder` in XLA, all iterations for every frame: it has no early stop."""
    from phy import sionna_blocks  # loads TensorFlow without its greetings

    tf, block = sionna_blocks.tf, sionna_blocks.LDPCBPDecoder
    decoder = block(code.parity_check().copy(), cn_update=rule, hard_out=True, num_iter=iterations)

    @tf.function(jit_compile=True, input_signature=[tf.TensorSpec((batch, code.n), tf.float32)])
    def run(logits: Any) -> Any:
        return decoder(logits)

    return lambda llr: run(-llr).numpy()[:, code.info]


def sionna_chain(
    code: GraphCode, constellation: Constellation, rule: str, iterations: int, batch: int, n0: float
) -> Callable[[], tuple[int, int]]:
    """Sionna's mapper, AWGN, demapper and decoder in one XLA graph -> frame errors and frames.

    The codewords come from this project's encoder, outside what is timed: Sionna has none for 802.11.
    """
    from phy import sionna_blocks

    tf = sionna_blocks.tf
    points = sionna_blocks._constellation(constellation.points, "single")
    mapper = sionna_blocks.sionna_mapping.Mapper(constellation=points)
    demapper = sionna_blocks.sionna_mapping.Demapper("maxlog", constellation=points)
    decoder = sionna_blocks.LDPCBPDecoder(
        code.parity_check().copy(), cn_update=rule, hard_out=True, num_iter=iterations
    )
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2, (batch, code.k), dtype=np.uint8)
    words = tf.constant(code.encode(bits), tf.float32)
    info = tf.constant(code.info)

    @tf.function(jit_compile=True)
    def run(seed: Any) -> Any:
        x = mapper(words)
        scale = tf.sqrt(tf.constant(n0 / 2, tf.float32))
        noise = tf.random.stateless_normal((2, *x.shape), (seed, 1)) * scale
        logits = demapper(x + tf.complex(noise[0], noise[1]), tf.constant(n0, tf.float32))
        decided = tf.gather(decoder(logits), info, axis=1)
        wrong = tf.reduce_any(tf.not_equal(decided, tf.gather(words, info, axis=1)), axis=1)
        return tf.reduce_sum(tf.cast(wrong, tf.int32))

    state = {"seed": 0}

    def once() -> tuple[int, int]:
        state["seed"] += 1
        return int(run(tf.constant(state["seed"], tf.int32))), batch

    return once


def sionna_stages(constellation: Constellation, symbols: int) -> dict[str, Callable[[], Any]]:
    """Sionna's mapper, AWGN channel and max-log demapper in XLA, of one fixed size."""
    from phy import sionna_blocks

    tf, m = sionna_blocks.tf, constellation.bits_per_symbol
    points = sionna_blocks._constellation(constellation.points, "single")
    mapper = sionna_blocks.sionna_mapping.Mapper(constellation=points)
    demapper = sionna_blocks.sionna_mapping.Demapper("maxlog", constellation=points)
    bits = tf.constant(np.random.default_rng(1).integers(0, 2, (1, symbols * m)), tf.float32)
    map_all = tf.function(mapper, jit_compile=True)
    x = map_all(bits)
    demap_all = tf.function(lambda y: demapper(y, tf.constant(0.1)), jit_compile=True)
    normal = tf.function(lambda: tf.random.stateless_normal((2, symbols), (1, 2)), jit_compile=True)
    return {
        "map": lambda: map_all(bits).numpy(),
        "demap": lambda: demap_all(x).numpy(),
        "noise": lambda: normal().numpy(),
    }


def pyldpc_decoder(code: GraphCode, iterations: int) -> Decode:
    """pyldpc 0.7's sum-product (Numba), frame by frame.

    Its `decode` fails on irregular codes with NumPy 2; this is the loop of that function around its kernel.
    """
    from pyldpc import decoder, utils

    h = code.parity_check().astype(np.int64)
    edges = utils._bitsandnodes(h)

    def run(llr: np.ndarray) -> np.ndarray:
        out = np.empty((len(llr), code.k), np.uint8)
        for i, row in enumerate(llr):
            channel = row[:, None].astype(np.float64)
            to_checks, to_bits = np.zeros((*h.shape, 1)), np.zeros((*h.shape, 1))
            for n in range(iterations):
                to_checks, to_bits, soft = decoder._logbp_numba(*edges, channel, to_checks, to_bits, n)
                decided = (soft <= 0).astype(int)
                if utils.incode(h, decided):
                    break
            out[i] = decided[code.info, 0]
        return out

    return run


def ldpc_decoder(code: GraphCode, iterations: int) -> Decode:
    """The `ldpc` package's serial C++ min-sum, scaled by 3/4, frame by frame."""
    from ldpc import BpDecoder
    from scipy.sparse import csr_matrix

    decoder = BpDecoder(
        csr_matrix(code.parity_check()),
        error_rate=0.1,
        max_iter=iterations,
        bp_method="minimum_sum",
        ms_scaling_factor=0.75,
        input_vector_type="received_vector",
    )

    def run(llr: np.ndarray) -> np.ndarray:
        out = np.empty((len(llr), code.k), np.uint8)
        for i, row in enumerate(llr):
            decoder.update_channel_probs(1 / (1 + np.exp(np.abs(row.astype(np.float64)))))
            out[i] = decoder.decode((row < 0).astype(np.uint8))[code.info]
        return out

    return run
