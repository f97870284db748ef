"""What the parts of HDA-DeepSC's training bring: variants of one recipe, of equal steps, seed by seed.

    python -m models.ablations NAME --data FOLDER [--data FOLDER ...] [--minutes M] [--seeds N]

table2            Table II: the semantic codec alone under MSE, with the Fourier module, with the Fourier loss
table2_random     the same from random weights
schedule          three stages (Algorithm 1) against everything together from the first step
schedule_random   the same from random weights

Every variant of a seed starts from the same weights and sees the same crops. A sitting goes through the
variants of the first seed, then of the next, and stops after --minutes; the same command goes on. It leaves
results.csv, a row a run, and results.json in the folder, and prints what each variant gains. With --score
FOLDER it trains nothing: the finished codecs meet that folder's photos.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models import ablation_results as results
from models import losses
from models.data import crops, load_photos, parted
from models.fourier import plug_in
from models.hda_deepsc import HdaDeepsc
from models.quality import ms_ssim_db, psnr_db
from models.recipes import Recipe
from models.run import Run, ending_in_a_line, parsed, training_parser
from models.semantic import STRIDE, SemanticDecoder, SemanticEncoder, Size
from models.start import blocks_of, fit_density, principal
from models.train import HdaRun, build, validate

PAPER = "H. Xie, Z. Qin, Z. Han, K. B. Letaief: Hybrid Digital-Analog Semantic Communications, IEEE JSAC 2025"
Photos = list[NDArray[np.uint8]]
LOG_EVERY = 100
SEEDS = 3
CROP_SAMPLES = 128 * 128
WINDOW = 64
"""Pixels of a window of attention, 8 tokens of 8, of which a photo has whole ones."""


class SemanticCodec(nn.Module):
    """S and S^-1 of HDA-DeepSC alone: I -> z -> I^, nothing in between."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.encoder, self.decoder = SemanticEncoder(size), SemanticDecoder(size)

    def forward(self, image: Tensor) -> Tensor:
        z = self.encoder(image)
        side = z.new_zeros(len(z), self.decoder.n_side, *z.shape[2:])
        return self.decoder(z, torch.zeros_like(z), side)


@torch.no_grad()
def start_at_blocks(codec: SemanticCodec, images: Tensor) -> None:
    """Set the linear paths to the principal components of the images' 8x8 blocks."""
    m = codec.encoder.linear.weight.shape[0]
    basis, _ = principal(blocks_of(images), m)
    for linear in (codec.encoder.linear, codec.decoder.linear):
        linear.weight.copy_(basis.reshape(m, 3, STRIDE, STRIDE))
        linear.bias.zero_()


class CodecRun(Run):
    """A semantic codec in training under L_SD (18). fourier_weight: of its second term."""

    def __init__(self, net: SemanticCodec, recipe: Recipe, folder: Path, fourier_weight: float) -> None:
        super().__init__(net, folder)
        self.recipe, self.fourier_weight = recipe, fourier_weight
        self.optimiser = torch.optim.AdamW(
            net.parameters(), lr=recipe.lr, weight_decay=1e-5, betas=(0.9, 0.99)
        )

    def take_step(self, photos: Photos) -> dict:
        """One batch, which depends on (seed, step) alone."""
        recipe = self.recipe
        self.learn_at(recipe.learning_rate(self.step))
        image = crops(photos, recipe.photos, recipe.crops_each, recipe.crop, (recipe.seed, 2, self.step))
        loss = losses.semantic_distortion(image, self.net(image), self.fourier_weight).log()
        norm = self.descend(loss, recipe.clip)
        return {"loss": round(loss.item(), 4), "norm": round(norm, 3)}


QUALITIES = ("psnr_db", "ms_ssim_db")


@torch.no_grad()
def scores(codec: SemanticCodec, images: Iterable[Tensor]) -> NDArray[np.float64]:
    """float64 [n, 2]: PSNR and MS-SSIM in dB of each image [1, 3, H, W], as a picture of eight bits."""
    found = []
    for image in images:
        decoded = codec(image)
        found.append([float(psnr_db(image, decoded)), float(ms_ssim_db(image, decoded))])
    return np.array(found)


