"""HDA-DeepSC: hybrid digital-analog semantic communication (Xie, Qin, Han, Letaief, IEEE JSAC 2025).

    I -> semantic encoder S -> z ---------------> z_A = z - z~ -> analog encoder C_A -> x_A ~~> channel
                               |                          ^
                               +-> hyper encoder H -> z_D -> Q -> entropy coder -> bits ~~> channel
                                                          +-> hyper decoder H^-1: z~
    x^_A -> C_A^-1 -> z^_A;   z^ = z~ + z^_A   (16);   z^ -> semantic decoder S^-1 -> I^

Beyond the paper's text, and why:
- Every block is a linear map plus a network that starts at zero. The linear maps start as principal
  components with power allocation and LLSE, so that training begins at the classical optimum (see
  `models.start`) instead of 5 dB under it.
- z has M channels for each 8 x 8 pixels. Of its M h w reals those are sent that both ends expect to be
  largest, as many as the grant holds: `Gains` predicts every real's variance from z~, which both have. One
  network serves every DA ratio and bandwidth ratio, and busy places get more channel uses than smooth ones.
- z_D is quantised with one step d for an image, which the host chooses so that the bits fill the payload
  (rate control).
- The last channels of z_D tell how busy each token is, as principal components of the logarithm of its
  energy: from z~ alone the variance of fine details is hard to predict.
- The analog encoder's gain of a token follows z~, which both ends have: power goes where the residual is
  large. The semantic decoder knows the variance that is left of every real.

Shapes: I, I^: [B, 3, H, W] in [0, 1]; z, z~, z_A, x: [B, M, H/8, W/8]; z_D: [B, D, H/32, W/32]. H, W:
multiples of 64.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.entropy import FactorizedDensity
from models.semantic import SemanticDecoder, SemanticEncoder, Size, zero

ACTIVITY_CHANNELS = 16
ACTIVITY_LOG2_STEP, ACTIVITY_SLOPE = 1.0, 0.75
"""The step of activity is 2^1 d^0.75."""
BANDS = ((6, 32), (32, None))
"""Channels of z whose energy in a token is told as activity: the middle and the fine details."""
ENERGY_FLOOR = 3e-5
"""Of a band's mean square: below it details are under what any link at 20 dB delivers."""
LOG2_STEP_FIRST = -5.0
KNOTS = 17
"""Steps d at which the start values of the residual's variances are tabulated: 2^-5 to 2^3, by half
octaves.
"""


def log_energies(z: Tensor) -> Tensor:
    """[B, M, h, w] -> [B, bands, h, w]: log of each token's mean square in every band."""
    bands = [z[:, first:last].square().mean(1, keepdim=True) for first, last in BANDS]
    return (torch.cat(bands, 1) + ENERGY_FLOOR).log()


class HyperEncoder(nn.Module):
    """H: z_D = block transform of 4 x 4 tokens of z + two down-sampling convolutions, and activity."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        m, d, w = size.z_channels, size.z_d_channels - ACTIVITY_CHANNELS, size.hyper_width
        self.linear = nn.Conv2d(m, d, 4, 4, bias=False)
        self.network = nn.Sequential(nn.Conv2d(m, w, 3, 2, 1), nn.GELU(), zero(nn.Conv2d(w, d, 3, 2, 1)))
        self.activity = nn.Conv2d(len(BANDS), ACTIVITY_CHANNELS, 4, 4)

    def forward(self, z: Tensor) -> Tensor:
        return torch.cat([self.linear(z) + self.network(z), self.activity(log_energies(z))], 1)


class HyperDecoder(nn.Module):
    """H^-1: z~ = inverse block transform of the dequantised z_D + two up-sampling (sub-pixel) convolutions;
    and the energies [B, bands, h, w] that its activity tells.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        m, d, w = size.z_channels, size.z_d_channels - ACTIVITY_CHANNELS, size.hyper_width
        self.linear = nn.ConvTranspose2d(d, m, 4, 4, bias=False)
        first = [nn.Conv2d(d, 4 * w, 3, padding=1), nn.PixelShuffle(2), nn.GELU()]
        self.network = nn.Sequential(*first, zero(nn.Conv2d(w, 4 * m, 3, padding=1)), nn.PixelShuffle(2))
        self.activity = nn.ConvTranspose2d(ACTIVITY_CHANNELS, len(BANDS), 4, 4)

    def forward(self, z_d: Tensor) -> tuple[Tensor, Tensor]:
        essence, activity = z_d[:, :-ACTIVITY_CHANNELS], z_d[:, -ACTIVITY_CHANNELS:]
        return self.linear(essence) + self.network(essence), self.activity(activity)


