"""DnCNN (Zhang, Zuo, Chen, Meng, Zhang, IEEE TIP 2017) on symbols: one step, no diffusion.

    x / sqrt(v + s^2), log s^2 -> conv + ReLU -> (conv + BN + ReLU) x (depth - 2) -> conv -> F

Residual learning as published: what it predicts is the noise. Beyond that paper: it is told the noise level,
and what it adds to is the Gaussian estimate (`models.diffsdnet.SymbolDenoiser`), as for the UNet beside which
it is measured. Its convolutions start near the identity (Zagoruyko and Komodakis 2017): from random ones its
recipe learned next to nothing, 0.1 dB of symbols at 0 dB where this start brings 1.4.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

LOG_NOISE_SPAN = 4.0
"""log s^2 spans some -6 ... 2; divided by this it is of the size of the other inputs."""


@dataclass(frozen=True, kw_only=True)
class DncnnSize:
    """depth: convolutions, 17 as published; width: their channels, 64 as published (60 hold 1.1 MB)."""

    depth: int = 17
    width: int = 60


def near_identity(conv: nn.Conv2d) -> nn.Conv2d:
    """The convolution with half its random weights, added to those that change nothing."""
    random = conv.weight.detach().clone()
    nn.init.dirac_(conv.weight)
    with torch.no_grad():
        conv.weight.add_(random, alpha=0.5)
    return conv


class Dncnn(nn.Module):
    """F [B, C, h, w] of whitened reals [B, C, h, w] and log s^2 [B]; 0 where training starts."""

    def __init__(self, size: DncnnSize, channels: int) -> None:
        super().__init__()
        layers = [nn.Conv2d(channels + 1, size.width, 3, padding=1), nn.ReLU()]
        for _ in range(size.depth - 2):
            conv = near_identity(nn.Conv2d(size.width, size.width, 3, padding=1, bias=False))
            layers += [conv, nn.BatchNorm2d(size.width), nn.ReLU()]
        last = nn.Conv2d(size.width, channels, 3, padding=1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.net = nn.Sequential(*layers, last)

    def forward(self, white: Tensor, log_noise: Tensor) -> Tensor:
        level = (log_noise / LOG_NOISE_SPAN)[:, None, None, None]
        plane = level.expand(-1, 1, white.shape[2], white.shape[3])
        return self.net(torch.cat([white, plane], 1))

    def fold(self) -> None:
        """Take every batch normalisation into the convolution before it, as exporters do: what is rounded
        then is what they store. For evaluation alone.
        """
        layers = list(self.net.eval())
        for i, layer in enumerate(layers):
            if isinstance(layer, nn.BatchNorm2d):
                layers[i - 1] = fuse_conv_bn_eval(layers[i - 1], layer)
        self.net = nn.Sequential(*(each for each in layers if not isinstance(each, nn.BatchNorm2d)))