def codec_quality(codec: SemanticCodec, held_out: Photos) -> dict[str, float]:
    """Mean PSNR and MS-SSIM in dB of 256x256 crops of held-out photos."""
    found = scores(codec, (crops([photo], 1, 1, 256, (7, i)) for i, photo in enumerate(held_out)))
    return dict(zip(QUALITIES, np.round(found.mean(0), 3).tolist(), strict=True))


def scored(name: str, photos: Photos, folder: Path, seeds: int) -> list[dict[str, Any]]:
    """A row for each finished run of semantic codecs and each photo, cut to whole windows of attention,
    through averaged weights.
    """
    experiment, rows = EXPERIMENTS[name], []
    even = [
        photo[: photo.shape[0] // WINDOW * WINDOW, : photo.shape[1] // WINDOW * WINDOW] for photo in photos
    ]
    images = [torch.from_numpy(photo.copy()).permute(2, 0, 1)[None] / 255 for photo in even]
    for variant, seed in product(experiment.variants, range(1, seeds + 1)):
        own = results.run_folder(folder, variant, seed)
        if not results.result_of(own, experiment.recipe.steps):
            continue
        run = codec_run(variant, replace(experiment.recipe, seed=seed), [], own, True)
        run.restore()
        for n, found in enumerate(run.with_average(lambda run=run: scores(run.net, images))):
            facts = {"variant": variant, "seed": seed, "photo": n + 1}
            rows.append(facts | dict(zip(QUALITIES, np.round(found, 4).tolist(), strict=True)))
    return rows


def codec_run(variant: str, recipe: Recipe, photos: Photos, folder: Path, random: bool) -> CodecRun:
    """A semantic codec at its start, principal components or random weights; a Fourier module in each half if
    the variant has them.
    """
    module, fourier_weight = CODECS[variant]
    torch.manual_seed(recipe.seed)
    codec = SemanticCodec(recipe.size)
    if not random:
        start_at_blocks(codec, crops(photos, recipe.start_photos, 4, 128, (recipe.seed, 0)))
    if module:
        for half in (codec.encoder, codec.decoder):
            plug_in(half.network, recipe.size.width)
    return CodecRun(codec, recipe, folder, fourier_weight)


def schedule_run(variant: str, recipe: Recipe, photos: Photos, folder: Path, random: bool) -> HdaRun:
    """The whole of HDA-DeepSC at its start, its steps divided into stages as the variant says."""
    stage_1, stage_2 = (round(share * recipe.steps) for share in SCHEDULES[variant])
    recipe = replace(recipe, stage_1=stage_1, stage_2=stage_2)
    if not random:
        return HdaRun(build(recipe, photos), recipe, folder)
    torch.manual_seed(recipe.seed)
    net = HdaDeepsc(recipe.size)
    fit_density(net, (crops(photos, 2, 4, 128, (recipe.seed, 4, i)) for i in range(100)), recipe.seed)
    return HdaRun(net, recipe, folder)


CODECS = {
    "mse": (False, 0.0),
    "fourier_module": (True, 0.0),
    "fourier_loss": (False, losses.FOURIER_WEIGHT),
    "fourier_loss_raw": (False, losses.FOURIER_WEIGHT * CROP_SAMPLES),
}
"""Variant -> whether it has the module, and the weight of the Fourier term, whose transform is divided by HW.
`raw`: of a transform that is not divided, as libraries return it; the paper does not say which is meant.
"""
SCHEDULES = {"three_stage": (0.2, 0.2), "end_to_end": (0.0, 0.0)}
"""Variant -> the shares of stages 1 and 2."""

CODEC = Recipe(
    size=Size(token_stride=8, width=64, heads=4, layers=2, stem_width=48, z_channels=64),
    steps=2000, stage_1=2000, stage_2=0, decay=700, crops_each=2, bfloat16=False,
)  # fmt: skip
"""A third of the samples (64 of 192 a block): principal components alone reach 39 dB, so that there is a loss
to lower, far from the 59 dB of rounding to eight bits. Near the paper's 48 dB (96 components) what is left of
these training photos is what their own JPEG files left.
"""
WHOLE = replace(CODEC, size=replace(CODEC.size, z_channels=128), steps=1500, decay=500)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Variants of a recipe, the first of which the others are compared with. random: start from random
    weights.
    """

    variants: tuple[str, ...]
    recipe: Recipe
    begin: Callable[..., Run]
    measure: Callable[..., dict[str, float]]
    random: bool = False


TABLE2 = Experiment(variants=tuple(CODECS), recipe=CODEC, begin=codec_run, measure=codec_quality)
SCHEDULE = Experiment(variants=tuple(SCHEDULES), recipe=WHOLE, begin=schedule_run, measure=validate)
EXPERIMENTS = {
    "table2": TABLE2,
    "table2_random": replace(TABLE2, random=True),
    "schedule": SCHEDULE,
    "schedule_random": replace(SCHEDULE, random=True),
}


def ablate(name: str, folders: list[Path], folder: Path, minutes: float, seeds: int = SEEDS) -> None:
    """Train what is not finished of an experiment, for `minutes`; write and print what is."""
    experiment, began = EXPERIMENTS[name], time.time()
    photos, held_out = parted(load_photos(folders, 256), 24)
    for seed, variant in product(range(1, seeds + 1), experiment.variants):
        left = minutes - (time.time() - began) / 60
        own = results.run_folder(folder, variant, seed)
        if left <= 0 or results.result_of(own, experiment.recipe.steps):
            continue
        recipe = replace(experiment.recipe, seed=seed)
        run = experiment.begin(variant, recipe, photos, own, experiment.random)
        go_on(run, lambda r=run: experiment.measure(r.net, held_out), photos, left)
        conclude(name, folder, seeds)
    rows = conclude(name, folder, seeds)
    print(f"{len(rows)} of {seeds * len(experiment.variants)} runs are finished")
    for line in results.told(rows, experiment.variants[0]):
        print(line)


def score(name: str, photos: Path, folder: Path, seeds: int) -> None:
    """Write scores.csv, a row a run and photo, and print each variant's mean and gain over photos."""
    if EXPERIMENTS[name].begin is not codec_run:
        raise ValueError(f"--score: must be of semantic codecs, as of table2, got {name}; leave it out")
    rows = scored(name, load_photos([photos], 256), folder, seeds)
    if not rows:
        raise ValueError(f"--score: {folder} holds no finished run of {name}; train first, without --score")
    results.write_table(rows, folder / "scores.csv")
    for line in results.scores_told(rows, EXPERIMENTS[name].variants[0]):
        print(line)


def conclude(name: str, folder: Path, seeds: int) -> list[dict[str, Any]]:
    """Write the results of the runs that are finished; their rows."""
    experiment = EXPERIMENTS[name]
    rows = results.rows_of(folder, experiment.variants, seeds, experiment.recipe.steps)
    facts = {
        "name": name,
        "paper": PAPER,
        "start": "random weights" if experiment.random else "principal components",
        "recipe": {key: value for key, value in asdict(experiment.recipe).items() if key != "seed"},
        "measured_on": "256x256 crops of held-out photos",
        "command": f"python -m models.ablations {name} --data FOLDER",
        "torch": torch.__version__,
    }
    if rows:
        results.write(rows, experiment.variants[0], facts, folder)
    return rows


def go_on(run: Run, measure: Callable[[], dict], photos: Photos, minutes: float) -> None:
    """Train to the end of the run's recipe, or for `minutes`."""
    if not run.restore():
        n = sum(parameter.numel() for parameter in run.net.parameters())
        run.say(parameters=n, photos=len(photos), **measure())
    run.drive(
        lambda: run.take_step(photos),
        measure,
        steps=run.recipe.steps,
        stop_at=None,
        minutes=minutes,
        log_every=LOG_EVERY,
        measure_every=run.recipe.validate_every,
    )


def main() -> None:
    parser = training_parser(__doc__, EXPERIMENTS)
    parser.add_argument("--data", type=Path, action="append", default=[], help="a folder of training photos")
    parser.add_argument("--score", type=Path, help="a folder of photos that finished codecs are scored on")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"runs of each variant ({SEEDS})")
    given = parsed(parser)
    if not given.data and not given.score:
        parser.error("--data: must be a folder of training photos; again for more")
    with ending_in_a_line():
        if given.score:
            score(given.recipe, given.score, given.folder, given.seeds)
        else:
            ablate(given.recipe, given.data, given.folder, given.minutes, given.seeds)


if __name__ == "__main__":
    main()
