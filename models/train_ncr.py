"""Training of NCR's adapters by (23), the network that they are around frozen.

    python -m models.train_ncr RECIPE --data FOLDER --base CHECKPOINTS --observed FILE.npz [--observed ...]

FOLDER holds MNIST's IDX files. CHECKPOINTS is a run of the network around which they are, tuned over fading.
FILE is what `python -m linksim.observe` wrote: complements as the real link delivered them, of pictures of
the training half; trials of its last 10,000 pictures validate. The semantic link is `models.fading`, its fade
and noise drawn anew at the trial's SNR, as the two links fade apart. A complement that is lost says nothing
of its picture, which is drawn anew, too. One trial in nine is sent without a complement. Resumable: what a
step sees depends on (seed, step) alone.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models import export_hsc
from models.data import mnist_images
from models.fading import LEAST_GAIN, complex_normal, received
from models.hsc import Hsc, normalised
from models.ncr import Ncr, NcrSize, recompose
from models.run import Run, ending_in_a_line, parsed, training_parser, warm_cosine
from models.train_hsc import LEARNED

LOG_EVERY, VALIDATE_EVERY, VALIDATED = 100, 1000, 6000
WITHOUT = 1 / 9
"""The share of trials sent without a complement."""


@dataclass(frozen=True, kw_only=True)
class NcrRecipe:
    """A training run: the learning rate warms up over 100 steps and falls as a cosine to 0.

    base: the recipe, and the card, of the network that it is around. int8: how matrices are stored.
    """

    size: NcrSize
    steps: int
    base: str = "hsc_vae_faded"
    int8: bool = True
    seed: int = 1
    batch: int = 256
    lr: float = 1e-3
    clip: float = 1.0
    bfloat16: bool = True

    def learning_rate(self, step: int) -> float:
        return self.lr * warm_cosine(step, self.steps, 100)


RECIPES = {
    "hsc_vae_ncr": NcrRecipe(size=NcrSize(), steps=1200),
    "hsc_vae_ncr_informed": NcrRecipe(size=NcrSize(informed=True), steps=1600),
}


@dataclass(frozen=True, kw_only=True)
class Trials:
    """What links delivered: picture, rank, snr_db, ok: [n]; trial i has rows start[i] to start[i + 1]."""

    picture: Tensor
    rank: Tensor
    snr_db: Tensor
    ok: Tensor
    start: Tensor
    rows: Tensor
    sent: Tensor

    def at(self, places: Tensor) -> "Trials":
        """Some trials, rows and sent padded with zeros: [n, d, L] and [n, d, W], d the most of them."""
        begin, end = self.start[places], self.start[places + 1]
        most = max(int((end - begin).max()), 1)
        at = begin[:, None] + torch.arange(most)
        there = (at < end[:, None])[..., None]
        at = at.clamp(max=len(self.rows) - 1)
        return Trials(
            picture=self.picture[places], rank=self.rank[places], snr_db=self.snr_db[places],
            ok=self.ok[places], start=begin, rows=self.rows[at] * there, sent=self.sent[at] * there,
        )  # fmt: skip

    def without(self, none: Tensor) -> "Trials":
        """Trials of `at`, some of them as sent without a complement. none: bool [n]."""
        kept = ~none
        return replace(
            self, ok=self.ok & kept, rank=self.rank * kept,
            rows=self.rows * kept[:, None, None], sent=self.sent * kept[:, None, None],
        )  # fmt: skip

    def redrawn(self, others: Tensor) -> "Trials":
        """Trials of `at`, those without rows of other pictures [n]: losses do not depend on the picture."""
        empty = ~self.rows.flatten(1).any(1)
        return replace(self, picture=torch.where(empty, others, self.picture))


def read_trials(paths: list[Path]) -> Trials:
    """The trials of several files as of one."""
    names, files = ("picture", "rank", "snr_db", "ok", "rows", "sent"), []
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            files.append({name: file[name] for name in (*names, "start")})
    joined = {name: torch.from_numpy(np.concatenate([file[name] for file in files])) for name in names}
    lengths = np.concatenate([np.diff(file["start"]) for file in files])
    joined |= {"start": torch.from_numpy(np.cumsum([0, *lengths]))}
    joined |= {"picture": joined["picture"].long(), "rank": joined["rank"].float()}
    return Trials(**joined)


@dataclass(frozen=True, kw_only=True)
class Base:
    """The frozen network, and what its encoder says of every picture: means and ln s^2, [pictures, 2k]."""

    net: Hsc
    pixels: Tensor
    mean: Tensor
    log_variance: Tensor
    uses: int

    @classmethod
    @torch.no_grad()
    def of(cls, net: Hsc, pixels: Tensor, uses: int, bfloat16: bool) -> "Base":
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            parts = [[each[:, : 2 * uses].float() for each in net.encode(p)] for p in pixels.split(2000)]
        mean, log_variance = (torch.cat(each) for each in zip(*parts, strict=True))
        net.requires_grad_(False)
        return cls(net=net, pixels=pixels, mean=mean, log_variance=log_variance, uses=uses)

    def sent(self, picture: Tensor, noise: torch.Generator) -> Tensor:
        """z [B, 2k], of a first half of the batch without sampling."""
        mean, log_variance = self.mean[picture], self.log_variance[picture]
        drawn = torch.randn(mean.shape, generator=noise) * (log_variance / 2).exp()
        sampled = (torch.arange(len(mean)) >= len(mean) // 2)[:, None]
        return normalised(mean + torch.where(sampled, drawn, 0.0), self.uses)

    def decode(self, z: Tensor) -> Tensor:
        padded = torch.nn.functional.pad(z, (0, 2 * (self.net.size.uses - self.uses)))
        return self.net.decode(padded, torch.full((len(z),), self.uses)).float()


def restored(base: Base, ncr: Ncr | None, trials: Trials, noise: torch.Generator) -> Tensor:
    """X~ [B, L L] of trials of `Trials.at` over a fade of the semantic link; ncr None: without adapters."""
    z = base.sent(trials.picture, noise)
    h = complex_normal((len(z),), noise)
    air = complex_normal((len(z), base.uses), noise)
    z = received(z if ncr is None else ncr.encode(z, trials.rank).float(), h, air, trials.snr_db)
    left = (10 ** (-trials.snr_db / 10) / h.abs().square().clamp(min=LEAST_GAIN)).float()
    known = trials.rank, trials.ok.float(), left.clamp(max=1e6)

    def complemented(image: Tensor) -> Tensor:
        side = math.isqrt(image.shape[1])
        return recompose(trials.rows, trials.sent, image.reshape(-1, side, side)).reshape(image.shape)

    if ncr is None:
        return complemented(base.decode(z))
    if ncr.denoiser is None:
        return complemented(ncr.decode(base.decode(z), trials.rank).float())
    image = base.decode(ncr.denoise(z, *known).float())
    return complemented(ncr.decode_informed(image, complemented(image), *known).float())


@torch.no_grad()
def validate(base: Base, ncr: Ncr, trials: Trials, held_out: Tensor) -> dict[str, float]:
    """MSE a pixel with (`ncr`) and without (`base`) adapters over held-out trials: of each d, and of all."""
    errors = {"base": [], "ncr": []}
    ranks = []
    for i, places in enumerate(held_out[:VALIDATED].split(500)):
        part = trials.at(places)
        ranks.append(part.rank)
        for name, net in (("base", None), ("ncr", ncr)):
            noise = torch.Generator().manual_seed(i)
            error = restored(base, net, part, noise).clamp(0, 1) - base.pixels[part.picture]
            errors[name].append(error.square().mean(1))
    ranks = torch.cat(ranks)
    found = {}
    for name, parts in errors.items():
        error = torch.cat(parts)
        found[f"mse_{name}"] = round(error.mean().item(), 6)
        for d in ranks.unique().tolist():
            found[f"mse_{name}_{d:g}"] = round(error[ranks == d].mean().item(), 6)
    return found


def take_step(run: Run, recipe: NcrRecipe, base: Base, trials: Trials, learned: Tensor) -> dict:
    """One batch; what it sees depends on (seed, step) alone."""
    noise = torch.Generator().manual_seed(recipe.seed * 10**7 + run.step)
    run.learn_at(recipe.learning_rate(run.step))
    part = trials.at(learned[torch.randint(len(learned), (recipe.batch,), generator=noise)])
    part = part.without(torch.rand(recipe.batch, generator=noise) < WITHOUT)
    part = part.redrawn(torch.randint(LEARNED, (recipe.batch,), generator=noise))
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
        found = restored(base, run.net, part, noise)
    loss = (found - base.pixels[part.picture]).square().mean()
    norm = run.descend(loss, recipe.clip)
    return {"mse": round(loss.item(), 6), "norm": round(norm, 4)}


def train(
    recipe: NcrRecipe, images: np.ndarray, net: Hsc, trials: Trials, folder: Path, minutes: float,
    stop_at: int | None = None,
) -> Run:  # fmt: skip
    """Run a recipe or go on with it. images: uint8 [n, L L]; trials of all but the first 50,000 validate."""
    pixels = torch.from_numpy(images / np.float32(255))
    base = Base.of(net, pixels, recipe.size.uses, recipe.bfloat16)
    learned, held_out = (
        trials.picture.lt(LEARNED).nonzero()[:, 0],
        trials.picture.ge(LEARNED).nonzero()[:, 0],
    )
    shuffled = held_out[torch.randperm(len(held_out), generator=torch.Generator().manual_seed(1))]
    torch.manual_seed(recipe.seed)
    run = Run(Ncr(recipe.size), folder)
    run.optimiser = torch.optim.Adam(run.net.parameters(), lr=recipe.lr, fused=True)
    if not run.restore():
        parameters = sum(p.numel() for p in run.net.parameters())
        arrived = trials.ok[learned].float().mean().item()
        run.say(parameters=parameters, trials=len(learned), arrived=round(arrived, 4))
    run.drive(
        lambda: take_step(run, recipe, base, trials, learned),
        lambda: validate(base, run.net, trials, shuffled),
        steps=recipe.steps,
        stop_at=stop_at,
        minutes=minutes,
        log_every=LOG_EVERY,
        measure_every=VALIDATE_EVERY,
    )
    return run


@ending_in_a_line()
def main() -> None:
    parser = training_parser(__doc__, RECIPES, threads=1)
    parser.add_argument("--data", type=Path, required=True, help="the folder of MNIST's IDX files")
    parser.add_argument("--base", type=Path, required=True, help="a run of the network around which it is")
    parser.add_argument("--observed", type=Path, action="append", required=True, help="of linksim.observe")
    given = parsed(parser)
    recipe = RECIPES[given.recipe]
    net, _ = export_hsc.load(recipe.base, given.base)
    train(recipe, mnist_images(given.data), net, read_trials(given.observed), given.folder, given.minutes)


if __name__ == "__main__":
    main()
