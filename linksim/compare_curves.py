"""What `linksim compare` says of two whole curves: average gains, and what is saved at equal quality."""

from __future__ import annotations

import math
from collections.abc import Sequence

from linksim.compare_ratios import places
from linksim.curve_gains import GAIN, SAVING, Gain
from linksim.report.fields import SNR
from linksim.sides import Compared, Side


def curve_sentences(sides: tuple[Side, Side], metric: Compared, curves: Sequence[Gain]) -> list[str]:
    """A line a gain, each with where its curves are."""
    told = []
    for found, place in zip(curves, places([each.values for each in curves]), strict=True):
        where = f" ({place})" if place else ""
        told.append(_average(*sides, metric, found, where))
    return told


def _average(a: Side, b: Side, metric: Compared, found: Gain, where: str) -> str:
    """'over 0 to 20 dB: A gains 2.31 dB [2.10, 2.50] on B', 'at equal quality ...: A needs 3 dB less SNR'."""
    average, along = found.average, "SNR" if found.axis == SNR else "bandwidth"
    if math.isnan(average.value):
        what = f"average gain over the {along}" if found.kind == GAIN else f"saving of {along}"
        return f"no {what}{where}: {average.note}"
    sign = math.copysign(1, average.value)
    low, high = sorted((sign * found.low, sign * found.high))
    ends = [metric.text(end, 2) if found.kind == GAIN else f"{end:z.2f}" for end in (low, high)]
    interval = "" if math.isnan(low) else f" [{', '.join(ends)}]"
    note = f" ({found.note})" if found.note else ""
    size = f"{abs(average.value):.2f}"
    span = f"{average.low:.3g} to {average.high:.3g}"
    even = average.value == low == high == 0
    if found.kind == GAIN:
        unit = "dB" if found.axis == SNR else "uses/sample"
        title = f" {metric.of_curves}" if metric.of_curves else ""
        if even:
            return f"on average over {span} {unit}{where}: {a.label} and {b.label} are equal{title}{note}"
        verb, on = ("gains", "on") if sign * metric.better > 0 else ("loses", "to")
        size = metric.sized(metric.text(abs(average.value), 2))
        gained = f"{a.label} {verb} {size}{interval} {on} {b.label}{title}"
        return f"on average over {span} {unit}{where}: {gained}{note}"
    if even:
        told = f"{a.label} needs as much {along} as {b.label}"
        return f"at equal quality, {span} {metric.unit}{where}: {told}{note}"
    less = sign > 0 if found.kind == SAVING else sign < 0
    unit = "dB" if found.kind == SAVING else "%"
    needed = f"{a.label} needs {size} {unit}{interval} {'less' if less else 'more'} {along} than {b.label}"
    return f"at equal quality, {span} {metric.unit}{where}: {needed}{note}"
