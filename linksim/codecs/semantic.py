"""A trained HSC semantic encoder and decoder on NumPy arrays (Nam, Park, Choi, Kim, sec. II)."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.carded import Carded, find_card
from linksim.codecs.onnx import run_graph
from linksim.errors import LinksimError
from models.card import CARD

FILES = ("encoder.onnx", "decoder.onnx")
NUMBERS = ("pixels", "height", "width", "reals", "codewords")
"""What a card must hold for its network to run."""
CODEBOOK = "codebook.npz"
BATCH = 16
"""The graphs run on this many rows, the last ones padded: how a row's products are summed may depend on how
many rows there are, and a picture's result may not. One row alone would take as long: reading the weights
does. Pictures of more than `SMALL` samples run alone: the computing takes long then.
"""
SMALL = 16_384

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Semantic(Carded):
    """The graphs of a card, which serve every number of channel uses k up to K = `largest_uses`."""

    @property
    def largest_uses(self) -> int:
        return self.number("reals") // 2

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the pictures it takes: height, width, channels, 1 where its card tells none."""
        channels = self.number("channels") if "channels" in self.card.network else 1
        return self.number("height"), self.number("width"), channels

    @property
    def rows(self) -> int:
        """Pictures that the graphs run on at a time."""
        return BATCH if self.number("pixels") <= SMALL else 1

    @property
    def codewords(self) -> Floats | None:
        """[codewords, 2 K] of a VQ-VAE, which sends the one nearest to mu in the first 2k reals; None of a
        VAE.
        """
        return read_codewords(self.folder / CODEBOOK) if self.number("codewords") else None

    def encode(self, x: Floats) -> tuple[Floats, Floats]:
        """mu and ln s^2, float32 [n, 2 K], of pictures in [0, 1], [n, pixels]; of a VQ-VAE ln s^2 is -30.

        A row of the result depends on the same row of x alone.
        """
        mean, log_variance = run_rows(self.folder / "encoder.onnx", self.rows, image=x)
        return mean, log_variance

    def decode(self, z: Floats, uses: int) -> Floats:
        """X^ in [0, 1], float32 [n, pixels], of what k = `uses` channel uses brought: z [n, 2 K].

        The first 2k reals count, on the scale on which |z|^2 = 2k was sent; those behind are not read. A row
        of the result depends on the same row of z alone. Raises LinksimError unless 1 <= k <= K.
        """
        if not 1 <= uses <= self.largest_uses:
            rule = f"must be 1 to {self.largest_uses} for {self.card.name}"
            raise LinksimError("channel uses", rule, uses, "change the semantic stream's grant or the card")
        sent = np.where(np.arange(z.shape[1]) < 2 * uses, z, np.float32(0))
        told = np.full(len(z), uses, np.float32)
        (image,) = run_rows(self.folder / "decoder.onnx", self.rows, z=sent, uses=told)
        return image


def run_rows(path: Path, rows: int = BATCH, /, **inputs: Floats) -> list[Floats]:
    """A graph's outputs, so many rows at a time; the last batch is filled up with ones."""
    (n,) = {len(value) for value in inputs.values()}
    parts = []
    for start in range(0, max(n, 1), rows):
        batch = {name: np.ones((rows, *value.shape[1:]), np.float32) for name, value in inputs.items()}
        for name, value in inputs.items():
            batch[name][: n - start] = value[start : start + rows]
        parts.append(run_graph(path, **batch))
    return [np.concatenate(each)[:n] for each in zip(*parts, strict=True)]


@lru_cache(maxsize=8)
def read_codewords(path: Path) -> Floats:
    """The codebook of a card, read once."""
    with np.load(path, allow_pickle=False) as file:
        words = file["codewords"]
    words.flags.writeable = False
    return words


@lru_cache(maxsize=8)
def find_semantic(card: str) -> Semantic:
    """The semantic network that a scenario names, checksums verified. Raises LinksimError."""
    folder, found = find_card(card, "hsc", FILES, NUMBERS)
    network, remedy = Semantic(folder=folder, card=found), "export the network again"
    pixels, words = network.number("pixels"), network.number("codewords")
    if math.prod(network.shape) != pixels:
        rule = f"network.height, width and channels must make its {pixels} pixels"
        raise LinksimError(folder / CARD, rule, "{} x {} x {}".format(*network.shape), remedy)
    if words and CODEBOOK not in found.files:
        raise LinksimError(folder / CARD, f"must have files.{CODEBOOK}, it has codewords", None, remedy)
    if words and network.codewords.shape != (words, network.number("reals")):
        rule = f"must hold {words} codewords of {network.number('reals')} reals"
        raise LinksimError(folder / CODEBOOK, rule, network.codewords.shape, remedy)
    return network
