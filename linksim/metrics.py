"""How near a received picture is to the one that was sent. Everything in float64, from integers.

MSE     = squared error / (255^2 samples), over every sample of the picture, black 0 and white 1
PSNR    = -10 log10(MSE)
MS-SSIM = mean over the channels of  l_5^w5  prod_j (c_j s_j)^w_j     (Wang, Simoncelli, Bovik, Asilomar 2003)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from linksim.codecs.base import Image

PEAK = 255
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, the finest first (Wang 2003, section 3.2)."""
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
SHORTEST = (WINDOW - 1) * 2 ** (len(WEIGHTS) - 1)
"""160: with a shorter side of no more than this the coarsest scale is smaller than the window: no MS-SSIM."""

_TAPS = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
_TAPS /= _TAPS.sum()


def squared_error(sent: Image, received: Image) -> int:
    """Sum of squared differences over every sample, exact."""
    difference = sent.astype(np.int32) - received.astype(np.int32)
    return int(np.sum(difference * difference, dtype=np.int64))


def mse(error: int, samples: int) -> float:
    """Mean squared error a sample of a squared error over so many, on a scale of 0 to 1.

    >>> mse(65025, 100)
    0.01
    """
    return error / (PEAK**2 * samples)


def psnr_db(error: int, samples: int) -> float:
    """PSNR in dB of a squared error over so many samples; infinite where nothing differs.

    >>> round(psnr_db(65025, 1), 6)
    0.0
    """
    return math.inf if error == 0 else 10 * math.log10(PEAK**2 * samples / error)


def ms_ssim(sent: Image, received: Image) -> float | None:
    """Multi-scale structural similarity of uint8 [height, width, c], 0 to 1; None where a side is <= 160.

    Each scale is the mean of 2x2 pixels of the one before, an odd last row or column standing twice. A mean
    contrast-structure term below 0 counts as 0, so that its power is defined.
    """
    if min(sent.shape[:2]) <= SHORTEST:
        return None
    x, y = (image.astype(np.float64).transpose(2, 0, 1) for image in (sent, received))
    product = np.ones(x.shape[0])
    for scale, weight in enumerate(WEIGHTS):
        last = scale == len(WEIGHTS) - 1
        ssim, contrast_structure = ssim_terms(x, y)
        product *= np.maximum(ssim if last else contrast_structure, 0) ** weight
        x, y = (x, y) if last else (_halved(x), _halved(y))
    return float(np.mean(product))


def to_db(similarity: float) -> float:
    """-10 log10(1 - similarity), infinite at 1: equal steps where values crowd under 1.

    >>> round(to_db(0.99), 6)
    20.0
    """
    return math.inf if similarity >= 1 else -10 * math.log10(1 - similarity)


def ssim_terms(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean SSIM and mean contrast-structure of each channel: float64 [c, h, w] twice -> float64 [c] twice.

    The window sees whole neighbourhoods alone: 5 pixels at every edge are no centre.
    """
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    mean_x, mean_y = _blurred(x), _blurred(y)
    cross, energy = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    covariance = _blurred(x * y) - cross
    variances = _blurred(x * x + y * y) - energy
    contrast_structure = (2 * covariance + c2) / (variances + c2)
    luminance = (2 * cross + c1) / (energy + c1)
    return (luminance * contrast_structure).mean(axis=(1, 2)), contrast_structure.mean(axis=(1, 2))


def _blurred(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """x [c, h, w] under the Gaussian window, [c, h - 10, w - 10]."""
    edge = WINDOW // 2
    rows = correlate1d(x, _TAPS, axis=1)[:, edge:-edge]
    return correlate1d(rows, _TAPS, axis=2)[:, :, edge:-edge]


def _halved(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.pad(x, [(0, 0), (0, x.shape[1] % 2), (0, x.shape[2] % 2)], mode="edge")
    rows = x[:, 0::2] + x[:, 1::2]
    return (rows[:, :, 0::2] + rows[:, :, 1::2]) / 4
