"""The Fourier module that the ablation of HDA-DeepSC plugs into its semantic codec (Table II, its [39]).

    u = GELU(conv x)
    v = u + inverse FFT of GELU(conv [Re, Im] of the real 2-D FFT of u)
    out = x + conv v                                                     (convolutions are 1x1)

It is the spectral transform of fast Fourier convolution (Chi, Jiang, Mu, NeurIPS 2020, section 3.2): one
product in frequency sees the whole picture. What differs, and why: no batch normalisation, whose statistics
would be those of crops of one size; the global unit alone, without the one over quarters of the picture; the
last convolution starts at zero, so that a codec begins as the same function with and without it.
"""

import torch
from torch import Tensor, nn

from models.semantic import Trunk, zero
from models.swin import ResidualSwinBlock


class FourierUnit(nn.Module):
    """u -> inverse FFT of a pointwise network of its spectrum; [B, C, H, W] -> the same shape."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(2 * width, 2 * width, 1), nn.GELU())

    def forward(self, u: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(u, norm="ortho")
        real, imag = self.net(torch.cat([spectrum.real, spectrum.imag], 1)).chunk(2, 1)
        return torch.fft.irfft2(torch.complex(real, imag), s=u.shape[-2:], norm="ortho")


class FourierModule(nn.Module):
    """x + conv(u + FourierUnit(u)), u = GELU(conv(x)) of half the width; x: [B, C, H, W], C even."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.into = nn.Sequential(nn.Conv2d(width, width // 2, 1), nn.GELU())
        self.unit = FourierUnit(width // 2)
        self.out = zero(nn.Conv2d(width // 2, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        u = self.into(x)
        return x + self.out(u + self.unit(u))


def plug_in(trunk: Trunk, width: int) -> None:
    """Put a Fourier module of that width behind a trunk's Swin block. Raises ValueError where it has none."""
    places = [i for i, part in enumerate(trunk) if isinstance(part, ResidualSwinBlock)]
    if len(places) != 1:
        raise ValueError(f"trunk: must have one residual Swin block, got {len(places)}")
    trunk.insert(places[0] + 1, FourierModule(width))
