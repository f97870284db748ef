"""Integers of q [C, h, w] as words of fixed length, so that a lost block damages its own integers alone.

Channel c has words of B[step, c] bits, enough for all of its integers but one in 10^4 under the card's table;
those beyond are clipped. Both ends make the lengths of the tables. With P = h w places, s coprime to P, about
.618 P, and t about .414 P, the stream is P rows of one word of every channel,

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

CLIPPED = 1e-4
"""The part of a channel's integers that its words may not hold, half of it on either side."""


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
        np.add.at(rows, channel, stream.T.astype(np.int64) << shift[:, None])
        np.add.at(lost, channel, ~good.reshape(stream.shape).T)
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
        counts = tables.frequency[tables.start[at] : tables.start[at + 1]].astype(np.int64)
        below = np.cumsum(counts[:-1]) + counts[-1] // 2  # the escape stands for both tails
        first = int(np.searchsorted(below, CLIPPED / 2 * TOTAL, side="right"))
        last = int(np.searchsorted(below, (1 - CLIPPED / 2) * TOTAL))
        last = max(min(last, len(counts) - 2), first := min(first, len(counts) - 2))
        widths.append((last - first).bit_length())
        low.append(int(tables.low[step, c]) + first - ((1 << widths[-1]) - (last - first + 1)) // 2)
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
