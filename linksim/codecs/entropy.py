"""Entropy coding of integers under a factorised density: integer tables from a card, a range coder from
`constriction`.

The bits depend on integers alone (the tables), never on a network's floats: what one machine codes, every
machine decodes. A card may also have contexts (`linksim.codecs.contexts`), by which integers that are coded
choose the tables of those that follow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from zipfile import BadZipFile

import constriction
import numpy as np
from numpy.typing import NDArray

from linksim.codecs.contexts import NAMES, Contexts, surroundings
from linksim.errors import LinksimError

TOTAL = 1 << 16
"""The frequencies of one distribution sum to this."""
ESCAPE_BITS = 32
WORD_BITS = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class EntropyTables:
    """One distribution for each step s and channel c: frequency[start[s, c] : start[s, c + 1]].

    start: int64 [S * C + 1]; low: int32 [S, C], the first symbol; frequency: int64 [...], the last of each
    distribution is that of the escape, behind which a symbol outside the table travels as 32 plain bits.
    contexts: what chooses other steps' tables; None codes every channel by its own at the step. With
    contexts, q is [C, h, w]; without, [C, ...].

    Raises ValueError where contexts are of other channels or steps than the tables.
    """

    start: NDArray[np.int64]
    low: NDArray[np.int32]
    frequency: NDArray[np.int64]
    contexts: Contexts | None = None

    def __post_init__(self) -> None:
        if self.contexts and (len(self.contexts.level), len(self.contexts.group)) != self.low.shape:
            got = f"{len(self.contexts.level)} and {len(self.contexts.group)}"
            rule = f"must be of {self.low.shape[0]} steps and {self.low.shape[1]} channels, as the tables"
            raise ValueError(f"contexts: {rule}, got {got}; fit the contexts again")

    @property
    def n_steps(self) -> int:
        return self.low.shape[0]

    def held(self, q: NDArray[np.int32], step: int) -> NDArray[np.int32]:
        """What arrives of q: q itself. `linksim.codecs.fixed_length` clips."""
        return q

    def bits(self, q: NDArray[np.int32], step: int) -> float:
        """Ideal length of q under the tables of one step, escapes included."""
        total, known = 0.0, self._known(q)
        for g, rows in enumerate(self._groups):
            at = self._tables(g, step, known)
            index, outside = self._symbols(q.reshape(q.shape[0], known.shape[2])[rows], at)
            total += self._cost[self.start[at] + index].sum() + ESCAPE_BITS * np.count_nonzero(outside)
        return float(total)

    def encode(self, q: NDArray[np.int32], step: int) -> NDArray[np.uint32]:
        """q -> words of 32 bits."""
        coder, known = constriction.stream.queue.RangeEncoder(), self._known(q)
        for g, rows in enumerate(self._groups):
            part, at = q.reshape(q.shape[0], known.shape[2])[rows], self._tables(g, step, known)
            index, outside = self._symbols(part, at)
            for table, run in _runs(at):
                coder.encode(index.reshape(-1)[run].astype(np.int32), self._model(table))
            plain = part[outside].astype(np.int32).view(np.uint8).astype(np.int32)
            if plain.size:
                coder.encode(plain, constriction.stream.model.Uniform(256))
        return coder.get_compressed()

    def decode(
        self,
        words: NDArray[np.uint32],
        step: int,
        shape: tuple[int, ...],
        ok: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.int32]:
        """The inverse of `encode`, for q of the given shape.

        ok: bool [bits], which bits a check vouches for; None trusts all. Raises ValueError where the words
        cannot be such a code, or a bit of them is lost: all behind it would be wrong.
        """
        if ok is not None and not ok[: words.size * WORD_BITS].all():
            raise ValueError("range coder: must have every bit, got lost ones")
        coder, q = constriction.stream.queue.RangeDecoder(words), np.zeros(shape, np.int32)
        known = self._known(q)
        flat = q.reshape(shape[0], known.shape[2])
        try:
            for g, rows in enumerate(self._groups):
                at = self._tables(g, step, known)
                index = np.empty(at.size, np.int64)
                for table, run in _runs(at):
                    index[run] = coder.decode(self._model(table), run.size)
                part = (index.reshape(at.shape) + self.low.reshape(-1)[at]).astype(np.int32)
                outside = index.reshape(at.shape) == self.start[at + 1] - self.start[at] - 1
                n_escaped = int(outside.sum())
                if n_escaped:
                    plain = coder.decode(constriction.stream.model.Uniform(256), 4 * n_escaped)
                    part[outside] = plain.astype(np.uint8).view(np.int32)
                flat[rows] = part
                if self.contexts:
                    known[:, rows] = surroundings(part.reshape(len(rows), *shape[1:]))
        except AssertionError as error:
            raise ValueError(f"range coder: {error}") from error
        return q

    @cached_property
    def _groups(self) -> tuple[NDArray[np.intp], ...]:
        """Channels that are coded together."""
        return self.contexts.groups if self.contexts else (np.arange(self.low.shape[1]),)

    @cached_property
    def _cost(self) -> NDArray[np.float64]:
        """Bits of every symbol of every table."""
        return np.log2(TOTAL) - np.log2(self.frequency)

    def _known(self, q: NDArray[np.int32]) -> NDArray[np.float64]:
        """[2, C, places] that contexts are made of; nothing but its shape matters without contexts."""
        if self.contexts:
            return surroundings(q)
        return np.broadcast_to(0.0, (2, q.shape[0], int(np.prod(q.shape[1:]))))

    def _tables(self, g: int, step: int, known: NDArray[np.float64]) -> NDArray[np.int64]:
        """Which distribution codes every integer of a group's channels, [channels, places]."""
        rows, steps = self._groups[g], np.int64(step)
        if self.contexts:
            steps = np.clip(step + self.contexts.offsets(g, step, known), 0, self.n_steps - 1)
        return np.broadcast_to(steps * self.low.shape[1] + rows[:, None], (len(rows), known.shape[2]))

    def _symbols(
        self, q: NDArray[np.int32], at: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Places of integers in their distributions, the escape's for those outside, and which those are."""
        index, escape = q - self.low.reshape(-1)[at].astype(np.int64), self.start[at + 1] - self.start[at] - 1
        outside = (index < 0) | (index >= escape)
        return np.where(outside, escape, index), outside

    def _model(self, table: int) -> constriction.stream.model.Categorical:
        counts = self.frequency[self.start[table] : self.start[table + 1]]
        return constriction.stream.model.Categorical(counts / TOTAL, perfect=False)


def _runs(at: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Of each distribution in use the flat places that it codes: one call of the coder each."""
    flat = at.reshape(-1)
    order = np.argsort(flat, kind="stable")
    cuts = np.flatnonzero(np.diff(flat[order])) + 1
    return ((int(flat[run[0]]), run) for run in np.split(order, cuts) if run.size)


@lru_cache(maxsize=8)
def read_tables(path: Path) -> EntropyTables:
    """The tables of a card's `entropy.npz`, and its contexts if it has them. Raises LinksimError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name].astype(np.int64) for name in NAMES if name in file}
            return EntropyTables(
                start=file["start"].astype(np.int64),
                low=file["low"].astype(np.int32),
                frequency=file["frequency"].astype(np.int64),
                contexts=Contexts(**found) if found else None,
            )
    except (ValueError, TypeError, KeyError, EOFError, BadZipFile) as error:
        raise LinksimError(str(path), f"must hold tables that fit each other: {error}") from error
