"""Modulation and coding schemes by name: 802.11ad's, 5G's by CQI or MCS, any constellation with any code.

`CONSTELLATION-RATE` is a constellation with a code of 802.11ad. `802.11ad-mcs1` ... `802.11ad-mcs12.6` are
the single-carrier schemes of IEEE 802.11ad-2012 and, from 9.1 and 12.1 on, of the extended set of 802.11-2016
(`phy/data/ieee80211ad.json`), on points without the standard's turn, which changes no error rate.

`cqi1-1` ... `cqi3-15` are the rows of TS 38.214 tables 5.2.2.1-2, -3 and -4 (4-bit CQI), compared with two
public transcriptions. The tables give x, the rate times 1024; a length is ours to choose: one code block of
1024 information bits (its own CRC included, as 5G counts them), in the whole symbols nearest to
1024 * 1024 / x bits: long enough to be near the waterfall of long 5G blocks, short enough that the frames of
small pictures hold several. `cqi2-long-1` ... `cqi2-long-15` have the rates of `cqi2` in the longest code
blocks that TS 38.212 makes of them: 8448 bits in base graph 1, 3840 in base graph 2, which serves rates up to
1/4. They are for payloads of many blocks, since whole blocks are sent. `mcs2-long-0` ... `mcs2-long-27` are,
in such blocks, the rows of table 5.1.3.1-2, twice as fine. Other lengths are named freely.

`CONSTELLATION/CODE` is free: `64qam/nr-ldpc:k=1024,rate=3/4`.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from typing import ClassVar

from phy.constellation import Constellation, find_constellation, is_of_file
from phy.fec import FAMILIES, Code, find_code


@dataclass(frozen=True, kw_only=True)
class Mcs:
    """A modulation and coding scheme: constellation and code by name."""

    name: str
    constellation_name: str
    code_name: str

    @property
    def constellation(self) -> Constellation:
        """Points and labels."""
        return find_constellation(self.constellation_name)

    @property
    def code(self) -> Code:
        """The block code."""
        return find_code(self.code_name)

    @property
    def bits_per_use(self) -> int:
        """Coded bits in a channel use."""
        return self.constellation.bits_per_symbol

    @property
    def files(self) -> tuple[str, ...]:
        """SHA-256 of what the files hold that the names of points and code tell; () where they tell none."""
        family = FAMILIES.get(self.code_name.partition(":")[0].strip())
        told = [self.constellation] if is_of_file(self.constellation_name) else []
        told += [self.code] if family and family.files else []
        return tuple(sha256(repr(each).encode()).hexdigest() for each in told)

    @property
    def info_bits_per_use(self) -> Fraction:
        """Information bits in a channel use, before framing."""
        return Fraction(self.code.k, self.code.n) * self.bits_per_use

    def blocks(self, n_uses: int) -> int:
        """Whole code blocks that `n_uses` channel uses hold, one after another in one stream of bits."""
        return n_uses * self.bits_per_use // self.code.n

    @property
    def pair_name(self) -> str:
        """CONSTELLATION/CODE without a turn: schemes that agree in it have the same error rates."""
        return f"{self.constellation_name.removeprefix('pi/2-')}/{self.code_name}"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A constellation and a code by name, for whoever combines them freely.

    >>> Pair(constellation="64qam", code="802.11ad-3/4").mcs_name
    '64qam/802.11ad-3/4'
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    constellation: str
    code: str

    def __post_init__(self) -> None:
        find_constellation(self.constellation)
        find_code(self.code)

    @property
    def mcs_name(self) -> str:
        """What `find_mcs` reads."""
        return f"{self.constellation}/{self.code}"


def _grid() -> list[Mcs]:
    points, rates = ("bpsk", "qpsk", "16qam", "64qam"), ("1/2", "5/8", "3/4", "13/16")
    return [
        Mcs(name=f"{p}-{rate}", constellation_name=p, code_name=f"802.11ad-{rate}")
        for p in points
        for rate in rates
    ]


SINGLE_CARRIER = {
    "bpsk": "1:mcs1 2:1/2 3:5/8 4:3/4 5:13/16",
    "qpsk": "6:1/2 7:5/8 8:3/4 9:13/16 9.1:7/8",
    "16qam": "10:1/2 11:5/8 12:3/4 12.1:13/16 12.2:7/8",
    "64qam": "12.3:5/8 12.4:3/4 12.5:13/16 12.6:7/8",
}
"""Constellation -> the index and the code of each single-carrier scheme of 802.11ad; MCS 1 repeats."""


def _single_carrier() -> list[Mcs]:
    return [
        Mcs(name=f"802.11ad-mcs{index}", constellation_name=points, code_name=f"802.11ad-{code}")
        for points, row in SINGLE_CARRIER.items()
        for index, code in (entry.split(":") for entry in row.split())
    ]


NR_TABLES: dict[str, dict[str, tuple[float, ...]]] = {
    "cqi1": {
        "qpsk": (78, 120, 193, 308, 449, 602),
        "16qam": (378, 490, 616),
        "64qam": (466, 567, 666, 772, 873, 948),
    },
    "cqi2": {
        "qpsk": (78, 193, 449),
        "16qam": (378, 490, 616),
        "64qam": (466, 567, 666, 772, 873),
        "256qam": (711, 797, 885, 948),
    },
    "cqi3": {
        "qpsk": (30, 50, 78, 120, 193, 308, 449, 602),
        "16qam": (378, 490, 616),
        "64qam": (466, 567, 666, 772),
    },
    "mcs2": {
        "qpsk": (120, 193, 308, 449, 602),
        "16qam": (378, 434, 490, 553, 616, 658),
        "64qam": (466, 517, 567, 616, 666, 719, 772, 822, 873),
        "256qam": (682.5, 711, 754, 797, 841, 885, 916.5, 948),
    },
}
"""Code rate x 1024 by constellation, of CQI 1 to 15 in TS 38.214's tables 5.2.2.1-2, -3, -4 and of MCS 0 to
27 in table 5.1.3.1-2.
"""

CQI_BITS = 1024
"""Information bits of a CQI scheme's code block."""

