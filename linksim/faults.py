"""Pydantic's findings as one line a user can act on: origin, dotted field, rule, what was got, remedy."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from dataclasses import fields as fields_of
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import Tag, ValidationError

from linksim.document import Document, Field, dotted
from linksim.errors import ScenarioError

UNKNOWN = "unexpected_keyword_argument"
RULES = {
    "missing": "is missing",
    UNKNOWN: "is not a field",
    "dataclass_type": "must be a mapping of fields",
    "model_attributes_type": "must be a mapping of fields",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "fraction_parsing": "must be a fraction such as 1/6",
    "none_required": "must be null",
}
REMEDIES = {
    "bool_type": "write true or false",
    "dataclass_type": "write {FIELD: VALUE, ...}",
    "model_attributes_type": "write {FIELD: VALUE, ...}",
    "dict_type": "write {FIELD: VALUE, ...}",
    "mapping_type": "write {FIELD: VALUE, ...}",
    "float_type": "write it in digits, without quotes",
    "int_type": "write it in digits, without quotes",
    "string_type": "put it in quotes",
    "list_type": "write [ ... ]",
    "tuple_type": "write [ ... ]",
}
NAMED = re.compile(r"([a-z_]\w*(?:\.\w+)*): (.*)", re.DOTALL)
"""How a block's own ValueError begins: 'k_factor: must be >= 0, ...'."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One finding. annotation: what stands at the field; parent: what holds it; record: pydantic's."""

    field: Field
    record: Mapping[str, Any]
    annotation: Any
    parent: Any

    @property
    def kind(self) -> str:
        return self.record["type"]

    @property
    def known(self) -> list[str]:
        """The fields beside this one. A link's name is its key, and no field of a scenario."""
        names = (
            [each.name for each in fields_of(self.parent) if each.init and each.name != "kind"]
            if is_dataclass(self.parent)
            else []
        )
        return [
            name
            for name in names
            if not (name == "name" and len(self.field) == 3 and self.field[0] == "links")
        ]


def near(word: object, known: Iterable[str]) -> str | None:
    """'did you mean 'x'?', or the known words where nothing is near."""
    known = list(known)
    hit = difflib.get_close_matches(str(word), known, 1, cutoff=0.5)
    return f"did you mean {hit[0]!r}?" if hit else f"it may be {', '.join(known)}" if known else None


def first_fault(error: ValidationError, document: Document, root: type) -> ScenarioError:
    """The fault to mend first: an unknown key before what it left missing, else the first in the file."""
    faults = [_fault(record, root) for record in error.errors(include_url=False)]
    unknown = [fault for fault in faults if fault.kind == UNKNOWN]
    first = _nearest(unknown or faults)
    same = [fault for fault in faults if fault.field == first.field]
    field, rule, got, remedy = _words(first, same)
    return ScenarioError(f"{document.origin(field)}: {dotted(field) or 'the scenario'}", rule, got, remedy)


def _nearest(faults: list[Fault]) -> Fault:
    """The first one; of a union that of the member that was meant: one that took its type or its fields."""
    field, deep = faults[0].field, len(faults[0].field)
    within = [each for each in faults if each.field[:deep] == field]
    meant = (each for each in within if len(each.field) > deep or each.kind == "value_error")
    return next(meant, faults[0])


def _fault(record: Mapping[str, Any], root: type) -> Fault:
    """Along `loc`, a step at a union of two or more names a member of it; every other step is a field."""
    field: Field = ()
    annotation: Any = root
    parent: Any = None
    for step in record["loc"]:
        members = _members(annotation)
        if len(members) > 1:
            annotation = next((member for member in members if step in _tags(member)), None)
        else:
            parent = members[0] if members else None
            field, annotation = (*field, step), _inner(parent, step)
    return Fault(field=field, record=record, annotation=annotation, parent=_bare(parent))


