"""linksim: a bit-accurate link-level simulator for neural image transmission."""

from importlib.util import find_spec
from pathlib import Path

__version__ = "0.1.0"


def _refuse_strangers(names: tuple[str, ...] = ("phy", "models")) -> None:
    """ImportError, in one line, where a common name such as `phy` leads to another project's package.

    The names are looked up, not imported: a stranger's code does not run.
    """
    home = Path(__file__).resolve().parent.parent
    for name in names:
        spec = find_spec(name)
        places = [] if spec is None else [*(spec.submodule_search_locations or ()), spec.origin]
        found = next((Path(place).resolve() for place in places if place), None)
        if found is None:
            raise ImportError(
                f"linksim: its package '{name}' is missing from {home}; install linksim-phy again"
            )
        if found != home / name:
            raise ImportError(
                f"linksim: '{name}' is {_owner(name, found)}, not linksim's own; {_remedy(found, home)}"
            )


def _owner(name: str, found: Path) -> str:
    """Whose package stands at `found`: its distribution where pip knows one, and the place."""
    from importlib.metadata import packages_distributions

    owners = sorted(set(packages_distributions().get(name, [])) - {"linksim-phy"})
    return f"{found}, of the distribution {' or '.join(owners)}" if owners else str(found)


def _remedy(found: Path, home: Path) -> str:
    return f"take {found.parent} off PYTHONPATH or the working directory, or put {home} before it"


_refuse_strangers()
