"""manifest.json of a run's folder: what was asked for, and all that decides the results.

A folder may grow: more points, more trials, other rules for when a point has enough. What it holds must stay
part of what is asked for, with the same code, versions and pictures.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from linksim import disk, identity
from linksim.codecs.onnx import providers
from linksim.errors import LinksimError
from linksim.identity import HOME, contents
from linksim.plan import OUTSIDE, Plan, Point
from linksim.scenario import resolved

MANIFEST = "manifest.json"
FORMAT = 2
ASKED = ("name", "fields", "points", "scenarios", "study")
"""What of a manifest may change from one run in the folder to the next."""
MOST_TOLD, MOST_LETTERS = 3, 30
"""Of settings that differ how many are told, and how much of each value."""


def manifest(plan: Plan, images: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """What a reader needs to make the run again. `deciding`: what every result in the folder depends on.

    images: of each system its pictures in order, each {name, sha256, height, width}.
    """
    scenarios = [point.scenario for point in plan.points]
    return {
        "format": FORMAT,
        "name": plan.name,
        "fields": list(plan.fields),
        "deciding": {
            "code": identity.code_digest(),
            "versions": identity.versions(),
            "images": {system: [dict(each) for each in described] for system, described in images.items()},
        },
        "points": [_point(point) for point in plan.points],
        "scenarios": {system: resolved(scenario) for system, scenario in plan.scenarios.items()},
        "study": plan.study,
        "engines": sorted(
            {each for scenario in scenarios for link in scenario.links.values() for each in link.engines}
        ),
        "onnx_providers": providers(),
        "python": sys.version.split()[0],
        "platform": sys.platform,
        "git": git_state(),
        "command": shlex.join(sys.argv),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "commands": [],
    }


def _point(point: Point) -> dict[str, Any]:
    """A point's line. codec, contents: what its networks and files hold, to tell which of them changed."""
    trials, stop = point.scenario.trials, getattr(point.scenario.trials, "stop", None)
    return {
        "id": point.id,
        "system": point.system,
        "values": dict(point.values),
        "snr_db": float(point.scenario.snr_db),
        "per_image": trials.per_image,
        "stop": None if stop is None else asdict(stop),
        "codec": point.scenario.codec.fingerprint,
        "contents": contents(point.scenario),
    }


def git_state() -> dict[str, Any] | None:
    """Commit of the source tree, and whether it was changed since; None outside one."""
    if not (HOME / ".git").exists():
        return None
    try:
        asked = [
            subprocess.run(
                ["git", "-C", str(HOME), *words], capture_output=True, text=True, timeout=10, check=True
            )
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        ]
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": asked[0].stdout.strip(), "changed": bool(asked[1].stdout.strip())}


def claim(folder: Path, mine: Mapping[str, Any]) -> tuple[bool, list[str]]:
    """Write the manifest, or see that the one there is of the same experiment; LinksimError if not.

    A broken manifest is set aside where the rows themselves tell that they are this plan's. Returns whether
    more or less is asked for than before, and what had to be mended, a line each.
    """
    path = folder / MANIFEST
    mine = json.loads(json.dumps(mine))
    notes: list[str] = []
    try:
        theirs = read_manifest(folder)
    except LinksimError as error:
        if isinstance(error, OtherFormat):
            raise
        _check_rows(folder, mine)
        if path.exists():
            notes = [f"{disk.set_aside(path)}: set aside, for it is no manifest; made anew"]
    else:
        _check(folder, theirs, mine)
        if all(theirs.get(name) == mine[name] for name in ASKED):
            return False, []
        images = theirs["deciding"]["images"] | mine["deciding"]["images"]
        mine |= {"deciding": mine["deciding"] | {"images": images}, "started": theirs.get("started")}
        mine["commands"] = [*theirs.get("commands", []), theirs.get("command")]
    disk.write(path, (json.dumps(mine, indent=1) + "\n").encode())
    return True, notes


