"""Pictures as coefficients in chunks: colour transform, whole-image or block DCT, and which chunk each is in.

image -> colour -> planes, their means taken out -> orthonormal 2-D DCT -> coefficients [n], chunk of each [n]

Planes are scaled so that squared errors of coefficients add up to those of R, G and B.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.base import Image

Transform = Literal["image", "block"]
Spacing = Literal["even", "quadratic"]
Colour = Literal["ycbcr", "klt"]
Shape = tuple[int, int, int]

BLOCK = 8
ANGLE_BITS, N_ANGLES = 10, 3
MEAN_BITS, MEANS_PER_LEVEL = 12, 4
"""A plane's mean, in quarters of a level, from -512 on."""
_YCBCR = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float64
)
"""Full range, ITU-R BT.601 as in JFIF."""
_LOCKED = 1e-6


@dataclass(frozen=True, kw_only=True)
class Grid:
    """How pictures of one shape become chunks.

    side: chunks of a plane are side x side of the whole picture's DCT; or the 64 bands of BLOCK x BLOCK
    blocks, each in side / BLOCK x side / BLOCK regions, or fewer of several neighbouring bands each.
    spacing: edges of an image's chunks, in equal steps of frequency, or at its squares, so that chunks are
    small where variances fall steeply.
    """

    shape: Shape
    transform: Transform
    spacing: Spacing
    side: int

    @property
    def n_chunks(self) -> int:
        return self.shape[2] * self.side**2

    @property
    def padded(self) -> tuple[int, int]:
        """Height and width that are transformed: of blocks, whole ones."""
        unit = BLOCK if self.transform == "block" else 1
        return -(-self.shape[0] // unit) * unit, -(-self.shape[1] // unit) * unit

    def forward(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Planes [c, height, width] -> coefficients [n]."""
        from scipy.fft import dctn  # every start of the command would wait for it

        (height, width, channels), (high, wide) = self.shape, self.padded
        if self.transform == "image":
            return dctn(planes, axes=(1, 2), norm="ortho").ravel()
        filled = np.pad(planes, ((0, 0), (0, high - height), (0, wide - width)), mode="edge")
        blocks = filled.reshape(channels, high // BLOCK, BLOCK, wide // BLOCK, BLOCK)
        return dctn(blocks, axes=(2, 4), norm="ortho").ravel()

    def inverse(self, coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
        """The inverse of `forward`, padding cut off."""
        from scipy.fft import idctn  # as above

        (height, width, channels), (high, wide) = self.shape, self.padded
        if self.transform == "image":
            return idctn(coefficients.reshape(channels, high, wide), axes=(1, 2), norm="ortho")
        blocks = coefficients.reshape(channels, high // BLOCK, BLOCK, wide // BLOCK, BLOCK)
        whole = idctn(blocks, axes=(2, 4), norm="ortho").reshape(channels, high, wide)
        return whole[:, :height, :width]

    @property
    def chunk_of(self) -> NDArray[np.uint16]:
        """Chunk of each coefficient, uint16 [n]: plane by plane, in it by row, then column, then region."""
        return _chunk_of(self)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Coefficients of each chunk, [n_chunks]; 0 where a picture is smaller than the grid."""
        return _counts(self)

    def variances(self, coefficients: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mean square of each chunk, [n_chunks]; 0 of an empty one."""
        energy = np.bincount(self.chunk_of, np.square(coefficients, dtype=np.float64), self.n_chunks)
        return energy / np.maximum(self.counts, 1)


def _edges(length: int, side: int, spacing: Spacing) -> NDArray[np.int64]:
    """Where chunks begin along an axis, [side]; each takes a coefficient at least, while there are any."""
    steps = np.arange(side)
    at = steps * length // side if spacing == "even" else steps**2 * length // side**2
    return np.minimum(np.maximum(at, steps), length)


@lru_cache(maxsize=16)
def _chunk_of(grid: Grid) -> NDArray[np.uint16]:
    (height, width), side = grid.padded, grid.side
    if grid.transform == "image":
        row, column = (
            np.searchsorted(_edges(length, side, grid.spacing), np.arange(length), "right") - 1
            for length in (height, width)
        )
        plane = row[:, None] * side + column
    else:
        regions, rows, columns = max(side // BLOCK, 1), height // BLOCK, width // BLOCK
        bands = min(side, BLOCK)
        band = np.arange(BLOCK) * bands // BLOCK
        u, v = band[None, :, None, None], band[None, None, None, :]
        i = (np.arange(rows) * regions // rows)[:, None, None, None]
        j = (np.arange(columns) * regions // columns)[None, None, :, None]
        plane = ((u * bands + v) * regions + i) * regions + j
    every = np.arange(grid.shape[2])[:, None] * side**2 + plane.reshape(1, -1)
    return every.ravel().astype(np.uint16)


@lru_cache(maxsize=16)
def _counts(grid: Grid) -> NDArray[np.int64]:
    return np.bincount(grid.chunk_of, minlength=grid.n_chunks)


def colour_of(image: Image, colour: Colour) -> tuple[int, ...]:
    """What tells the colour transform: the quantised angles of the picture's own (KLT), else nothing."""
    if colour == "ycbcr" or image.shape[2] == 1:
        return ()
    pixels = image.reshape(-1, 3).astype(np.float64)
    centred = pixels - pixels.mean(0)
    rows = np.linalg.eigh(centred.T @ centred)[1][:, ::-1].T
    rows = rows * np.sign(np.linalg.det(rows))
    y = -np.arcsin(np.clip(rows[2, 0], -1, 1))
    if np.cos(y) > _LOCKED:
        z, x = np.arctan2(rows[1, 0], rows[0, 0]), np.arctan2(rows[2, 1], rows[2, 2])
    else:  # z and x turn about one axis: x = 0 will do
        z, x = np.arctan2(-rows[0, 1], rows[1, 1]), 0.0
    return tuple(int(np.rint(a / (2 * np.pi) * 2**ANGLE_BITS)) % 2**ANGLE_BITS for a in (z, y, x))


def matrix(channels: int, angles: tuple[int, ...]) -> NDArray[np.float64]:
    """Pixels [.., c] -> planes: of grey the identity, else the rotation told (about z after y after x), else
    YCbCr with each row scaled by the length of its column of the inverse, so that errors add up to those of
    R, G and B.
    """
    if channels == 1:
        return np.eye(1)
    if not angles:
        return _YCBCR * np.linalg.norm(np.linalg.inv(_YCBCR), axis=0)[:, None]
    (cz, cy, cx), (sz, sy, sx) = (f(np.array(angles) * 2 * np.pi / 2**ANGLE_BITS) for f in (np.cos, np.sin))
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    return about_z @ about_y @ about_x


def to_planes(image: Image, angles: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """float32 [c, height, width] without their means, and those means, [c] integers of MEAN_BITS."""
    channels = image.shape[2]
    flat = image.reshape(-1, channels).astype(np.float32) @ matrix(channels, angles).T.astype(np.float32)
    half = 2 ** (MEAN_BITS - 1)
    means = np.rint(flat.mean(0, dtype=np.float64) * MEANS_PER_LEVEL).astype(np.int64) + half
    means = means.clip(0, 2 * half - 1)
    planes = flat - ((means - half) / MEANS_PER_LEVEL).astype(np.float32)
    return np.ascontiguousarray(planes.T).reshape(channels, *image.shape[:2]), means


def to_image(planes: NDArray[np.float32], means: NDArray[np.int64], angles: tuple[int, ...]) -> Image:
    """uint8 [height, width, c] of planes and their means."""
    channels, height, width = planes.shape
    back = np.linalg.inv(matrix(channels, angles)).astype(np.float32)
    levels = ((means - 2 ** (MEAN_BITS - 1)) / MEANS_PER_LEVEL).astype(np.float32)
    pixels = (planes.reshape(channels, -1).T + levels) @ back.T
    return np.rint(np.nan_to_num(pixels)).clip(0, 255).astype(np.uint8).reshape(height, width, channels)
