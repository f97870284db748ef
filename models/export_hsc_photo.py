"""From a checkpoint of HSC's semantic codec for photographs to the zoo: two ONNX graphs, a golden pair and a
card.

    python -m models.export_hsc_photo RECIPE [--folder CHECKPOINT] [--zoo models/zoo] [--weights FILE.npz]

Matrices are stored as int8 with a float32 scale a row, other weights as float16; the graphs compute in
float32. Checks ONNX Runtime against torch, its weights rounded alike, at two batch sizes before it writes the
card.
"""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.data import VALIDATION_EVERY
from models.export_hsc import BATCH, IMAGE, PAPER, REALS, Encoder
from models.exporting import command, export_batches, load_average, put_card, rounded_to_int8, said, staged
from models.hsc import normalised
from models.hsc_photo import HscPhoto
from models.train_hsc_photo import RECIPES

BATCHES, GRAIN = (1, 3), 1 << 13
DATA = (
    "the photos of the training folders (1000 of ImageNet, BSDS500 train), without every "
    f"{VALIDATION_EVERY}th"
)
MEASURED = (
    "MSE a sample over the error-free channel for k uses, the mean or a sample sent, and over AWGN, of the "
    f"middle of every {VALIDATION_EVERY}th photo"
)


class Decoder(Encoder):
    def forward(self, z: Tensor, uses: Tensor) -> Tensor:
        return self.net.decode(z, uses).clamp(0, 1)


GRAPHS = {
    "encoder": (Encoder, {"image": IMAGE}, {"mean": REALS, "log_variance": REALS}),
    "decoder": (Decoder, {"z": REALS, "uses": BATCH}, {"image": IMAGE}),
}
"""Graph -> module, inputs and outputs, all float32, as `models.export_hsc` has them; pixels: H W 3, colours
innermost.
"""


def pictures(net: HscPhoto, batch: int, seed: int) -> Tensor:
    """Smooth colour pictures [batch, pixels] in [0, 1]."""
    coarse = torch.from_numpy(np.random.default_rng(seed).random((batch, 3, 9, 9), np.float32))
    fine = nn.functional.interpolate(coarse, size=net.size.side, mode="bicubic").sub(0.5).mul(2).add(0.5)
    return fine.clamp(0, 1).permute(0, 2, 3, 1).reshape(batch, -1)


@torch.no_grad()
def given(net: HscPhoto, graph: str, batch: int) -> dict[str, Tensor]:
    """Inputs of a graph: pictures, and what the encoder makes of them for few uses, more, all."""
    image = pictures(net, batch, batch)
    if graph == "encoder":
        return {"image": image}
    uses = [max(net.size.uses >> (4 * i % 12), 1) for i in range(batch)]
    mean, _ = net.encode(image)
    z = torch.cat([normalised(row[None], k) for row, k in zip(mean, uses, strict=True)])
    return {"z": z, "uses": torch.tensor(uses, dtype=torch.float32)}


def export_graphs(net: HscPhoto, folder: Path) -> None:
    """Write the two graphs and compare each with torch; raises ValueError where they part."""
    export_batches(net, folder, GRAPHS, partial(given, net), BATCHES, int8=True, most=1 << 10)


@torch.no_grad()
def golden(net: HscPhoto) -> dict[str, NDArray]:
    """Inputs and outputs of the graphs for one fixed picture of blocks and all uses, in few bits."""
    side = net.size.side
    blocks = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (8, 8, 3)))
    image = blocks.repeat_interleave(side // 8, 0).repeat_interleave(side // 8, 1).reshape(1, -1) / 255
    mean, log_variance = net.encode(image)
    z = normalised(mean, net.size.uses)
    told = torch.tensor([float(net.size.uses)])
    decoded = net.decode(z, told).clamp(0, 1).mul(GRAIN).round() / GRAIN
    named = {"image": image, "mean": mean, "log_variance": log_variance, "z": z, "uses": told}
    return {name: value.numpy() for name, value in (named | {"decoded": decoded}).items()}


def load(name: str, checkpoints: Path) -> tuple[HscPhoto, dict]:
    """The averaged weights of a checkpoint, rounded as they are stored, and its facts."""
    net, facts = load_average(HscPhoto(RECIPES[name].size), checkpoints)
    return rounded_to_int8(net), facts


def export(name: str, checkpoints: Path, zoo: Path) -> Path:
    """Write zoo/name; returns the folder."""
    folder, recipe = staged(zoo / name), RECIPES[name]
    size = recipe.size
    measured = said(checkpoints, f"mse_mean_{size.uses}")[-1]
    net, facts = load(name, checkpoints)
    export_graphs(net, folder)
    return put_card(
        folder, GRAPHS, golden(net),
        kind="hsc", paper=PAPER, images=f"{size.side}x{size.side} colour",
        streams={"semantic": "analog"},
        network={
            "pixels": size.pixels, "height": size.side, "width": size.side, "channels": 3,
            "reals": 2 * size.uses, "codewords": 0,
        },
        training={
            "data": DATA, "recipe": f"models.train_hsc_photo.RECIPES[{name!r}]", "seed": recipe.seed,
            "divergence_weight": recipe.divergence, **facts,
            "images": said(checkpoints, "images")[0]["images"], "hardware": "1 CPU core",
            "command": f"python -m models.train_hsc_photo {name} --data FOLDER --data FOLDER",
        },
        measured={MEASURED: measured},
    )  # fmt: skip


def main() -> None:
    command(__doc__, RECIPES, export, load)


if __name__ == "__main__":
    main()
