"""From a checkpoint to a codec in the zoo: four ONNX graphs, integer entropy tables, a golden pair and a
card.

    python -m models.export RECIPE [--folder checkpoints/RECIPE] [--zoo models/zoo]

Weights of the networks beside the linear paths are stored as int8 with a scale a row, all others as float16;
they are computed with in float32. Checks ONNX Runtime against torch, its weights
rounded alike, at two sizes before it writes the card.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import twin
from models.exporting import (
    Part,
    began_with,
    check_graph,
    command,
    load_average,
    put_card,
    rounded_to_half,
    rounded_to_int8,
    said,
    staged,
    write_graph,
)
from models.hda_deepsc import (
    ACTIVITY_CHANNELS,
    ACTIVITY_LOG2_STEP,
    ACTIVITY_SLOPE,
    LOG2_STEP_FIRST,
    HdaDeepsc,
    Known,
)
from models.recipes import RECIPES
from models.semantic import STRIDE

STEPS_PER_OCTAVE, N_STEPS = 16, 128
IMAGE_MULTIPLE = 64
TOTAL = 1 << 16
"""Every integer distribution sums to this."""
TAIL = 2.0**-15
DATA = "BSDS500 train and test (400 photos), 1000 ImageNet photos, one a class; every 25th for validation"
PAPER = "H. Xie, Z. Qin, Z. Han, K. B. Letaief: Hybrid Digital-Analog Semantic Communications, IEEE JSAC 2025"


class Encoder(Part):
    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.net.encode(image)


class Expander(Part):
    def forward(self, z_d: Tensor, side: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        known = self.net.known(z_d, side)
        return known.z_tilde, known.log_gain, known.log_variance


class Transmitter(Part):
    def forward(self, z: Tensor, z_tilde: Tensor, log_gain: Tensor) -> Tensor:
        return self.net.modulate(z, z_tilde, log_gain)


class Decoder(Part):
    def forward(
        self, z_tilde: Tensor, log_gain: Tensor, log_variance: Tensor, side: Tensor, x: Tensor, noise: Tensor
    ) -> Tensor:
        known = Known(z_tilde=z_tilde, log_gain=log_gain, log_variance=log_variance, side=side)
        return self.net.picture(known, *self.net.fuse(known, x, noise))


IMAGE, Z, Z_D, SIDE = "batch,3,64h,64w", "batch,M,8h,8w", "batch,D,2h,2w", "batch,3"
KNOWN = {"z_tilde": Z, "log_gain": Z, "log_variance": Z}
GRAPHS = {
    "encoder": (Encoder, {"image": IMAGE}, {"z": Z, "z_d": Z_D}),
    "expander": (Expander, {"z_d": Z_D, "side": SIDE}, KNOWN),
    "transmitter": (Transmitter, {"z": Z, "z_tilde": Z, "log_gain": Z}, {"x": Z}),
    "decoder": (Decoder, KNOWN | {"side": SIDE, "x": Z, "noise": Z}, {"image": IMAGE}),
}
"""Graph -> module, inputs and outputs. M, D: channels; side: log2 step, log2 design noise variance, reals per
token / M.
"""


def dynamic(shapes: dict[str, str]) -> dict[str, dict[int, object]]:
    """The free axes of a graph's inputs: batch, and height and width in units of 64 pixels."""
    batch, h, w = (
        torch.export.Dim("batch", min=1, max=64),
        torch.export.Dim("h", min=1, max=64),
        torch.export.Dim("w", min=1, max=64),
    )
    scale = {IMAGE: 64, Z: 8, Z_D: 2}
    return {
        n: {0: batch} | ({2: scale[s] * h, 3: scale[s] * w} if s in scale else {}) for n, s in shapes.items()
    }


