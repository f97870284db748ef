"""Complements of a rank and of widths that are declared: what a string holds is told by its length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.complement import Reals
from linksim.codecs.complement_bits import ComplementCode, Strings, Told


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

    def decode(self, strings: Strings, guess: Reals) -> Reals:
        """See `Code`."""
        out, tiles = guess.copy(), guess.shape[1]
        ranks = self.ranks(strings, tiles)[:, 0]
        for d in np.unique(ranks[ranks > 0]):
            at = np.flatnonzero(ranks == d)
            cut = self.code.n_bits(int(d))
            bits = np.stack([strings[i][: tiles * cut] for i in at]).reshape(-1, cut)
            out[at] = self.code.decode(bits, _flat(guess[at]), int(d)).reshape(guess[at].shape)
        return out

    def ranks(self, strings: Strings, tiles: int) -> NDArray[np.int64]:
        """See `Code`."""
        each = [self.code.rank_within(bits.size // tiles, self.rank) for bits in strings]
        return np.repeat(np.array(each, np.int64)[:, None], tiles, axis=1)

    def told(self, strings: Strings, x: Reals, guess: Reals) -> list[Told]:
        """See `Code`."""
        tiles, out = x.shape[1], []
        for i, ranks in enumerate(self.ranks(strings, tiles)):
            d = int(ranks[0])
            bits = strings[i].reshape(tiles, -1)[:, : self.code.n_bits(d)]
            most = self.code.most_error(bits, x[i], guess[i], d)
            out.append(Told(ranks=ranks, reals=tiles * self.code.reals(d), bound=float(most.sum())))
        return out


def _flat(x: Reals) -> Reals:
    """[n t, c, L, W] of [n, t, c, L, W]."""
    return x.reshape(-1, *x.shape[2:])
