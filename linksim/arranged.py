"""Pictures cut and put together: their middles, and sheets of many side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from linksim.codecs.base import Image
from linksim.errors import LinksimError

SIDES = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")


def sides(name: str, text: str) -> tuple[int, int]:
    """(8, 16) of '8x16'; ValueError 'name: rule, got X; remedy' for other words."""
    if (found := SIDES.fullmatch(text)) is None:
        raise ValueError(f"{name}: must be two whole numbers, down and across, got {text!r}; write 8x16")
    return int(found[1]), int(found[2])


def middle(image: Image, height: int, width: int, name: str) -> Image:
    """The middle of a picture, [height, width, channels], a pixel higher or further left where it is odd."""
    high, wide = image.shape[:2]
    if height > high or width > wide:
        rule = f"{height}x{width} must lie inside {name}"
        raise LinksimError("crop", rule, f"{high}x{wide}", "cut a smaller one, or choose other images")
    top, left = (high - height) // 2, (wide - width) // 2
    return np.ascontiguousarray(image[top : top + height, left : left + width])


def side_by_side(images: Sequence[Image], rows: int, columns: int, name: str) -> Image:
    """rows x columns pictures as one, [rows height, columns width, channels], row by row."""
    if len(shapes := {image.shape for image in images}) > 1:
        told = " and ".join(sorted("{}x{}".format(*shape) for shape in shapes))
        rule = f"needs pictures of one size in {name}"
        raise LinksimError("sheet", rule, told, "name a crop, or choose other images")
    height, width, channels = images[0].shape
    grid = np.stack(images).reshape(rows, columns, height, width, channels)
    return grid.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)
