"""HSC on links: a network's semantic representation as symbols, and what its picture lacks as bits.

    X -> encoder -> mean, variance -> z -> sqrt(k) z/|z| -> 'semantic' symbols
    X^ = decoder(z), as without a channel;  X, X^ -> A, A X, quantised -> 'complement' bits
    symbols -> decoder -> X^;  bits -> A, A X;  X~ = A^+ A X + (I - A^+ A) X^ -> image

(Nam, Park, Choi, Kim: Hybrid Semantic-Complementary Transmission.) The streams usually ride on two links,
each with its own fade. k is the number of channel uses granted to 'semantic': 2k reals are sent, two a use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.adapters import Adapter, Known, find_adapter
from linksim.codecs.base import Decoded, Image
from linksim.codecs.complement import Source
from linksim.codecs.complement_bits import Basis, ComplementCode
from linksim.codecs.hsc_arrays import (
    Shape,
    groups,
    normalised,
    planes,
    to_image,
    to_reals,
    to_symbols,
)
from linksim.codecs.semantic import Semantic, find_semantic
from linksim.kept import Kept
from phy.rng import generator
from phy.types import Bits, BitsObserved, Grant, Message, Reception, Symbols

KEPT_BYTES, ENTRY_BYTES = 64 << 20, 512
"""Of messages that a process keeps, and what each takes beside its streams, about."""
_MESSAGES: Kept[Message] = Kept(most=KEPT_BYTES)
MOST_BITS = 24


class Plan(NamedTuple):
    """All that decides a message beside the codec: the picture's digest and shape, k and d."""

    pixels: str
    shape: Shape
    uses: int
    rank: int


