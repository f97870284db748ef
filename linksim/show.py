"""`linksim show` and `linksim validate`: what a plan comes to, and whether it would run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from linksim.budget import (
    PILOTS,
    Frame,
    Row,
    budget,
    check_codecs,
    check_frames,
    frames,
    most_granted,
    shares,
)
from linksim.estimate import Estimate, estimate
from linksim.images import Photo, load_images
from linksim.ledger import USES
from linksim.plan import Plan, Point
from linksim.report.fields import short_names
from linksim.scenario import Scenario
from linksim.terminal import busy, console, print_rows
from phy.compact import compact

COLUMNS = ("samples", "link", "stream", "mcs", "picked", "uses", "blocks", "payload bits")
HEAD = (*COLUMNS, *USES, "uses/sample", "data alone")
SYSTEMS = ("system", "codec", "points", "trials", "uses/sample")
MOST_POINTS = 25
"""Points that are shown one by one."""
DESCRIBED = 4
"""Pictures that a codec encodes to tell what its messages come to."""
Photos = Mapping[str, list[Photo]]
"""The pictures of each system of a plan."""


def check(plan: Plan) -> dict[str, int]:
    """How many pictures each system has; LinksimError where one is broken or a frame holds no payload."""
    return {system: len(photos) for system, photos in _checked_photos(plan).items()}


def show_plan(plan: Plan, probe: bool = False, workers: int | None = None) -> None:
    """What the plan comes to: of one system the budget of every point, of several a line each.

    probe: also run a few trials and tell how long all would take, with one and with `workers`, as many
    as cores if not given.
    """
    photos = _checked_photos(plan)
    out = console()
    out.print(f"{plan.name}: {count(plan, {system: len(each) for system, each in photos.items()})}")
    if len(plan.scenarios) > 1:
        out.print(pairing(plan))
        _show_systems(plan, photos)
    else:
        _show_points(plan, [photo for each in photos.values() for photo in each])
    if probe:
        with busy("running a few trials to see how long they take"):
            found = estimate(plan, photos)
        _show_estimate(found, workers or found.cores, "at most " * _stops(plan))


def count(plan: Plan, n_images: Mapping[str, int]) -> str:
    """'15 points of 3 systems, 4 images, at most 480 trials'."""
    points, trials = len(plan.points), plan.trials(n_images)
    systems = len(plan.scenarios)
    of = f" of {systems} systems" if systems > 1 else ""
    few, many = min(n_images.values()), max(n_images.values())
    images = f"{few} to {many} images" if few < many else f"{many} image{'s' * (many != 1)}"
    most = "at most " * _stops(plan)
    return f"{points} point{'s' * (points != 1)}{of}, {images}, {most}{trials} trials"


def _stops(plan: Plan) -> bool:
    """Whether a point may end before all its trials."""
    return any(point.scenario.trials.stop is not None for point in plan.points)


def pairing(plan: Plan) -> str:
    """Whether the systems of a plan meet the same fades and noise, and if not, what differs.

    A draw is named by the seed, the link's name, the picture's pixels and the trial.
    """
    scenarios = [[each.scenario for each in plan.points if each.system == name] for name in plan.scenarios]
    told = {
        "seeds": [{str(each.seed) for each in own} for own in scenarios],
        "channels": [
            {compact(link.channel) for each in own for link in each.links.values()} for own in scenarios
        ],
        "link names": [set(each.links) for each in plan.scenarios.values()],
        "pictures": [{_source(each)} for each in plan.scenarios.values()],
    }
    apart = [
        f"{what} {' and '.join(dict.fromkeys(', '.join(sorted(each)) for each in sets))}"
        for what, sets in told.items()
        if any(each != sets[0] for each in sets)
    ]
    if apart:
        return f"draws are not paired: {'; '.join(apart)}"
    return "draws are paired: all systems meet the same fades and noise"


def _source(scenario: Scenario) -> str:
    images = scenario.images
    cut = "" if images.crop is None else f", {images.crop} of each"
    cut += "" if images.sheet is None else f", sheets of {images.sheet}"
    most = "" if images.limit is None else f" (first {images.limit})"
    return f"{images.set or images.folder}{cut}{most}"


def _checked_photos(plan: Plan) -> Photos:
    """The pictures of each system, once every frame is seen to hold a payload."""
    loaded = cache(load_images)
    photos = {system: loaded(scenario.images) for system, scenario in plan.scenarios.items()}
    sizes = {system: {each.image.size: each.name for each in photos[system]} for system in photos}
    check_frames(plan, sizes)
    check_codecs(plan, {name: {each.image.shape: each.name for each in photos[name]} for name in photos})
    return photos


def _show_systems(plan: Plan, photos: Photos) -> None:
    """A line a system; what is swept has a line of its own where it is the same for all."""
    swept = {system: _swept(scenario, plan) for system, scenario in plan.scenarios.items()}
    alike = len(set(swept.values())) == 1
    if alike:
        console().print(f"swept: {next(iter(swept.values()))}\n", markup=False)
    rows = []
    for system, scenario in plan.scenarios.items():
        points = [point for point in plan.points if point.system == system]
        trials = sum(len(photos[system]) * point.scenario.trials.per_image for point in points)
        sizes = {photo.image.size for photo in photos[system]}
        ratios = shares(points, sizes)
        ends = [f"{float(end):.4f}" for end in (min(ratios), max(ratios))]
        ratio = "-".join(dict.fromkeys(ends))
        row = (system, scenario.codec.kind, str(len(points)), str(trials), ratio)
        rows.append(row if alike else (*row, swept[system]))
    print_rows(SYSTEMS if alike else (*SYSTEMS, "swept"), rows)


def _swept(scenario: Scenario, plan: Plan) -> str:
    """'snr_db (5) x k_factor + bandwidth_ratio (2)': each with each, and together, with how many values."""
    short = short_names(plan.fields)
    parts = [f"{short[name]} ({len(values)})" for name, values in scenario.sweep.items()]
    if scenario.zip:
        n_values = len(next(iter(scenario.zip.values())))
        parts.append(f"{' + '.join(short[name] for name in scenario.zip)} ({n_values})")
    return " x ".join(parts) or "nothing"


def _show_points(plan: Plan, photos: Sequence[Photo]) -> None:
    sizes = {photo.image.size for photo in photos}
    left_out = len(plan.points) > MOST_POINTS
    for point in (plan.points[0], plan.points[-1]) if left_out else plan.points:
        rows = budget(point, sizes)
        console().print(f"\n{point}; uses by category, with a full payload", markup=False)
        cells = [_cells(row) for row in rows] + [_frame_cells(frame) for frame in frames(rows)]
        print_rows(*_spent(cells))
        _show_facts(point, photos[:DESCRIBED])
    if left_out:
        console().print(
            f"\nThe first and the last of {len(plan.points)} points; --set and --sweep tell others."
        )


def _show_facts(point: Point, photos: Sequence[Photo]) -> None:
    """A line of a codec that tells what its messages come to, of some pictures under their largest grants."""
    codec = point.scenario.codec
    if not hasattr(codec, "describe"):
        return
    sizes = [photo.image.size for photo in photos]
    facts = codec.facts([photo.image for photo in photos], [most_granted(point, n) for n in sizes])
    uses = float(max(shares([point], sizes)))
    console().print(f"{codec.describe(facts, uses)} (the first {len(photos)} pictures)", markup=False)


def _show_estimate(found: Estimate, workers: int, most: str) -> None:
    """Seconds a trial of each system, and the time of the whole plan. most: 'at most ', or nothing."""
    console().print()
    if len(found.costs) > 1:
        rows = [(each.system, _span(each.per_trial), duration(each.seconds())) for each in found.costs]
        print_rows(("system", "seconds a trial", "all its trials"), rows)
    told = f"about {most}{duration(found.seconds())} with 1 worker"
    if workers > 1:
        told += f", {most}{duration(found.seconds(workers))} with --workers {workers}"
    units = f"{found.units} unit{'s' * (found.units != 1)} of work"
    console().print(f"{told}; {units}\n(from {found.probed} trials, which took {duration(found.took)})")


def _span(values: Sequence[float]) -> str:
    """'0.42', or '0.4 to 0.51' from the least to the most."""
    least, most = f"{min(values):.2g}", f"{max(values):.2g}"
    return least if least == most else f"{least} to {most}"


def duration(seconds: float) -> str:
    """For people.

    >>> duration(0.4), duration(42), duration(600), duration(9000), duration(300_000)
    ('1 s', '42 s', '10 min', '2.5 h', '3.5 days')
    """
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


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
