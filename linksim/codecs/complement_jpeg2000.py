"""Complements as JPEG 2000 codestreams, the rows of A in one and A X in the other, of all tiles together.

    | d - 1, 8 | scale of A X, 8 | bytes of A, 7 in each byte, 8 to 32 | A's packets | A X's packets |

Both ends know what samples there are: the codestreams' headers, most of a digit's bytes, are not sent. There
is no wavelet transform: neighbours in rows of eigenvectors are not alike, and it was seen to help nowhere.
What is left of JPEG 2000 is the coding of bit planes by context, rate control, and of photos the transform of
colours. A goes first, and the receiver's copy of it is made orthonormal; A_r X is computed with that, in
closed loop (`complement`), and takes what is left of the payload.

What matters of row i is how far it leans out of the eigenvectors' span, times l_i: row i is sent as
sqrt(l_i/l) e_i, l the largest eigenvalue of all tiles, and the coder's squared error is then the picture's.
Rows that are not worth a bit become 0, and neither end makes a row of A_r X of them: a rank that is too large
costs little. The receiver needs no weights, as the span alone counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linksim.codecs import openjpeg
from linksim.codecs.complement import (
    Reals,
    Source,
    eigen_rows,
    error_matrix,
    measured,
    orthonormal,
    recompose,
    scale_code,
    scale_of,
)
from linksim.codecs.complement_bits import Heard, Strings, Told, recomposed
from linksim.codecs.openjpeg import Form

Samples = NDArray[np.uint16]
ZERO, TOP = 32768, 32767
"""A sample of the value 0, and how many steps the largest value is away: 0 stays 0 in the coder too."""
SHARES: dict[Source, tuple[float, ...]] = {"AX": (0.4, 0.3, 0.5), "residual": (0.5, 0.4, 0.6)}
"""Of the bytes, A's at most: the one of least error is taken, the rank found at the first."""
HEAD = 2
"""Bytes in front of A's length."""
MOST_RANK = 256
FINENESS = 256
"""Codestreams are as large as they can be to 1/256 of their bytes."""


class Parts(NamedTuple):
    """What a string tells. scale: the code of A X's."""

    rank: int
    scale: int
    rows: bytes
    sent: bytes


class Tried(NamedTuple):
    """A way to send one picture: sum of squared errors, and its string."""

    error: float
    string: bytes


