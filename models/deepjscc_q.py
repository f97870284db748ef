"""DeepJSCC-Q: DeepJSCC whose symbols are points of a fixed constellation (Tung, Kurka, Jankowski, Gunduz,
IEEE JSAIT 2022).

    x -> nearest point s_q on the air;  its gradient that of the soft point sum_j p_j c_j,
    p_j ~ exp(-a |x - c_j|^2 / d^2), a rising in training (soft to hard); ln(MSE) + 0.05 KL(P || uniform)

P: how often the points are sent, from the p of a batch. Uniform use of a constellation of unit energy has
mean power 1, so nothing is normalised and no picture's contrast is hidden. The constellation is a square QAM,
K levels an axis, d apart: p factorises into its axes. The network is that of `models.deepjscc`. Our own,
beside the paper: ln(MSE), where its loss has the MSE; the course of a; and a Hadamard matrix that mixes the
c reals of a place (as in SoftCast), so that all have like distributions and few are clipped by the outermost
points; the receiver turns them back.

Shapes: x: [B, c, h, w] of reals on the scale of the points.
"""

import math

import torch
from torch import Tensor

DIVERGENCE_WEIGHT = 0.05
SHARPNESS = (1.0, 6.0)
"""a at the first step and from half of the steps on; a point's neighbour then weighs exp(-a) of it."""


def levels(n: int) -> Tensor:
    """The n levels of an axis of square QAM with n^2 points of unit mean energy, rising: [n]."""
    odd = torch.arange(n, dtype=torch.float64) * 2 - (n - 1)
    return (odd / (2 * odd.square().mean()).sqrt()).float()


def points(n: int) -> list[complex]:
    """The n^2 points, the real axis slowest."""
    axis = levels(n).double().tolist()
    return [complex(i, q) for i in axis for q in axis]


def sharpness(step: int, steps: int) -> float:
    """a of a step."""
    first, last = SHARPNESS
    return first + (last - first) * min(1.0, 2 * step / steps)


def hard(x: Tensor, n: int) -> Tensor:
    """The level nearest to each real."""
    axis = levels(n)
    place = ((x - axis[0]) / (axis[1] - axis[0])).round().clamp(0, n - 1)
    return axis[place.long()]


def soft_to_hard(x: Tensor, n: int, a: float) -> tuple[Tensor, Tensor]:
    """Points on the air, with the gradient of the soft ones, and KL(P || uniform) in nats."""
    axis = levels(n)
    distance = (x[..., None] - axis).square() / (axis[1] - axis[0]).square()
    p = torch.softmax(-a * distance, -1)
    soft = (p * axis).sum(-1)
    real, imaginary = (p[:, i::2].reshape(-1, n) for i in (0, 1))
    joint = real.T @ imaginary / len(real)
    divergence = (joint * (joint.clamp(min=1e-12).log() + 2 * math.log(n))).sum()
    return soft + (hard(x.detach(), n) - soft).detach(), divergence
