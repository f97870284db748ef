"""A study: several scenarios under one sweep, as one plan.

name: rician_systems
scenarios:
  HDA-DeepSC: rician_hda.yaml                      # a path counts from the study's folder
  JPEG 2000: {file: rician_jpeg2000_ldpc.yaml, set: {links.air.streams.picture.mcs: qpsk-1/2}}
set: {seed: 1}                                     # in every scenario, before its own `set`
sweep: {snr_db: 0:20:5}                            # with `zip`, in place of the scenarios' own
plot: {x: uses, y: psnr}                           # the figure that a run leaves, figures/main.png and .pdf
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import TypeAdapter, ValidationError

from linksim.document import Document, Field, assign, dotted, read
from linksim.errors import LinksimError, ScenarioError
from linksim.faults import first_fault, near
from linksim.load import GRIDS, put, settle
from linksim.plan import Plan, expand, join
from linksim.report.asked import Plot
from linksim.scenario import Scenario, check_name

KEY = "scenarios"
"""The key that tells a study from a scenario."""
UNSET = ("name", *GRIDS)
"""What a study has in place of its scenarios'."""
MOST_LABEL = 40
"""Characters of a system's label: it heads columns."""
UNFIT = '/\\:*?"<>|[]{}`'
"""What a label may not hold: it names files, and stands in RUN:SYSTEM and in tables."""


@dataclass(frozen=True, kw_only=True)
class System:
    """One system. file: its scenario; set: dotted field -> value; sweep, zip: beside the study's."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    file: str
    set: Mapping[str, Any] = field(default_factory=dict)
    sweep: Mapping[str, Any] = field(default_factory=dict)
    zip: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Study:
    """Systems by label. set, sweep, zip: dotted field -> what it is in every one of their scenarios.

    name: names the folder of the results. plot: the figure that a run leaves as figures/main.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    name: str
    scenarios: Mapping[str, System]
    set: Mapping[str, Any] = field(default_factory=dict)
    sweep: Mapping[str, Any] = field(default_factory=dict)
    zip: Mapping[str, Any] = field(default_factory=dict)
    plot: Plot | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        if not self.scenarios:
            raise ValueError("scenarios: must hold at least one, got none; write LABEL: FILE")
        for label in self.scenarios:
            _check_label(label, [other for other in self.scenarios if other != label])
        if self.plot and self.plot.stacks and len(self.scenarios) == 1:
            raise ValueError("plot.stacks: must name two systems or more, got a study of one; add another")
        for system in (each for stack in (self.plot.stacks if self.plot else {}).values() for each in stack):
            if system not in self.scenarios:
                told = near(system, dict.fromkeys(self.scenarios))
                raise ValueError(f"plot.stacks: must name systems of the study, got {system!r}; {told}")
        for name in self.set:
            if name.split(".")[0] in UNSET:
                raise ValueError(f"set: {name} cannot be set; a study has its own {', '.join(UNSET)}")
            grid = next((grid for grid in GRIDS if name in getattr(self, grid)), None)
            if grid is not None:
                raise ValueError(f"{grid}: {name} is also under set; keep one of the two")


def plan_of(
    path: Path,
    sets: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    seed: int | None = None,
    quick: bool = False,
) -> Plan:
    """The plan of a scenario file, or of a study file; the options apply to every scenario, as in `load`."""
    document = read(path)
    if not (isinstance(document.tree, dict) and KEY in document.tree):
        return expand(settle(document, sets, sweeps, seed, quick), source=str(path))
    document = _spelled(document)
    study = _build(document)
    systems = {}
    for label in study.scenarios:
        told = f" (system {label!r})" if len(study.scenarios) > 1 else ""
        with _naming(told):
            scenario = settle(_document(study, document, label, path.parent), sets, sweeps, seed, quick)
        systems[label if told else ""] = scenario
    name = f"{study.name}-quick" if quick else study.name
    return join(name, systems, source=str(path), study=document.tree)


@cache
def adapter() -> TypeAdapter[Study]:
    """Validation of a study file's plain values."""
    return TypeAdapter(Study)


