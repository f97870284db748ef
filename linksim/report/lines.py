"""The lines of a run's table in words: what became of the pictures, and what the links did for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from linksim.report.fields import DATA, FRAME, PILOTS, SNR, USES, short_names, value_text


@dataclass(frozen=True, kw_only=True)
class Lines:
    """A table of text: heads, and a list of cells a line."""

    head: list[str]
    cells: list[list[str]]


def picture_lines(table: pd.DataFrame, names: Sequence[str]) -> Lines:
    """A line a point: how good the pictures are, and how often one does not arrive."""
    columns = _swept_columns(table, names)
    columns["trials"] = [str(n) for n in table["trials"]]
    columns["PSNR (dB)"] = _with_interval(table, "psnr_db")
    columns["delivered"] = [_number(value, 2) for value in table["psnr_delivered_db"]]
    if tells_mse(table):
        columns["MSE"] = _with_interval(table, "mse", form="e")
    columns["outage (%)"] = _with_interval(table, "outage_rate", digits=1, scale=100)
    if "ms_ssim_db" in table and table["ms_ssim_db"].notna().any():
        columns["MS-SSIM"] = [_number(value, 2) for value in table["ms_ssim_db"]]
    if "eve_psnr_db" in table:
        columns["Eve"] = [_number(value, 2) for value in table["eve_psnr_db"]]
    return Lines(head=list(columns), cells=[list(cells) for cells in zip(*columns.values(), strict=True)])


def tells_mse(table: pd.DataFrame) -> bool:
    """Whether the mean squared error tells more than the PSNR: where that is infinite, or of grey pictures.

    table: as `summarise` makes it.
    """
    if "mse" not in table or table["mse"].isna().all():
        return False
    return bool(np.isinf(table["psnr_db"]).any() or ("channels" in table and (table["channels"] == 1).any()))


def link_lines(table: pd.DataFrame, names: Sequence[str]) -> Lines:
    """A line a point and stream: schemes, block errors, uses; and the frame's, if it is more than that."""
    streams = [name.removesuffix(f".{DATA}") for name in table if name.endswith(f".{DATA}")]
    labels = short_names(streams)
    columns = _swept_columns(table, names)
    head = [*columns, "stream", "MCS", "blocks", "BLER (%)", "uses/sample", "data"]
    cells = []
    for lead, (_, line) in zip(zip(*columns.values(), strict=True), table.iterrows(), strict=True):
        own = [stream for stream in streams if not math.isnan(line[f"{stream}.{DATA}"])]
        block = [[labels[stream], *_stream_cells(line, stream)] for stream in own]
        if len(own) > 1 or line[PILOTS]:
            frame = "frame, with pilots" if line[PILOTS] else "frame"
            block.append([frame, "", "", "", *_ratio_cells(line, FRAME)])
        leads = [lead] + [("",) * len(lead)] * (len(block) - 1)
        cells += [[*first, *rest] for first, rest in zip(leads, block, strict=True)]
    return Lines(head=head, cells=cells)


def _stream_cells(line: pd.Series, stream: str) -> Iterator[str]:
    blocks = line.get(f"{stream}.blocks", math.nan)
    mcs = line.get(f"{stream}.mcs")
    yield mcs if isinstance(mcs, str) else "analog"
    yield _number(blocks, 0)
    yield _number(100 * line.get(f"{stream}.bler", math.nan), 2)
    yield from _ratio_cells(line, f"{stream}.")


def _ratio_cells(line: pd.Series, prefix: str) -> Iterator[str]:
    yield _number(line[f"{prefix}{USES}"], 4)
    yield _number(line[f"{prefix}{DATA}"], 4)


def _swept_columns(table: pd.DataFrame, names: Sequence[str]) -> dict[str, list[str]]:
    short = short_names(names)
    heads = {name: "SNR (dB)" if name == SNR else short[name] for name in names}
    return {heads[name]: [value_text(value) for value in table[name]] for name in names}


def _number(value: float, digits: int, form: str = "f") -> str:
    return "" if math.isnan(value) else f"{value:.{digits}{form}}"


def _with_interval(
    table: pd.DataFrame, name: str, digits: int = 2, scale: float = 1, form: str = "f"
) -> list[str]:
    """'31.20 [30.9, 31.5]' a line; the interval has a digit less than what it is around. form: f or e."""
    stem = name.removesuffix("_rate")
    columns = [scale * table[column] for column in (name, f"{stem}_low", f"{stem}_high")]
    cells = []
    for middle, low, high in zip(*columns, strict=True):
        interval = f" [{_number(low, digits - 1, form)}, {_number(high, digits - 1, form)}]"
        cells.append(_number(middle, digits, form) + ("" if math.isnan(low) else interval))
    return cells
