"""The plain decoder: message passing in NumPy, float64 or integers, the oracle of every faster one.

`phy.fec.decoder` defines the schedules and their arithmetic, `phy.fec.check_nodes` computes the checks.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from phy.fec.check_nodes import Arithmetic, arithmetic
from phy.fec.code import GraphCode
from phy.fec.decoder import MESSAGE_PASSING, Decoded, Decoder


class TannerGraph:
    """The edges of a parity-check matrix, numbered check by check, bits rising.

    variable: int [edges], the bit of each edge.
    checks: for every check degree d, int [checks of that degree, d], their edges.
    layers: the same for checks that layered decoding may take together, group after group: each check comes
        after every earlier check that has a bit in common with it, and shares none within its group.
    incidence: sparse float64 [n, edges], 1 where the edge ends in that bit.
    """

    def __init__(self, code: GraphCode) -> None:
        check, self.variable = code.edges()
        degree = np.bincount(check)
        first = np.cumsum(degree) - degree
        self.checks = [first[degree == d, None] + np.arange(d) for d in np.unique(degree[degree > 0])]
        depth = self._depths(first, degree, code.mother_n)
        self.layers = [
            first[(depth == group) & (degree == d), None] + np.arange(d)
            for group in np.unique(depth[degree > 0])
            for d in np.unique(degree[(depth == group) & (degree > 0)])
        ]
        edges = np.arange(len(check))
        shape = (code.mother_n, len(check))
        self.incidence = sparse.csr_array((np.ones(len(check)), (self.variable, edges)), shape=shape)
        h = (np.ones(len(check), np.int32), (check, self.variable))
        self.parity_check = sparse.csr_array(h, shape=(len(degree), code.mother_n))

    def _depths(self, first: NDArray[np.intp], degree: NDArray[np.intp], n: int) -> NDArray[np.intp]:
        """How many checks must come before each, one after another."""
        depth, last = np.zeros(len(first), np.intp), np.zeros(n, np.intp)
        for c, (start, d) in enumerate(zip(first, degree, strict=True)):
            bits = self.variable[start : start + d]
            depth[c] = last[bits].max(initial=0)
            last[bits] = depth[c] + 1
        return depth

    def satisfied(self, bits: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether H c = 0, bool [batch], for decisions bool [n, batch]."""
        return ~np.any((self.parity_check @ bits.astype(np.int32)) & 1, axis=0)


@lru_cache(maxsize=32)
def tanner_graph(code: GraphCode) -> TannerGraph:
    """The graph of a code's own parity-check matrix."""
    return TannerGraph(code)


def decode(code: GraphCode, llr: NDArray[np.floating], decoder: Decoder) -> Decoded:
    """Decode a batch of mother words.

    llr: [..., N], log p(0)/p(1), 0 where positive: `code.gather(llr, decoder.known)` of what is sent.
    Returns float64 LLRs [..., N] of each last iteration; ValueError for an algorithm of other codes.
    """
    if decoder.algorithm not in MESSAGE_PASSING:
        raise ValueError(
            f"decoder.algorithm: must be one of {', '.join(code.algorithms)} for {code.name}, "
            f"got {decoder.algorithm}; leave the decoder out for the first"
        )
    graph, numbers = tanner_graph(code), arithmetic(decoder)
    channel = numbers.channel(np.asarray(llr).reshape(-1, code.mother_n).T)
    out, iterations = numbers.output(channel).copy(), np.zeros(channel.shape[1], np.int64)
    active = np.arange(channel.shape[1])
    iterate = _layered if decoder.schedule == "layered" else _flooding
    state = channel.copy()  # the posteriors of the active words
    messages = np.zeros((len(graph.variable), active.size), numbers.dtype)  # from checks
    for _ in range(decoder.iterations):
        if active.size == 0:
            break
        state = iterate(graph, numbers, channel[:, active], state, messages)
        out[:, active] = numbers.output(state)
        iterations[active] += 1
        if decoder.stop == "syndrome":
            going = ~graph.satisfied(state < 0)
            active, state, messages = active[going], state[:, going], messages[:, going]
    shape = np.shape(llr)
    return Decoded(llr=np.ascontiguousarray(out.T).reshape(shape), iterations=iterations.reshape(shape[:-1]))


def _flooding(
    graph: TannerGraph, numbers: Arithmetic, channel: NDArray, posterior: NDArray, messages: NDArray
) -> NDArray:
    """All checks, then all variables: writes `messages` [edges, batch], returns posteriors [N, batch]."""
    for edges in graph.checks:
        messages[edges] = numbers.check_node(
            numbers.without(posterior[graph.variable[edges]], messages[edges])
        )
    return channel + graph.incidence.astype(numbers.dtype) @ messages


def _layered(
    graph: TannerGraph, numbers: Arithmetic, channel: NDArray, posterior: NDArray, messages: NDArray
) -> NDArray:
    """Check after check: writes `messages` [edges, batch] and `posterior` [N, batch], and returns that."""
    for edges in graph.layers:
        bits = graph.variable[edges]
        rest = numbers.without(posterior[bits], messages[edges])
        messages[edges] = numbers.check_node(rest)
        posterior[bits] = numbers.together(rest, messages[edges])
    return posterior
