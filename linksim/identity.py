"""What a result depends on besides its words: the text of the sources, and the versions of what computes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from linksim import __version__

if TYPE_CHECKING:
    from linksim.scenario import Scenario

HOME = Path(__file__).resolve().parent.parent
"""Where the rooms stand."""
DECIDING = (
    *("sionna-no-rt", "tensorflow", "onnxruntime", "onnxruntime-gpu"),
    *("numba", "numpy", "scipy", "pillow", "constriction", "glymur", "av", "imagecodecs"),
)
"""Distributions whose versions may move a result."""
DECIDING_FILES = ("arranged", "digits", "images", "ledger", "metrics", "system", "work/compute", "work/units")
"""linksim's own modules, beside the codecs, whose text decides a row; no page, plot or command does."""


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


@cache
def versions() -> dict[str, str]:
    """linksim's version, and those of the distributions that decide results, where they are installed."""
    return installed(DECIDING)


@cache
def code_digest() -> str:
    """SHA-256 over the files whose text decides a row: phy with its data, codecs, how trials are run."""
    files = phy_sources()
    files += (HOME / "linksim" / "codecs").glob("*.py")
    files += [HOME / "linksim" / f"{name}.py" for name in DECIDING_FILES]
    return text_digest(files)


def contents(scenario: Scenario) -> dict[str, list[str]]:
    """What a scenario names and does not say, as digests, link by link; no entry where there is none.

    recordings: whose fading they play. files: of codes and constellations. keys: of the ciphers. attack: the
    eavesdropper's network.
    """
    links, listens = scenario.links.values(), scenario.eavesdropper
    found = {
        "recordings": [each for link in links for each in link.recordings],
        "files": [each for link in links for each in link.files],
        "keys": [each for link in links for each in link.keys],
        "attack": [] if isinstance(listens, bool) else listens.fingerprints(scenario.codec),
    }
    return {name: digests for name, digests in found.items() if digests}
