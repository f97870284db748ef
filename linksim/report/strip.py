"""The picture strip, a row an image: the original, what arrived at each point, what an eavesdropper sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from linksim import results
from linksim.codecs.base import Image
from linksim.manifest import read_manifest
from linksim.report.fields import setting, short_names, swept
from linksim.report.style import RC, figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_IMAGES, MOST_POINTS = 4, 6
TILE, GAP, LINE, CAPTION = 2.4, 0.06, 0.18, 0.30
"""Inches: width of a picture, between two, a line of heads, the words under a picture."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One picture of the strip and the words under it. head: over its column."""

    picture: Image
    head: str
    words: str


def write_strip(folder: Path) -> list[Path]:
    """figures/strip.png of a run, of each image's first trial; nothing while no image is done everywhere."""
    import matplotlib

    rows, path = strip_rows(folder), folder / "figures" / "strip.png"
    if not rows:
        return []
    with matplotlib.rc_context(RC):
        drawn = _drawn(rows)
        save(drawn, path)
    return [path]


def _drawn(rows: Sequence[Sequence[Tile]]) -> Figure:
    """Every picture as wide as the others and as high as it is, laid out from the top in inches."""
    heights = [TILE * row[0].picture.shape[0] / row[0].picture.shape[1] for row in rows]
    head = LINE * max(tile.head.count("\n") + 1 for tile in rows[0]) + GAP
    width = len(rows[0]) * (TILE + GAP) + GAP
    height = head + sum(heights) + len(rows) * CAPTION
    drawn = figure(width, height)
    drawn.set_layout_engine("none")
    top = height - head
    for r, row in enumerate(rows):
        for c, tile in enumerate(row):
            left, bottom = GAP + c * (TILE + GAP), top - heights[r]
            place = (left / width, bottom / height, TILE / width, heights[r] / height)
            _draw(drawn.add_axes(place), tile, head=r == 0)
        top -= heights[r] + CAPTION
    return drawn


def _draw(axes: Axes, tile: Tile, head: bool) -> None:
    grey = {"cmap": "gray", "vmin": 0, "vmax": 255} if tile.picture.shape[2] == 1 else {}
    axes.imshow(tile.picture, interpolation="antialiased", aspect="auto", **grey)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xlabel(tile.words, fontsize=9, labelpad=3)
    if head:
        axes.set_title(tile.head, fontsize=10, pad=5)


def strip_rows(folder: Path) -> list[list[Tile]]:
    """The tiles, a list an image: at most four images, six points from the first to the last."""
    gallery, names = results.Gallery(folder=folder), swept(read_manifest(folder))
    table = results.read_rows(folder)
    firsts = table[(table["trial"] == 0) & (table["image_index"] < results.GALLERY_IMAGES)]
    points = _points(firsts)
    images = spread(sorted(firsts["image_index"].unique()), MOST_IMAGES)
    heard = set(firsts["point"][firsts["eve_psnr_db"].notna()]) if "eve_psnr_db" in table else set()
    heard_at = [point for point in points if point in heard][-1:]
    strip = []
    for image in images:
        lines = firsts[firsts["image_index"] == image].set_index("point")
        if not set(points) <= set(lines.index):
            continue
        name = str(lines["image"].iloc[0])
        tiles = [Tile(picture=results.load_picture(gallery.original(name)), head="original", words=name)]
        tiles += [_tile(gallery, lines.loc[point], names) for point in points]
        tiles += [_tile(gallery, lines.loc[point], names, overheard=True) for point in heard_at]
        strip.append(tiles)
    return strip


def _points(firsts: pd.DataFrame) -> list[str]:
    """At most six points, as many of each system; at least one of every system."""
    own = [list(rows["point"].unique()) for _, rows in firsts.groupby("system", sort=False)]
    most = max(1, MOST_POINTS // max(1, len(own)))
    return [point for points in own for point in spread(points, most)]


def _tile(gallery: results.Gallery, line: pd.Series, names: Sequence[str], overheard: bool = False) -> Tile:
    point, image = str(line.name), str(line["image"])
    short = short_names(names)
    told = "\n".join(setting(short[name], line[name]) for name in names if line[name] == line[name])
    path = gallery.eavesdropped(image, point) if overheard else gallery.received(image, point)
    psnr = line["eve_psnr_db" if overheard else "psnr_db"]
    words = f"{psnr:.1f} dB" + (", outage" if line["outage"] and not overheard else "")
    head = f"eavesdropper\n{told}" if overheard else told
    return Tile(picture=results.load_picture(path), head=head, words=words)


def spread(values: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the values, the first and the last among them, evenly between."""
    if len(values) <= most:
        return list(values)
    if most == 1:
        return [values[len(values) // 2]]
    return [values[round(i)] for i in np.linspace(0, len(values) - 1, most)]
