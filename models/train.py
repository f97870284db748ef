"""Three-stage training of HDA-DeepSC: the semantic codec, the hybrid transceiver with the codec frozen,
everything together.

    python -m models.train RECIPE --data FOLDER [--data FOLDER ...] [--weights FILE] [--minutes M]

Resumable: a checkpoint every `models.run.CHECKPOINT_S` seconds; what a step sees depends on (seed, step)
alone. Stops after --minutes.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models import losses, twin
from models.data import crops, load_photos, parted
from models.hda_deepsc import HdaDeepsc
from models.recipes import RECIPES, Recipe
from models.run import Run, ending_in_a_line, parsed, read_weights, training_parser
from models.semantic import Trunk
from models.start import borrow_features, fit_density, fit_gains, start_at_principal_components

LOG_EVERY = 100
MISFIT_WEIGHT = 0.1


def bare(recipe: Recipe) -> HdaDeepsc:
    """A network of a recipe's size, with random weights."""
    torch.manual_seed(recipe.seed)
    net = HdaDeepsc(recipe.size)
    for module in net.modules():
        if isinstance(module, Trunk):
            module.bfloat16 = recipe.bfloat16
    return net


def build(recipe: Recipe, photos: list) -> HdaDeepsc:
    """A network at its starting point."""
    net = bare(recipe)
    images = crops(photos, recipe.start_photos, 4, 128, (recipe.seed, 0))
    start_at_principal_components(net, images)
    if recipe.features_from:
        borrow_features(net, read_weights(recipe.features_from))
    for fit, n, key in ((fit_density, 400, 4), (fit_gains, recipe.start_fits, 5)):
        fit(net, (crops(photos, 2, 4, 128, (recipe.seed, key, i)) for i in range(n)), recipe.seed)
    return net


def side(c: twin.Conditions, step: Tensor, net: HdaDeepsc, batch: int) -> Tensor:
    """[B, 3], as `hda_deepsc.planes` wants it."""
    row = [float(step.log2()), -c.design_snr_db / 10 * np.log2(10), c.reals / net.size.z_channels]
    return torch.tensor(row, dtype=torch.float32).expand(batch, 3)


def loss_of(
    net: HdaDeepsc,
    image: Tensor,
    stage: int,
    rng: np.random.Generator,
    noise: torch.Generator,
    recipe: Recipe,
) -> tuple[Tensor, dict]:
    """Loss of one batch (crops of one picture's worth of content, sharing step and power) in a training
    stage.
    """
    z, z_d = net.encode(image)
    c = twin.draw_conditions(rng, recipe.main, recipe.da_ratio)
    tokens = z.shape[0] * z.shape[2] * z.shape[3]
    jitter = float(2 ** rng.normal(0, 0.15)) if c.bits else 1.0
    step = twin.rate_controlled_step(net, z_d, c.bits * tokens)
    bits_to_spare = twin.is_finest(step)
    step = step * jitter
    s, steps = side(c, step, net, len(image)), net.steps(step)
    if stage == 1:
        z_tilde = net.hyper_decoder(twin.quantise(z_d, steps, c.bits))[0].detach()
        plane = torch.cat([s, torch.full_like(s[:, :1], -9.0), s.new_full((len(s), z.shape[1]), -0.36)], 1)
        plane = plane[:, :, None, None].expand(-1, -1, *z.shape[2:])
        decoded = net.semantic_decoder(z, z_tilde, plane)
        distortion = losses.semantic_distortion(image, decoded, recipe.fourier_weight)
        return distortion.log(), {"stage": 1, "distortion": distortion.item()}
    dither = torch.rand(z_d.shape, generator=noise) - 0.5
    dithered = z_d + dither * steps[:, None, None]
    bits = net.density.bits(dithered, steps).sum() / tokens if c.bits else torch.zeros(())
    known = net.known(twin.quantise(z_d, steps, c.bits), s)
    mask = twin.sent_mask(known.log_variance, c.reals)
    y, noise_var = twin.through_air(net.modulate(z, known.z_tilde, known.log_gain), mask, c.snr_db, noise)
    z_hat, left = net.fuse(known, y, noise_var)
    if stage == 2:
        distortion = losses.channel_distortion(z, z_hat, known.z_tilde)
    else:
        decoded = net.picture(known, z_hat, left)
        distortion = losses.semantic_distortion(image, decoded, recipe.fourier_weight)
    misfit = losses.variance_misfit(net.analog_encoder(z - known.z_tilde), known.log_variance)
    rate_weight = 0.0 if bits_to_spare else losses.rate_weight(c.reals)
    loss = distortion.log() + rate_weight * bits + MISFIT_WEIGHT * misfit
    return loss, {
        "stage": stage,
        "snr_db": c.snr_db,
        "distortion": distortion.item(),
        "misfit": misfit.item(),
        "bits": bits.item(),
        "wanted": c.bits,
    }


