"""A network that makes channel symbols of pictures, anybody's, on NumPy arrays: what its card must keep.

encoder.onnx: `image` [1, C, H, W] in [0, 1], C = 3 of sRGB or 1 of grey, and `snr_db` [1, 1] if it asks for
    it -> one output [1, c, h, w], h = H / token: reals, channels 2j and 2j + 1 the axes of symbol j.
decoder.onnx: `y`, what of them arrived, and, if it asks for them, `snr_db` [1, 1] and `noise_var`
    [1, c, h, w], of symbols of power 1 -> one output [1, C, H, W].
constellation.csv (or .json), if there is one: the points that symbols are made of.

All float32, heights and widths free, in multiples of the card's `image_multiple`. Every rule is looked at
when a card is first used, by a run on two small pictures; a fault is one line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.base import Image
from linksim.codecs.carded import Carded, find_card
from linksim.codecs.onnx import run_graph, session
from linksim.errors import LinksimError, MissingTool
from models.card import CARD
from phy.constellation_file import read_alphabet

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
CONSTELLATIONS = ("constellation.csv", "constellation.json")
TAKEN: Mapping[str, tuple[str, frozenset[str]]] = {
    ENCODER: ("image", frozenset({"snr_db"})),
    DECODER: ("y", frozenset({"snr_db", "noise_var"})),
}
"""Graph -> the input that it must have, and those that it may have."""
MOST: Mapping[str, int] = {"image_multiple": 1 << 10, "token": 1 << 10, "reals": 1 << 16}
"""A card's numbers -> the largest; pictures of some multiples are tried."""
NOT_SENT = 1e4
"""`noise_var` of a symbol that was not sent, and is 0."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Jscc(Carded):
    """The graphs of a card. asked: graph -> the names of its inputs; channels: of the pictures that it takes.

    points: complex64 [M] of mean energy 1, what a symbol may be; None is anything.
    """

    asked: Mapping[str, frozenset[str]]
    channels: int
    points: NDArray[np.complex64] | None

    @property
    def reals(self) -> int:
        """c, for each token of the picture."""
        return self.number("reals")

    def grid(self, shape: tuple[int, int, int]) -> tuple[int, int]:
        """Rows and columns of tokens that a picture touches."""
        token = self.number("token")
        return -(-shape[0] // token), -(-shape[1] // token)

    def places(self, shape: tuple[int, int, int], uses: int) -> NDArray[np.intp]:
        """Which of the symbols [c / 2, rows, columns], flat, are sent in so many uses: all, if they fit.

        Where a side is no multiple of the token, its last tokens reach beyond the picture: a grant of the
        card's own ratio is short by them. Symbols of the last channel are left out for that, evenly.
        """
        rows, columns = self.grid(shape)
        n, last = self.reals // 2 * rows * columns, rows * columns
        short = min(max(n - uses, 0), last)
        left_out = n - last + (np.arange(short) * last + last // 2) // max(short, 1)
        return np.delete(np.arange(n), left_out)

    def least_uses(self, shape: tuple[int, int, int]) -> int:
        """Channel uses without which a picture is not sent: c / 2 for each token's area of it, and more for
        one so small that the last channel is not what its edge takes beyond that.
        """
        rows, columns = self.grid(shape)
        area = self.reals * shape[0] * shape[1] // (2 * self.number("token") ** 2)
        return max(area, (self.reals // 2 - 1) * rows * columns, 1)

    def encode(self, image: Image, snr_db: float) -> NDArray[np.complex64]:
        """Symbols [c / 2, rows, columns], of any power, for an image padded by its edge."""
        multiple = self.number("image_multiple")
        pad = [(0, -side % multiple) for side in image.shape[:2]]
        padded = np.pad(image, [*pad, (0, 0)], mode="edge").transpose(2, 0, 1)[None].astype(np.float32) / 255
        (x,) = run_graph(self.folder / ENCODER, **self._known(ENCODER, image=padded, snr_db=level(snr_db)))
        rows, columns = self.grid(image.shape)
        seen = x[0, :, :rows, :columns]
        return (seen[0::2] + 1j * seen[1::2]).astype(np.complex64)

    def decode(
        self, data: NDArray[np.complex64], noise_var: Floats, shape: tuple[int, int, int], uses: int
    ) -> Image:
        """The picture of symbols that arrived, those of `places`, and their noise variances."""
        multiple, token = self.number("image_multiple"), self.number("token")
        rows, columns = self.grid(shape)
        h, w = (-(-side // multiple) * multiple // token for side in shape[:2])
        places, n = self.places(shape, uses), self.reals // 2 * rows * columns
        arrived, told = np.zeros(n, np.complex64), np.full(n, NOT_SENT, np.float32)
        arrived[places], told[places] = data[: places.size], noise_var[: places.size]
        y = np.zeros((1, self.reals, h, w), np.float32)
        noise = np.full(y.shape, NOT_SENT, np.float32)
        arrived, told = (each.reshape(-1, rows, columns) for each in (arrived, told))
        y[0, 0::2, :rows, :columns], y[0, 1::2, :rows, :columns] = arrived.real, arrived.imag
        noise[0, :, :rows, :columns] = np.repeat(told, 2, axis=0)
        snr = level(-10 * np.log10(np.mean(noise_var[: places.size], dtype=np.float64)))
        given = self._known(DECODER, y=y, snr_db=snr, noise_var=noise)
        (out,) = run_graph(self.folder / DECODER, **given)
        pixels = np.rint(np.nan_to_num(out[0, :, : shape[0], : shape[1]]).clip(0, 1) * 255)
        return np.ascontiguousarray(pixels.transpose(1, 2, 0)).astype(np.uint8)

    def _known(self, graph: str, **given: Floats) -> dict[str, Floats]:
        return {name: value for name, value in given.items() if name in self.asked[graph]}


def level(snr_db: float) -> Floats:
    """An SNR as graphs take it, [1, 1]."""
    return np.full((1, 1), np.clip(snr_db, -100, 100), np.float32)


@lru_cache(maxsize=8)
def find_jscc(card: str) -> Jscc:
    """The network that a scenario names, checksums and every rule verified. Raises LinksimError."""
    folder, found = find_card(card, "jscc", (ENCODER, DECODER), MOST)
    numbers = {name: found.network[name] for name in MOST}
    for name, value in numbers.items():
        if not 1 <= value <= MOST[name] or value != int(value):
            rule = f"network.{name} must be a whole number from 1 to {MOST[name]}"
            raise _wrong(folder / CARD, rule, value)
    if numbers["reals"] % 2:
        raise _wrong(folder / CARD, "network.reals must be even, two make a symbol", numbers["reals"])
    if numbers["image_multiple"] % numbers["token"]:
        rule = f"network.image_multiple must be a multiple of network.token, {numbers['token']:g}"
        raise _wrong(folder / CARD, rule, numbers["image_multiple"])
    asked = {graph: _inputs(folder / graph, *TAKEN[graph]) for graph in TAKEN}
    network = Jscc(
        folder=folder,
        card=found,
        asked=asked,
        channels=_channels(folder / ENCODER),
        points=_points(folder, found),
    )
    for tokens in ((1, 1), (2, 3)):
        _try(network, tuple(n * network.number("image_multiple") for n in tokens))
    return network


def _inputs(path: Path, wanted: str, allowed: frozenset[str]) -> frozenset[str]:
    """The names of a graph's inputs, when they are what it may have."""
    try:
        graph = session(path)
    except (LinksimError, MissingTool):
        raise
    except Exception as error:  # ONNX Runtime's errors have no base of their own
        raise _wrong(path, "must be a graph that ONNX Runtime loads", _line(error)) from error
    names = [each.name for each in graph.get_inputs()]
    may = " and ".join(sorted(allowed))
    if wanted not in names or set(names) - allowed - {wanted}:
        raise _wrong(path, f"must take the input {wanted!r}, and may take {may}", ", ".join(names))
    if (n := len(graph.get_outputs())) != 1:
        raise _wrong(path, "must give one output", n)
    if odd := [each for each in graph.get_inputs() if each.type != "tensor(float)"]:
        raise _wrong(path, f"{odd[0].name} must be float32", odd[0].type)
    return frozenset(names)


