"""From a file and the command's options to a scenario: `--set`, `--sweep`, `--seed`, `--quick`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from decimal import Decimal, InvalidOperation
from math import prod
from pathlib import Path
from typing import Any

from linksim.codecs.base import check_channels
from linksim.document import Document, Field, assign, dotted, parse, read
from linksim.errors import LinksimError, ScenarioError
from linksim.images import load_images
from linksim.plan import MOST_POINTS
from linksim.scenario import Scenario, Trials, build
from linksim.system import Eavesdropper

MOST_VALUES = 10_000
"""Values that one swept field may have."""
QUICK_IMAGES = 2
FIXED = ("name", "sweep", "zip", "images", "metrics", "trials")
"""What a sweep leaves alone: it names, loads, counts and scores a run as a whole."""
GRIDS = ("sweep", "zip")
"""Where fields are swept: each with each, or all together, one after another."""


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
    return settle(read(path), sets, sweeps, seed, quick)


def settle(
    document: Document,
    sets: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    seed: int | None = None,
    quick: bool = False,
) -> Scenario:
    """The scenario of a document that is read, as `load` has it of a file."""
    told = []
    for text in sets:
        field, value = _option("--set", text)
        document, told = put(document, field, value), [*told, dotted(field)]
    for text in sweeps:
        field, value = _option("--sweep", text, listed=True)
        document, told = assign(document, ("sweep", dotted(field)), value), [*told, dotted(field)]
    if seed is not None:
        document = assign(document, ("seed",), parse(str(seed), f"--seed {seed}", base=("seed",)))
    scenario = _made(_check_swept(document))
    scenario = quickened(scenario, told) if quick else scenario
    named = "set" if scenario.images.folder is None else "folder"
    with told_at(document, *(("images", name) for name in (named, "crop", "sheet"))):
        first = load_images(replace(scenario.images, limit=1))[0]
    with told_at(document, ("codec", "kind")):
        check_channels(scenario.codec, first.image, "kind")
    return scenario


def put(document: Document, field: Field, value: Document) -> Document:
    """The document with a field set; where it was swept, it is no longer."""
    tree, name = document.tree, dotted(field)
    for grid in GRIDS if isinstance(tree, dict) else ():
        if isinstance(tree.get(grid), dict):
            tree = tree | {grid: {each: values for each, values in tree[grid].items() if each != name}}
    return assign(replace(document, tree=tree), field, value)


def _made(document: Document) -> Scenario:
    """The scenario, and what it names on disk is there."""
    scenario = build(document)
    if any(field.name == "card" for field in fields(scenario.codec)):
        with told_at(document, ("codec", "card")):
            _ = scenario.codec.network
        beside = ("adapter",) if hasattr(scenario.codec, "adapter") else ("denoiser", "card")
        with told_at(document, ("codec", *beside)):
            _ = scenario.codec.fingerprint
    if isinstance(scenario.eavesdropper, Eavesdropper):
        with told_at(document, ("eavesdropper", "attack")):
            scenario.eavesdropper.fingerprints(scenario.codec)
    return scenario


@contextmanager
def told_at(document: Document, *fields: Field) -> Iterator[None]:
    """A mistake found behind a field, told with the line of the one that it names, else of the first."""
    try:
        yield
    except LinksimError as error:
        where, _, rest = str(error).partition(": ")
        named = {name: field for field in reversed(fields) for name in (field[-1], dotted(field))}
        field, told = (named[where], rest) if where in named else (fields[0], str(error))
        raise ScenarioError(f"{document.origin(field)}: {dotted(field)}", told) from error


def quickened(scenario: Scenario, told: Collection[str] = ()) -> Scenario:
    """A taste under a name of its own: two images, one trial each, the ends of the first sweep.

    Other sweeps, and the zip beside a sweep, are left at their first values. told: the fields that options
    name, which stay as they are told.
    """
    roots = {".".join(name.split(".")[:2]) for name in told}
    limit, trials = scenario.images.limit, scenario.trials
    if limit is None or not {"images", "images.limit"} & roots:
        limit = min(limit or QUICK_IMAGES, QUICK_IMAGES)
    swept = {
        name: values if name in told else _ends(values) if n == 0 else values[:1]
        for n, (name, values) in enumerate(scenario.sweep.items())
    }
    zipped = {name: values[:1] if swept else _ends(values) for name, values in scenario.zip.items()}
    once = Trials(
        per_image=trials.per_image if {"trials", "trials.per_image"} & roots else 1,
        stop=trials.stop if {"trials", "trials.stop"} & roots else None,
    )
    images = replace(scenario.images, limit=limit)
    name = f"{scenario.name}-quick"
    return replace(scenario, name=name, images=images, sweep=swept, zip=zipped, trials=once)


def _ends(values: list[Any]) -> list[Any]:
    return values if len(values) < 2 else [values[0], values[-1]]


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


def _check_swept(document: Document) -> Document:
    """The document with every sweep as a list; each value makes a scenario beside the others' first."""
    tree = document.tree if isinstance(document.tree, dict) else {}
    given = {grid: tree[grid] for grid in GRIDS if tree.get(grid) is not None}
    if not given:
        return document
    bare = replace(document, tree={key: value for key, value in tree.items() if key not in GRIDS})
    _made(bare)
    lists = {grid: _lists(document, grid, swept) for grid, swept in given.items()}
    _check_zip(document, lists.get("sweep", {}), lists.get("zip", {}))
    _check_size(document, lists)
    for row in _rows(lists):
        _made(_at(document, bare, lists, row))
    return replace(document, tree=tree | lists)


