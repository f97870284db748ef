"""Codes as words: FAMILY[:KEY=VALUE,...], read into the arguments of the family's maker.

A family is a row of `phy.fec.families.FAMILIES`: a function whose keyword-only arguments are the keys of its
words, `name` first, which gets the word as it was written. The annotation of an argument says how its text is
read (int, Fraction, str, each perhaps `| None`), its default makes the key optional. One argument may stand
alone after the colon, without its key (a path, mostly): `alist:codes/mackay.alist`.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from phy.fec.code import Code

MOST_DIGITS = 9
NUMBER = {
    int: (re.compile(rf"[+-]?\d{{1,{MOST_DIGITS}}}"), "a whole number"),
    Fraction: (re.compile(r"\d{1,9}/0*[1-9]\d{0,8}|\d{1,9}|\d{0,9}\.\d{1,9}"), "a ratio as 3/4 or 0.75"),
}
"""How the text of each kind of number looks, and what it is called."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Codes that share a name and a maker.

    make: (*, name: str, keys...) -> Code; raises ValueError "key: rule, got X; remedy".
    about: what it is and where it comes from, in a line.
    named: the words of a family that is a table, which have no keys.
    grammar: how its words look, for people; '' where `named` says it all.
    alone: the key whose value may stand without it.
    examples: words for `phy.fec.CODES`, codes small enough for every test to run on.
    span: n, k and rate that its words reach, for people; '' where they are in a table.
    engines: those that decode it.
    files: whether its words name files, which are read again each time.
    """

    make: Callable[..., Code]
    about: str
    named: tuple[str, ...] = ()
    grammar: str = ""
    alone: str | None = None
    examples: tuple[str, ...] = ()
    span: str = ""
    engines: tuple[str, ...] = ("native", "sionna", "reference")
    files: bool = False

    @property
    def keys(self) -> Mapping[str, inspect.Parameter]:
        """The maker's arguments but for the name, with their types resolved."""
        hints = get_type_hints(self.make)
        parameters = inspect.signature(self.make).parameters
        return {key: p.replace(annotation=hints[key]) for key, p in parameters.items() if key != "name"}


def read_code(spec: str, families: Mapping[str, Family]) -> Code:
    """The code of a word; ValueError, one line, where it is none."""
    spec = spec.strip()
    if not spec:
        raise ValueError("code: must not be empty, got ''; `linksim list codes` tells all")
    name, colon, rest = spec.partition(":")
    for family in families.values():
        if spec in family.named:
            return _make(spec, family, {"name": spec})
    if name not in families or families[name].named:
        raise ValueError(_unknown(spec, families))
    family = families[name]
    return _make(spec, family, {"name": spec} | (_arguments(name, rest, family) if colon else {}))


def _unknown(spec: str, families: Mapping[str, Family]) -> str:
    """The line for a word of no family: the nearest of its table, if it begins like one, or of all."""
    name, colon, _ = spec.lower().partition(":")
    tables = [key for key, family in families.items() if family.named and name.startswith(key.lower())]
    near = {word.lower(): word for key in tables for word in families[key].named}
    if not near:
        near = {key: family.grammar for key, family in families.items() if not family.named}
        named = (word for family in families.values() for word in family.named)
        near |= {} if colon else {word: word for word in named}
    meant = near[get_close_matches(name, near, n=1, cutoff=0.0)[0]]
    rule = f"one of {', '.join(near.values())}" if tables else f"of {', '.join(families)}"
    return f"code: must be {rule}, got {spec[:80]!r}; did you mean {meant!r}? `linksim list codes` tells all"


def _make(spec: str, family: Family, arguments: dict[str, Any]) -> Code:
    lacking = [key for key, p in family.keys.items() if p.default is p.empty and key not in arguments]
    if lacking:
        raise ValueError(f"code: needs {' and '.join(lacking)}, got {spec!r}; write {family.grammar}")
    try:
        return family.make(**arguments)
    except ValueError as error:
        raise ValueError(f"code: {spec}: {error}") from error


def _arguments(name: str, rest: str, family: Family) -> dict[str, Any]:
    """The values of 'KEY=VALUE,...'; what follows a comma is the value's own unless it is a key."""
    keys, given = family.keys, {}
    for part in re.split(r",(?=\s*[A-Za-z_]+\s*=)", rest):
        key, equals, text = (piece.strip() for piece in part.partition("="))
        if family.alone and key not in keys and family.alone not in given:
            key, equals, text = family.alone, "=", part.strip()
        if not equals or key not in keys or key in given:
            near = get_close_matches(key, [k for k in keys if k not in given], n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"write {family.grammar}"
            takes = ", ".join(f"{k}=..." for k in keys) or "nothing"
            raise ValueError(f"code: {name} takes {takes}, each once, got {part!r}; {remedy}")
        given[key] = _value(f"{name}: {key}", text, keys[key].annotation, family)
    return given


def _value(where: str, text: str, annotation: Any, family: Family) -> Any:
    kinds = get_args(annotation) if get_origin(annotation) is UnionType else (annotation,)
    kind = next(each for each in kinds if each is not NoneType)
    if kind is str:
        if text:
            return text
        raise ValueError(f"code: {where} must not be empty, got ''; write {family.grammar}")
    pattern, called = NUMBER[kind]
    if kind is int and text.isdecimal() and len(text) > MOST_DIGITS:
        called += f" of at most {MOST_DIGITS} digits"
    if not pattern.fullmatch(text):
        raise ValueError(f"code: {where} must be {called}, got {text!r}; write {family.grammar}")
    return kind(text)
