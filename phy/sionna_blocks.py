"""Sionna 1.2's mapper, demapper and LDPC decoder as compiled functions of one fixed shape each.

The only module that knows TensorFlow, and the only place where signs change: Sionna's LLRs are logits,
log p(1)/p(0), ours are log p(0)/p(1). Importing it takes seconds and is left to who computes with it.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from phy.constellation import Constellation
from phy.fec.code import GraphCode
from phy.fec.reference import tanner_graph
from phy.mapping import Demapping

Precision = Literal["single", "double"]


@contextmanager
def quietly() -> Iterator[None]:
    """What TensorFlow says passes by sys.stderr and its own log level: put descriptor 2 aside meanwhile."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # the neural codec may share the device
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


with quietly():
    import tensorflow as tf
    from sionna.phy import mapping as sionna_mapping
    from sionna.phy.fec.ldpc import LDPCBPDecoder

    tf.config.list_physical_devices()  # complains of a missing GPU the first time, so now
    tf.get_logger().setLevel("ERROR")  # it takes one function a code for one that is traced again and again

CHECK_NODE = {"sum-product": "boxplus-phi", "min-sum": "minsum", "offset-min-sum": "offset-minsum"}
"""Sionna's names of our algorithms."""

OFFSET = 0.5
"""Sionna's offset of offset min-sum, LLR units."""

METHOD = {"exact": "app", "max-log": "maxlog"}
"""Sionna's names of our demapping methods."""


@lru_cache(maxsize=64)
def mapper(constellation: Constellation, n_symbols: int) -> Callable[[Any], Any]:
    """Compiled: bits uint8 [m n_symbols] -> complex64 [n_symbols]."""
    block = sionna_mapping.Mapper(
        constellation=_constellation(constellation.points, "single"), precision="single"
    )

    @tf.function(
        jit_compile=True,
        input_signature=[tf.TensorSpec((n_symbols * constellation.bits_per_symbol,), tf.uint8)],
    )
    def run(bits: tf.Tensor) -> tf.Tensor:
        return block(bits)

    return run


@lru_cache(maxsize=64)
def demapper(
    constellation: Constellation, method: Demapping, n_symbols: int, precision: Precision = "single"
) -> Callable[[Any, Any], Any]:
    """Compiled: y complex [n_symbols], N0 float [n_symbols] -> LLRs float [m n_symbols], log p(0)/p(1).

    Where both axes are labelled apart each is demapped alone, with sqrt(M) points for M: the other axis adds
    the same to every exponent.
    """
    float_, complex_ = real(precision), tf.complex64 if precision == "single" else tf.complex128
    apart = constellation.axis_levels
    sets = [constellation.points] if apart is None else list(apart)
    place = None if apart is None else np.argsort(np.concatenate(constellation.axis_bits))
    blocks = [
        sionna_mapping.Demapper(
            METHOD[method], constellation=_constellation(s, precision), precision=precision
        )
        for s in sets
    ]
    signature = [tf.TensorSpec((n_symbols,), complex_), tf.TensorSpec((n_symbols,), float_)]

    @tf.function(jit_compile=True, input_signature=signature)
    def run(y: tf.Tensor, noise_var: tf.Tensor) -> tf.Tensor:
        axes = (
            [y]
            if len(blocks) == 1
            else [tf.cast(tf.math.real(y), complex_), tf.cast(tf.math.imag(y), complex_)]
        )
        logits = [
            tf.reshape(block(a, noise_var), (n_symbols, -1)) for block, a in zip(blocks, axes, strict=True)
        ]
        joined = tf.concat(logits, axis=-1)
        return -tf.reshape(joined if place is None else tf.gather(joined, place, axis=-1), (-1,))

    return run


def _constellation(points: np.ndarray, precision: Precision) -> Any:
    """Sionna's constellation of our points as they are: it would demap others before normalising them."""
    m = len(points).bit_length() - 1
    return sionna_mapping.Constellation(
        "custom", m, points=points.astype(np.complex128), normalize=False, center=False, precision=precision
    )


def real(precision: Precision) -> tf.DType:
    """TensorFlow's type of LLRs."""
    return tf.float32 if precision == "single" else tf.float64


