"""Training of HSC's semantic codec over the error-free channel, as the paper does before anything is sent.

    python -m models.train_hsc RECIPE --data FOLDER [--minutes M]

FOLDER holds MNIST's IDX files; its first 50,000 training images are learned from, the last 10,000 of them
validate, and its test images are never read. Resumable: what a step sees depends on (seed, step) alone.

The variational lower bound, a pixel, with a Gaussian likelihood of the batch's own mean squared error:

    ln(MSE) / 2 + sum over 2k reals of (mu^2 + s^2 - 1 - ln s^2) / (2 L L)       VAE
    ln(MSE) / 2 + ln(E[MSE]) / 2                                                 VQ-VAE

A VQ-VAE begins as an autoencoder whose symbols are noisy. Then the codewords become the k-means of what its
encoder says. It can send 256 pictures, so each step decodes all of them: the decoder learns from the word
that is picked, the encoder from the error to be expected if word i were drawn with a probability
~ exp(-16 |mu - u_i|^2 / 2k) (soft to hard; a straight-through gradient left 21 of 256 words alive). Words
follow the means of what picks them; unused ones are put elsewhere until the last fifth of the steps.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.codebook import follow, k_means, revive
from models.data import mnist_images
from models.hsc import Hsc, HscSize, normalised
from models.run import Run, ending_in_a_line, parsed, training_parser, warm_cosine

LEARNED, LOG_EVERY, VALIDATE_EVERY = 50_000, 100, 1000
LEAST_USES = 8
HARDNESS, START_NOISE = 16.0, 0.5
START_PICTURES, START_ROUNDS = 20_000, 10
REVIVE_EVERY, REVIVE_UNTIL = 50, 0.8
MEASURED_USES = (16, 32, 64, 128, 256, 512)


@dataclass(frozen=True, kw_only=True)
class HscRecipe:
    """A training run: the learning rate warms up over 200 steps and falls as a cosine to 0 at `horizon`
    (absent: `steps`), and over the last `cooldown` steps linearly to 0 besides.

    quantised_from: the step at which a VQ-VAE gets its codebook. int8: how an export stores matrices, else as
    float16.
    """

    size: HscSize
    steps: int
    seed: int = 1
    batch: int = 256
    lr: float = 5e-4
    clip: float = 1.0
    bfloat16: bool = True
    horizon: int = 0
    cooldown: int = 0
    quantised_from: int = 0
    int8: bool = True

    def learning_rate(self, step: int) -> float:
        cool = min(1.0, (self.steps - step) / self.cooldown) if self.cooldown else 1.0
        return self.lr * cool * warm_cosine(step, self.horizon or self.steps, 200)


RECIPES = {
    "hsc_vae": HscRecipe(size=HscSize(), steps=10_000, horizon=24_000, cooldown=3600),
    "hsc_vq_vae": HscRecipe(
        size=HscSize(widths=(1024, 512, 256), codewords=256), steps=8000, lr=1e-3, quantised_from=1500
    ),
}
"""hsc_vae stops early: after 24,000 steps its error on the training pictures was 0.005, on others 0.0130 at
k = 128, where it had been 0.0116 after 10,000."""


def sent(net: Hsc, x: Tensor, uses: int, noise: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """What goes on the air, [B, 2 K] (a first half of the batch as its mean), and the bound's second term."""
    mean, log_variance = net.encode(x)
    kept = slice(0, 2 * uses)
    if net.codebook is not None:
        return normalised(net.nearest(mean, uses), uses), torch.zeros(len(x))
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


def start_loss(net: Hsc, x: Tensor, uses: int, noise: torch.Generator) -> tuple[Tensor, dict]:
    """The loss of a VQ-VAE before it has a codebook."""
    z = normalised(net.encode(x)[0].float(), uses)
    z = torch.where(z == 0, z, z + START_NOISE * torch.randn(z.shape, generator=noise))
    mse = (net.decode(z, torch.full((len(x),), uses)).float() - x).square().mean()
    return mse.log() / 2, {"uses": uses, "mse": round(mse.item(), 6)}


