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
- z has M channels for each 8 x 8 pixels. The analog encoder orders them, and sends the first n reals of the
  grant (channel by channel): one network for every DA ratio and bandwidth ratio.
- z_D is quantised with one step d for an image, which the host chooses so that the bits fill the payload
  (rate control).
- The analog encoder's gain of a token follows z~, which both ends have: power goes where the residual is
  large.

Shapes: I, I^: [B, 3, H, W] in [0, 1]; z, z~, z_A, x: [B, M, H/8, W/8]; z_D: [B, D, H/32, W/32]. H, W:
multiples of 64.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.entropy import FactorizedDensity
from models.swin import ResidualSwinBlock

STRIDE = 8
LOG2_STEP_FIRST = -5.0
KNOTS = 17
"""Steps d at which the start values of the residual's variances are tabulated: 2^-5 to 2^3, by half
octaves.
"""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the network is. `width`, `heads`, `layers`, `window`: of the Swin block at `token_stride`
    pixels.
    """

    token_stride: int
    width: int
    heads: int
    layers: int
    window: int = 8
    mlp_ratio: float = 2.0
    stem_width: int = 96
    z_channels: int = 128
    z_d_channels: int = 128
    hyper_width: int = 96
    gain_width: int = 96


def zero(module: nn.Module) -> nn.Module:
    """The module with weights and bias at zero: a residual that starts absent."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class Trunk(nn.Sequential):
    """A network whose inside may run in bfloat16 while training; the linear paths beside it, good for 40 dB,
    never do.
    """

    bfloat16 = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.bfloat16:
            return super().forward(x)
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            return super().forward(x).float()


class ResidualConv(nn.Module):
    """x + conv(act(conv(x))), the second convolution starting at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.PReLU(width),
            zero(nn.Conv2d(width, width, 3, padding=1)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.net(x)


class SemanticEncoder(nn.Module):
    """S: z = block transform of I + network(I)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        stem, width, m = size.stem_width, size.width, size.z_channels
        self.linear = nn.Conv2d(3, m, STRIDE, STRIDE)
        if size.token_stride == 8:
            down = [nn.Conv2d(3, stem, 4, 4), ResidualConv(stem), nn.Conv2d(stem, width, 2, 2)]
            out = nn.Conv2d(width, m, 1)
        else:
            down = [nn.Conv2d(3, width, 4, 4)]
            out = nn.Conv2d(width, m, 2, 2)
        block = ResidualSwinBlock(width, size.layers, size.heads, size.window, size.mlp_ratio)
        self.network = Trunk(*down, block, zero(out))

    def forward(self, image: Tensor) -> Tensor:
        centred = image - 0.5
        return self.linear(centred) + self.network(centred)


class SemanticDecoder(nn.Module):
    """S^-1: I^ = inverse block transform of z^ + network(z^, z~, what is known of the noise)."""

    N_SIDE = 4

    def __init__(self, size: Size) -> None:
        super().__init__()
        stem, width, m = size.stem_width, size.width, size.z_channels
        self.linear = nn.ConvTranspose2d(m, 3, STRIDE, STRIDE)
        n_in = 2 * m + self.N_SIDE
        block = ResidualSwinBlock(width, size.layers, size.heads, size.window, size.mlp_ratio)
        if size.token_stride == 8:
            up = [
                nn.Conv2d(width, 4 * stem, 1),
                nn.PixelShuffle(2),
                ResidualConv(stem),
                zero(nn.Conv2d(stem, 48, 3, padding=1)),
            ]
            self.network = Trunk(nn.Conv2d(n_in, width, 1), block, *up, nn.PixelShuffle(4))
        else:
            into = [nn.Conv2d(n_in, 4 * width, 1), nn.PixelShuffle(2)]
            self.network = Trunk(*into, block, zero(nn.Conv2d(width, 48, 3, padding=1)), nn.PixelShuffle(4))

    def forward(self, z: Tensor, z_tilde: Tensor, side: Tensor) -> Tensor:
        return self.linear(z) + self.network(torch.cat([z, z_tilde, side], 1)) + 0.5


