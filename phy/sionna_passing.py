"""Message passing in TensorFlow for what Sionna 1.2 lacks: layers, normalised min-sum, offsets of one's own.

One compiled function a code, codewords in the fastest axis, every index static. Checks without a common bit
go together (`TannerGraph.layers`: a block row, or several, of a quasi-cyclic code). A layer writes its
posteriors beside the others' instead of over them, and the next layer that has the bit reads them there:

    u_e = V[before e] - R[e];  R[e] = f(clip(u_e));  V[e] = u_e + R[e]

so that reading is one gather, writing is one slice, and nothing is scattered or turned. `before e` is the
edge of e's bit that was computed last, in the previous iteration for a bit's first; V begins as the channel.
`phy.fec.decoder` defines every operation.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phy.fec.code import GraphCode
from phy.fec.decoder import Decoder
from phy.fec.reference import TannerGraph, tanner_graph
from phy.sionna_blocks import Precision, real, syndrome, tf

NEUTRAL = 1e30
"""A magnitude that min-sum and boxplus pass over; more than any LLR, finite when two are added."""

Tensors = tuple[Any, Any]
"""Posteriors and messages from checks: float [., lanes] each."""


def check_node(decoder: Decoder, incoming: Any) -> Any:
    """Extrinsic messages [degree, checks, lanes] of the same, clipped already."""
    if decoder.algorithm == "sum-product":
        return _boxplus_of_others(incoming)
    magnitude, negative = tf.abs(incoming), incoming < 0
    first = tf.reduce_min(magnitude, 0)
    owner = tf.equal(magnitude, first)
    owners = tf.reduce_sum(tf.cast(owner, incoming.dtype), 0)
    neutral, one = tf.constant(NEUTRAL, incoming.dtype), tf.constant(1, incoming.dtype)
    second = tf.where(owners > 1, first, tf.reduce_min(tf.where(owner, neutral, magnitude), 0))
    sign = tf.reduce_prod(tf.where(negative, -one, one), 0)
    outgoing = tf.where(owner, _magnitude(decoder, second) * sign, _magnitude(decoder, first) * sign)
    return tf.where(negative, -outgoing, outgoing)


def _magnitude(decoder: Decoder, least: Any) -> Any:
    if decoder.algorithm == "offset-min-sum":
        return tf.maximum(least - tf.constant(decoder.offset, least.dtype), 0)
    if decoder.algorithm == "normalised-min-sum":
        return least * tf.constant(decoder.scale, least.dtype)
    return least


def _boxplus_of_others(incoming: Any) -> Any:
    """Blocks of 1, 2, 4, ... edges: the sibling block joins an edge's others, then the two become one.

    As many kernels as there are doublings, each of them long, and nothing divided out.
    """
    degree, level, total = incoming.shape[0], 0, incoming
    neutral = tf.fill((1, *incoming.shape[1:]), tf.constant(NEUTRAL, incoming.dtype))
    others = tf.repeat(neutral, degree, 0)
    while total.shape[0] > 1:
        if total.shape[0] % 2:
            total = tf.concat([total, neutral], 0)
        sibling = tf.gather(total, (np.arange(degree) >> level) ^ 1)
        others = _boxplus(others, sibling) if level else sibling
        total, level = _boxplus(total[0::2], total[1::2]), level + 1
    return others


def _boxplus(a: Any, b: Any) -> Any:
    least = tf.minimum(tf.abs(a), tf.abs(b))
    signed = tf.where(tf.not_equal(a < 0, b < 0), -least, least)
    return signed + (tf.math.log1p(tf.exp(-tf.abs(a + b))) - tf.math.log1p(tf.exp(-tf.abs(a - b))))


class _Layered:
    """Edges in the order in which they are computed. State: V and R, [edges, lanes] both."""

    def __init__(self, graph: TannerGraph, decoder: Decoder) -> None:
        self.decoder = decoder
        self.slabs = [edges.T.shape for edges in graph.layers]
        self.bit = _bits(graph, graph.layers)
        latest = np.full(graph.incidence.shape[0], -1)
        latest[self.bit] = np.arange(len(self.bit))  # the last assignment stays
        self.last, self.before = latest.copy(), np.empty_like(self.bit)
        for place, bit in enumerate(self.bit):
            self.before[place], latest[bit] = latest[bit], place

    def start(self, llr: Any) -> Tensors:
        """Before the first iteration, of channel LLRs [N, lanes]."""
        posterior = tf.gather(llr, self.bit)
        return posterior, tf.zeros_like(posterior)

    def iterate(self, llr: Any, posterior: Any, message: Any) -> Tensors:
        """All layers, one after another."""
        place = 0
        for degree, checks in self.slabs:
            end = place + degree * checks
            rest = tf.gather(posterior, self.before[place:end]) - message[place:end]
            new = _messages(self.decoder, rest, degree, checks)
            posterior, message = _write(posterior, rest + new, place), _write(message, new, place)
            place = end
        return posterior, message

    def posterior(self, llr: Any, posterior: Any) -> Any:
        """Of every bit, [N, lanes]; a bit that is in no check keeps the channel's."""
        at_last = tf.gather(posterior, np.maximum(self.last, 0))
        return at_last if self.last.min() >= 0 else tf.where(self.last[:, None] < 0, llr, at_last)


