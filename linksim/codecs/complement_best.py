"""Complements whose rank and widths are chosen picture by picture, by the error that they leave.

Of all ranks d, widths of A's numbers and settings of A X's quantiser that a rule allows, a tile gets what
errs least within its share of the payload, or what meets an error with the fewest bits. The error of each is
known without decoding: by (*) of `complement`, it is what the quantised rows leave over, and what is lost of
A_r X. A tile is told by

    | d, for L = 28 in 5 bits | place of A's width, 0 or 3 | A's numbers | A X, see `complement_rows` |

and a picture by its tiles, one after another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.complement import Reals, bits_of, eigen_rows, error_matrix, measured
from linksim.codecs.complement_bits import ComplementCode, Heard, Strings, Told, recomposed
from linksim.codecs.complement_rows import Bitstring, RowQuantiser, number
from linksim.codecs.complement_search import Choice, Search


@dataclass(frozen=True, kw_only=True)
class Part:
    """A tile as a string tells it. place: of A's width among those allowed; rows, sent: bits of A and A X."""

    tile: int
    rank: int
    place: int
    rows: Bitstring
    sent: Bitstring


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The code (`Code`) that chooses. codes: one for each width of A's numbers, alike in all else.

    sent: the quantiser of A X. capped: a tile takes no more bits than the codes' own quantiser would.
    rank: as `Hsc` has it. target: the squared error a sample to be met with the fewest bits, or None for the
    least error that the payload brings; that too where it cannot be met.
    """

    codes: tuple[ComplementCode, ...]
    sent: RowQuantiser
    capped: bool = False
    rank: int | Literal["fit", "best"] = "best"
    target: float | None = None

    @cached_property
    def _code(self) -> ComplementCode:
        return self.codes[0]

    @cached_property
    def rank_bits(self) -> int:
        return self._code.side.bit_length()

    @property
    def place_bits(self) -> int:
        return (len(self.codes) - 1).bit_length()

    def head_bits(self, d: int, place: int) -> int:
        """Bits of a tile in front of A X."""
        return self.rank_bits + self.place_bits + self.codes[place].row_bits(d)

    def size_sent(self, d: int) -> tuple[int, int]:
        """Rows and columns of A X, its channels below each other."""
        return self._code.shape[0] * d, self._code.shape[2]

    def least(self, d: int) -> int:
        """Bits of rank d at the narrowest, about."""
        return self.head_bits(d, 0) + self.sent.least(*self.size_sent(d))

    def asked(self, d: int) -> int:
        """Bits that must be free for a tile to have rank d: the fewest, or all that it may take if capped."""
        return self._code.n_bits(d) if self.capped else self.least(d)

    def ranks_within(self, room: int) -> list[int]:
        """The ranks to choose from for a tile."""
        fitting = [d for d in range(1, self._code.side + 1) if self.asked(d) <= room]
        if isinstance(self.rank, int):
            fitting = [d for d in fitting if d <= self.rank]
        return fitting if self.rank == "best" else fitting[-1:]

    def check(self, n_bits: int, tiles: int) -> None:
        """See `Code`."""
        d = self.rank if isinstance(self.rank, int) else 1
        wanted = tiles * self.asked(d)
        if wanted > n_bits:
            raise ValueError(
                f"codec.rank: rank {d} of {self._code.named(tiles)} takes {wanted} bits at least, got a "
                f"payload of {n_bits}; raise the bandwidth_ratio of its link, or lower codec.rank"
            )

    def within(self, n_bits: int, tiles: int) -> int:
        """Equal shares for the tiles."""
        return n_bits // tiles * tiles

    def encode(self, x: Reals, guess: Reals, n_bits: int) -> list[NDArray[np.uint8]]:
        """See `Code`."""
        tiles = x.shape[1]
        x, guess = (each.reshape(-1, *each.shape[2:]) for each in (x, guess))
        found = self._chosen(x, guess, n_bits // tiles)
        strings: list[Bitstring] = [bits_of(np.array([0]), self.rank_bits)] * len(x)
        for d, place in {*zip(found.rank.tolist(), found.place.tolist(), strict=True)} - {(0, 0)}:
            at, code = np.flatnonzero((found.rank == d) & (found.place == place)), self.codes[place]
            rows = code.tell(eigen_rows(error_matrix(x[at], guess[at]))[1][:, :d])
            sent = measured(code.rows(rows, d), x[at], guess[at], code.source)
            head = bits_of(np.array([d]), self.rank_bits), bits_of(np.array([place]), self.place_bits)
            for i, told, values in zip(at, rows, sent.reshape(len(at), *self.size_sent(d)), strict=True):
                strings[i] = np.concatenate([*head, told, self.sent.write(values, int(found.setting[i]))])
        pictures = found.rank.reshape(-1, tiles).any(axis=1)
        return [
            np.concatenate(strings[i * tiles : (i + 1) * tiles]) if some else np.zeros(0, np.uint8)
            for i, some in enumerate(pictures)
        ]

    def read(self, strings: Strings, tiles: int) -> list[Heard]:
        """See `Code`."""
        out = [self._code.nothing()] * (len(strings) * tiles)
        groups: dict[tuple[int, int], list[Part]] = {}
        for i, string in enumerate(strings):
            for part in self._parts(string, tiles):
                own = replace(part, tile=i * tiles + part.tile)
                groups.setdefault((part.rank, part.place), []).append(own)
        for (d, place), parts in groups.items():
            code, at = self.codes[place], [part.tile for part in parts]
            size, shape = self.size_sent(d), (len(parts), code.shape[0], d, code.shape[2])
            sent = np.stack([self.sent.read(part.sent, *size)[0] for part in parts]).reshape(shape)
            rows = code.rows(np.stack([part.rows for part in parts]), d)
            for place_of, *heard in zip(at, rows, sent, strict=True):
                out[place_of] = Heard(*heard)
        return out

    def decode(self, strings: Strings, guess: Reals) -> Reals:
        """See `Code`."""
        return recomposed(self.read(strings, guess.shape[1]), guess, self._code.source)

    def told(self, strings: Strings, x: Reals, guess: Reals) -> list[Told]:
        """See `Code`."""
        channels, _, width = self._code.shape
        tiles, out = x.shape[1], []
        for string, own, hat in zip(strings, x, guess, strict=True):
            ranks, reals = np.zeros(tiles, np.int64), 0
            most = np.sum((own - hat) ** 2, axis=(1, 2, 3))
            for part in self._parts(string, tiles):
                code, d, i = self.codes[part.place], part.rank, slice(part.tile, part.tile + 1)
                _, step = self.sent.read(part.sent, *self.size_sent(d))
                left = channels * code.most_left(part.rows[None], own[i], hat[i], d)[0]
                most[part.tile] = left + channels * d * width * (step / 2) ** 2
                ranks[part.tile], reals = d, reals + code.reals(d)
            out.append(Told(ranks=ranks, reals=reals, bound=float(most.sum())))
        return out

    def _parts(self, string: Bitstring, tiles: int) -> Iterator[Part]:
        """The tiles that have a complement, up to where the string ends."""
        at = 0
        for tile in range(tiles):
            cut = at + self.rank_bits
            d = min(number(string[at:cut]), self._code.side)
            if cut > string.size or not d:
                at = cut
                continue
            place = min(number(string[cut : cut + self.place_bits]), len(self.codes) - 1)
            cut += self.place_bits
            end = cut + self.codes[place].row_bits(d)
            at = end + self.sent.size(string[end:], *self.size_sent(d))
            if at > string.size:
                return
            yield Part(tile=tile, rank=d, place=place, rows=string[cut:end], sent=string[end:at])

    def _chosen(self, x: Reals, guess: Reals, room: int) -> Choice:
        """What is best for tiles x, guess [m, c, L, W] in `room` bits each."""
        search = Search(code=self, x=x, guess=guess, room=room)
        every = np.arange(len(x))
        if self.target is None:
            search.least_error(every)
        else:
            search.least_error(search.fewest_bits(every, self.target * x[0].size))
        return search.found
