"""The LDPC codes of IEEE 802.11ad-2012, clause 21.3.8 (802.11-2016: 20.3.8): n = 672, rates 1/2 to 13/16,
with the repetition of MCS 1 and the punctured 7/8 of 802.11-2016.

The tables and their provenance are `phy/data/ieee80211ad.json`; every code is checked against the known
answers there as it is loaded: the SHA-256 of its expanded parity-check matrix, and one codeword.
"""

import json
from hashlib import sha256
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phy.fec.code import GraphCode, QcLdpc
from phy.fec.matched import Spans


def load_tables() -> dict[str, Any]:
    """The data file as it is: prototype matrices, known answers, mapping, provenance."""
    return json.loads(resources.files("phy").joinpath("data/ieee80211ad.json").read_text(encoding="utf-8"))


def scrambler_sequence(n: int) -> NDArray[np.uint8]:
    """The first n bits of the period-127 sequence of x^7 + x^4 + 1, register all ones: uint8 [n].

    >>> "".join(map(str, scrambler_sequence(16)))
    '0000111011110010'
    """
    bits = [1] * 7
    for i in range(n):
        bits.append(bits[i] ^ bits[i + 3])
    return np.array(bits[7:], np.uint8)


def hex_of_bits(bits: NDArray[np.uint8]) -> str:
    """Hexadecimal digits, the first bit the most significant of the first, zero padded at the end."""
    return np.packbits(bits).tobytes().hex()[: -(-bits.size // 4)]


NAMES = tuple(f"802.11ad-{rate}" for rate in ("1/2", "5/8", "3/4", "13/16", "7/8", "mcs1"))
"""The codes by name."""
MCS1_BITS = 168
"""Information bits in a codeword of MCS 1."""


def make(*, name: str) -> GraphCode:
    """The code of that name, its matrix checked against the known answers."""
    tables, rate = load_tables(), name.removeprefix("802.11ad-")
    if rate == "7/8":
        return punctured(_load("13/16", tables))
    if rate == "mcs1":
        return repeated(_load("1/2", tables))
    return _load(rate, tables)


def punctured(mother: QcLdpc) -> Spans:
    """Rate 7/8 of 802.11-2016 (MCS 9.1, 12.2, 12.6): 13/16 without the first 48 of its 126 parity bits."""
    return Spans(name="802.11ad-7/8", mother=mother, spans=((0, mother.k), (mother.k + 48, mother.n)))


def repeated(mother: QcLdpc) -> Spans:
    """MCS 1, rate 1/4, by repetition: 168 bits and 168 zeros are encoded at rate 1/2. What is sent is the
    bits, the bits plus the scrambler's sequence (register all ones at every codeword), and the parity bits.
    """
    data, inverted = (0, MCS1_BITS), np.flatnonzero(scrambler_sequence(MCS1_BITS)) + MCS1_BITS
    return Spans(
        name="802.11ad-mcs1",
        mother=mother,
        spans=(data, data, (mother.k, mother.n)),
        shortened=(MCS1_BITS, mother.k),
        inverted=tuple(inverted.tolist()),
    )


def _load(rate: str, tables: dict[str, Any]) -> QcLdpc:
    prototype = tuple(tuple(row) for row in tables["matrices"][rate])
    code = QcLdpc(name=f"802.11ad-{rate}", prototype=prototype, lifting=tables["Z"])
    known = tables["verified"][rate]
    answer = tables["known_answer_test"]["parity"][rate]["parity_hex"]
    answers = {"H": known["H"], "sha256": known["sha256"], "parity_hex": answer}
    check_answers(code, "ieee80211ad.json", f"rate {rate}", answers)
    return code


def check_answers(code: QcLdpc, file: str, which: str, answers: dict[str, Any]) -> None:
    """Compare a code of a data file with its known answers there; ValueError where one differs.

    sha256: of the expanded H, eight bits to a byte. parity_hex: the parity bits of the
    message that is the scrambler's sequence. H: its shape.
    """
    h = code.parity_check()
    parity = code.encode(scrambler_sequence(code.k))[code.k :]
    digest = sha256(np.packbits(h).tobytes()).hexdigest()
    found = {"H": list(h.shape), "sha256": digest, "parity_hex": hex_of_bits(parity)}
    for what in ("H", "sha256", "parity_hex"):
        if what in answers and found[what] != answers[what]:
            raise ValueError(
                f"{file}: {what} of {which} must be {answers[what]}, got {found[what]}; the file was changed"
            )
