"""Complements of a rank and of widths that are declared: what a string holds is told by its length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.complement import Reals
from linksim.codecs.complement_bits import ComplementCode, Heard, Strings, Told, recomposed


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """The code (`Code`) that gives every tile of a picture the same rank and the same bits.

    rank: of every tile, or None for the largest that the payload holds; less where that holds less.
    """

    code: ComplementCode
    rank: int | None

    def check(self, n_bits: int, tiles: int) -> None:
        """See `Code`."""
        code, least = self.code, 1 if self.rank is None else self.rank
        wanted = tiles * code.n_bits(least)
        if wanted > n_bits:
            fits = code.rank_within(n_bits // tiles)
            other = f"lower codec.rank to {fits}, " if 0 < fits < least else ""
            of = code.named(tiles)
            raise ValueError(
                f"codec.rank: rank {least} of {of} takes {wanted} bits, got a payload of {n_bits}; "
                f"raise the bandwidth_ratio of its link, {other}or lower codec.bits_a and codec.bits_ax"
            )

    def within(self, n_bits: int, tiles: int) -> int:
        """The bits of the rank that a payload holds, which tell it again."""
        return tiles * self.code.n_bits(self.code.rank_within(n_bits // tiles, self.rank))

    def encode(self, x: Reals, guess: Reals, n_bits: int) -> list[NDArray[np.uint8]]:
        """See `Code`."""
        d = self.code.rank_within(n_bits // x.shape[1], self.rank)
        return list(self.code.encode(_flat(x), _flat(guess), d).reshape(len(x), -1))

    def read(self, strings: Strings, tiles: int) -> list[Heard]:
        """See `Code`."""
        out = [self.code.nothing()] * (len(strings) * tiles)
        ranks = np.array([self._rank(bits, tiles) for bits in strings])
        for d in np.unique(ranks[ranks > 0]).tolist():
            at, cut = np.flatnonzero(ranks == d), self.code.n_bits(d)
            bits = np.stack([strings[i][: tiles * cut] for i in at]).reshape(-1, cut)
            places = (at[:, None] * tiles + np.arange(tiles)).reshape(-1)
            for place, rows, sent in zip(places, *self.code.read(bits, d), strict=True):
                out[place] = Heard(rows, sent)
        return out

    def decode(self, strings: Strings, guess: Reals) -> Reals:
        """See `Code`."""
        return recomposed(self.read(strings, guess.shape[1]), guess, self.code.source)

    def _rank(self, bits: NDArray[np.uint8], tiles: int) -> int:
        """d of every tile, by the string's length."""
        return self.code.rank_within(bits.size // tiles, self.rank)

    def told(self, strings: Strings, x: Reals, guess: Reals) -> list[Told]:
        """See `Code`."""
        tiles, out = x.shape[1], []
        for i, string in enumerate(strings):
            d = self._rank(string, tiles)
            bits = string.reshape(tiles, -1)[:, : self.code.n_bits(d)]
            most, ranks = self.code.most_error(bits, x[i], guess[i], d), np.full(tiles, d)
            out.append(Told(ranks=ranks, reals=tiles * self.code.reals(d), bound=float(most.sum())))
        return out


def _flat(x: Reals) -> Reals:
    """[n t, c, L, W] of [n, t, c, L, W]."""
    return x.reshape(-1, *x.shape[2:])
