"""SoftCast on a link: coefficients of a DCT as analog symbols, what the receiver must know of them as bits.

    image -> colour -> DCT -> chunks -> variances -> 'metadata' bits
                              the largest chunks -> gains, Hadamard -> 'picture' symbols
    bits -> variances, means;  symbols, with the noise observed -> LLSE -> inverse DCT -> image

(Jakubczak, Katabi: A Cross-Layer Design for Scalable Mobile Video, MobiCom 2011, for pictures one by one.)
Chunks of least variance are discarded where the grant is too small for all. Nothing is told for free: the
metadata, which the paper sends behind its most robust code, have a stream, and an outage, of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from linksim.codecs import softcast_analog as analog
from linksim.codecs.base import GREY, Decoded, Image, check_level, grey
from linksim.codecs.dct_tables import WORD_BITS, Encoder
from linksim.codecs.softcast_analog import Allocation
from linksim.codecs.softcast_metadata import (
    SIDES,
    Bitstring,
    Metadata,
    design_snr,
    from_words,
    head_bits,
    heard,
    indices_of,
    n_angles,
    told,
)
from linksim.codecs.softcast_transform import (
    Colour,
    Grid,
    Shape,
    Spacing,
    Transform,
    colour_of,
    to_image,
    to_planes,
)
from phy.types import Bits, BitsObserved, Grant, Message, Reception, Symbols

Bitarray = NDArray[np.uint8]
Coefficients = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Linear:
    """What codecs with analog coefficients share.

    transform: image: one DCT of each whole plane; block: of 8x8 pixels, each band a chunk.
    chunks: of each plane, at most: 4, 16, 64, 256, 1024 or 4096; a picture whose metadata do not fit has
        fewer. Of image, so many rectangles of frequencies; of block, 64 bands in 1, 4, 16 or 64 regions.
    spacing: of an image's chunks, even as published, or quadratic, smaller at low frequencies.
    colour: YCbCr (BT.601, full range), or the picture's own principal components, told by three angles.
    allocation: softcast: gains variance^(-1/4), as published; lmmse: powers best for the LLSE.
    whitening: mix 32 reals of different chunks by a Hadamard matrix, as published, or none.
    outage_level: of the flat picture.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    transform: Transform = "image"
    chunks: Literal[4, 16, 64, 256, 1024, 4096] = 64
    spacing: Spacing = "even"
    colour: Colour = "ycbcr"
    allocation: Allocation = "softcast"
    whitening: Literal["hadamard", "none"] = "hadamard"
    outage_level: int = GREY

    digital: ClassVar[str]
    analog: ClassVar[str]
    ahead_bits: ClassVar[int] = 0
    """Of what a codec tells ahead of the metadata."""

    def __post_init__(self) -> None:
        check_level(self.outage_level)
        if self.transform == "block" and self.spacing != "even":
            raise ValueError(f"spacing: must be even with transform block, got {self.spacing}; leave it out")
        if self.chunks not in [side**2 for side in SIDES]:
            every = ", ".join(str(side**2) for side in SIDES)
            raise ValueError(f"chunks: must be one of {every}, got {self.chunks}; 64 is the default")

    @property
    def fingerprint(self) -> str:
        """Nothing beside the fields decides its pictures."""
        return ""

    def check(self, shape: Shape, grants: Mapping[str, Grant]) -> None:
        """ValueError 'field: rule, got X; remedy' where a grant holds no metadata, or no symbol."""
        head = head_bits(shape[2], n_angles(shape[2], self.colour))
        least = self.ahead_bits + head + WORD_BITS
        if (most := grants[self.digital].payload_bits) < least:
            raise ValueError(
                f"codec: needs {least} bits of {self.digital!r} at the least, got {most}; raise its share"
            )
        if not grants[self.analog].channel_uses:
            raise ValueError(f"codec: needs a channel use of {self.analog!r}, got none; raise its share")

    def encode(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Message]:
        """Bits that fit, and one symbol for each granted use; no bit, and zeros, where not the fewest fit."""
        return [self._encode(image, grant) for image, grant in zip(images, grants, strict=True)]

    def decode(self, receptions: Sequence[Reception], shapes: Sequence[Shape]) -> list[Decoded]:
        """The picture; a flat one, an outage, where the bits did not arrive."""
        shown = []
        for reception, shape in zip(receptions, shapes, strict=True):
            image = self._decode(reception, shape)
            lost = image is None
            shown.append(Decoded(image=grey(shape, self.outage_level) if lost else image, outage=lost))
        return shown

    def _encode(self, image: Image, grants: Mapping[str, Grant]) -> Message:
        uses, budget = grants[self.analog].channel_uses, grants[self.digital].payload_bits
        angles = colour_of(image, self.colour)
        planes, means = to_planes(image, angles)
        for side in reversed([side for side in SIDES if side**2 <= self.chunks]):
            grid = self._grid(image.shape, side)
            coefficients = grid.forward(planes)
            metadata = Metadata(
                side=side,
                snr_db=design_snr(grants[self.analog].snr_db),
                scale=0,
                means=means,
                angles=angles,
                indices=indices_of(grid, coefficients),
            )
            made = self._message(grid, metadata, coefficients, uses, budget)
            if made is not None:
                return {self.digital: Bits(data=made[0]), self.analog: Symbols(data=made[1])}
        return {
            self.digital: Bits(data=np.zeros(0, np.uint8)),
            self.analog: Symbols(data=np.zeros(uses, np.complex64)),
        }

    def _decode(self, reception: Reception, shape: Shape) -> Image | None:
        got = reception[self.digital]
        if not (isinstance(got, BitsObserved) and got.ok and got.deciphered and got.data.size):
            return None
        try:
            found = self._coefficients(self._grid(shape, SIDES[0]), got.data, reception)
        except ValueError:
            return None
        grid, metadata, coefficients = found
        return to_image(grid.inverse(coefficients), metadata.means, metadata.angles)

    def _grid(self, shape: Shape, side: int) -> Grid:
        return Grid(shape=shape, transform=self.transform, spacing=self.spacing, side=side)

    def _plan(self, grid: Grid, variances: NDArray[np.float64], uses: int, metadata: Metadata) -> analog.Plan:
        whitened = self.whitening == "hadamard"
        noise = metadata.noise_var
        return analog.plan(grid.chunk_of, variances, uses, self.allocation, noise, whitened)


