"""How often a payload fails, from block error curves over AWGN and the gains that its bits meet.

A code block that meets several gains decodes about as it would over AWGN at the SNR at which the
constellation carries the same bitwise mutual information as the block's uses do on average:

    SNR_eff = I^-1(mean over the block's bits of I(SNR |h|^2))

(mutual-information effective SNR mapping: Wan, Tsai and Almgren, IEEE WCNC 2006; Brueninghaus et al., IEEE
PIMRC 2005). I is the constellation's BICM information (`phy.information`). Blocks lie one after another in
the payload's uses; interleaved over the frame, each meets the mean of all.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from phy import bler
from phy.bler import USUAL, Receiver
from phy.channel import Channel, Moving
from phy.constellation import Constellation
from phy.information import information_curve
from phy.mcs import Mcs
from phy.rng import generator

DRAWS = 4096
"""Payloads drawn from a fading law, at most."""
LEAST_DRAWS = 64
MOST_GAINS = 1 << 19
"""Gains drawn for one law and length: fewer payloads where each meets many."""
MOST_MOVING_USES = 1 << 21
"""Channel uses drawn of fading that moves; fewer where a payload meets more than eight coherences of it."""
STEPS_PER_COHERENCE = 16
"""Gains taken of moving fading within its coherence."""
FADES_PER_BLOCK = 4
"""From so many fades a code block on, neighbours that share one are counted as independent."""


@lru_cache(maxsize=64)
def _information(constellation: Constellation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Es/N0 in dB and the bits a use there, both rising strictly: read both ways by straight lines."""
    snr_db = np.arange(-40.0, 60.0, 0.02)
    bits = np.maximum.accumulate(information_curve(constellation, "bicm")(10 ** (snr_db / 10)))
    rising = np.concatenate([[True], np.diff(bits) > 1e-12])
    return snr_db[rising], bits[rising]


