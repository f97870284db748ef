"""Neural-augmented CR: shallow networks around HSC's own (Nam, Park, Choi, Kim, sec. III-B and IV-A).

    z -> z' = normalised(z + FC 256-512-256) ~~> z^ -> X^ -> X^' = X^ + FC 784-1024-784 -> X~ by (8)

Beyond the paper's text, and why:
- Its layers 128-256-128 are for k = 128 reals; here k uses carry 2k = 256.
- One network serves every d: what a hidden layer adds and by how much it multiplies depend on d. The paper
  trains one for each.
- Both start as the identity; the decoder's sum is taken of logits, so that X^' stays in [0, 1].
- `informed` is no part of the paper: its networks also get what a receiver knows, the noise level that
  equalising left and whether the complement arrived; one more is at work on z^; and the decoder's sees X~
  as made with X^ beside X^, which tells it of the error where that was measured.

Shapes: z: [B, 2k]; X: [B, L L] in [0, 1]; rank, arrived, noise: [B], noise per complex channel use.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

RANKS = (0.0, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 20.0, 28.0)
"""A network has a vector for each of them, and goes in straight lines between."""
NOISE_DB = tuple(float(db) for db in range(-15, 31, 5))
NEAR = 1e-3
"""A pixel is moved into [NEAR, 1 - NEAR] before its logit is taken."""


@dataclass(frozen=True, kw_only=True)
class NcrSize:
    """pixels: L L; uses: k; hidden, hidden_image: widths; informed: gets what a receiver knows."""

    pixels: int = 784
    uses: int = 128
    hidden: int = 512
    hidden_image: int = 1024
    informed: bool = False


def between(value: Tensor, knots: tuple[float, ...]) -> Tensor:
    """[B, knots]: the shares with which two neighbours make a value [B]; all the end's beyond an end."""
    steps = [((value - a) / (b - a)).clamp(0, 1) for a, b in pairwise(knots)]
    reached = torch.stack([torch.ones_like(value), *steps], 1)
    ahead = torch.stack([*steps, torch.zeros_like(value)], 1)
    return reached - ahead


class Shallow(nn.Module):
    """Two fully connected layers; a condition shifts and scales what goes into the ReLU between them."""

    def __init__(self, inputs: int, hidden: int, outputs: int, told: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)
        self.shift, self.gain = nn.Linear(told, hidden, bias=False), nn.Linear(told, hidden, bias=False)
        for weight in (self.second.weight, self.second.bias, self.shift.weight, self.gain.weight):
            nn.init.zeros_(weight)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        return self.second(torch.relu(self.first(x) * (1 + self.gain(told)) + self.shift(told)))


class Ncr(nn.Module):
    """The adapters f~ of the encoder and of the decoder; with `informed` also one of what is received."""

    def __init__(self, size: NcrSize) -> None:
        super().__init__()
        self.size = size
        reals, ranks = 2 * size.uses, len(RANKS)
        told = 2 * ranks + len(NOISE_DB) if size.informed else ranks
        self.encoder = Shallow(reals, size.hidden, reals, ranks)
        self.denoiser = Shallow(reals, size.hidden, reals, told) if size.informed else None
        seen = 2 * size.pixels if size.informed else size.pixels
        self.decoder = Shallow(seen, size.hidden_image, size.pixels, told)

    def encode(self, z: Tensor, rank: Tensor) -> Tensor:
        """z', of |z'|^2 = 2k as z is."""
        moved = z + self.encoder(z, between(rank, RANKS))
        return moved * z.shape[1] ** 0.5 / moved.norm(dim=1, keepdim=True).clamp(min=1e-6)

    def told(self, rank: Tensor, arrived: Tensor, noise: Tensor) -> Tensor:
        """What the informed networks get beside reals and pixels."""
        of_rank = between(rank, RANKS)
        noise_db = 10 * noise.clamp(1e-6, 1e6).log10()
        there = arrived[:, None]
        return torch.cat([of_rank * (1 - there), of_rank * there, between(noise_db, NOISE_DB)], 1)

    def denoise(self, z: Tensor, rank: Tensor, arrived: Tensor, noise: Tensor) -> Tensor:
        """z^ with less noise, on the scale of what is received.

        The network sees z^ / (1 + noise), the linear estimate of Gaussian z, and adds to that. It is scaled
        back, for a decoder that was tuned over fading does its own scaling.
        """
        scale = 1 + noise[:, None]
        shrunk = z / scale
        return scale * (shrunk + self.denoiser(shrunk, self.told(rank, arrived, noise)))

    def decode(self, image: Tensor, rank: Tensor) -> Tensor:
        """X^' of X^."""
        return self._moved(image, self.decoder(image, between(rank, RANKS)))

    def decode_informed(
        self, image: Tensor, complemented: Tensor, rank: Tensor, arrived: Tensor, noise: Tensor
    ) -> Tensor:
        """X^' of X^ and of X~ as made with it."""
        added = self.decoder(torch.cat([complemented, image], 1), self.told(rank, arrived, noise))
        return self._moved(complemented, added)

    @staticmethod
    def _moved(image: Tensor, added: Tensor) -> Tensor:
        return torch.sigmoid(torch.logit(image.clamp(NEAR, 1 - NEAR)) + added)


def recompose(rows: Tensor, sent: Tensor, guess: Tensor) -> Tensor:
    """X~ [B, L, W] of (8) from orthonormal rows [B, d, L], or rows of zeros, A X [B, d, W] and X^."""
    return guess + rows.transpose(1, 2) @ (sent - rows @ guess)