LONG = "-long"
"""What is added to the name of a table whose schemes have the longest code blocks."""


def longest_block_bits(rate_x1024: float) -> int:
    """Most information bits of one code block of 5G NR at a rate (TS 38.212, 5.2.2 and 7.2.2).

    >>> longest_block_bits(256), longest_block_bits(257)
    (3840, 8448)
    """
    return 3840 if 4 * rate_x1024 <= 1024 else 8448


def nr_code_name(bits_per_symbol: int, rate_x1024: float, info_bits: int = CQI_BITS) -> str:
    """The code of a row: its information bits in the number of whole symbols nearest to its rate.

    >>> nr_code_name(2, 602)
    'nr-ldpc:k=1024,n=1742'
    """
    symbols = round(info_bits * 1024 / (Fraction(rate_x1024) * bits_per_symbol))
    return f"nr-ldpc:k={info_bits},n={symbols * bits_per_symbol}"


def _nr(table: str) -> list[Mcs]:
    """The schemes of a table, or, by its name with `LONG`, the same in the longest code blocks."""
    rows = [(points, x) for points, rates in NR_TABLES[table.removesuffix(LONG)].items() for x in rates]
    bits = {"qpsk": 2, "16qam": 4, "64qam": 6, "256qam": 8}
    return [
        Mcs(
            name=f"{table}-{i}",
            constellation_name=f"{points}@5g",
            code_name=nr_code_name(
                bits[points], x, longest_block_bits(x) if table.endswith(LONG) else CQI_BITS
            ),
        )
        for i, (points, x) in enumerate(rows, 0 if table.startswith("mcs") else 1)
    ]


CQI_SETS = ("cqi1", "cqi2", "cqi3", "cqi2-long")


MCS: dict[str, Mcs] = {
    mcs.name: mcs
    for mcs in (*_grid(), *_single_carrier(), *(m for table in (*CQI_SETS, "mcs2-long") for m in _nr(table)))
}
"""The schemes that have a name of their own."""

AMC_SETS: dict[str, tuple[str, ...]] = {
    "hda": ("bpsk-1/2", "qpsk-1/2", "qpsk-3/4", "16qam-1/2", "16qam-3/4"),
    "802.11ad": tuple(mcs.name for mcs in _single_carrier()),
    **{table: tuple(mcs.name for mcs in _nr(table)) for table in CQI_SETS},
    "nr-long": ("cqi2-long-1", *(mcs.name for mcs in _nr("mcs2-long"))),
}
"""Sets to adapt over, most robust first. 'hda': the five steps of the HDA-DeepSC paper. 'nr-long': the lowest
rate of the CQI table and all of the MCS table.
"""


@lru_cache(maxsize=1024)
def find_mcs(name: str) -> Mcs:
    """The scheme of that name, or of that CONSTELLATION/CODE; ValueError with a near miss.

    >>> find_mcs("16qam-1/2").bits_per_use, find_mcs("pi/2-bpsk/802.11ad-1/2").code.k
    (4, 336)
    """
    if name in MCS:
        return MCS[name]
    for constellation, code in _splits(name):
        try:
            find_constellation(constellation)
        except ValueError:
            continue
        try:
            find_code(code)
        except ValueError as wrong:
            raise ValueError(f"mcs: {name!r} names no code: {wrong}") from None
        return Mcs(name=name, constellation_name=constellation, code_name=code)
    near = get_close_matches(name, MCS, 1, 0.0)[0]
    raise ValueError(
        f"mcs: must be one of {', '.join(_grid_names())}, 802.11ad-mcsN, cqiT-N, cqi2-long-N, mcs2-long-N or "
        f"CONSTELLATION/CODE, got {name!r}; did you mean {near!r}?"
    )


def _grid_names() -> list[str]:
    return [mcs.name for mcs in _grid()]


def _splits(name: str) -> list[tuple[str, str]]:
    """Every way to cut a name at a slash: names of constellations and codes have slashes of their own."""
    return [(name[:i], name[i + 1 :]) for i, letter in enumerate(name) if letter == "/"]
