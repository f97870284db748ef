"""What somebody without the key makes of the analog part of HDA-DeepSC alone.

    reals, as they came -> places (guessed) -> x, sent -> network -> I^, and how likely each place was sent
                              ^                                                          |
                              +----------------------------------------------------------+  a few rounds

The analog reals are sent in the order channel, row, column of those places of z that both ends expect to be
largest, which only who reads the bits knows. Known to the attack: the model, the grants, the noise level and
the picture's shape; not the bits, so neither places nor gains nor the power.

- Which places were sent is guessed and mended: the first guess is what share of each channel is sent on
  average, spread evenly over the picture; a round lays the reals out so, and the network tells how likely
  each place was sent.
- A place counts as sent where its likelihood is largest above a threshold that differs from token to token
  (`thresholds`, evenly spread in (0, 1)): where nothing is known, the number of places of every channel is
  right on average, and with it where the next channel begins.
- The picture is a weighted linear map of x, which starts as LLSE of rightly placed reals, plus a network that
  starts at zero.

Shapes: I^: [B, 3, H, W] in [0, 1]; x, sent, likely: [B, M, H/8, W/8]; x of unit power, 0 where nothing was
sent; side [B, 2]: ln of the noise variance of x, reals per token / M.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.semantic import STRIDE, zero

GOLDEN_RATIO = (5**0.5 - 1) / 2
KNOTS, KNOTS_PER_UNIT = 9, 16
"""Shares of reals, reals per token / M, at which the mean share of each channel is tabulated: 0 to 1/2."""


@dataclass(frozen=True, kw_only=True)
class AttackSize:
    """blocks: at tokens of 8, 16 and 32 pixels, and again at 16 and 8."""

    z_channels: int = 192
    width: int = 128
    blocks: tuple[int, int, int, int, int] = (2, 3, 3, 2, 2)


class Block(nn.Module):
    """x + what a place takes of its 7 x 7 neighbours; starts as x."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(width, width, 7, padding=3, groups=width),
            nn.Conv2d(width, 2 * width, 1),
            nn.GELU(),
            zero(nn.Conv2d(2 * width, width, 1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)


def stage(n: int, width: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width) for _ in range(n)))


class Attack(nn.Module):
    """A U-Net over tokens."""

    def __init__(self, size: AttackSize) -> None:
        super().__init__()
        m, w, n = size.z_channels, size.width, size.blocks
        self.size = size
        self.register_buffer("shares", torch.zeros(KNOTS, m))
        self.first = nn.Conv2d(2 * m + 2, w, 1)
        self.fine, self.middle, self.coarse = stage(n[0], w), stage(n[1], w), stage(n[2], w)
        self.down = nn.ModuleList([nn.Conv2d(w, w, 2, 2), nn.Conv2d(w, w, 2, 2)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(w, w, 2, 2), nn.ConvTranspose2d(w, w, 2, 2)])
        self.middle_again, self.fine_again = stage(n[3], w), stage(n[4], w)
        self.likely, self.trust = nn.Conv2d(w, m, 1), zero(nn.Conv2d(w, m, 1))
        self.linear = nn.ConvTranspose2d(m, 3, STRIDE, STRIDE, bias=False)
        self.pixels = nn.Sequential(
            nn.Conv2d(w, 4 * (w // 2), 1),
            nn.PixelShuffle(2),
            nn.GELU(),
            zero(nn.Conv2d(w // 2, 48, 3, padding=1)),
            nn.PixelShuffle(4),
        )

    def start(self, side: Tensor) -> Tensor:
        """Mean share of each channel that is sent, [B, M]."""
        at = (side[:, 1] * KNOTS_PER_UNIT).clamp(0.0, KNOTS - 1.0)
        return torch.relu(1 - (at[:, None] - torch.arange(KNOTS, device=at.device)).abs()) @ self.shares

    def forward(self, x: Tensor, sent: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
        """I^, and the logit that each place was sent."""
        told = side[:, :, None, None].expand(-1, -1, x.shape[2], x.shape[3])
        fine = self.fine(self.first(torch.cat([x, sent, told], 1)))
        middle = self.middle(self.down[0](fine))
        coarse = self.coarse(self.down[1](middle))
        middle = self.middle_again(middle + self.up[0](coarse))
        fine = self.fine_again(fine + self.up[1](middle))
        image = self.linear(x * torch.sigmoid(self.trust(fine))) + self.pixels(fine) + 0.5
        return image, self.likely(fine)


def thresholds(h: int, w: int) -> Tensor:
    """[h, w] in (0, 1): multiples of the golden ratio, row after row."""
    return (
        torch.remainder((torch.arange(h * w, dtype=torch.float64) + 0.5) * GOLDEN_RATIO, 1.0)
        .float()
        .reshape(h, w)
    )


def likeliest(likely: Tensor, n: int) -> Tensor:
    """Flat places, ascending, of the n most likely of [M, h, w], each above its token's threshold."""
    above = likely - thresholds(*likely.shape[-2:])
    return above.reshape(-1).topk(n, sorted=False).indices.sort().values


def laid_out(reals: Tensor, places: Tensor, shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """x and sent, [M, h, w], of reals [n] in their places."""
    x, sent = torch.zeros(shape).reshape(-1), torch.zeros(shape).reshape(-1)
    x[places], sent[places] = reals, 1.0
    return x.reshape(shape), sent.reshape(shape)


@torch.no_grad()
def guessed(
    net: Attack, reals: list[Tensor], side: Tensor, shape: tuple[int, int, int], rounds: int
) -> list[Tensor]:
    """Places of each picture's reals after so many rounds of the network."""
    likely = net.start(side)[:, :, None, None].expand(-1, *shape)
    for left in range(rounds, -1, -1):
        places = [likeliest(p, len(r)) for p, r in zip(likely, reals, strict=True)]
        if left:
            x, sent = batch(reals, places, shape)
            likely = torch.sigmoid(net(x, sent, side)[1])
    return places


def batch(reals: list[Tensor], places: list[Tensor], shape: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """x and sent, [B, M, h, w]."""
    pairs = [laid_out(r, p, shape) for r, p in zip(reals, places, strict=True)]
    return torch.stack([x for x, _ in pairs]), torch.stack([sent for _, sent in pairs])
