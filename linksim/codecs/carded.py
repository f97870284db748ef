"""A network of the zoo as a codec finds it: its card read, every checksum and number there."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from linksim.errors import LinksimError
from models.card import CARD, Card, CardError, find_folder, read_card


@dataclass(frozen=True, kw_only=True)
class Carded:
    """A folder of graphs and the card that tells of them."""

    folder: Path
    card: Card

    @property
    def fingerprint(self) -> str:
        """The checksums of the card's files, and its numbers."""
        told = {**self.card.files, **self.card.network}
        return ", ".join(f"{name} {value}" for name, value in sorted(told.items()))

    def number(self, name: str) -> int:
        """One of the card's numbers, as an integer."""
        return int(self.card.network[name])


def find_card(
    card: str, kind: str, files: Iterable[str], numbers: Iterable[str], field: str = "codec.card"
) -> tuple[Path, Card]:
    """The folder and the card that a scenario's field names: checksums verified, files and numbers all there.

    Raises LinksimError.
    """
    try:
        folder = find_folder(card, kind)
        found = read_card(folder, kind)
    except CardError as error:
        where, _, rest = str(error).partition(": ")
        raise LinksimError(field if where == "card" else where, rest) from error
    missing = [f"files.{name}" for name in files if name not in found.files]
    missing += [f"network.{name}" for name in numbers if type(found.network.get(name)) not in (int, float)]
    if missing:
        rule = f"must have {missing[0]}" + (", a number" if missing[0].startswith("network") else "")
        raise LinksimError(folder / CARD, rule, None, "export the network again")
    return folder, found
