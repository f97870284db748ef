"""Decoders as words: `layered-offset-min-sum:iterations=20,quantisation=8`, read, written and listed."""

from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from phy.fec.decoder import MESSAGE_PASSING, READS, Decoder, Quantisation

ABOUT = {
    "sum-product": "belief propagation (boxplus); exact where the graph has no cycles",
    "min-sum": "the least magnitude for boxplus",
    "normalised-min-sum": "min-sum times scale",
    "offset-min-sum": "min-sum less offset",
    "viterbi": "the likeliest path of a trellis",
    "bcjr": "bit by bit posteriors of a trellis; two of them in turn decode turbo codes",
    "successive-cancellation": "polar codes, bit after bit",
    "sc-list": "polar codes, list_size paths side by side",
    "hard": "bit by bit decisions",
    "genie": "no decoding: ideal codes arrive or not, as the channel's information says",
}
"""Algorithm -> what it is, in a line."""

DECODERS: dict[str, str] = {
    **{name: what for name, what in ABOUT.items()},
    **{f"layered-{name}": f"{ABOUT[name]}; check after check" for name in MESSAGE_PASSING},
}
"""Every decoder's name -> what it is, in a line."""

_QUANTISATION = {"quantisation": "bits", "steps": "steps", "limit": "limit"}
"""Key of a spec -> field of Quantisation."""


def decoder_keys(name: str) -> tuple[str, ...]:
    """What may follow the name, as KEY=VALUE."""
    read = READS[name.removeprefix("layered-")]
    keys = [field.name for field in fields(Decoder) if field.name in read - {"schedule", "quantisation"}]
    return tuple(keys) + (tuple(_QUANTISATION) if "quantisation" in read else ())


def decoder_defaults(name: str) -> dict[str, str]:
    """Each of `decoder_keys` -> what it is where a word leaves it out."""
    told = {}
    for key in decoder_keys(name):
        value = getattr(Quantisation() if key in ("steps", "limit") else Decoder, key)
        told[key] = "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return told


def parse_decoder(spec: str) -> Decoder:
    """The decoder that a word names: [layered-]ALGORITHM[:KEY=VALUE,...], keys being `decoder_keys`.

    quantisation=8 is an 8-bit word, with steps=4 a unit of LLR and messages of limit=31 steps (a quarter of
    the largest word of any other width), unless those two are given; clip=none is no clip.

    >>> parse_decoder("normalised-min-sum:scale=0.875,iterations=10").scale
    0.875
    """
    name, colon, rest = spec.strip().partition(":")
    if name not in DECODERS:
        near = get_close_matches(name, DECODERS, n=1, cutoff=0.0)
        raise ValueError(
            f"decoder: must be one of {', '.join(DECODERS)}, got {name!r}; did you mean {near[0]!r}?"
        )
    given: dict[str, str] = {}
    for part in rest.split(",") if colon else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or key not in decoder_keys(name) or key in given:
            keys = ", ".join(f"{k}=..." for k in decoder_keys(name)) or "nothing"
            raise ValueError(
                f"decoder: {name} takes {keys}, each once, got {part!r}{_meant(key, name, given)}"
            )
        given[key] = value
    words = {key: _value(key, text) for key, text in given.items()}
    wide = {_QUANTISATION[key]: words.pop(key) for key in _QUANTISATION if key in words}
    if wide:
        if "bits" not in wide:
            raise ValueError(f"decoder: {' and '.join(wide)} need quantisation=8, got {spec!r}; add it")
        words["quantisation"] = Quantisation(**wide)
    schedule = "layered" if name.startswith("layered-") else "flooding"
    return Decoder(algorithm=name.removeprefix("layered-"), schedule=schedule, **words)


def write_decoder(decoder: Decoder) -> str:
    """The shortest word that `parse_decoder` reads as this decoder: what is usual is left out."""
    parts = [
        f"{field.name}={'none' if (value := getattr(decoder, field.name)) is None else value}"
        for field in fields(Decoder)
        if field.name not in ("algorithm", "schedule", "quantisation")
        and getattr(decoder, field.name) != field.default
    ]
    q = decoder.quantisation
    if q is not None:
        usual = Quantisation(bits=q.bits)
        parts.append(f"quantisation={q.bits}")
        parts += [
            f"{name}={getattr(q, name)}"
            for name in ("steps", "limit")
            if getattr(q, name) != getattr(usual, name)
        ]
    return ":".join(filter(None, (decoder.name, ",".join(parts))))


def _meant(key: str, name: str, given: dict[str, str]) -> str:
    near = get_close_matches(key, [k for k in decoder_keys(name) if k not in given], n=1)
    return f"; did you mean {near[0]!r}?" if near else "; leave it out"


def _value(key: str, text: str) -> Any:
    """A field's value from its text; the fields that may be None write it 'none'."""
    if key == "stop" or (key == "clip" and text == "none"):
        return text if key == "stop" else None
    kind = float if key in ("clip", "scale", "offset") else int
    try:
        return kind(text)
    except ValueError as not_a_number:
        number = "a number" if kind is float else "a whole number"
        raise ValueError(
            f"decoder.{key}: must be {number}, got {text!r}; {key}=... reads it"
        ) from not_a_number
