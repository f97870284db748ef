"""One code over one channel, frame by frame, without images: what `linksim ber` counts.

A frame is one codeword. Its message, fades and noise follow from (seed, frame id) alone.
"""

from dataclasses import dataclass, field
from typing import Literal

from phy.channel import Awgn, Channel
from phy.constellation import Constellation
from phy.detect import Csi, PerfectCsi
from phy.fec.code import Code
from phy.fec.decoder import Decoder
from phy.mapping import Demapping

MOST_FAILED = 16
"""Ids of failed frames that `Counts` keeps, the lowest first."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Everything that decides an error rate but the SNR and the frames."""

    code: Code
    constellation: Constellation
    channel: Channel = field(default_factory=Awgn)
    csi: Csi = field(default_factory=PerfectCsi)
    demapper: Demapping = "exact"
    decoder: Decoder = field(default_factory=Decoder)
    interleaver: Literal["none", "block"] = "none"


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a range of frames came to; ranges add up.

    frames, frame_errors, bits, bit_errors: information bits, counted against the truth.
    iterations: of the decoder, summed over the frames; 0 where it has none.
    failed: the lowest ids of wrong frames, at most `MOST_FAILED`.
    """

    frames: int = 0
    frame_errors: int = 0
    bits: int = 0
    bit_errors: int = 0
    iterations: int = 0
    failed: tuple[int, ...] = ()

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            frames=self.frames + other.frames,
            frame_errors=self.frame_errors + other.frame_errors,
            bits=self.bits + other.bits,
            bit_errors=self.bit_errors + other.bit_errors,
            iterations=self.iterations + other.iterations,
            failed=tuple(sorted({*self.failed, *other.failed})[:MOST_FAILED]),
        )
