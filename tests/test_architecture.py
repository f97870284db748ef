"""The rooms and who may enter them: docs/architecture.md says it, the imports keep it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(
    path.relative_to(ROOT) for room in ("phy", "linksim", "models") for path in (ROOT / room).rglob("*.py")
)

ALLOWED = {
    "phy": {"phy"},
    "models": {"models"},
    "linksim": {"linksim", "phy", "models.card"},
}
HOMES: dict[str, str | tuple[str, ...]] = {
    "tensorflow": "phy/",
    "sionna": "phy/",
    "av": "linksim/codecs/",
    "torch": "models/",
    "onnx": "models/",
    "onnxruntime": ("linksim/codecs/", "models/exporting.py"),  # compares graphs with torch
    "click": "linksim/cli",
    "numba": "phy/native/",
    "llvmlite": "phy/native/",
}


def imports(path: Path) -> set[str]:
    """Every module that the file imports, at its head or inside a function, with the name taken from it."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_only_the_allowed_way(path):
    ours = {name for name in imports(path) if name.split(".")[0] in ALLOWED}
    allowed = ALLOWED[path.parts[0]]
    assert not {name for name in ours if not any(f"{name}.".startswith(f"{room}.") for room in allowed)}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_heavy_libraries_stay_in_their_homes(path):
    strangers = {name.split(".")[0] for name in imports(path)} & HOMES.keys()
    assert not {name for name in strangers if not path.as_posix().startswith(HOMES[name])}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_files_stay_short(path):
    assert len((ROOT / path).read_text().splitlines()) <= 300
