"""Training of denoisers on symbols of Analog DeepSC, by the forward process (Xie et al. 2025, (26) and (29)).

    python -m models.train_denoisers RECIPE --symbols FILE.npz

FILE is what `python -m linksim.symbols` wrote. Every 25th photo validates, as in training of the codec. The
SNR of a crop is uniform in dB over what the channel and the steps below it meet. Resumable: what a step sees
depends on (seed, step) alone.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.data import VALIDATION_EVERY
from models.diffsdnet import SNR_DB, SymbolDenoiser, Unet, UnetSize, pixel_loss
from models.dncnn import Dncnn, DncnnSize
from models.run import Run, Schedule, ending_in_a_line, parsed, training_parser

LOG_EVERY, VALIDATE_EVERY = 50, 500
VALIDATED_DB = (0.0, 5.0, 10.0, 15.0, 20.0)


@dataclass(frozen=True, kw_only=True)
class DenoiserRecipe(Schedule):
    """A training run. tokens: side of a crop; a step goes over `batch` crops."""

    size: UnetSize | DncnnSize
    seed: int = 1
    batch: int = 4
    tokens: int = 32
    lr: float = 1e-3
    clip: float = 1.0
    bfloat16: bool = True


RECIPES = {
    "diffsdnet": DenoiserRecipe(size=UnetSize(), steps=20000, decay=1000, again=((4000, 1e-3),)),
    "dncnn": DenoiserRecipe(size=DncnnSize(), steps=20000, decay=1000, again=((4000, 1e-3),)),
}


@dataclass(frozen=True, kw_only=True)
class Sent:
    """Symbols of photos. x: float16 [m, C], NaN where none was sent; photo i has tokens start[i] ..., row by
    row.
    """

    x: np.ndarray
    start: np.ndarray
    height: np.ndarray
    width: np.ndarray
    channel: np.ndarray
    about: dict

    @classmethod
    def read(cls, path: Path) -> "Sent":
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("x", "start", "height", "width", "channel")}
            return cls(**arrays, about=json.loads(str(file["about"])))

    def map(self, photo: int) -> np.ndarray:
        """float16 [height, width, C] of one photo."""
        rows = self.x[self.start[photo] : self.start[photo + 1]]
        return rows.reshape(self.height[photo], self.width[photo], -1)

    def crops(self, photos: np.ndarray, tokens: int, rng: np.random.Generator) -> Tensor:
        """[n, C, tokens, tokens], one crop of each photo; NaN where no real was sent."""
        out = np.full((len(photos), tokens, tokens, self.x.shape[1]), np.nan, np.float32)
        for i, photo in enumerate(photos):
            whole = self.map(photo)
            y = rng.integers(0, max(len(whole) - tokens, 0) + 1)
            x = rng.integers(0, max(whole.shape[1] - tokens, 0) + 1)
            crop = whole[y : y + tokens, x : x + tokens]
            out[i, : crop.shape[0], : crop.shape[1]] = crop
        return torch.from_numpy(out).permute(0, 3, 1, 2)

    def split(self) -> tuple[np.ndarray, np.ndarray]:
        """Photos to learn from, and those that validate."""
        every = np.arange(len(self.height))
        return every[every % VALIDATION_EVERY > 0], every[every % VALIDATION_EVERY == 0]


def variances(sent: Sent) -> Tensor:
    """v [C] of the photos to learn from, mean squares of what was sent."""
    total, count = np.zeros(sent.x.shape[1]), np.zeros(sent.x.shape[1])
    for photo in sent.split()[0]:
        x = sent.map(photo).reshape(-1, sent.x.shape[1]).astype(np.float64)
        total, count = total + np.nansum(x * x, 0), count + np.isfinite(x).sum(0)
    return torch.from_numpy(total / np.maximum(count, 1)).float().clamp_min(1e-4)


def build(recipe: DenoiserRecipe, variance: Tensor) -> SymbolDenoiser:
    """A network at its start, the Gaussian score."""
    torch.manual_seed(recipe.seed)
    kind = Unet if isinstance(recipe.size, UnetSize) else Dncnn
    net = SymbolDenoiser(kind(recipe.size, len(variance)), variance)
    net.bfloat16 = recipe.bfloat16
    net.network.to(memory_format=torch.channels_last)
    return net


def noised(x: Tensor, snr_db: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """x^ = x + s eps, s^2 [B, C, h, w], negative where x is NaN, and eps."""
    sent = x.isfinite()
    noise = torch.where(sent, 10 ** (-snr_db / 10)[:, None, None, None], -1.0)
    eps = torch.randn(x.shape, generator=generator) * sent
    return x.nan_to_num() + noise.clamp_min(0).sqrt() * eps, noise, eps


def take_step(run: Run, recipe: DenoiserRecipe, sent: Sent, photos: np.ndarray) -> dict:
    """One batch; what it sees depends on (seed, step) alone."""
    run.net.train()
    rng = np.random.default_rng((recipe.seed, 1, run.step))
    generator = torch.Generator().manual_seed(recipe.seed * 10**7 + run.step)
    run.learn_at(recipe.learning_rate(run.step))
    x = sent.crops(rng.choice(photos, recipe.batch), recipe.tokens, rng)
    snr_db = torch.from_numpy(rng.uniform(*SNR_DB, recipe.batch)).float()
    received, noise, eps = noised(x, snr_db, generator)
    loss = pixel_loss(eps, run.net(received, noise), noise, run.net.variance).log().mean()
    norm = run.descend(loss, recipe.clip)
    return {"gain_db": round(-10 / math.log(10) * loss.item(), 3), "norm": round(norm, 3)}


@torch.no_grad()
def validate(net: nn.Module, sent: Sent, photos: np.ndarray) -> dict[str, float]:
    """dB of squared error of pixels that one step gains on the Gaussian estimate, held-out crops."""
    net.eval()
    found = {}
    for db in VALIDATED_DB:
        rng, generator = np.random.default_rng(7), torch.Generator().manual_seed(7)
        logs = []
        for some in np.array_split(photos, -(-len(photos) // 8)):
            x = sent.crops(some, 48, rng)
            received, noise, eps = noised(x, torch.full((len(x),), db), generator)
            logs.append(pixel_loss(eps, net(received, noise), noise, net.variance).log10())
        found[f"gain_{db:g}_db"] = round(-10 * torch.cat(logs).mean().item(), 3)
    return found


def train(
    recipe: DenoiserRecipe, sent: Sent, folder: Path, minutes: float, stop_at: int | None = None
) -> Run:
    """Run a recipe or go on with it."""
    learned, held_out = sent.split()
    run = Run(build(recipe, variances(sent)), folder)
    run.optimiser = torch.optim.Adam(run.net.parameters(), lr=recipe.lr, betas=(0.9, 0.99), fused=True)
    if not run.restore():
        parameters = sum(p.numel() for p in run.net.parameters())
        channel = sent.channel.tolist()
        run.say(parameters=parameters, photos=len(learned), channel=channel, **sent.about)
    run.drive(
        lambda: take_step(run, recipe, sent, learned),
        lambda: validate(run.net, sent, held_out),
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
    parser.add_argument("--symbols", type=Path, required=True, help="of linksim.symbols")
    given = parsed(parser)
    train(RECIPES[given.recipe], Sent.read(given.symbols), given.folder, given.minutes)


if __name__ == "__main__":
    main()
