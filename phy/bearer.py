"""How a stream rides its channel uses: bits behind a code, or symbols as they are."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, WithJsonSchema

from phy import bler
from phy.amc import Amc
from phy.cipher import Cipher
from phy.compact import or_word
from phy.fec.code import Code
from phy.fec.decoder import Decoder, default_decoder
from phy.fec.decoder_spec import parse_decoder
from phy.front_end import FrontEnd
from phy.interleave import Interleaver
from phy.mcs import MCS, Mcs, Pair, find_mcs


def _mcs_kind(value: Any) -> str:
    if isinstance(value, str):
        return "name"
    pair = isinstance(value, Pair) or (isinstance(value, dict) and {"constellation", "code"} & value.keys())
    return "pair" if pair else "amc"


McsName = Annotated[
    str,
    WithJsonSchema({"anyOf": [{"type": "string", "enum": list(MCS)}, {"type": "string", "pattern": "./."}]}),
]
McsChoice = Annotated[
    Annotated[McsName, Tag("name")] | Annotated[Pair, Tag("pair")] | Annotated[Amc, Tag("amc")],
    Discriminator(_mcs_kind),
]


LEAST_SHARE, MOST_SHARE = 1e-6, 1e6
"""Beyond them a share is a slip of the pen, and no fraction that `phy.power.split_uses` can keep."""


LEAST_POWER, MOST_POWER = 1e-3, 1e3
"""Beyond them, +-30 dB, the other streams are without power."""


def _check_weights(share: float, power: float) -> None:
    if not LEAST_SHARE <= share <= MOST_SHARE:
        raise ValueError(
            f"share: must be positive, {LEAST_SHARE:g} to {MOST_SHARE:g}, got {share}; it is the stream's "
            "relative weight in uses"
        )
    if not LEAST_POWER <= power <= MOST_POWER:
        raise ValueError(
            f"power: must be positive, {LEAST_POWER:g} to {MOST_POWER:g}, got {power}; it is linear, the "
            "energy of one of the stream's uses relative to the others'"
        )


@dataclass(frozen=True, kw_only=True)
class DigitalBearer:
    """Bits: cipher, length header and CRC, code blocks, constellation; the receiver demaps and decodes.

    share: its channel uses relative to the other streams' shares (0.2 beside 1.0 is a DA ratio of 0.2).
    power: energy of one of its uses relative to the other streams', linear; E|x|^2 = 1 over the frame.
    mcs: a scheme's name, a constellation and a code, or the rule that picks a scheme for each frame.
    crc: bits of each checksum over header and ciphertext; crc_per: one a payload, or one a code block.
    interleaver: order of the coded bits on the air (`phy.interleave`).
    decoder: None is the code's own default; a scenario writes a mapping, or the word of the command line.
    block_loss: probability that a code block is lost beside what the channel does to it, as to a burst or a
        dropped packet; adaptive modulation does not know of it.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["digital"] = "digital"
    share: float = 1.0
    power: float = 1.0
    mcs: McsChoice
    cipher: Cipher | None = None
    crc: Literal[16, 24, 32] = 24
    crc_per: Literal["payload", "block"] = "payload"
    interleaver: Interleaver = "none"
    demapper: Literal["exact", "max-log"] = "exact"
    decoder: Annotated[Decoder, or_word("decoder", parse_decoder, Decoder)] | None = None
    block_loss: float = 0.0

    def __post_init__(self) -> None:
        _check_weights(self.share, self.power)
        if not 0 <= self.block_loss <= 1:
            raise ValueError(
                f"block_loss: must lie between 0 and 1, got {self.block_loss}; it is a probability"
            )
        for scheme in self.schemes:
            if isinstance(self.mcs, Amc):
                bler.check_curve(scheme, self.receiver)
            elif self.decoder is not None and self.decoder.algorithm not in scheme.code.algorithms:
                raise ValueError(
                    f"decoder.algorithm: must be one of {', '.join(scheme.code.algorithms)} for "
                    f"{scheme.code_name}, got {self.decoder.algorithm!r}; leave decoder out for the first"
                )

    @property
    def schemes(self) -> tuple[Mcs, ...]:
        """What this bearer may use, most robust first."""
        if isinstance(self.mcs, Amc):
            return self.mcs.schemes
        return (find_mcs(self.mcs.mcs_name if isinstance(self.mcs, Pair) else self.mcs),)

    @property
    def receiver(self) -> bler.Receiver:
        """What decides an error rate beside the scheme."""
        return bler.Receiver(demapper=self.demapper, decoder=self.decoder, interleaver=self.interleaver)

    def decoder_of(self, code: Code) -> Decoder:
        """The decoder of a scheme's code."""
        return default_decoder(code) if self.decoder is None else self.decoder


@dataclass(frozen=True, kw_only=True)
class AnalogBearer:
    """Symbols, one a channel use; uses that the stream leaves free carry zeros and are charged as fill.

    share: the stream's channel uses relative to the other streams' shares.
    power: energy of one of its uses relative to the other streams', linear; E|x|^2 = 1 over the frame.
    clip_db: largest |x|^2 over the mean power, in dB; dac_bits: of the converter behind it, a real dimension,
        over the range that the clipper leaves. Both see one symbol a channel use: no pulses are shaped.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["analog"] = "analog"
    share: float = 1.0
    power: float = 1.0
    clip_db: float | None = None
    dac_bits: int | None = None

    def __post_init__(self) -> None:
        _check_weights(self.share, self.power)
        _ = self.front_end

    @property
    def front_end(self) -> FrontEnd:
        """What converter and amplifier make of the symbols."""
        return FrontEnd(clip_db=self.clip_db, dac_bits=self.dac_bits)


Bearer = Annotated[DigitalBearer | AnalogBearer, Field(discriminator="kind")]
