"""'rician:k_factor=3,block=64': a block in one word, as the command line writes it."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError


def or_word(what: str, parse: Callable[[str], Any], form: Any) -> BeforeValidator:
    """For an annotation of type `form`: text in its place is read by `parse`, as on the command line.

    `what` begins the errors of `parse`, and is left out: the field is named already.
    """

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return parse(value)
        except ValueError as error:
            told = str(error)
            raise ValueError(
                told.removeprefix(what).lstrip(":. ") if told.startswith(what) else told
            ) from None

    return BeforeValidator(read, json_schema_input_type=str | form)


def parse_compact(what: str, text: str, kinds: Mapping[str, type]) -> Any:
    """The block that 'kind' or 'kind:field=value,...' names among `kinds`.

    ValueError 'WHAT: rule, got X; remedy', one line, with the nearest name where one is unknown. A value that
    holds a comma cannot be written so; a scenario can.
    """
    kind, _, rest = text.strip().partition(":")
    if kind not in kinds:
        raise ValueError(f"{what}: must be one of {', '.join(kinds)}, got {kind!r}; {_near(kind, kinds)}")
    names = [field.name for field in fields(kinds[kind]) if field.init and field.name != "kind"]
    values: dict[str, str] = {}
    for part in rest.split(",") if rest.strip() else ():
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            example = f"{kind}:{names[0]}=..." if names else kind
            raise ValueError(f"{what}: must be kind:field=value,..., got {text!r}; as {example}")
        if name not in names:
            raise ValueError(f"{what}: {kind} has no field {name!r}, got {text!r}; {_near(name, names)}")
        if name in values:
            raise ValueError(f"{what}: must tell {name} once, got {text!r}; keep one")
        values[name] = value
    try:
        return _adapter(kinds[kind]).validate_python(values)
    except ValidationError as error:
        raise ValueError(f"{what}: {_told(error, text)}") from None


def compact(block: Any) -> str:
    """The word that names the block: its kind, and the fields that are not as they would be untold.

    >>> from phy.channel_block import Rician
    >>> compact(Rician(k_factor=3.0)), compact(Rician())
    ('rician:k_factor=3.0', 'rician')
    """
    told = [
        f"{field.name}={getattr(block, field.name)}"
        for field in fields(block)
        if field.init and field.name != "kind" and getattr(block, field.name) != field.default
    ]
    return f"{block.kind}:{','.join(told)}" if told else block.kind


@cache
def _adapter(kind: type) -> TypeAdapter:
    return TypeAdapter(kind)


def _near(word: str, known: Mapping[str, Any] | list[str]) -> str:
    hit = get_close_matches(word, known, 1, 0.5)
    return f"did you mean {hit[0]!r}?" if hit else f"it may be {', '.join(known) or 'none'}"


def _told(error: ValidationError, text: str) -> str:
    """The first finding: the block's own words, or pydantic's rule for the field."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "value_error":
        return " ".join(str(first["ctx"]["error"]).split())
    field = str(first["loc"][0]) if first["loc"] else "it"
    if first["type"] == "missing":
        return f"{field} is missing, got {text!r}; add {field}=..."
    rules = {each["msg"].replace("Input should be", "must be").split(",")[0] for each in error.errors()
             if each["loc"][:1] == first["loc"][:1]}  # fmt: skip
    return f"{field}: {' or '.join(sorted(rules))}, got {first['input']!r}; mend the value"
