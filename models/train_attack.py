"""Training of the attack on HDA-DeepSC's analog part: the codec is frozen, the link is its twin.

    python -m models.train_attack RECIPE --codec CHECKPOINTS --data FOLDER [--data FOLDER ...] [--minutes M]

CHECKPOINTS is a run of `models.train`. A picture is four crops of two photos, since which reals are sent
depends on the whole picture. Resumable: what a step sees depends on (seed, step) alone.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from models import twin
from models.attack import KNOTS, KNOTS_PER_UNIT, Attack, AttackSize, batch, guessed
from models.data import crops, load_photos, parted
from models.exporting import load_average
from models.hda_deepsc import HdaDeepsc
from models.recipes import RECIPES as CODECS
from models.run import Run, ending_in_a_line, parsed, training_parser, warm_cosine
from models.semantic import STRIDE, Trunk
from models.train import side as codec_side

LOG_EVERY, VALIDATE_EVERY, VALIDATED = 100, 400, 6
RATIOS, BANDWIDTHS = (0.2, 0.4, 0.875, 1.5, 3.0), (1 / 12, 1 / 6, 1 / 4)
SNRS_DB = (-1.0, 21.0)
PLACES_WEIGHT = 0.1
ROUNDS = 3
"""Of the network, the last of which gives the picture."""
RIDGE = 1e-3


@dataclass(frozen=True, kw_only=True)
class AttackRecipe:
    """A training run: the learning rate warms up over 50 steps and falls as a cosine to 0.

    codec: the recipe, and the card, of what is attacked. photos: of which `crops_each` crops are encoded
    once. known: share of pictures whose places are told, which is the attack's upper bound.
    """

    size: AttackSize
    codec: str = "hda_deepsc"
    steps: int = 2400
    seed: int = 1
    pictures: int = 2
    photos: int = 500
    crops_each: int = 2
    crop: int = 192
    fits: int = 32
    known: float = 0.2
    lr: float = 1e-3
    clip: float = 1.0
    bfloat16: bool = True

    def learning_rate(self, step: int) -> float:
        return self.lr * warm_cosine(step, self.steps, 50)


RECIPES = {"hda_attack": AttackRecipe(size=AttackSize())}


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Crops and what the codec makes of them. image: uint8 [n, 3, H, W]; z, z_d: float16."""

    image: Tensor
    z: Tensor
    z_d: Tensor

    def picture(self, places: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Four of them, two by two, as one picture: I [1, 3, 2H, 2W] in [0, 1], z and z_D."""
        image, z, z_d = (_two_by_two(each[places].float()) for each in (self.image, self.z, self.z_d))
        return image / 255, z, z_d


def _two_by_two(four: Tensor) -> Tensor:
    rows = [torch.cat([four[i], four[i + 1]], -1) for i in (0, 2)]
    return torch.cat(rows, -2)[None]


@torch.no_grad()
def encoded(codec: HdaDeepsc, images: list[Tensor]) -> Encoded:
    """Of batches of crops [b, 3, H, W]."""
    pairs = [codec.encode(image) for image in images]
    return Encoded(
        image=torch.cat([(image * 255).round().byte() for image in images]),
        z=torch.cat([z.half() for z, _ in pairs]),
        z_d=torch.cat([z_d.half() for _, z_d in pairs]),
    )


def draw_conditions(rng: np.random.Generator) -> twin.Conditions:
    """What an attack meets: 0 to 20 dB, mostly a bandwidth ratio of 1/6."""
    snr = float(rng.uniform(*SNRS_DB))
    return twin.conditions(
        da_ratio=float(rng.choice(RATIOS)),
        bandwidth_ratio=1 / 6 if rng.random() < 0.8 else float(rng.choice(BANDWIDTHS)),
        design_snr_db=snr if rng.random() < 0.8 else snr + float(np.clip(rng.normal(0, 4), -10, 6)),
        snr_db=snr,
    )


@dataclass(frozen=True, kw_only=True)
class Overheard:
    """A picture's analog part: reals [n] of unit power with their noise, sent [M, h, w], which the attack is
    not told, and side [2].
    """

    reals: Tensor
    sent: Tensor
    side: Tensor


@torch.no_grad()
def overheard(
    codec: HdaDeepsc, z: Tensor, z_d: Tensor, c: twin.Conditions, noise: torch.Generator
) -> Overheard:
    """What goes through the air beside the bits, and arrives."""
    tokens = z.shape[2] * z.shape[3]
    step = twin.rate_controlled_step(codec, z_d, c.bits * tokens)
    known = codec.known(twin.quantise(z_d, codec.steps(step), c.bits), codec_side(c, step, codec, 1))
    sent = twin.sent_mask(known.log_variance, c.reals)[0]
    reals = codec.modulate(z, known.z_tilde, known.log_gain)[0][sent > 0]
    reals = reals / reals.square().mean().sqrt()
    noise_var = 10 ** (-c.snr_db / 10)
    reals = reals + noise_var**0.5 * torch.randn(reals.shape, generator=noise)
    side = torch.tensor([math.log(noise_var), len(reals) / tokens / codec.size.z_channels])
    return Overheard(reals=reals, sent=sent, side=side)


@torch.no_grad()
def start(net: Attack, codec: HdaDeepsc, crops: Encoded, recipe: AttackRecipe) -> None:
    """Set the mean shares of channels, and the linear map to LLSE of rightly placed reals."""
    m, blocks = codec.size.z_channels, 3 * STRIDE**2
    shares, weight = torch.zeros(KNOTS, m), torch.full((KNOTS, 1), 1e-6)
    xx, xi = RIDGE * torch.eye(m), torch.zeros(m, blocks)
    for i in range(recipe.fits):
        rng, noise = np.random.default_rng((recipe.seed, 3, i)), torch.Generator().manual_seed(i)
        image, z, z_d = crops.picture(drawn(rng, recipe))
        heard = overheard(codec, z, z_d, draw_conditions(rng), noise)
        at = heard.side[1] * KNOTS_PER_UNIT
        hat = torch.relu(1 - (at - torch.arange(KNOTS)).abs())[:, None]
        shares += hat * heard.sent.mean((1, 2))
        weight += hat
        x = batch([heard.reals], [heard.sent.reshape(-1).nonzero()[:, 0]], tuple(heard.sent.shape))[0]
        rows = x[0].reshape(m, -1)
        pixels = torch.nn.functional.unfold(image - 0.5, STRIDE, stride=STRIDE)[0]
        xx, xi = xx + rows @ rows.T / rows.shape[1], xi + rows @ pixels.T / rows.shape[1]
    even = torch.arange(KNOTS)[:, None] / KNOTS_PER_UNIT
    net.shares.copy_(torch.where(weight > 1e-3, shares / weight, even.expand(-1, m)))
    net.linear.weight.copy_(torch.linalg.solve(xx, xi).reshape(m, 3, STRIDE, STRIDE))
    net.trust.bias.fill_(2.0)


def drawn(rng: np.random.Generator, recipe: AttackRecipe) -> list[int]:
    """Four crops, of two photos."""
    photos, each = rng.choice(recipe.photos, 2, replace=False), recipe.crops_each
    return rng.permutation(
        [int(p) * each + int(i) for p in photos for i in rng.choice(each, 2, replace=False)]
    ).tolist()


class AttackRun(Run):
    """A run of the attack's recipe, against a frozen codec."""

    def __init__(
        self, net: Attack, codec: HdaDeepsc, crops: Encoded, recipe: AttackRecipe, folder: Path
    ) -> None:
        super().__init__(net.to(memory_format=torch.channels_last), folder)
        self.codec, self.crops, self.recipe = codec, crops, recipe
        self.optimiser = torch.optim.AdamW(
            net.parameters(), lr=recipe.lr, weight_decay=1e-4, betas=(0.9, 0.99)
        )

    def take_step(self) -> dict:
        recipe, net = self.recipe, self.net
        rng = np.random.default_rng((recipe.seed, 1, self.step))
        noise = torch.Generator().manual_seed(recipe.seed * 10**7 + self.step)
        seen = [self.crops.picture(drawn(rng, recipe)) for _ in range(recipe.pictures)]
        conditions = [draw_conditions(rng) for _ in seen]
        heard = [
            overheard(self.codec, z, z_d, c, noise) for (_, z, z_d), c in zip(seen, conditions, strict=True)
        ]
        rounds = -1 if rng.random() < recipe.known else int(rng.integers(ROUNDS))
        self.learn_at(recipe.learning_rate(self.step))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.bfloat16):
            image, logit = attacked(net, heard, rounds)
        distortion = (image.float() - torch.cat([i for i, _, _ in seen])).square().mean((1, 2, 3))
        misfit = binary_cross_entropy_with_logits(logit.float(), torch.stack([each.sent for each in heard]))
        norm = self.descend(distortion.log().mean() + PLACES_WEIGHT * misfit, recipe.clip)
        return {
            "rounds": rounds,
            "psnr": round(-10 * distortion.log10().mean().item(), 3),
            "misfit": round(misfit.item(), 4),
            "norm": round(norm, 3),
        }


