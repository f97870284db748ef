"""Training of DeepJSCC and DeepJSCC-Q, over AWGN of SNRs from 0 to 20 dB.

    python -m models.train_deepjscc RECIPE --data FOLDER [--data FOLDER ...] [--weights FILE] [--minutes M]

Every 25th photo of the folders is kept from training and validates. Resumable: what a step sees depends on
(seed, step) alone. A batch is 4 crops of 2 photos, over one SNR; the loss ln(MSE) of the batch gives all SNRs
the same weight (its gradient is that of the MSE, divided by it), plus DeepJSCC-Q's divergence. In every third
batch the encoder is told another SNR than the channel's, as a transmitter is who does not know the fade.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import deepjscc_q
from models.data import crops, load_photos, parted
from models.deepjscc import DeepJscc, Size, normalised
from models.run import WEIGHTS, Run, Schedule, ending_in_a_line, parsed, read_weights, training_parser

LOG_EVERY, VALIDATE_EVERY, MOST_HELD_OUT = 25, 250, 24
SNR_DB, MEASURED_SNRS_DB = (0.0, 20.0), (0.0, 10.0, 20.0)
MISTAKEN, MISTAKE_DB = 1 / 3, 6.0

Photos = list[NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class JsccRecipe(Schedule):
    """A training run. features_from: weights of a network without points, from which it begins."""

    size: Size
    seed: int = 1
    lr: float = 1e-4
    clip: float = 1.0
    photos: int = 2
    crops_each: int = 4
    crop: int = 128
    start_photos: int = 150
    bfloat16: bool = True
    features_from: Path | None = None


def on_points(levels: int) -> JsccRecipe:
    """DeepJSCC-Q with so many levels an axis."""
    features = WEIGHTS / "deepjscc.npz"
    return JsccRecipe(size=Size(levels=levels), steps=8500, decay=7000, features_from=features)


RECIPES = {
    "deepjscc": JsccRecipe(size=Size(), steps=20000, decay=750, again=((3000, 2e-4), (7000, 2e-4))),
    "deepjscc_q_16qam": on_points(4),
    "deepjscc_q_64qam": on_points(8),
    "deepjscc_q_256qam": on_points(16),
}


def build(recipe: JsccRecipe, photos: Photos) -> DeepJscc:
    """A network at its starting point."""
    torch.manual_seed(recipe.seed)
    net = DeepJscc(recipe.size)
    images = crops(photos, recipe.start_photos, 4, recipe.crop, (recipe.seed, 0))
    net.start(images)
    if recipe.features_from:
        net.borrow(read_weights(recipe.features_from), images)
    net.bfloat16 = recipe.bfloat16
    return net


def through_air(s: Tensor, snr_db: float, noise: torch.Generator) -> Tensor:
    """s + n, each real of n of variance N0 / 2."""
    return s + torch.randn(s.shape, generator=noise) * (10 ** (-snr_db / 10) / 2) ** 0.5


def sent(net: DeepJscc, x: Tensor, a: float | None = None) -> tuple[Tensor, Tensor]:
    """What goes on the air for x, and KL(P || uniform) where that counts. a: sharpness; None is hard."""
    n = net.size.levels
    if not n:
        return normalised(x), torch.zeros(())
    if a is None:
        return normalised(deepjscc_q.hard(x, n)), torch.zeros(())
    s, divergence = deepjscc_q.soft_to_hard(x, n, a)
    return normalised(s), divergence


def loss_of(
    net: DeepJscc, image: Tensor, snr_db: float, told_db: float, a: float, noise: torch.Generator
) -> tuple[Tensor, dict[str, float]]:
    """The loss of a batch. told_db: the SNR that the encoder is told; a: see `deepjscc_q.sharpness`."""
    snr, told = (torch.full((len(image), 1), each) for each in (snr_db, told_db))
    s, divergence = sent(net, net.encode(image, told), a)
    mse = (net.decode(through_air(s, snr_db, noise), snr) - image).square().mean()
    loss = mse.log() + deepjscc_q.DIVERGENCE_WEIGHT * divergence
    facts = {"snr_db": round(snr_db, 2), "psnr": round(-10 * mse.log10().item(), 2)}
    if net.size.levels:
        facts["divergence"] = round(divergence.item(), 4)
    return loss, facts


@torch.no_grad()
def validate(net: DeepJscc, photos: Photos) -> dict[str, float]:
    """Mean PSNR of a crop of 256 x 256 of every photo over AWGN; hard points."""
    images = [crops([photo], 1, 1, 256, (7, i)) for i, photo in enumerate(photos)]
    out = {}
    for snr_db in MEASURED_SNRS_DB:
        noise, snr, psnr = torch.Generator().manual_seed(1), torch.full((1, 1), snr_db), []
        for image in images:
            s, _ = sent(net, net.encode(image, snr))
            decoded = net.decode(through_air(s, snr_db, noise), snr).clamp(0, 1)
            psnr.append(-10 * np.log10((decoded - image).square().mean().item()))
        out[f"psnr_{snr_db:g}_db"] = round(float(np.mean(psnr)), 3)
    return out


def take_step(run: Run, recipe: JsccRecipe, photos: Photos) -> dict[str, float]:
    """One batch; what it sees depends on (seed, step) alone."""
    step = run.step
    run.learn_at(recipe.learning_rate(step))
    rng = np.random.default_rng((recipe.seed, 1, step))
    snr_db = float(rng.uniform(*SNR_DB))
    told_db = snr_db + float(rng.uniform(-MISTAKE_DB, MISTAKE_DB)) * (rng.random() < MISTAKEN)
    image = crops(photos, recipe.photos, recipe.crops_each, recipe.crop, (recipe.seed, 2, step))
    noise = torch.Generator().manual_seed(recipe.seed * 10**7 + step)
    a = deepjscc_q.sharpness(step, recipe.steps)
    loss, facts = loss_of(run.net, image, snr_db, told_db, a, noise)
    norm = run.descend(loss, recipe.clip)
    return {"loss": round(loss.item(), 4), "norm": round(norm, 3), **facts}


def train(
    recipe: JsccRecipe,
    folders: list[Path],
    folder: Path,
    minutes: float,
    *,
    stop_at: int | None = None,
    weights: Path | None = None,
) -> Run:
    """Run a recipe or go on with it, until its end, step `stop_at`, or for `minutes`.

    weights: begin with these, where the folder holds no run yet.
    """
    photos, held_out = parted(load_photos(folders, 256), MOST_HELD_OUT)
    run = Run(build(recipe, photos), folder)
    run.optimiser = torch.optim.Adam(run.net.parameters(), recipe.lr, betas=(0.9, 0.99))
    if not run.restore():
        if weights:
            run.start_from(weights, 0)
        n = sum(parameter.numel() for parameter in run.net.parameters())
        run.say(parameters=n, photos=len(photos), **validate(run.net, held_out))
    run.drive(
        lambda: take_step(run, recipe, photos),
        lambda: validate(run.net, held_out),
        steps=recipe.steps,
        stop_at=stop_at,
        minutes=minutes,
        log_every=LOG_EVERY,
        measure_every=VALIDATE_EVERY,
    )
    return run


@ending_in_a_line()
def main() -> None:
    parser = training_parser(__doc__, RECIPES)
    parser.add_argument(
        "--data", type=Path, action="append", required=True, help="a folder of training photos"
    )
    parser.add_argument("--weights", type=Path, help="begin with weights that models.export_deepjscc kept")
    given = parsed(parser)
    train(RECIPES[given.recipe], given.data, given.folder, given.minutes, weights=given.weights)


if __name__ == "__main__":
    main()