def _channels(path: Path) -> int:
    (shape,) = (each.shape for each in session(path).get_inputs() if each.name == "image")
    if len(shape) != 4 or shape[1] not in (1, 3):
        raise _wrong(path, "image must be [1, 3, H, W], or [1, 1, H, W] of grey", shape)
    return shape[1]


def _points(folder: Path, card: object) -> NDArray[np.complex64] | None:
    named = [name for name in CONSTELLATIONS if name in card.files]
    if not named:
        return None
    try:
        return np.asarray(read_alphabet(folder / named[0]), np.complex64)
    except ValueError as error:
        where, _, rest = str(error).removeprefix("constellation: ").partition(": ")
        raise LinksimError(where, rest) from error


def _try(network: Jscc, sides: tuple[int, int]) -> None:
    """Run both graphs on a picture of these sides, and look at what they give."""
    h, w = (side // network.number("token") for side in sides)
    shape, folder = (1, network.reals, h, w), network.folder
    image = np.full((1, network.channels, *sides), 0.5, np.float32)
    given = {"image": image, "snr_db": level(10)}
    _expect(folder / ENCODER, shape, sides, network._known(ENCODER, **given))
    given = {"y": np.zeros(shape, np.float32), "snr_db": level(10), "noise_var": np.ones(shape, np.float32)}
    _expect(folder / DECODER, image.shape, sides, network._known(DECODER, **given))


def _expect(path: Path, shape: tuple[int, ...], sides: tuple[int, int], given: dict[str, Floats]) -> None:
    """LinksimError unless the graph gives float32 numbers of that shape."""
    of = f"for a picture of {sides[0]}x{sides[1]}"
    try:
        (out,) = run_graph(path, **given)
    except Exception as error:  # as above
        raise _wrong(path, f"must run {of}, heights and widths left free", _line(error)) from error
    if out.shape != shape or out.dtype != np.float32:
        raise _wrong(path, f"must give float32 {list(shape)} {of}", f"{out.dtype} {list(out.shape)}")
    if not np.isfinite(out).all():
        raise _wrong(path, f"must give finite numbers {of}", "others")


def _wrong(where: Path, rule: str, got: object) -> LinksimError:
    return LinksimError(where, rule, got, "docs/bring-your-own-codec.md tells what a card holds")


def _line(error: Exception) -> str:
    """The first line of an error, which may be long."""
    return f"{str(error).strip().splitlines()[0]:.160}"
