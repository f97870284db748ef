"""The link as training sees it: grants by DA ratio, AMC, rate control and noise, differentiable and without
bits.

The real link (`phy`) decides every measured number; this twin only has to draw the conditions that a codec
meets there: the digital part arrives (the paper trains it error-free), the analog part arrives with noise.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.hda_deepsc import HdaDeepsc

SAMPLES_PER_TOKEN = 192
LOG2_STEPS = (-5.0, 3.0)
ROUNDS = 8
AMC = ((-99.0, 0.5), (3.0, 1.0), (6.0, 1.5), (8.3, 2.0), (11.8, 3.0))
"""(SNR in dB from which, information bits per channel use) of the HDA set, about 0.3 dB above the link's own
thresholds.
"""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What one batch meets. reals: analog reals per token; bits: payload bits per token; SNRs in dB, Es/N0
    per use.
    """

    reals: float
    bits: float
    design_snr_db: float
    snr_db: float


DA_RATIOS = (0.0, 0.0, 0.05, 0.1, 0.4, 0.875, 1.5, 3.0, math.inf)


def draw_conditions(rng: np.random.Generator, main: float, only: float | None = None) -> Conditions:
    """A share `main` of the main case (DA ratio 0.2, bandwidth ratio 1/6), the rest spread over what one
    network should serve; or one DA ratio `only`.
    """
    da_ratio = 0.2 if rng.random() < main else float(rng.choice(DA_RATIOS))
    da_ratio = da_ratio if only is None else only
    bandwidth_ratio = 1 / 6 if rng.random() < 0.8 else float(rng.choice([1 / 12, 1 / 4]))
    design = float(rng.uniform(-2, 22))
    snr = design if rng.random() < 0.6 else design + float(np.clip(rng.normal(0, 4), -10, 6))
    return conditions(da_ratio=da_ratio, bandwidth_ratio=bandwidth_ratio, design_snr_db=design, snr_db=snr)


def conditions(*, da_ratio: float, bandwidth_ratio: float, design_snr_db: float, snr_db: float) -> Conditions:
    """Grants of a DA ratio, 0 (analog alone) to infinity (digital alone)."""
    uses = bandwidth_ratio * SAMPLES_PER_TOKEN
    digital = uses / (1 + 1 / da_ratio) if da_ratio else 0.0
    per_use = max(rate for threshold, rate in AMC if design_snr_db >= threshold)
    return Conditions(
        reals=2 * (uses - digital), bits=digital * per_use, design_snr_db=design_snr_db, snr_db=snr_db
    )


@torch.no_grad()
def rate_controlled_step(net: HdaDeepsc, z_d: Tensor, budget_bits: float, rounds: int = ROUNDS) -> Tensor:
    """The smallest step with which the whole batch z_D costs at most `budget_bits`, by bisection in log2.

    Without a digital part (budget 0) it is the largest step.
    """
    low, high = LOG2_STEPS
    if budget_bits == 0:
        return torch.tensor(2.0**high)
    for _ in range(rounds):
        middle = (low + high) / 2
        steps = net.steps(torch.tensor(2.0**middle))
        spent = net.density.bits(rounded(z_d, steps), steps).sum().item()
        low, high = (low, middle) if spent <= budget_bits else (middle, high)
    return torch.tensor(2.0**high)


def is_finest(step: Tensor) -> bool:
    """Whether rate control ended, after `ROUNDS`, at its smallest step: the budget holds all, and
    a bit more costs nothing.
    """
    low, high = LOG2_STEPS
    return step.log2().item() <= low + (high - low) * 0.5**ROUNDS


def rounded(z_d: Tensor, steps: Tensor) -> Tensor:
    """z_D [B, D, h, w] to the nearest multiples of its channels' steps [D]."""
    each = steps[:, None, None]
    return torch.round(z_d / each) * each


def quantise(z_d: Tensor, steps: Tensor, budget_bits: float) -> Tensor:
    """z_D rounded, with the gradient of the identity; zero where there is no digital part."""
    if budget_bits == 0:
        return torch.zeros_like(z_d)
    return z_d + (rounded(z_d, steps) - z_d).detach()


def sent_mask(log_variance: Tensor, reals: float) -> Tensor:
    """1 where a real of [B, M, h, w] is sent: the reals * tokens places of largest variance in the batch."""
    b, m, h, w = log_variance.shape
    n = min(int(reals * b * h * w), b * m * h * w)
    mask = torch.zeros(log_variance.numel(), dtype=log_variance.dtype)
    mask[log_variance.detach().reshape(-1).topk(n, sorted=False).indices] = 1.0
    return mask.reshape(log_variance.shape)


def through_air(x: Tensor, mask: Tensor, snr_db: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Received reals and their noise variance (negative: not sent), on the scale of x; one power for the
    whole batch.
    """
    power = (x.square() * mask).sum() / mask.sum().clamp_min(1.0)
    noise_var = (power + 1e-9) * 10 ** (-snr_db / 10)
    noise = torch.randn(x.shape, generator=generator)
    return (x + noise_var.sqrt() * noise) * mask, torch.where(mask > 0, noise_var, -1.0)
