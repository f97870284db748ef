"""Every family of codes by name: the one registry. A new family is a row here and a maker in its own file."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from phy.fec import wifi, wigig
from phy.fec.code import Code
from phy.fec.spec import Family, read_code

FAMILIES: dict[str, Family] = {
    "802.11ad": Family(
        make=wigig.make,
        named=wigig.NAMES,
        examples=wigig.NAMES,
        about="LDPC codes of IEEE 802.11ad at 60 GHz, n = 672 or less",
    ),
    "802.11n": Family(
        make=wifi.make,
        named=wifi.names("802.11n"),
        examples=wifi.names("802.11n"),
        about="LDPC codes of IEEE 802.11n (HT)",
    ),
    "802.11ac": Family(
        make=wifi.make, named=wifi.names("802.11ac"), about="802.11n's codes by the name of 802.11ac (VHT)"
    ),
    "802.11ax": Family(
        make=wifi.make, named=wifi.names("802.11ax"), about="802.11n's codes by the name of 802.11ax (HE)"
    ),
}
"""Name -> family. Makers take `name`, the word as written, and the family's keys (see `phy.fec.spec`)."""


@lru_cache(maxsize=512)
def find_code(spec: str) -> Code:
    """The code of a word FAMILY[:KEY=VALUE,...], one instance a word; see `linksim list codes` for the words.

    Raises ValueError, one line that names the rule and the nearest that exists.

    >>> find_code("802.11ad-3/4").k
    504
    """
    return read_code(spec, FAMILIES)


class _Examples(Mapping[str, Code]):
    """The examples of every family, each made when it is asked for."""

    def __getitem__(self, name: str) -> Code:
        if name not in iter(self):
            raise KeyError(name)
        return find_code(name)

    def __iter__(self) -> Iterator[str]:
        return (name for family in FAMILIES.values() for name in family.examples)

    def __len__(self) -> int:
        return sum(len(family.examples) for family in FAMILIES.values())


CODES: Mapping[str, Code] = _Examples()
"""Codes by name, some of every family, small enough for every test to run on each."""
