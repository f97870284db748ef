"""Denoisers of detected symbols: DiffSDNet, DDPM and DnCNN (Xie et al. 2025, sec. IV-B, Fig. 3 and Table I).

    x^ = x + s eps (30), a real of unit mean power, s^2 its noise as the receiver estimates it
    v = x^ / sqrt(1 + s^2) (31) is v at the level gbar of the forward process, gbar^2 = s^2 / (1 + s^2)
    N network calls subdivide [0, gbar]; each takes v one level down by (28)

A network predicts eps of x^ at any s; which levels are visited is the scenario's choice. Channels of z have
variances of their own, 1 on average: the level is the noise's, so (26) holds in all of them alike. A
deterministic step is the mean of the level below, given v: with the exact score of a Gaussian, whatever its
variance, N of them are the LMMSE estimate (DDIM's steps are not: they keep a sample's variance).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from linksim.codecs.carded import Carded, find_card
from linksim.codecs.onnx import run_graph
from linksim.errors import LinksimError
from models.card import CARD, open_card
from phy.rng import generator

Floats = NDArray[np.floating]
Noise = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
"""eps_w: x^ and s^2, negative where no real was sent -> eps, 0 there; arrays of one shape."""

FILES, NUMBERS = ("denoiser.onnx", "prior.npz"), ("z_channels", "reals_per_token")
CARDS = {"diffsdnet": "diffsdnet", "ddpm": "diffsdnet", "dncnn": "dncnn"}
"""Kind -> the card that it takes where none is named. DDPM is the network of DiffSDNet at random steps."""
MOST_NOISE = 1e4
"""The largest s^2 that is told apart: a fade of 40 dB below the signal leaves nothing to read."""
T = 50
STEPPED = ("diffsdnet", "ddpm")
STEPS, MOST_STEPS = 10, 1000
WEIGHT = 0.4
"""Of 0.3 to 1 the best for ten calls at 0 dB, on four photos that no figure is made of."""
TOLERANCE = 0.15
"""By what share the reals sent per token may differ from those that a network was trained on."""


def gbar(t: NDArray[np.integer] | int) -> Floats:
    """gbar(t) of the paper's schedule (32), gamma(t) = 0.5 t / T: noise amplitude at levels t = 0 ... T.

    >>> [round(float(g) ** 2, 4) for g in gbar(np.arange(4))]
    [0.0, 0.01, 0.0298, 0.0589]
    """
    kept = np.cumprod(1 - 0.5 * np.arange(T + 1) / T)
    return np.sqrt(1 - kept[t])


def start_level(noise: float) -> int:
    """t~ of (33): the highest level of the schedule whose gbar^2 is at most s^2 / (1 + s^2).

    >>> [start_level(10 ** (-db / 10)) for db in (0, 5, 10, 15, 20)]
    [11, 6, 3, 2, 0]
    """
    return int(np.searchsorted(gbar(np.arange(T + 1)) ** 2, noise / (1 + noise), side="right")) - 1


def path(noise: float, steps: int | None) -> Floats:
    """Where steps end, as shares of the level they start at: 0 = path[0] < ... < path[N] = 1.

    steps: N, of equal length in gbar; None: the levels of the schedule from t~ down, N = t~, stretched to end
    at the noise that there is, which lies between t~ and t~ + 1. t~ is at least 1.
    """
    if steps is not None:
        return np.arange(steps + 1) / steps
    levels = gbar(np.arange(start_level(noise) + 1))
    return levels / levels[-1]


def refined(
    x: Floats, noise: Floats, shares: Floats, eps_of: Noise, rng: np.random.Generator | None = None
) -> NDArray[np.float32]:
    """x of x^ by the reverse steps (28), down a `path`.

    x, noise: x^ and s^2, float32 of one shape; noise is negative where no real was sent. rng: None for steps
    without randomness (sigma = 0), as DiffSDNet has them, else those of DDPM (Ho, Jain, Abbeel 2020).
    """
    s2 = np.clip(noise, 0, MOST_NOISE).astype(np.float64)
    squared = [(share * np.sqrt(s2 / (1 + s2))) ** 2 for share in shares]
    sent = noise > 0
    v = x / np.sqrt(1 + s2)
    for below, at in zip(reversed(squared[:-1]), reversed(squared[1:]), strict=True):
        level = np.where(sent, at / (1 - at), noise)
        eps = eps_of((v / np.sqrt(1 - at)).astype(np.float32), level.astype(np.float32))
        gamma = 1 - (1 - at) / (1 - below)
        v = (v - np.divide(gamma, np.sqrt(at), out=np.zeros_like(at), where=sent) * eps) / np.sqrt(1 - gamma)
        if rng is not None:
            left = np.divide(gamma * below, at, out=np.zeros_like(at), where=sent)
            v = v + np.sqrt(left) * rng.standard_normal(v.shape)
    return v.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class SymbolNetwork(Carded):
    """A denoiser's graph, and what is known beforehand of the symbols that it was trained on."""

    @cached_property
    def prior(self) -> dict[str, NDArray]:
        """channel int32 [C]: those of z that the network takes; left [K]: the share of the linear estimate's
        squared error that it left on held-out photos, at snr_db [K].
        """
        with np.load(self.folder / "prior.npz", allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    def eps(self, x: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.float32]:
        """eps_w of float32 [1, C, h, w]."""
        (out,) = run_graph(self.folder / "denoiser.onnx", x=x, noise=noise)
        return np.nan_to_num(out)

    def told(
        self, found: Floats, x: Floats, noise: Floats, power: Floats, weight: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the decoder gets for estimates found [1, C, h, w] of x^, noise s^2: reals, and their noise.

        power: v, the mean squares that the decoder expects. It will make linear estimates itself, by weights
        v / (v + noise). It gets the reals, of the noise n, by which these are a mean of found and the linear
        estimate, and as wrong as that is: v n / (v + n) is a share of v s^2 / (v + s^2), of which the network
        left L on held-out photos. Errors of a mean of z given x^ are uncorrelated with all that x^ tells, so

            L + (1 - weight)^2 (1 - L)
        """
        s2 = np.maximum(noise, 0)
        snr_db = -10 * np.log10(np.where(s2 > 0, s2, 1))
        share = np.minimum(np.interp(snr_db, self.prior["snr_db"], self.prior["left"]), 1)
        share += (1 - weight) ** 2 * (1 - share)
        mixed = weight * found + (1 - weight) * power / (power + s2) * x
        n = share * power * s2 / (power + (1 - share) * s2)
        reals, left = mixed * (power + n) / power, np.where(noise > 0, n, noise)
        return reals.astype(np.float32), left.astype(np.float32)

    def check(self, reals_per_token: float) -> None:
        """ValueError 'field: rule, got X; remedy' of another bandwidth ratio than it was trained on."""
        own = self.card.network["reals_per_token"]
        if abs(reals_per_token / own - 1) > TOLERANCE:
            rule = f"{self.card.name} is for {own:.0f} reals a token, got {reals_per_token:.0f}"
            raise ValueError(f"codec.denoiser: {rule}; change bandwidth_ratio, or set kind: lmmse")


@lru_cache(maxsize=4)
def find_denoiser(card: str, base: Path) -> SymbolNetwork:
    """The network that a scenario names, checksums verified, around the codec in the folder `base`.

    Raises LinksimError.
    """
    folder, found = find_card(card, "denoiser", FILES, NUMBERS, "codec.denoiser.card")
    codec = open_card(base)
    if found.base.get("name") != codec.name:
        own = found.base.get("name", "none")
        rule, remedy = f"{found.name} is for symbols of {own}", f"set codec.card to {own}"
        raise LinksimError("codec.denoiser.card", rule, codec.name, remedy)
    for file in ("encoder.onnx", "expander.onnx", "transmitter.onnx"):
        if found.base.get(file) != codec.files[file]:
            rule = f"must be trained on symbols of the {codec.name} that is there"
            raise LinksimError(folder / CARD, rule, None, "train and export the denoiser again")
    return SymbolNetwork(folder=folder, card=found)


@dataclass(frozen=True, kw_only=True)
class Denoiser:
    """What detection does about the noise of symbols, before the decoder.

    kind: lmmse, linear estimates by the variances that the decoder's network expects, as it was trained
        (C_A^-1); none, the decoder takes symbols as if they had no noise; dncnn, a network in one step;
        diffsdnet, in several without randomness; ddpm, in several with.
    card: a denoiser in the zoo, or a folder with one, trained on symbols of the codec's card.
    steps: network calls of diffsdnet or ddpm, which subdivide [0, gbar] evenly; "schedule": the paper's
        levels below t~. Where t~ is 0 (from 20 dB on) symbols are left as they are.
    weight: of the network's estimate in what the decoder gets; the rest is the linear one, by which the
        decoder learnt to tell detail from noise itself. 1: the network's alone, as in the paper.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}
    kind: Literal["lmmse", "none", "dncnn", "diffsdnet", "ddpm"] = "lmmse"
    card: str | None = None
    steps: int | Literal["schedule"] | None = None
    weight: float | None = None

    def __post_init__(self) -> None:
        for name, given in (("card", self.card), ("weight", self.weight)):
            if given is not None and self.kind not in CARDS:
                raise ValueError(f"{name}: is not of kind {self.kind}, got {given!r}; leave it out")
        if self.steps is not None and self.kind not in STEPPED:
            told = ", ".join(STEPPED)
            raise ValueError(f"steps: is of {told}, got {self.steps} with {self.kind}; leave it out")
        if self.weight is not None and not 0 < self.weight <= 1:
            raise ValueError(f"weight: must be in (0, 1], got {self.weight}; {WEIGHT} is the default")
        if isinstance(self.steps, int) and not 1 <= self.steps <= MOST_STEPS:
            raise ValueError(f"steps: must be 1 to {MOST_STEPS}, got {self.steps}; {STEPS} is the default")

    def network(self, base: Carded) -> SymbolNetwork | None:
        """The network around a codec's; None of kinds that have none. Raises LinksimError."""
        return find_denoiser(self.card or CARDS[self.kind], base.folder) if self.kind in CARDS else None

    def detected(
        self,
        network: SymbolNetwork | None,
        x: NDArray[np.float32],
        noise: NDArray[np.float32],
        expected: NDArray[np.float32],
        log2_power: float,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What the decoder gets: reals [1, M, h, w] and their noise variances, negative where no real was
        sent; both as received, or as a network left them.

        expected: mean squares [1, M, h, w] that the decoder expects of the reals sent; 2^log2_power: what
        they are on average over the picture.
        """
        if self.kind == "none":
            return x, np.minimum(noise, 0)
        sent, power = noise > 0, np.float32(2.0**log2_power)
        if network is None or not sent.any():
            return x, noise
        own = np.where(sent, np.minimum(noise / power, MOST_NOISE), noise)
        level = float(np.exp(np.log(own[sent]).mean()))
        if start_level(level) == 0:
            return x, noise
        steps = 1 if self.kind == "dncnn" else self.steps or STEPS
        shares = path(level, None if steps == "schedule" else steps)
        rng = generator("ddpm", sha256(x.tobytes()).hexdigest()) if self.kind == "ddpm" else None
        channel = network.prior["channel"]
        unit, own = x[:, channel] / np.sqrt(power), own[:, channel]
        found = refined(unit, own, shares, network.eps, rng)
        weight = WEIGHT if self.weight is None else self.weight
        found, left = network.told(found, unit, own, expected[:, channel] / power, weight)
        x, noise = x.copy(), noise.copy()
        x[:, channel], noise[:, channel] = found * np.sqrt(power), np.where(left < 0, left, left * power)
        return x, noise


LMMSE = Denoiser()