def schema() -> dict[str, Any]:
    """JSON Schema of a study file, for editors that complete and check."""
    tree = adapter().json_schema()
    tree["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    system = tree["$defs"]["System"]
    for swept in (tree, system):
        for grid in GRIDS:
            values = {"anyOf": [{"type": "array"}, {"type": "string"}]}
            swept["properties"][grid]["additionalProperties"] = values
    entry = tree["properties"][KEY]["additionalProperties"]
    tree["properties"][KEY]["additionalProperties"] = {"anyOf": [{"type": "string"}, entry]}
    return tree


def _check_label(label: str, others: Sequence[str]) -> None:
    rule = f"must be 1 to {MOST_LABEL} printable characters, none of {UNFIT}"
    fit = label.isprintable() and label == label.strip(" .") and not set(label) & set(UNFIT)
    if not fit or not 0 < len(label) <= MOST_LABEL:
        near = "".join("-" if each in UNFIT else each for each in label if each.isprintable())
        near = near[:MOST_LABEL].strip(" .") or "system"
        raise ValueError(f"scenarios: {rule}, no blank or dot at an end, got {label!r}; as {near!r}")
    if label.casefold() in map(str.casefold, others):
        raise ValueError(f"scenarios: must differ by more than case, got {label!r} twice; they name files")


def _spelled(document: Document) -> Document:
    """Every system as a mapping; LinksimError for a field of a scenario that stands in the study itself."""
    tree = document.tree
    own = {each.name for each in fields(Study)}
    for name in tree:
        if name in {each.name for each in fields(Scenario)} - own:
            where = f"{document.origin((name,))}: {name}"
            remedy = f"write set: {{{name}: ...}}, or a longer dotted field"
            raise ScenarioError(where, "is a scenario's field, not a study's", None, remedy)
    systems = tree[KEY]
    if isinstance(systems, dict):
        for label, each in systems.items():
            if not isinstance(each, (str, dict)):
                where = f"{document.origin((KEY, label))}: {KEY}.{label}"
                rule = "must name a scenario file" + (", got nothing" if each is None else "")
                raise ScenarioError(where, rule, each, "as a.yaml, or {file: a.yaml, set: {seed: 1}}")
        systems = {
            label: {"file": each} if isinstance(each, str) else each for label, each in systems.items()
        }
    return replace(document, tree=tree | {KEY: systems})


@contextmanager
def _naming(told: str) -> Iterator[None]:
    """A mistake in a scenario, told with the system that it would be."""
    try:
        yield
    except LinksimError as error:
        rule = error.rule if error.got is not None or error.remedy else error.rule + told
        remedy = error.remedy and error.remedy + told
        raise ScenarioError(error.where, rule, error.got, remedy) from error


def _build(document: Document) -> Study:
    try:
        return adapter().validate_json(json.dumps(document.tree), strict=True)
    except ValidationError as error:
        raise first_fault(error, document, Study) from None


def _document(study: Study, document: Document, label: str, folder: Path) -> Document:
    """A system's scenario with the study's fields, each under its line in the study file."""
    at = (KEY, label)
    scenario = _scenario(document, folder / study.scenarios[label].file, (*at, "file"))
    for base, given in (((), study.set), (at, study.scenarios[label].set)):
        for name in given:
            to = tuple(name.split("."))
            scenario = put(scenario, to, _part(document, (*base, "set", name), to))
    if study.sweep or study.zip:
        bare = {name: node for name, node in scenario.tree.items() if name not in GRIDS}
        scenario = replace(scenario, tree=bare)
    own = study.scenarios[label]
    for base, swept in (((), study), (at, own)):
        for grid in GRIDS:
            for name in getattr(swept, grid):
                if swept is study and name in own.set:
                    continue
                scenario = assign(scenario, (grid, name), _part(document, (*base, grid, name), (grid, name)))
    return scenario


def _scenario(document: Document, path: Path, at: Field) -> Document:
    """The scenario file that the study names, which is no study itself."""
    try:
        found = read(path)
    except LinksimError as error:
        if path.is_file():
            raise
        remedy = "the path counts from the study's folder"
        where = f"{document.origin(at)}: {dotted(at[:2])}"
        raise ScenarioError(where, "must name a scenario file", str(path), remedy) from error
    if not isinstance(found.tree, dict) or KEY in found.tree:
        where, rule = f"{document.origin(at)}: {dotted(at[:2])}", "must name a scenario file"
        got = f"{path}, a study" if isinstance(found.tree, dict) else f"{path}, no mapping of fields"
        raise ScenarioError(where, rule, got, "name the scenarios one by one")
    return found


def _part(document: Document, at: Field, to: Field) -> Document:
    """What stands at `at`, as a value for the field `to` of another document."""
    tree: Any = document.tree
    for step in at:
        tree = tree[step]
    origins = {
        (*to, *field[len(at) :]): where for field, where in document.origins.items() if field[: len(at)] == at
    }
    return Document(source=document.origin(at), tree=tree, origins=origins)