@dataclass(frozen=True, kw_only=True)
class Softcast(Linear):
    """SoftCast: DCT coefficients as analog symbols, those of largest variance first; the variances as bits.

    The defaults are as published; fields as of `Linear`.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["softcast"] = "softcast"

    streams: ClassVar[Mapping[str, str]] = {"metadata": "digital", "picture": "analog"}
    digital: ClassVar[str] = "metadata"
    analog: ClassVar[str] = "picture"

    def _message(
        self, grid: Grid, metadata: Metadata, coefficients: Coefficients, uses: int, budget: int
    ) -> tuple[Bitarray, NDArray[np.complex64]] | None:
        """Bits and symbols; None where the bits do not fit."""
        coder = Encoder()
        plan = self._plan(grid, metadata.variances, uses, metadata)
        symbols, scale = analog.send(plan, coefficients)
        head = told(grid, replace(metadata, scale=scale), coder)
        bits = np.concatenate([head, from_words(coder.get_compressed())])
        return (bits, symbols) if bits.size <= budget else None

    def _coefficients(
        self, grid: Grid, bits: Bitarray, reception: Reception
    ) -> tuple[Grid, Metadata, Coefficients]:
        symbols = reception[self.analog]
        grid, metadata, _ = heard(grid, Bitstring(data=bits), n_angles(grid.shape[2], self.colour))
        plan = self._plan(grid, metadata.variances, symbols.data.size, metadata)
        return grid, metadata, analog.receive(plan, symbols, metadata.scale, grid.chunk_of.size)
