"""What the native engine computes, told without loading its compiler."""

from phy.fec.code import Code, GraphCode
from phy.fec.decoder import Decoder
from phy.fec.segmented import Segmented

MOST_CLIP = 80.0
"""e^-80 is a normal float32."""


def refusal(code: Code, decoder: Decoder) -> str | None:
    """Why the native engine does not decode this, 'where: rule, got X; remedy', or None where it does."""
    q = decoder.quantisation
    if isinstance(code, Segmented):
        return next((why for block in code.blocks if (why := refusal(block, decoder))), None)
    if not isinstance(code, GraphCode):
        return (
            f"engine: native decodes codes of a graph, got {decoder.algorithm} of {code.name!r}; "
            "take engine: auto, which asks the others"
        )
    if decoder.algorithm not in code.algorithms:
        return (
            f"decoder: must be {' or '.join(code.algorithms)} for {code.name!r}, got {decoder.algorithm!r}; "
            f"leave it out for {code.algorithms[0]}"
        )
    if q is not None and (q.bits != 8 or decoder.schedule != "layered"):
        return (
            f"decoder: the native engine's words are of 8 bits, schedule layered, got {decoder.spec!r}; "
            "change those or take engine: reference"
        )
    clip_of_exp = decoder.clip is not None and decoder.clip <= MOST_CLIP
    if decoder.algorithm == "sum-product" and not clip_of_exp:
        return (
            f"decoder.clip: the native engine's sum-product needs a limit up to {MOST_CLIP:g}, "
            f"got {decoder.clip}; 20 is usual, or engine: reference"
        )
    return None
