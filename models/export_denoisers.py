"""From a checkpoint of a denoiser to the zoo: its ONNX graph, what it gains, a golden pair and a card.

    python -m models.export_denoisers RECIPE [--folder checkpoints/RECIPE] [--zoo models/zoo]

The card names the codec whose symbols it was trained on and the checksums of that one's files, as
`linksim.symbols` wrote them down. Weights are stored as float16. Checks ONNX Runtime against torch at two
sizes before it writes the card.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.diffsdnet import SNR_DB, SymbolDenoiser
from models.dncnn import Dncnn
from models.export import DATA, PAPER
from models.exporting import (
    check_graph,
    command,
    load_average,
    put_card,
    rounded_to_half,
    said,
    staged,
    write_graph,
)
from models.train_denoisers import RECIPES, VALIDATED_DB, build, noised

SYMBOLS = "batch,C,2h,2w"
INPUTS, OUTPUTS = {"x": SYMBOLS, "noise": SYMBOLS}, {"eps": SYMBOLS}
"""C: channels of z that are sent; x of unit mean power, noise per real, negative where none was sent."""
CHECKED = ((1, 4, 6), (3, 12, 8))
"""(batch, h, w) at which ONNX Runtime and torch are compared."""
MEASURED = "dB of squared error of pixels gained on the Gaussian estimate in one step, held-out crops, by SNR"


def example(channels: int, batch: int, h: int, w: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Reals of unit power with noise of some level, the last row of the last channel not sent."""
    x = torch.randn(batch, channels, h, w, generator=generator)
    x[:, -1, -1] = torch.nan
    low, high = SNR_DB
    snr_db = low + (high - low) * torch.rand(batch, generator=generator)
    received, noise, _ = noised(x, snr_db, generator)
    return {"x": received, "noise": noise}


def export_graph(net: SymbolDenoiser, path: Path) -> None:
    """Write the graph and compare it with torch at two sizes; raises ValueError where they part."""
    generator, channels = torch.Generator().manual_seed(1), len(net.variance)
    free = {0: torch.export.Dim("batch", min=1, max=64)}
    for axis, name in ((2, "h"), (3, "w")):
        free[axis] = 2 * torch.export.Dim(name, min=1, max=512)
    args = tuple(example(channels, 2, 8, 10, generator).values())
    write_graph(net, path, args, {name: free for name in INPUTS}, OUTPUTS, half=True)
    for size in CHECKED:
        check_graph(net, path, example(channels, *size, generator), OUTPUTS)


@torch.no_grad()
def golden(net: SymbolDenoiser) -> dict[str, NDArray]:
    """The graph's inputs and output, for whoever runs it elsewhere."""
    given = example(len(net.variance), 2, 8, 8, torch.Generator().manual_seed(2))
    return {name: value.numpy() for name, value in {**given, "eps": net(**given)}.items()}


def load(name: str, checkpoints: Path) -> tuple[SymbolDenoiser, dict]:
    """The averaged weights of a checkpoint, as they are exported, rounded to float16, and its facts."""
    channels = len(said(checkpoints, "channel")[0]["channel"])
    net, facts = load_average(build(RECIPES[name], torch.ones(channels)), checkpoints)
    net.bfloat16 = False
    if isinstance(net.network, Dncnn):
        net.network.fold()
    return rounded_to_half(net), facts


def export(name: str, checkpoints: Path, zoo: Path) -> Path:
    """Write zoo/name; returns the folder."""
    folder, recipe = staged(zoo / name), RECIPES[name]
    began, measured = said(checkpoints, "channel")[0], said(checkpoints, "gain_0_db")[-1]
    net, facts = load(name, checkpoints)
    export_graph(net, folder / "denoiser.onnx")
    channel = np.asarray(began["channel"], np.int32)
    left = [10 ** (-measured[f"gain_{db:g}_db"] / 10) for db in VALIDATED_DB]
    np.savez_compressed(folder / "prior.npz", channel=channel, snr_db=VALIDATED_DB, left=left)
    return put_card(
        folder, {"denoiser": (None, INPUTS, OUTPUTS)}, golden(net), ["prior.npz"],
        kind="denoiser", paper=PAPER,
        images=f"symbols of {began['card']}", streams={},
        base={"name": began["card"], **began["files"]},
        network={"z_channels": began["z_channels"], "reals_per_token": began["reals_per_token"]},
        training={
            "data": DATA, "recipe": f"models.train_denoisers.RECIPES[{name!r}]", "seed": recipe.seed,
            **facts, "ratio": began["ratio"], "photos": began["photos"], "hardware": "1 CPU core",
            "command": f"python -m models.train_denoisers {name} --symbols FILE",
        },
        measured={MEASURED: measured},
    )  # fmt: skip


def main() -> None:
    command(__doc__, RECIPES, export, load)


if __name__ == "__main__":
    main()
