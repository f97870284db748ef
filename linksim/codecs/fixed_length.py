"""Integers of q [C, h, w] as words of fixed length, so that a lost block damages its own integers alone.

Channel c has words of B[step, c] bits, the fewest with which clipping costs no more than rounding did, 1/12
of a step squared, under the card's tables: both ends make the lengths of those. (Words for all but 1 in 10^4
integers would be twice as many bits as entropy coding's at fine steps, and five times at coarse ones; these
are some 1.65 times.) With P = h w places, s coprime to P, about .618 P, and t about .414 P, the stream is P
rows of one word of every channel,

    row r:  | q[0, s r mod P], B[0] bits | q[1, s r + t mod P], B[1] bits | q[2, s r + 2 t mod P], ... | ...

so a code block holds about as much of every channel as any other, from places that are far apart, and the
neighbours of what it held are elsewhere. A lost integer is guessed from those.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.entropy import TOTAL, WORD_BITS, EntropyTables

CLIPPED = 1 / 12
"""Mean square of what clipping may take from a channel's integers: as much as rounding did."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedLength:
    """Words of lengths that the tables declare, with the verbs of `EntropyTables`; contexts play no part.

    What is sent is `held(q, step)`: encode clips, so whoever uses q must clip it as well.
    """

    tables: EntropyTables

    @property
    def n_steps(self) -> int:
        return self.tables.n_steps

    def held(self, q: NDArray[np.int32], step: int) -> NDArray[np.int32]:
        """q [C, ...] clipped to what the words hold."""
        low, widths = (each.reshape(-1, *[1] * (q.ndim - 1)) for each in declared(self.tables, step))
        return np.clip(q, low, low + (1 << widths) - 1).astype(np.int32)

    def bits(self, q: NDArray[np.int32], step: int) -> float:
        """Length of q's words: it depends on the shape alone."""
        return float(int(np.prod(q.shape[1:])) * declared(self.tables, step)[1].sum())

    def encode(self, q: NDArray[np.int32], step: int) -> NDArray[np.uint32]:
        """q [C, ...] -> words of 32 bits, the last filled with zeros."""
        low, widths = declared(self.tables, step)
        index = self.held(q, step).reshape(q.shape[0], int(np.prod(q.shape[1:]))) - low[:, None]
        channel, shift = _columns(widths)
        rows = np.take_along_axis(index, _places(*index.shape), axis=1)
        stream = (rows[channel] >> shift[:, None] & 1).T.reshape(-1)
        filled = np.pad(stream.astype(np.uint8), (0, -stream.size % WORD_BITS))
        return np.packbits(filled).view(">u4").astype(np.uint32)

    def decode(
        self,
        words: NDArray[np.uint32],
        step: int,
        shape: tuple[int, int, int],
        ok: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.int32]:
        """q of the given shape [C, h, w]; integers of which a bit is lost are guessed (`concealed`).

        ok: bool [bits], which bits a check vouches for, those beyond its end lost; None trusts all. Raises
        ValueError where the words are too few for the shape.
        """
        low, widths = declared(self.tables, step)
        channels, places = shape[0], shape[1] * shape[2]
        n_bits = places * int(widths.sum())
        if words.size * WORD_BITS < n_bits:
            raise ValueError(f"fixed length: must hold {n_bits} bits, got {words.size * WORD_BITS}")
        stream = np.unpackbits(words.astype(">u4").view(np.uint8))[:n_bits].reshape(places, widths.sum())
        good = np.ones(n_bits, bool) if ok is None else np.pad(ok, (0, max(n_bits - ok.size, 0)))[:n_bits]
        channel, shift = _columns(widths)
        rows, lost = np.zeros((channels, places), np.int64), np.zeros((channels, places), np.int64)
        if n_bits:
            used, starts = np.unique(channel, return_index=True)
            rows[used] = np.add.reduceat(stream.T.astype(np.int64) << shift[:, None], starts, axis=0)
            lost[used] = np.add.reduceat((~good).reshape(stream.shape).T.astype(np.int64), starts, axis=0)
        index, known = np.empty_like(rows), np.empty(rows.shape, bool)
        at = _places(channels, places)
        np.put_along_axis(index, at, rows, axis=1)
        np.put_along_axis(known, at, lost == 0, axis=1)
        q = (index + low[:, None]).astype(np.int32).reshape(shape)
        return q if ok is None else concealed(q, known.reshape(shape))


def concealed(q: NDArray[np.int32], known: NDArray[np.bool_]) -> NDArray[np.int32]:
    """q [C, h, w] with a guess where it is not known: the mean of the known of 8 neighbours, times what
    foretells the known of the channel best (least squares, 0 to 1). Channels that are not smooth get 0.
    """
    seen = np.where(known, q, 0).astype(np.float64)
    total, count = _around(seen), _around(known.astype(np.float64))
    mean = total / np.maximum(count, 1)
    inner = known & (count > 0)
    over = (seen * mean).sum(axis=(1, 2), where=inner, keepdims=True)
    under = (mean * mean).sum(axis=(1, 2), where=inner, keepdims=True)
    slope = np.clip(over / np.maximum(under, 1e-9), 0, 1)
    return np.where(known, q, np.rint(slope * mean)).astype(np.int32)


def _around(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the 8 neighbours, [C, h, w]."""
    p = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    rows = p[:, :-2] + p[:, 1:-1] + p[:, 2:]
    return rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:] - x


@lru_cache(maxsize=256)
def declared(tables: EntropyTables, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first integer that words hold, and their length in bits, int64 [C] each."""
    low, widths = [], []
    for c in range(tables.low.shape[1]):
        at = step * tables.low.shape[1] + c
        counts = tables.frequency[tables.start[at] : tables.start[at + 1]].astype(np.float64)
        value = int(tables.low[step, c]) + np.arange(-1, len(counts))
        p = np.concatenate([[counts[-1] / 2], counts[:-1], [counts[-1] / 2]]) / TOTAL  # escapes: both tails
        middle, longest = round(float(p @ value)), len(counts).bit_length()
        for width in range(longest + 1):
            for first in (middle - (1 << width) // 2, middle - ((1 << width) - 1) // 2):
                beyond = value - np.clip(value, first, first + (1 << width) - 1)
                if fits := float(p @ np.square(beyond)) <= CLIPPED or width == longest:
                    break
            if fits:
                break
        low.append(first)
        widths.append(width)
    return np.asarray(low, np.int64), np.asarray(widths, np.int64)


def _columns(widths: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of every bit of a row its channel, and its place in the word, the highest first."""
    channel = np.repeat(np.arange(len(widths)), widths)
    ends = np.cumsum(widths)
    return channel, ends[channel] - 1 - np.arange(len(channel))


def _places(channels: int, places: int) -> NDArray[np.int64]:
    """[C, P]: the place of channel c's word in row r."""
    s, t = max(round(0.618 * places), 1), round(0.414 * places)
    while gcd(s, max(places, 1)) > 1:
        s += 1
    return (s * np.arange(places)[None] + t * np.arange(channels)[:, None]) % max(places, 1)