def trained_in(net: HdaDeepsc, stage: int) -> list[Tensor]:
    """The parameters that a stage moves."""
    codec = [*net.semantic_encoder.parameters(), *net.semantic_decoder.parameters()]
    if stage == 1:
        return codec
    if stage == 3:
        return list(net.parameters())
    frozen = {id(p) for p in codec}
    return [p for p in net.parameters() if id(p) not in frozen]


@torch.no_grad()
def validate(
    net: HdaDeepsc, photos: list, da_ratio: float = 0.2, snrs_db: tuple[float, ...] = (0.0, 10.0, 20.0)
) -> dict[str, float]:
    """Mean PSNR of held-out crops at a DA ratio and bandwidth ratio 1/6, over the twin."""
    batches = [crops([photo], 1, 1, 256, (7, i)) for i, photo in enumerate(photos)]
    out = {}
    for snr in snrs_db:
        c = twin.conditions(da_ratio=da_ratio, bandwidth_ratio=1 / 6, design_snr_db=snr, snr_db=snr)
        noise, psnr = torch.Generator().manual_seed(1), []
        for image in batches:
            z, z_d = net.encode(image)
            step = twin.rate_controlled_step(net, z_d, c.bits * z.shape[2] * z.shape[3])
            s, z_hat_d = side(c, step, net, 1), twin.quantise(z_d, net.steps(step), c.bits)
            known = net.known(z_hat_d, s)
            mask = twin.sent_mask(known.log_variance, c.reals)
            y, noise_var = twin.through_air(net.modulate(z, known.z_tilde, known.log_gain), mask, snr, noise)
            decoded = net.picture(known, *net.fuse(known, y, noise_var)).clamp(0, 1)
            psnr.append(-10 * np.log10((decoded - image).square().mean().item()))
        out[f"psnr_{snr:g}_db"] = round(float(np.mean(psnr)), 3)
    return out


class HdaRun(Run):
    """A run of HDA-DeepSC's recipe, in three stages."""

    def __init__(self, net: HdaDeepsc, recipe: Recipe, folder: Path) -> None:
        super().__init__(net, folder)
        self.recipe = recipe

    def enter_stage(self) -> None:
        """A new optimiser over what the stage trains, where the stage changes."""
        stage = self.recipe.stage(self.step)
        if stage != self.stage:
            self.stage = stage
            moved = trained_in(self.net, stage)
            self.optimiser = torch.optim.AdamW(moved, lr=self.recipe.lr, weight_decay=1e-5, betas=(0.9, 0.99))
            if self.saved_optimiser and self.saved_optimiser[0] == stage:
                self.optimiser.load_state_dict(self.saved_optimiser[1])
            self.saved_optimiser = None
        self.learn_at(self.recipe.learning_rate(self.step))

    def take_step(self, photos: list) -> dict:
        """One batch, in the stage that it belongs to; what it sees depends on (seed, step) alone."""
        self.enter_stage()
        recipe, step = self.recipe, self.step
        rng = np.random.default_rng((recipe.seed, 1, step))
        image = crops(photos, recipe.photos, recipe.crops_each, recipe.crop, (recipe.seed, 2, step))
        noise = torch.Generator().manual_seed(recipe.seed * 10**7 + step)
        loss, facts = loss_of(self.net, image, self.stage, rng, noise, recipe)
        norm = self.descend(loss, recipe.clip)
        return {"loss": round(loss.item(), 4), "norm": round(norm, 3), **facts}


def train(
    recipe: Recipe,
    folders: list[Path],
    folder: Path,
    minutes: float,
    *,
    stop_at: int | None = None,
    weights: Path | None = None,
) -> None:
    """Run a recipe or go on with it, until its end, step `stop_at`, or for `minutes`.

    weights: begin stage 3 from these, where the folder holds no run yet.
    """
    photos, held_out = parted(load_photos(folders, 256), 24)
    begun = weights or (folder / "state.pt").exists()
    run = HdaRun(bare(recipe) if begun else build(recipe, photos), recipe, folder)
    if not run.restore():
        if weights:
            run.start_from(weights, recipe.stage_1 + recipe.stage_2)
        n = sum(parameter.numel() for parameter in run.net.parameters())
        run.say(parameters=n, photos=len(photos), **validate(run.net, held_out, recipe.main_da_ratio))
    run.drive(
        lambda: run.take_step(photos),
        lambda: validate(run.net, held_out, recipe.main_da_ratio),
        steps=recipe.steps,
        stop_at=stop_at,
        minutes=minutes,
        log_every=LOG_EVERY,
        measure_every=recipe.validate_every,
    )


@ending_in_a_line()
def main() -> None:
    parser = training_parser(__doc__, RECIPES)
    parser.add_argument(
        "--data", type=Path, action="append", required=True, help="a folder of training photos"
    )
    parser.add_argument("--weights", type=Path, help="begin stage 3 from weights that models.export kept")
    given = parsed(parser)
    train(RECIPES[given.recipe], given.data, given.folder, given.minutes, weights=given.weights)


if __name__ == "__main__":
    main()
