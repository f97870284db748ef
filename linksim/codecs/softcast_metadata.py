"""What a receiver of analog coefficients must know, as bits: the chunks' variances, means, colours, scale.

    | side, 3 | SNR, 6 | scale, 11 | means, 12 each | angles, 10 each | shape, 6 | the range coder's words |

A variance is told in steps of 1.5 dB, as its difference from that of the chunk above (in the first row, from
that before it), range coded; the shape of the differences' law is chosen for the picture. Which chunks are
sent follows from the variances, so no bitmap is needed.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.dct_tables import N_SHAPES, WORD_BITS, Decoder, Encoder, bits, put, take
from linksim.codecs.softcast_analog import SCALE_BITS
from linksim.codecs.softcast_transform import ANGLE_BITS, BLOCK, MEAN_BITS, N_ANGLES, Grid

SIDES = (2, 4, 8, 16, 32, 64)
"""Chunks of a plane are one of these, squared."""
SIDE_BITS, SNR_BITS, SHAPE_BITS = 3, 6, 6
FIRST_SNR_DB = -16
LEAST_INDEX, MOST_INDEX = -6, 90
"""Of a variance, 2^(index / 2) in squares of a level: the least is 1.5 times what rounding leaves."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Metadata:
    """indices: int [n_chunks], of the chunks' variances; means, angles: as `softcast_transform` tells them.

    scale: of the symbols, as `softcast_analog.send` tells it. snr_db: in whole dB, that powers are made for.
    """

    side: int
    snr_db: int
    scale: int
    means: NDArray[np.int64]
    angles: tuple[int, ...]
    indices: NDArray[np.int64] = field(repr=False)

    @property
    def variances(self) -> NDArray[np.float64]:
        """float64 [n_chunks], as both ends have them."""
        return variances_of(self.indices)

    @property
    def noise_var(self) -> float:
        """Of a channel use at the design SNR."""
        return 10 ** (-self.snr_db / 10)


@dataclass(kw_only=True)
class Bitstring:
    """Bits that are read from the front."""

    data: NDArray[np.uint8]
    at: int = 0

    def take(self, n: int) -> int:
        """The number in the next n bits; ValueError where there are fewer."""
        part = self.data[self.at : self.at + n]
        if part.size < n:
            raise ValueError(f"metadata: must hold {n} more bits, got {part.size}")
        self.at += n
        return int(part.astype(np.int64) @ (1 << np.arange(n)[::-1]))

    def words(self) -> NDArray[np.uint32]:
        """Whole words of 32 bits of what is left."""
        rest = self.data[self.at :]
        return np.packbits(rest[: rest.size // WORD_BITS * WORD_BITS]).view(">u4").astype(np.uint32)


def variances_of(indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """2^(index / 2)."""
    return 2.0 ** (indices / 2)


def indices_of(grid: Grid, coefficients: NDArray[np.float32]) -> NDArray[np.int64]:
    """The index nearest to each chunk's variance, in dB; an empty chunk's is that of the one it follows."""
    variances = grid.variances(coefficients)
    nearest = np.rint(2 * np.log2(np.maximum(variances, 1e-9))).astype(np.int64)
    table = _table(grid, nearest.clip(LEAST_INDEX, MOST_INDEX))
    empty = _table(grid, grid.counts == 0)
    for column in range(1, table.shape[2]):
        at = empty[:, 0, column]
        table[at, 0, column] = table[at, 0, column - 1]
    for row in range(1, table.shape[1]):
        table[:, row] = np.where(empty[:, row], table[:, row - 1], table[:, row])
    return table.ravel()


def design_snr(snr_db: float) -> int:
    """The SNR in whole dB that metadata can tell."""
    return int(np.clip(np.rint(snr_db), FIRST_SNR_DB, FIRST_SNR_DB + 2**SNR_BITS - 1))


def head_bits(channels: int, n_angles: int) -> int:
    """What stands in front of the range coder's words."""
    return SIDE_BITS + SNR_BITS + SCALE_BITS + channels * MEAN_BITS + n_angles * ANGLE_BITS + SHAPE_BITS


def told(grid: Grid, metadata: Metadata, coder: Encoder) -> NDArray[np.uint8]:
    """The bits in front of the words, whose variances go into the coder."""
    table = _table(grid, metadata.indices)
    differences = table.copy()
    differences[:, 1:] -= table[:, :-1]
    differences[:, 0, 1:] -= table[:, 0, :-1]
    flat = differences.ravel().astype(np.int32)
    shapes = [np.full(flat.size, shape) for shape in range(N_SHAPES)]
    shape = int(np.argmin([bits(flat, each) for each in shapes]))
    put(coder, flat, shapes[shape])
    parts = [
        to_bits(SIDES.index(metadata.side), SIDE_BITS),
        to_bits(metadata.snr_db - FIRST_SNR_DB, SNR_BITS),
        to_bits(metadata.scale, SCALE_BITS),
        *(to_bits(int(mean), MEAN_BITS) for mean in metadata.means),
        *(to_bits(angle, ANGLE_BITS) for angle in metadata.angles),
        to_bits(shape, SHAPE_BITS),
    ]
    return np.concatenate(parts)


def heard(grid: Grid, content: Bitstring, n_angles: int) -> tuple[Grid, Metadata, Decoder]:
    """What `told` wrote, the grid with its side, and the coder behind the variances.

    Raises ValueError where the bits cannot be such.
    """
    side, snr, scale = (content.take(n) for n in (SIDE_BITS, SNR_BITS, SCALE_BITS))
    means = [content.take(MEAN_BITS) for _ in range(grid.shape[2])]
    angles = tuple(content.take(ANGLE_BITS) for _ in range(n_angles))
    shape = content.take(SHAPE_BITS)
    if side >= len(SIDES) or shape >= N_SHAPES:
        raise ValueError(f"metadata: must tell a side and a shape that are, got {side} and {shape}")
    grid = Grid(shape=grid.shape, transform=grid.transform, spacing=grid.spacing, side=SIDES[side])
    coder = Decoder(content.words())
    flat = take(coder, np.full(grid.n_chunks, shape)).astype(np.int64)
    table = _table(grid, flat)
    table[:, 0] = np.cumsum(table[:, 0], axis=1)
    indices = np.cumsum(table, axis=1).ravel()
    if indices.min() < LEAST_INDEX or indices.max() > MOST_INDEX:
        raise ValueError(f"metadata: variances must lie in range, got {indices.min()} to {indices.max()}")
    metadata = Metadata(
        side=SIDES[side],
        snr_db=snr + FIRST_SNR_DB,
        scale=scale,
        means=np.array(means),
        angles=angles,
        indices=indices,
    )
    return grid, metadata, coder


def n_angles(channels: int, colour: str) -> int:
    """Angles that tell the colour transform."""
    return N_ANGLES if colour == "klt" and channels == 3 else 0


def to_bits(value: int, n: int) -> NDArray[np.uint8]:
    """n bits, the most significant first."""
    return np.array([value >> i & 1 for i in reversed(range(n))], np.uint8)


def from_words(words: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The inverse of `Bitstring.words`."""
    return np.unpackbits(words.astype(">u4").view(np.uint8))


def _table(grid: Grid, values: NDArray) -> NDArray:
    """[channels, rows of chunks, rest]: along the second axis vertical frequency grows."""
    rows = grid.side if grid.transform == "image" else min(grid.side, BLOCK)
    return np.array(values).reshape(grid.shape[2], rows, -1)
