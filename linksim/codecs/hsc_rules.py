"""Which code HSC's fields mean: what may be chosen of a complement, and what is declared."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from linksim.codecs.complement_best import Chosen
from linksim.codecs.complement_bits import Code, ComplementCode
from linksim.codecs.complement_fixed import Fixed
from linksim.codecs.complement_rows import Even, Water

if TYPE_CHECKING:
    from linksim.codecs.hsc import Hsc

MOST_BITS = 24
ROW_WIDTHS, SENT_WIDTHS = (3, 4, 5, 6, 7, 8, 10, 12), (2, 3, 4, 5, 6, 7, 8, 10)
"""Bits of a real of A, and of A X, that `best` chooses from."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """mse: on [0, 1], where X^ arrives as the transmitter has it, before pixels are clipped and rounded."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    mse: float

    def __post_init__(self) -> None:
        if not 0 < self.mse < 1:
            raise ValueError(f"mse: must be above 0 and below 1, got {self.mse}; 1e-3 is 30 dB")


Rank = int | Literal["fit", "best"] | Target
Width = int | Literal["best"]


def check_fields(codec: Hsc) -> None:
    """ValueError 'field: rule, got X; remedy' where fields do not go together."""
    rank = codec.rank
    if isinstance(rank, int) and rank < 0:
        raise ValueError(f"rank: must be 0 or more, got {rank}; fit takes what the grant holds")
    for name, bits in (("bits_a", codec.bits_a), ("bits_ax", codec.bits_ax)):
        if bits != "best" and bits and not 2 <= bits <= MOST_BITS:
            raise ValueError(
                f"{name}: must be 2 to {MOST_BITS}, or 0 for float64, got {bits}; 8 is the default"
            )
        if bits == "best" and rank == "fit":
            raise ValueError(f"{name}: must be declared with rank: fit, got best; set rank: best")
    if codec.widths == "water" and codec.bits_ax == 0:
        raise ValueError("widths: must be even for float64, got water; set bits_ax: 8")
    if codec.packing == "jpeg2000":
        if codec.basis != "eigen":
            raise ValueError(f"basis: must be eigen with packing jpeg2000, got {codec.basis}; leave it out")
        for each in fields(codec):
            value = getattr(codec, each.name)
            if each.name in ("bits_a", "bits_ax", "widths") and value != each.default:
                raise ValueError(f"{each.name}: is not of packing jpeg2000, got {value}; leave it out")
        if isinstance(rank, Target):
            raise ValueError("rank: must be a number, fit or best with packing jpeg2000, got mse; set best")


def library_of(codec: Hsc) -> str:
    """What of a fingerprint tells of the library that packs a codec's complements."""
    if codec.packing != "jpeg2000":
        return ""
    from linksim.codecs import openjpeg

    return f"; OpenJPEG {openjpeg.version()}"


def code_of(codec: Hsc) -> Code:
    """The code of a codec's fields, for the pictures or tiles that its network takes."""
    height, width, channels = codec.network.shape
    shape, rank = (channels, height, width), codec.rank
    if codec.packing == "jpeg2000":
        from linksim.codecs.complement_jpeg2000 import Codestreams

        return Codestreams(shape=shape, source=codec.source, rank=rank)
    told = ROW_WIDTHS if codec.bits_a == "best" and codec.basis != "dct" else (codec.bits_a,)
    codes = tuple(
        ComplementCode(
            basis=codec.basis,
            source=codec.source,
            bits_a=8 if bits == "best" else bits,
            bits_ax=8 if codec.bits_ax == "best" else codec.bits_ax,
            shape=shape,
        )
        for bits in told
    )
    declared = codec.bits_a != "best" and codec.bits_ax != "best" and codec.widths == "even"
    if declared and rank != "best" and not isinstance(rank, Target):
        return Fixed(code=codes[0], rank=None if rank == "fit" else rank)
    top, widths = float(np.sqrt(height)), SENT_WIDTHS if codec.bits_ax == "best" else (codec.bits_ax,)
    return Chosen(
        codes=codes,
        sent=Water(top=top) if codec.widths == "water" else Even(widths=widths, top=top),
        capped=codec.widths == "water" and codec.bits_ax != "best",
        rank="best" if isinstance(rank, Target) else rank,
        target=rank.mse if isinstance(rank, Target) else None,
    )