@dataclass(frozen=True, kw_only=True)
class Hsc:
    """HSC: a network's picture by analog symbols, and by bits the rows that bring it nearest to the true one.

    card: a network in the zoo, or a folder with one.
    rank: the paper's d, or "fit": the largest that the digital grant holds; 0 sends no complement, and has no
        such stream. A grant that holds less than `rank` gets what it holds.
    source: what is sent beside the rows, A X or A (X - X^). basis: how the rows are told (`ComplementCode`).
    bits_a, bits_ax: bits of a real of the rows and of A X, or 0 for float64.
    policy: what a complement does whose check failed: nothing, or as if it were right.
    sample: send mean + e s, as the paper does, e named by the picture; else the mean.
    adapter: another card, of networks around this one that know of the complement (NCR), or none.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["hsc"] = "hsc"
    card: str = "hsc_vae"
    rank: int | Literal["fit"] = 8
    source: Source = "AX"
    basis: Basis = "eigen"
    bits_a: int = 8
    bits_ax: int = 8
    policy: Literal["drop", "best_effort"] = "drop"
    sample: bool = True
    adapter: str | None = None

    def __post_init__(self) -> None:
        if self.rank != "fit" and self.rank < 0:
            raise ValueError(f"rank: must be 0 or more, got {self.rank}; fit takes what the grant holds")
        for name in ("bits_a", "bits_ax"):
            bits = getattr(self, name)
            if bits and not 2 <= bits <= MOST_BITS:
                raise ValueError(
                    f"{name}: must be 2 to {MOST_BITS}, or 0 for float64, got {bits}; 8 is the default"
                )
        if self.adapter is not None and self.source != "AX":
            raise ValueError(f"adapter: needs source AX, got {self.source}; leave one of them out")
        if self.adapter is not None and not isinstance(self.rank, int):
            raise ValueError(f"adapter: needs a rank that is declared, got {self.rank!r}; set rank: 8")

    @property
    def streams(self) -> Mapping[str, str]:
        """Without a complement, a semantic stream alone."""
        return {"semantic": "analog"} | ({"complement": "digital"} if self.rank else {})

    @property
    def network(self) -> Semantic:
        return find_semantic(self.card)

    @property
    def fingerprint(self) -> str:
        around = self._adapter
        return self.network.fingerprint + (f"; adapter: {around.fingerprint}" if around else "")

    @property
    def _adapter(self) -> Adapter | None:
        return None if self.adapter is None else find_adapter(self.adapter, self.card)

    def code(self, shape: Shape) -> ComplementCode:
        """The complement's code for pictures [height, width, channels]."""
        height, width, channels = shape
        return ComplementCode(
            basis=self.basis,
            source=self.source,
            bits_a=self.bits_a,
            bits_ax=self.bits_ax,
            shape=(channels, height, width),
        )

    def check(self, shape: Shape, grants: Mapping[str, Grant]) -> None:
        """ValueError 'field: rule, got X; remedy' where pictures of a shape cannot be sent under grants."""
        size, takes = ("x".join(map(str, each)) for each in (shape, self.network.shape))
        if size != takes:
            raise ValueError(
                f"codec.card: {self.card} takes pictures of {takes}, got {size}; "
                "send other pictures, or name another card"
            )
        uses, most = grants["semantic"].channel_uses, self.network.largest_uses
        if not 1 <= uses <= most:
            raise ValueError(
                f"codec.card: sends 1 to {most} channel uses of 'semantic', got {uses}; "
                "change the bandwidth_ratio of its link, or its share"
            )
        if self._adapter is not None:
            self._adapter.check(uses)
        if self.rank != "fit" and self.rank > shape[0]:
            raise ValueError(
                f"codec.rank: must be at most {shape[0]}, the rows of a picture, got {self.rank}; "
                f"{shape[0]} complements the whole of it"
            )
        if not self.rank:
            return
        code, least = self.code(shape), 1 if self.rank == "fit" else self.rank
        payload, wanted = grants["complement"].payload_bits, code.n_bits(least)
        if wanted > payload:
            fits = code.rank_within(payload)
            other = f"lower codec.rank to {fits}, " if 0 < fits < least else ""
            raise ValueError(
                f"codec.rank: rank {least} of {size} takes {wanted} bits, got a payload of {payload}; "
                f"raise the bandwidth_ratio of its link, {other}or lower codec.bits_a and codec.bits_ax"
            )

    def encode(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Message]:
        """A symbol for each granted use the network can fill, of mean power 1, and the complement's bits."""
        plans = [self._plan(image, grant) for image, grant in zip(images, grants, strict=True)]
        known, own = dict.fromkeys(plans), (self, self.fingerprint)
        found = {plan: made for plan in known if (made := _MESSAGES.get((own, plan))) is not None}
        new = {plan: image for plan, image in zip(plans, images, strict=True) if plan not in found}
        for plan, message in zip(new, self._messages(list(new.values()), list(new)), strict=True):
            size = sum(stream.data.nbytes for stream in message.values())
            _MESSAGES.put((own, plan), message, size + ENTRY_BYTES)
            found[plan] = message
        return [found[plan] for plan in plans]

    def decode(self, receptions: Sequence[Reception], shapes: Sequence[Shape]) -> list[Decoded]:
        """The complemented picture; the semantic one, an outage, where the complement did not arrive."""
        most = self.network.largest_uses
        uses = [min(r["semantic"].data.size, most) for r in receptions]
        z = np.zeros((len(receptions), 2 * most), np.float32)
        for i, (reception, k) in enumerate(zip(receptions, uses, strict=True)):
            z[i, : 2 * k] = to_reals(reception["semantic"].data[:k])
        complemented = partial(self.complemented, receptions, shapes)
        if (around := self._adapter) is not None:
            known = [self._known(reception) for reception in receptions]
            guesses = around.guesses(z, known, lambda each: self._guesses(each, uses), complemented)
        else:
            guesses = self._guesses(z, uses)
        lost = [bool(self.rank) and not intact(r.get("complement")) for r in receptions]
        return [
            Decoded(image=to_image(x), outage=gone)
            for x, gone in zip(complemented(guesses), lost, strict=True)
        ]

    def complemented(
        self, receptions: Sequence[Reception], shapes: Sequence[Shape], guesses: NDArray[np.floating]
    ) -> list[NDArray[np.float64]]:
        """X~ [c, L, W] of each X^ [n, pixels] by what was received of its complement; X^ where nothing was.

        By (8), a linear map of X^ and a picture that is added.
        """
        read = [self._readable(r.get("complement")) for r in receptions]
        ranks = [
            0 if bits is None else self._rank(bits.size, s) for bits, s in zip(read, shapes, strict=True)
        ]
        out: list[NDArray[np.float64]] = [np.empty(0)] * len(receptions)
        for (shape, d), at in groups(list(zip(shapes, ranks, strict=True))).items():
            code = self.code(shape)
            bits = [read[i][: code.n_bits(d)] if d else np.zeros(0, np.uint8) for i in at]
            for i, x in zip(at, code.decode(np.stack(bits), planes(guesses[at], shape), d), strict=True):
                out[i] = x
        return out

    def _known(self, reception: Reception) -> Known:
        got, symbols = reception.get("complement"), reception["semantic"]
        return Known(
            rank=self.rank if got is not None and got.data.size else 0,
            arrived=intact(got),
            noise=float(np.mean(symbols.noise_var)) if symbols.data.size else np.inf,
        )

    def _plan(self, image: Image, grant: Mapping[str, Grant]) -> Plan:
        rank = self._rank(grant["complement"].payload_bits, image.shape) if self.rank else 0
        return Plan(
            pixels=sha256(np.ascontiguousarray(image).data).hexdigest(),
            shape=image.shape,
            uses=min(grant["semantic"].channel_uses, self.network.largest_uses),
            rank=rank,
        )

    def _rank(self, n_bits: int, shape: Shape) -> int:
        return self.code(shape).rank_within(n_bits, None if self.rank == "fit" else self.rank)

    def _readable(self, got: BitsObserved | None) -> NDArray[np.uint8] | None:
        """The bits that the policy reads; None where there is nothing to read."""
        if got is None or not got.deciphered or not (got.ok or self.policy == "best_effort"):
            return None
        return got.data

    def _messages(self, images: Sequence[Image], plans: Sequence[Plan]) -> list[Message]:
        if not images:
            return []
        uses = [plan.uses for plan in plans]
        z = self._representations(images, plans)
        guesses = self._guesses(z, uses)
        bits: list[NDArray[np.uint8]] = [np.empty(0, np.uint8)] * len(images)
        for (shape, d), at in groups([(plan.shape, plan.rank) for plan in plans]).items():
            x = planes(np.stack([images[i].reshape(-1) for i in at]) / 255.0, shape)
            for i, coded in zip(at, self.code(shape).encode(x, planes(guesses[at], shape), d), strict=True):
                bits[i] = coded
        if (around := self._adapter) is not None:
            z = around.encode(z, [self.rank if plan.rank else 0 for plan in plans])
        symbols = [Symbols(data=to_symbols(row[: 2 * k])) for row, k in zip(z, uses, strict=True)]
        if not self.rank:
            return [{"semantic": each} for each in symbols]
        return [{"semantic": s, "complement": Bits(data=b)} for s, b in zip(symbols, bits, strict=True)]

    def _representations(self, images: Sequence[Image], plans: Sequence[Plan]) -> NDArray[np.float32]:
        """z [n, 2 K] of |z|^2 = 2k in its first 2k reals, 0 behind them."""
        network = self.network
        z, log_variance = network.encode(np.stack([i.reshape(-1) for i in images]).astype(np.float32) / 255)
        if self.sample and network.codewords is None:
            drawn = [generator("hsc", plan.pixels).standard_normal(z.shape[1]) for plan in plans]
            z = z + np.exp(log_variance / 2) * np.asarray(drawn, np.float32)
        return np.stack([normalised(network, row, plan.uses) for row, plan in zip(z, plans, strict=True)])

    def _guesses(self, z: NDArray[np.float32], uses: Sequence[int]) -> NDArray[np.float64]:
        """X^ [n, pixels] of z [n, 2 K]; grey where nothing is sent."""
        out = np.full((len(z), int(np.prod(self.network.shape))), 0.5)
        for k, at in groups(uses).items():
            if k:
                out[at] = np.nan_to_num(self.network.decode(z[at], k)).clip(0, 1)
        return out


def intact(got: BitsObserved | None) -> bool:
    """Whether a stream arrived, and can be read."""
    return got is not None and got.ok and got.deciphered
