"""DiffSDNet: the network that predicts the noise of detected symbols (Xie et al. 2025, sec. IV-B).

    x^ = x + s eps (30)  ->  eps_w(x^, s),  whatever s: noise levels of the channel and of the steps below it

The schedule of (31) and (32), v = x^ / sqrt(1 + s^2), is a change of scale that the host makes
(`linksim.codecs.denoiser`); a network that is told s serves every schedule and number of steps. The same
network, at random steps, is DDPM.

Beyond the paper's text, and why:
- **It starts as the Gaussian score.** Reals have unit mean power, but a variance v of their own each channel.
  With a = sqrt(v + s^2) the best linear estimate of eps is s x^ / a^2, and

      eps_w = s x^ / a^2 - sqrt(v) / a F(x^ / a, log s^2)

  with F = 0 where training starts: every sampler then gives linear estimates, and training can only gain.
- **F works on whitened reals** x^ / a of unit variance in all channels and at all s; what it predicts, the
  error of the linear estimate, has unit variance too.
- s may differ from real to real, as fades within a frame make it. Each real is whitened by its own; F is told
  the mean of log s^2.
- A million parameters: an OpenAI-style UNet of two resolutions (Nichol and Dhariwal 2021: residual blocks
  with group normalisation scaled and shifted by the level, attention at the lower one).

Shapes: x^, eps: [B, C, h, w], reals of unit mean power in the C channels of z that are sent, of which some
places may not be; noise: [B, C, h, w], s^2 per real, negative where none was sent. h, w: multiples of 2.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.semantic import zero

LEVELS = 32
"""Numbers that tell log s^2: sines and cosines of it at 16 frequencies."""
SNR_DB = (-8.0, 26.0)
"""-10 log10 s^2 in training, and the most and least that F is told."""


@dataclass(frozen=True, kw_only=True)
class UnetSize:
    """widths: channels at the tokens' resolution and at half of it; heads: of the attention there."""

    widths: tuple[int, int] = (64, 80)
    heads: int = 4
    level_width: int = 96


def of_level(log_noise: Tensor) -> Tensor:
    """[B] -> [B, LEVELS]: sin and cos of log s^2 at frequencies 1/16 ... 8."""
    octaves = torch.arange(LEVELS // 2, dtype=log_noise.dtype, device=log_noise.device)
    at = log_noise[:, None] * 2.0 ** (-4 + 7 * octaves / (LEVELS // 2 - 1))
    return torch.cat([at.sin(), at.cos()], 1)


class Residual(nn.Module):
    """x + conv(act(norm(conv(act(norm(x)))))), the second normalisation scaled and shifted by the level."""

    def __init__(self, inputs: int, outputs: int, level_width: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.GroupNorm(8, inputs), nn.GroupNorm(8, outputs)
        self.conv_1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv_2 = zero(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.level = nn.Linear(level_width, 2 * outputs)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        inner = self.conv_1(nn.functional.silu(self.norm_1(x)))
        scale, shift = self.level(level)[:, :, None, None].chunk(2, 1)
        inner = self.norm_2(inner) * (1 + scale) + shift
        return self.skip(x) + self.conv_2(nn.functional.silu(inner))


class Attention(nn.Module):
    """x + attention over all places."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.norm = heads, nn.GroupNorm(8, width)
        self.into, self.out = nn.Conv2d(width, 3 * width, 1), zero(nn.Conv2d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        parts = self.into(self.norm(x)).reshape(b, 3, self.heads, c // self.heads, h * w)
        q, k, v = parts.transpose(3, 4).unbind(1)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return x + self.out(mixed.transpose(2, 3).reshape(b, c, h, w))


class Unet(nn.Module):
    """F [B, C, h, w] of whitened reals [B, C, h, w] and log s^2 [B]; 0 where training starts."""

    def __init__(self, size: UnetSize, channels: int) -> None:
        super().__init__()
        (a, b), level = size.widths, size.level_width
        self.level = nn.Sequential(nn.Linear(LEVELS, level), nn.SiLU(), nn.Linear(level, level), nn.SiLU())
        self.into = nn.Conv2d(channels, a, 3, padding=1)
        self.down_1, self.pool = Residual(a, a, level), nn.Conv2d(a, a, 3, 2, 1)
        self.down_2 = Residual(a, b, level)
        self.middle_1, self.attention = Residual(b, b, level), Attention(b, size.heads)
        self.middle_2 = Residual(b, b, level)
        self.up_2, self.up = Residual(2 * b, b, level), nn.Conv2d(b, a, 3, padding=1)
        self.up_1 = Residual(3 * a, a, level)
        self.norm, self.out = nn.GroupNorm(8, a), zero(nn.Conv2d(a, channels, 3, padding=1))

    def forward(self, white: Tensor, log_noise: Tensor) -> Tensor:
        level = self.level(of_level(log_noise))
        first = self.into(white)
        fine = self.down_1(first, level)
        coarse = self.down_2(self.pool(fine), level)
        inner = self.middle_2(self.attention(self.middle_1(coarse, level)), level)
        inner = self.up_2(torch.cat([inner, coarse], 1), level)
        grown = self.up(nn.functional.interpolate(inner, scale_factor=2, mode="nearest"))
        out = self.up_1(torch.cat([grown, fine, first], 1), level)
        return self.out(nn.functional.silu(self.norm(out)))


class SymbolDenoiser(nn.Module):
    """eps_w(x^, s): the Gaussian score with a network's correction. variance: v [C] at unit mean power."""

    bfloat16 = False
    """Whether the network's inside runs in bfloat16 while training; the Gaussian part never does."""

    def __init__(self, network: nn.Module, variance: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("variance", variance.float())

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        sent = (noise >= 0).to(x.dtype)
        noise = noise.clamp_min(1e-9)
        variance = self.variance[None, :, None, None]
        a = (variance + noise).sqrt()
        count = sent.sum((1, 2, 3)).clamp_min(1.0)
        log_noise = (noise.log() * sent).sum((1, 2, 3)) / count
        log_noise = log_noise.clamp(*(-db / 10 * math.log(10) for db in reversed(SNR_DB)))
        white = sent * x / a
        if self.bfloat16:
            with torch.autocast(x.device.type, dtype=torch.bfloat16):
                f = self.network(white, log_noise).float()
        else:
            f = self.network(white, log_noise)
        return sent * (noise.sqrt() * x / (a * a) - variance.sqrt() / a * f)


def pixel_loss(eps: Tensor, found: Tensor, noise: Tensor, variance: Tensor) -> Tensor:
    """|eps - eps_w|^2 (29) of reals that were sent, as a share of what the Gaussian estimate leaves.

    A channel counts by its v: power allocation, amplitude as variance^(-1/4), makes a real of variance v
    worth v in squared error of z, and so of pixels. At every level s the Gaussian estimate has 1.
    """
    sent = (noise >= 0).to(eps.dtype)
    v = variance[None, :, None, None]
    left = (sent * v * (eps - found).square()).sum((1, 2, 3))
    linear = (sent * v * v / (v + noise.clamp_min(1e-9))).sum((1, 2, 3))
    return left / linear.clamp_min(math.ulp(1.0))
