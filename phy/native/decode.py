"""Decoding in int8 from Python: which decoders, with what memory, in which passes."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from phy.fec.code import GraphCode
from phy.fec.decoder import Decoded, Decoder
from phy.native.graph import LANES, tables
from phy.native.lanes import aligned, to_lanes
from phy.native.minsum import decode_groups
from phy.native.passes import pass_limits
from phy.native.soft import decode_soft

CHUNK = 1 << 21
"""Bytes of LLRs decoded together: caches hold them, and frames that need more iterations find company."""


def rule(decoder: Decoder) -> NDArray[np.int64]:
    """int64 [3]: offset in steps, scale in sixteenths, limit of the messages in steps."""
    offset = decoder.offset * decoder.quantisation.steps if decoder.algorithm == "offset-min-sum" else 0
    scale = decoder.scale * 16 if decoder.algorithm == "normalised-min-sum" else 16
    return np.array([min(int(offset), 127), int(scale), decoder.quantisation.limit], np.int64)


def chunk_groups(mother_n: int) -> int:
    """Groups of 64 that are decoded together."""
    return max(4, min(64, CHUNK // (mother_n * LANES)))


@dataclass(frozen=True)
class Workspace:
    """Memory of one chunk: posterior and messages of one group; LLRs, decisions and iterations of all."""

    channel: NDArray[np.int8]
    posterior: NDArray[np.int8]
    scratch: tuple[NDArray[np.int8], NDArray[np.uint64]]
    hard: NDArray[np.uint64]
    done: NDArray[np.uint32]
    tiles: NDArray[np.int8]
    some: NDArray[np.float32]

    def fill(self, mother: NDArray[np.float32], decoder: Decoder) -> int:
        """Put LLRs of mother words float32 [B, N] into the lanes of `channel`; returns their groups."""
        groups = -(-len(mother) // LANES)
        steps = np.float32(decoder.quantisation.steps)
        to_lanes(mother, steps, self.tiles, self.some, self.channel[:groups])
        return groups


def workspace(code: GraphCode, groups: int) -> Workspace:
    """For `groups` groups; mother bits start as not sent, or known to be 0."""
    n, edges = code.mother_n, tables(code).column.size
    channel = aligned((groups, n, LANES), np.int8)
    channel[:, np.asarray(code.zeros, np.intp)] = 127
    return Workspace(
        channel=channel.reshape(groups, n * LANES),
        posterior=aligned(n * LANES, np.int8),
        scratch=(aligned(edges * LANES, np.int8), aligned(2 * n + 8, np.uint64)),
        hard=aligned((groups, n), np.uint64),
        done=aligned((groups, LANES), np.uint32),
        tiles=aligned((2, LANES * LANES), np.int8),
        some=aligned(16, np.float32),
    )


def run(code: GraphCode, decoder: Decoder, space: Workspace, groups: int, limits: NDArray[np.int64]) -> None:
    """Decode the first groups of `space.channel` into `space.hard` and `space.done`."""
    decode_groups(
        space.channel[:groups],
        space.posterior,
        space.scratch,
        tables(code),
        space.hard[:groups],
        space.done[:groups],
        rule(decoder),
        limits,
        decoder.stop == "syndrome",
    )


class Passes:
    """Limits of the next passes, from the iterations of all frames before."""

    def __init__(self, decoder: Decoder) -> None:
        self.limit, self.early = decoder.iterations, decoder.stop == "syndrome"
        self.took = np.zeros(0, np.uint32)

    def next(self) -> NDArray[np.int64]:
        """One pass where nothing ends early; two at first."""
        if not self.early:
            return np.array([self.limit], np.int64)
        if not self.took.size:
            first = max(self.limit * 3 // 10, 1)
            return np.unique(np.array([min(first, self.limit), self.limit], np.int64))
        return pass_limits(self.took, self.limit)

    def learn(self, done: NDArray[np.uint32]) -> None:
        """Frames took so many iterations."""
        self.took = np.concatenate([self.took, done.reshape(-1)])[-16384:]


def soft_decode(code: GraphCode, llr: NDArray[np.floating], decoder: Decoder) -> Decoded:
    """As `phy.fec.reference.decode`, in float32: llr [B, N] of mother words, and LLRs of that shape."""
    llr = np.ascontiguousarray(llr, np.float32)
    graph, n = tables(code), code.mother_n
    most = int(np.diff(graph.first).max(initial=1))
    sizes = (*(n * 16,) * 3, graph.column.size * 16)
    floats = [aligned(size, np.float32) for size in (*sizes, most * 16, most * 16, most * 32)]
    space = (*floats[:4], aligned(2 * n + 8, np.uint64), *floats[4:])
    offset = decoder.offset if decoder.algorithm == "offset-min-sum" else 0
    scale = decoder.scale if decoder.algorithm == "normalised-min-sum" else 1
    out, done = np.empty(llr.shape, np.float32), np.zeros(len(llr), np.int64)
    decode_soft(
        llr,
        space,
        graph,
        decoder.schedule == "layered",
        decoder.algorithm == "sum-product",
        np.float32(1e30 if decoder.clip is None else decoder.clip),
        np.array([offset, scale], np.float32),
        decoder.iterations,
        decoder.stop == "syndrome",
        out,
        done,
    )
    return Decoded(llr=out, iterations=done)


@lru_cache(maxsize=64)
def info(code: GraphCode) -> NDArray[np.int64]:
    """int64 [k]: where the information bits stand."""
    return np.asarray(code.info, np.int64).copy()
