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


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "docs/architecture.md",
        "docs/links.md",
        "docs/studies.md",
        "docs/hsc.md",
        "docs/bring-your-own-codec.md",
    ],
)
def test_files_that_the_documents_name_are_there(name):
    text = (ROOT / name).read_text()
    named = re.findall(r"`((?:linksim|phy|models|tests|scenarios|docs)/[\w./*-]+)`", text)
    linked = [target.split("#")[0] for target in re.findall(r"\]\(([^)h][^)]*)\)", text)]
    assert named
    assert not [path for path in named if not list(ROOT.glob(path.rstrip("/")))]
    assert not [path for path in linked if not ((ROOT / name).parent / path).exists()]