def attacked(net: Attack, heard: list[Overheard], rounds: int) -> tuple[Tensor, Tensor]:
    """I^ and logits after so many rounds of guessing places; -1: they are told."""
    side, shape = torch.stack([each.side for each in heard]), tuple(heard[0].sent.shape)
    reals = [each.reals for each in heard]
    if rounds < 0:
        places = [each.sent.reshape(-1).nonzero()[:, 0] for each in heard]
    else:
        places = guessed(net, reals, side, shape, rounds)
    x, sent = batch(reals, places, shape)
    return net(x.contiguous(memory_format=torch.channels_last), sent, side)


@torch.no_grad()
def validate(net: Attack, codec: HdaDeepsc, held_out: Encoded) -> dict[str, float]:
    """Mean PSNR of held-out pictures at 10 dB and a bandwidth ratio of 1/6, places guessed (after one round
    and the last) or told.
    """
    out = {}
    pictures = [held_out.picture(list(range(i, i + 4))) for i in range(0, len(held_out.z), 4)]
    for ratio in (0.2, 0.875, 3.0):
        c = twin.conditions(da_ratio=ratio, bandwidth_ratio=1 / 6, design_snr_db=10.0, snr_db=10.0)
        noise = torch.Generator().manual_seed(1)
        heard = [overheard(codec, z, z_d, c, noise) for _, z, z_d in pictures]
        for name, rounds in (("one_round", 0), ("guessed", ROUNDS - 1), ("told", -1)):
            psnr = []
            for (image, _, _), each in zip(pictures, heard, strict=True):
                error = (attacked(net, [each], rounds)[0].clamp(0, 1) - image).square().mean().item()
                psnr.append(-10 * math.log10(error))
            out[f"psnr_{name}_{ratio:g}"] = round(float(np.mean(psnr)), 3)
    return out