def example(size, shape: str, batch: int, h: int, w: int, generator: torch.Generator) -> Tensor:
    """A random input of a graph."""
    dims = {
        IMAGE: (3, 64 * h, 64 * w),
        Z: (size.z_channels, 8 * h, 8 * w),
        Z_D: (size.z_d_channels, 2 * h, 2 * w),
        SIDE: (3,),
    }
    return torch.rand(batch, *dims[shape], generator=generator)


def export_graphs(net: HdaDeepsc, folder: Path) -> None:
    """Write the graphs and compare each with torch at two sizes; raises ValueError where they part."""
    for name, (module, inputs, outputs) in GRAPHS.items():
        wrapped, path = module(net).eval(), folder / f"{name}.onnx"
        generator = torch.Generator().manual_seed(1)
        args = tuple(example(net.size, s, 2, 2, 3, generator) for s in inputs.values())
        write_graph(wrapped, path, args, dynamic(inputs), outputs, half=True, int8=True)
        for batch, h, w in ((1, 1, 1), (3, 3, 2)):
            given = {n: example(net.size, s, batch, h, w, generator) for n, s in inputs.items()}
            check_graph(wrapped, path, given, outputs)


def golden(net: HdaDeepsc) -> dict[str, NDArray]:
    """Inputs and outputs of the graphs on one fixed picture, for whoever runs them elsewhere."""
    rng = np.random.default_rng(1)
    coarse = torch.from_numpy(rng.random((1, 3, 8, 8), np.float32))
    image = torch.nn.functional.interpolate(coarse, size=IMAGE_MULTIPLE, mode="bicubic").clamp(0, 1)
    side = torch.tensor([[NOMINAL_LOG2_STEP, -3.0, 0.4]])
    with torch.no_grad():
        z, z_d = net.encode(image)
        known = net.known(z_d, side)
        x = net.modulate(z, known.z_tilde, known.log_gain)
        noise = torch.full_like(x, 0.1)
        decoded = net.picture(known, *net.fuse(known, x, noise))
    named = {name: getattr(known, name) for name in KNOWN}
    named |= {"image": image, "side": side, "z": z, "z_d": z_d, "x": x, "noise": noise, "decoded": decoded}
    return {name: value.numpy() for name, value in named.items()}


def integer_frequencies(p: NDArray[np.float64]) -> NDArray[np.int64]:
    """Positive integers that sum to TOTAL, proportional to p as nearly as the largest remainders allow."""
    room = TOTAL - len(p)
    scaled = p / p.sum() * room
    floor = np.floor(scaled).astype(np.int64)
    largest = np.argsort(-(scaled - floor), kind="stable")[: room - floor.sum()]
    floor[largest] += 1
    return floor + 1


@torch.no_grad()
def entropy_tables(net: HdaDeepsc) -> dict[str, NDArray]:
    """Integer distributions of q = z_D / step for every (step, channel).

    start: int64 [steps, channels + ...] index of the first frequency; low: the first symbol; frequency:
    uint16-sized integers in int32, those of one (step, channel) sum to TOTAL and end with the escape's.
    """
    starts, lows, frequencies, at = [], [], [], 0
    scale = net.density.scale.double()
    density = net.density.double()
    reach = 40.0
    for i in range(N_STEPS):
        step = 2.0 ** (LOG2_STEP_FIRST + i / STEPS_PER_OCTAVE)
        widest = int(np.ceil(float(scale.max()) * reach / step)) + 1
        q = torch.arange(-widest, widest + 1, dtype=torch.float64)
        steps = net.steps(torch.tensor(step, dtype=torch.float64))
        p = density.probability(q * steps[:, None], steps).numpy()
        for channel in p:
            likely = np.flatnonzero(channel >= TAIL)
            first, last = (likely[0], likely[-1]) if len(likely) else (widest, widest)
            kept = channel[first : last + 1]
            counts = integer_frequencies(np.append(kept, max(1 - kept.sum(), TAIL)))
            starts.append(at)
            lows.append(int(first) - widest)
            frequencies.append(counts)
            at += len(counts)
    net.density.float()
    shape = (N_STEPS, net.size.z_d_channels)
    return {
        "start": np.append(starts, at).astype(np.int32),
        "low": np.asarray(lows, np.int32).reshape(shape),
        "frequency": np.concatenate(frequencies).astype(np.uint16),
    }


