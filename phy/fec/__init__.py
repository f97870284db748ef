"""Forward error correction: a code is a value, a decoder's algorithm is another, and engines compute."""

from phy.fec.code import Code, GraphCode, QcLdpc
from phy.fec.decoder import Decoded, Decoder
from phy.fec.families import CODES, FAMILIES, find_code

__all__ = ["CODES", "FAMILIES", "Code", "Decoded", "Decoder", "GraphCode", "QcLdpc", "find_code"]
