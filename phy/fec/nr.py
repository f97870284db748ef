"""5G NR's LDPC codes: TS 38.212, base graphs (5.3.2), segmentation (5.2.2), rate matching (5.4.2).

The tables and where they come from are `phy/data/nr_ldpc.json`. `k` counts the bits that enter 5.2.2: a
payload's own checksum is part of them, whoever adds it. The lifted word d of a code block has N = 66 Z or
50 Z bits, its first 2 Z information bits not among them. Sent are n of them, from the redundancy version's
place on, round and round, filler bits left out: punctured above the mother rate, repeated below it.
Where k is below some 280 bits, rates above 0.9 leave too little parity for the bits never sent: such blocks
may not decode even without noise.
"""

import json
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property, lru_cache
from hashlib import sha256
from importlib import resources
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phy.fec.code import Code, QcLdpc, read_only
from phy.fec.matched import MatchedCode
from phy.fec.peeling import EMPTY
from phy.fec.segmented import CRC_BITS, Segmented

INFO_COLUMNS = {1: 22, 2: 10}
"""Block columns of information of each base graph."""
SENT_COLUMNS = {1: 66, 2: 50}
"""N / Z: all columns but the first two."""
BLOCK_BITS = {1: 8448, 2: 3840}
"""Kcb: most bits of a code block."""
STARTS = {1: (0, 17, 33, 56), 2: (0, 13, 25, 43)}
"""k0 / Z of redundancy versions 0..3, the whole buffer being sent (table 5.4.2.1-2)."""
CORE = 4
"""Check rows whose parity is solved together; each row after them has a parity block of its own."""
BITS = (12, 1_277_992)
"""Fewest and most information bits: the most is the largest transport block of 38.214."""
MODULATION_BITS = (1, 2, 4, 6, 8, 10)
MOST_RATE = Fraction(95, 100)
LEAST_RATE = Fraction(1, 50)


@dataclass(frozen=True, kw_only=True)
class Lifting:
    """A base graph, 1 or 2, and its lifting size Z."""

    base_graph: int
    z: int

    @property
    def info_bits(self) -> int:
        """K: information and filler bits."""
        return INFO_COLUMNS[self.base_graph] * self.z

    def graph(self, extensions: tuple[int, ...]) -> QcLdpc:
        """The code of the four core rows and those extension rows (4...), each with its own parity column."""
        return _graph(self.base_graph, self.z, extensions)


@dataclass(frozen=True, kw_only=True)
class NrLdpc(MatchedCode):
    """One code block of 5G NR, rate matched.

    lifting: base graph and Z.  info_bits: K', the rest up to K is filler.  sent_bits: E.
    rv: redundancy version; 1 to 3 are meant to follow 0 and may not be decodable on their own.
    qm: bits of a symbol, which bit interleaving spreads over the buffer (5.4.2.2); 1 leaves them in order.

    Check rows whose own parity block is not sent are left out of `graph`: they can tell a decoder nothing.
    """

    lifting: Lifting
    info_bits: int
    sent_bits: int
    rv: int = 0
    qm: int = 1

    @property
    def n(self) -> int:
        """E, bits sent."""
        return self.sent_bits

    @property
    def k(self) -> int:
        """K', information bits."""
        return self.info_bits

    @cached_property
    def _selected(self) -> NDArray[np.intp]:
        """intp [n]: sent bits by their place in the whole lifted word, before interleaving."""
        z, bg = self.lifting.z, self.lifting.base_graph
        buffer = 2 * z + (STARTS[bg][self.rv] * z + np.arange(SENT_COLUMNS[bg] * z)) % (SENT_COLUMNS[bg] * z)
        buffer = buffer[(buffer < self.info_bits) | (buffer >= self.lifting.info_bits)]
        return np.resize(buffer, self.n)

    @cached_property
    def _extensions(self) -> NDArray[np.intp]:
        """Extension rows whose parity is sent, rising."""
        row = self._selected // self.lifting.z - INFO_COLUMNS[self.lifting.base_graph]
        return np.unique(row[row >= CORE])

    @cached_property
    def graph(self) -> QcLdpc:
        """The lifted base graph without the extension rows that nothing is sent of."""
        return self.lifting.graph(tuple(self._extensions.tolist()))

    @cached_property
    def sent(self) -> NDArray[np.intp]:
        """intp [n]: the mother bit behind each sent bit."""
        z, core = self.lifting.z, INFO_COLUMNS[self.lifting.base_graph] + CORE
        column, within = np.divmod(self._selected, z)
        extension = np.searchsorted(self._extensions, column - core + CORE)
        column = np.where(column < core, column, core + extension)
        return read_only((column * z + within).reshape(self.qm, -1).T.reshape(-1).copy())

    @cached_property
    def zeros(self) -> NDArray[np.intp]:
        """intp [K - K']: the filler bits."""
        return read_only(np.arange(self.info_bits, self.lifting.info_bits))


