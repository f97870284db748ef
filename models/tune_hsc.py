"""Few-shot fine-tuning of HSC's semantic codec for a fading link, (22) of the paper: |X - X^|^2 over the twin
of the link, one Rayleigh fade a picture, SNR uniform in 0 to 5 dB.

    python -m models.tune_hsc RECIPE --data FOLDER --start checkpoints/hsc_vae [--minutes M]

Starts from a checkpoint's averaged weights or an export's .npz. Half of the batches send k = 128, the others
as training did. The decoder first scales what it received by 2k / |z^|^2 (`HscSize.shrinks`), which changes
nothing without noise. Validates with one fixed fade and noise a picture, on the last 10,000 training images.
Resumable: what a step sees depends on (seed, step) alone.
"""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.data import mnist_images
from models.exporting import load_average
from models.fading import faded
from models.hsc import Hsc, HscSize
from models.run import Run, ending_in_a_line, parsed, training_parser
from models.train_hsc import LEARNED, LEAST_USES, LOG_EVERY, HscRecipe, sent, validate

VALIDATE_EVERY = 1000
SNR_DB = (0.0, 5.0)
MEASURED_DB = (0.0, 2.5, 5.0)
MEASURED_USES = 128


@dataclass(frozen=True, kw_only=True)
class TuneRecipe(HscRecipe):
    """A fine-tuning. pictures: how many of the training images it may see; moved: the share of a batch whose
    pictures are moved at random.
    """

    size: HscSize = field(default_factory=lambda: HscSize(shrinks=True))
    lr: float = 3e-4
    pictures: int = LEARNED
    moved: float = 0.0


RECIPES = {
    "hsc_vae_faded": TuneRecipe(steps=4000),
    "hsc_vae_faded_moved": TuneRecipe(steps=4000, moved=0.5),
    "hsc_vae_faded_500": TuneRecipe(steps=600, pictures=500),
    "hsc_vae_faded_5000": TuneRecipe(steps=600, pictures=5000),
    "hsc_vae_faded_50000": TuneRecipe(steps=600),
}
"""The first is for use; the second moves half of its pictures, lest they be learned by heart; the others tell
what few pictures and few steps cost.
"""


