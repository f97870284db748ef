"""Channels: y = h x + n with E|h|^2 = 1, told apart by `kind`.

Each is a frozen value that draws h from a generator that the caller names:

    fading(n_uses, rng) -> h complex64 [n_uses]      gain_cdf(gain) -> P(|h|^2 <= gain)
    block            how long h stays exactly: "frame" or channel uses, 1 where h may change with every use
    coherence_uses   the block of a block fade that changes as fast, "frame" or channel uses
    mean             E h: the line of sight, whose phase is known

and one whose fading is correlated between uses: autocovariance(lag) -> E[h(i+k) h*(i)] -
|E h|^2.
"""

from typing import Annotated

from pydantic import Field

from phy.channel_block import Awgn, Block, Nakagami, Rayleigh, Rician
from phy.channel_jakes import Jakes
from phy.channel_recorded import Recorded
from phy.compact import or_word, parse_compact
from phy.rng import complex_normal

__all__ = [
    "CHANNELS",
    "Awgn",
    "Block",
    "Channel",
    "Jakes",
    "Moving",
    "Nakagami",
    "Rayleigh",
    "Recorded",
    "Rician",
    "complex_normal",
    "parse_channel",
]

Moving = Jakes | Recorded
"""Fading that changes from use to use; every other channel keeps h over a block and starts anew."""

CHANNELS: dict[str, type] = {
    "awgn": Awgn,
    "rayleigh": Rayleigh,
    "rician": Rician,
    "nakagami": Nakagami,
    "jakes": Jakes,
    "recorded": Recorded,
}


def parse_channel(text: str) -> "Channel":
    """The channel that 'kind' or 'kind:field=value,...' names; ValueError, one line, where it names none.

    >>> parse_channel("rician:k_factor=3,block=64")
    Rician(kind='rician', k_factor=3.0, block=64)
    """
    return parse_compact("channel", text, CHANNELS)


_Form = Annotated[Awgn | Rayleigh | Rician | Nakagami | Jakes | Recorded, Field(discriminator="kind")]
Channel = Annotated[_Form, or_word("channel", parse_channel, _Form)]
"""Any of them; a scenario writes a mapping with its kind, or the word."""
