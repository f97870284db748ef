"""Three-stage training of HDA-DeepSC: the semantic codec, the hybrid transceiver with the codec frozen,
everything together.

    python -m models.train RECIPE --data FOLDER [--data FOLDER ...] [--folder checkpoints/RECIPE] [--minutes
    M]

Resumable: a checkpoint every `CHECKPOINT_S` seconds; what a step sees depends on (seed, step) alone. Stops
after --minutes.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models import losses, twin
from models.data import crops, load_photos
from models.hda_deepsc import HdaDeepsc, Trunk
from models.recipes import RECIPES, Recipe
from models.start import fit_density, start_at_principal_components

CHECKPOINT_S = 300
LOG_EVERY = 100
VALIDATION_EVERY = 25
"""Every 25th photo is kept from training and used by `validate`."""
EMA_HALF_LIFE = 500


def build(recipe: Recipe, photos: list) -> HdaDeepsc:
    """A network at its starting point."""
    torch.manual_seed(recipe.seed)
    net = HdaDeepsc(recipe.size)
    start_at_principal_components(net, crops(photos, recipe.start_photos, 4, 128, (recipe.seed, 0)))
    fit_density(net, (crops(photos, 2, 4, 128, (recipe.seed, 4, i)) for i in range(400)), recipe.seed)
    for module in net.modules():
        if isinstance(module, Trunk):
            module.bfloat16 = recipe.bfloat16
    return net


def side(c: twin.Conditions, step: Tensor, net: HdaDeepsc, batch: int) -> Tensor:
    """[B, 3], as `hda_deepsc.planes` wants it."""
    row = [float(step.log2()), -c.design_snr_db / 10 * np.log2(10), c.reals / net.size.z_channels]
    return torch.tensor(row, dtype=torch.float32).expand(batch, 3)


def loss_of(
    net: HdaDeepsc, image: Tensor, stage: int, rng: np.random.Generator, noise: torch.Generator
) -> tuple[Tensor, dict]:
    """Loss of one batch (crops of one picture's worth of content, sharing step and power) in a training
    stage.
    """
    z, z_d = net.encode(image)
    c = twin.draw_conditions(rng)
    tokens = z.shape[0] * z.shape[2] * z.shape[3]
    jitter = float(2 ** rng.normal(0, 0.15)) if c.bits else 1.0
    step = twin.rate_controlled_step(net.density, z_d, c.bits * tokens) * jitter
    s = side(c, step, net, len(image))
    if stage == 1:
        z_tilde = net.hyper_decoder(twin.quantise(z_d, step, c.bits)).detach()
        plane = torch.cat([s, torch.full_like(s[:, :1], -9.0)], 1)[:, :, None, None].expand(
            -1, -1, *z.shape[2:]
        )
        distortion = losses.semantic_distortion(image, net.semantic_decoder(z, z_tilde, plane))
        return distortion.log(), {"stage": 1, "distortion": distortion.item()}
    dither = torch.rand(z_d.shape, generator=noise) - 0.5
    bits = net.density.bits(z_d + dither * step, step).sum() / tokens if c.bits else torch.zeros(())
    z_hat_d = twin.quantise(z_d, step, c.bits)
    y, noise_var = twin.through_air(net.transmit(z, z_hat_d, s), c.reals, c.snr_db, noise)
    if stage == 2:
        z_hat, z_tilde, _ = net.fuse(z_hat_d, y, noise_var, s)
        distortion = losses.channel_distortion(z, z_hat, z_tilde)
    else:
        distortion = losses.semantic_distortion(image, net.decode(z_hat_d, y, noise_var, s))
    loss = distortion.log() + losses.rate_weight(c.reals) * bits
    return loss, {
        "stage": stage,
        "snr_db": c.snr_db,
        "distortion": distortion.item(),
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
    net: HdaDeepsc, photos: list, snrs_db: tuple[float, ...] = (0.0, 10.0, 20.0)
) -> dict[str, float]:
    """Mean PSNR of held-out crops at DA ratio 0.2 and bandwidth ratio 1/6, over the twin."""
    batches = [crops([photo], 1, 1, 256, (7, i)) for i, photo in enumerate(photos)]
    out = {}
    for snr in snrs_db:
        c = twin.conditions(da_ratio=0.2, bandwidth_ratio=1 / 6, design_snr_db=snr, snr_db=snr)
        noise, psnr = torch.Generator().manual_seed(1), []
        for image in batches:
            z, z_d = net.encode(image)
            step = twin.rate_controlled_step(net.density, z_d, c.bits * z.shape[2] * z.shape[3])
            s, z_hat_d = side(c, step, net, 1), twin.quantise(z_d, step, c.bits)
            y, noise_var = twin.through_air(net.transmit(z, z_hat_d, s), c.reals, snr, noise)
            decoded = net.decode(z_hat_d, y, noise_var, s).clamp(0, 1)
            psnr.append(-10 * np.log10((decoded - image).square().mean().item()))
        out[f"psnr_{snr:g}_db"] = round(float(np.mean(psnr)), 3)
    return out


class Average:
    """Exponential moving average of the weights; what is exported."""

    def __init__(self, net: HdaDeepsc) -> None:
        self.weights = {k: v.detach().clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: HdaDeepsc, step: int) -> None:
        keep = min(0.5 ** (1 / EMA_HALF_LIFE), (1 + step) / (10 + step))
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                self.weights[name].lerp_(value, 1 - keep)


def train(
    recipe: Recipe, folders: list[Path], folder: Path, minutes: float, stop_at: int | None = None
) -> None:
    """Run or go on with a recipe, until its end, `stop_at` or for `minutes`; leaves `state.pt` and
    `log.jsonl` in the folder.
    """
    photos = load_photos(folders, 256)
    held_out, photos = (
        photos[::VALIDATION_EVERY][:24],
        [p for i, p in enumerate(photos) if i % VALIDATION_EVERY],
    )
    folder.mkdir(parents=True, exist_ok=True)
    state_file, began = folder / "state.pt", time.time()
    net, step = build(recipe, photos), 0
    average, optimiser, stage, spent = Average(net), None, 0, 0.0
    saved = torch.load(state_file, weights_only=True) if state_file.exists() else None
    if saved:
        net.load_state_dict(saved["net"])
        average.weights, step, spent = saved["average"], saved["step"], saved["seconds"]
    last_save = time.time()
    with (folder / "log.jsonl").open("a") as log:

        def say(**what: object) -> None:
            line = json.dumps({"step": step, "seconds": round(spent + time.time() - began), **what})
            print(line, flush=True)
            log.write(line + "\n")
            log.flush()

        def save() -> None:
            state = {"net": net.state_dict(), "average": average.weights, "step": step, "stage": stage}
            state |= {"optimiser": optimiser.state_dict(), "seconds": spent + time.time() - began}
            torch.save(state, folder / "state.tmp")
            (folder / "state.tmp").rename(state_file)

        if not saved:
            say(
                parameters=sum(p.numel() for p in net.parameters()),
                photos=len(photos),
                **validate(net, held_out),
            )
        while step < min(recipe.steps, stop_at or recipe.steps) and time.time() - began < 60 * minutes:
            if recipe.stage(step) != stage:
                stage = recipe.stage(step)
                optimiser = torch.optim.AdamW(
                    trained_in(net, stage), lr=recipe.lr, weight_decay=1e-5, betas=(0.9, 0.99)
                )
                if saved and saved["stage"] == stage:
                    optimiser.load_state_dict(saved["optimiser"])
                saved = None
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate(step)
            rng = np.random.default_rng((recipe.seed, 1, step))
            image = crops(photos, recipe.photos, recipe.crops_each, recipe.crop, (recipe.seed, 2, step))
            loss, facts = loss_of(
                net, image, stage, rng, torch.Generator().manual_seed(recipe.seed * 10**7 + step)
            )
            optimiser.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(trained_in(net, stage), recipe.clip)
            if torch.isfinite(norm):
                optimiser.step()
            step += 1
            average.update(net, step)
            if step % LOG_EVERY == 0:
                say(loss=round(loss.item(), 4), norm=round(norm.item(), 3), **facts)
            if step % recipe.validate_every == 0:
                kept = {k: v.clone() for k, v in net.state_dict().items()}
                net.load_state_dict(average.weights)
                say(**validate(net, held_out))
                net.load_state_dict(kept)
            if time.time() - last_save > CHECKPOINT_S:
                save()
                last_save = time.time()
        save()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument(
        "--data", type=Path, action="append", required=True, help="a folder of training photos"
    )
    parser.add_argument(
        "--folder", type=Path, help="where checkpoints and the log go (default checkpoints/RECIPE)"
    )
    parser.add_argument("--minutes", type=float, default=1e9, help="stop, with a checkpoint, after this long")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    folder = given.folder or Path("checkpoints") / given.recipe
    train(RECIPES[given.recipe], given.data, folder, given.minutes)


if __name__ == "__main__":
    main()
