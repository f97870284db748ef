"""What it takes to make the results again: files to run, commands, versions, code, pictures."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.representer import RoundTripRepresenter

from linksim.report.page_ber import Counted, about, command
from linksim.report.page_sources import Run

MOST_LETTERS, WIDTH = 40, 110
"""Of a system in a file's name, and of a line of YAML."""


class _Plain(RoundTripRepresenter):
    """null is written as null."""


_Plain.add_representer(
    type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
)


def yaml_text(tree: Mapping[str, Any]) -> str:
    """YAML 1.2 that reads back as the same plain values, short nodes below the first level on one line."""
    yaml = YAML(typ="rt")
    yaml.Representer = _Plain
    yaml.default_flow_style = None
    yaml.width = WIDTH
    top = CommentedMap(tree)
    top.fa.set_block_style()
    if "scenarios" in top:
        top["scenarios"] = CommentedMap(top["scenarios"])
        top["scenarios"].fa.set_block_style()
    out = io.StringIO()
    yaml.dump(top, out)
    return out.getvalue()


def files(run: Run) -> dict[str, str]:
    """Name -> text of the YAML files that run it again: its scenario, or a study and its scenarios."""
    scenarios, name = run.manifest["scenarios"], run.manifest["name"]
    if len(scenarios) == 1:
        return {f"{name}.yaml": yaml_text(next(iter(scenarios.values())))}
    names = dict(zip(scenarios, _file_names(name, list(scenarios)), strict=True))
    study = {"name": name, "scenarios": names}
    return {f"{name}.yaml": yaml_text(study)} | {
        names[system]: yaml_text(tree) for system, tree in scenarios.items()
    }


def _file_names(study: str, systems: Sequence[str]) -> list[str]:
    plain = [re.sub(r"[^\w.+-]+", "_", system).strip("_")[:MOST_LETTERS] for system in systems]
    return [
        f"{study}.{name if plain.count(name) == 1 and name else n}.yaml" for n, name in enumerate(plain, 1)
    ]


def run_html(run: Run) -> str:
    """The part of a page about one run."""
    tree, texts = run.manifest, files(run)
    first = next(iter(texts))
    lead = f"Save {'the file' if len(texts) == 1 else 'these files in one folder'}, then:"
    parts = [f"<h3>{escape(str(tree['name']))}</h3>", f"<p>{lead}</p>"]
    parts.append(code("again", f"linksim run {first}"))
    parts += [code(name, text, download=name) for name, text in texts.items()]
    parts.append(facts(dict(_facts(run))))
    parts.append(_images(tree["deciding"]["images"]))
    return f'<article class="again">{"".join(parts)}</article>'


def curve_html(each: Counted) -> str:
    """The part of a page about one curve."""
    told = about(each)
    rows = {"command": told.get("command"), "code": told.get("code"), "versions": _pairs(told["versions"])}
    if not each.ours:
        rows["note"] = "counted by other code than the linksim that wrote this page"
    parts = [f"<h3>{escape(each.folder.name)}</h3>", code("again", command(each)), facts(rows)]
    return f'<article class="again">{"".join(parts)}</article>'


def code(label: str, text: str, download: str = "") -> str:
    """A block of text with a button that copies it, and one that saves it under a name."""
    save = f'<button type="button" data-save="{escape(download)}">Save</button>' if download else ""
    head = (
        f'<div class="bar"><span>{escape(label)}</span>'
        f'<button type="button" data-copy>Copy</button>{save}</div>'
    )
    block = f'<pre tabindex="0">{escape(text)}</pre>'
    return f'<div class="code">{head}{block}</div>'


def facts(rows: Mapping[str, Any]) -> str:
    """A list of names and what they are."""
    told = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in rows.items() if value
    )
    return f"<dl>{told}</dl>"


def _facts(run: Run) -> Iterator[tuple[str, Any]]:
    tree = run.manifest
    yield "folder", run.folder
    yield "command", tree.get("command")
    earlier = [each for each in tree.get("commands", []) if each != tree.get("command")]
    yield "earlier", "\n".join(map(str, earlier))
    yield "started", tree.get("started")
    yield "code", tree["deciding"].get("code")
    git = tree.get("git") or {}
    yield "git", git.get("commit", "") + (", with changes" if git.get("changed") else "")
    yield "versions", _pairs(tree["deciding"].get("versions", {}))
    yield "engines", ", ".join(tree.get("engines", []))
    yield "ONNX providers", ", ".join(tree.get("onnx_providers", []))
    yield "python", f"{tree.get('python', '')} on {tree.get('platform', '')}"
    seconds = [name for name in run.rows if str(name).startswith("seconds.")]
    if seconds:
        yield "computing time", _duration(float(run.rows[seconds].sum().sum()))


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    if seconds < 120:
        return f"{seconds:.0f} s, summed over trials"
    return f"{hours} h {minutes} min, summed over trials" if hours else f"{minutes} min, summed over trials"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _images(by_system: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The pictures and their digests; once, if every system sends the same."""
    groups: dict[str, list[str]] = {}
    for system, images in by_system.items():
        lines = [f"{i['sha256']}  {i['width']}x{i['height']}  {i['name']}" for i in images]
        groups.setdefault("\n".join(lines), []).append(system)
    parts = []
    for text, systems in groups.items():
        whose = "" if len(groups) == 1 else f" of {', '.join(systems)}"
        head = f"{len(text.splitlines())} pictures{whose}: SHA-256 of their pixels"
        parts.append(
            f'<details><summary>{escape(head)}</summary><pre tabindex="0">{escape(text)}</pre></details>'
        )
    return "".join(parts)
