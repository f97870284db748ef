"""PSNR and MS-SSIM of pictures in torch, as linksim scores them: of eight bits a sample, in float64.

PSNR    = -10 log10(mean squared error), black 0 and white 1
MS-SSIM = mean over the channels of  l_5^w5  prod_j (c_j s_j)^w_j     (Wang, Simoncelli, Bovik, Asilomar 2003)
"""

import torch
import torch.nn.functional as F
from torch import Tensor

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, the finest first."""
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


def eight_bits(image: Tensor) -> Tensor:
    """What a file of eight bits a sample holds of pictures in [0, 1]: float64 on the same scale."""
    return (image.double().clamp(0, 1) * 255).round() / 255


def psnr_db(sent: Tensor, received: Tensor) -> Tensor:
    """[B, c, h, w] in [0, 1] twice -> [B] in dB; infinite where nothing differs."""
    return -10 * (eight_bits(sent) - eight_bits(received)).square().mean((1, 2, 3)).log10()


def ms_ssim_db(sent: Tensor, received: Tensor) -> Tensor:
    """[B, c, h, w] in [0, 1] twice -> [B], -10 log10(1 - MS-SSIM). Raises ValueError for a side of at most
    160.
    """
    return -10 * (1 - ms_ssim(sent, received)).log10()


def ms_ssim(sent: Tensor, received: Tensor) -> Tensor:
    """[B, c, h, w] in [0, 1] twice -> [B]. A mean contrast-structure term below 0 counts as 0."""
    shortest = (WINDOW - 1) * 2 ** (len(WEIGHTS) - 1)
    if min(sent.shape[-2:]) <= shortest:
        raise ValueError(f"MS-SSIM: sides must be longer than {shortest}, got {tuple(sent.shape[-2:])}")
    x, y = (eight_bits(image) for image in (sent, received))
    product = torch.ones(x.shape[:2], dtype=x.dtype)
    for scale, weight in enumerate(WEIGHTS):
        last = scale == len(WEIGHTS) - 1
        ssim, contrast_structure = ssim_terms(x, y)
        product = product * (ssim if last else contrast_structure).clamp_min(0) ** weight
        if not last:
            x, y = halved(x), halved(y)
    return product.mean(1)


def ssim_terms(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean SSIM and mean contrast-structure of each channel, [B, c], over whole windows alone."""
    mean_x, mean_y = blurred(x), blurred(y)
    cross, energy = mean_x * mean_y, mean_x.square() + mean_y.square()
    covariance = blurred(x * y) - cross
    variances = blurred(x.square() + y.square()) - energy
    contrast_structure = (2 * covariance + C2) / (variances + C2)
    luminance = (2 * cross + C1) / (energy + C1)
    return (luminance * contrast_structure).mean((2, 3)), contrast_structure.mean((2, 3))


def blurred(x: Tensor) -> Tensor:
    """x under the Gaussian window: [B, c, h, w] -> [B, c, h - 10, w - 10]."""
    at = torch.arange(WINDOW, dtype=x.dtype) - WINDOW // 2
    taps = torch.exp(-at.square() / (2 * SIGMA**2))
    taps = taps / taps.sum()
    planes = x.flatten(0, 1)[:, None]
    rows = F.conv2d(F.conv2d(planes, taps[None, None, :, None]), taps[None, None, None])
    return rows.reshape(*x.shape[:2], *rows.shape[2:])


def halved(x: Tensor) -> Tensor:
    """Means of 2x2 samples, an odd last row or column standing twice."""
    return F.avg_pool2d(F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2), mode="replicate"), 2)
