"""A grid of pictures: the original, then what arrived over the values of a field, a row a system and setting;
where his PSNR is asked for, what an eavesdropper saw.

Small pictures are drawn as squares of whole pixels, so that each of their own can be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from PIL import Image as Pictures

from linksim import results
from linksim.codecs.base import Image
from linksim.errors import LinksimError
from linksim.estimates import Metric, chosen
from linksim.faults import near
from linksim.gathered import SYSTEM, Gathered, NotRun, in_step, resolve, usual_field
from linksim.report.asked import Asked
from linksim.report.fields import SNR, number, setting, short_names
from linksim.report.lines import tells_mse
from linksim.report.strip import spread
from linksim.report.style import COLUMN_DPI, COLUMN_RC, figure, save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_COLUMNS, MOST_IMAGES = 10, 4
"""Values of the field, evenly thinned where there are more; images, where there is one system and setting."""
WIDTH, TILE, PHOTO = 7.16, 1.2, 2.4
"""Inches: of two columns of IEEE's, and of a picture at most, be it small or large."""
SMALL = 128
"""Pixels of a small picture's width at most."""
OVERHEARD = "eve_psnr_db"
"""The number under pictures that an eavesdropper saw."""
GAP, LINE = 12, 32
"""Pixels between two pictures, and of a line of words."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One picture and the lines under it."""

    picture: Image
    words: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """Tiles by column, some of them missing. label: over them, empty where there is one row."""

    label: str
    tiles: Sequence[Tile | None]


def draw_grid(
    runs: Sequence[Path], gathered: Gathered, asked: Asked, outs: Sequence[Path], title: str = ""
) -> None:
    """The first trials of pictures, as every file of `outs`. LinksimError where there is none to be seen."""
    import matplotlib

    heads, rows = grid_rows(runs, gathered, asked)
    with matplotlib.rc_context(COLUMN_RC):
        drawn = _drawn(heads, rows, title)
        for out in outs:
            save(drawn, out, COLUMN_DPI)


def grid_rows(runs: Sequence[Path], gathered: Gathered, asked: Asked) -> tuple[list[str], list[Row]]:
    """Heads of the columns, and the rows: of each image one a system and setting of the other fields."""
    if len(asked.by) > 1:
        raise LinksimError("--by", "must be one field of pictures", " ".join(asked.by), "take one of them")
    field = resolve(asked.by[0], dict.fromkeys([*gathered.fields, SNR]), "--by") if asked.by else None
    field = field or usual_field(gathered)
    every = gathered.rows
    firsts = every[(every["trial"] == 0) & (every["image_index"] < results.GALLERY_IMAGES)]
    (metric,) = chosen(asked.y or (("mse",) if tells_mse(every) else ("psnr",)), every, "--y")[:1]
    others = [name for name in gathered.fields if name != field and _tells(firsts, name, field)]
    settings = [key for key, _ in _groups(firsts, others)]
    images = _images(firsts, asked.images, 1 if len(settings) > 1 else MOST_IMAGES)
    values = _values(firsts[field], asked)
    short = short_names([*dict.fromkeys([*gathered.fields, field])])
    rows = []
    for image in images:
        own = firsts[firsts["image"] == image]
        for n, (key, lines) in enumerate(_groups(own, others)):
            told = [
                setting(short[name], value) for name, value in zip(others, key, strict=True) if _known(value)
            ]
            label = ", ".join([image] * (len(images) > 1) + told)
            folder = runs[int(lines["run"].iloc[0])]
            first = _original(folder, image, metric) if n == 0 else None
            rows.append(Row(label=label, tiles=[first, *_tiles(folder, lines, field, values, metric)]))
    heads = ["original"] + [
        setting(short[field], value) if _known(value) else f"no {short[field]}" for value in values
    ]
    return heads, [Row(label="", tiles=row.tiles) if len(rows) == 1 else row for row in rows]


def _groups(rows: pd.DataFrame, names: Sequence[str]) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    """The rows by their values of the fields."""
    return list(rows.groupby(list(names), sort=False, dropna=False)) if names else [((), rows)]


def _tells(firsts: pd.DataFrame, name: str, field: str) -> bool:
    """Whether a field tells rows apart: it differs, and in some system not in step with what runs along."""
    told = (
        firsts[[SYSTEM, name, field]].astype(str) if name != SYSTEM else firsts[[SYSTEM, field]].astype(str)
    )
    if told[name].nunique() <= 1:
        return False
    systems = [rows for _, rows in told.groupby(SYSTEM, sort=False)]
    return name == SYSTEM or not all(
        rows[name].nunique() == 1 or in_step(list(rows[name]), list(rows[field])) for rows in systems
    )


def _known(value: Any) -> bool:
    return value is not None and value == value


def _images(firsts: pd.DataFrame, wanted: Sequence[str], most: int) -> list[str]:
    """The images asked for, else so many of them; LinksimError where one has no picture."""
    names = [str(name) for name in firsts.sort_values("image_index")["image"].unique()]
    for name in wanted:
        if name not in names:
            rule = f"must be one of the first {results.GALLERY_IMAGES} images of the run"
            raise LinksimError("--image", rule, name, near(name, names[:20]))
    if not names:
        raise NotRun("plot", "has no picture here", None, "pictures are kept of first trials")
    return list(wanted) or (names[:1] if most == 1 else spread(names, most))