@dataclass(frozen=True, kw_only=True)
class Codestreams:
    """The code (`Code`) that sends JPEG 2000. shape: [c, L, W] of a tile. source: A X or A (X - X^).

    rank: the largest d of every tile, or "fit" and "best", which are one: that of least error in the payload.
    """

    shape: tuple[int, int, int]
    source: Source
    rank: int | Literal["fit", "best"] = "best"

    def check(self, n_bits: int, tiles: int) -> None:
        """Strings' lengths depend on pictures: any payload may do."""

    def within(self, n_bits: int, tiles: int) -> int:
        """Whole bytes."""
        return n_bits // 8 * 8

    def encode(self, x: Reals, guess: Reals, n_bits: int) -> list[NDArray[np.uint8]]:
        """See `Code`. Where no string makes a picture better than X^ is, none is sent."""
        pairs = zip(x, guess, strict=True)
        return [np.unpackbits(np.frombuffer(self._best(*pair, n_bits // 8), np.uint8)) for pair in pairs]

    def read(self, strings: Strings, tiles: int) -> list[Heard]:
        """See `Code`."""
        (channels, side, width), out = self.shape, []
        nothing = np.zeros((tiles, 0, side)), np.zeros((tiles, channels, 0, width))
        for string in strings:
            rows, sent = self._read(string, tiles) or nothing
            out += [Heard(*each) for each in zip(rows, sent, strict=True)]
        return out

    def decode(self, strings: Strings, guess: Reals) -> Reals:
        """See `Code`."""
        return recomposed(self.read(strings, guess.shape[1]), guess, self.source)

    def told(self, strings: Strings, x: Reals, guess: Reals) -> list[Told]:
        """See `Code`; no bound. Ranks are the rows that are not 0."""
        channels, side, width = self.shape
        heard = self.read(strings, x.shape[1])
        ranks = np.array([np.any(rows != 0, axis=1).sum() for rows, _ in heard], np.int64)
        reals = side + channels * width
        return [Told(ranks=each, reals=int(each.sum()) * reals) for each in ranks.reshape(x.shape[:2])]

    # the string

    def _read(self, string: NDArray[np.uint8], tiles: int) -> tuple[Reals, Reals] | None:
        """Rows [t, d, L] and A X [t, c, d, W]; None where there is nothing to read, or no JPEG 2000."""
        parts = _parts(np.packbits(string).tobytes())
        if parts is None:
            return None
        rows = self._rows(parts.rows, tiles, parts.rank)
        sent = self._measured(parts.sent, tiles, parts.rank, parts.scale)
        return None if rows is None or sent is None else (rows, sent)

    def _rows(self, packets: bytes, tiles: int, d: int) -> Reals | None:
        """What both ends take for A_r."""
        side = self.shape[1]
        values = _values(packets, (tiles * d, side, 1))
        return None if values is None else orthonormal(values.reshape(tiles, d, side))

    def _measured(self, packets: bytes, tiles: int, d: int, scale: int) -> Reals | None:
        channels, _, width = self.shape
        values = _values(packets, (tiles * d, width, channels))
        if values is None:
            return None
        return self._top(scale) * values.reshape(tiles, d, width, channels).transpose(0, 3, 1, 2)

    # the choice

    def _best(self, x: Reals, guess: Reals, budget: int) -> bytes:
        """The string of least error for one picture, x and guess [t, c, L, W]."""
        values, rows = eigen_rows(error_matrix(x, guess))
        most = min(self.shape[1], MOST_RANK)
        best = Tried(float(np.sum((x - guess) ** 2)), b"")
        if not values.max() > 0:
            return b""
        weighted = rows * np.sqrt(values / values.max())[..., None]

        def tried(d: int, share: float) -> Tried | None:
            return self._tried(x, guess, weighted[:, :d], budget, share)

        if isinstance(self.rank, int):
            d = min(self.rank, most)
        else:
            d = _least_rank(lambda d: tried(d, SHARES[self.source][0]), most)
        every = [tried(d, share) for share in SHARES[self.source]]
        return min([best, *(each for each in every if each is not None)]).string

    def _tried(
        self,
        x: Reals,
        guess: Reals,
        weighted: Reals,
        budget: int,
        share: float,
    ) -> Tried | None:
        """The string with these rows [t, d, L], `share` of its bytes for them; None where nothing fits."""
        tiles, d, side = weighted.shape
        channels, _, width = self.shape
        room = budget - HEAD - _n_length(int(budget * share))
        packets = _packets(weighted.reshape(tiles * d, side, 1), int(room * share))
        rows = self._rows(packets, tiles, d)
        if rows is None:
            return None
        true = measured(rows, x, guess, self.source)
        scale = int(scale_code(np.abs(true).max(), side**0.5))
        values = (true / self._top(scale)).transpose(0, 2, 3, 1).reshape(tiles * d, width, channels)
        sent = _packets(values, room - len(packets))
        got = self._measured(sent, tiles, d, scale)
        if got is None:
            return None
        error = float(np.sum((x - recompose(rows, got, guess, self.source)) ** 2))
        return Tried(error, _string(Parts(d, scale, packets, sent)))

    def _top(self, scale: int) -> float:
        """The largest magnitude under a scale's code; none of A X is larger than sqrt(L)."""
        return float(scale_of(np.array(scale), self.shape[1] ** 0.5))


def _least_rank(tried: Callable[[int], Tried | None], most: int) -> int:
    """The rank of least error: along powers of 2 until it rises, then between the best and its neighbours."""
    errors: dict[int, float] = {}

    def error(d: int) -> float:
        if d not in errors:
            found = tried(d)
            errors[d] = np.inf if found is None else found.error
        return errors[d]

    ladder = [*(1 << n for n in range(most.bit_length()) if 1 << n < most), most]
    for before, d in zip([1, *ladder], ladder, strict=False):
        if error(d) > error(before):
            break
    at = ladder.index(min(errors, key=error))
    for beside in ladder[max(at - 1, 0) : at + 2]:
        error(round(np.sqrt(ladder[at] * beside)))
    return min(errors, key=error)


def _packets(values: Reals, budget: int) -> bytes:
    """Of values from -1 to 1, [height, width, components]; none where the fewest are too many."""
    samples = (ZERO + np.clip(np.rint(values * TOP), -TOP, TOP)).astype(np.uint16)
    return openjpeg.largest(samples, budget, known=True, resolutions=1, fineness=FINENESS)


def _values(packets: bytes, shape: tuple[int, int, int]) -> Reals | None:
    """What packets tell, of a shape [height, width, components]; None where they are none of JPEG 2000."""
    form = Form(shape=shape, bits=16, resolutions=1)
    samples = openjpeg.decompress(openjpeg.dressed(packets, form)) if packets else None
    if samples is None or samples.dtype != np.uint16 or samples.size != np.prod(shape):
        return None
    return np.clip((samples.reshape(shape).astype(np.float64) - ZERO) / TOP, -1.0, 1.0)


def _n_length(n_bytes: int) -> int:
    """Bytes that tell a length."""
    return max(1, -(-n_bytes.bit_length() // 7))


def _string(parts: Parts) -> bytes:
    """The length's lower bits come first; a byte that another follows has its highest bit set."""
    n = len(parts.rows)
    last = _n_length(n) - 1
    told = bytes((n >> 7 * i & 0x7F) | (0x80 if i < last else 0) for i in range(last + 1))
    return bytes((parts.rank - 1, parts.scale)) + told + parts.rows + parts.sent


def _parts(string: bytes) -> Parts | None:
    """None of a string that is too short for what it tells."""
    start = next((i + 1 for i in range(HEAD, len(string)) if string[i] < 0x80), len(string))
    end = start + sum((byte & 0x7F) << 7 * i for i, byte in enumerate(string[HEAD:start]))
    if end >= len(string):
        return None
    return Parts(string[0] + 1, string[1], string[start:end], string[end:])
