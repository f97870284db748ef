"""Random frames by number: a frame is (seed, id), and nothing else decides its message, noise and fades.

The same frame comes out in any batch, in any order, for any engine and at any SNR, and a longer draw begins
like a shorter. `phy.native.random` says how bits and noise are made; fades are the channel's own draws, 64
consecutive ids at a time from one generator where h is constant over blocks.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from phy.channel import Awgn, Channel, Moving
from phy.rng import digest, generator

GROUP = 64
"""Consecutive ids whose block fades come from one generator."""


def frame_key(seed: int) -> NDArray[np.uint32]:
    """uint32 [2]: Philox's key of a seed, the head of SHA-256."""
    return np.frombuffer(digest(seed, "frames")[:8], "<u4").astype(np.uint32)


def messages(seed: int, frame_ids: NDArray[np.int64], k: int) -> NDArray[np.uint8]:
    """Information bits uint8 [B, k] of frames int64 [B], each 0 or 1 with probability 1/2.

    >>> bool((messages(1, np.arange(9), 40)[4, :30] == messages(1, np.array([4]), 30)).all())
    True
    """
    from phy.native.random import message_rows

    out = np.empty((len(frame_ids), k), np.uint8)
    message_rows(np.asarray(frame_ids, np.int64), frame_key(seed), out)
    return out


def noise(seed: int, frame_ids: NDArray[np.int64], n: int) -> NDArray[np.complex64]:
    """CN(0, 1), complex64 [B, n], of frames int64 [B]."""
    from phy.native.random import noise_rows

    out = np.empty((len(frame_ids), n, 2), np.float32)
    noise_rows(np.asarray(frame_ids, np.int64), frame_key(seed), out)
    return out.view(np.complex64)[..., 0]


def fading(
    seed: int, frame_ids: NDArray[np.int64], channel: Channel, n_uses: int, draw: str = "fading"
) -> NDArray[np.complex64]:
    """h, complex64 [B, n_uses], of frames int64 [B]; another `draw` is independent of it."""
    ids = np.asarray(frame_ids, np.int64)
    if isinstance(channel, Awgn):
        return np.ones((ids.size, n_uses), np.complex64)
    if not ids.size or not n_uses:
        return np.empty((ids.size, n_uses), np.complex64)
    if isinstance(channel, Moving):
        return np.stack([channel.fading(n_uses, generator(seed, draw, int(i))) for i in ids])
    uses = n_uses if channel.block == "frame" else min(channel.block, n_uses)
    return np.repeat(block_fades(seed, ids, channel, -(-n_uses // uses), draw), uses, axis=1)[:, :n_uses]


def block_fades(
    seed: int, frame_ids: NDArray[np.int64], channel: Channel, n_blocks: int, draw: str = "fading"
) -> NDArray[np.complex64]:
    """h of the blocks of frames int64 [B], complex64 [B, n_blocks], where it is constant over each.

    Blocks are independent, so one draw with blocks of one use holds the first blocks of 64 frames, then their
    second ones, and so on.
    """
    each = replace(channel, block=1)
    groups, rows = np.unique(np.asarray(frame_ids) // GROUP, return_inverse=True)
    h = [each.fading(n_blocks * GROUP, generator(seed, draw, int(group))) for group in groups]
    fades = np.stack(h).reshape(groups.size, n_blocks, GROUP)
    return fades[rows, :, np.asarray(frame_ids) % GROUP]
