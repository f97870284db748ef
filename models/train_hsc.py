"""Training of HSC's semantic codec over the error-free channel, as the paper does before anything is sent.

    python -m models.train_hsc RECIPE --data FOLDER [--minutes M]

FOLDER holds MNIST's IDX files; its first 50,000 training images are learned from, the last 10,000 of them
validate, and its test images are never read. Resumable: what a step sees depends on (seed, step) alone.

The variational lower bound, a pixel, with a Gaussian likelihood of the batch's own mean squared error:

    ln(MSE) / 2 + sum over 2k reals of (mu^2 + s^2 - 1 - ln s^2) / (2 L L)       VAE
    ln(MSE) / 2 + (|sg(mu) - u|^2 + 0.25 |mu - sg(u)|^2) / (L L)                 VQ-VAE
"""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.data import mnist_images
from models.hsc import Hsc, HscSize, normalised
from models.run import Run

LEARNED, LOG_EVERY, VALIDATE_EVERY = 50_000, 100, 1000
LEAST_USES = 8
MEASURED_USES = (16, 32, 64, 128, 256, 512)


@dataclass(frozen=True, kw_only=True)
class HscRecipe:
    """A training run: the learning rate warms up over 200 steps and falls as a cosine to 0."""

    size: HscSize
    steps: int
    seed: int = 1
    batch: int = 256
    lr: float = 5e-4
    clip: float = 1.0
    bfloat16: bool = True

    def learning_rate(self, step: int) -> float:
        return self.lr * min(1.0, (step + 1) / 200) * (1 + math.cos(math.pi * step / self.steps)) / 2


RECIPES = {
    "hsc_vae": HscRecipe(size=HscSize(), steps=24_000),
    "hsc_vq_vae": HscRecipe(size=HscSize(widths=(1024, 512, 256), codewords=256), steps=16_000),
}


def sent(net: Hsc, x: Tensor, uses: int, noise: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """What goes on the air, [B, 2 K] (a first half of the batch as its mean), and the bound's second term."""
    mean, log_variance = net.encode(x)
    kept = slice(0, 2 * uses)
    if net.codebook is not None:
        word, mean = net.nearest(mean, uses)[:, kept], mean[:, kept]
        apart = (mean.detach() - word).square().sum(1) + 0.25 * (mean - word.detach()).square().sum(1)
        straight = mean + (word - mean).detach()
        padded = torch.nn.functional.pad(straight, (0, 2 * (net.size.uses - uses)))
        return normalised(padded, uses), apart
    divergence = (mean.square() + log_variance.exp() - 1 - log_variance)[:, kept].sum(1) / 2
    z = mean
    if noise is not None:
        drawn = torch.randn(mean.shape, generator=noise) * (log_variance / 2).exp()
        sampled = (torch.arange(len(x)) >= len(x) // 2)[:, None]
        z = mean + torch.where(sampled, drawn, 0.0)
    return normalised(z, uses), divergence


def loss_of(net: Hsc, x: Tensor, uses: int, noise: torch.Generator) -> tuple[Tensor, dict]:
    z, second = sent(net, x, uses, noise)
    mse = (net.decode(z, torch.full((len(x),), uses)).float() - x).square().mean()
    loss = mse.log() / 2 + second.mean() / net.size.pixels
    return loss, {"uses": uses, "mse": round(mse.item(), 6), "second": round(second.mean().item(), 2)}


@torch.no_grad()
def validate(net: Hsc, held_out: Tensor) -> dict[str, float]:
    """Mean squared error per pixel for each k, the mean sent and a sample sent."""
    found = {}
    for uses in MEASURED_USES:
        for name, noise in (("mean", None), ("sample", torch.Generator().manual_seed(1))):
            errors = []
            for part in held_out.split(2000):
                twice = torch.cat([part, part]) if noise is not None else part
                z, _ = sent(net, twice, uses, noise)
                x_hat = net.decode(z, torch.full((len(z),), uses))[-len(part) :]
                errors.append((x_hat - part).square().mean(1))
            found[f"mse_{name}_{uses}"] = round(torch.cat(errors).mean().item(), 6)
    return found


def start_codebook(net: Hsc, images: Tensor, seed: int) -> None:
    """Codewords begin as the means of pictures drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    picked = images[torch.randperm(len(images), generator=generator)[: net.size.codewords]]
    with torch.no_grad():
        net.codebook.copy_(net.encode(picked)[0])


def train(
    recipe: HscRecipe, images: np.ndarray, folder: Path, minutes: float, stop_at: int | None = None
) -> Run:
    """Run a recipe or go on with it. images: uint8 [n, L L], those after the first 50,000 validate."""
    pixels = torch.from_numpy(images / np.float32(255))
    learned, held_out = pixels[:LEARNED], pixels[LEARNED:]
    torch.manual_seed(recipe.seed)
    net = Hsc(recipe.size)
    if net.codebook is not None:
        start_codebook(net, learned, recipe.seed)
    run = Run(net, folder)
    run.optimiser = torch.optim.Adam(net.parameters(), lr=recipe.lr, fused=True)
    if run.restore():
        run.optimiser.load_state_dict(run.saved_optimiser[1])
    else:
        run.say(parameters=sum(p.numel() for p in net.parameters()), images=len(learned))
    last = min(recipe.steps, stop_at or recipe.steps)
    while run.step < last and run.sitting < 60 * minutes:
        facts = take_step(run, recipe, learned)
        if run.step % LOG_EVERY == 0:
            run.say(**facts)
        if run.step % VALIDATE_EVERY == 0 or run.step == recipe.steps:
            run.say(**run.with_average(lambda: validate(net, held_out)))
        run.save_if_due()
    run.save()
    return run


def take_step(run: Run, recipe: HscRecipe, learned: Tensor) -> dict:
    """One batch; what it sees depends on (seed, step) alone."""
    step = run.step
    rng = np.random.default_rng((recipe.seed, 1, step))
    for group in run.optimiser.param_groups:
        group["lr"] = recipe.learning_rate(step)
    octaves = math.log2(recipe.size.uses / LEAST_USES)
    uses = round(LEAST_USES * 2 ** rng.uniform(0, octaves))
    x = learned[rng.integers(0, len(learned), recipe.batch)]
    noise = torch.Generator().manual_seed(recipe.seed * 10**7 + step)
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
        loss, facts = loss_of(run.net, x, uses, noise)
    norm = run.descend(loss, recipe.clip)
    return {"loss": round(loss.item(), 4), "norm": round(norm, 3), **facts}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("--data", type=Path, required=True, help="the folder of MNIST's IDX files")
    parser.add_argument("--folder", type=Path, help="where checkpoints and the log go (checkpoints/RECIPE)")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop, with a checkpoint, after this long")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    folder = given.folder or Path("checkpoints") / given.recipe
    train(RECIPES[given.recipe], mnist_images(given.data), folder, given.minutes)


if __name__ == "__main__":
    main()