def effective_snr_db(
    constellation: Constellation, snr_db: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Effective Es/N0 in dB float64 [..., B] of blocks that lie over stretches of snr_db [..., F] each.

    edges: rising float64 [B + 1], where the blocks begin and end, in stretches; 0 to F. -inf dB: gain 0.
    A mean lies between its extremes, so equal stretches give exactly their own SNR.
    """
    grid_db, grid_bits = _information(constellation)
    bits = np.interp(snr_db, grid_db, grid_bits)
    total = np.concatenate([np.zeros((*bits.shape[:-1], 1)), np.cumsum(bits, axis=-1)], axis=-1)
    whole = np.minimum(edges.astype(np.intp), bits.shape[-1] - 1)
    at = total[..., whole] + (edges - whole) * bits[..., whole]
    mean = np.diff(at, axis=-1) / np.diff(edges)
    low, high = snr_db.min(axis=-1, keepdims=True), snr_db.max(axis=-1, keepdims=True)
    return np.clip(np.interp(mean, grid_bits, grid_db), low, high)


def _log_success(
    mcs: Mcs, snr_db: NDArray[np.float64], edges: NDArray[np.float64], receiver: Receiver
) -> NDArray[np.float64]:
    """log P(a block is right), float64 [..., blocks], 'frame' interleaving giving all of them the same."""
    blocks = len(edges) - 1
    if receiver.interleaver == "frame":
        edges = edges[[0, -1]]
    effective = effective_snr_db(mcs.constellation, snr_db, edges)
    log = bler.log_success(mcs.name, effective, receiver)
    return np.broadcast_to(log, (*log.shape[:-1], blocks))


def payload_failure(
    mcs: Mcs, snr_db: float, blocks: int, gains: NDArray[np.float64], receiver: Receiver = USUAL
) -> float:
    """P(some block fails) when the payload's blocks lie evenly over realised gains |h|^2 [n], in order."""
    with np.errstate(divide="ignore"):
        realised_db = snr_db + 10 * np.log10(np.asarray(gains, np.float64))
    if not blocks:
        return 0.0
    if realised_db.size == 1:
        return float(-np.expm1(blocks * bler.log_success(mcs.name, realised_db[0], receiver)))
    edges = np.linspace(0.0, realised_db.size, blocks + 1)
    return float(-np.expm1(_log_success(mcs, realised_db, edges, receiver).sum()))


def expected_failure(
    mcs: Mcs,
    snr_db: float,
    n_uses: int,
    channel: Channel,
    receiver: Receiver = USUAL,
    over: int | None = None,
) -> float:
    """P(some block fails) over the channel's fading law, for a payload that fills `n_uses`.

    over: uses among which these lie evenly; None, if they follow one another.

    One fade a payload is integrated: with f(g) = 1 - (1 - BLER(g snr))^blocks, which falls in g, and F the
    law of |h|^2, E f = int F(g) d(-f(g)). Several are drawn: `DRAWS` payloads or as many as `MOST_GAINS`
    allow, the same for every scheme and SNR, named by channel and length.
    """
    blocks = mcs.blocks(n_uses)
    if not blocks:
        return 0.0
    over = over or n_uses
    if channel.block == "frame" or channel.block >= over:
        return _over_one_fade(mcs, snr_db, blocks, channel, receiver)
    gains_db, stretch = drawn_gains(channel, over)
    uses = mcs.code.n / mcs.bits_per_use * (over / n_uses)
    edges = np.minimum(np.arange(blocks + 1) * uses / stretch, gains_db.shape[1])
    log = _log_success(mcs, snr_db + gains_db, edges, receiver)
    apart = not isinstance(channel, Moving) and uses >= FADES_PER_BLOCK * stretch
    if apart and receiver.interleaver != "frame":
        with np.errstate(divide="ignore"):
            return float(-np.expm1(blocks * np.log(np.mean(np.exp(log)))))
    return float(np.mean(-np.expm1(log.sum(axis=1))))


def _over_one_fade(mcs: Mcs, snr_db: float, blocks: int, channel: Channel, receiver: Receiver) -> float:
    grid_db = bler.support(mcs.name, receiver)
    failure = -np.expm1(blocks * bler.log_success(mcs.name, grid_db, receiver))
    middle = 10 ** ((0.5 * (grid_db[1:] + grid_db[:-1]) - snr_db) / 10)
    below, above = channel.gain_cdf(10 ** ((grid_db[0] - snr_db) / 10)), failure[-1]
    one_fade = (1 - failure[0]) * below + float(np.sum(channel.gain_cdf(middle) * -np.diff(failure))) + above
    return float(min(one_fade, 1.0))


@lru_cache(maxsize=8)
def drawn_gains(channel: Channel, n_uses: int) -> tuple[NDArray[np.float64], float]:
    """Gains |h|^2 in dB, float64 [draws, F], of payloads of n_uses, and the uses that each stands for."""
    rng = generator("fading law", repr(channel), n_uses)
    if isinstance(channel, Moving):
        coherence = n_uses if channel.coherence_uses == "frame" else min(channel.coherence_uses, n_uses)
        step = max(1, coherence // STEPS_PER_COHERENCE)
        most = max(LEAST_DRAWS, min(DRAWS, MOST_MOVING_USES // n_uses))
        draws = min(most, max(LEAST_DRAWS, MOST_MOVING_USES // n_uses * coherence * 8 // n_uses))
        h = np.stack([channel.fading(n_uses, rng)[step // 2 :: step] for _ in range(draws)])
        stretch = n_uses / h.shape[1]
    else:
        stretch = channel.block
        fades = -(-n_uses // stretch)
        draws = max(LEAST_DRAWS, min(DRAWS, MOST_GAINS // fades))
        h = replace(channel, block=1).fading(draws * fades, rng).reshape(draws, fades)
    with np.errstate(divide="ignore"):
        return 20 * np.log10(np.abs(h.astype(np.complex128))), float(stretch)
