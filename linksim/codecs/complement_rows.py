"""Quantisers of A X of which one finds, picture by picture, the setting that fills a room or meets an error.

`Even`: every real has the same width, one of a few; the scale follows the largest value.

    | place of the width among them, 0 or 3 | scale, 8 | integers, row by row |

`Water`: one step for all rows, and each row as wide as its own largest value asks: reverse water-filling,
where every component bears the same distortion and bits go by the logarithm of its size; a row below half a
step takes none.

    | step, 8 | width of each row, 4 | integers, row by row |

A row of width code u has integers from -(2^u - 1) to 2^u - 1 in u + 1 bits, of u = 0 none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.complement import LAST_SCALE, SCALE_BITS, Quantiser, Reals, bits_of, integers_of, scale_of

Integers = NDArray[np.int64]
Bitstring = NDArray[np.uint8]
WIDTH_BITS = 4
WIDEST = (1 << WIDTH_BITS) - 1
NONE = -1
"""In a setting's place: there is none."""


class RowQuantiser(Protocol):
    """values: [n, rows, W]; settings: integers [n], larger ones finer; room: bits [n]."""

    def least(self, rows: int, width: int) -> int:
        """The fewest bits that any values [rows, width] need, about."""
        ...

    def finest(self, values: Reals, room: Integers) -> Integers:
        """The finest settings that fit, NONE where none does."""
        ...

    def coarsest(self, values: Reals, most: Reals) -> Integers:
        """The coarsest settings seen to err by a sum of squares of at most `most`, NONE where none does."""
        ...

    def n_bits(self, values: Reals, settings: Integers) -> Integers:
        """Bits [n] under settings, none of them NONE."""
        ...

    def error(self, values: Reals, settings: Integers) -> Reals:
        """The sum of squared errors [n]."""
        ...

    def write(self, values: Reals, setting: int) -> Bitstring:
        """The bits of one picture's values [rows, W]."""
        ...

    def size(self, bits: Bitstring, rows: int, width: int) -> int:
        """Bits of one picture, of those that begin with it; more than there are where some are cut off."""
        ...

    def read(self, bits: Bitstring, rows: int, width: int) -> tuple[Reals, float]:
        """Values [rows, W] of one picture's bits, any bits, and the step."""
        ...


@dataclass(frozen=True, kw_only=True)
class Even:
    """Settings are places in `widths`, bits of a real, rising; 0 alone is float64.

    top: no value's magnitude is larger.
    """

    widths: tuple[int, ...]
    top: float

    @property
    def _index_bits(self) -> int:
        return (len(self.widths) - 1).bit_length()

    def _at(self, setting: int) -> Quantiser:
        return Quantiser(bits=self.widths[setting], top=self.top)

    def _sizes(self, reals: int) -> Integers:
        each = [self._at(setting) for setting in range(len(self.widths))]
        return np.array([self._index_bits + one.head_bits + one.bits_each * reals for one in each])

    def least(self, rows: int, width: int) -> int:
        return int(self._sizes(rows * width)[0])

    def finest(self, values: Reals, room: Integers) -> Integers:
        return np.searchsorted(self._sizes(values.shape[1] * values.shape[2]), room, side="right") - 1

    def coarsest(self, values: Reals, most: Reals) -> Integers:
        found = np.full(len(values), NONE)
        for setting in range(len(self.widths)):
            at = np.flatnonzero(found == NONE)
            errors = self.error(values[at], np.full(at.size, setting))
            found[at[errors <= most[at]]] = setting
        return found

    def n_bits(self, values: Reals, settings: Integers) -> Integers:
        return self._sizes(values.shape[1] * values.shape[2])[settings]

    def error(self, values: Reals, settings: Integers) -> Reals:
        flat, out = values.reshape(len(values), values.shape[1] * values.shape[2]), np.zeros(len(values))
        for setting in np.unique(settings):
            at, quantiser = settings == setting, self._at(setting)
            if quantiser.bits:
                out[at] = np.sum((flat[at] - quantiser.restore(*quantiser.quantise(flat[at]))) ** 2, axis=1)
        return out

    def write(self, values: Reals, setting: int) -> Bitstring:
        index = bits_of(np.array([setting]), self._index_bits)
        return np.concatenate([index, self._at(setting).to_bits(values.reshape(1, -1))[0]])

    def size(self, bits: Bitstring, rows: int, width: int) -> int:
        cut = self._index_bits
        setting = number(bits[:cut]) if bits.size >= cut else 0
        return int(self._sizes(rows * width)[setting])

    def read(self, bits: Bitstring, rows: int, width: int) -> tuple[Reals, float]:
        cut = self._index_bits
        quantiser, rest = self._at(number(bits[:cut])), bits[cut:]
        step = quantiser.step(np.array([number(rest[:SCALE_BITS])]))[0] if quantiser.bits else 0.0
        return quantiser.from_bits(rest[None])[0].reshape(rows, width), float(step)


