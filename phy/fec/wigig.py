"""The LDPC codes of IEEE 802.11ad-2012, clause 21.3.8 (802.11-2016: 20.3.8): n = 672, rates 1/2 to 13/16.

The tables and their provenance are `phy/data/ieee80211ad.json`; every code is checked against the known
answers there as it is loaded: the SHA-256 of its expanded parity-check matrix, and one codeword.
"""

import json
from hashlib import sha256
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phy.fec.code import QcLdpc


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


NAMES = tuple(f"802.11ad-{rate}" for rate in ("1/2", "5/8", "3/4", "13/16"))
"""The codes of the table."""


def make(*, name: str) -> QcLdpc:
    """The code of that name, checked against its known answers."""
    return _load(name.removeprefix("802.11ad-"), load_tables())


def load_codes() -> dict[str, QcLdpc]:
    """'802.11ad-1/2' ... '802.11ad-13/16', checked against their known answers."""
    return {name: make(name=name) for name in NAMES}


def _load(rate: str, tables: dict[str, Any]) -> QcLdpc:
    prototype = tuple(tuple(row) for row in tables["matrices"][rate])
    code = QcLdpc(name=f"802.11ad-{rate}", prototype=prototype, lifting=tables["Z"])
    parity = code.encode(scrambler_sequence(code.k))[code.k :]
    known = tables["verified"][rate]
    answers = {
        "H": ([code.n - code.k, code.n], known["H"]),
        "sha256 of H": (sha256(np.packbits(code.parity_check()).tobytes()).hexdigest(), known["sha256"]),
        "parity bits": (hex_of_bits(parity), tables["known_answer_test"]["parity"][rate]["parity_hex"]),
    }
    for what, (got, want) in answers.items():
        if got != want:
            raise ValueError(
                f"ieee80211ad.json: {what} of rate {rate} must be {want}, got {got}; the file was changed"
            )
    return code
