"""Training of HSC's semantic codec for colour photographs, over the error-free channel and over AWGN at once.

    python -m models.train_hsc_photo RECIPE --data FOLDER [--data FOLDER ...] [--minutes M]

Every 25th photo of the folders is kept from training and validates. Resumable: what a step sees depends on
(seed, step) alone.

A batch's first half is sent as its mean over the error-free channel, the second half as a sample over AWGN of
an SNR drawn for the batch. The variational lower bound, divided by 3 H W, with a Gaussian likelihood of each
half's own mean squared error, and the recipe's weight b of the divergence:

    (ln MSE_1 + ln MSE_2) / 4 + b sum over 2k reals of (mu^2 + s^2 - 1 - ln s^2) / (2 * 3 H W)
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from models.data import load_photos, parted
from models.hsc import normalised
from models.hsc_photo import HscPhoto, PhotoSize
from models.run import Run, ending_in_a_line, parsed, training_parser, warm_cosine
from models.semantic import Trunk

LOG_EVERY, VALIDATE_EVERY = 50, 250
LEAST_USES = 64
SNR_DB = (-5.0, 20.0)
MEASURED_USES = (128, 512, 2048)
MEASURED_SNRS_DB = (0.0, 10.0)
VECTORS_SHARE = 0.1
STARTED_ON, SPREAD = 512, 4e-3
"""Crops whose variances the start takes; the variance that a sample adds to a coefficient then."""

Photos = list[NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class PhotoRecipe:
    """A training run: the learning rate warms up over 100 steps and falls as a cosine to 0."""

    size: PhotoSize
    steps: int
    seed: int = 1
    batch: int = 8
    lr: float = 4e-4
    clip: float = 1.0
    divergence: float = 1.0
    bfloat16: bool = True

    def learning_rate(self, step: int) -> float:
        return self.lr * warm_cosine(step, self.steps, 100)


RECIPES = {"hsc_photo": PhotoRecipe(size=PhotoSize(), steps=2200)}


def crop(photo: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A square of a photo, `side` to the photo's own size, brought to `side`; flipped half the time."""
    most = min(photo.shape[:2])
    window = round(side * (most / side) ** rng.random())
    y, x = (int(rng.integers(0, n - window + 1)) for n in photo.shape[:2])
    cut = photo[y : y + window, x : x + window]
    if window > side:
        resized = Image.fromarray(cut).resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
        cut = np.asarray(resized)
    return cut[:, ::-1] if rng.random() < 0.5 else cut


def crops(photos: Photos, n: int, side: int, key: tuple[int, ...]) -> Tensor:
    """n crops [n, side * side * 3] in [0, 1] of photos drawn at random."""
    rng = np.random.default_rng(key)
    cut = [crop(photos[i], side, rng) for i in rng.integers(0, len(photos), n)]
    return torch.from_numpy(np.stack(cut).reshape(n, -1)).float() / 255


