"""A chain as the fused kernel reads it: where its bits ride, and the air they pass."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from phy.chain import Chain, deinterleave, interleave
from phy.channel import Awgn, Moving
from phy.detect import PerfectCsi
from phy.fec.code import GraphCode
from phy.frames import block_fades
from phy.native.able import refusal
from phy.native.demap import IMAGINARY, points
from phy.native.encode import encoding
from phy.native.fused import Air, Route

QUARTERS = np.array([1, 1j, -1, -1j])


def fits(chain: Chain) -> bool:
    """Whether the fused kernel has this chain: a graph code, int8 words, h constant over blocks and known."""
    turns = np.array(chain.constellation.rotation)
    return (
        isinstance(chain.code, GraphCode)
        and refusal(chain.code, chain.decoder) is None
        and chain.decoder.quantisation is not None
        and encoding(chain.code) is not None
        and isinstance(chain.csi, PerfectCsi)
        and not isinstance(chain.channel, Moving)
        and bool(np.all(np.any(turns[:, None] == QUARTERS, axis=1)))
    )


@lru_cache(maxsize=32)
def route(chain: Chain) -> Route:
    """The way of the code bits, as `phy.chain` interleaves and fills them."""
    code, m, uses = chain.code, chain.constellation.bits_per_symbol, chain.data_uses
    made, sent = encoding(code), np.asarray(code.sent)
    fill = interleave(chain, np.zeros((1, code.n), np.uint8))[0]
    code_bit = np.full(uses * m, -1)  # the code bit that rides at each place
    place_of = deinterleave(chain, np.arange(uses * m)[None])[0]
    code_bit[place_of] = np.arange(code.n)
    mother, rides = sent[code_bit], code_bit >= 0
    turned = np.where(rides, np.asarray(code.turned)[code_bit], fill)
    repeats = sent.size > np.unique(sent).size
    order = np.argsort(sent, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(sent, minlength=code.mother_n))])
    turn = np.argmax(np.array(chain.constellation.rotation)[:, None] == QUARTERS, axis=1)
    fixed = isinstance(chain.channel, Awgn) and not np.any(turn % 2)
    real = fixed and not np.any(points(chain.constellation).axis & IMAGINARY)
    doubled = mother // made.z * 2 * made.z + mother % made.z
    return Route(
        place=np.where(rides, doubled, 2 * code.mother_n).astype(np.int32),
        flip=np.where(turned, np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0)),
        back=np.where(rides, code_bit if repeats else mother, -1).astype(np.int32),
        first=(first if repeats else first[:0]).astype(np.int64),
        source=(order if repeats else order[:0]).astype(np.int64),
        sign=np.where(turned, np.uint32(0x80000000), np.uint32(0)),
        turn=np.resize(turn, uses).astype(np.uint8),
        parts=1 if real else 2,
    )


def air(chain: Chain, n0: float, seed: int, ids: NDArray[np.int64]) -> Air:
    """What frames int64 [G, 64] meet at N0 = n0."""
    deviation, nothing = np.float32(np.sqrt(n0)), np.empty((0, 0, 0))
    if isinstance(chain.channel, Awgn):
        noise_var = np.full((1, 1, 1), n0, np.float32)
        return Air(deviation=deviation, uses=1, noise_var=noise_var, re=nothing, im=nothing, gain=nothing)
    uses = chain.uses if chain.channel.block == "frame" else chain.channel.block
    fades = block_fades(seed, ids.reshape(-1), chain.channel, -(-chain.uses // uses))
    h = fades.reshape(*ids.shape, -1).transpose(0, 2, 1).astype(np.complex128)
    gain = np.abs(h) ** 2
    return Air(
        deviation=deviation,
        uses=uses,
        noise_var=np.ascontiguousarray((n0 / gain).astype(np.float32)),
        re=np.ascontiguousarray(h.real),
        im=np.ascontiguousarray(h.imag),
        gain=np.ascontiguousarray(gain),
    )
