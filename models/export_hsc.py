"""From a checkpoint of HSC's semantic codec to the zoo: two ONNX graphs, the codebook of a VQ-VAE, a golden
pair and a card.

    python -m models.export_hsc RECIPE [--folder checkpoints/RECIPE] [--zoo models/zoo] [--weights FILE.npz]

Matrices are stored as int8 with a float32 scale a row, or as float16, as the recipe says; other weights as
float16. The graphs compute in float32. Checks ONNX Runtime against torch, its weights rounded alike, at two
batch sizes before it writes the card. RECIPE is one of `models.train_hsc` or `models.tune_hsc`; what few
pictures and steps of fine-tuning come to is read from the logs beside: checkpoints/RECIPE_500 and so on.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import train_hsc, tune_hsc
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
from models.hsc import Hsc, normalised
from models.train_hsc import HscRecipe

BATCHES = (1, 37)
DATA = "MNIST, the first {:,} training images"
MEASURED = "MSE a pixel over the error-free channel for k uses, the last 10,000 training images"
FADED = "; mse_SNRdb_k over Rayleigh block fading, 1 fade a picture"
PAPER = (
    "H. Nam, J. Park, J. Choi, S.-L. Kim: Hybrid Semantic-Complementary Transmission for High-Fidelity Image "
    "Reconstruction"
)


class Encoder(Part):
    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.net.encode(image)


class Decoder(Part):
    def forward(self, z: Tensor, uses: Tensor) -> Tensor:
        return self.net.decode(z, uses)


IMAGE, REALS, BATCH = "batch,pixels", "batch,reals", "batch"
GRAPHS = {
    "encoder": (Encoder, {"image": IMAGE}, {"mean": REALS, "log_variance": REALS}),
    "decoder": (Decoder, {"z": REALS, "uses": BATCH}, {"image": IMAGE}),
}
"""Graph -> module, inputs and outputs, all float32. reals: 2 K; z: normalised, 0 behind the first 2k reals;
uses: k.
"""


def example(net: Hsc, name: str, batch: int, generator: torch.Generator) -> Tensor:
    """A random input of a graph."""
    if name == "uses":
        return torch.randint(1, net.size.uses + 1, (batch,), generator=generator).float()
    if name == "z":
        return torch.randn(batch, 2 * net.size.uses, generator=generator)
    return torch.rand(batch, net.size.pixels, generator=generator)


def export_graphs(net: Hsc, folder: Path, int8: bool) -> None:
    """Write the two graphs and compare each with torch; raises ValueError where they part."""
    generator, kinds = torch.Generator().manual_seed(1), GRAPHS

    def given(graph: str, batch: int) -> dict[str, Tensor]:
        return {each: example(net, each, batch, generator) for each in kinds[graph][1]}

    export_batches(net, folder, kinds, given, BATCHES, int8)


@torch.no_grad()
def golden(net: Hsc) -> dict[str, NDArray]:
    """Inputs and outputs of the graphs for one fixed picture, sent with few uses, more and all."""
    side = math.isqrt(net.size.pixels)
    coarse = torch.from_numpy(np.random.default_rng(1).random((1, 1, 7, 7), np.float32))
    picture = torch.nn.functional.interpolate(coarse, size=side, mode="bicubic").sub(0.5).mul(3).clamp(0, 1)
    image = picture.reshape(1, -1)
    mean, log_variance = net.encode(image)
    uses = [max(net.size.uses // share, 1) for share in (32, 4, 1)]
    words = [mean if net.codebook is None else net.nearest(mean, k) for k in uses]
    z = torch.cat([normalised(word, k) for word, k in zip(words, uses, strict=True)])
    told = torch.tensor(uses, dtype=torch.float32)
    named = {"image": image, "mean": mean, "log_variance": log_variance, "z": z, "uses": told}
    named["decoded"] = net.decode(z, told)
    return {name: value.numpy() for name, value in named.items()}


def recipe_of(name: str) -> HscRecipe:
    """The recipe of a training or a fine-tuning."""
    return (train_hsc.RECIPES | tune_hsc.RECIPES)[name]


def load(name: str, checkpoints: Path) -> tuple[Hsc, dict]:
    """The averaged weights of a checkpoint, rounded as they are stored, and its facts."""
    recipe = recipe_of(name)
    net, facts = load_average(Hsc(recipe.size), checkpoints)
    return (rounded_to_int8 if recipe.int8 else rounded_to_half)(net), facts


def training(name: str, checkpoints: Path, facts: dict) -> dict[str, Any]:
    """What a card tells of a training or a fine-tuning."""
    images, module = said(checkpoints, "images")[0]["images"], "train_hsc"
    start = {}
    if name in tune_hsc.RECIPES:
        module, start = "tune_hsc", {"start": "hsc_vae"}
    return {
        "data": DATA.format(images), "recipe": f"models.{module}.RECIPES[{name!r}]",
        "seed": recipe_of(name).seed, **facts, "images": images, **start, "hardware": "2 CPU cores",
        "storage": "int8, a float32 scale a row" if recipe_of(name).int8 else "float16",
        "command": f"python -m models.{module} {name} --data FOLDER",
    }  # fmt: skip


def measured(name: str, checkpoints: Path) -> dict[str, Any]:
    """What a card tells of the log: the last validation; of a fine-tuning, also those before it, and the last
    ones of those beside it that had fewer pictures or steps.
    """
    last = said(checkpoints, "mse_mean_16")[-1]
    if name not in tune_hsc.RECIPES:
        return {MEASURED: last}
    found = {MEASURED + FADED: last}
    for before in said(checkpoints, "tuned"):
        found["before fine-tuning" + ", the decoder's scaling alone" * before["shrinks"]] = before
    for other, recipe in tune_hsc.RECIPES.items():
        log = checkpoints.parent / other / "log.jsonl"
        if other.startswith(f"{name}_") and log.exists() and "mse_mean_16" in log.read_text():
            label = f"fine-tuned with {recipe.pictures:,} pictures and {recipe.steps:,} steps"
            label += f", {recipe.moved:.0%} of a batch moved" if recipe.moved else ""
            found[label] = said(log.parent, "mse_mean_16")[-1]
    return found


def export(name: str, checkpoints: Path, zoo: Path) -> Path:
    """Write zoo/name; returns the folder."""
    folder, found = staged(zoo / name), measured(name, checkpoints)
    net, facts = load(name, checkpoints)
    export_graphs(net, folder, recipe_of(name).int8)
    coded = net.codebook is not None
    if coded:
        np.savez_compressed(folder / "codebook.npz", codewords=net.codebook.numpy())
    side = math.isqrt(net.size.pixels)
    return put_card(
        folder, GRAPHS, golden(net), ["codebook.npz"] if coded else [],
        kind="hsc", paper=PAPER, images=f"{side}x{side} grey",
        streams={"semantic": "analog"},
        network={
            "pixels": net.size.pixels, "height": side, "width": side, "reals": 2 * net.size.uses,
            "codewords": net.size.codewords,
        },
        training=training(name, checkpoints, facts),
        measured=found,
    )  # fmt: skip


def main() -> None:
    recipes = train_hsc.RECIPES | tune_hsc.RECIPES
    command(__doc__, recipes, export, load)


if __name__ == "__main__":
    main()
