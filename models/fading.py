"""The semantic link as training sees it: block Rayleigh fading and least squares, differentiable in z.

    x = pairs of z / sqrt(2);  y = h x + sqrt(N0) n;  x^ = h* y / |h|^2;  z^ = the pairs of x^, times sqrt(2)

One h ~ CN(0, 1) a picture, n ~ CN(0, 1) a use; SNR is Es/N0 in dB over the mean power 1 of x, so
N0 = 10^(-SNR/10). The receiver knows h exactly. The link itself (package `phy`) decides every measured
number; this twin draws the same conditions from the same law.
"""

import torch
from torch import Tensor

LEAST_GAIN = 1e-20
"""|h|^2 that the detector counts at least, as the link does."""


def complex_normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """CN(0, 1), complex128."""
    parts = torch.randn(*shape, 2, generator=generator, dtype=torch.float64) * 0.5**0.5
    return torch.view_as_complex(parts)


def received(z: Tensor, h: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """z^ [B, 2 K] of z [B, 2 K] whose first 2k reals are sent, 0 behind them.

    h: complex [B]; noise: complex [B, k], CN(0, 1) where a link is meant; snr_db: [B]. Computed in float64,
    returned in z's type. Where h has next to no gain, z^ is as large as the link's.
    """
    uses = noise.shape[1]
    x = torch.view_as_complex(z[:, : 2 * uses].double().reshape(len(z), uses, 2)) * 0.5**0.5
    h, deviation = h.to(torch.complex128)[:, None], 10 ** (-snr_db.double() / 20)
    y = h * x + deviation[:, None] * noise
    x_hat = h.conj() * y / (h.real.square() + h.imag.square()).clamp(min=LEAST_GAIN)
    reals = torch.view_as_real(x_hat).reshape(len(z), 2 * uses) * 2**0.5
    return torch.nn.functional.pad(reals, (0, z.shape[1] - 2 * uses)).to(z.dtype)


def faded(z: Tensor, uses: int, snr_db: Tensor, generator: torch.Generator) -> Tensor:
    """z^ [B, 2 K] behind a fade and noise that the generator draws anew, the first 2k = 2 `uses` reals sent.

    z: of |z|^2 = 2k, as `models.hsc.normalised` leaves it; snr_db: Es/N0 of each picture, [B].
    """
    h = complex_normal((len(z),), generator)
    return received(z, h, complex_normal((len(z), uses), generator), snr_db)