def _members(annotation: Any) -> list[Any]:
    """The alternatives of an annotation other than None; what has a tag of its own stays Annotated."""
    origin = get_origin(annotation)
    if origin is Annotated and not any(isinstance(extra, Tag) for extra in annotation.__metadata__):
        return _members(annotation.__origin__)
    if origin in (Union, types.UnionType):
        return [member for arg in get_args(annotation) for member in _members(arg)]
    return [] if annotation in (None, types.NoneType) else [annotation]


def _tags(member: Any) -> set[str]:
    """What pydantic may call a member of a union."""
    if get_origin(member) is Annotated:
        return {extra.tag for extra in member.__metadata__ if isinstance(extra, Tag)}
    return {getattr(member, "kind", ""), getattr(member, "__name__", "")}


def _bare(annotation: Any) -> Any:
    return annotation.__origin__ if get_origin(annotation) is Annotated else annotation


def _inner(annotation: Any, step: str | int) -> Any:
    annotation = _bare(annotation)
    if is_dataclass(annotation):
        return get_type_hints(annotation, include_extras=True).get(str(step))
    args = get_args(annotation)
    return (args[1] if isinstance(step, str) and len(args) > 1 else args[0]) if args else None


def _words(fault: Fault, same: list[Fault]) -> tuple[Field, str, object, str | None]:
    """(field, rule, got, remedy) of a fault; `same` are the findings of every member of its union."""
    record, field = fault.record, fault.field
    ctx, got = record.get("ctx", {}), record["input"]
    if fault.kind == "value_error":
        return _block_words(field, str(ctx["error"]))
    if fault.kind == UNKNOWN:
        return field, RULES[UNKNOWN], None, near(field[-1], fault.known) or "take it away"
    if fault.kind == "union_tag_invalid":
        tags = re.findall(r"'([^']*)'", ctx["expected_tags"])
        hit = difflib.get_close_matches(ctx["tag"], tags, 1, cutoff=0.5)
        remedy = f"did you mean {hit[0]!r}?" if hit else "linksim list tells what each is"
        return (*field, "kind"), f"must be one of {', '.join(tags)}", ctx["tag"], remedy
    if fault.kind == "union_tag_not_found":
        kinds = [str(member.kind) for member in _members(fault.annotation)]
        return field, "needs a kind", None, near("", kinds)
    if fault.kind == "missing":
        return field, RULES["missing"], None, f"add {field[-1]}: ..."
    rules = list(dict.fromkeys(_rule(each) for each in same))
    rule = " or ".join([rules[0], *(text.removeprefix("must be ") for text in rules[1:])])
    if isinstance(got, list | dict):
        return (
            field,
            f"{rule}, got a {'list' if isinstance(got, list) else 'mapping'}",
            None,
            _remedy("", same),
        )
    return field, rule, got, _remedy(got, same)


def _rule(fault: Fault) -> str:
    if fault.kind == "literal_error":
        return f"must be {fault.record['ctx']['expected']}"
    told = fault.record["msg"].replace("Input should be", "must be")
    return RULES.get(fault.kind, told[:1].lower() + told[1:])


def _remedy(got: object, same: list[Fault]) -> str:
    words = [
        word
        for each in same
        if each.kind == "literal_error"
        for word in re.findall(r"'([^']*)'", _rule(each))
    ]
    hit = difflib.get_close_matches(str(got), words, 1, cutoff=0.5)
    return f"did you mean {hit[0]!r}?" if hit else REMEDIES.get(same[0].kind, "mend the value")


def _block_words(field: Field, told: str) -> tuple[Field, str, object, str | None]:
    """A block's ValueError 'field: rule, got X; remedy' stands as it is, at the field that it names."""
    named = NAMED.fullmatch(told)
    if named is None:
        return field, told, None, None
    steps = tuple(named[1].split("."))
    return (*field, *(steps[1:] if steps[0] in field[-1:] else steps)), named[2], None, None