def quantised_loss(net: Hsc, x: Tensor, uses: int) -> tuple[Tensor, Tensor, dict]:
    """The loss of a VQ-VAE, mu [B, 2 K] that it comes from, and facts."""
    mean = net.encode(x)[0].float()
    words = net.codebook[:, : 2 * uses]
    pictures = net.decode(normalised(net.codebook, uses), torch.full((len(words),), uses)).float()
    with torch.autocast("cpu", enabled=False):
        apart = squared_distances(mean[:, : 2 * uses], words) / (2 * uses)
        errors = squared_distances(x, pictures.detach()) / net.size.pixels
    picked = apart.detach().argmin(1)
    mse = (pictures[picked] - x).square().mean()
    expected = (torch.softmax(-HARDNESS * apart, 1) * errors).sum(1).mean()
    facts = {"uses": uses, "mse": round(mse.item(), 6), "expected": round(expected.item(), 6)}
    return mse.log() / 2 + expected.log() / 2, mean.detach(), facts


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """|a_i - b_j|^2, [n, m], of a [n, D] and b [m, D]."""
    return (a.square().sum(1)[:, None] - 2 * a @ b.T + b.square().sum(1)).clamp(min=0)


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


@torch.no_grad()
def start_codebook(net: Hsc, images: Tensor, seed: int) -> None:
    """The encoder's outputs are brought to mean 0 and spread 1, and codewords begin as their k-means."""
    generator = torch.Generator().manual_seed(seed)
    drawn = images[torch.randperm(len(images), generator=generator)[:START_PICTURES]]
    said = net.encode(drawn)[0]
    offset, spread = said.mean(0), said.std(0).mean()
    net.mean.bias.sub_(offset)
    net.mean.weight.div_(spread)
    net.mean.bias.div_(spread)
    net.codebook.copy_(k_means((said - offset) / spread, net.size.codewords, START_ROUNDS, generator))


def tend_codebook(net: Hsc, recipe: HscRecipe, step: int, mean: Tensor, uses: int) -> dict:
    """The codebook after a step: it follows mu [B, 2 K], and unused words are revived."""
    follow(net.codebook, net.share, mean, net.picked(mean, uses))
    if step % REVIVE_EVERY or step >= REVIVE_UNTIL * recipe.steps:
        return {}
    generator = torch.Generator().manual_seed(recipe.seed * 10**7 + step)
    return {"revived": revive(net.codebook, net.share, mean, generator)}


def train(
    recipe: HscRecipe, images: np.ndarray, folder: Path, minutes: float, stop_at: int | None = None
) -> Run:
    """Run a recipe or go on with it. images: uint8 [n, L L], those after the first 50,000 validate."""
    pixels = torch.from_numpy(images / np.float32(255))
    learned, held_out = pixels[:LEARNED], pixels[LEARNED:]
    torch.manual_seed(recipe.seed)
    net = Hsc(recipe.size)
    run = Run(net, folder)
    run.optimiser = torch.optim.Adam(net.parameters(), lr=recipe.lr, fused=True)
    if not run.restore():
        run.say(parameters=sum(p.numel() for p in net.parameters()), images=len(learned))
    run.drive(
        lambda: take_step(run, recipe, learned),
        lambda: validate(net, held_out),
        steps=recipe.steps,
        stop_at=stop_at,
        minutes=minutes,
        log_every=LOG_EVERY,
        measure_every=VALIDATE_EVERY,
    )
    return run


def take_step(run: Run, recipe: HscRecipe, learned: Tensor) -> dict:
    """One batch; what it sees depends on (seed, step) alone."""
    step = run.step
    rng = np.random.default_rng((recipe.seed, 1, step))
    run.learn_at(recipe.learning_rate(step))
    octaves = math.log2(recipe.size.uses / LEAST_USES)
    uses = round(LEAST_USES * 2 ** rng.uniform(0, octaves))
    x = learned[rng.integers(0, len(learned), recipe.batch)]
    noise = torch.Generator().manual_seed(recipe.seed * 10**7 + step)
    words, mean = run.net.codebook, None
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
        if words is not None and step >= recipe.quantised_from:
            loss, mean, facts = quantised_loss(run.net, x, uses)
        elif words is None:
            loss, facts = loss_of(run.net, x, uses, noise)
        else:
            loss, facts = start_loss(run.net, x, uses, noise)
    norm = run.descend(loss, recipe.clip)
    if mean is not None:
        facts |= tend_codebook(run.net, recipe, run.step, mean, uses)
    elif words is not None and run.step == recipe.quantised_from:
        start_codebook(run.net, learned, recipe.seed)
    return {"loss": round(loss.item(), 4), "norm": round(norm, 3), **facts}


@ending_in_a_line()
def main() -> None:
    parser = training_parser(__doc__, RECIPES)
    parser.add_argument("--data", type=Path, required=True, help="the folder of MNIST's IDX files")
    given = parsed(parser)
    train(RECIPES[given.recipe], mnist_images(given.data), given.folder, given.minutes)


if __name__ == "__main__":
    main()
