"""From a checkpoint of NCR's adapters to the zoo: two or three ONNX graphs, a golden pair and a card.

    python -m models.export_ncr RECIPE [--folder checkpoints/RECIPE] [--zoo models/zoo] [--weights FILE.npz]

The card of the network around which they were trained must be in the zoo: theirs names it and the checksums
of its files. Checks ONNX Runtime against torch at two batch sizes before it writes the card.
"""

from pathlib import Path

import torch
from numpy.typing import NDArray
from torch import Tensor

from models.card import read_card
from models.export_hsc import BATCHES, PAPER
from models.exporting import (
    Part,
    command,
    export_batches,
    load_average,
    put_card,
    rounded_to_half,
    rounded_to_int8,
    said,
    staged,
)
from models.ncr import Ncr
from models.train_hsc import LEARNED
from models.train_ncr import RECIPES

DATA = f"MNIST, the first {LEARNED:,} training images; complements as linksim.observe wrote them"
MEASURED = "MSE a pixel with and without adapters (ncr, base) of observed trials of other images, by d"
BATCH, REALS, IMAGE = "batch", "batch,reals", "batch,pixels"
KNOWN = {"rank": BATCH, "arrived": BATCH, "noise": BATCH}


class Encoder(Part):
    def forward(self, z: Tensor, rank: Tensor) -> Tensor:
        return self.net.encode(z, rank)


class Decoder(Part):
    def forward(self, image: Tensor, rank: Tensor) -> Tensor:
        return self.net.decode(image, rank)


class Denoiser(Part):
    def forward(self, z: Tensor, rank: Tensor, arrived: Tensor, noise: Tensor) -> Tensor:
        return self.net.denoise(z, rank, arrived, noise)


class InformedDecoder(Part):
    def forward(
        self, image: Tensor, complemented: Tensor, rank: Tensor, arrived: Tensor, noise: Tensor
    ) -> Tensor:
        return self.net.decode_informed(image, complemented, rank, arrived, noise)


ENCODER = (Encoder, {"z": REALS, "rank": BATCH}, {"sent": REALS})
PLAIN = {
    "adapter_encoder": ENCODER,
    "adapter_decoder": (Decoder, {"image": IMAGE, "rank": BATCH}, {"adapted": IMAGE}),
}
INFORMED = {
    "adapter_encoder": ENCODER,
    "adapter_denoiser": (Denoiser, {"z": REALS, **KNOWN}, {"denoised": REALS}),
    "adapter_decoder": (
        InformedDecoder,
        {"image": IMAGE, "complemented": IMAGE, **KNOWN},
        {"adapted": IMAGE},
    ),
}
"""Graph -> module, inputs and outputs, all float32. reals: 2k; rank: d; noise: per complex channel use."""


def graphs(net: Ncr) -> dict:
    """The graphs of a network."""
    return INFORMED if net.size.informed else PLAIN


def example(net: Ncr, name: str, batch: int, generator: torch.Generator) -> Tensor:
    """A random input of a graph."""
    if name == "rank":
        return torch.randint(0, 29, (batch,), generator=generator).float()
    if name == "arrived":
        return torch.randint(0, 2, (batch,), generator=generator).float()
    if name == "noise":
        return 10 ** torch.empty(batch).uniform_(-2, 1, generator=generator)
    if name == "z":
        return torch.randn(batch, 2 * net.size.uses, generator=generator)
    return torch.rand(batch, net.size.pixels, generator=generator)


def export_graphs(net: Ncr, folder: Path, int8: bool) -> None:
    """Write the graphs and compare each with torch; raises ValueError where they part."""
    generator, kinds = torch.Generator().manual_seed(1), graphs(net)

    def given(graph: str, batch: int) -> dict[str, Tensor]:
        return {each: example(net, each, batch, generator) for each in kinds[graph][1]}

    export_batches(net, folder, kinds, given, BATCHES, int8)


@torch.no_grad()
def golden(net: Ncr) -> dict[str, NDArray]:
    """Inputs and outputs of the graphs, five rows each; an input GRAPH.NAME."""
    generator, found = torch.Generator().manual_seed(2), {}
    for graph, (module, inputs, outputs) in graphs(net).items():
        given = {each: example(net, each, 5, generator) for each in inputs}
        out = module(net)(**given)
        found |= {f"{graph}.{name}": value.numpy() for name, value in given.items()}
        found[f"{graph}.{next(iter(outputs))}"] = out.numpy()
    return found


def load(name: str, checkpoints: Path) -> tuple[Ncr, dict]:
    """The averaged weights of a checkpoint, rounded as they are stored, and its facts."""
    net, facts = load_average(Ncr(RECIPES[name].size), checkpoints)
    return (rounded_to_int8 if RECIPES[name].int8 else rounded_to_half)(net), facts


def export(name: str, checkpoints: Path, zoo: Path) -> Path:
    """Write zoo/name, around the network in the same zoo; returns the folder."""
    folder, recipe = staged(zoo / name), RECIPES[name]
    base = read_card(zoo / recipe.base, "hsc")
    began, measured = said(checkpoints, "trials")[0], said(checkpoints, "mse_ncr")[-1]
    net, facts = load(name, checkpoints)
    export_graphs(net, folder, recipe.int8)
    return put_card(
        folder, graphs(net), golden(net),
        kind="hsc_adapter", paper=PAPER, images=base.images, streams={},
        base={"name": base.name, **base.files},
        network={"pixels": net.size.pixels, "uses": net.size.uses},
        training={
            "data": DATA, "recipe": f"models.train_ncr.RECIPES[{name!r}]", "seed": recipe.seed, **facts,
            "storage": "int8, a float32 scale a row" if recipe.int8 else "float16",
            "trials": began["trials"], "arrived": began["arrived"], "hardware": "1 CPU core",
            "command": f"python -m models.train_ncr {name} --data FOLDER --base FOLDER --observed FILE",
        },
        measured={MEASURED: measured},
    )  # fmt: skip


def main() -> None:
    command(__doc__, RECIPES, export, load)


if __name__ == "__main__":
    main()