class Gains(nn.Module):
    """Log gain and log variance of each analog real, from what both ends know: z~, d and the design noise."""

    FLOOR = 1e-4

    def __init__(self, size: Size) -> None:
        super().__init__()
        m, w = size.z_channels, size.gain_width
        self.log_variance = nn.Parameter(torch.zeros(KNOTS, m))
        self.busy = zero(nn.Conv2d(len(BANDS), m, 1))
        self.network = nn.Sequential(
            nn.Conv2d(2 * m + len(BANDS) + 2, w, 1),
            nn.GELU(),
            nn.Conv2d(w, w, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(w, w, 3, padding=1),
            nn.GELU(),
            zero(nn.Conv2d(w, 2 * m, 1)),
        )

    def forward(self, z_tilde: Tensor, energies: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
        at = ((side[:, 0, 0, 0] - LOG2_STEP_FIRST) * 2).clamp(0.0, KNOTS - 1.0)
        hats = torch.relu(1 - (at[:, None] - torch.arange(KNOTS, device=at.device)).abs())
        start = hats @ self.log_variance
        squared = (z_tilde.square() + self.FLOOR).log()
        delta = self.network(torch.cat([z_tilde, squared, energies, side[:, :2]], 1) / 4)
        m = z_tilde.shape[1]
        log_variance = start[:, :, None, None] + self.busy(energies) + delta[:, m:]
        return -log_variance / 4 + delta[:, :m], log_variance


@dataclass(frozen=True, kw_only=True)
class Known:
    """What both ends have of the digital part: z~, log gain and log variance of every analog real
    [B, M, H/8, W/8], and `side` [B, 3], see `planes`. The reals of largest variance are sent.
    """

    z_tilde: Tensor
    log_gain: Tensor
    log_variance: Tensor
    side: Tensor


class HdaDeepsc(nn.Module):
    """The whole of it, for training; what runs are graphs of its parts (`models.export`)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        m = size.z_channels
        self.size = size
        self.semantic_encoder, self.semantic_decoder = SemanticEncoder(size), SemanticDecoder(size)
        self.hyper_encoder, self.hyper_decoder = HyperEncoder(size), HyperDecoder(size)
        self.density = FactorizedDensity(size.z_d_channels)
        self.gains = Gains(size)
        self.analog_encoder, self.analog_decoder = (
            nn.Conv2d(m, m, 1, bias=False),
            nn.Conv2d(m, m, 1, bias=False),
        )

    def steps(self, step: Tensor) -> Tensor:
        """The quantiser's step of every channel of z_D, [D]: d, and that of activity."""
        n = self.size.z_d_channels - ACTIVITY_CHANNELS
        activity = 2.0**ACTIVITY_LOG2_STEP * step**ACTIVITY_SLOPE
        return torch.cat([step.expand(n), activity.expand(ACTIVITY_CHANNELS)])

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """I -> z and z_D (not yet quantised)."""
        z = self.semantic_encoder(image)
        return z, self.hyper_encoder(z)

    def known(self, z_d: Tensor, side: Tensor) -> Known:
        """What follows from the dequantised z_D and the side information [B, 3]."""
        z_tilde, energies = self.hyper_decoder(z_d)
        log_gain, log_variance = self.gains(z_tilde, energies, planes(side, z_tilde))
        return Known(z_tilde=z_tilde, log_gain=log_gain, log_variance=log_variance, side=side)

    def modulate(self, z: Tensor, z_tilde: Tensor, log_gain: Tensor) -> Tensor:
        """C_A: the residual z - z~, turned to the analog channels, times their gains; its power is not
        normalised.
        """
        return self.analog_encoder(z - z_tilde) * log_gain.exp()

    def fuse(self, known: Known, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """C_A^-1 as LLSE and eq. (16): z^ = z~ + z^_A; also the variance left of every analog real.

        x: received reals [B, M, H/8, W/8] on the scale of `modulate`; noise: their noise variance, same
        shape, negative where a real was not sent.
        """
        gain, variance = known.log_gain.exp(), known.log_variance.exp()
        noise_var = noise.clamp_min(0.0) + 1e-9
        received = gain * gain * variance + noise_var
        weight = (noise >= 0).to(x.dtype) * gain * variance / received
        left = variance * torch.where(noise >= 0, noise_var / received, 1.0)
        return known.z_tilde + self.analog_decoder(x * weight), left

    def picture(self, known: Known, z_hat: Tensor, left: Tensor) -> Tensor:
        """S^-1: I^; `left` is the variance left of every analog real."""
        total = left.sum(1, keepdim=True).clamp_min(1e-6).log()
        told = torch.cat([planes(known.side, z_hat), total, ((left + 1e-6).log() + 8) / 16], 1)
        return self.semantic_decoder(z_hat, known.z_tilde, told)


def planes(side: Tensor, like: Tensor) -> Tensor:
    """[B, 3] -> [B, 3, H/8, W/8]: log2 of the step d, log2 of the design noise variance, reals sent per token
    / M.
    """
    return side[:, :, None, None].expand(-1, -1, like.shape[2], like.shape[3])
