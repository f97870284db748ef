"""Entropy coding of integers under a factorised density: integer tables from a card, a range coder from
`constriction`.

The bits depend on integers alone (the tables), never on a network's floats: what one machine codes, every
machine decodes.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import constriction
import numpy as np
from numpy.typing import NDArray

TOTAL = 1 << 16
"""The frequencies of one distribution sum to this."""
ESCAPE_BITS = 32
WORD_BITS = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class EntropyTables:
    """One distribution for each step s and channel c: frequency[start[s, c] : start[s, c + 1]].

    start: int64 [S * C + 1]; low: int32 [S, C], the first symbol; frequency: int64 [...], the last of each
    distribution is that of the escape, behind which a symbol outside the table travels as 32 plain bits.
    """

    start: NDArray[np.int64]
    low: NDArray[np.int32]
    frequency: NDArray[np.int64]

    @property
    def n_steps(self) -> int:
        return self.low.shape[0]

    def bits(self, q: NDArray[np.int32], step: int) -> float:
        """Ideal length of q [C, ...] under the tables of one step, escapes included."""
        first, last = self._ends(step)
        index = q.reshape(q.shape[0], -1) - self.low[step][:, None] + first[:, None]
        inside = (index >= first[:, None]) & (index < last[:, None])
        cost = np.log2(TOTAL) - np.log2(self.frequency[np.where(inside, index, last[:, None])])
        return float(cost.sum() + ESCAPE_BITS * np.count_nonzero(~inside))

    def encode(self, q: NDArray[np.int32], step: int) -> NDArray[np.uint32]:
        """q [C, ...] -> words of 32 bits."""
        coder, escaped = constriction.stream.queue.RangeEncoder(), []
        for c, row in enumerate(q.reshape(q.shape[0], -1)):
            model, n = self._model(step, c)
            index = row.astype(np.int64) - self.low[step, c]
            outside = (index < 0) | (index >= n - 1)
            escaped.append(row[outside])
            coder.encode(np.where(outside, n - 1, index).astype(np.int32), model)
        plain = np.concatenate(escaped).astype(np.int32).view(np.uint8).astype(np.int32)
        if plain.size:
            coder.encode(plain, constriction.stream.model.Uniform(256))
        return coder.get_compressed()

    def decode(self, words: NDArray[np.uint32], step: int, shape: tuple[int, ...]) -> NDArray[np.int32]:
        """The inverse of `encode`, for q of the given shape [C, ...]. Raises ValueError where the words
        cannot be such a code.
        """
        coder = constriction.stream.queue.RangeDecoder(words)
        n_each = int(np.prod(shape[1:]))
        q, outside = np.empty((shape[0], n_each), np.int32), np.zeros((shape[0], n_each), bool)
        try:
            for c in range(shape[0]):
                model, n = self._model(step, c)
                index = coder.decode(model, n_each)
                q[c], outside[c] = index + self.low[step, c], index == n - 1
            n_escaped = int(outside.sum())
            if n_escaped:
                plain = coder.decode(constriction.stream.model.Uniform(256), 4 * n_escaped)
                q[outside] = plain.astype(np.uint8).view(np.int32)
        except AssertionError as error:
            raise ValueError(f"range coder: {error}") from error
        return q.reshape(shape)

    def _ends(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        at = step * self.low.shape[1] + np.arange(self.low.shape[1])
        return self.start[at], self.start[at + 1] - 1

    def _model(self, step: int, channel: int) -> tuple[constriction.stream.model.Categorical, int]:
        at = step * self.low.shape[1] + channel
        counts = self.frequency[self.start[at] : self.start[at + 1]]
        return constriction.stream.model.Categorical(counts / TOTAL, perfect=False), len(counts)


@lru_cache(maxsize=8)
def read_tables(path: Path) -> EntropyTables:
    """The tables of a card's `entropy.npz`."""
    with np.load(path, allow_pickle=False) as file:
        return EntropyTables(
            start=file["start"].astype(np.int64),
            low=file["low"].astype(np.int32),
            frequency=file["frequency"].astype(np.int64),
        )