def middles(photos: Photos, side: int) -> Tensor:
    """The middle of every photo at its own scale, [n, side * side * 3] in [0, 1]."""
    corners = [tuple((n - side) // 2 for n in photo.shape[:2]) for photo in photos]
    cut = [photo[y : y + side, x : x + side] for photo, (y, x) in zip(photos, corners, strict=True)]
    return torch.from_numpy(np.stack(cut).reshape(len(cut), -1)).float() / 255


def divergence(mean: Tensor, log_variance: Tensor, uses: int) -> Tensor:
    """Of N(mean, s^2) from N(0, 1), summed over the first 2k reals: [B]."""
    each = mean.square() + log_variance.exp() - 1 - log_variance
    return each[:, : 2 * uses].sum(1) / 2


def sampled(mean: Tensor, log_variance: Tensor, noise: torch.Generator) -> Tensor:
    """mean + e s."""
    return mean + torch.randn(mean.shape, generator=noise) * (log_variance / 2).exp()


def through_air(z: Tensor, uses: int, snr_db: float, noise: torch.Generator) -> Tensor:
    """z + n in the first 2k reals, whose mean power is 1. snr_db: Es/N0."""
    n = torch.randn(z.shape, generator=noise) * 10 ** (-snr_db / 20)
    return z + torch.where(torch.arange(z.shape[1]) < 2 * uses, n, 0.0)


def loss_of(
    net: HscPhoto, x: Tensor, uses: int, snr_db: float, weight: float, noise: torch.Generator
) -> tuple[Tensor, dict]:
    """The bound of a batch whose halves go as the module tells."""
    half = len(x) // 2
    mean, log_variance = net.encode(x)
    sample = sampled(mean[half:], log_variance[half:], noise)
    z = normalised(torch.cat([mean[:half], sample]), uses)
    y = torch.cat([z[:half], through_air(z[half:], uses, snr_db, noise)])
    x_hat = net.decode(y, torch.full((len(x),), uses))
    clean, noisy = ((x_hat - x).square()[part].mean() for part in (slice(half), slice(half, None)))
    second = divergence(mean, log_variance, uses).mean()
    loss = (clean.log() + noisy.log()) / 4 + weight * second / net.size.pixels
    facts = {"uses": uses, "snr_db": round(snr_db, 2), "mse": round(clean.item(), 6)}
    return loss, facts | {"mse_noisy": round(noisy.item(), 6), "divergence": round(second.item(), 1)}


@torch.no_grad()
def validate(net: HscPhoto, held_out: Tensor) -> dict[str, float]:
    """Mean squared error a sample for each k over the error-free channel, the mean and a sample sent, and of
    samples of the largest k over AWGN.
    """
    largest = net.size.uses
    measured = sorted({min(uses, largest) for uses in MEASURED_USES})
    cases = {f"mse_{how}_{k}": (how, k, None) for k in measured for how in ("mean", "sample")}
    cases |= {f"mse_{snr:g}_db_{largest}": ("sample", largest, snr) for snr in MEASURED_SNRS_DB}
    noise = torch.Generator().manual_seed(1)
    errors: dict[str, list[Tensor]] = {name: [] for name in cases}
    for part in held_out.split(8):
        mean, log_variance = net.encode(part)
        for name, (how, uses, snr) in cases.items():
            z = normalised(mean if how == "mean" else sampled(mean, log_variance, noise), uses)
            y = z if snr is None else through_air(z, uses, snr, noise)
            x_hat = net.decode(y, torch.full((len(part),), uses)).clamp(0, 1)
            errors[name].append((x_hat - part).square().mean(1))
    return {name: round(torch.cat(each).mean().item(), 7) for name, each in errors.items()}


def in_bfloat16(net: HscPhoto, bfloat16: bool) -> None:
    """Whether the networks beside the linear maps run in bfloat16, their channels last."""
    net.to(memory_format=torch.channels_last)
    for module in net.modules():
        if isinstance(module, Trunk):
            module.bfloat16 = bfloat16


def start(net: HscPhoto, photos: Photos, seed: int) -> None:
    """Set the linear maps from crops of training photos."""
    side, total = net.size.side, torch.zeros(())
    for part in range(STARTED_ON // 32):
        image = crops(photos, 32, side, (seed, 0, part)).reshape(-1, side, side, 3).permute(0, 3, 1, 2)
        total = total + net.coefficients(image - 0.5).square().sum(0)
    net.start(total / STARTED_ON, SPREAD)


def shares(net: HscPhoto) -> list[dict]:
    """The optimiser's groups: vectors of one number a real learn slower, as their gradients are noisy."""
    vectors = [net.log_gain, net.log_prior, net.log_spread]
    slow = {id(p) for p in vectors}
    others = [p for p in net.parameters() if id(p) not in slow]
    return [{"params": others, "share": 1.0}, {"params": vectors, "share": VECTORS_SHARE}]


def train(
    recipe: PhotoRecipe, folders: list[Path], folder: Path, minutes: float, stop_at: int | None = None
) -> Run:
    """Run a recipe or go on with it, until its end, step `stop_at`, or for `minutes`."""
    learned, others = parted(load_photos(folders, recipe.size.side))
    held_out = middles(others, recipe.size.side)
    torch.manual_seed(recipe.seed)
    net = HscPhoto(recipe.size)
    in_bfloat16(net, recipe.bfloat16)
    run = Run(net, folder)
    run.optimiser = torch.optim.Adam(shares(net), lr=recipe.lr, fused=True)
    if not run.restore():
        start(net, learned, recipe.seed)
        run.average_from_here()
        n = sum(p.numel() for p in net.parameters())
        run.say(parameters=n, images=len(learned), **validate(net, held_out))
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


def take_step(run: Run, recipe: PhotoRecipe, learned: Photos) -> dict:
    """One batch; half of the batches send all reals, the others any k, by octaves."""
    step, size = run.step, recipe.size
    rng = np.random.default_rng((recipe.seed, 1, step))
    run.learn_at(recipe.learning_rate(step))
    least = min(LEAST_USES, size.uses)
    uses = size.uses if rng.random() < 0.5 else round(least * (size.uses / least) ** rng.random())
    x = crops(learned, recipe.batch, size.side, (recipe.seed, 2, step))
    noise = torch.Generator().manual_seed(recipe.seed * 10**7 + step)
    loss, facts = loss_of(run.net, x, uses, rng.uniform(*SNR_DB), recipe.divergence, noise)
    norm = run.descend(loss, recipe.clip)
    return {"loss": round(loss.item(), 4), "norm": round(norm, 3), **facts}


@ending_in_a_line()
def main() -> None:
    parser = training_parser(__doc__, RECIPES)
    parser.add_argument(
        "--data", type=Path, action="append", required=True, help="a folder of training photos"
    )
    given = parsed(parser)
    train(RECIPES[given.recipe], given.data, given.folder, given.minutes)


if __name__ == "__main__":
    main()
