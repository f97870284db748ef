"""Coefficients as analog symbols: chunks of largest variance first, power by variance, whitening, LLSE.

    c -> those of the first chunks -> g_i c -> Hadamard -> scale -> two reals a channel use
    y -> / scale -> c^ = Lambda G H^T (H G Lambda G H^T + Sigma)^-1 y, the LLSE; 0 for what was not sent

Sigma is the noise that the receiver observed, so for each chunk this is LMMSE detection with the chunk's
prior: c^_i = g lambda / (g^2 lambda + sigma^2) y_i where the noise is even.
(Jakubczak, Katabi: A Cross-Layer Design for Scalable Mobile Video, MobiCom 2011, SoftCast's sections 4 and 5;
LLSE-optimal powers: Lee, Petersen: Optimal Linear Coding for Vector Channels, 1976.)
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

from phy.types import SymbolsObserved

Allocation = Literal["softcast", "lmmse"]
WHITENED = 32
"""Reals that one Hadamard matrix mixes, of equal stretches of the order of variance."""
SCALE_BITS, SCALES_PER_OCTAVE = 11, 64
"""Of the factor that brings the symbols of this picture to the power granted: 2^-16 to 2^16. So wide since a
chunk's first coefficients may hold all of its energy, and few uses send no others of it."""
_BATCH = 2048
_EVEN = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What is sent where, as both ends make it of what the metadata tells.

    places: of the coefficients sent, in the order sent, [m]. variance, power: of each, before and after its
    gain, float32 [m].
    """

    n_uses: int
    whitened: bool
    places: NDArray[np.int64]
    variance: NDArray[np.float32]
    power: NDArray[np.float32]

    @property
    def gain(self) -> NDArray[np.float32]:
        return np.sqrt(self.power / self.variance)


def plan(
    chunk_of: NDArray[np.uint16],
    variances: NDArray[np.float64],
    n_uses: int,
    allocation: Allocation,
    noise_var: float,
    whitened: bool,
) -> Plan:
    """The coefficients of largest variance, of equal ones the first, as many as there are reals.

    variances: of each chunk, positive, told to both ends. noise_var: of a use, as the transmitter knows it.
    """
    rank = np.empty(variances.size, np.uint16)
    order = np.argsort(-variances, kind="stable")
    rank[order] = np.arange(order.size)
    places = np.argsort(rank[chunk_of], kind="stable")[: 2 * n_uses]
    chunks = chunk_of[places]
    sent = np.bincount(chunks, minlength=variances.size)[order]
    power = np.empty(variances.size)
    power[order] = powers(np.sqrt(variances[order]), sent, float(n_uses), allocation, noise_var / 2)
    return Plan(
        n_uses=n_uses,
        whitened=whitened,
        places=places,
        variance=variances.astype(np.float32)[chunks],
        power=power.astype(np.float32)[chunks],
    )


def powers(
    deviation: NDArray[np.float64],
    counts: NDArray[np.int64],
    energy: float,
    allocation: Allocation,
    noise_var: float,
) -> NDArray[np.float64]:
    """Power of each chunk's reals, g_i^2 lambda_i; sum(counts power) = energy.

    deviation: sqrt(lambda), falling; noise_var: of a real.
    softcast: g ~ lambda^(-1/4), so power ~ deviation: least error of an unbiased receiver.
    lmmse: power = (nu deviation - noise_var)^+: least error of the LLSE, which drops what the noise drowns.
    """
    weight = np.cumsum(counts * deviation)
    if not weight.size or weight[-1] == 0:
        return np.zeros(deviation.size)
    if allocation == "softcast":
        return deviation * (energy / weight[-1])
    nu = (energy + noise_var * np.cumsum(counts)) / np.maximum(weight, 1e-300)
    active = np.flatnonzero((deviation * nu > noise_var) & (counts > 0))[-1]
    out = np.maximum(nu[active] * deviation - noise_var, 0)
    out[active + 1 :] = 0
    return out


def send(plan: Plan, coefficients: NDArray[np.float32]) -> tuple[NDArray[np.complex64], int]:
    """complex64 [n_uses] of mean power at most 1, and the index of the scale that made it so."""
    reals = np.zeros(2 * plan.n_uses, np.float32)
    reals[: plan.places.size] = plan.gain * coefficients[plan.places]
    energy = float(np.sum(np.square(reals, dtype=np.float64)))
    octaves = np.log2(plan.n_uses / energy) / 2 if energy > 0 else 0.0
    half = 2 ** (SCALE_BITS - 1)
    index = int(np.clip(np.floor(octaves * SCALES_PER_OCTAVE), -half, half - 1)) + half
    if plan.whitened:
        head = reals[: _mixed(reals.size)].reshape(WHITENED, -1)
        reals[: head.size] = (_hadamard() @ head).ravel()
    reals *= np.float32(scale(index))
    return (reals[0::2] + 1j * reals[1::2]).astype(np.complex64), index


def scale(index: int) -> float:
    """The factor of an index."""
    return 2.0 ** ((index - 2 ** (SCALE_BITS - 1)) / SCALES_PER_OCTAVE)


def receive(plan: Plan, got: SymbolsObserved, index: int, n: int) -> NDArray[np.float32]:
    """The LLSE of all n coefficients of a picture; 0 for those that were not sent."""
    factor = scale(index)
    y = np.stack([got.data.real, got.data.imag], axis=-1).ravel() / np.float32(factor)
    noise = np.repeat(got.noise_var.astype(np.float64) / (2 * factor**2), 2)
    power = np.zeros(y.size, np.float64)
    power[: plan.places.size] = plan.power
    even = not noise.size or np.ptp(noise) <= _EVEN * noise.max()
    mixed = _mixed(y.size) if plan.whitened else 0
    if mixed and even:
        y[:mixed] = (_hadamard() @ y[:mixed].reshape(WHITENED, -1)).ravel()
    elif mixed:
        columns = [a[:mixed].reshape(WHITENED, -1).T for a in (y, power, noise)]
        y[:mixed] = _unmixed(*columns).T.ravel()
    shrunk = power / np.maximum(power + noise, 1e-30)
    if mixed and not even:
        shrunk[:mixed] = power[:mixed] > 0
    sent = slice(plan.places.size)
    gain = np.maximum(plan.gain, np.float32(1e-30))
    out = np.zeros(n, np.float32)
    out[plan.places] = shrunk[sent].astype(np.float32) * y[sent] / gain
    return out


def _unmixed(
    y: NDArray[np.float32], power: NDArray[np.float64], noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """P H (H P H + Sigma)^-1 y of each row of [m, WHITENED], whose uses meet uneven noise."""
    h, out = _hadamard().astype(np.float64), np.empty(y.shape)
    for start in range(0, len(y), _BATCH):
        at = slice(start, start + _BATCH)
        covariance = (h * power[at, None, :]) @ h
        covariance[:, range(WHITENED), range(WHITENED)] += np.maximum(noise[at], 1e-12)
        solved = np.linalg.solve(covariance, y[at, :, None].astype(np.float64))[..., 0]
        out[at] = power[at] * (solved @ h)
    return out


def _mixed(n_reals: int) -> int:
    """Reals that are whitened: whole columns of the matrix; the rest, fewer than WHITENED, goes as it is."""
    return n_reals // WHITENED * WHITENED


def _hadamard() -> NDArray[np.float32]:
    """Orthonormal and symmetric."""
    return (hadamard(WHITENED) / np.sqrt(WHITENED)).astype(np.float32)
