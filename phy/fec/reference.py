"""The plain decoder: flooding message passing in float64 NumPy, the oracle of every faster one.

Checks combine messages pairwise, forwards and backwards, so that none is divided out or subtracted:
boxplus(a, b) = sign(a) sign(b) min(|a|, |b|) + log((1 + e^-|a+b|) / (1 + e^-|a-b|))
(Hagenauer, Offer and Papke, IEEE Trans. Inf. Theory 42(2), 1996, section II.A).
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from phy.fec.code import GraphCode
from phy.fec.decoder import MIN_SUM_OFFSET, Decoded, Decoder

Messages = NDArray[np.float64]
"""float64 [..., edges or nodes, batch]: codewords in the fastest axis."""


def boxplus(a: Messages, b: Messages) -> Messages:
    """LLR of the XOR of two independent bits: 2 atanh(tanh(a/2) tanh(b/2)), without its overflow.

    >>> float(boxplus(np.float64(0.0), np.float64(3.0)))
    0.0
    """
    return min_sum(a, b) + (np.log1p(np.exp(-np.abs(a + b))) - np.log1p(np.exp(-np.abs(a - b))))


def min_sum(a: Messages, b: Messages) -> Messages:
    """sign(a) sign(b) min(|a|, |b|), boxplus's approximation from above."""
    return np.copysign(1.0, a) * np.copysign(1.0, b) * np.minimum(np.abs(a), np.abs(b))


COMBINE: dict[str, Callable[[Messages, Messages], Messages]] = {
    "sum-product": boxplus,
    "min-sum": min_sum,
    "offset-min-sum": min_sum,
}


class TannerGraph:
    """The edges of a parity-check matrix, numbered check by check.

    variable: int [edges], the bit of each edge.
    checks: for every check degree d, int [checks of that degree, d], their edges.
    incidence: sparse [n, edges], 1 where the edge ends in that bit.
    """

    def __init__(self, parity_check: NDArray[np.uint8]) -> None:
        check, self.variable = np.nonzero(parity_check)
        degree = np.bincount(check, minlength=len(parity_check))
        first = np.cumsum(degree) - degree
        self.checks = [first[degree == d, None] + np.arange(d) for d in np.unique(degree[degree > 0])]
        edges = np.arange(len(check))
        shape = (parity_check.shape[1], len(check))
        self.incidence = sparse.csr_array((np.ones(len(check)), (self.variable, edges)), shape=shape)
        self.parity_check = sparse.csr_array(parity_check.astype(np.int32))

    def satisfied(self, bits: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether H c = 0, bool [batch], for decisions bool [n, batch]."""
        return ~np.any((self.parity_check @ bits.astype(np.int32)) & 1, axis=0)


@lru_cache(maxsize=32)
def tanner_graph(code: GraphCode) -> TannerGraph:
    """The graph of a code's own parity-check matrix."""
    return TannerGraph(code.parity_check())


def check_node(incoming: Messages, decoder: Decoder) -> Messages:
    """Extrinsic messages of check nodes: float64 [checks, degree, batch] -> the same shape.

    Message i out combines all messages in but i; a check of degree 1 says its bit is 0 (+inf, or the clip).
    """
    combine, degree = COMBINE[decoder.algorithm], incoming.shape[1]
    outgoing = np.empty_like(incoming)
    before = np.full_like(incoming[:, 0], 1e300)  # boxplus's neutral element; an inf would make inf - inf
    for i in range(degree):
        outgoing[:, i] = before
        before = combine(before, incoming[:, i])
    after = incoming[:, degree - 1]
    for i in range(degree - 2, -1, -1):
        outgoing[:, i] = combine(outgoing[:, i], after)
        after = combine(after, incoming[:, i])
    if decoder.algorithm == "offset-min-sum":
        outgoing = np.copysign(np.maximum(np.abs(outgoing) - MIN_SUM_OFFSET, 0.0), outgoing)
    return _clip(outgoing, decoder.clip)


def decode(code: GraphCode, llr: NDArray[np.floating], decoder: Decoder) -> Decoded:
    """Decode a batch of mother words.

    llr: [..., N], log p(0)/p(1), 0 where positive. Returns float64 LLRs [..., N] of each last iteration.
    """
    graph = tanner_graph(code)
    channel = _clip(np.asarray(llr, np.float64).reshape(-1, code.mother_n).T, decoder.clip)
    out, iterations = channel.copy(), np.zeros(channel.shape[1], np.int64)
    active = np.arange(channel.shape[1])
    to_check = channel[graph.variable]
    for _ in range(decoder.iterations):
        if active.size == 0:
            break
        to_variable = np.empty_like(to_check)
        for edges in graph.checks:
            to_variable[edges] = check_node(to_check[edges], decoder)
        total = channel[:, active] + graph.incidence @ to_variable
        to_check = _clip(total[graph.variable] - to_variable, decoder.clip)
        out[:, active] = _clip(total, decoder.clip)
        iterations[active] += 1
        if decoder.stop == "syndrome":
            going = ~graph.satisfied(total < 0)
            active, to_check = active[going], to_check[:, going]
    shape = np.shape(llr)
    return Decoded(llr=np.ascontiguousarray(out.T).reshape(shape), iterations=iterations.reshape(shape[:-1]))


def _clip(x: Messages, limit: float | None) -> Messages:
    return x if limit is None else np.clip(x, -limit, limit)
