"""Bounds that hold for the curves of a run: the information outage of its digital streams, nothing else.

A block of R information bits a use over one fade g |h|^2 per frame is lost by every long code where the
constellation carries less than R (`phy.information.outage`). From that follow, with perfect knowledge of h:

block error rate   of one scheme, or one picked without CSIT: P(g |h|^2 < least SNR that a scheme needs)
outage rate        the same probability, whatever the rule, where a lost payload is an outage in every trial

With CSIT the block error rate has none: a scheme picked after the fade sends fewer blocks in bad fades, so
that the share of wrong blocks may be less than the share of lost frames. A link whose fades change within
the frame, or that estimates h, has none here either; nor has a code that is itself a bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from linksim.document import Document, assign
from linksim.errors import LinksimError
from linksim.report.fields import SNR, SYSTEM, number, value_text
from linksim.report.page_data import Tree, finite, missing
from linksim.report.page_sources import Run
from linksim.scenario import Scenario, build
from phy.amc import Amc
from phy.bearer import DigitalBearer
from phy.fec.ideal import GenieCode
from phy.information import outage, snr_of_information
from phy.link import Link
from phy.mcs import Mcs
from phy.units import db_to_linear, linear_to_db

FADING = ("rayleigh", "rician", "nakagami")
POINTS = 81
MOST_CURVES = 200
LEAST_RATE = 1e-9


def run_bounds(run: Run) -> list[Tree]:
    """A tree a curve: metric, system, told (the other fields' values), name, and x and y or limit_db."""
    if run.table.empty or SNR not in run.fields:
        return []
    found: list[Tree] = []
    for (system, told), entries in list(_curves(run).items())[:MOST_CURVES]:
        snrs = [float(each["values"][SNR]) for each in entries]
        if len(set(snrs)) < 2:
            continue
        try:
            scenario = scenario_of(run.manifest, entries[0])
        except LinksimError:  # a file of a code or a network is gone: what it was is not known here
            continue
        lead = {"system": run.system_of(system).number, "told": dict(told)}
        margin = 0.05 * (max(snrs) - min(snrs))
        grid = np.linspace(min(snrs) - margin, max(snrs) + margin, POINTS)
        found += [lead | each for each in _bounds(run, system, scenario, grid)]
    return found


def _curves(run: Run) -> dict[tuple[str, tuple[tuple[str, str], ...]], list[Mapping[str, Any]]]:
    """The points that have trials, by system and the values of the fields other than the SNR."""
    lines = {line["point"]: line for line in run.table.to_dict("records")}
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[Mapping[str, Any]]] = {}
    for entry in run.manifest["points"]:
        if entry["id"] in lines and number(entry["values"].get(SNR)) is not None:
            told = tuple(_told(run, lines[entry["id"]]))
            groups.setdefault((entry["system"], told), []).append(entry)
    return groups


def _told(run: Run, line: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in run.fields:
        if name != SNR and not missing(line[name]):
            yield name, value_text(line[name])


def scenario_of(tree: Mapping[str, Any], entry: Mapping[str, Any]) -> Scenario:
    """A point's scenario, built again from the manifest; LinksimError where that cannot be done."""
    where = f"point {entry['id']}"
    plain = dict(tree["scenarios"][entry["system"]]) | {"sweep": {}, "zip": {}}
    document = Document(source=where, tree=plain, origins={(): where})
    for name, value in entry["values"].items():
        if name != SYSTEM:
            at = tuple(name.split("."))
            document = assign(document, at, Document(source=where, tree=value, origins={at: where}))
    return build(document)


def _bounds(run: Run, system: str, scenario: Scenario, grid: np.ndarray) -> Iterator[Tree]:
    for link_name, link in scenario.links.items():
        for name, bearer in link.streams.items():
            if not isinstance(bearer, DigitalBearer) or (weakest := _weakest(link, bearer)) is None:
                continue
            scheme, needed = weakest
            stream = f"{link_name}.{name}"
            drawn = _drawn(link, scheme, needed, grid)
            if not (isinstance(bearer.mcs, Amc) and bearer.mcs.csit):
                yield {"metric": f"{stream}.bler"} | drawn
            if _lost_is_outage(run, system, stream):
                yield {"metric": "outage_rate"} | drawn


def _weakest(link: Link, bearer: DigitalBearer) -> tuple[Mcs, float] | None:
    """The scheme that needs the least SNR (linear), and that SNR; None where no bound is known."""
    one_fade = link.channel.kind == "awgn" or (link.channel.kind in FADING and link.channel.block == "frame")
    if link.csi.kind != "perfect" or not one_fade:
        return None
    if any(isinstance(mcs.code, GenieCode) for mcs in bearer.schemes):
        return None
    least = min(bearer.schemes, key=lambda mcs: mcs.info_bits_per_use)
    best = (least, _needed(least))
    for mcs in bearer.schemes:
        shannon = 2.0 ** float(mcs.info_bits_per_use) - 1  # no constellation needs less
        if shannon < best[1] and (needed := _needed(mcs)) < best[1]:
            best = (mcs, needed)
    return best if np.isfinite(best[1]) else None


@cache
def _needed(mcs: Mcs) -> float:
    return snr_of_information(mcs.constellation, float(mcs.info_bits_per_use), "cm")


def _drawn(link: Link, scheme: Mcs, needed: float, grid: np.ndarray) -> Tree:
    """A line over the scenario's SNR; without fading the SNR under which every frame is lost."""
    if link.channel.kind == "awgn":
        limit = linear_to_db(needed) - link.snr_offset_db
        return {"name": f"capacity limit of {scheme.name}", "limit_db": finite(limit)}
    snr = np.array([db_to_linear(float(each) + link.snr_offset_db) for each in grid])
    per_use = float(scheme.info_bits_per_use)
    rate = outage(scheme.constellation, per_use, snr, link.channel.gain_cdf, kind="cm")
    seen = rate > LEAST_RATE
    return {
        "name": f"information outage of {scheme.name}",
        "x": [finite(each) for each in grid[seen]],
        "y": [finite(each) for each in rate[seen]],
    }


def _lost_is_outage(run: Run, system: str, stream: str) -> bool:
    """Whether every trial of the system that lost the stream's payload counts as an outage."""
    rows = run.rows[run.rows["system"] == system] if system else run.rows
    if f"{stream}.ok" not in rows:
        return False
    lost = ~rows[f"{stream}.ok"].fillna(False).astype(bool)
    return bool(rows.loc[lost, "outage"].all())
