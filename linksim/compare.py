"""`linksim compare A B`: how much one system beats another, point by point and on average.

Two systems of one seed meet the same fades and noise, picture by picture and trial by trial, so their
difference is taken within each trial: what both suffer from drops out of it. See `paired` for its interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from linksim.compare_curves import curve_sentences
from linksim.compare_ratios import (
    RATIO_NOTE,
    at_equal,
    columns,
    crossed,
    each_point,
    each_told,
    frame,
    left_out,
    mean_over,
    of_b,
    overall,
    places,
    sentence,
)
from linksim.curve_gains import gains
from linksim.errors import LinksimError
from linksim.faults import near
from linksim.paired import Difference
from linksim.ratios import Moved, Ratio, moved, ratio
from linksim.report.fields import SNR, short_names, value_text
from linksim.sides import COMPARED, Compared, Pair, Side, difference, means, pairs, read_sides
from linksim.tables import markdown, write

if TYPE_CHECKING:
    import pandas as pd

Sides = tuple[Side, Side]
Found = Sequence[tuple[Pair, Difference]]
Times = Sequence[Ratio | None]
"""Of each point the ratio of both means, where that is told."""
UNLIKE = 0.01
"""Part by which channel uses may differ that a comparison calls alike."""
FEW = 5
"""Outages below which an interval of a mean that they spoil is narrower than it should be."""
LIKE = (
    "+- is a 95 % interval over the fades that these pictures may meet, "
    "in brackets over pictures like them too."
)
NOTE = "Differences are within each trial, over the same fade and noise."
UNSHARED = (
    "The draws are not shared (other seeds, or links of other names): the differences are of the pictures' "
    "means, and their intervals wider."
)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a comparison says. sentences: one a shared point; averages: of whole curves; frame: the numbers
    of the points, gained: of the curves.
    """

    sentences: list[str]
    averages: list[str]
    notes: list[str]
    frame: pd.DataFrame

    def __rich__(self) -> str:
        from rich.markup import escape

        parts = ["\n".join(part) for part in (self.sentences, self.averages, self.notes) if part]
        return escape("\n\n".join(parts))

    def markdown(self) -> str:
        """Sentences as a list, the points as a table."""
        lists = ["\n".join(f"- {each}" for each in part) for part in (self.sentences, self.averages) if part]
        table = [_markdown(self.frame)] if "difference" in self.frame else []
        return "\n\n".join([*lists, *table, " ".join(self.notes)]) + "\n"

    def write(self, path: Path) -> Path:
        """To .csv the numbers with every digit, to .md the sentences and the numbers."""
        return write(path, self.frame, self.markdown())


def _markdown(frame: pd.DataFrame) -> str:
    """The points as a table: what was swept, the means, the difference and its two intervals."""
    swept = list(frame.columns[: list(frame.columns).index("a")])
    short, line = short_names(swept), frame.iloc[0]
    metric = next(each for each in COMPARED.values() if each.column == line["metric"])
    head = ["SNR (dB)" if name == SNR else short[name] for name in swept]
    head += ["trials", line["a"], line["b"], "difference", "these pictures", "pictures like them"]
    cells = [
        [
            *("" if row[name] is None or row[name] != row[name] else value_text(row[name]) for name in swept),
            str(row["trials"]),
            *(metric.text(row[name], 2) for name in ("mean_a", "mean_b", "difference")),
            *(_limits(metric, row[f"{name}_low"], row[f"{name}_high"]) for name in ("these", "like")),
        ]
        for _, row in frame.iterrows()
    ]
    return markdown(head, cells)


def _limits(metric: Compared, low: float, high: float) -> str:
    return "" if math.isnan(low) else f"[{metric.text(low, 2)}, {metric.text(high, 2)}]"


def compare_runs(
    a: str,
    b: str | None = None,
    metric: str = "psnr",
    over: Sequence[str] = (),
    along: str | None = None,
) -> Comparison:
    """How much `a` beats `b`, each 'RUN' or 'RUN:SYSTEM'.

    Without b, a run of two systems has its first against its second, RUN:SYSTEM has it against the other.
    over: swept fields that ratios are averaged over. along: a measured column at whose values they are told.

    A line in LinksimError where a name is unknown, or the two have nothing to be compared at.
    """
    if metric not in COMPARED:
        raise LinksimError("--metric", "must be one that can be compared", metric, near(metric, COMPARED))
    sides, chosen = read_sides(a, b), COMPARED[metric]
    chosen.check(*sides)
    for option, value in (("--over", over), ("--along", along)):
        if value and not chosen.ratio:
            rule = "is told of ratios, as of mse"
            raise LinksimError(option, rule, metric, "add --metric mse, or leave it out")
    every = pairs(*sides)
    if over or along:
        return _ratios(sides, chosen, every, over, along)
    found = [(pair, told) for pair in every if (told := difference(pair, chosen)) is not None]
    curves = gains(*sides, chosen)
    if not found and not curves:
        raise _nothing(sides)
    points = [moved(pair, chosen) if chosen.ratio else None for pair, _ in found]
    times = [point and ratio(point) for point in points]
    return Comparison(
        sentences=_sentences(sides, chosen, found, times),
        averages=([] if crossed(sides) else _of_all(sides, [point for point in points if point]))
        + curve_sentences(sides, chosen, curves),
        notes=_notes(sides, found, chosen)
        + (left_out(points.count(None), sides) + crossed(sides) if chosen.ratio else []),
        frame=_frame(sides, found, chosen, times),
    )


