"""The native engine: NumPy in, NumPy out, or a whole chain at once, by the kernels of this package."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from phy.chain import MOST_FAILED, Chain, Counts
from phy.constellation import Constellation
from phy.fec import plain
from phy.fec.code import Code, GraphCode
from phy.fec.decoder import Decoded, Decoder
from phy.fec.segmented import block_by_block
from phy.frames import GROUP, frame_key
from phy.mapping import Demapping
from phy.native import decode as words
from phy.native.able import refusal
from phy.native.demap import demap_all, map_all, points
from phy.native.encode import encode_rows, encoding
from phy.native.fused import bench, count_errors, make_groups
from phy.native.lanes import to_rows
from phy.native.route import air, fits, route
from phy.units import noise_variance


@dataclass(frozen=True, kw_only=True)
class NativeEngine:
    """Numba kernels on one core of the CPU, without the interpreter's lock."""

    name: ClassVar[str] = "native"

    def encode(self, code: Code, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Engine.encode`."""
        if not isinstance(code, GraphCode) or encoding(code) is None:
            return code.encode(bits)
        bits = code.whole(bits)
        out = np.empty((len(bits), code.n), np.uint8)
        sent = np.asarray(code.sent, np.int64)
        encode_rows(np.ascontiguousarray(bits), encoding(code), sent, np.array(code.turned), out)
        return out

    def map(self, constellation: Constellation, bits: NDArray[np.uint8]) -> NDArray[np.complex64]:
        """See `Engine.map`."""
        m, bits = constellation.bits_per_symbol, np.ascontiguousarray(bits, np.uint8)
        if bits.shape[-1] % m:
            name = constellation.name
            raise ValueError(
                f"bits: last axis must be a multiple of {m} for {name}, got {bits.shape}; pad them"
            )
        out = np.empty((*bits.shape[:-1], bits.shape[-1] // m), np.complex64)
        map_all(bits.reshape(-1, m), constellation.points.astype(np.complex64), out.reshape(-1))
        return out

    def demap(
        self,
        constellation: Constellation,
        y: NDArray[np.complex64],
        noise_var: NDArray[np.float32],
        method: Demapping,
    ) -> NDArray[np.float32]:
        """See `Engine.demap`."""
        m, y = constellation.bits_per_symbol, np.ascontiguousarray(y, np.complex64)
        noise = np.ascontiguousarray(np.broadcast_to(np.asarray(noise_var, np.float32), y.shape))
        llr = np.empty((*y.shape[:-1], y.shape[-1] * m), np.float32)
        pairs = y.reshape(-1).view(np.float32).reshape(-1, 2)
        demap_all(pairs, noise.reshape(-1), points(constellation), method == "exact", llr.reshape(-1, m))
        return llr

    @block_by_block
    def decode(self, code: Code, llr: NDArray[np.float32], decoder: Decoder) -> NDArray[np.uint8]:
        """See `Engine.decode`."""
        if not isinstance(code, GraphCode):
            return plain.decode(self.name, code, llr, decoder)
        soft = self.soft(code, llr, decoder)
        if soft is not None:
            return soft.bits[:, code.info]
        mother = _mother(code, llr, decoder)
        out = np.empty((len(mother), code.k), np.uint8)
        step = words.chunk_groups(code.mother_n)
        space = words.workspace(code, min(step, -(-len(mother) // GROUP)))
        passes = words.Passes(decoder)
        for begin in range(0, len(mother), step * GROUP):
            rows = mother[begin : begin + step * GROUP]
            groups = space.fill(rows, decoder)
            words.run(code, decoder, space, groups, passes.next())
            passes.learn(space.done[:groups])
            to_rows(space.hard, words.info(code), out[begin : begin + len(rows)])
        return out

    def soft(self, code: GraphCode, llr: NDArray[np.float32], decoder: Decoder) -> Decoded | None:
        """Mother words as the decoder leaves them, with their iterations, of LLRs float32 [B, n].

        None for integer words, of which only the decisions are kept.
        """
        plain.refuse_unless_fit(code, decoder)
        if (reason := refusal(code, decoder)) is not None:
            raise ValueError(reason)
        if decoder.quantisation is not None:
            return None
        return words.soft_decode(code, _mother(code, llr, decoder), decoder)

    def count(self, chain: Chain, snr_db: float, seed: int, frames: range) -> Counts | None:
        """As `phy.chain.count`, all stages in lanes; None for a chain that the stages do one by one."""
        if not fits(chain):
            return None
        code, total = chain.code, Counts()
        step = words.chunk_groups(code.mother_n)
        space = words.workspace(code, min(step, -(-len(frames) // GROUP)))
        passes, key = _passes(chain, snr_db), frame_key(seed)
        work = bench(encoding(code), route(chain), points(chain.constellation))
        message = np.empty((len(space.hard), code.k), np.uint64)
        for start in range(frames.start, frames.stop, step * GROUP):
            ids = np.arange(start, min(start + step * GROUP, frames.stop))
            groups = -(-ids.size // GROUP)
            lanes = np.pad(ids, (0, groups * GROUP - ids.size), mode="edge").reshape(groups, GROUP)
            make_groups(
                lanes,
                key,
                encoding(code),
                route(chain),
                points(chain.constellation),
                chain.demapper == "exact",
                air(chain, noise_variance(snr_db), seed, lanes),
                np.float32(chain.decoder.quantisation.steps),
                work,
                message,
                space.channel,
            )
            words.run(code, chain.decoder, space, groups, passes.next())
            errors, done = np.empty((groups, GROUP), np.int64), space.done[:groups].reshape(-1)[: ids.size]
            count_errors(message[:groups], space.hard, words.info(code), errors)
            passes.learn(done)
            total += _counts(ids, errors.reshape(-1)[: ids.size], done, code.k)
        return total


def _mother(code: GraphCode, llr: NDArray[np.float32], decoder: Decoder) -> NDArray[np.float32]:
    return np.ascontiguousarray(code.gather(np.asarray(llr, np.float32), decoder.known), np.float32)


@lru_cache(maxsize=256)
def _passes(chain: Chain, snr_db: float) -> words.Passes:
    """What frames of a chain took before tells how to decode the next ones; it changes no count."""
    return words.Passes(chain.decoder)


def _counts(ids: NDArray[np.int64], errors: NDArray[np.int64], done: NDArray[np.uint32], k: int) -> Counts:
    return Counts(
        frames=ids.size,
        frame_errors=int(np.count_nonzero(errors)),
        bits=ids.size * k,
        bit_errors=int(errors.sum()),
        iterations=int(done.sum()),
        failed=tuple(int(i) for i in ids[errors > 0][:MOST_FAILED]),
    )