class _Flooding:
    """Edges by the degree of their checks. State: posteriors [N, lanes] and R [edges, lanes]."""

    def __init__(self, graph: TannerGraph, decoder: Decoder) -> None:
        self.decoder = decoder
        self.slabs = [edges.T.shape for edges in graph.checks]
        self.bit = _bits(graph, graph.checks)
        degree = np.bincount(self.bit, minlength=graph.incidence.shape[0])
        by_bit, first = np.argsort(self.bit, kind="stable"), np.cumsum(degree) - degree
        kinds = [np.flatnonzero(degree == d) for d in np.unique(degree)]
        self.edges = [by_bit[first[bits] + np.arange(degree[bits[0]])[:, None]] for bits in kinds]
        self.sorted = np.argsort(np.concatenate(kinds))

    def start(self, llr: Any) -> Tensors:
        """Before the first iteration, of channel LLRs [N, lanes]."""
        return llr, tf.zeros((len(self.bit), llr.shape[1]), llr.dtype)

    def iterate(self, llr: Any, posterior: Any, message: Any) -> Tensors:
        """All checks, then all bits."""
        rest, place, new = tf.gather(posterior, self.bit) - message, 0, []
        for degree, checks in self.slabs:
            new.append(_messages(self.decoder, rest[place : place + degree * checks], degree, checks))
            place += degree * checks
        message = tf.concat(new, 0)
        sums = [tf.reduce_sum(tf.gather(message, edges), 0) for edges in self.edges]
        return llr + tf.gather(tf.concat(sums, 0), self.sorted), message

    def posterior(self, llr: Any, posterior: Any) -> Any:
        """Of every bit, [N, lanes]."""
        return posterior


@lru_cache(maxsize=32)
def layout(code: GraphCode, decoder: Decoder) -> _Layered | _Flooding:
    """A schedule on a code's graph."""
    kind = _Layered if decoder.schedule == "layered" else _Flooding
    return kind(tanner_graph(code), decoder)


def empty_state(code: GraphCode, decoder: Decoder, lanes: int, precision: Precision) -> Tensors:
    """The state of lanes that have not begun."""
    return layout(code, decoder).start(tf.zeros((code.mother_n, lanes), real(precision)))


@lru_cache(maxsize=32)
def decoder(
    code: GraphCode, how: Decoder, lanes: int, precision: Precision = "single"
) -> Callable[..., tuple[Any, Tensors, Any, Any]]:
    """Compiled: some iterations on `lanes` mother words, each with its own stop, as `sionna_blocks.decoder`.

    how: its iterations and stop are arguments of the function, whatever they are here.
    """
    schedule, satisfied = layout(code, how), syndrome(code)
    words = tf.TensorSpec((code.mother_n, lanes), real(precision))
    state_spec = tuple(
        tf.TensorSpec(part.shape, part.dtype) for part in empty_state(code, how, lanes, precision)
    )
    lane, scalar, flag = (
        tf.TensorSpec(shape, kind) for shape, kind in (((lanes,), tf.int32), ((), tf.int32), ((), tf.bool))
    )

    signature = [words, state_spec, lane, scalar, scalar, flag]

    @tf.function(jit_compile=True, autograph=False, input_signature=signature)
    def run(llr, state, iterations, limit, chunk, early):
        llr = _clip(how, llr)
        new = iterations == 0
        state = tuple(tf.where(new, a, b) for a, b in zip(schedule.start(llr), state, strict=True))

        def iterate(it, posterior, message, soft, iterations, ended):
            posterior, message = schedule.iterate(llr, posterior, message)
            soft = tf.where(ended, soft, schedule.posterior(llr, posterior))
            iterations += tf.cast(tf.logical_not(ended), tf.int32)
            ended |= (iterations >= limit) | (early & satisfied(soft < 0))
            return it + 1, posterior, message, soft, iterations, ended

        def going(it, posterior, message, soft, iterations, ended):
            return (it < chunk) & tf.logical_not(tf.reduce_all(ended))

        start = (tf.constant(0), *state, llr, iterations, iterations >= limit)
        _, *state, soft, iterations, ended = tf.while_loop(going, iterate, start)
        return _clip(how, soft), tuple(state), iterations, ended

    return run


def _bits(graph: TannerGraph, groups: list[NDArray[np.intp]]) -> NDArray[np.intp]:
    """The bit of every edge, group after group, in each the first edges of all checks first."""
    return np.concatenate([graph.variable[edges.T].ravel() for edges in groups])


def _messages(how: Decoder, rest: Any, degree: int, checks: int) -> Any:
    """Of `degree` x `checks` edges, [edges, lanes] -> the same."""
    incoming = tf.reshape(_clip(how, rest), (degree, checks, rest.shape[1]))
    return tf.reshape(_clip(how, check_node(how, incoming)), rest.shape)


def _write(x: Any, value: Any, place: int) -> Any:
    """x with value from row `place` on; in place, where the compiler may."""
    end = place + value.shape[0]
    return tf.raw_ops.TensorStridedSliceUpdate(input=x, begin=[place], end=[end], strides=[1], value=value)


def _clip(how: Decoder, x: Any) -> Any:
    return x if how.clip is None else tf.clip_by_value(x, -how.clip, how.clip)
