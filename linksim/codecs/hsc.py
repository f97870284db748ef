"""HSC on links: a network's semantic representation as symbols, and what its picture lacks as bits.

    X -> encoder -> mean, variance -> z -> sqrt(k) z/|z| -> 'semantic' symbols
    X^ = decoder(z), as without a channel;  X, X^ -> A, A X, quantised -> 'complement' bits
    symbols -> decoder -> X^;  bits -> A, A X;  X~ = A^+ A X + (I - A^+ A) X^ -> image

(Nam, Park, Choi, Kim: Hybrid Semantic-Complementary Transmission.) The streams usually ride on two links,
each with its own fade. k is the number of channel uses granted to 'semantic': 2k reals are sent, two a use.
A picture of several of the network's, as a sheet of digits, is sent as tiles, row by row: k uses and the
complement of each follow one another in one frame.
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
from linksim.codecs.complement_bits import Basis, Code, Heard
from linksim.codecs.hsc_arrays import (
    Plan,
    Shape,
    groups,
    n_tiles,
    normalised,
    planes,
    tiled,
    to_image,
    to_reals,
    to_symbols,
    untiled,
)
from linksim.codecs.hsc_facts import complement_facts, describe, load_facts
from linksim.codecs.hsc_rules import Rank, Width, check_fields, code_of, library_of
from linksim.codecs.semantic import Semantic, find_semantic
from linksim.kept import Kept
from phy.rng import generator
from phy.types import Bits, BitsObserved, Grant, Message, Reception, Symbols

KEPT_BYTES, ENTRY_BYTES = 64 << 20, 512
"""Of messages that a process keeps, and what each takes beside its streams, about."""


class Made(NamedTuple):
    """A message, and its complement in numbers."""

    message: Message
    facts: Mapping[str, float]


_MESSAGES: Kept[Made] = Kept(most=KEPT_BYTES)


@dataclass(frozen=True, kw_only=True)
class Hsc:
    """HSC: a network's picture by analog symbols, and by bits the rows that bring it nearest to the true one.

    card: a network in the zoo, or a folder with one.
    rank: the paper's d: a number; or "fit", the largest that the digital grant holds; or "best", for each
        picture, or tile, that of least error in what the grant holds; or {mse: 1e-3}, for each the fewest
        bits whose error is at most that. 0 sends no complement, and has no such stream. A grant that holds
        less than a number or an error asks for gets what it holds.
    source: what is sent beside the rows, A X or A (X - X^). basis: how the rows are told (`ComplementCode`).
    bits_a, bits_ax: bits of a real of the rows and of A X, or 0 for float64; or "best", chosen with the rank.
    widths: of A X, the same for every real; or "water", one step for all rows and each row as wide as it
        needs, in no more bits than even widths of `bits_ax` would take, or, if that is "best", in what the
        grant holds.
    packing: how the numbers become bits, "fixed" widths or "jpeg2000", to which no width applies.
    policy: what a complement does whose check failed: nothing, or as if it were right.
    sample: send mean + e s, as the paper does, e named by the picture; else the mean.
    adapter: another card, of networks around this one that know of the complement (NCR), or none.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["hsc"] = "hsc"
    card: str = "hsc_vae"
    rank: Rank = 8
    source: Source = "AX"
    basis: Basis = "eigen"
    bits_a: Width = 8
    bits_ax: Width = 8
    widths: Literal["even", "water"] = "even"
    packing: Literal["fixed", "jpeg2000"] = "fixed"
    policy: Literal["drop", "best_effort"] = "drop"
    sample: bool = True
    adapter: str | None = None

    def __post_init__(self) -> None:
        check_fields(self)
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
        own = self.network.fingerprint + library_of(self)
        return own + (f"; adapter: {self._adapter.fingerprint}" if self._adapter else "")

    @property
    def _adapter(self) -> Adapter | None:
        return None if self.adapter is None else find_adapter(self.adapter, self.card)

    def code(self) -> Code:
        """The complement's code for pictures, or tiles, that the network takes."""
        return code_of(self)

    def check(self, shape: Shape, grants: Mapping[str, Grant]) -> None:
        """ValueError 'field: rule, got X; remedy' where pictures of a shape cannot be sent under grants."""
        takes, tiles = self.network.shape, n_tiles(shape, self.network.shape)
        if not tiles:
            size, unit = ("x".join(map(str, each)) for each in (shape, takes))
            raise ValueError(
                f"codec.card: {self.card} takes pictures of {unit}, or of several side by side, got {size}; "
                "send other pictures, or name another card"
            )
        uses, most = grants["semantic"].channel_uses, self.network.largest_uses
        if not 1 <= uses // tiles <= most:
            raise ValueError(
                f"codec.card: sends {tiles} to {tiles * most} channel uses of 'semantic', got {uses}; "
                "change the bandwidth_ratio of its link, or its share"
            )
        if self._adapter is not None:
            self._adapter.check(uses // tiles)
        if isinstance(self.rank, int) and self.rank > takes[0]:
            raise ValueError(
                f"codec.rank: must be at most {takes[0]}, the rows of a picture, got {self.rank}; "
                f"{takes[0]} complements the whole of it"
            )
        if self.rank:
            self.code().check(grants["complement"].payload_bits, tiles)

    def encode(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Message]:
        """A symbol for each granted use the network can fill, of mean power 1, and the complement's bits."""
        return [made.message for made in self._made(images, grants)]

    def facts(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[dict[str, float]]:
        """What the messages come to, see `hsc_facts`."""
        out = []
        for image, grant, made in zip(images, grants, self._made(images, grants), strict=True):
            granted = grant["complement"].channel_uses if self.rank else 0
            symbols = made.message["semantic"].data.size
            out.append({**made.facts, **load_facts(made.facts, image.size, symbols, granted)})
        return out

    def describe(self, facts: Sequence[Mapping[str, float]], uses_per_sample: float) -> str:
        """A line for people of the facts of some pictures."""
        return describe(facts, uses_per_sample)

    def _made(self, images: Sequence[Image], grants: Sequence[Mapping[str, Grant]]) -> list[Made]:
        code = self.code()
        plans = [self._plan(code, image, grant) for image, grant in zip(images, grants, strict=True)]
        known, own = dict.fromkeys(plans), (self, self.fingerprint)
        found = {plan: made for plan in known if (made := _MESSAGES.get((own, plan))) is not None}
        new = {plan: image for plan, image in zip(plans, images, strict=True) if plan not in found}
        for at in groups([(plan.shape, plan.bits) for plan in new]).values():
            alike = [list(new)[i] for i in at]
            for plan, made in zip(alike, self._messages([new[p] for p in alike], alike), strict=True):
                size = sum(stream.data.nbytes for stream in made.message.values())
                _MESSAGES.put((own, plan), made, size + ENTRY_BYTES)
                found[plan] = made
        return [found[plan] for plan in plans]

    def decode(self, receptions: Sequence[Reception], shapes: Sequence[Shape]) -> list[Decoded]:
        """The complemented picture; the semantic one, an outage, where the complement did not arrive."""
        most = self.network.largest_uses
        counts = [n_tiles(shape, self.network.shape) for shape in shapes]
        each = [min(r["semantic"].data.size // t, most) for r, t in zip(receptions, counts, strict=True)]
        uses = np.repeat(each, counts).tolist()
        z = np.zeros((len(uses), 2 * most), np.float32)
        sent = [
            part
            for r, k, t in zip(receptions, each, counts, strict=True)
            for part in r["semantic"].data[: t * k].reshape(t, k)
        ]
        for row, k, part in zip(z, uses, sent, strict=True):
            row[: 2 * k] = to_reals(part)
        complemented = partial(self.complemented, receptions, shapes)
        if (around := self._adapter) is not None:
            known = [self._known(r) for r, t in zip(receptions, counts, strict=True) for _ in range(t)]
            guesses = around.guesses(z, known, lambda rows: self._guesses(rows, uses), complemented)
        else:
            guesses = self._guesses(z, uses)
        x, places = complemented(guesses), np.cumsum([0, *counts])
        lost = [bool(self.rank) and not intact(r.get("complement")) for r in receptions]
        return [
            Decoded(image=to_image(untiled(np.stack(x[a : a + t]), shape)), outage=gone)
            for a, t, shape, gone in zip(places, counts, shapes, lost, strict=False)
        ]

    def complemented(
        self, receptions: Sequence[Reception], shapes: Sequence[Shape], guesses: NDArray[np.floating]
    ) -> list[NDArray[np.float64]]:
        """X~ [c, L, W] of each tile's X^ [n, pixels] by what was received of its complement; X^ where nothing
        was.

        By (8), a linear map of X^ and a picture that is added.
        """
        code, takes = self.code(), self.network.shape
        counts = [n_tiles(shape, takes) for shape in shapes]
        places, x = np.cumsum([0, *counts]), planes(guesses, takes)
        for tiles, at in groups(counts).items():
            every = np.concatenate([np.arange(places[i], places[i] + tiles) for i in at])
            strings = [self._readable(receptions[i].get("complement")) for i in at]
            stack = x[every].reshape(len(at), tiles, *x.shape[1:])
            x[every] = code.decode(strings, stack).reshape(-1, *x.shape[1:])
        return list(x)

    def heard(self, receptions: Sequence[Reception], shapes: Sequence[Shape]) -> list[list[Heard]]:
        """Of each reception what its complement tells of each tile."""
        code, takes = self.code(), self.network.shape
        return [
            code.read([self._readable(reception.get("complement"))], n_tiles(shape, takes))
            for reception, shape in zip(receptions, shapes, strict=True)
        ]

    def _known(self, reception: Reception) -> Known:
        got, symbols = reception.get("complement"), reception["semantic"]
        return Known(
            rank=self.rank,
            arrived=intact(got) and got.data.size > 0,
            noise=float(np.mean(symbols.noise_var)) if symbols.data.size else np.inf,
        )

    def _plan(self, code: Code, image: Image, grant: Mapping[str, Grant]) -> Plan:
        tiles = n_tiles(image.shape, self.network.shape)
        return Plan(
            pixels=sha256(np.ascontiguousarray(image).data).hexdigest(),
            shape=image.shape,
            uses=min(grant["semantic"].channel_uses // tiles, self.network.largest_uses),
            bits=code.within(grant["complement"].payload_bits, tiles) if self.rank else 0,
        )

    def _readable(self, got: BitsObserved | None) -> NDArray[np.uint8]:
        """The bits that the policy reads; none where there is nothing to read."""
        if got is None or not got.deciphered or not (got.ok or self.policy == "best_effort"):
            return np.zeros(0, np.uint8)
        return got.data

    def _messages(self, images: Sequence[Image], plans: Sequence[Plan]) -> list[Made]:
        """Of pictures of one shape, with as many bits each."""
        code, takes = self.code(), self.network.shape
        pixels = np.stack([tiled(image, takes) for image in images])  # [n, t, pixels]
        n, tiles = pixels.shape[:2]
        uses = [plan.uses for plan in plans for _ in range(tiles)]
        z = self._representations(pixels, plans)
        x, guess = (
            planes(each, takes).reshape(n, tiles, takes[2], *takes[:2])
            for each in (pixels.reshape(n * tiles, -1) / 255.0, self._guesses(z, uses))
        )
        strings = code.encode(x, guess, plans[0].bits) if self.rank else [np.zeros(0, np.uint8)] * n
        facts = complement_facts(code.told(strings, x, guess), strings, x, guess)
        if (around := self._adapter) is not None:
            z = around.encode(z, [self.rank] * len(z))
        out = []
        for i, (plan, bits) in enumerate(zip(plans, strings, strict=True)):
            rows = z[i * tiles : (i + 1) * tiles, : 2 * plan.uses]
            message = {"semantic": Symbols(data=to_symbols(rows.reshape(-1)))}
            message |= {"complement": Bits(data=bits)} if self.rank else {}
            out.append(Made(message, facts[i]))
        return out

    def _representations(self, pixels: NDArray[np.uint8], plans: Sequence[Plan]) -> NDArray[np.float32]:
        """z [n t, 2 K] of |z|^2 = 2k in its first 2k reals, 0 behind them, of tiles [n, t, pixels]."""
        network, (n, tiles, size) = self.network, pixels.shape
        z, log_variance = network.encode(pixels.reshape(n * tiles, size).astype(np.float32) / 255)
        if self.sample and network.codewords is None:
            drawn = [generator("hsc", plan.pixels).standard_normal((tiles, z.shape[1])) for plan in plans]
            z = z + np.exp(log_variance / 2) * np.concatenate(drawn).astype(np.float32)
        uses = [plan.uses for plan in plans for _ in range(tiles)]
        return np.stack([normalised(network, row, k) for row, k in zip(z, uses, strict=True)])

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
