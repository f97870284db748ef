"""Which rank and widths a tile's complement is told with: tried one after another, for many tiles at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from linksim.codecs.complement import Reals, discarded, eigen_rows, error_matrix, left_over, measured
from linksim.codecs.complement_bits import ComplementCode
from linksim.codecs.complement_rows import NONE, Integers, RowQuantiser

UNMET = np.iinfo(np.int64).max


class Searched(Protocol):
    """What a search asks of a code, see `complement_best.Chosen`."""

    codes: tuple[ComplementCode, ...]
    sent: RowQuantiser
    capped: bool

    def ranks_within(self, room: int) -> list[int]: ...

    def head_bits(self, d: int, place: int) -> int: ...

    def least(self, d: int) -> int: ...


class Choice(NamedTuple):
    """Of each tile [m]: rank, place of A's width, setting of A X's quantiser, sum of squared errors."""

    rank: Integers
    place: Integers
    setting: Integers
    error: Reals


class Tried(NamedTuple):
    """A rank and a width of A's numbers for the tiles `at`: A X, what A leaves over, the room for A X."""

    at: Integers
    values: Reals
    left: Reals
    room: Integers


@dataclass(frozen=True, kw_only=True)
class Search:
    """For tiles x, guess [m, c, L, W], with `room` bits each. found: begins with nothing sent."""

    code: Searched
    x: Reals
    guess: Reals
    room: int
    found: Choice = field(init=False)
    b: Reals = field(init=False)
    values: Reals = field(init=False)
    rows: Reals = field(init=False)

    def __post_init__(self) -> None:
        b = error_matrix(self.x, self.guess)
        values, rows = eigen_rows(b)
        zero = np.zeros(len(b), np.int64)
        error = np.sum((self.x - self.guess) ** 2, axis=(1, 2, 3))
        found = Choice(zero, zero.copy(), zero.copy(), error)
        for name, value in {"found": found, "b": b, "values": values, "rows": rows}.items():
            object.__setattr__(self, name, value)

    def least_error(self, at: Integers) -> None:
        """Find for the tiles `at` what errs least."""
        for d in self._ranks():
            own = at[self._floor(d)[at] < self.found.error[at]]
            for place, tried in self._tries(own, d):
                settings = self.code.sent.finest(tried.values, tried.room)
                got = np.flatnonzero(settings != NONE)
                error = self._error(tried, settings, got)
                better = error < self.found.error[tried.at[got]]
                self._take(tried.at[got[better]], d, place, settings[got[better]], error[better])

    def fewest_bits(self, at: Integers, most: float) -> Integers:
        """Find for the tiles `at` the fewest bits that err by at most `most`; the tiles that found none."""
        left = at[self.found.error[at] > most]
        bits = np.full(len(self.x), UNMET)
        for d in self._ranks():
            own = left[(self._floor(d)[left] <= most) & (self.code.least(d) < bits[left])]
            for place, tried in self._tries(own, d):
                settings = self.code.sent.coarsest(tried.values, most - tried.left)
                got = np.flatnonzero(settings != NONE)
                sizes = self.code.sent.n_bits(tried.values[got], settings[got])
                total = sizes + self.code.head_bits(d, place)
                better = (sizes <= tried.room[got]) & (total < bits[tried.at[got]])
                got = got[better]
                bits[tried.at[got]] = total[better]
                self._take(tried.at[got], d, place, settings[got], self._error(tried, settings, got))
        return left[bits[left] == UNMET]

    def _ranks(self) -> list[int]:
        """Those that fit, middling ones first: what is near the best, early, rules out the most."""
        ranks = self.code.ranks_within(self.room)
        return sorted(ranks, key=lambda d: abs(d - ranks[len(ranks) // 2]))

    def _tries(self, at: Integers, d: int) -> Iterator[tuple[int, Tried]]:
        """Of rank d, the places of A's widths that fit, and the tiles `at` with each."""
        if not at.size:
            return
        codes = self.code.codes if self.code.codes[0].row_reals(d) else self.code.codes[:1]
        numbers = codes[0].numbers(self.rows[at, :d])
        for place, code in enumerate(codes):
            room = min(self.room, code.n_bits(d)) if self.code.capped else self.room
            room -= self.code.head_bits(d, place)
            if room < 0:
                return
            rows, channels = code.rows(code.put(numbers), d), self.x.shape[1]
            values = measured(rows, self.x[at], self.guess[at], code.source)
            yield (
                place,
                Tried(
                    at=at,
                    values=values.reshape(len(at), channels * d, -1),
                    left=channels * left_over(rows, self.b[at]),
                    room=np.full(len(at), room),
                ),
            )

    def _floor(self, d: int) -> Reals:
        """The least error of rank d [m], of whatever rows."""
        return self.x.shape[1] * discarded(self.values, d)

    def _error(self, tried: Tried, settings: Integers, got: Integers) -> Reals:
        """The sum of squared errors of the tiles `got` among those tried, by (*) of `complement`."""
        return tried.left[got] + self.code.sent.error(tried.values[got], settings[got])

    def _take(self, at: Integers, d: int, place: int, settings: Integers, error: Reals) -> None:
        found = self.found
        found.rank[at], found.place[at], found.setting[at], found.error[at] = d, place, settings, error
