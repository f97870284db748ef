"""Arrays between HSC's parts: reals and channel uses, pixels and planes."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.base import Image
from linksim.codecs.semantic import Semantic

Shape = tuple[int, int, int]
Key = TypeVar("Key", bound=Hashable)


class Plan(NamedTuple):
    """All that decides a message beside the codec: the picture's digest and shape, k of a tile, and the
    complement's bits, which may be fewer than the grant's.
    """

    pixels: str
    shape: Shape
    uses: int
    bits: int


def normalised(network: Semantic, z: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """sqrt(2k) z/|z| over the first 2k reals of z [2 K], of a VQ-VAE those of the nearest codeword."""
    sent = z[: 2 * k].astype(np.float64)
    if network.codewords is not None:
        words = network.codewords[:, : 2 * k].astype(np.float64)
        sent = words[np.argmin(np.sum((words - sent) ** 2, axis=1))]
    out = np.zeros(z.size, np.float32)
    length = np.linalg.norm(sent)
    out[: 2 * k] = np.sqrt(2 * k) * sent / length if length > 0 else 1.0
    return out


def to_symbols(reals: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Two reals a use, complex64 [k], of mean power 1 where that of the reals [2k] is."""
    return ((reals[0::2] + 1j * reals[1::2]) * np.sqrt(0.5)).astype(np.complex64)


def to_reals(symbols: NDArray[np.complex64]) -> NDArray[np.float32]:
    """The inverse of `to_symbols`."""
    pairs = np.stack([symbols.real, symbols.imag], axis=-1).reshape(-1)
    return (pairs * np.sqrt(2)).astype(np.float32)


def planes(pixels: NDArray[np.floating], shape: Shape) -> NDArray[np.float64]:
    """[n, channels, height, width] of pixels [n, height * width * channels]."""
    return pixels.reshape(len(pixels), *shape).transpose(0, 3, 1, 2).astype(np.float64)


def n_tiles(shape: Shape, unit: Shape) -> int:
    """How many pictures of a unit's shape lie side by side in one of `shape`; 0 where they do not fill it."""
    fits = shape[2] == unit[2] and shape[0] % unit[0] == 0 and shape[1] % unit[1] == 0
    return (shape[0] // unit[0]) * (shape[1] // unit[1]) if fits else 0


def tiled(image: Image, unit: Shape) -> Image:
    """Tiles [t, height * width * channels] of a picture, row by row, each as a unit's pixels."""
    (rows, columns), (height, width, channels) = _grid(image.shape, unit), unit
    apart = image.reshape(rows, height, columns, width, channels).transpose(0, 2, 1, 3, 4)
    return apart.reshape(rows * columns, -1)


def untiled(x: NDArray[np.float64], shape: Shape) -> NDArray[np.float64]:
    """[channels, *shape[:2]] of tiles [t, channels, height, width], row by row."""
    _, channels, height, width = x.shape
    rows, columns = _grid(shape, (height, width, channels))
    apart = x.reshape(rows, columns, channels, height, width).transpose(2, 0, 3, 1, 4)
    return apart.reshape(channels, rows * height, columns * width)


def _grid(shape: Shape, unit: Shape) -> tuple[int, int]:
    return shape[0] // unit[0], shape[1] // unit[1]


def to_image(x: NDArray[np.float64]) -> Image:
    """uint8 [height, width, channels] of x [channels, height, width] on [0, 1]."""
    return np.ascontiguousarray(np.rint(x.clip(0, 1) * 255).astype(np.uint8).transpose(1, 2, 0))


def groups(keys: Sequence[Key]) -> dict[Key, list[int]]:
    """Key -> the places where it stands."""
    out: dict[Key, list[int]] = {}
    for i, key in enumerate(keys):
        out.setdefault(key, []).append(i)
    return out
