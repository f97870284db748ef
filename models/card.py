"""The card of a network in the zoo: what it is, what it was trained on, what it measured, and the checksums
of its files.

A codec in the zoo is a folder: ONNX graphs, entropy tables, `card.json`. Reading a card needs no torch.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ZOO = Path(__file__).parent / "zoo"
CARD = "card.json"


class CardError(ValueError):
    """A folder that is not a usable codec; the text says where, the rule, what was got, and the remedy."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """`images`: which pictures it takes, in words; `files`: name -> SHA-256; `graphs`: graph -> its inputs
    and outputs with shapes; `network`: the numbers its host needs; `base`: of a network around another,
    that one's `name`, and the SHA-256 of its files.
    """

    name: str
    kind: str
    version: int
    paper: str
    streams: dict[str, str]
    files: dict[str, str]
    graphs: dict[str, dict[str, dict[str, str]]]
    network: dict[str, float]
    images: str = ""
    base: dict[str, str] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, Any] = field(default_factory=dict)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_card(card: Card, folder: Path) -> None:
    """Write `card.json` into the folder."""
    (folder / CARD).write_text(json.dumps(asdict(card), indent=1) + "\n")


def find_folder(card: str, kind: str | None = None) -> Path:
    """The folder of a card: a name in the zoo, or a path to a folder that holds `card.json`.

    kind: of the cards that an error offers, all if not given. Raises CardError where there is none.
    """
    for folder in (ZOO / card, Path(card).expanduser()):
        if (folder / CARD).is_file():
            return folder
    known = ", ".join(names(kind)) or "nothing"
    raise CardError(f"card: must name a network in the zoo ({known}) or a folder with {CARD}, got {card!r}")


def names(kind: str | None = None) -> list[str]:
    """The networks in the zoo, or those of a kind."""
    found = sorted(path.parent for path in ZOO.glob(f"*/{CARD}"))
    return [path.name for path in found if kind is None or open_card(path).kind == kind]


def open_card(folder: Path) -> Card:
    """The card of a folder, its files unread. Raises CardError."""
    path = folder / CARD
    try:
        card = Card(**json.loads(path.read_text()))
        if not (isinstance(card.files, dict) and isinstance(card.network, dict)):
            raise TypeError("files or network that are no mapping")
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError) as error:
        raise CardError(f"{path}: must be a card in JSON, got {error}; export the network again") from error
    return card


def read_card(folder: Path, kind: str) -> Card:
    """The card of a folder, its kind and every checksum verified. Raises CardError."""
    card = open_card(folder)
    if card.kind != kind:
        rule = f"must be a card of kind {kind!r}, got {card.kind!r}"
        known = ", ".join(names(kind))
        raise CardError(f"{folder / CARD}: {rule}; " + (f"the zoo has {known}" if known else "name another"))
    for name, expected in card.files.items():
        if not (folder / name).is_file():
            raise CardError(f"{folder / name}: must exist, the card names it; export the network again")
        if (got := sha256(folder / name)) != expected:
            rule = f"SHA-256 must be {str(expected)[:12]}..., got {got[:12]}..."
            raise CardError(f"{folder / name}: {rule}; restore the file or export again")
    return card