def _values(column: pd.Series, asked: Asked) -> list[Any]:
    """The values of the field in their order; those that `at` names are all drawn."""
    values = [value for value in column.unique() if _known(value)]
    if all(number(value) is not None for value in values):
        values = sorted(values, key=lambda value: number(value) or 0.0)
    if not asked.at:
        values = spread(values, MOST_COLUMNS)
    return values + [None] * bool(column.isna().any())


def _original(folder: Path, image: str, metric: Metric) -> Tile:
    """The picture itself; under it, what the numbers beside it are."""
    picture = results.load_picture(results.Gallery(folder=folder).original(image))
    return Tile(picture=picture, words=metric.title.removesuffix(" (dB)"))


def _tiles(
    folder: Path, lines: pd.DataFrame, field: str, values: Sequence[Any], metric: Metric
) -> list[Tile | None]:
    tiles: list[Tile | None] = []
    for value in values:
        own = lines[lines[field].isna() if value is None else lines[field] == value]
        tiles.append(_tile(folder, own.iloc[:1], metric) if len(own) else None)
    return tiles


def _tile(folder: Path, line: pd.DataFrame, metric: Metric) -> Tile:
    image, point = str(line["image"].iloc[0]), str(line["point"].iloc[0])
    if metric.column == OVERHEARD and line[OVERHEARD].isna().all():
        (metric,) = chosen(("psnr",), line, "--y")  # nobody listens: what was received
    value = metric.of(line)[0]
    words = metric.text(value, np.nan, np.nan) if value else "0"
    words += " dB" if metric.column.endswith("_db") else ""
    gallery, overheard = results.Gallery(folder=folder), metric.column == OVERHEARD
    words += "\noutage" if line["outage"].iloc[0] and not overheard else ""
    path = gallery.eavesdropped(image, point) if overheard else gallery.received(image, point)
    return Tile(picture=results.load_picture(path), words=words)


def scaled(picture: Image, most: int) -> Image:
    """uint8 [height', width', 3] at most so many pixels wide: whole times larger, or smaller."""
    rgb = np.broadcast_to(picture, (*picture.shape[:2], 3))
    height, width = rgb.shape[:2]
    if width <= most:
        times = most // width
        return np.repeat(np.repeat(rgb, times, axis=0), times, axis=1)
    size = (most, max(1, round(height * most / width)))
    return np.asarray(Pictures.fromarray(np.ascontiguousarray(rgb)).resize(size, Pictures.Resampling.LANCZOS))


def _drawn(heads: Sequence[str], rows: Sequence[Row], title: str) -> Figure:
    """Laid out from the top, in pixels: heads, then row by row its label, its pictures, their words."""
    small = all(tile.picture.shape[1] <= SMALL for row in rows for tile in row.tiles if tile)
    most = min(round((TILE if small else PHOTO) * COLUMN_DPI), round(WIDTH * COLUMN_DPI) // len(heads) - GAP)
    shown = [[tile and scaled(tile.picture, most) for tile in row.tiles] for row in rows]
    wide = max(each.shape[1] for row in shown for each in row if each is not None)
    words = [max(_n_lines(tile.words) for tile in row.tiles if tile) for row in rows]
    tall = [max(each.shape[0] for each in row if each is not None) for row in shown]
    top = LINE * (bool(title) + 1) + 2 * GAP
    each_tall = [
        LINE * bool(row.label) + t + LINE * w + 2 * GAP for row, t, w in zip(rows, tall, words, strict=True)
    ]
    size = (GAP + len(heads) * (wide + GAP), top + sum(each_tall))
    drawn = figure(size[0] / COLUMN_DPI, size[1] / COLUMN_DPI)
    drawn.set_layout_engine("none")
    drawn.set_dpi(COLUMN_DPI)
    write = _writer(drawn, size)
    if title:
        write(GAP, GAP // 2, title, ha="left")
    left = [GAP + n * (wide + GAP) for n in range(len(heads))]
    for x, head in zip(left, heads, strict=True):
        write(x + wide / 2, top - LINE - GAP // 2, head)
    for row, pictures, height, whole in zip(rows, shown, tall, each_tall, strict=True):
        if row.label:
            write(GAP, top, row.label, ha="left")
        under = top + LINE * bool(row.label) + height
        for x, tile, picture in zip(left, row.tiles, pictures, strict=True):
            if tile is not None and picture is not None:
                drawn.figimage(picture, xo=x + (wide - picture.shape[1]) // 2, yo=size[1] - under)
                for n, words_of in enumerate(tile.words.splitlines()):
                    write(x + wide / 2, under + GAP // 2 + n * LINE, words_of, fontsize=7)
        top += whole
    return drawn


def _n_lines(words: str) -> int:
    return len(words.splitlines())


def _writer(drawn: Figure, size: tuple[int, int]) -> Callable[..., None]:
    """Writes words at a place in pixels from the left and the top."""

    def write(x: float, y: float, words: str, ha: str = "center", **look: Any) -> None:
        drawn.text(x / size[0], 1 - y / size[1], words, ha=ha, va="top", **({"fontsize": 8} | look))

    return write
