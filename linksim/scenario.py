"""A scenario: what is sent, over which links, how often. Its parts are the blocks' own dataclasses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Annotated, Any, ClassVar, Literal, Union

from pydantic import Field, TypeAdapter, ValidationError

from linksim.arranged import sides
from linksim.codecs import CODECS
from linksim.codecs.attack import check_attacked
from linksim.document import Document
from linksim.errors import ScenarioError
from linksim.faults import first_fault
from linksim.stopping import Stop
from linksim.system import Eavesdropper
from phy.link import Link
from phy.units import check_snr

AnyCodec = Annotated[Union[tuple(CODECS.values())], Field(discriminator="kind")]  # noqa: UP007
"""One of the codecs, told apart by `kind`."""

Metric = Literal["psnr_db", "ms_ssim_db"]
"""A metric is named by the column of the result rows that holds it."""

MOST_SEED = 2**63 - 1
"""The largest that a result row holds."""


def check_name(name: str) -> None:
    """ValueError for a name that would not do as a folder's."""
    if not re.fullmatch(r"\w[\w.+-]*", name):
        raise ValueError(f"name: must be letters, digits and _ . + -, got {name!r}; it names a folder")


@dataclass(frozen=True, kw_only=True)
class Images:
    """Which pictures are sent: a set known by name or a folder, at most `limit` of them, in order of name.

    A folder's path counts from the working directory. crop: HEIGHTxWIDTH out of each picture's middle.
    sheet: ROWSxCOLUMNS pictures, cut so far, put side by side and sent as one; `limit` counts sheets.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    set: str | None = None
    folder: str | None = None
    crop: str | None = None
    sheet: str | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if (self.set is None) == (self.folder is None):
            got = "neither" if self.set is None else "both"
            raise ValueError(f"needs either set or folder, got {got}; write set: sample or folder: PATH")
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit: must be at least 1, got {self.limit}; leave it out for all pictures")
        for name, told in (("crop", self.crop), ("sheet", self.sheet)):
            if told is not None:
                sides(name, told)


@dataclass(frozen=True, kw_only=True)
class Trials:
    """per_image: channel draws of each image at each point of the sweep, at most, where `stop` ends it."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    per_image: int = 1
    stop: Stop | None = None

    def __post_init__(self) -> None:
        if self.per_image < 1:
            raise ValueError(
                f"per_image: must be at least 1, got {self.per_image}; one draw an image is the least"
            )


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One experiment. snr_db: average Es/N0 of every link. sweep: dotted field -> its values, a grid of all.

    zip: dotted field -> its values, all lists of one length, taken together at each point of the grid.
    name: names the folder of its results. eavesdropper: also decode the same observation without the keys,
    which `true` says as `{key: none}` does, or with a wrong one.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    name: str
    images: Images
    codec: AnyCodec
    links: Mapping[str, Link]
    snr_db: float = 10.0
    sweep: Mapping[str, list[Any]] = field(default_factory=dict)
    zip: Mapping[str, list[Any]] = field(default_factory=dict)
    trials: Trials = field(default_factory=Trials)
    metrics: tuple[Metric, ...] = ("psnr_db", "ms_ssim_db")
    seed: int
    eavesdropper: bool | Eavesdropper = False

    def __post_init__(self) -> None:
        check_name(self.name)
        check_snr("snr_db", self.snr_db)
        if not 0 <= self.seed <= MOST_SEED:
            raise ValueError(f"seed: must be >= 0 and below 2^63, got {self.seed}; any such number will do")
        if len({len(values) for values in self.zip.values()}) > 1:
            raise ValueError("zip: must be lists of one length, got several; their values go together")
        if not self.links:
            raise ValueError("links: must hold at least one link, got none; name one, as air")
        self._check_streams()
        self._check_concealment()
        self._check_stop()
        if isinstance(self.eavesdropper, Eavesdropper) and self.eavesdropper.attack is not None:
            check_attacked(self.codec)

    def _check_stop(self) -> None:
        """No rule waits for a metric that is not measured."""
        wanted = self.trials.stop.half_width if self.trials.stop else None
        if wanted and wanted.eve_psnr_db and not self.eavesdropper:
            place = "trials.stop.half_width.eve_psnr_db"
            raise ValueError(f"{place}: needs an eavesdropper, got none; set eavesdropper: true")
        if wanted and wanted.ms_ssim_db and "ms_ssim_db" not in self.metrics:
            raise ValueError("trials.stop.half_width.ms_ssim_db: is not measured; add it to metrics")

    def _check_streams(self) -> None:
        """Each of the codec's streams rides on exactly one link, in a bearer of its kind."""
        offered = [
            (link.name, name, bearer.kind)
            for link in self.links.values()
            for name, bearer in link.streams.items()
        ]
        wanted = dict(self.codec.streams)
        for link, name, kind in offered:
            place = f"links.{link}.streams.{name}"
            if name not in wanted:
                told = ", ".join(f"{each} ({wanted[each]})" for each in wanted)
                raise ValueError(f"{place}: is no stream of the codec {self.codec.kind!r}; it has {told}")
            if kind != wanted[name]:
                raise ValueError(
                    f"{place}.kind: must be {wanted[name]}, as the codec makes it, got {kind!r}; change it"
                )
            if [each for _, each, _ in offered].count(name) > 1:
                raise ValueError(f"{place}: is offered by two links; keep one")
        for name in wanted.keys() - {each for _, each, _ in offered}:
            raise ValueError(
                f"links: no stream {name!r}; the codec {self.codec.kind!r} sends one, {wanted[name]}"
            )

    def _check_concealment(self) -> None:
        """What lies in front of the first failed block can be shown only where each block has its check."""
        if getattr(self.codec, "concealment", "flat") != "prefix":
            return
        for link in self.links.values():
            for name, bearer in link.streams.items():
                place = f"links.{link.name}.streams.{name}"
                if bearer.crc_per != "block":
                    raise ValueError(
                        "codec.concealment: prefix needs a check for each code block, got crc_per: "
                        f"{bearer.crc_per}; add {place}.crc_per: block"
                    )
                if bearer.cipher and bearer.cipher.tag_bits:
                    raise ValueError(
                        f"codec.concealment: prefix needs a cipher without a tag over all, got "
                        f"{bearer.cipher.kind}; set {place}.cipher.kind: aes-ctr"
                    )


