"""How a stream rides its channel uses: bits behind a code, or symbols as they are."""

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, WithJsonSchema

from phy import bler
from phy.amc import MCS, Amc, Mcs, find_mcs
from phy.cipher import Cipher
from phy.fec.decoder import Decoder


def _mcs_kind(value: Any) -> str:
    return "name" if isinstance(value, str) else "amc"


McsName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(MCS)})]
McsChoice = Annotated[Annotated[McsName, Tag("name")] | Annotated[Amc, Tag("amc")], Discriminator(_mcs_kind)]


LEAST_SHARE, MOST_SHARE = 1e-6, 1e6
"""Beyond them a share is a slip of the pen, and no fraction that `phy.power.split_uses` can keep."""


def _check_share(share: float) -> None:
    if not LEAST_SHARE <= share <= MOST_SHARE:
        raise ValueError(
            f"share: must be positive, {LEAST_SHARE:g} to {MOST_SHARE:g}, got {share}; it is the stream's "
            "relative weight in uses"
        )


@dataclass(frozen=True, kw_only=True)
class DigitalBearer:
    """Bits: cipher, length header and CRC, code blocks, constellation; the receiver demaps and decodes.

    share: its channel uses relative to the other streams' shares (0.2 beside 1.0 is a DA ratio of 0.2).
    mcs: a scheme's name, or the rule that picks one for each frame.
    crc: bits of each checksum over header and ciphertext; crc_per: one a payload, or one a code block.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["digital"] = "digital"
    share: float = 1.0
    mcs: McsChoice
    cipher: Cipher | None = None
    crc: Literal[16, 24, 32] = 24
    crc_per: Literal["payload", "block"] = "payload"
    demapper: Literal["exact", "max-log"] = "exact"
    decoder: Decoder = field(default_factory=Decoder)

    def __post_init__(self) -> None:
        _check_share(self.share)
        if isinstance(self.mcs, str):
            find_mcs(self.mcs)
        else:
            told = ("algorithm", "schedule", "iterations", "clip")
            bler.check_chain(self.demapper, **{name: getattr(self.decoder, name) for name in told})

    @property
    def schemes(self) -> tuple[Mcs, ...]:
        """What this bearer may use, most robust first."""
        return (find_mcs(self.mcs),) if isinstance(self.mcs, str) else self.mcs.schemes


@dataclass(frozen=True, kw_only=True)
class AnalogBearer:
    """Symbols, one a channel use; uses that the stream leaves free carry zeros and are charged as fill.

    share: the stream's channel uses relative to the other streams' shares.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["analog"] = "analog"
    share: float = 1.0

    def __post_init__(self) -> None:
        _check_share(self.share)


Bearer = Annotated[DigitalBearer | AnalogBearer, Field(discriminator="kind")]
BEARERS: dict[str, type] = {"digital": DigitalBearer, "analog": AnalogBearer}
