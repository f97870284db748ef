"""`linksim show` and `linksim validate`: what a plan comes to, and whether it would run."""

from __future__ import annotations

from linksim.budget import PILOTS, Frame, Row, budget, check_frames, frames
from linksim.images import load_images
from linksim.ledger import USES
from linksim.plan import Plan
from linksim.terminal import console, print_rows

COLUMNS = ("samples", "link", "stream", "mcs", "picked", "uses", "blocks", "payload bits")
HEAD = (*COLUMNS, *USES, "uses/sample", "data alone")


def check(plan: Plan) -> int:
    """How many images there are; LinksimError where one cannot be read or a frame holds no payload."""
    return len(_checked_sizes(plan))


def show_plan(plan: Plan) -> None:
    """What the plan comes to: its trials, and the budget of every point."""
    sizes = _checked_sizes(plan)
    out = console()
    out.print(f"{plan.scenario.name}: {count(plan, len(sizes))}")
    for point in plan.points:
        rows = budget(point, sizes)
        out.print(f"\n{point}; uses by category, with a full payload", markup=False)
        cells = [_cells(row) for row in rows] + [_frame_cells(frame) for frame in frames(rows)]
        print_rows(*_spent(cells))


def _checked_sizes(plan: Plan) -> list[int]:
    """Source samples of each picture, once every frame is seen to hold a payload."""
    photos = load_images(plan.scenario.images)
    check_frames(plan, {photo.image.size: photo.name for photo in photos})
    return [photo.image.size for photo in photos]


def count(plan: Plan, n_images: int) -> str:
    """'5 points, 6 images, 240 trials'."""
    points, trials = len(plan.points), plan.trials(n_images)
    return f"{points} point{'s' * (points != 1)}, {n_images} image{'s' * (n_images != 1)}, {trials} trials"


def _spent(cells: list[tuple[str, ...]]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows without the categories on which nothing is spent."""
    kept = [i for i, name in enumerate(HEAD) if name not in USES or any(row[i] != "0" for row in cells)]
    return tuple(HEAD[i] for i in kept), [tuple(row[i] for i in kept) for row in cells]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        str(row.n_source),
        row.link,
        row.stream,
        row.mcs or ("" if row.stream == PILOTS else "analog"),
        "" if row.stream == PILOTS else f"{float(row.how_often):.0%}",
        str(row.uses),
        str(row.blocks) if row.mcs else "",
        str(row.payload_bits) if row.mcs else "",
        *(f"{float(row.uses_by_category[name]):.0f}" for name in USES),
        f"{float(row.bandwidth_ratio):.4f}",
        f"{float(row.payload_bandwidth_ratio):.4f}",
    )


def _frame_cells(frame: Frame) -> tuple[str, ...]:
    spent = (f"{float(frame.uses_by_category[name]):.0f}" for name in USES)
    ratios = (f"{float(frame.bandwidth_ratio):.4f}", f"{float(frame.payload_bandwidth_ratio):.4f}")
    return (str(frame.n_source), frame.link, "whole frame", "", "", str(frame.uses), "", "", *spent, *ratios)
