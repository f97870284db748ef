"""`linksim list`: what a scenario can name, as rows of plain text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any

Rows = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""Column heads, and rows of as many cells."""


def codes() -> Rows:
    """Channel codes: those of tables one by one, and for other families what their words look like."""
    from phy.fec import FAMILIES, find_code

    rows = []
    for name, family in FAMILIES.items():
        who = ", ".join(family.engines) or "every engine"
        for word in family.named if family.examples else ():
            code = find_code(word)
            rows.append((word, str(code.n), str(code.k), f"{code.k / code.n:.4f}", who, family.about))
        if not family.examples and family.named:
            rows.append((f"{name}-...", "", "", "", who, family.about))
        if not family.named:
            rows.append((family.grammar, "", "", "", who, f"{family.about}; {family.span}"))
    return ("code", "n", "k", "rate", "engines", "what"), rows


def decoders() -> Rows:
    """Decoders, and what may follow their names, with its defaults."""
    from phy.fec.decoder_spec import DECODERS, decoder_defaults

    rows = [
        (name, ", ".join(f"{key}={value}" for key, value in decoder_defaults(name).items()), what)
        for name, what in DECODERS.items()
    ]
    return ("decoder", "fields", "what"), rows


def constellations() -> Rows:
    """Constellations, and the forms of a name that stand for many."""
    from phy.constellation import CONSTELLATIONS, PARAMETRIC

    rows = [
        (
            name,
            str(each.points.size),
            str(each.bits_per_symbol),
            "axes apart" if each.axis_bits else "",
            "turned" if len(each.rotation) > 1 else "",
            "",
        )
        for name, each in CONSTELLATIONS.items()
    ]
    rows += [(form, "", "", "", "", what) for form, what in PARAMETRIC.items()]
    return ("constellation", "points", "bits per use", "labels", "symbols", "what"), rows


def mcs() -> Rows:
    """Modulation and coding schemes, the sets that adapt over them, and the receivers of their curves."""
    from phy.bler import receivers_measured
    from phy.mcs import AMC_SETS, MCS

    head = ("mcs", "constellation", "code", "info bits per use", "in the sets", "curves measured")
    rows = [
        (
            name,
            each.constellation_name,
            each.code_name,
            f"{float(each.info_bits_per_use):.3f}",
            ", ".join(amc for amc, members in AMC_SETS.items() if name in members),
            ", ".join(receivers_measured(each)),
        )
        for name, each in MCS.items()
    ]
    return head, [*rows, ("CONSTELLATION/CODE", "any", "any", "", "", "")]


def channels() -> Rows:
    """Channels."""
    from phy.channel import CHANNELS

    return ("channel", "fields", "what"), _blocks(CHANNELS)


def csi() -> Rows:
    """What a receiver may know of the channel."""
    from phy.detect import CSI

    return ("csi", "fields", "what"), _blocks(CSI)


def codecs() -> Rows:
    """Codecs."""
    from linksim.codecs import CODECS

    return ("codec", "fields", "what"), _blocks(CODECS)


def cards() -> Rows:
    """Networks in the zoo, which a codec's `card` names."""
    from models.card import ZOO, names, open_card

    found = [open_card(ZOO / name) for name in names()]
    return ("card", "codec", "images"), [(card.name, card.kind, card.images) for card in found]


def engines() -> Rows:
    """Engines: who computes the chain."""
    from phy.engine import ABOUT, ENGINES

    return ("engine", "what"), [(name, ABOUT[name]) for name in ENGINES]


def images() -> Rows:
    """Image sets, and whether this machine has them."""
    from linksim.images import known_sets

    return ("set", "images", "where"), known_sets()


LISTS: dict[str, Callable[[], Rows]] = {
    each.__name__: each
    for each in (
        *(codes, decoders, constellations, mcs, channels, csi),
        *(codecs, cards, engines, images),
    )
}


def _blocks(blocks: Mapping[str, type]) -> list[tuple[str, str, str]]:
    return [(kind, _fields(block), _summary(block)) for kind, block in blocks.items()]


def _summary(block: type) -> str:
    """The first paragraph of its docstring, on one line."""
    return " ".join((block.__doc__ or "").strip().split("\n\n")[0].split())


def _fields(block: Any) -> str:
    """'k_factor=1.0, block=frame': fields with their defaults, those without one bare."""
    told = []
    for field in fields(block):
        if field.init and field.name != "kind":
            default = field.default_factory() if field.default_factory is not MISSING else field.default
            told.append(field.name if default is MISSING else f"{field.name}={default}")
    return ", ".join(told)