def _check(folder: Path, theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> None:
    then, now = theirs["deciding"], mine["deciding"]
    changed = [told for name, told in _CHANGES.items() if then.get(name) != now[name]]
    differing = "" if changed else _differing(theirs, mine)
    before, now = _pictures(theirs), _pictures(mine)
    if any(now[name] != before[name] for name in before.keys() & now.keys()):
        changed.append("the pictures")
    if not changed:
        changed = _lost_points(theirs, mine)
    if changed:
        remedy = f"run into another folder with --out, or take {str(folder)!r} away"
        rule = f"holds another run: {' and '.join(changed)} changed{differing}"
        raise LinksimError(folder, rule, None, remedy)


def _pictures(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Those of every system and of every point: a point keeps its id where its system is called anew."""
    images = tree["deciding"].get("images", {})
    return images | {point["id"]: images.get(point["system"]) for point in tree["points"]}


_CHANGES = {"code": "linksim's code", "versions": "the versions of what it runs on"}
_FILES = {
    "recordings": "a recorded channel",
    "files": "the file of a code or constellation",
    "keys": "a key",
    "attack": "the eavesdropper's network",
}


def _lost_points(theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> list[str]:
    """What kept points of the folder from being in the plan."""
    kept = {point["id"] for point in mine["points"]}
    lost = [point for point in theirs["points"] if point["id"] not in kept]
    if not lost:
        return []
    places = {_place(point): point for point in mine["points"]}
    pairs = [(point, places[_place(point)]) for point in lost if _place(point) in places]
    found = []
    if any(point["codec"] != other["codec"] for point, other in pairs):
        found.append("the codec's network or library")
    for name, told in _FILES.items():
        if any(point["contents"].get(name) != other["contents"].get(name) for point, other in pairs):
            found.append(told)
    if _settings(theirs) == _settings(mine):
        gone = f"the sweep, {len(lost) - len(pairs)} of whose {len(theirs['points'])} points are gone,"
        return found + [gone] * (len(lost) > len(pairs))
    return ["the scenario", *found]


def _place(point: Mapping[str, Any]) -> str:
    return json.dumps([point["system"], point["values"]], sort_keys=True)


def _settings(tree: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Of every system what is neither swept nor about trials."""
    return {
        system: {name: value for name, value in scenario.items() if name not in OUTSIDE}
        for system, scenario in tree["scenarios"].items()
    }


def _differing(theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> str:
    """' (seed was 1, is 4)', or nothing: the first settings of the scenarios that differ, each told once."""
    before, now = _settings(theirs), _settings(mine)
    told = [f"system {name!r} is gone" for name in before if name not in now]
    for system in before.keys() & now.keys():
        then, here = dict(_leaves(before[system])), dict(_leaves(now[system]))
        for name in dict.fromkeys((*then, *here)):
            if then.get(name) != here.get(name):
                told.append(f"{name} was {_short(then.get(name))}, is {_short(here.get(name))}")
    told = list(dict.fromkeys(told))
    more = [f"{len(told) - MOST_TOLD} more"] if len(told) > MOST_TOLD else []
    return f" ({'; '.join([*told[:MOST_TOLD], *more])})" if told else ""


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted field, value) of whatever is no mapping."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _short(value: Any) -> str:
    text = "not there" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."


def _check_rows(folder: Path, mine: Mapping[str, Any]) -> None:
    """The rows of a folder without a manifest must be of the plan's points, by their ids, and pictures."""
    from linksim.results import read_shard, shards

    known = {
        (point["id"], index, image["sha256"])
        for point in mine["points"]
        for index, image in enumerate(mine["deciding"]["images"][point["system"]])
    }
    for path in shards(folder):
        try:
            rows = read_shard(path)
        except LinksimError:
            continue  # it is set aside later
        told = (rows[name].to_pylist() for name in ("point", "image_index", "sha256"))
        if not known.issuperset(zip(*told, strict=True)):
            rule = "holds the rows of another run, without a manifest that can be read"
            raise LinksimError(folder, rule, None, "choose another --out")


class OtherFormat(LinksimError):
    """A manifest that another release wrote."""


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run; LinksimError where there is none."""
    path = folder / MANIFEST
    try:
        tree = json.loads(path.read_text())
        if tree.get("format", 1 if "deciding" in tree else None) not in (None, FORMAT):
            rule = f"must be a run's manifest of format {FORMAT}"
            remedy = "the folder was made by another release: run into another --out"
            raise OtherFormat(path, rule, tree.get("format", 1), remedy)
        if all(tree[name] for name in ("name", "deciding", "points")) and tree["points"][0]["id"]:
            return tree
        raise KeyError
    except (FileNotFoundError, NotADirectoryError):
        run, colon, _ = str(folder).rpartition(":")
        whole = colon and (Path(run) / MANIFEST).is_file()  # RUN:SYSTEM, as compare takes it
        remedy = f"name the whole run, {run!r}" if whole else "check the path"
        raise LinksimError(folder, f"must be the folder of a run, with {MANIFEST}", None, remedy) from None
    except (KeyError, TypeError, AttributeError, IndexError):
        rule = "must be the manifest of a run, with name, deciding and points"
        raise LinksimError(path, rule, None, "run again to mend it, or into another --out") from None
    except (OSError, ValueError) as error:
        remedy = "run again to mend it, or into another --out"
        raise LinksimError(path, "must be a manifest in JSON", str(error), remedy) from error
