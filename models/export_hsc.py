"""From a checkpoint of HSC's semantic codec to the zoo: two ONNX graphs, the codebook of a VQ-VAE, a golden
pair and a card.

    python -m models.export_hsc RECIPE [--folder checkpoints/RECIPE] [--zoo models/zoo] [--weights FILE.npz]

Weights are stored as float16 and computed with in float32. Checks ONNX Runtime against torch, its weights
rounded alike, at two batch sizes before it writes the card.
"""

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.card import Card, sha256, write_card
from models.exporting import check_graph, command, load_average, rounded_to_half, said, write_graph
from models.hsc import Hsc, normalised
from models.train_hsc import LEARNED, RECIPES

BATCHES = (1, 37)
DATA = f"MNIST, the first {LEARNED:,} training images"
MEASURED = "MSE a pixel over the error-free channel for k uses, the last 10,000 training images"
PAPER = (
    "H. Nam, J. Park, J. Choi, S.-L. Kim: Hybrid Semantic-Complementary Transmission for High-Fidelity Image "
    "Reconstruction"
)


class Encoder(nn.Module):
    def __init__(self, net: Hsc) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.net.encode(image)


class Decoder(Encoder):
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


def export_graphs(net: Hsc, folder: Path) -> None:
    """Write the two graphs and compare each with torch; raises ValueError where they part."""
    free = torch.export.Dim("batch", min=1, max=1 << 16)
    for name, (module, inputs, outputs) in GRAPHS.items():
        wrapped, path = module(net).eval(), folder / f"{name}.onnx"
        generator = torch.Generator().manual_seed(1)
        args = tuple(example(net, each, 2, generator) for each in inputs)
        write_graph(wrapped, path, args, {each: {0: free} for each in inputs}, outputs, half=True)
        for batch in BATCHES:
            given = {each: example(net, each, batch, generator) for each in inputs}
            check_graph(wrapped, path, given, outputs)


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


def load(name: str, checkpoints: Path) -> tuple[Hsc, dict]:
    """The averaged weights of a checkpoint, rounded to float16, and its facts."""
    net, facts = load_average(Hsc(RECIPES[name].size), checkpoints)
    return rounded_to_half(net), facts


def export(name: str, checkpoints: Path, zoo: Path) -> Path:
    """Write zoo/name; returns the folder."""
    folder, seed = zoo / name, RECIPES[name].seed
    measured = said(checkpoints, "mse_mean_16")[-1]
    net, facts = load(name, checkpoints)
    folder.mkdir(parents=True, exist_ok=True)
    export_graphs(net, folder)
    np.savez_compressed(folder / "golden.npz", **golden(net))
    files = [*(f"{graph}.onnx" for graph in GRAPHS), "golden.npz"]
    if net.codebook is not None:
        np.savez_compressed(folder / "codebook.npz", codewords=net.codebook.detach().numpy())
        files.append("codebook.npz")
    side = math.isqrt(net.size.pixels)
    write_card(
        Card(
            name=name, kind="hsc", version=1, paper=PAPER, images=f"{side}x{side} grey",
            streams={"semantic": "analog"},
            files={file: sha256(folder / file) for file in files},
            graphs={g: {"inputs": i, "outputs": o} for g, (_, i, o) in GRAPHS.items()},
            network={
                "pixels": net.size.pixels, "height": side, "width": side, "reals": 2 * net.size.uses,
                "codewords": net.size.codewords,
            },
            training={
                "data": DATA, "recipe": f"models.train_hsc.RECIPES[{name!r}]", "seed": seed, **facts,
                "images": said(checkpoints, "images")[0]["images"], "hardware": "2 CPU cores",
                "command": f"python -m models.train_hsc {name} --data FOLDER",
            },
            measured={MEASURED: measured},
        ),
        folder,
    )  # fmt: skip
    return folder


def main() -> None:
    command(__doc__, RECIPES, export, lambda name, checkpoints: load(name, checkpoints)[0])


if __name__ == "__main__":
    main()
