"""The LDPC codes of IEEE 802.11n, 802.11ac and 802.11ax: n = 648, 1296, 1944, rates 1/2, 2/3, 3/4, 5/6.

The tables, where they come from and their known answers are `phy/data/ieee80211n.json`; a code is checked
against its own answers when it is made.
"""

import json
from functools import cache
from importlib import resources
from typing import Any

from phy.fec.code import QcLdpc
from phy.fec.wigig import check_answers

SIZES = tuple(f"{n}-{rate}" for n in (648, 1296, 1944) for rate in ("1/2", "2/3", "3/4", "5/6"))
"""Length and rate of every code of the table."""


def names(standard: str) -> tuple[str, ...]:
    """'802.11n' -> '802.11n-648-1/2', ...; 802.11ac and 802.11ax name the same codes."""
    return tuple(f"{standard}-{size}" for size in SIZES)


def make(*, name: str) -> QcLdpc:
    """The code of that name, under 802.11n's name, which the later standards took over."""
    return _make(name.split("-", 1)[1])


@cache
def _make(size: str) -> QcLdpc:
    row = load_tables()["codes"][size]
    prototype = tuple(tuple(shifts) for shifts in row["prototype"])
    code = QcLdpc(name=f"802.11n-{size}", prototype=prototype, lifting=int(size.split("-")[0]) // 24)
    check_answers(code, "ieee80211n.json", size, row)
    return code


def load_tables() -> dict[str, Any]:
    """The data file as it is: prototype matrices, known answers, provenance."""
    return json.loads(resources.files("phy").joinpath("data/ieee80211n.json").read_text(encoding="utf-8"))