class HyperEncoder(nn.Module):
    """H: z_D = block transform of 4 x 4 tokens of z + two down-sampling convolutions."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        m, d, w = size.z_channels, size.z_d_channels, size.hyper_width
        self.linear = nn.Conv2d(m, d, 4, 4, bias=False)
        self.network = nn.Sequential(nn.Conv2d(m, w, 3, 2, 1), nn.GELU(), zero(nn.Conv2d(w, d, 3, 2, 1)))

    def forward(self, z: Tensor) -> Tensor:
        return self.linear(z) + self.network(z)


class HyperDecoder(nn.Module):
    """H^-1: z~ = inverse block transform of the dequantised z_D + two up-sampling (sub-pixel)
    convolutions.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        m, d, w = size.z_channels, size.z_d_channels, size.hyper_width
        self.linear = nn.ConvTranspose2d(d, m, 4, 4, bias=False)
        first = [nn.Conv2d(d, 4 * w, 3, padding=1), nn.PixelShuffle(2), nn.GELU()]
        self.network = nn.Sequential(*first, zero(nn.Conv2d(w, 4 * m, 3, padding=1)), nn.PixelShuffle(2))

    def forward(self, z_d: Tensor) -> Tensor:
        return self.linear(z_d) + self.network(z_d)


class Gains(nn.Module):
    """Log gain and log variance of each analog channel at each token, from what both ends know: z~, d and the
    design noise.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        m = size.z_channels
        self.log_variance = nn.Parameter(torch.zeros(KNOTS, m))
        self.network = nn.Sequential(
            nn.Conv2d(m + 2, size.gain_width, 3, padding=1),
            nn.GELU(),
            zero(nn.Conv2d(size.gain_width, 2 * m, 1)),
        )

    def forward(self, z_tilde: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
        at = ((side[:, 0, 0, 0] - LOG2_STEP_FIRST) * 2).clamp(0.0, KNOTS - 1.0)
        hats = torch.relu(1 - (at[:, None] - torch.arange(KNOTS, device=at.device)).abs())
        start = hats @ self.log_variance
        delta = self.network(torch.cat([z_tilde, side[:, :2]], 1))
        m = z_tilde.shape[1]
        log_variance = start[:, :, None, None] + delta[:, m:]
        return -log_variance / 4 + delta[:, :m], log_variance


class HdaDeepsc(nn.Module):
    """The whole of it, for training; the three graphs that run are `encode`, `transmit` and `decode`."""

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

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """I -> z and z_D (not yet quantised)."""
        z = self.semantic_encoder(image)
        return z, self.hyper_encoder(z)

    def transmit(self, z: Tensor, z_d: Tensor, side: Tensor) -> Tensor:
        """z and the dequantised z_D -> analog reals x [B, M, H/8, W/8], before power normalisation."""
        z_tilde = self.hyper_decoder(z_d)
        log_gain, _ = self.gains(z_tilde, planes(side, z_tilde))
        return self.analog_encoder(z - z_tilde) * log_gain.exp()

    def decode(self, z_d: Tensor, x: Tensor, noise: Tensor, side: Tensor) -> Tensor:
        """Dequantised z_D and received reals x -> I^.

        x: [B, M, H/8, W/8] on the scale of `transmit`; noise: their noise variance, same shape, negative
        where a real was not sent; side: [B, 3], see `planes`.
        """
        z_hat, z_tilde, known = self.fuse(z_d, x, noise, side)
        return self.semantic_decoder(z_hat, z_tilde, known)

    def fuse(self, z_d: Tensor, x: Tensor, noise: Tensor, side: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """C_A^-1 as LLSE and eq. (16): z^ = z~ + z^_A; also z~, and planes of what is known of the noise left
        in z^.
        """
        z_tilde = self.hyper_decoder(z_d)
        plane = planes(side, z_tilde)
        log_gain, log_variance = self.gains(z_tilde, plane)
        gain, variance, sent = log_gain.exp(), log_variance.exp(), (noise >= 0).to(x.dtype)
        weight = sent * gain * variance / (gain * gain * variance + noise.clamp_min(0.0) + 1e-9)
        left = (variance * (1 - weight * gain)).sum(1, keepdim=True).clamp_min(1e-6)
        z_hat = z_tilde + self.analog_decoder(x * weight)
        return z_hat, z_tilde, torch.cat([plane, left.log()], 1)


def planes(side: Tensor, like: Tensor) -> Tensor:
    """[B, 3] -> [B, 3, H/8, W/8]: log2 of the step d, log2 of the design noise variance, reals sent per token
    / M.
    """
    return side[:, :, None, None].expand(-1, -1, like.shape[2], like.shape[3])