@dataclass(frozen=True, kw_only=True)
class Water:
    """Settings are 255 less the step's code, steps being of `scale_of`. top: as `Even`'s."""

    top: float

    def _steps(self, settings: Integers) -> Reals:
        return scale_of(LAST_SCALE - np.asarray(settings), self.top)

    def _widths(self, peaks: Reals, settings: Integers) -> Integers:
        """Width codes [n, rows] of rows' largest magnitudes."""
        return np.frexp(np.rint(peaks / self._steps(settings)[:, None]))[1].astype(np.int64)

    def _sizes(self, peaks: Reals, settings: Integers, width: int) -> Integers:
        """Bits [n]; more than any room where a row is too wide to be told."""
        codes = self._widths(peaks, settings)
        sizes = SCALE_BITS + WIDTH_BITS * codes.shape[1] + width * np.sum(codes + (codes > 0), axis=1)
        return np.where(np.any(codes > WIDEST, axis=1), 1 << 62, sizes)

    def least(self, rows: int, width: int) -> int:
        return SCALE_BITS + rows * (WIDTH_BITS + 2 * width)

    def finest(self, values: Reals, room: Integers) -> Integers:
        peaks, width = np.abs(values).max(axis=2, initial=0.0), values.shape[2]
        # bits grow with the setting: the last that fits is bisected
        low, high = np.full(len(values), NONE), np.full(len(values), LAST_SCALE + 1)
        while np.any(high - low > 1):
            middle = np.clip((low + high) // 2, 0, LAST_SCALE)
            fits = self._sizes(peaks, middle, width) <= room
            low, high = np.where(fits, middle, low), np.where(fits, high, middle)
        return low

    def coarsest(self, values: Reals, most: Reals) -> Integers:
        low, high = np.full(len(values), NONE), np.full(len(values), LAST_SCALE)
        high = np.where(self.error(values, high) <= most, high, LAST_SCALE + 1)
        while np.any(high - low > 1):  # the error falls with the setting, but for a little
            middle = np.clip((low + high) // 2, 0, LAST_SCALE)
            meets = self.error(values, middle) <= most
            low, high = np.where(meets, low, middle), np.where(meets, middle, high)
        return np.where(high > LAST_SCALE, NONE, high)

    def n_bits(self, values: Reals, settings: Integers) -> Integers:
        return self._sizes(np.abs(values).max(axis=2, initial=0.0), settings, values.shape[2])

    def error(self, values: Reals, settings: Integers) -> Reals:
        step = self._steps(settings)[:, None, None]
        return np.sum((values - step * np.rint(values / step)) ** 2, axis=(1, 2))

    def write(self, values: Reals, setting: int) -> Bitstring:
        integers = np.rint(values / self._steps(np.array([setting])))
        codes = np.frexp(np.abs(integers).max(axis=1, initial=0.0))[1].astype(np.int64)
        head = [bits_of(np.array([LAST_SCALE - setting]), SCALE_BITS), bits_of(codes, WIDTH_BITS)]
        rows = [
            bits_of(row.astype(np.int64) + (1 << code) - 1, code + 1)
            for row, code in zip(integers, codes, strict=True)
            if code
        ]
        return np.concatenate([*head, *rows])

    def size(self, bits: Bitstring, rows: int, width: int) -> int:
        head = SCALE_BITS + WIDTH_BITS * rows
        if bits.size < head:
            return head
        codes = integers_of(bits[SCALE_BITS:head], WIDTH_BITS)
        return head + width * int(np.sum(codes + (codes > 0)))

    def read(self, bits: Bitstring, rows: int, width: int) -> tuple[Reals, float]:
        at = SCALE_BITS + WIDTH_BITS * rows
        codes = integers_of(bits[SCALE_BITS:at], WIDTH_BITS)
        step = float(self._steps(np.array([LAST_SCALE - number(bits[:SCALE_BITS])]))[0])
        out = np.zeros((rows, width))
        for row, code in zip(out, codes, strict=True):
            if code:
                end, most = at + width * (code + 1), (1 << code) - 1
                row[:] = np.minimum(integers_of(bits[at:end], code + 1) - most, most)
                at = end
        return np.clip(step * out, -self.top, self.top), step


def number(bits: Bitstring) -> int:
    """The integer that all the bits tell, 0 of none."""
    return int(integers_of(bits, bits.size)[0]) if bits.size else 0
