"""Strict YAML: plain values, and for every node where it came from.

Keys are text and unique; scalars are text, numbers, true, false or null. YAML 1.2:
`off` and `1:20:2` are text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from linksim.errors import ScenarioError

Field = tuple[str | int, ...]
"""The way to a node: ('links', 'air', 'bandwidth_ratio')."""

SYNTAX = "mend the syntax"
SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}


@dataclass(frozen=True, kw_only=True)
class Document:
    """A tree of dicts, lists and scalars, and the origin ('FILE:LINE' or an option) of every node in it."""

    source: str
    tree: Any
    origins: dict[Field, str]

    def origin(self, field: Field) -> str:
        """Where the node stands, or else the nearest one around it."""
        return next(
            (self.origins[field[:n]] for n in range(len(field), -1, -1) if field[:n] in self.origins),
            self.source,
        )


def dotted(field: Field) -> str:
    """links.air.sweep[2] for ('links', 'air', 'sweep', 2)."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in field)
    return text.removeprefix(".")


def read(path: Path) -> Document:
    """The YAML file as a Document. ScenarioError names file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ScenarioError(
            path, f"cannot be read ({reason})", None, "name a scenario file, as scenarios/*.yaml"
        ) from error
    return parse(text, str(path), lined=True)


def parse(text: str, source: str, *, lined: bool = False, base: Field = ()) -> Document:
    """YAML text as a Document.

    Origins are `source`, followed by ':LINE' where `lined`; `base` goes before each field.
    """
    yaml = YAML(typ="safe", pure=True)
    origins: dict[Field, str] = {}
    reader = _Reader(yaml=yaml, source=source, lined=lined, origins=origins)
    try:
        root = yaml.compose(text)
        tree = None if root is None else reader.value(root, base)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}" if lined and mark else source
        raise ScenarioError(where, f"is not YAML ({error.problem or error.context})", None, SYNTAX) from error
    except YAMLError as error:
        raise ScenarioError(source, f"is not YAML ({error})", None, SYNTAX) from error
    except RecursionError as error:
        raise ScenarioError(source, "holds itself, or is nested too deep", None, SYNTAX) from error
    return Document(source=source, tree=tree, origins=origins)


def assign(document: Document, field: Field, value: Document) -> Document:
    """The document with the node at `field` replaced, or a key added to the mapping that holds it."""
    if not field:
        return value
    tree = _copy(document.tree, document, field, value)
    kept = {at: origin for at, origin in document.origins.items() if at[: len(field)] != field}
    new = {field[:n]: value.source for n in range(len(field)) if field[:n] not in document.origins}
    return Document(source=document.source, tree=tree, origins=kept | new | value.origins)


def _copy(node: Any, document: Document, field: Field, value: Document, depth: int = 0) -> Any:
    step = field[depth]
    if isinstance(node, list) and isinstance(step, str) and step.isdigit() and int(step) < len(node):
        step = int(step)
    elif isinstance(node, list):
        raise ScenarioError(
            value.source,
            f"{dotted(field[:depth])} is a list of {len(node)}",
            step,
            "name one of it by number",
        )
    elif node is None:
        node = {}
    elif not isinstance(node, dict):
        raise ScenarioError(
            value.source,
            f"{dotted(field[:depth])} has no fields",
            node,
            f"set {dotted(field[:depth])} as a whole",
        )
    copied = dict(node) if isinstance(node, dict) else list(node)
    last = depth == len(field) - 1
    inner = node.get(step) if isinstance(node, dict) else node[step]
    copied[step] = value.tree if last else _copy(inner, document, field, value, depth + 1)
    return copied


@dataclass(frozen=True, kw_only=True)
class _Reader:
    yaml: YAML
    source: str
    lined: bool
    origins: dict[Field, str]

    def where(self, node: Node) -> str:
        return f"{self.source}:{node.start_mark.line + 1}" if self.lined else self.source

    def value(self, node: Node, field: Field) -> Any:
        """The node's plain value; its origin and those below it are noted."""
        self.origins[field] = self.where(node)
        if isinstance(node, MappingNode):
            return self.mapping(node, field)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*field, i)) for i, item in enumerate(node.value)]
        return self.scalar(node, field)

    def mapping(self, node: MappingNode, field: Field) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        lines: dict[str, str] = {}
        for key_node, value_node in node.value:
            key = key_node.value if key_node.tag == "tag:yaml.org,2002:str" else None
            where = f"{self.where(key_node)}: {dotted(field) or 'the scenario'}"
            if key is None:
                got = key_node.value if isinstance(key_node, ScalarNode) else None
                raise ScenarioError(where, "a key must be text", got, "put it in quotes")
            if key in tree:
                raise ScenarioError(
                    where, f"{key!r} stands twice ({lines[key]} has it first)", None, "keep one"
                )
            lines[key] = self.where(key_node)
            tree[key] = self.value(value_node, (*field, key))
            self.origins[(*field, key)] = lines[key]
        return tree

    def scalar(self, node: ScalarNode, field: Field) -> Any:
        where = f"{self.where(node)}: {dotted(field) or 'the scenario'}"
        if node.tag not in SCALARS:
            raise ScenarioError(
                where, "must be text, a number, true, false or null", node.value, "put it in quotes"
            )
        try:
            value = self.yaml.constructor.construct_object(node)
        except ValueError as error:  # as !!int seven, or more digits than Python reads
            kind = node.tag.rpartition(":")[2]
            raise ScenarioError(where, f"must be a YAML {kind} ({error})", None, "mend the value") from error
        if isinstance(value, float) and not math.isfinite(value):
            raise ScenarioError(where, "must be a finite number", node.value, "write it in digits")
        return value