@cache
def adapter() -> TypeAdapter[Scenario]:
    """Validation of a scenario's plain values into the blocks themselves."""
    return TypeAdapter(Scenario)


def build(document: Document) -> Scenario:
    """The scenario that a document describes; ScenarioError at its first fault."""
    if not isinstance(document.tree, dict):
        raise ScenarioError(
            f"{document.origin(())}: the scenario", "must be a mapping of fields", None, "write name: ..."
        )
    try:
        return adapter().validate_json(json.dumps(_named(document)), strict=True)
    except ValidationError as error:
        raise first_fault(error, document, Scenario) from None


def _named(document: Document) -> dict[str, Any]:
    """The tree, each link named by its key."""
    tree, links = document.tree, document.tree.get("links")
    if not isinstance(links, dict):
        return tree
    for name, link in links.items():
        if isinstance(link, dict) and "name" in link:
            where = f"{document.origin(('links', name, 'name'))}: links.{name}.name"
            raise ScenarioError(where, "is not a field", None, "a link's name is its key")
    return tree | {
        "links": {
            name: link | {"name": name} if isinstance(link, dict) else link for name, link in links.items()
        }
    }


def resolved(scenario: Scenario) -> dict[str, Any]:
    """The scenario as JSON values, every default written out. The manifest keeps it; `build` reads it."""
    tree = adapter().dump_python(scenario, mode="json")
    for link in tree["links"].values():
        del link["name"]
    return tree


def digest(scenario: Scenario) -> str:
    """SHA-256 (hex) over the resolved scenario but its name: equal for equal experiments.

    The order of streams and sweeps counts, that of a block's fields does not: streams lie in the frame, and
    points in the grid, in the order told.
    """
    tree = {key: value for key, value in resolved(scenario).items() if key != "name"}
    return sha256(json.dumps(tree).encode()).hexdigest()


def schema() -> dict[str, Any]:
    """JSON Schema of a scenario file, for editors that complete and check."""
    tree = adapter().json_schema()
    tree["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    tree["$defs"]["Link"]["properties"].pop("name")
    for member in {reference.rpartition("/")[2] for reference in _tagged(tree)}:
        definition = tree["$defs"][member]
        definition["required"] = sorted({"kind", *definition.get("required", ())})
    for grid in ("sweep", "zip"):
        tree["properties"][grid]["additionalProperties"] = {"anyOf": [{"type": "array"}, {"type": "string"}]}
    return tree


def _tagged(node: Any) -> Iterator[str]:
    """The references of all that are told apart by `kind`: where there is a choice, none is the default."""
    if isinstance(node, dict):
        yield from node.get("discriminator", {}).get("mapping", {}).values()
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _tagged(inner)
