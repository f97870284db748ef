"""One recipe per checkpoint: what is trained, on how much, with which seed."""

from dataclasses import dataclass, replace
from pathlib import Path

from models.hda_deepsc import ACTIVITY_CHANNELS
from models.losses import FOURIER_WEIGHT
from models.run import WEIGHTS, Schedule
from models.semantic import Size


@dataclass(frozen=True, kw_only=True)
class Recipe(Schedule):
    """A training run. A batch is `crops_each` crops of `photos` photos; stages 1 and 2 take the given shares
    of `steps`. The learning rate warms up in each.

    features_from: weights of another network, whose semantic networks are taken.
    start_fits: batches that fit the predicted variances before.
    main: share of batches under the main case (`models.twin.draw_conditions`).
    da_ratio: the only one, where one is.
    """

    size: Size
    stage_1: int
    stage_2: int
    seed: int = 1
    lr: float = 3e-4
    warm: int = 200
    clip: float = 1.0
    photos: int = 2
    crops_each: int = 4
    crop: int = 128
    bfloat16: bool = True
    validate_every: int = 500
    start_photos: int = 150
    start_fits: int = 600
    features_from: Path | None = None
    main: float = 0.6
    da_ratio: float | None = None
    fourier_weight: float = FOURIER_WEIGHT

    @property
    def main_da_ratio(self) -> float:
        """The one that is validated."""
        return 0.2 if self.da_ratio is None else self.da_ratio

    def stage(self, step: int) -> int:
        return 1 if step < self.stage_1 else 2 if step < self.stage_1 + self.stage_2 else 3

    def begin(self, step: int) -> int:
        return {1: 0, 2: self.stage_1, 3: self.stage_1 + self.stage_2}[self.stage(step)]


PAPER = Size(token_stride=4, width=120, heads=6, layers=6)
"""The paper's semantic codec: 6 Swin layers, 6 heads, width 120 (its token stride is not stated)."""

SMALL = Size(token_stride=8, width=192, heads=6, layers=4)
"""Swin layers at the stride of z: a 768x512 photo in well under a second each way on two cores."""

ANALOG = replace(SMALL, z_d_channels=ACTIVITY_CHANNELS + 1, hyper_width=16)
"""The same semantic codec; of a digital part that is never sent, the least that there can be."""

RECIPES = {
    "hda_deepsc": Recipe(
        size=SMALL,
        features_from=WEIGHTS / "hda_deepsc_s.npz",
        steps=9800,
        stage_1=0,
        stage_2=0,
        decay=2500,
        again=((5400, 2e-4),),
    ),
    "analog_deepsc": Recipe(
        size=ANALOG,
        features_from=WEIGHTS / "hda_deepsc_s.npz",
        steps=10800,
        stage_1=0,
        stage_2=0,
        decay=1500,
        again=((3000, 2e-4),),
        da_ratio=0.0,
        fourier_weight=0.0,
    ),
    "hda_deepsc_paper": Recipe(size=PAPER, steps=400_000, stage_1=40_000, stage_2=60_000, decay=100_000),
}
