"""DeepJSCC: pictures straight to channel symbols (Bourtsoulatze, Kurka, Gunduz, IEEE TCCN 2019), with the
attention to the SNR of ADJSCC (Xu, Ai, Chen, Yang, Sun, Li, IEEE TCSVT 2021).

    I -> 5 convolutions of 5 x 5, two of stride 2, PReLU and attention after the first four -> x -> channel
    y -> 5 transposed convolutions of 5 x 5, two of stride 2, likewise -> I^

c = 16 reals for 4 x 4 pixels are 8 channel uses for 48 samples: a bandwidth ratio of 1/6. Beside the papers:

- 48 and 64 channels inside, where Bourtsoulatze et al. have 16 and 32; no PReLU behind the encoder's last
  convolution. Xu et al.'s attention stands behind these layers, not behind their own wider ones.
- Training starts at a classical linear codec, the c principal components of 4 x 4 x 3 pixels, with power
  allocation variance^(-1/4) (Lee and Petersen 1976) and LLSE at the receiver. The convolutions hold it in
  some of their channels, whose PReLUs begin with slope 1; the other channels begin at random, not yet read.
- Power normalisation of a whole picture, as published, hides its contrast, which random weights learn to do
  without and linear ones need. A constant in place of one real of every 64 of one channel, a thousandth of
  what is sent, tells the receiver the factor.
- Attention multiplies by 2 sigmoid(...), which begins at 1; the last sigmoid is left out.

Shapes: I, I^: [B, 3, H, W] in [0, 1]; x, y: [B, c, H/4, W/4], channels 2j and 2j + 1 the two axes of symbol
j, of mean power E|s|^2 = 1; SNRs: Es/N0 in dB, [B, 1]. A batch counts as one picture, of one power.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models import deepjscc_q
from models.deepjscc_q import PILOT_EVERY

STRIDE = 4
FIELD = 3 * STRIDE**2
"""Samples that a place of x stands for."""
PILOT = 2.0
LEAST_FACTOR = 0.1
SNR_RANGE_DB = (-10.0, 30.0)
START_SNR_DB = 10.0


@dataclass(frozen=True, kw_only=True)
class Size:
    """reals: c, for each 4 x 4 pixels; stem, width: channels at half and at a quarter of the side; hidden: of
    an attention. levels: what a real may be on the air, as `models.deepjscc_q` has it; 0: anything.
    """

    reals: int = 16
    stem: int = 48
    width: int = 64
    hidden: int = 16
    levels: int = 0

    def __post_init__(self) -> None:
        if self.reals % 2 or not 4 <= self.reals <= FIELD <= self.width or self.stem < FIELD // 4:
            rule = f"must be even, 4 to {FIELD}, with a stem of {FIELD // 4} and a width of {FIELD} at least"
            raise ValueError(f"reals: {rule}, got {self}; 16 is a bandwidth ratio of 1/6")
        if self.levels and self.reals & (self.reals - 1):
            rule = "must be a power of two where symbols are points"
            raise ValueError(f"reals: {rule}, got {self.reals}; take 16")


class Attention(nn.Module):
    """Xu et al.'s attention feature module: factors for the channels from their means and the SNR."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(width + 1, hidden), nn.ReLU(), nn.Linear(hidden, width))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x: Tensor, snr_db: Tensor) -> Tensor:
        seen = torch.cat([x.mean((2, 3)), scaled(snr_db)], 1)
        return x * (2 * torch.sigmoid(self.net(seen)))[:, :, None, None]


def scaled(snr_db: Tensor) -> Tensor:
    """The SNR as networks see it."""
    return snr_db.clamp(*SNR_RANGE_DB) / 10 - 1


class Layers(nn.Module):
    """Convolutions, with PReLU and attention between them."""

    def __init__(self, convolutions: list[nn.Module], hidden: int) -> None:
        super().__init__()
        inner = [each.out_channels for each in convolutions[:-1]]
        self.convolutions = nn.ModuleList(convolutions)
        self.bends = nn.ModuleList(nn.PReLU(n) for n in inner)
        self.attentions = nn.ModuleList(Attention(n, hidden) for n in inner)

    def forward(self, x: Tensor, snr_db: Tensor) -> Tensor:
        for convolve, bend, attend in zip(self.convolutions, self.bends, self.attentions, strict=False):
            x = attend(bend(convolve(x)), snr_db)
        return self.convolutions[-1](x)

    @torch.no_grad()
    def carry(self, paths: list[Tensor]) -> None:
        """Make the first channels of each layer the linear map of its path, a kernel [out, in, 5, 5], read by
        nothing else; the others begin at random. For a transposed convolution the kernel is [in, out, 5, 5].
        """
        for i, (convolve, path) in enumerate(zip(self.convolutions, paths, strict=True)):
            across = isinstance(convolve, nn.ConvTranspose2d)
            weight = convolve.weight.transpose(0, 1) if across else convolve.weight
            path = path.transpose(0, 1) if across else path
            n_out, n_in = path.shape[:2]
            weight[:n_out] = 0
            weight[:n_out, :n_in] = path
            convolve.bias[:n_out] = 0
            if i < len(self.bends):
                self.bends[i].weight[:n_out] = 1


def convolution(n_in: int, n_out: int, stride: int = 1) -> nn.Module:
    """5 x 5."""
    return nn.Conv2d(n_in, n_out, 5, stride, padding=2)


def transposed(n_in: int, n_out: int, stride: int = 1) -> nn.Module:
    """5 x 5."""
    return nn.ConvTranspose2d(n_in, n_out, 5, stride, padding=2, output_padding=stride - 1)