def _lists(document: Document, grid: str, given: Any) -> dict[str, list[Any]]:
    if not isinstance(given, dict):
        where = f"{document.origin((grid,))}: {grid}"
        raise ScenarioError(where, "must be a mapping of fields", given, "as {snr_db: 0:20:5}")
    return {
        name: _values(values, name, f"{document.origin((grid, name))}: {grid}.{name}")
        for name, values in given.items()
    }


def _check_zip(document: Document, swept: Mapping[str, Any], zipped: Mapping[str, list[Any]]) -> None:
    """Lists that go together are of one length, and of fields that are not swept as well."""
    first = next(iter(zipped), "")
    for name, values in zipped.items():
        where = f"{document.origin(('zip', name))}: zip.{name}"
        if name in swept:
            told = f"{document.origin(('sweep', name))} sweeps it as well"
            raise ScenarioError(where, told, None, "keep one of the two")
        if len(values) != len(zipped[first]):
            rule = f"must have {len(zipped[first])} values, as many as {first}"
            raise ScenarioError(where, rule, len(values), "values of a zip go together, one after another")


def _check_size(document: Document, lists: Mapping[str, Mapping[str, list[Any]]]) -> None:
    """A grid that no plan may have is refused before each of its values is tried."""
    swept = lists.get("sweep", {})
    n_points = prod(map(len, swept.values())) * len(next(iter(lists.get("zip", {}).values()), "1"))
    if n_points > MOST_POINTS:
        where = f"{document.origin(('sweep', *list(swept)[:1]))}: sweep"
        remedy = "sweep fewer fields, or in larger steps"
        raise ScenarioError(where, f"must have at most {MOST_POINTS} points", n_points, remedy)


def _rows(lists: Mapping[str, Mapping[str, list[Any]]]) -> Iterator[dict[str, int]]:
    """Which value of each field to try: every value once, and the others' first; those of a zip together."""
    swept, zipped = lists.get("sweep", {}), lists.get("zip", {})
    first = dict.fromkeys((*swept, *zipped), 0)
    yield first
    for name, values in swept.items():
        yield from (first | {name: n} for n in range(1, len(values)))
    for n in range(1, len(next(iter(zipped.values()), ()))):
        yield first | dict.fromkeys(zipped, n)


def _at(
    document: Document, bare: Document, lists: Mapping[str, Mapping[str, list[Any]]], row: Mapping[str, int]
) -> Document:
    """`bare` with value row[name] of every swept field, each under the line where it stands."""
    for grid, swept in lists.items():
        for name, values in swept.items():
            field, origin = tuple(name.split(".")), document.origin((grid, name, row[name]))
            value = Document(source=origin, tree=values[row[name]], origins={field: origin})
            bare = assign(bare, field, value)
    return bare


def _values(given: Any, name: str, where: str) -> list[Any]:
    if name.split(".")[0] in FIXED:
        raise ScenarioError(where, "cannot be swept", None, f"run once for each value, with --set {name}=...")
    if isinstance(given, str):
        return spread(given, where)
    if not isinstance(given, list) or not given:
        rule = "must be a list of values or start:stop:step"
        raise ScenarioError(where, rule, given, "as 0:20:5 or [0, 10, 20]")
    if len(given) > MOST_VALUES:
        raise ScenarioError(where, f"must have 1 to {MOST_VALUES} values", len(given), "leave some out")
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