def make(
    *,
    name: str,
    k: int,
    rate: Fraction | None = None,
    n: int | None = None,
    bg: int | None = None,
    rv: int = 0,
    qm: int = 1,
) -> Code:
    """k bits in n: one code block, or a transport block of several above the base graph's largest.

    rate: k / n, where n is not given; n is rounded up to whole symbols of qm bits.
    bg: base graph; 38.212's choice by k and rate (7.2.2) where it is not given.
    """
    if not BITS[0] <= k <= BITS[1]:
        raise ValueError(f"k: must be {BITS[0]}..{BITS[1]}, got {k}; split a longer payload")
    if qm not in MODULATION_BITS:
        raise ValueError(f"qm: must be one of {MODULATION_BITS}, got {qm}; 1 is no interleaving")
    if (rate is None) == (n is None):
        got = "neither" if n is None else "both"
        raise ValueError(f"rate, n: needs one of them, got {got}; write k=1024,rate=3/4")
    if n is None:
        if rate <= 0:
            raise ValueError(f"rate: must be > 0, got {rate}; write rate=3/4")
        n = ceil(k / rate / qm) * qm if rate >= LEAST_RATE else 0
    if n % qm or not LEAST_RATE <= (rate := Fraction(k, n) if n > 0 else Fraction(0)) <= MOST_RATE:
        raise ValueError(
            f"n: must be a multiple of qm = {qm} from {ceil(k / MOST_RATE)} to {50 * k} (rate 1/50 to 0.95), "
            f"got {n}; write rate=3/4 to have it chosen"
        )
    if rv not in (0, 1, 2, 3):
        raise ValueError(f"rv: must be 0..3, got {rv}; 0 is the first transmission")
    if bg not in (None, 1, 2):
        raise ValueError(f"bg: must be 1 or 2, got {bg}; leave it out for the standard's choice")
    return _transport_block(name, k, n, bg or choose_base_graph(k, rate), rv, qm)


def choose_base_graph(k: int, rate: Fraction) -> int:
    """1 or 2, by 38.212 section 7.2.2: small or low-rate blocks take the small graph.

    The standard compares the payload before its checksum with 292 and 3824; k stands for it here, as in
    Sionna: within 24 bits above these limits, say bg.
    """
    small = k <= 292 or (k <= 3824 and rate <= Fraction(67, 100)) or rate <= Fraction(1, 4)
    return 2 if small else 1


def choose_lifting(block_bits: int, transport_bits: int, base_graph: int) -> Lifting:
    """The smallest Z that holds a code block of a transport block (5.2.2)."""
    columns = INFO_COLUMNS[base_graph]
    if base_graph == 2:
        columns = next(c for c, above in ((10, 640), (9, 560), (8, 192), (6, 0)) if transport_bits > above)
    sizes = (z for sizes in load_tables()["lifting_sets"] for z in sizes)
    return Lifting(base_graph=base_graph, z=min(z for z in sizes if columns * z >= block_bits))


def _transport_block(name: str, k: int, n: int, bg: int, rv: int, qm: int) -> Code:
    """Code blocks of K' bits, some of one bit less where k is no multiple, as 38.214's sizes are."""
    most = BLOCK_BITS[bg]
    blocks = 1 if k <= most else ceil(k / (most - CRC_BITS))
    checks = CRC_BITS if blocks > 1 else 0
    lifting = choose_lifting(ceil(k / blocks) + checks, k, bg)
    symbols, more = divmod(n // qm, blocks)  # 5.4.2.1: the last blocks send the symbols left over

    def block(number: int) -> NrLdpc:
        info = k // blocks + (number < k % blocks) + checks
        sent = (symbols + (number >= blocks - more)) * qm
        return NrLdpc(name=name, lifting=lifting, info_bits=info, sent_bits=sent, rv=rv, qm=qm)

    if blocks == 1:
        return block(0)
    return Segmented(name=name, blocks=tuple(map(block, range(blocks))))


@cache
def load_tables() -> dict[str, Any]:
    """The data file as it is: base graphs, lifting sizes, provenance; checked against their digests."""
    text = resources.files("phy").joinpath("data/nr_ldpc.json").read_text(encoding="utf-8")
    tables = json.loads(text)
    for bg in (1, 2):
        digest = sha256(repr(tables[f"base_graph_{bg}"]).encode()).hexdigest()
        if digest != tables[f"sha256_{bg}"]:
            raise ValueError(
                f"nr_ldpc.json: sha256 of base graph {bg} must be {tables[f'sha256_{bg}']}, got {digest}; "
                "the file was changed"
            )
    return tables


@lru_cache(maxsize=64)
def _graph(bg: int, z: int, extensions: tuple[int, ...]) -> QcLdpc:
    tables, core = load_tables(), INFO_COLUMNS[bg] + CORE
    which = next(i for i, sizes in enumerate(tables["lifting_sets"]) if z in sizes)
    rows = {row: i for i, row in enumerate((*range(CORE), *extensions))}
    columns = {core - CORE + row: core - CORE + i for row, i in rows.items()}
    prototype = np.full((len(rows), core + len(extensions)), EMPTY)
    for i, j, *shifts in tables[f"base_graph_{bg}"]:
        if i in rows:
            prototype[rows[i], columns.get(j, j)] = shifts[which] % z
    return QcLdpc(
        name=f"nr-bg{bg}-z{z}-{len(rows)}", prototype=tuple(map(tuple, prototype.tolist())), lifting=z
    )
