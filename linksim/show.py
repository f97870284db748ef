"""`linksim show` and `linksim validate`: what a plan comes to, and whether it would run."""

from __future__ import annotations

from linksim.budget import Row, budget, check_frames
from linksim.images import load_images
from linksim.plan import Plan
from linksim.terminal import console, print_rows

OVERHEAD = ("signalling", "header", "tag", "crc", "padding", "parity", "fill")


def check(plan: Plan) -> str:
    """'fine: 5 points x 6 images x 8 draws = 240 trials'; LinksimError where it would not run."""
    sizes = _sizes(plan)
    check_frames(plan, sizes)
    return f"fine: {_count(plan, len(sizes))}"


def show_plan(plan: Plan) -> None:
    """What the plan comes to: its trials, and the budget of every point."""
    sizes = _sizes(plan)
    check_frames(plan, sizes)
    console().print(f"[bold]{plan.scenario.name}[/]: {_count(plan, len(sizes))}")
    for point in plan.points:
        head = (
            "samples",
            "link",
            "stream",
            "mcs",
            "picked",
            "uses",
            "blocks",
            "payload bits",
            "data",
            *OVERHEAD,
        )
        rows = [_cells(row) for row in budget(point, sizes)]
        print_rows(
            (*head, "uses/sample", "data alone"), rows, title=f"\n{point}; uses by category, payload full"
        )


def _sizes(plan: Plan) -> list[int]:
    """Source samples of each picture."""
    return [photo.image.size for photo in load_images(plan.scenario.images)]


def _count(plan: Plan, n_images: int) -> str:
    points, trials = len(plan.points), plan.trials(n_images)
    return f"{points} point{'s' * (points != 1)}, {n_images} image{'s' * (n_images != 1)}, {trials} trials"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        str(row.n_source),
        row.link,
        row.stream,
        row.mcs or "analog",
        f"{row.how_often:.0%}",
        str(row.uses),
        str(row.blocks) if row.mcs else "",
        str(row.payload_bits) if row.mcs else "",
        *(f"{float(row.uses_by_category[name]):.0f}" for name in ("data", *OVERHEAD)),
        f"{float(row.bandwidth_ratio):.4f}",
        f"{float(row.payload_bandwidth_ratio):.4f}",
    )
