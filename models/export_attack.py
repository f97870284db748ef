"""From a checkpoint of the attack to a card in the zoo, beside the codec that it was made against.

    python -m models.export_attack RECIPE [--folder checkpoints/RECIPE] [--zoo models/zoo]

Weights are stored as float16 and computed with in float32. Checks ONNX Runtime against torch, its weights
rounded alike, at two sizes before it writes the card.
"""

from pathlib import Path

import torch
from numpy.typing import NDArray
from torch import Tensor

from models.attack import Attack, batch, guessed
from models.card import read_card
from models.export import DATA
from models.exporting import (
    Part,
    check_graph,
    command,
    load_average,
    put_card,
    rounded_to_half,
    said,
    staged,
    write_graph,
)
from models.train_attack import RECIPES, ROUNDS, SNRS_DB

IMAGE, Z, SIDE, SHARES = "batch,3,64h,64w", "batch,M,8h,8w", "batch,2", "batch,M"
BASE = ("encoder.onnx", "expander.onnx", "transmitter.onnx")
"""The codec's graphs that make what is attacked."""


class Start(Part):
    def forward(self, side: Tensor) -> Tensor:
        return self.net.start(side)


class Rounds(Part):
    def forward(self, x: Tensor, sent: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
        image, logit = self.net(x, sent, side)
        return image, torch.sigmoid(logit)


GRAPHS = {
    "start": (Start, {"side": SIDE}, {"shares": SHARES}),
    "attack": (Rounds, {"x": Z, "sent": Z, "side": SIDE}, {"image": IMAGE, "likely": Z}),
}
"""Graph -> module, inputs and outputs. side: ln noise variance, reals per token / M."""


def dynamic(shapes: dict[str, str]) -> dict[str, dict[int, object]]:
    """The free axes of a graph's inputs: batch, and height and width in units of 64 pixels."""
    many, h, w = (torch.export.Dim(name, min=1, max=64) for name in ("batch", "h", "w"))
    return {name: {0: many} | ({2: 8 * h, 3: 8 * w} if s == Z else {}) for name, s in shapes.items()}


def example(m: int, shape: str, many: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    """A random input of a graph."""
    dims = (2,) if shape == SIDE else (m, 8 * h, 8 * w)
    return torch.rand(many, *dims, generator=generator)


def export_graphs(net: Attack, folder: Path) -> None:
    """Write the graphs and compare each with torch at two sizes; raises ValueError where they part."""
    m = net.size.z_channels
    for name, (module, inputs, outputs) in GRAPHS.items():
        wrapped, path = module(net).eval(), folder / f"{name}.onnx"
        generator = torch.Generator().manual_seed(1)
        args = tuple(example(m, s, 2, 2, 3, generator) for s in inputs.values())
        write_graph(wrapped, path, args, dynamic(inputs), outputs, half=True)
        for many, h, w in ((1, 1, 1), (3, 3, 2)):
            given = {n: example(m, s, many, h, w, generator) for n, s in inputs.items()}
            check_graph(wrapped, path, given, outputs)


@torch.no_grad()
def golden(net: Attack) -> dict[str, NDArray]:
    """Reals, the places guessed after all rounds, and what the graphs take and give then."""
    generator, shape = torch.Generator().manual_seed(2), (net.size.z_channels, 8, 8)
    reals, side = (
        [torch.randn(64 * 20, generator=generator)],
        torch.tensor([[-2.0, 20 / net.size.z_channels]]),
    )
    places = guessed(net, reals, side, shape, ROUNDS - 1)
    x, sent = batch(reals, places, shape)
    image, likely = Rounds(net)(x, sent, side)
    named = {"reals": reals[0], "places": places[0], "x": x, "sent": sent, "side": side}
    named |= {"shares": net.start(side), "image": image, "likely": likely}
    return {name: value.numpy() for name, value in named.items()}


def load(name: str, checkpoints: Path) -> tuple[Attack, dict]:
    """The averaged weights of a checkpoint, rounded to float16, and its facts."""
    net, facts = load_average(Attack(RECIPES[name].size), checkpoints)
    return rounded_to_half(net), facts


def export(name: str, checkpoints: Path, zoo: Path) -> Path:
    """Write zoo/name, against the codec in the same zoo; returns the folder. Raises ValueError where the
    codec trained for another number of steps than the one that was attacked.
    """
    recipe, folder = RECIPES[name], staged(zoo / name)
    base = read_card(zoo / recipe.codec, "hda_deepsc")
    began, measured = said(checkpoints, "codec_steps")[0], said(checkpoints, "psnr_guessed_0.2")[-1]
    if base.training["steps"] != began["codec_steps"]:
        rule = f"was trained against step {began['codec_steps']}, got a card of {base.training['steps']}"
        raise ValueError(f"{zoo / recipe.codec}: the attack {rule}; train it against this one's checkpoint")
    net, facts = load(name, checkpoints)
    export_graphs(net, folder)
    return put_card(
        folder, GRAPHS, golden(net),
        kind="hda_attack", paper=base.paper, images=base.images, streams={},
        base={"name": base.name, **{file: base.files[file] for file in BASE}},
        network={"rounds": ROUNDS, "snr_db_least": SNRS_DB[0], "snr_db_most": SNRS_DB[1]},
        training={
            "data": DATA, "recipe": f"models.train_attack.RECIPES[{name!r}]", "seed": recipe.seed,
            **facts, "photos": began["photos"], "hardware": "1 CPU core",
            "command": f"python -m models.train_attack {name} --codec CHECKPOINTS --data FOLDER",
        },
        measured={"held-out pictures of four crops, AWGN twin, 10 dB, bandwidth ratio 1/6": measured},
    )  # fmt: skip


def main() -> None:
    command(__doc__, RECIPES, export, load)


if __name__ == "__main__":
    main()
