"""What a point spends, before it runs: uses, scheme and payload of each stream, and its uses by category.

A digital stream is taken as full: data up to the payload that the scheme holds. A stream whose scheme follows
the realised channel is told by the schemes that its first draws pick.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from linksim.errors import LinksimError
from linksim.ledger import USES
from linksim.plan import Plan, Point
from phy.digital import Place
from phy.link import Link
from phy.mcs import find_mcs
from phy.types import Grant

PILOTS = "(pilots)"
"""What stands in a stream's place where a link sends pilots."""
DRAWS = 200
"""Channel draws that show how often each scheme is picked."""
MOVING_USES = 2_500_000
"""Uses in all those draws, and so fewer draws of long frames, where every use has its own fade."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """Channel uses in a frame for `n_source` source samples (H x W x C).

    uses_by_category: channel uses of each category with a full payload; they sum to `uses`.
    """

    n_source: int
    link: str
    uses: int
    uses_by_category: Mapping[str, Fraction]

    @property
    def bandwidth_ratio(self) -> Fraction:
        """Channel uses / source samples, everything counted."""
        return Fraction(self.uses, self.n_source)

    @property
    def payload_bandwidth_ratio(self) -> Fraction:
        """Channel uses of data alone / source samples."""
        return self.uses_by_category["data"] / self.n_source


@dataclass(frozen=True, kw_only=True)
class Row(Share):
    """One stream of one link under one scheme; or the link's pilots, stream `PILOTS`.

    how_often: the part of the draws that pick this scheme, 1 where nothing adapts to the draw.
    payload_bits: most bits of the stream in a frame.
    """

    stream: str
    mcs: str | None
    how_often: Fraction
    blocks: int
    payload_bits: int


@dataclass(frozen=True, kw_only=True)
class Frame(Share):
    """One link's whole frame: its streams together, each scheme weighed by how often it is picked."""


def budget(point: Point, n_sources: Iterable[int]) -> list[Row]:
    """A row for every size of picture (in source samples), link, stream and scheme in use."""
    links = point.scenario.links.values()
    return [row for n in sorted(set(n_sources)) for link in links for row in _link_rows(point, link, n)]


def frames(rows: Iterable[Row]) -> list[Frame]:
    """The whole frame of every size of picture and link among the rows."""
    whole: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        whole.setdefault((row.n_source, row.link), []).append(row)
    return [
        Frame(
            n_source=n_source,
            link=link,
            uses=sum({row.stream: row.uses for row in members}.values()),
            uses_by_category={
                name: sum(row.how_often * row.uses_by_category[name] for row in members) for name in USES
            },
        )
        for (n_source, link), members in whole.items()
    ]


def shares(points: Iterable[Point], n_sources: Iterable[int]) -> set[Fraction]:
    """Channel uses / source samples of whole points, all their links together, pictures of every size."""
    sizes = set(n_sources)
    return {
        Fraction(sum(link.n_uses(n) for link in point.scenario.links.values()), n)
        for point in points
        for n in sizes
    }


def check_frames(plan: Plan, pictures: Mapping[str, Mapping[int, str]]) -> None:
    """LinksimError where a stream of some point can hold no payload in a frame for one of the pictures.

    pictures: system -> source samples -> the name of a picture that has so many.
    """
    for point in plan.points:
        for link in point.scenario.links.values():
            for n, picture in sorted(pictures[point.system].items()):
                for told in link.shortfalls(n).values():
                    where, _, rule = told.partition(": ")
                    rule, _, remedy = rule.partition("; ")
                    system = f", system {point.system!r}" if point.system else ""
                    rule = f"{rule} (picture {picture!r} of {n} samples{system})"
                    raise LinksimError(f"{plan.source}: links.{link.name}.{where}", rule, None, remedy)


def check_codecs(plan: Plan, pictures: Mapping[str, Mapping[tuple[int, int, int], str]]) -> None:
    """LinksimError where a codec that can tell (`check`) refuses one of the pictures under its grants.

    A stream that picks among schemes is taken with the most it may hold. pictures: system -> shape -> the
    name of a picture of that shape.
    """
    for point in plan.points:
        check = getattr(point.scenario.codec, "check", None)
        for shape, picture in sorted(pictures[point.system].items()) if check else ():
            try:
                check(shape, most_granted(point, math.prod(shape)))
            except ValueError as error:
                where, _, rule = str(error).partition(": ")
                rule, _, remedy = rule.partition("; ")
                system = f", system {point.system!r}" if point.system else ""
                raise LinksimError(
                    f"{plan.source}: {where}", f"{rule} (picture {picture!r}{system})", None, remedy
                ) from None


def most_granted(point: Point, n_source: int) -> dict[str, Grant]:
    """What each stream may send at most."""
    rows = [row for link in point.scenario.links.values() for row in _link_rows(point, link, n_source)]
    return {
        row.stream: Grant(channel_uses=row.uses, payload_bits=row.payload_bits, snr_db=0.0, mcs=row.mcs)
        for row in sorted(rows, key=lambda row: row.payload_bits)
    }


def _link_rows(point: Point, link: Link, n_source: int) -> list[Row]:
    scenario = point.scenario
    draws = link.draw(
        scenario.snr_db, [(scenario.seed, link.name, "budget", i) for i in range(_n_draws(link, n_source))]
    )
    grants = link.grants([n_source] * len(draws), draws)
    pilots = link.layout(n_source).n_pilots
    rows = [_pilot_row(link, n_source, pilots)] if pilots else []
    for stream in link.streams:
        picked = Counter(grant[stream] for grant in map(_without_snr, grants))
        for grant, count in sorted(picked.items(), key=lambda item: item[0].payload_bits):
            rows.append(_row(link, stream, n_source, grant, Fraction(count, len(draws))))
    return rows


def _n_draws(link: Link, n_source: int) -> int:
    if not link.csit:
        return 1
    if link.channel.block == "frame":
        return DRAWS
    return min(DRAWS, max(20, MOVING_USES // link.n_uses(n_source)))


def _without_snr(grants: Mapping[str, Grant]) -> dict[str, Grant]:
    """The grants with the realised SNR taken out, so that equal schemes count together."""
    return {
        name: Grant(channel_uses=g.channel_uses, payload_bits=g.payload_bits, snr_db=0.0, mcs=g.mcs)
        for name, g in grants.items()
    }


def _pilot_row(link: Link, n_source: int, n_pilots: int) -> Row:
    return Row(
        n_source=n_source,
        link=link.name,
        stream=PILOTS,
        uses=n_pilots,
        mcs=None,
        how_often=Fraction(1),
        blocks=0,
        payload_bits=0,
        uses_by_category=dict.fromkeys(USES, Fraction(0)) | {"pilots": Fraction(n_pilots)},
    )


def _row(link: Link, stream: str, n_source: int, grant: Grant, how_often: Fraction) -> Row:
    spent = dict.fromkeys(USES, Fraction(0))
    blocks = 0
    if grant.mcs is None:
        spent["data"] = Fraction(grant.channel_uses)
    else:
        place = Place(bearer=link.streams[stream], mcs=find_mcs(grant.mcs), n_uses=grant.channel_uses)
        blocks = place.framing.blocks
        coded = place.categories(grant.payload_bits)
        spent |= {name: Fraction(bits, place.mcs.bits_per_use) for name, bits in coded.items()}
    return Row(
        n_source=n_source,
        link=link.name,
        stream=stream,
        uses=grant.channel_uses,
        mcs=grant.mcs,
        how_often=how_often,
        blocks=blocks,
        payload_bits=grant.payload_bits,
        uses_by_category=spent,
    )
