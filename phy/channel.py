"""Channels: y = h x + n with E|h|^2 = 1, told apart by `kind`.

Each is a frozen value that draws h from a generator that the caller names:

    fading(n_uses, rng) -> h complex64 [n_uses]      gain_cdf(gain) -> P(|h|^2 <= gain)
    block            how long h stays exactly: "frame" or channel uses, 1 where h may change with every use
    coherence_uses   the block of a block fade that changes as fast, "frame" or channel uses
    mean             E h: the line of sight, where its phase is known
"""

from typing import Annotated

from pydantic import Field

from phy.channel_block import Awgn, Block, Nakagami, Rayleigh, Rician
from phy.rng import complex_normal

__all__ = ["CHANNELS", "Awgn", "Block", "Channel", "Nakagami", "Rayleigh", "Rician", "complex_normal"]

Channel = Annotated[Awgn | Rayleigh | Rician | Nakagami, Field(discriminator="kind")]
CHANNELS: dict[str, type] = {
    "awgn": Awgn,
    "rayleigh": Rayleigh,
    "rician": Rician,
    "nakagami": Nakagami,
}
