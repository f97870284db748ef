"""One code over one channel, frame by frame, without images: what `linksim ber` counts.

A frame is one codeword. Its message, fades and noise follow from (seed, frame id) alone:

    u -> code -> interleaver -> points -> y = h x + n -> x^ -> LLRs -> interleaver back -> decoder -> u^
"""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from phy import frames as draw
from phy.air import Layout, check_csi, layout, pass_through
from phy.channel import Awgn, Channel
from phy.constellation import Constellation
from phy.detect import Csi, PerfectCsi
from phy.engine import Engine
from phy.fec.code import Code, GraphCode
from phy.fec.decoder import Decoded, Decoder
from phy.fec.ideal import GenieCode
from phy.interleave import permutation
from phy.mapping import Demapping, turn, unturn
from phy.scramble import sequence
from phy.units import noise_variance

MOST_FAILED = 16
"""Ids of failed frames that `Counts` keeps, the lowest first."""

BATCH_BITS = 1 << 20
"""Coded bits that go through an engine together, about: frames are cut at multiples of a fixed number."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Everything that decides an error rate but the SNR and the frames.

    A codeword is filled with known bits up to a whole number of symbols.
    """

    code: Code
    constellation: Constellation
    channel: Channel = field(default_factory=Awgn)
    csi: Csi = field(default_factory=PerfectCsi)
    demapper: Demapping = "exact"
    decoder: Decoder = field(default_factory=Decoder)
    interleaver: Literal["none", "block"] = "none"

    def __post_init__(self) -> None:
        check_csi(self.csi, self.channel)

    @property
    def data_uses(self) -> int:
        """Channel uses of a codeword's symbols."""
        return -(-self.code.n // self.constellation.bits_per_symbol)

    @property
    def uses(self) -> int:
        """Channel uses of a frame, pilots included."""
        return self.layout.total

    @property
    def layout(self) -> Layout:
        """Where the frame's pilots and data are."""
        return layout(self.csi, self.channel, self.data_uses)

    @property
    def info_bits_per_use(self) -> Fraction:
        """k / uses, what one channel use carries: Eb/N0 = Es/N0 / this."""
        return Fraction(self.code.k, self.uses)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a range of frames came to; ranges add up.

    frames, frame_errors, bits, bit_errors: information bits, counted against the truth.
    iterations: of the decoder, summed over the frames; 0 where it has none.
    failed: the lowest ids of wrong frames, at most `MOST_FAILED`.
    """

    frames: int = 0
    frame_errors: int = 0
    bits: int = 0
    bit_errors: int = 0
    iterations: int = 0
    failed: tuple[int, ...] = ()

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            frames=self.frames + other.frames,
            frame_errors=self.frame_errors + other.frame_errors,
            bits=self.bits + other.bits,
            bit_errors=self.bit_errors + other.bit_errors,
            iterations=self.iterations + other.iterations,
            failed=tuple(sorted({*self.failed, *other.failed})[:MOST_FAILED]),
        )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Frames on their way, B of them, up to the decoder.

    message: u, uint8 [B, k]. sent: code bits uint8 [B, n]. x: symbols complex64 [B, data uses].
    h: fades complex64 [B, uses]. x_hat, noise_var: what the demapper gets, complex64 and float32
    [B, data uses]. llr: log p(0)/p(1) of the sent code bits, float32 [B, n], all 0 under an ideal code.
    """

    message: NDArray[np.uint8]
    sent: NDArray[np.uint8]
    x: NDArray[np.complex64]
    h: NDArray[np.complex64]
    x_hat: NDArray[np.complex64]
    noise_var: NDArray[np.float32]
    llr: NDArray[np.float32]


@runtime_checkable
class Counting(Protocol):
    """An engine that has the whole chain in one piece, for the chains that it knows."""

    def count(self, chain: Chain, snr_db: float, seed: int, frames: range) -> Counts | None:
        """As `count`; None for a chain that it leaves to the stages."""
        ...


@runtime_checkable
class Iterating(Protocol):
    """An engine that tells the iterations of graph codes."""

    def soft(self, code: GraphCode, llr: NDArray[np.float32], decoder: Decoder) -> Decoded | None:
        """What the decoder leaves of LLRs float32 [B, n]; None for a decoder that does not tell."""
        ...


def count(chain: Chain, engine: Engine, snr_db: float, seed: int, frames: range) -> Counts:
    """Send the frames of consecutive ids and count what went wrong, at Es/N0 = snr_db.

    How a range is split changes nothing: count(a..c) = count(a..b) + count(b..c).
    """
    if isinstance(engine, Counting):
        counts = engine.count(chain, snr_db, seed, frames)
        if counts is not None:
            return counts
    total, step = Counts(), batch_frames(chain)
    start = frames.start
    while start < frames.stop:
        stop = min(frames.stop, (start // step + 1) * step)
        total += _count(chain, engine, snr_db, seed, np.arange(start, stop))
        start = stop
    return total


def batch_frames(chain: Chain) -> int:
    """Frames that go through an engine's stages together, a multiple of `phy.frames.GROUP`."""
    return draw.GROUP * max(1, BATCH_BITS // (draw.GROUP * chain.code.n))


def _count(chain: Chain, engine: Engine, snr_db: float, seed: int, ids: NDArray[np.int64]) -> Counts:
    batch = send(chain, engine, snr_db, seed, ids)
    decided, iterations = _decided(chain, engine, batch)
    errors = np.count_nonzero(decided != batch.message, axis=1)
    return Counts(
        frames=len(ids),
        frame_errors=int(np.count_nonzero(errors)),
        bits=batch.message.size,
        bit_errors=int(errors.sum()),
        iterations=iterations,
        failed=tuple(int(i) for i in ids[errors > 0][:MOST_FAILED]),
    )


def _decided(chain: Chain, engine: Engine, batch: Batch) -> tuple[NDArray[np.uint8], int]:
    """`decide`, and the iterations it took, 0 where the engine does not tell."""
    if isinstance(chain.code, GraphCode) and isinstance(engine, Iterating):
        decoded = engine.soft(chain.code, batch.llr, chain.decoder)
        if decoded is not None:
            return decoded.bits[:, chain.code.info], int(decoded.iterations.sum())
    return decide(chain, engine, batch), 0


def send(chain: Chain, engine: Engine, snr_db: float, seed: int, ids: NDArray[np.int64]) -> Batch:
    """The frames of these ids, from their messages to the decoder's LLRs."""
    message = draw.messages(seed, ids, chain.code.k)
    sent = engine.encode(chain.code, message)
    x = turn(chain.constellation, engine.map(chain.constellation, interleave(chain, sent)))
    noise_var = noise_variance(snr_db)
    h = draw.fading(seed, ids, chain.channel, chain.uses)
    noise = draw.noise(seed, ids, chain.uses)
    other = None
    if chain.layout.needs_other:
        other = draw.fading(seed, ids, chain.channel, chain.uses, "other")
    x_hat, variance = pass_through(x, chain.layout, h, noise, noise_var, other)
    y = unturn(chain.constellation, x_hat)
    if isinstance(chain.code, GenieCode):
        llr = np.zeros((len(ids), chain.data_uses * chain.constellation.bits_per_symbol), np.float32)
    else:
        llr = engine.demap(chain.constellation, y, variance, chain.demapper)
    return Batch(
        message=message,
        sent=sent,
        x=x,
        h=h,
        x_hat=x_hat,
        noise_var=variance,
        llr=deinterleave(chain, llr),
    )


def decide(chain: Chain, engine: Engine, batch: Batch) -> NDArray[np.uint8]:
    """Information bits uint8 [B, k]: decoded, or under an ideal code what the channel let pass."""
    if isinstance(chain.code, GenieCode):
        noise_var = np.repeat(batch.noise_var, chain.constellation.bits_per_symbol, axis=1)
        return chain.code.decide(batch.message, deinterleave(chain, noise_var), chain.constellation)
    return engine.decode(chain.code, batch.llr, chain.decoder)


def interleave(chain: Chain, coded: NDArray) -> NDArray:
    """Bits [B, uses m] in the order of the symbols, known fill at their end, of code bits [B, n]."""
    fill = sequence(chain.data_uses * chain.constellation.bits_per_symbol - chain.code.n)
    ordered = coded[:, _order(chain)]
    return np.concatenate([ordered, np.broadcast_to(fill, (len(coded), fill.size))], axis=1)


def deinterleave(chain: Chain, llr: NDArray) -> NDArray:
    """Values [B, n] in the order of the code bits, of values [B, uses m] in that of the symbols."""
    out = np.empty_like(llr, shape=(len(llr), chain.code.n))
    out[:, _order(chain)] = llr[:, : chain.code.n]
    return out


def _order(chain: Chain) -> NDArray[np.intp]:
    return permutation(chain.code.n) if chain.interleaver == "block" else np.arange(chain.code.n)