class DeepJscc(nn.Module):
    """Encoder and decoder; what lies between them is `send` and the channel."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size, self.bfloat16 = size, False
        c, stem, width = size.reals, size.stem, size.width
        down = [convolution(3, stem, 2), convolution(stem, width, 2)]
        down += [convolution(width, width), convolution(width, width), convolution(width, c)]
        up = [transposed(c, width), transposed(width, width), transposed(width, width)]
        up += [transposed(width, stem, 2), transposed(stem, 3, 2)]
        self.encoder, self.decoder = Layers(down, size.hidden), Layers(up, size.hidden)
        self.log_prior = nn.Parameter(torch.zeros(c, 1, 1))
        if size.levels:
            self.on_points = deepjscc_q.OnPoints(c, size.levels)

    def encode(self, image: Tensor, snr_db: Tensor) -> Tensor:
        """x: of no particular power where symbols may be anything, else on the scale of the points."""
        x, told = self._run(self.encoder, image - 0.5, snr_db), PILOT
        if self.size.levels:
            x, told = self.on_points.scale(x, scaled(snr_db))
        channel = torch.arange(self.size.reals, device=x.device) == self.pilot
        return torch.where(channel[:, None, None] & pilots(x), told, x)

    def decode(self, y: Tensor, snr_db: Tensor) -> Tensor:
        """I^, not clipped."""
        noise = 10 ** (-snr_db.clamp(*SNR_RANGE_DB) / 10)[:, :, None, None] / 2
        prior = self.log_prior.exp()
        if self.size.levels:
            y, noise = self.on_points.unscale(y, scaled(snr_db), noise, prior, self.pilot, pilots(y))
        else:
            factor = y[:, self.pilot : self.pilot + 1, ::PILOT_EVERY, ::PILOT_EVERY].mean((0, 2, 3)) / PILOT
            factor = factor.clamp(min=LEAST_FACTOR)
            y, noise = y / factor, noise / factor.square()
        return self._run(self.decoder, y * prior / (prior + noise), snr_db) + 0.5

    @property
    def pilot(self) -> int:
        """The channel whose reals give way to pilots: of the symbols' last but one, its real axis."""
        return self.size.reals - 4

    def _run(self, layers: Layers, x: Tensor, snr_db: Tensor) -> Tensor:
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            return layers(x, snr_db).float()

    @torch.no_grad()
    def start(self, images: Tensor, exponent: float = 0.25) -> None:
        """Begin at principal components of the blocks of images [B, 3, H, W].

        exponent: a component of variance v is sent times v^-exponent: 1/4 is least squares at equal power,
        1/2 gives all reals the same power.
        """
        c = self.size.reals
        blocks = nn.functional.pixel_unshuffle(images - 0.5, STRIDE).transpose(1, 3).reshape(-1, FIELD)
        variance, basis = torch.linalg.eigh((blocks.T @ blocks / len(blocks)).double())
        variance, basis = variance.flip(0)[:c].float(), basis.flip(1)[:, :c].T.float()
        gain = variance**-exponent
        gain = gain / (2 * (gain.square() * variance).mean()).sqrt()
        self.log_prior.copy_((gain.square() * variance).log()[:, None, None])
        halve, keep = unshuffling(3), centred(torch.eye(FIELD))
        into = centred(gain[:, None] * basis[:, ORDER])
        out_of = centred(basis[:, ORDER] / gain[:, None])
        self.encoder.carry([halve, unshuffling(FIELD // 4), keep, keep, into])
        self.decoder.carry([out_of, keep, keep, unshuffling(FIELD // 4), halve])
        self.start_points(images)

    @torch.no_grad()
    def borrow(self, weights: Mapping[str, Tensor], images: Tensor) -> None:
        """Take encoder and decoder of another network, whose symbols may be anything, and find what scale
        its reals need. Raises ValueError where they are of another size.
        """
        own = {name: value for name, value in self.state_dict().items() if name.startswith("on_points.")}
        try:
            self.load_state_dict({**weights, **own})
        except RuntimeError as error:
            raise ValueError(f"features: must be of a network of {self.size}; {error}") from error
        self.start_points(images)

    def start_points(self, images: Tensor) -> None:
        """Fit the scale of the points to what the encoder makes of images at 10 dB."""
        if self.size.levels:
            self.on_points.start(
                self._run(self.encoder, images - 0.5, torch.full((len(images), 1), START_SNR_DB))
            )


def pilots(x: Tensor) -> Tensor:
    """Which places of x, [B, c, h, w], have a pilot, [h, w]."""
    rows, columns = (torch.arange(n, device=x.device) % PILOT_EVERY == 0 for n in x.shape[2:])
    return rows[:, None] & columns


def centred(matrix: Tensor) -> Tensor:
    """[out, in] as a kernel of 5 x 5 that sees its own place alone."""
    return nn.functional.pad(matrix[:, :, None, None], (2, 2, 2, 2))


def unshuffling(channels: int) -> Tensor:
    """The kernel of stride 2 that lays squares of 2 x 2 into channels: channel 4 i + 2 y + x."""
    kernel = torch.zeros(4 * channels, channels, 5, 5)
    for i in range(4 * channels):
        kernel[i, i // 4, 2 + i % 4 // 2, 2 + i % 2] = 1
    return kernel


def _order() -> Tensor:
    """Where the samples lie after unshuffling twice, told by their place after unshuffling by 4 at once."""
    places = torch.arange(float(FIELD)).reshape(1, FIELD, 1, 1)
    samples = nn.functional.pixel_shuffle(places, STRIDE)
    twice = nn.functional.pixel_unshuffle(nn.functional.pixel_unshuffle(samples, 2), 2)
    return twice.flatten().long()


ORDER = _order()


def normalised(x: Tensor) -> Tensor:
    """x as symbols of mean power 1."""
    return x * (2 * x.square().mean()).clamp(min=1e-12).rsqrt()