NOMINAL = twin.conditions(da_ratio=0.2, bandwidth_ratio=1 / 6, design_snr_db=10, snr_db=10)
NOMINAL_LOG2_STEP = -1.0


@torch.no_grad()
def nominal_log2_power(net: HdaDeepsc) -> float:
    """log2 of the analog power E[x^2] that the gains expect where z~ = 0: for a receiver that lost the
    header.
    """
    side = torch.tensor([[NOMINAL_LOG2_STEP, -np.log2(10), NOMINAL.reals / net.size.z_channels]])
    known = net.known(torch.zeros(1, net.size.z_d_channels, 2, 2), side.float())
    sent = twin.sent_mask(known.log_variance, NOMINAL.reals) > 0
    return float((2 * known.log_gain + known.log_variance).exp()[sent].mean().log2())


NETWORKS = ("semantic_encoder", "semantic_decoder", "hyper_encoder", "hyper_decoder")
"""Parts that are a linear path and a `network` beside it, whose rounding is seen least."""


def compact(net: HdaDeepsc) -> HdaDeepsc:
    """The network with the matrices beside its linear paths rounded to int8."""
    for name in NETWORKS:
        rounded_to_int8(getattr(net, name).network)
    return net


def load(name: str, checkpoints: Path) -> tuple[HdaDeepsc, dict]:
    """The averaged weights of a checkpoint, rounded to float16, and its facts."""
    net, facts = load_average(HdaDeepsc(RECIPES[name].size), checkpoints)
    return rounded_to_half(net), facts


def export(name: str, checkpoints: Path, zoo: Path) -> Path:
    """Write zoo/name; returns the folder."""
    recipe, folder = RECIPES[name], staged(zoo / name)
    measured = said(checkpoints, "psnr_10_db")[-1]
    over = f"held-out 256x256 crops, AWGN twin, DA ratio {recipe.main_da_ratio:g}, bandwidth ratio 1/6"
    net, facts = load(name, checkpoints)
    compact(net)
    export_graphs(net, folder)
    np.savez_compressed(folder / "entropy.npz", **entropy_tables(net))
    return put_card(
        folder, GRAPHS, golden(net), ["entropy.npz"],
        kind="hda_deepsc", paper=PAPER, images="RGB of any size",
        streams={"essential": "digital", "auxiliary": "analog"},
        network={
            "image_multiple": IMAGE_MULTIPLE, "token": STRIDE, "z_channels": recipe.size.z_channels,
            "z_d_channels": recipe.size.z_d_channels, "log2_step_first": LOG2_STEP_FIRST,
            "steps_per_octave": STEPS_PER_OCTAVE, "n_steps": N_STEPS,
            "nominal_step": round((NOMINAL_LOG2_STEP - LOG2_STEP_FIRST) * STEPS_PER_OCTAVE),
            "nominal_log2_power": nominal_log2_power(net),
            "activity_channels": ACTIVITY_CHANNELS, "activity_log2_step": ACTIVITY_LOG2_STEP,
            "activity_slope": ACTIVITY_SLOPE,
        },
        training={
            "data": DATA,
            "recipe": f"models.recipes.RECIPES[{name!r}]", "seed": recipe.seed, **facts,
            **began_with(recipe.features_from),
            "hardware": "1 CPU core",
            "photos": said(checkpoints, "photos")[0]["photos"],
            "command": f"python -m models.train {name} --data FOLDER",
        },
        measured={over: measured},
    )  # fmt: skip


def main() -> None:
    command(__doc__, RECIPES, export, load)


if __name__ == "__main__":
    main()
