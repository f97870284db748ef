"""HSC's semantic representation (Nam, Park, Choi, Kim: Hybrid Semantic-Complementary Transmission, sec. II).

    X -> FC 784-2048-1024-512 -> mu, log s^2 -> z = mu + e s -> sqrt(k) z/|z| ~~> channel
    z^ -> FC 512-1024-2048-784 -> X^

VAE: e ~ N(0, 1). VQ-VAE: z = mu is replaced by the nearest of 256 codewords, one for the whole vector.

Beyond the paper's text, and why:
- The paper writes z in C^k and heads of k = 128: here a head has 2k reals, sent as k complex channel uses.
- One network serves every k: the heads have 2 K reals, K the largest k; of these the first 2k are sent, and
  the decoder is told k. Training draws k anew for every batch.
- Half of a batch is sent as its mean (e = 0), so that a transmitter may send that and stay deterministic.

Shapes: X, X^: [B, L L] in [0, 1]; mu, log s^2, z: [B, 2 K], of which the first 2k count; z^ is 0 behind them.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from models.codebook import nearest


@dataclass(frozen=True, kw_only=True)
class HscSize:
    """pixels: L L; widths: of the encoder's hidden layers, which the decoder reverses; uses: the largest k;
    codewords: 0 for a VAE. shrinks: the decoder first scales what it received by 2k / |z^|^2.
    """

    pixels: int = 784
    widths: tuple[int, ...] = (2048, 1024, 512)
    uses: int = 512
    codewords: int = 0
    shrinks: bool = False


def stack(sizes: list[int]) -> nn.Sequential:
    """Fully connected layers with a ReLU behind each."""
    layers = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
    return nn.Sequential(*layers)


class Hsc(nn.Module):
    """Semantic encoder f and decoder f^-1 of (1) and (6)."""

    def __init__(self, size: HscSize) -> None:
        super().__init__()
        self.size = size
        reals, widths = 2 * size.uses, list(size.widths)
        self.trunk = stack([size.pixels, *widths])
        self.mean = nn.Linear(widths[-1], reals)
        self.log_variance = None if size.codewords else nn.Linear(widths[-1], reals)
        self.register_buffer("codebook", torch.randn(size.codewords, reals) if size.codewords else None)
        self.register_buffer("share", torch.ones(size.codewords) if size.codewords else None)
        self.decoder = nn.Sequential(
            stack([reals + 1, *reversed(widths)]), nn.Linear(widths[0], size.pixels), nn.Sigmoid()
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """mu and log s^2 of (1)'s two heads; log s^2 is -inf's stand-in, -30, where there is no such head."""
        hidden = self.trunk(x)
        mean = self.mean(hidden)
        if self.log_variance is None:
            return mean, torch.full_like(mean, -30.0)
        return mean, self.log_variance(hidden).clamp(-12, 2)

    def picked(self, mean: Tensor, uses: int) -> Tensor:
        """The index [B] of the codeword nearest to the first 2k reals of the mean."""
        sent = slice(0, 2 * uses)
        return nearest(mean[:, sent].float(), self.codebook[:, sent])

    def nearest(self, mean: Tensor, uses: int) -> Tensor:
        """The codeword [B, 2 K] nearest to the first 2k reals of the mean."""
        return self.codebook[self.picked(mean, uses)]

    def decode(self, z: Tensor, uses: Tensor) -> Tensor:
        """X^ of z^ [B, 2 K], 0 behind the reals that were sent, and k [B]."""
        z = shrunk(z, uses) if self.size.shrinks else z
        told = (uses.to(z.dtype).log2() / 9)[:, None]
        return self.decoder(torch.cat([z, told], 1))


def normalised(z: Tensor, uses: int) -> Tensor:
    """sqrt(2k) z/|z| over the first 2k reals, 0 behind them; its pairs over sqrt(2) have mean power 1."""
    sent = torch.where(torch.arange(z.shape[1]) < 2 * uses, z, 0.0)
    return sent * (2 * uses) ** 0.5 / sent.norm(dim=1, keepdim=True).clamp(min=1e-6)


def shrunk(z: Tensor, uses: Tensor) -> Tensor:
    """z^ 2k / |z^|^2 of z^ [B, 2 K] and k [B]: about what the least mean squared error asks for.

    |z|^2 = 2k was sent, and noise of variance v a real makes it about 2k (1 + v): the factor is 1 / (1 + v),
    and 1 where nothing was lost. Behind a deep fade nearly nothing is left, rather than noise of any size.
    """
    energy = 2 * uses.to(z.dtype)[:, None]
    return z * energy / z.square().sum(1, keepdim=True).clamp(min=1e-6)
