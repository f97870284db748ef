"""Forward error correction: a code is a value, a decoder's algorithm is another, and engines compute."""

from difflib import get_close_matches

from phy.fec.code import Code, GraphCode, QcLdpc
from phy.fec.decoder import Decoded, Decoder
from phy.fec.wigig import load_codes

CODES: dict[str, Code] = {**load_codes()}
"""Every code by name."""


def find_code(name: str) -> Code:
    """The code of that name; an unknown one names its nearest."""
    if name not in CODES:
        near = get_close_matches(name, CODES, n=1, cutoff=0.0)
        raise ValueError(f"code: must be one of {', '.join(CODES)}, got {name!r}; did you mean {near[0]!r}?")
    return CODES[name]


__all__ = ["CODES", "Code", "Decoded", "Decoder", "GraphCode", "QcLdpc", "find_code"]