def train(
    recipe: AttackRecipe,
    codec: HdaDeepsc,
    codec_steps: int,
    folders: list[Path],
    folder: Path,
    minutes: float,
    *,
    stop_at: int | None = None,
) -> None:
    """Run a recipe or go on with it, until its end, step `stop_at`, or for `minutes`.

    codec_steps: for how many steps the codec was trained, which tells its card from others.
    """
    photos, held_out = parted(load_photos(folders, 256), VALIDATED)
    for module in codec.modules():
        if isinstance(module, Trunk):
            module.bfloat16 = recipe.bfloat16
    n, each, size = recipe.photos, recipe.crops_each, recipe.crop
    seen = encoded(codec, [crops(photos, 1, each, size, (recipe.seed, 2, i)) for i in range(n)])
    tested = encoded(codec, [crops([photo], 1, 4, size, (7, i)) for i, photo in enumerate(held_out)])
    torch.manual_seed(recipe.seed)
    run = AttackRun(Attack(recipe.size), codec, seen, recipe, folder)
    if not run.restore():
        start(run.net, codec, seen, recipe)
        run.average_from_here()
        run.say(
            parameters=sum(p.numel() for p in run.net.parameters()),
            photos=len(photos),
            codec_steps=codec_steps,
            **validate(run.net, codec, tested),
        )
    run.drive(
        run.take_step,
        lambda: validate(run.net, codec, tested),
        steps=recipe.steps,
        stop_at=stop_at,
        minutes=minutes,
        log_every=LOG_EVERY,
        measure_every=VALIDATE_EVERY,
    )


@ending_in_a_line()
def main() -> None:
    parser = training_parser(__doc__, RECIPES)
    parser.add_argument("--codec", type=Path, required=True, help="checkpoints of the codec that is attacked")
    parser.add_argument(
        "--data", type=Path, action="append", required=True, help="a folder of training photos"
    )
    given = parsed(parser)
    recipe = RECIPES[given.recipe]
    codec, facts = load_average(HdaDeepsc(CODECS[recipe.codec].size), given.codec)
    train(recipe, codec, facts["steps"], given.data, given.folder, given.minutes)


if __name__ == "__main__":
    main()
