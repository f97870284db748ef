"""From a file and the command's options to a scenario: `--set`, `--sweep`, `--seed`, `--quick`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from linksim.document import Document, Field, assign, dotted, parse, read
from linksim.errors import LinksimError, ScenarioError
from linksim.images import load_images
from linksim.scenario import Images, Scenario, Trials, build

MOST_VALUES = 10_000
"""Values that one swept field may have."""
QUICK_IMAGES = 2
FIXED = ("name", "sweep", "images", "metrics")
"""What a sweep leaves alone: it names, loads and scores a run as a whole."""


def load(
    path: Path,
    sets: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    seed: int | None = None,
    quick: bool = False,
) -> Scenario:
    """The scenario in `path` with the options applied in order; every value of every sweep is checked here.

    sets: 'links.air.bandwidth_ratio=1/12', the value in YAML. It also ends a sweep over the same field.
    sweeps: 'snr_db=0:20:5' or 'snr_db=0,10,20'. seed: in place of the scenario's. quick: see `quickened`.
    """
    document = read(path)
    for text in sets:
        field, value = _option("--set", text)
        document = assign(_without_sweep(document, field), field, value)
    for text in sweeps:
        field, value = _option("--sweep", text, listed=True)
        document = assign(document, ("sweep", dotted(field)), value)
    if seed is not None:
        document = assign(document, ("seed",), parse(str(seed), f"--seed {seed}", base=("seed",)))
    scenario = _made(_check_sweep(document))
    scenario = quickened(scenario) if quick else scenario
    with _told_at(document, ("images", "set" if scenario.images.folder is None else "folder")):
        load_images(replace(scenario.images, limit=1))
    return scenario


def _made(document: Document) -> Scenario:
    """The scenario, and what it names on disk is there."""
    scenario = build(document)
    if any(field.name == "card" for field in fields(scenario.codec)):
        with _told_at(document, ("codec", "card")):
            _ = scenario.codec.network
    return scenario


@contextmanager
def _told_at(document: Document, field: Field) -> Iterator[None]:
    """A mistake found behind a field, told with the field's line."""
    try:
        yield
    except LinksimError as error:
        told = str(error).removeprefix(f"{field[-1]}: ")
        raise ScenarioError(f"{document.origin(field)}: {dotted(field)}", told) from error


def quickened(scenario: Scenario) -> Scenario:
    """A taste under a name of its own: two images, one trial each, the ends of the first sweep."""
    limit = min(scenario.images.limit or QUICK_IMAGES, QUICK_IMAGES)
    swept = {name: values[:1] for name, values in scenario.sweep.items()}
    for name, values in list(scenario.sweep.items())[:1]:
        swept[name] = values if len(values) < 2 else [values[0], values[-1]]
    images = Images(set=scenario.images.set, folder=scenario.images.folder, limit=limit)
    return replace(
        scenario, name=f"{scenario.name}-quick", images=images, sweep=swept, trials=Trials(per_image=1)
    )


def _option(option: str, text: str, listed: bool = False) -> tuple[Field, Document]:
    """('a.b', '1/6') of 'a.b=1/6': the field and its value, whose origin is the option itself."""
    source = f"{option} {text}"
    name, equals, value = text.partition("=")
    if not equals or not name.strip(" .") or not value.strip():
        example = "snr_db=0:20:5" if listed else "links.air.bandwidth_ratio=1/6"
        raise ScenarioError(source, "must be FIELD=VALUE", None, f"as {option} {example}")
    field = tuple(name.strip().split("."))
    ranged = listed and (value.count(":") == 2 and not value.lstrip().startswith(("[", "{")))
    if listed and not ranged and not value.lstrip().startswith("["):
        value = f"[{value}]"
    base = ("sweep", dotted(field)) if listed else field
    return field, parse(value, source, base=base)


def _without_sweep(document: Document, field: Field) -> Document:
    sweep = document.tree.get("sweep") if isinstance(document.tree, dict) else None
    if not isinstance(sweep, dict) or dotted(field) not in sweep:
        return document
    kept = {name: values for name, values in sweep.items() if name != dotted(field)}
    return replace(document, tree=document.tree | {"sweep": kept})


def _check_sweep(document: Document) -> Document:
    """The document with every sweep as a list, each of whose values makes a scenario on its own."""
    sweep = document.tree.get("sweep") if isinstance(document.tree, dict) else None
    if sweep is None:
        return document
    bare = replace(document, tree={key: value for key, value in document.tree.items() if key != "sweep"})
    _made(bare)
    if not isinstance(sweep, dict):
        where = f"{document.origin(('sweep',))}: sweep"
        raise ScenarioError(where, "must be a mapping of fields", sweep, "as {snr_db: 0:20:5}")
    lists = {name: _values(given, name, document.origin(("sweep", name))) for name, given in sweep.items()}
    for name, values in lists.items():
        field = tuple(name.split("."))
        for n, value in enumerate(values):
            origin = document.origin(("sweep", name, n))
            _made(assign(bare, field, Document(source=origin, tree=value, origins={field: origin})))
    return replace(document, tree=document.tree | {"sweep": lists})


def _values(given: Any, name: str, origin: str) -> list[Any]:
    where = f"{origin}: sweep.{name}"
    if name.split(".")[0] in FIXED:
        raise ScenarioError(where, "cannot be swept", None, f"run once for each value, with --set {name}=...")
    if isinstance(given, str):
        return spread(given, where)
    if not isinstance(given, list) or not given:
        rule = "must be a list of values or start:stop:step"
        raise ScenarioError(where, rule, given, "as 0:20:5 or [0, 10, 20]")
    return given


def spread(text: str, where: str) -> list[int | float]:
    """start, start + step, ... up to and with stop, in exact decimals.

    >>> spread("0:1:0.25", "--sweep")
    [0, 0.25, 0.5, 0.75, 1]
    """
    try:
        start, stop, step = (Decimal(part.strip()) for part in text.split(":"))
        steps = int((stop - start) / step)
    except (ValueError, ArithmeticError, InvalidOperation):
        raise ScenarioError(where, "must be start:stop:step, three numbers", text, "as 0:20:5") from None
    if not 0 <= steps < MOST_VALUES:
        raise ScenarioError(
            where, f"must have 1 to {MOST_VALUES} values", text, "mind the sign and size of the step"
        )
    values = [start + n * step for n in range(steps + 1)]
    return [int(value) if value == int(value) else float(value) for value in values]
