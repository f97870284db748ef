"""The losses of HDA-DeepSC (eqs. 18, 23, 24), on a logarithmic scale.

The paper weighs |F(I) - F(I^)| by 0.1 and the rate by 0.0005 without saying how either is normalised. Here
the Fourier term is the mean modulus of a transform normalised by 1/(HW), and distortions enter as
ln(distortion): every SNR then has the same weight, PSNR (also a logarithm) is what is optimised, and the
rate's weight is the slope -d ln D / d bits along the link's own operating points, 2 ln 2 / reals per token
for Gaussian components.
"""

import math

import torch
from torch import Tensor

FOURIER_WEIGHT = 0.1
TILDE_WEIGHT = 0.1


def semantic_distortion(image: Tensor, decoded: Tensor, fourier_weight: float = FOURIER_WEIGHT) -> Tensor:
    """L_SD (18): mean squared error + weight * mean |F(I) - F(I^)|."""
    error = image - decoded
    distortion = error.square().mean()
    return distortion + fourier_weight * mean_modulus(error) if fourier_weight else distortion


def mean_modulus(x: Tensor) -> Tensor:
    """Mean over all frequencies of |F(x)| / (HW), x real: a frequency and its negative are computed once."""
    modulus = torch.fft.rfft2(x, norm="forward").abs()
    own = [0, x.shape[-1] // 2] if x.shape[-1] % 2 == 0 else [0]
    return (2 * modulus.sum() - modulus[..., own].sum()) / x.numel()


def channel_distortion(z: Tensor, z_hat: Tensor, z_tilde: Tensor) -> Tensor:
    """L_CD (23) with both norms squared: |z - z^|^2 + 0.1 |z - z~|^2, means per component."""
    return (z - z_hat).square().mean() + TILDE_WEIGHT * (z - z_tilde).square().mean()


FEWEST_COMPONENTS = 16.0
"""Components of a token over which bits are spread at least: without analog reals the rate costs, too."""


def rate_weight(reals_per_token: float) -> float:
    """-d ln D / d (bits per token) of Gaussian components over `reals_per_token` analog channels."""
    return 2 * math.log(2) / max(reals_per_token, FEWEST_COMPONENTS)


def variance_misfit(residual: Tensor, log_variance: Tensor) -> Tensor:
    """Mean negative log-likelihood of analog reals under the variances that both ends predict, in nats, less
    ln(2 pi) / 2. It teaches the prediction alone: `residual` is taken as it is.
    """
    return (log_variance + residual.detach().square() * (-log_variance).exp()).mean() / 2
