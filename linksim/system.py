"""A codec over its links: pictures in, pictures out, with the account of every frame.

image -> codec.encode -> {stream: Bits | Symbols} -> links, each with its own h -> receptions -> codec.decode
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, ClassVar, Literal

from linksim.codecs.attack import find_attack
from linksim.codecs.base import Codec, Decoded, Image
from linksim.images import Photo
from linksim.kept import Kept
from phy.ledger import Ledger
from phy.link import Link
from phy.rng import Word
from phy.transmission import Delivery
from phy.types import Grant, Message

Grants = Mapping[str, Grant]
Facts = Mapping[str, float]
Arrived = Mapping[str, Sequence[Delivery]]
"""Of every link, a delivery a trial."""
ENCODING_BYTES = 256 << 20
"""Of messages that a process keeps."""
KEY_BYTES = 1024
"""What a message takes beside its streams, about."""


@dataclass(frozen=True, kw_only=True)
class Eavesdropper:
    """Who decodes the same observation. key: none, and enciphered bits are known not to be read; or a wrong
    one taken for right: AES-CTR then gives bits that look random, AES-GCM's tag refuses.

    attack: a network that makes a picture of HDA-DeepSC's symbols alone, in place of the codec's
    concealment. places: it guesses which reals were sent, or is told by who has the key: an upper bound.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    key: Literal["none", "wrong"] = "none"
    attack: str | None = None
    places: Literal["guessed", "told"] = "guessed"

    def __post_init__(self) -> None:
        if self.attack is not None and self.key != "none":
            raise ValueError(f"key: must be none beside an attack, got {self.key}; it reads no bits")
        if self.attack is None and self.places == "told":
            raise ValueError("places: are told to an attack alone, got none; name its card as attack")

    def fingerprints(self, codec: Codec) -> list[str]:
        """Of the attack's network, if there is one."""
        return [] if self.attack is None else [find_attack(self.attack, codec).fingerprint]

    def decode(self, codec: Codec, arrived: Arrived, shapes: Sequence[tuple[int, int, int]]) -> list[Decoded]:
        """What each trial's deliveries, one a link, show."""
        seen = _seen(arrived, "mistaken" if self.key == "wrong" else "eavesdropped")
        if self.attack is None:
            return codec.decode(seen, shapes)
        read = _seen(arrived, "reception") if self.places == "told" else None
        return find_attack(self.attack, codec).decode(seen, shapes, read)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One trial at the far end. eavesdropped: what the same observation shows without the key or with a
    wrong one, if asked for.

    facts: the codec's own numbers of the message, see `Codec`. seconds: wall time of this trial's part of
    its batch, by stage.
    """

    decoded: Decoded
    eavesdropped: Decoded | None
    ledgers: Mapping[str, Ledger]
    seconds: Mapping[str, float]
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """A message, and what its codec tells of it."""

    message: Message
    facts: Facts


@dataclass
class Encodings:
    """The messages that were made last: a picture under the same grants is encoded once in a process.

    A codec encodes each picture by itself, so a message is the same whatever was kept.
    """

    kept: Kept[Encoded] = field(default_factory=lambda: Kept(most=ENCODING_BYTES))

    def encoded(self, codec: Codec, photos: Sequence[Photo], grants: Sequence[Grants]) -> list[Encoded]:
        """Of each photo under its grants, in one call of the codec for all that are new."""
        keys = [
            (codec, photo.sha256, tuple(sorted(grant.items())))
            for photo, grant in zip(photos, grants, strict=True)
        ]
        found = {key: known for key in dict.fromkeys(keys) if (known := self.kept.get(key)) is not None}
        new = {key: i for i, key in enumerate(keys) if key not in found}
        made = _encode(codec, [photos[i].image for i in new.values()], [grants[i] for i in new.values()])
        for key, each in zip(new, made, strict=True):
            self.kept.put(key, each, _n_bytes(each.message))
            found[key] = each
        return [found[key] for key in keys]


def _encode(codec: Codec, images: Sequence[Image], grants: Sequence[Grants]) -> list[Encoded]:
    messages = codec.encode(images, grants)
    tell = getattr(codec, "facts", None)
    told: Sequence[Facts] = tell(images, grants) if tell else [{}] * len(messages)
    return [Encoded(message=m, facts=f) for m, f in zip(messages, told, strict=True)]


def _n_bytes(message: Message) -> int:
    return KEY_BYTES + sum(stream.data.nbytes for stream in message.values())


@dataclass(frozen=True, kw_only=True)
class System:
    """A codec, and the links that carry its streams, each stream on one of them.

    eavesdropper: also decode what is read without the keys, or with wrong ones. nonce: words that name what
    may change a plaintext beside the trial, see `phy.draws.Draws`.
    """

    codec: Codec
    links: Mapping[str, Link]
    eavesdropper: bool | Eavesdropper = False
    nonce: tuple[Word, ...] = ()
    encodings: Encodings = field(default_factory=Encodings, repr=False, compare=False)

    def deliver(
        self, photos: Sequence[Photo], trials: Sequence[int], seed: int, snr_db: float
    ) -> list[Outcome]:
        """Send photo i over the draw that (seed, link, its pixels, trials[i]) names; all as one batch.

        The draw depends on nothing else: two systems, engines and SNRs meet the same fades and noise.
        """
        clock = _Clock(len(photos))
        sizes = [photo.image.size for photo in photos]
        draws = {
            name: link.draw(
                snr_db,
                [(seed, name, photo.sha256, trial) for photo, trial in zip(photos, trials, strict=True)],
                self.nonce,
            )
            for name, link in self.links.items()
        }
        granted = {name: link.grants(sizes, draws[name]) for name, link in self.links.items()}
        merged = [_merged([each[i] for each in granted.values()]) for i in range(len(photos))]
        clock.lap("link")
        encoded = self.encodings.encoded(self.codec, photos, merged)
        messages = [each.message for each in encoded]
        clock.lap("encode")
        arrived = {
            name: link.deliver(_riding(messages, link), draws[name], granted[name])
            for name, link in self.links.items()
        }
        clock.lap("link")
        shapes = [photo.image.shape for photo in photos]
        received = self.codec.decode(_seen(arrived, "reception"), shapes)
        clock.lap("decode")
        overheard: Sequence[Decoded | None] = [None] * len(photos)
        if self.eavesdropper:
            who = Eavesdropper() if self.eavesdropper is True else self.eavesdropper
            overheard = who.decode(self.codec, arrived, shapes)
        clock.lap("eavesdrop")
        return [
            Outcome(
                decoded=received[i],
                eavesdropped=overheard[i],
                ledgers={name: each[i].ledger for name, each in arrived.items()},
                seconds=clock.seconds,
                facts=encoded[i].facts,
            )
            for i in range(len(photos))
        ]


def _merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


def _seen(arrived: Arrived, by: Literal["reception", "eavesdropped", "mistaken"]) -> list[dict[str, Any]]:
    """Of each trial what one receiver has on all links."""
    return [_merged([getattr(each, by) for each in trial]) for trial in zip(*arrived.values(), strict=True)]


def _riding(messages: Sequence[Message], link: Link) -> list[Message]:
    """Of each message, the streams that the link carries."""
    return [{name: message[name] for name in link.streams} for message in messages]


class _Clock:
    """Wall time by stage, divided evenly among the trials of a batch."""

    def __init__(self, n_trials: int) -> None:
        self.seconds: dict[str, float] = {}
        self._n_trials, self._since = n_trials, perf_counter()

    def lap(self, stage: str) -> None:
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + (now - self._since) / self._n_trials
        self._since = now
