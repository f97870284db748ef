"""Detection: what the receiver knows of h, and least squares with the noise level that it leaves."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class PerfectCsi:
    """The receiver knows h exactly and spends no pilots."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["perfect"] = "perfect"


Csi = PerfectCsi
CSI: dict[str, type] = {"perfect": PerfectCsi}


def least_squares(
    y: NDArray[np.complex64], h: NDArray[np.complex64], noise_var: float
) -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """x^ = h* y / |h|^2 = x + w with w ~ CN(0, N0 / |h|^2), use by use.

    y, h: complex64 [..., n]; noise_var: N0. Returns x^ complex64 [..., n] and its variance float32 [..., n].
    """
    gain = np.abs(h.astype(np.complex128)) ** 2
    x_hat = np.conj(h) * y / gain
    return x_hat.astype(np.complex64), (noise_var / gain).astype(np.float32)
