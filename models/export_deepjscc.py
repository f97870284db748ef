"""From a checkpoint of DeepJSCC or DeepJSCC-Q to the zoo: two ONNX graphs, the constellation, a golden pair
and a card.

    python -m models.export_deepjscc RECIPE [--folder CHECKPOINT] [--zoo models/zoo] [--weights FILE.npz]

Weights are stored as float16 and computed with in float32. Checks ONNX Runtime against torch, its weights
rounded alike, at two sizes before it writes the card.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models import deepjscc_q
from models.data import VALIDATION_EVERY
from models.deepjscc import STRIDE, DeepJscc, normalised
from models.exporting import (
    Part,
    began_with,
    check_graph,
    command,
    load_average,
    put_card,
    rounded_to_half,
    said,
    staged,
    write_graph,
)
from models.train_deepjscc import RECIPES, SNR_DB

CONSTELLATION = "constellation.csv"
PAPERS = {
    False: "E. Bourtsoulatze, D. Burth Kurka, D. Gunduz: Deep Joint Source-Channel Coding for Wireless Image "
    "Transmission, IEEE TCCN 2019; attention: J. Xu et al., IEEE TCSVT 2021",
    True: "T.-Y. Tung, D. Burth Kurka, M. Jankowski, D. Gunduz: DeepJSCC-Q: Constellation Constrained Deep "
    "Joint Source-Channel Coding, IEEE JSAIT 2022",
}
"""Whether symbols are points -> who published it."""
DATA = (
    "the photos of the training folders (BSDS500, 1000 of ImageNet), every "
    f"{VALIDATION_EVERY}th for validation"
)


class Encoder(Part):
    def forward(self, image: Tensor, snr_db: Tensor) -> Tensor:
        return self.net.encode(image, snr_db)


class Decoder(Part):
    def forward(self, y: Tensor, snr_db: Tensor) -> Tensor:
        return self.net.decode(y, snr_db).clamp(0, 1)


IMAGE, SYMBOLS, SNR = "1,3,4h,4w", "1,reals,h,w", "1,1"
GRAPHS = {
    "encoder": (Encoder, {"image": IMAGE, "snr_db": SNR}, {"x": SYMBOLS}),
    "decoder": (Decoder, {"y": SYMBOLS, "snr_db": SNR}, {"image": IMAGE}),
}
"""Graph -> module, inputs and outputs, as `linksim.codecs.jscc` wants them."""


def axes(inputs: dict[str, str]) -> dict[str, dict[int, object]]:
    """The free axes of a graph's inputs: height and width, in units of 4 pixels."""
    h, w = (torch.export.Dim(name, min=1, max=2048) for name in "hw")
    scale = {IMAGE: STRIDE, SYMBOLS: 1}
    return {name: {2: scale[s] * h, 3: scale[s] * w} if s in scale else {} for name, s in inputs.items()}


@torch.no_grad()
def given(net: DeepJscc, graph: str, h: int, w: int, snr_db: float = 10.0) -> dict[str, Tensor]:
    """Inputs of a graph: a smooth picture of h x w tokens, and what goes on the air for it."""
    coarse = torch.from_numpy(np.random.default_rng(h + w).random((1, 3, h, w), np.float32))
    image = nn.functional.interpolate(coarse, scale_factor=STRIDE, mode="bicubic").clamp(0, 1)
    snr = torch.full((1, 1), snr_db)
    if graph == "encoder":
        return {"image": image, "snr_db": snr}
    x, n = net.encode(image, snr), net.size.levels
    return {"y": normalised(deepjscc_q.hard(x, n) if n else x), "snr_db": snr}


def export_graphs(net: DeepJscc, folder: Path) -> None:
    """Write the two graphs and compare each with torch at two sizes; raises ValueError where they part."""
    for name, (module, inputs, outputs) in GRAPHS.items():
        wrapped, path = module(net).eval(), folder / f"{name}.onnx"
        args = tuple(given(net, name, 10, 12).values())
        write_graph(wrapped, path, args, axes(inputs), outputs, half=True)
        for h, w in ((4, 5), (19, 21)):
            check_graph(wrapped, path, given(net, name, h, w), outputs)


def write_constellation(n: int, path: Path) -> None:
    """The n^2 points as `phy.constellation_file` reads them; labels count them."""
    points = deepjscc_q.points(n)
    bits = (len(points) - 1).bit_length()
    rows = [f"{i:0{bits}b},{p.real:.12g},{p.imag:.12g}" for i, p in enumerate(points)]
    path.write_text("\n".join(["label,re,im", *rows]) + "\n")


@torch.no_grad()
def golden(net: DeepJscc) -> dict[str, NDArray]:
    """Inputs and outputs of the graphs for one fixed picture, for whoever runs them elsewhere."""
    seen, arrived = given(net, "encoder", 8, 8), given(net, "decoder", 8, 8)
    made = {"x": net.encode(**seen), "decoded": net.decode(**arrived).clamp(0, 1)}
    return {name: value.numpy() for name, value in (seen | arrived | made).items()}


def load(name: str, checkpoints: Path) -> tuple[DeepJscc, dict]:
    """The averaged weights of a checkpoint, rounded to float16, and its facts."""
    net, facts = load_average(DeepJscc(RECIPES[name].size), checkpoints)
    return rounded_to_half(net), facts


def export(name: str, checkpoints: Path, zoo: Path) -> Path:
    """Write zoo/name; returns the folder."""
    recipe, folder = RECIPES[name], staged(zoo / name)
    measured, levels = said(checkpoints, "psnr_10_db")[-1], recipe.size.levels
    net, facts = load(name, checkpoints)
    export_graphs(net, folder)
    if levels:
        write_constellation(levels, folder / CONSTELLATION)
    return put_card(
        folder, GRAPHS, golden(net), [CONSTELLATION] if levels else [],
        kind="jscc", paper=PAPERS[bool(levels)], images="RGB of any size",
        streams={"picture": "analog"},
        network={"image_multiple": STRIDE, "token": STRIDE, "reals": recipe.size.reals},
        training={
            "data": DATA, "recipe": f"models.train_deepjscc.RECIPES[{name!r}]", "seed": recipe.seed,
            "snr_db": "{:g} to {:g}".format(*SNR_DB), **facts,
            "photos": said(checkpoints, "photos")[0]["photos"], "hardware": "1 CPU core",
            **began_with(recipe.features_from),
            "command": f"python -m models.train_deepjscc {name} --data FOLDER --data FOLDER",
        },
        measured={"held-out 256x256 crops, AWGN twin": measured},
    )  # fmt: skip


def main() -> None:
    command(__doc__, RECIPES, export, load)


if __name__ == "__main__":
    main()
