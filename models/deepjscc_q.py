"""DeepJSCC-Q: DeepJSCC whose symbols are points of a fixed constellation (Tung, Kurka, Jankowski, Gunduz,
IEEE JSAIT 2022).

    x -> nearest point s_q on the air;  its gradient that of the soft point sum_j p_j c_j,
    p_j ~ exp(-a |x - c_j|^2 / d^2), a rising in training (soft to hard); ln(MSE) + 0.05 KL(P || uniform)

P: how often the points are sent, from the p of a batch. The constellation is a square QAM of unit energy, K
levels an axis, d apart: p factorises into its axes. The network is that of `models.deepjscc`. Our own, beside
the paper:

- ln(MSE), where its loss has the MSE; the course of a; training begins with what DeepJSCC learnt.
- A Hadamard matrix mixes the c reals of a place (as in SoftCast), so that all have like distributions and
  few are clipped by the outermost points; the receiver turns them back.
- A picture's reals are brought to r dB above the power of the points, and what points they become to power 1,
  as all that is sent: lower r clips less and rounds more. r, and the power p that the points then have, lie
  on lines over the SNR that are learned, and the receiver counts on them. A batch counts as one picture.
- Nothing but points is sent, so pilots tell the logarithm of a picture's factor, dithered: of a level between
  two, by how many are above. It is estimated by LLSE, as is what a pilot replaced, of the other reals of its
  place.

Shapes: x: [B, c, h, w] of reals on the scale of the points.
"""

import math

import torch
from torch import Tensor, nn

DIVERGENCE_WEIGHT = 0.05
SHARPNESS = (1.0, 6.0)
"""a at the first step and from half of the steps on; a point's neighbour then weighs exp(-a) of it."""
PILOT_EVERY = 8
"""Places, down and across."""
LOG_SCALE = 1.5
"""A pilot of 1 is a factor of e^1.5; 256-QAM reaches from 0.18 to 5.6."""
BACKOFFS_DB, ENDS_DB = torch.linspace(-12, 0, 49), (0.0, 20.0)
"""r that are tried, at two SNRs."""
GOLDEN = (5**0.5 - 1) / 2
"""Fractions of its multiples fill an interval evenly, however many there are."""


class OnPoints(nn.Module):
    """Between the c reals of a place that a network makes, of any power, and the scale of n^2 points."""

    def __init__(self, c: int, n: int) -> None:
        super().__init__()
        self.register_buffer("mixed", hadamard(c), persistent=False)
        self.register_buffer("axis", levels(n), persistent=False)
        self.backoff_db, self.power_db = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
        self.log_factor = nn.Parameter(torch.zeros(2))
        """Over pictures, at r = 0: its mean, and the logarithm of its variance."""
        self.step = (self.axis[1] - self.axis[0]).item()

    def mix(self, x: Tensor) -> Tensor:
        """x [B, c, h, w] mixed, or turned back."""
        return torch.einsum("oc,bchw->bohw", self.mixed, x)

    def scale(self, x: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """x on the scale of the points, and what pilots say of the factor, [h, w]. level: the SNR, [B, 1]."""
        r = nepers(self.backoff_db, level.mean())
        told = (r - (2 * x.square().mean()).clamp(min=1e-12).log() / 2) / LOG_SCALE
        told = told.clamp(self.axis[0].item(), self.axis[-1].item())
        return self.mix(x * (told * LOG_SCALE).exp()), told + self._dither(x)

    def unscale(
        self, y: Tensor, level: Tensor, noise: Tensor, prior: Tensor, pilot: int, there: Tensor
    ) -> tuple[Tensor, Tensor]:
        """x as it arrived, and its noise, [B, 1, 1, 1], that of the points included.

        level: the SNR, [B, 1]; prior: the variances of x, [c, 1, 1]; there: whether a pilot stands in
        channel `pilot`, [h, w].
        """
        sent = nepers(self.power_db, level.mean()).exp()
        y, noise = y * sent, noise * sent.square() + self.step**2 / 12
        told = torch.where(there, y[:, pilot] - self._dither(y), 0).mean() / there.float().mean()
        expected = nepers(self.backoff_db, level.mean()) + self.log_factor[0]
        spread, doubt = self.log_factor[1].exp(), LOG_SCALE**2 * noise.mean() / (there.sum() * y.shape[0])
        factor = (expected + spread / (spread + doubt) * (told * LOG_SCALE - expected)).exp()
        y, noise = y / factor, noise / factor.square()
        weight = self.mixed @ (self.mixed[:, pilot] / (prior.flatten() + noise.flatten(1))).T
        others = torch.einsum("cb,bchw->bhw", weight, y) - weight[pilot, :, None, None] * y[:, pilot]
        missing = -others / weight[pilot, :, None, None]
        own = torch.arange(y.shape[1], device=y.device)[:, None, None] == pilot
        return self.mix(torch.where(own & there, missing[:, None], y)), noise

    @torch.no_grad()
    def start(self, x: Tensor) -> None:
        """The r that loses least of x, of clipping, rounding and noise together; its p; how factors vary."""
        own = -(2 * x.square().mean((1, 2, 3))).clamp(min=1e-12).log() / 2
        self.log_factor.copy_(torch.stack([own.mean(), own.var().clamp(min=1e-3).log()]))
        x = self.mix(x * (2 * x.square().mean()).rsqrt())
        r, p = zip(*(self._best(x, snr_db) for snr_db in ENDS_DB), strict=True)
        for line, (low, high) in ((self.backoff_db, r), (self.power_db, p)):
            line.copy_(torch.stack([(low + high) / 2, (high - low) / 2]))

    def _best(self, x: Tensor, snr_db: float) -> tuple[Tensor, Tensor]:
        """r and p at an SNR."""
        tried = []
        for r in BACKOFFS_DB:
            gain = 10 ** (r / 20)
            s = hard(gain * x, len(self.axis))
            power = 2 * s.square().mean()
            lost = (s / gain - x).square().mean() + 10 ** (-snr_db / 10) / 2 * power / gain**2
            tried.append((lost.item(), r, 10 * power.log10()))
        return min(tried)[1:]

    def _dither(self, x: Tensor) -> Tensor:
        """What is added to pilots, between minus and plus half a step, [h, w]."""
        i, j = (torch.arange(n, device=x.device) // PILOT_EVERY for n in x.shape[2:])
        turn = i[:, None] * ((x.shape[3] + PILOT_EVERY - 1) // PILOT_EVERY) + j
        return ((turn * GOLDEN).remainder(1) - 0.5) * self.step


def nepers(line_db: Tensor, level: Tensor) -> Tensor:
    """A line over the SNR, in dB, as the natural logarithm of an amplitude."""
    return (line_db[0] + line_db[1] * level) * (math.log(10) / 20)


def hadamard(n: int) -> Tensor:
    """Sylvester's matrix of order n, a power of two, divided by sqrt n: orthonormal, its own inverse."""
    rows = torch.ones(1, 1)
    while len(rows) < n:
        rows = torch.cat([torch.cat([rows, rows], 1), torch.cat([rows, -rows], 1)])
    return rows / n**0.5


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