def moved(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Square pictures [n, L L], each turned by up to 12 degrees, scaled and sheared by up to 10 %, and
    shifted by up to 1.5 pixels; bicubic, what comes in from outside is 0.
    """
    side = math.isqrt(x.shape[1])
    angle, (scale, shear) = rng.uniform(-0.21, 0.21, len(x)), rng.uniform(-0.1, 0.1, (2, len(x)))
    shift = rng.uniform(-3 / side, 3 / side, (2, len(x)))
    cos, sin = (1 + scale) * np.cos(angle), (1 + scale) * np.sin(angle)
    rows = np.stack([cos, shear * cos - sin, shift[0], sin, shear * sin + cos, shift[1]], axis=1)
    theta = torch.from_numpy(rows.reshape(-1, 2, 3).astype(np.float32))
    grid = torch.nn.functional.affine_grid(theta, (len(x), 1, side, side), align_corners=False)
    squares = x.reshape(-1, 1, side, side)
    found = torch.nn.functional.grid_sample(squares, grid, mode="bicubic", align_corners=False)
    return found.clamp(0, 1).reshape(x.shape)


def tuning_loss(
    net: Hsc, x: Tensor, uses: int, snr_db: Tensor, generator: torch.Generator
) -> tuple[Tensor, dict]:
    """|X - X^|^2 a pixel of a batch, each picture behind a fade of its own, and facts."""
    z, _ = sent(net, x, uses, generator)
    received = faded(z.float(), uses, snr_db, generator)
    mse = (net.decode(received, torch.full((len(x),), uses)).float() - x).square().mean()
    return mse, {"uses": uses, "mse": round(mse.item(), 6)}


@torch.no_grad()
def validate_faded(net: Hsc, held_out: Tensor) -> dict[str, float]:
    """Mean squared error a pixel at k = 128 (or K) by SNR, the mean sent, and without a channel."""
    uses, found = min(MEASURED_USES, net.size.uses), {}
    for snr_db in (*MEASURED_DB, None):
        generator, errors = torch.Generator().manual_seed(1), []
        for part in held_out.split(2000):
            z, _ = sent(net, part, uses, None)
            if snr_db is not None:
                z = faded(z, uses, torch.full((len(z),), snr_db), generator)
            errors.append((net.decode(z, torch.full((len(z),), uses)) - part).square().mean(1))
        name = "error_free" if snr_db is None else f"{snr_db:g}db"
        found[f"mse_{name}_{uses}"] = round(torch.cat(errors).mean().item(), 6)
    return found


def start(run: Run, weights: Path) -> None:
    """Give a run the weights of a checkpoint's folder, averaged, or of an export's .npz."""
    if weights.is_dir():
        load_average(run.net, weights)
        run.net.train()
        run.average = type(run.average)(run.net)
    else:
        run.start_from(weights, 0)


def tune(
    recipe: TuneRecipe,
    images: np.ndarray,
    weights: Path,
    folder: Path,
    minutes: float,
    stop_at: int | None = None,
) -> Run:
    """Run a recipe or go on with it. images: uint8 [n, L L], those after the first 50,000 validate."""
    pixels = torch.from_numpy(images / np.float32(255))
    learned, held_out = pixels[: min(recipe.pictures, LEARNED)], pixels[LEARNED:]
    torch.manual_seed(recipe.seed)
    run = Run(Hsc(recipe.size), folder)
    run.optimiser = torch.optim.Adam(run.net.parameters(), lr=recipe.lr, fused=True)
    if not run.restore():
        start(run, weights)
        plain = Hsc(replace(recipe.size, shrinks=False))
        plain.load_state_dict(run.net.state_dict())
        run.say(images=len(learned), tuned=False, shrinks=False, **validate_faded(plain, held_out))
        if recipe.size.shrinks:
            run.say(tuned=False, shrinks=True, **validate_faded(run.net, held_out))

    def measure() -> dict[str, float]:
        everything = validate(run.net, held_out) if run.step == recipe.steps else {}
        return everything | validate_faded(run.net, held_out)

    run.drive(
        lambda: take_step(run, recipe, learned),
        measure,
        steps=recipe.steps,
        stop_at=stop_at,
        minutes=minutes,
        log_every=LOG_EVERY,
        measure_every=VALIDATE_EVERY,
    )
    return run


def take_step(run: Run, recipe: TuneRecipe, learned: Tensor) -> dict:
    """One batch; what it sees depends on (seed, step) alone."""
    step = run.step
    rng = np.random.default_rng((recipe.seed, 2, step))
    run.learn_at(recipe.learning_rate(step))
    uses = min(MEASURED_USES, recipe.size.uses)
    if rng.random() < 0.5:
        uses = round(LEAST_USES * 2 ** rng.uniform(0, math.log2(recipe.size.uses / LEAST_USES)))
    x = learned[rng.integers(0, len(learned), recipe.batch)]
    if at := round(recipe.moved * recipe.batch):
        picked = rng.permutation(recipe.batch)[:at]
        x[picked] = moved(x[picked], rng)
    snr_db = torch.from_numpy(rng.uniform(*SNR_DB, recipe.batch))
    generator = torch.Generator().manual_seed(recipe.seed * 10**7 + step)
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
        loss, facts = tuning_loss(run.net, x, uses, snr_db, generator)
    return {"norm": round(run.descend(loss, recipe.clip), 4), **facts}


@ending_in_a_line()
def main() -> None:
    parser = training_parser(__doc__, RECIPES)
    parser.add_argument("--data", type=Path, required=True, help="the folder of MNIST's IDX files")
    parser.add_argument(
        "--start", type=Path, default=Path("checkpoints/hsc_vae"), help="a checkpoint's folder, or a .npz"
    )
    given = parsed(parser)
    tune(RECIPES[given.recipe], mnist_images(given.data), given.start, given.folder, given.minutes)


if __name__ == "__main__":
    main()
