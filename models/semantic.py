"""The semantic codec of HDA-DeepSC: S and S^-1, each a linear block transform plus a Swin network that starts
at zero, and how large they are.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.swin import ResidualSwinBlock

STRIDE = 8
OF_PICTURE = 4
"""Planes that tell the decoder of a picture's whole: step, design noise, reals sent, variance left."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the network is. `width`, `heads`, `layers`, `window`: of the Swin block at `token_stride`
    pixels.
    """

    token_stride: int
    width: int
    heads: int
    layers: int
    window: int = 8
    mlp_ratio: float = 2.0
    stem_width: int = 96
    z_channels: int = 192
    z_d_channels: int = 256
    hyper_width: int = 96
    gain_width: int = 128


def zero(module: nn.Module) -> nn.Module:
    """The module with weights and bias at zero: a residual that starts absent."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class Trunk(nn.Sequential):
    """A network whose inside may run in bfloat16 while training; the linear paths beside it, good for 40 dB,
    never do.
    """

    bfloat16 = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.bfloat16:
            return super().forward(x)
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            return super().forward(x).float()


class ResidualConv(nn.Module):
    """x + conv(act(conv(x))), the second convolution starting at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.PReLU(width),
            zero(nn.Conv2d(width, width, 3, padding=1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)


class SemanticEncoder(nn.Module):
    """S: z = block transform of I + network(I)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        stem, width, m = size.stem_width, size.width, size.z_channels
        self.linear = nn.Conv2d(3, m, STRIDE, STRIDE)
        if size.token_stride == 8:
            down = [nn.Conv2d(3, stem, 4, 4), ResidualConv(stem), nn.Conv2d(stem, width, 2, 2)]
            out = nn.Conv2d(width, m, 1)
        else:
            down = [nn.Conv2d(3, width, 4, 4)]
            out = nn.Conv2d(width, m, 2, 2)
        block = ResidualSwinBlock(width, size.layers, size.heads, size.window, size.mlp_ratio)
        self.network = Trunk(*down, block, zero(out))

    def forward(self, image: Tensor) -> Tensor:
        centred = image - 0.5
        return self.linear(centred) + self.network(centred)


class SemanticDecoder(nn.Module):
    """S^-1: I^ = inverse block transform of z^ + network(z^, z~, side), side: `n_side` planes, of the picture
    and of what is known of each channel's noise.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        stem, width, m = size.stem_width, size.width, size.z_channels
        self.linear = nn.ConvTranspose2d(m, 3, STRIDE, STRIDE)
        self.n_side = OF_PICTURE + m
        n_in = 2 * m + self.n_side
        block = ResidualSwinBlock(width, size.layers, size.heads, size.window, size.mlp_ratio)
        if size.token_stride == 8:
            up = [
                nn.Conv2d(width, 4 * stem, 1),
                nn.PixelShuffle(2),
                ResidualConv(stem),
                zero(nn.Conv2d(stem, 48, 3, padding=1)),
            ]
            self.network = Trunk(nn.Conv2d(n_in, width, 1), block, *up, nn.PixelShuffle(4))
        else:
            into = [nn.Conv2d(n_in, 4 * width, 1), nn.PixelShuffle(2)]
            self.network = Trunk(*into, block, zero(nn.Conv2d(width, 48, 3, padding=1)), nn.PixelShuffle(4))

    def forward(self, z: Tensor, z_tilde: Tensor, side: Tensor) -> Tensor:
        return self.linear(z) + self.network(torch.cat([z, z_tilde, side], 1)) + 0.5
