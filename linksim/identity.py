"""What a result depends on besides its words: the text of the sources, and the versions of what computes."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from linksim import __version__

HOME = Path(__file__).resolve().parent.parent
"""Where the rooms stand."""


def installed(names: Iterable[str]) -> dict[str, str]:
    """linksim's version, and those of the distributions that are installed."""
    found = {"linksim-phy": __version__}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def phy_sources(home: Path = HOME) -> list[Path]:
    """The signals' code, and its data."""
    return [path for path in (home / "phy").rglob("*") if path.suffix in (".py", ".json", ".csv")]


def text_digest(files: Iterable[Path], home: Path = HOME) -> str:
    """SHA-256 (hex) over the files' places under `home` and their content, in order of place."""
    total = sha256()
    for path in sorted(files):
        total.update(f"{path.relative_to(home).as_posix()}\0".encode() + path.read_bytes())
    return total.hexdigest()