def _ratios(
    sides: Sides, metric: Compared, every: Sequence[Pair], over: Sequence[str], along: str | None
) -> Comparison:
    """Ratios in place of differences: at equal values of a column, or averaged over fields, or both."""
    points = each_point(every, metric)
    notes = [RATIO_NOTE, *left_out(len(every) - len(points), sides)]
    if along:
        points, more = at_equal(every, sides, metric, along)
        notes += more
    if not points:
        raise _nothing(sides)
    told = mean_over(points, over) if over else each_told(points)
    column = list(points[0].values)[:1] if along else []
    at = places([each.values for each in told], always=column)
    return Comparison(
        sentences=[sentence(each, sides, place) for each, place in zip(told, at, strict=True)],
        averages=[] if over else _of_all(sides, points),
        notes=notes,
        frame=frame(told, sides, metric),
    )


def _of_all(sides: Sides, points: Sequence[Moved]) -> list[str]:
    """The average ratio of all points, if there are several."""
    return [sentence(overall(points), sides, "")] if len(points) > 1 else []


def _nothing(sides: Sides) -> LinksimError:
    names = " and ".join(side.label for side in sides)
    rule = f"{names} have no picture, or no point of the same SNR and settings, in common"
    return LinksimError("compare", rule, None, "run them over the same SNRs and pictures")


def _sentences(sides: Sides, metric: Compared, found: Found, times: Times) -> list[str]:
    at = places([pair.values for pair, _ in found], always=(SNR,))
    return [
        _sentence(*sides, metric, told, place) + (f": {of_b(times_b)} times as much" if times_b else "")
        for (_, told), place, times_b in zip(found, at, times, strict=True)
    ]


def _sentence(a: Side, b: Side, metric: Compared, found: Difference, at: str) -> str:
    """'A beats B by 3.1 +-0.2 (+-0.6) dB at 5 dB'."""
    half, title = found.half_width, f" {metric.title}" if metric.title else ""
    digits = 1 if half >= 0.1 or math.isnan(half) else 2
    if math.isnan(half):
        told = metric.sized(metric.text(found.mean, digits, "+"))
        return f"{a.label} less {b.label}{title}: {told} at {at}, in one trial, without an interval"
    both = f"+-{metric.text(half, digits)}"
    if not (math.isnan(found.these) or math.isnan(found.like)):
        both += f" (+-{metric.text(found.like, digits)})"
    if abs(found.mean) <= half and half > 0:
        told = metric.sized(f"{metric.text(found.mean, digits, '+')} {both}")
        return f"no difference seen between {a.label} and {b.label}{title} at {at}: {told}"
    if found.mean == 0:
        return f"{a.label} and {b.label} are equal{title} at {at}, in every trial"
    verb = "beats" if found.mean * metric.better > 0 else "loses to"
    told = metric.sized(f"{metric.text(abs(found.mean), digits)} {both}")
    return f"{a.label} {verb} {b.label}{title} by {told} at {at}"


def _notes(sides: Sides, found: Found, metric: Compared) -> list[str]:
    """What the numbers are; trials left out; and uses of the channel that are not alike."""
    notes = [NOTE if all(pair.shared for pair, _ in found) else UNSHARED, LIKE]
    if rare := _rare(found):
        notes.append(rare)
    left = sum(min(len(pair.a), len(pair.b)) - told.n for pair, told in found if pair.shared)
    if left:
        notes.append(f"{left} trials without a finite value on both sides are left out.")
    uses = [(_uses(pair.a), _uses(pair.b)) for pair, _ in found]
    if any(abs(one - two) > UNLIKE * max(one, two) for one, two in uses):
        spent = " and ".join(
            f"{side.label} spends {min(each):.4g} to {max(each):.4g}"
            if min(each) < max(each)
            else f"{side.label} spends {each[0]:.4g}"
            for side, each in zip(sides, zip(*uses, strict=True), strict=True)
        )
        notes.append(f"Mind the channel uses per source sample: {spent}.")
    return notes


def _rare(found: Found) -> str | None:
    """Of points where so few outages were seen that the next ones may move the mean out of its interval."""
    if not found:
        return None
    at = places([pair.values for pair, _ in found], always=(SNR,))
    few = {}
    for (pair, told), place in zip(found, at, strict=True):
        lost = [int(rows["outage"].sum()) for rows in (pair.a, pair.b) if rows["blocks"].any()]
        if lost and min(lost) < FEW:
            few[place] = f"{min(lost)} of {told.n}"
    where = "; ".join(f"{seen} at {place}" for place, seen in few.items())
    return f"Few outages were seen: {where}. What rarer ones cost is in no interval." if few else None


def _uses(rows: pd.DataFrame) -> float:
    return float(rows["n_uses"].sum() / rows["samples"].sum())


def _frame(sides: Sides, found: Found, metric: Compared, times: Times) -> pd.DataFrame:
    """A line a shared point: settings, means over what was compared, the difference and its intervals."""
    import pandas as pd

    a, b = sides
    lines = []
    for (pair, told), times_b in zip(found, times, strict=True):
        mean_a, mean_b = means(pair, metric)
        line = dict(pair.values) | {"a": a.label, "b": b.label, "metric": metric.column}
        line |= {"trials": told.n, "pictures": told.pictures, "shared_draws": pair.shared}
        line |= {"mean_a": mean_a, "mean_b": mean_b, "difference": told.mean}
        for name, half in (("", told.half_width), ("these_", told.these), ("like_", told.like)):
            line |= {f"{name}low": told.mean - half, f"{name}high": told.mean + half}
        line |= columns(times_b) if times_b else {}
        line |= {"uses_a": _uses(pair.a), "uses_b": _uses(pair.b)}
        lines.append(line)
    return pd.DataFrame(lines)