def _bit_of_edge(code: GraphCode) -> np.ndarray:
    """int [edges]: Sionna numbers the edges bit by bit."""
    return np.repeat(np.arange(code.mother_n), code.parity_check().sum(axis=0, dtype=np.int64))


def empty_state(code: GraphCode, lanes: int, precision: Precision = "single") -> Any:
    """Messages of lanes that have not begun: [edges, lanes]."""
    return tf.zeros((_bit_of_edge(code).size, lanes), real(precision))


def _one_iteration(code: GraphCode, algorithm: str, clip: float, precision: Precision) -> LDPCBPDecoder:
    """Sionna's decoder, one flooding iteration a call: logits [lanes, n] and messages in, the same out."""
    return LDPCBPDecoder(
        code.parity_check().copy(),
        cn_update=CHECK_NODE[algorithm],
        hard_out=False,
        num_iter=1,
        llr_max=clip,
        return_state=True,
        precision=precision,
    )


@lru_cache(maxsize=32)
def decoder(
    code: GraphCode, algorithm: str, clip: float, lanes: int, precision: Precision = "single"
) -> Callable[..., tuple[Any, Any, Any, Any]]:
    """Compiled: some iterations of Sionna's flooding decoder on `lanes` codewords, each with its own stop.

    llr: float [n, lanes], log p(0)/p(1).
    state: float [edges, lanes], Sionna's variable-to-check messages; anything where `iterations` is 0.
    iterations: int32 [lanes], done so far.  limit: int32, most iterations of a lane.  chunk: int32, most now.
    early: bool, whether a lane ends as soon as its decisions satisfy H c = 0.
    Returns soft LLRs [n, lanes] of each lane's last iteration, state, iterations, and ended: bool [lanes].
    """
    bit_of_edge, satisfied = _bit_of_edge(code), syndrome(code)
    block = _one_iteration(code, algorithm, clip, precision)
    llr_spec = tf.TensorSpec((code.mother_n, lanes), real(precision))
    state_spec = tf.TensorSpec((bit_of_edge.size, lanes), real(precision))
    lane_spec, scalar, flag = (
        tf.TensorSpec(shape, dtype) for shape, dtype in (((lanes,), tf.int32), ((), tf.int32), ((), tf.bool))
    )

    @tf.function(jit_compile=True, input_signature=[llr_spec, state_spec, lane_spec, scalar, scalar, flag])
    def run(llr, state, iterations, limit, chunk, early):
        llr = tf.clip_by_value(llr, -clip, clip)
        state = tf.where(iterations == 0, -tf.gather(llr, bit_of_edge), state)

        def iterate(it, state, soft, iterations, ended):
            logits, state = block(-tf.transpose(llr), msg_v2c=state)
            soft = tf.where(ended, soft, -tf.transpose(tf.ensure_shape(logits, (lanes, code.mother_n))))
            iterations += tf.cast(tf.logical_not(ended), tf.int32)
            ended |= (iterations >= limit) | (early & satisfied(soft < 0))
            return it + 1, tf.ensure_shape(state, state_spec.shape), soft, iterations, ended

        def going(it, state, soft, iterations, ended):
            return (it < chunk) & tf.logical_not(tf.reduce_all(ended))

        start = (tf.constant(0), state, llr, iterations, iterations >= limit)
        _, state, soft, iterations, ended = tf.while_loop(going, iterate, start)
        return soft, state, iterations, ended

    return run


def syndrome(code: GraphCode) -> Callable[[Any], Any]:
    """Whether H c = 0: decisions bool [n, lanes] -> bool [lanes]; checks of one degree together."""
    graph = tanner_graph(code)
    groups = [graph.variable[edges].T for edges in graph.checks]

    def satisfied(decisions: tf.Tensor) -> tf.Tensor:
        bits = tf.cast(decisions, tf.int8)
        failed = []
        for group in groups:
            parity = tf.gather(bits, group[0])
            for row in group[1:]:
                parity = tf.bitwise.bitwise_xor(parity, tf.gather(bits, row))
            failed.append(tf.reduce_max(parity, axis=0))
        return tf.equal(tf.reduce_max(tf.stack(failed), axis=0), 0)

    return satisfied
