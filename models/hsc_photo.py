"""HSC's semantic representation of colour photographs: Fig. 6, whose network the paper does not tell.

    X -> opponent colours -> DCT of the whole picture, its lowest frequencies (+ network) -> c
    mean = g c, log s^2;   z = mean + e s -> sqrt(2k) z/|z| ~~> channel           (as in models.hsc)
    z^ -> c^ by LLSE -> inverse DCT + network -> X^

Every stage is a linear map plus a network whose last layer starts at zero, so that training begins at a
classical codec: transform coding of a stationary picture with power allocation g = variance^(-1/4) (Lee and
Petersen 1976).

- Coefficients are ordered by their variance over training pictures: the first 2k reals are the best to send,
  and one network serves every k up to K.
- z is brought to a fixed power, so a picture's contrast would be lost. Real 0 is a pilot, the same for all
  pictures before that: what arrives of it tells the receiver the factor.
- Every real sent has mean power 1, so power beyond 1 tells the receiver the variance of the noise, after
  equalisation where there was any. Nothing else is told to it but k.

Shapes: X, X^: [B, H W 3], rows of pixels of three colours, in [0, 1]; mean, log s^2, z: [B, 2 K].
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.semantic import Trunk, zero

STRIDE = 4
"""Pixels a side of what the networks see as one place."""
LEAST_PILOT = 0.05


@dataclass(frozen=True, kw_only=True)
class PhotoSize:
    """side: of the square pictures, a multiple of 8; uses: the largest k; stem, width: channels at a quarter
    and an eighth of the side; encoder_blocks, decoder_blocks: residual blocks at an eighth.
    """

    side: int = 256
    uses: int = 2048
    stem: int = 64
    width: int = 96
    encoder_blocks: int = 3
    decoder_blocks: int = 6

    @property
    def pixels(self) -> int:
        """Samples of a picture, its colours counted."""
        return 3 * self.side**2


def cosines(n: int, kept: int) -> Tensor:
    """The first `kept` rows of the orthonormal DCT-II of length n, float32 [kept, n]."""
    f, t = torch.arange(kept, dtype=torch.float64)[:, None], torch.arange(n, dtype=torch.float64)
    rows = (2 / n) ** 0.5 * torch.cos(math.pi * (t + 0.5) * f / n)
    rows[0] /= 2**0.5
    return rows.float()


def opponents() -> Tensor:
    """Orthonormal [3, 3]: grey, red - blue, green - both."""
    rows = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 2.0, -1.0]])
    return rows / rows.norm(dim=1, keepdim=True)


class Residual(nn.Module):
    """x + conv(ReLU(conv(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.net = nn.Sequential(first, nn.ReLU(inplace=True), second)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)


class Body(nn.Module):
    """n_in channels -> `stem` at a quarter of the side, and residual blocks at an eighth beside them."""

    def __init__(self, size: PhotoSize, n_in: int, blocks: int) -> None:
        super().__init__()
        stem, width = size.stem, size.width
        self.stem = nn.Sequential(nn.Conv2d(n_in, stem, 3, padding=1), Residual(stem))
        down, up = (nn.PixelUnshuffle(2), nn.Conv2d(4 * stem, width, 1)), nn.Conv2d(width, 4 * stem, 1)
        middle = [Residual(width) for _ in range(blocks)]
        self.net = nn.Sequential(*down, *middle, up, nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        stem = self.stem(x)
        return stem + self.net(stem)


class HscPhoto(nn.Module):
    """Semantic encoder f and decoder f^-1 of (1) and (6) for colour photographs."""

    def __init__(self, size: PhotoSize) -> None:
        super().__init__()
        self.size = size
        low, reals = size.side // STRIDE, 2 * size.uses
        if not 1 < reals <= 3 * low**2:
            rule = f"must be at most {3 * low**2 // 2} for pictures of {size.side} a side"
            raise ValueError(f"uses: {rule}, got {size.uses}; send fewer")
        self.encoder = Trunk(nn.PixelUnshuffle(STRIDE), Body(size, 3 * STRIDE**2, size.encoder_blocks))
        self.shift = zero(nn.Conv2d(size.stem, 3, 3, padding=1))
        self.spread = zero(nn.Linear(size.stem, 1))
        out = zero(nn.Conv2d(size.stem, 3 * STRIDE**2, 3, padding=1))
        decoder = Body(size, 6, size.decoder_blocks)
        self.decoder = Trunk(decoder, Residual(size.stem), out, nn.PixelShuffle(STRIDE))
        self.log_gain, self.log_prior, self.log_spread = (nn.Parameter(torch.zeros(reals)) for _ in range(3))
        self.register_buffer("order", torch.arange(reals - 1))
        self.register_buffer("place", torch.zeros(3 * low**2, dtype=torch.int64))
        self.register_buffer("whole", cosines(size.side, low), persistent=False)
        self.register_buffer("coarse", cosines(low, low), persistent=False)
        self.register_buffer("colours", opponents(), persistent=False)

    def coefficients(self, image: Tensor) -> Tensor:
        """[B, 3, side/4, side/4]: the lowest frequencies of the opponent colours of [B, 3, side, side]."""
        colours = torch.einsum("oc,bchw->bohw", self.colours, image)
        return self.whole @ colours @ self.whole.T

    @torch.no_grad()
    def start(self, variance: Tensor, left: float) -> None:
        """Begin at the classical codec. variance: of coefficients, [3, side/4, side/4]; left: what a sample
        of z adds to each.
        """
        reals = 2 * self.size.uses
        variance = variance.flatten()
        self.order.copy_(variance.argsort(descending=True, stable=True)[: reals - 1])
        self.place.fill_(reals)
        self.place[self.order] = torch.arange(1, reals)
        kept = variance[self.order].clamp(min=1e-6).log()
        log_gain = -kept / 4
        power = (log_gain * 2 + kept).exp().mean()
        self.log_gain[1:] = log_gain - power.log() / 2
        self.log_gain[0] = self.log_gain[1] + kept[0] / 2
        self.log_prior[1:] = kept
        self.log_spread.copy_(2 * self.log_gain + math.log(left))
        self.log_spread[0] = -12.0

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """mean and log s^2, each [B, 2 K], of pictures [B, H W 3]."""
        side = self.size.side
        image = x.reshape(-1, side, side, 3).permute(0, 3, 1, 2) - 0.5
        features = self.encoder(image)
        shift = self.coarse @ self.shift(features) @ self.coarse.T
        c = (self.coefficients(image) + STRIDE * shift).flatten(1)[:, self.order]
        mean = torch.cat([torch.ones_like(c[:, :1]), c], 1) * self.log_gain.exp()
        spread = self.log_spread + self.spread(features.sum((2, 3)) * (STRIDE / side) ** 2)
        return mean, spread.clamp(-12, 2)

    def heard(self, z: Tensor, uses: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """c^ [B, 2 K] by LLSE; the noise's variance and the factor that z was multiplied by, [B, 1]."""
        noise = torch.relu(z.square().sum(1, keepdim=True) / (2 * uses[:, None]) - 1)
        gain, prior = self.log_gain.exp(), self.log_prior.exp()
        factor = (z[:, :1] / gain[0]).clamp(min=LEAST_PILOT)
        scaled = gain * factor
        return z * scaled * prior / (scaled.square() * prior + noise), noise, factor

    def decode(self, z: Tensor, uses: Tensor) -> Tensor:
        """X^ [B, H W 3], not clipped, of z^ [B, 2 K], 0 behind the reals that were sent, and k [B]."""
        low, uses = self.size.side // STRIDE, uses.to(z.dtype)
        c, noise, factor = self.heard(z, uses)
        spectrum = torch.cat([c, torch.zeros_like(c[:, :1])], 1)[:, self.place].reshape(-1, 3, low, low)
        small = self.coarse.T @ (spectrum / STRIDE) @ self.coarse
        shares = uses[:, None] / self.size.uses
        told = torch.cat([shares.log2() / 4, (noise + 1e-3).log() / 4 + 1, factor.log()], 1)[:, :, None, None]
        detail = self.decoder(torch.cat([4 * small, told.expand(-1, -1, low, low)], 1))
        colours = self.whole.T @ spectrum @ self.whole + detail
        image = torch.einsum("oc,bohw->bchw", self.colours, colours) + 0.5
        return image.permute(0, 2, 3, 1).reshape(-1, self.size.pixels)
