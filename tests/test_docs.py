"""What the docstrings and documents show is what happens."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHOWN = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for room in ("phy", "linksim", "models")
    for path in (ROOT / room).rglob("*.py")
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("name", SHOWN)
def test_docstrings_show_what_happens(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert not result.failed


PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


@pytest.mark.parametrize("name", PAGES)
def test_files_that_the_documents_name_are_there(name):
    text = (ROOT / name).read_text()
    named = re.findall(r"`((?:linksim|phy|models|tests|scenarios|docs)/[\w./*-]+)`", text)
    linked = [target.split("#")[0] for target in re.findall(r"\]\(([^)h][^)]*)\)", text)]
    assert named
    assert not [path for path in named if not list(ROOT.glob(path.rstrip("/")))]
    assert not [path for path in linked if not ((ROOT / name).parent / path).exists()]


@pytest.mark.parametrize("name", PAGES)
def test_runs_that_commands_read_are_written_by_one(name):
    """Their folder is a scenario's name, or that which a command on the page gives."""
    text = (ROOT / name).read_text()
    commands = [line for line in text.splitlines() if re.match(r"(    |)linksim ", line)]
    read = {run for line in commands for run in re.findall(r"(?<!--out )\bruns/([\w-]+)(?![\w.-])", line)}
    written = set(re.findall(r"--out runs/([\w-]+)", text)) | set(re.findall(r"--set name=([\w-]+)", text))
    scenarios = [path.read_text() for path in (ROOT / "scenarios").rglob("*.yaml")]
    written |= {re.search(r"^name: (\S+)", scenario, re.MULTILINE)[1] for scenario in scenarios}
    assert not read - written - {"ber"}
