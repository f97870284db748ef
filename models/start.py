"""Where training starts: the classical hybrid of principal components, uniform quantisation, power allocation
and LLSE, with the density of z_D already fitted.

z = principal components of 8 x 8 x 3 pixels; z_D = principal components of 4 x 4 tokens of z; the analog
channels = principal components of the residual z - z~ at a middle step; gain = variance^(-1/4), which
minimises the squared error at equal power (Lee and Petersen 1976); variances are those that z~ lets both ends
expect.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import unfold

from models import losses
from models.hda_deepsc import ACTIVITY_CHANNELS, KNOTS, LOG2_STEP_FIRST, HdaDeepsc, log_energies
from models.semantic import STRIDE
from models.twin import rounded

MIDDLE_STEP = 2.0**-1.5
FLOOR = 1e-7
COARSE = 48
"""Channels of z of which z_D starts as principal components: the others hold next to nothing for it."""


def principal(x_ND: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The first n principal directions [n, D] and their variances [n], of rows that are not centred."""
    x = x_ND.double()
    variance, vectors = torch.linalg.eigh(x.T @ x / len(x))
    return vectors.flip(1)[:, :n].T.float(), variance.flip(0)[:n].float()


def blocks_of(images: Tensor) -> Tensor:
    """[B, 3, H, W] -> rows [N, 192] of 8 x 8 x 3 pixels, about grey."""
    return unfold(images - 0.5, STRIDE, stride=STRIDE).transpose(1, 2).reshape(-1, 3 * STRIDE**2)


def groups_of(z: Tensor) -> Tensor:
    """z [B, M, h, w] -> rows [N, 16 M] of 4 x 4 tokens."""
    return unfold(z, 4, stride=4).transpose(1, 2).reshape(-1, 16 * z.shape[1])


@torch.no_grad()
def start_at_principal_components(net: HdaDeepsc, images: Tensor) -> None:
    """Set every linear path of the network from images [B, 3, H, W]; leaves the learned residuals at zero."""
    size = net.size
    m, d = size.z_channels, size.z_d_channels - ACTIVITY_CHANNELS
    basis, _ = principal(blocks_of(images), m)
    net.semantic_encoder.linear.weight.copy_(basis.reshape(m, 3, STRIDE, STRIDE))
    net.semantic_encoder.linear.bias.zero_()
    net.semantic_decoder.linear.weight.copy_(basis.reshape(m, 3, STRIDE, STRIDE))
    net.semantic_decoder.linear.bias.zero_()

    z = net.semantic_encoder.linear(images - 0.5)
    coarse = min(m, COARSE)
    basis, variance = principal(groups_of(z[:, :coarse]), d)
    energies = log_energies(z)
    mean = energies.mean((0, 2, 3))
    busy, spread = principal(groups_of(energies - mean[:, None, None]), ACTIVITY_CHANNELS)
    for ends in (net.hyper_encoder, net.hyper_decoder):
        ends.linear.weight.zero_()
        ends.linear.weight[:, :coarse] = basis.reshape(d, coarse, 4, 4)
        ends.activity.weight.copy_(busy.reshape(ACTIVITY_CHANNELS, -1, 4, 4))
    net.hyper_encoder.activity.bias.copy_(-busy @ mean.repeat_interleave(16))
    net.hyper_decoder.activity.bias.copy_(mean)
    net.density.scale.copy_(torch.cat([variance, spread]).sqrt())

    z_d = net.hyper_encoder(z)
    basis, _ = principal(residual(net, z, z_d, MIDDLE_STEP), m)
    net.analog_encoder.weight.copy_(basis[:, :, None, None])
    net.analog_decoder.weight.copy_(basis.T[:, :, None, None])
    tabulate_variances(net, z, z_d)


def residual(net: HdaDeepsc, z: Tensor, z_d: Tensor, step: float) -> Tensor:
    """Rows [N, M] of z - z~ with z_D quantised."""
    z_tilde, _ = net.hyper_decoder(rounded(z_d, net.steps(torch.tensor(step))))
    left = z - z_tilde
    return left.permute(0, 2, 3, 1).reshape(-1, z.shape[1])


@torch.no_grad()
def tabulate_variances(net: HdaDeepsc, z: Tensor, z_d: Tensor) -> None:
    """Set the mean variance of every analog channel at every tabulated step."""
    basis = net.analog_encoder.weight[:, :, 0, 0]
    for knot in range(KNOTS):
        left = residual(net, z, z_d, 2.0 ** (LOG2_STEP_FIRST + knot / 2)) @ basis.T
        net.gains.log_variance[knot] = (left.square().mean(0) + FLOOR).log()


@torch.no_grad()
def borrow_features(net: HdaDeepsc, weights: Mapping[str, Tensor]) -> None:
    """Take what other semantic networks of the same widths learned, but for the last layers, which stay zero.

    weights: another network's, of at most as many channels in z.
    """
    m, big_m = weights["analog_encoder.weight"].shape[0], net.size.z_channels
    last = [
        f"semantic_{end}coder.network.{len(getattr(net, f'semantic_{end}coder').network) - n}."
        for end, n in (("en", 1), ("de", 2))
    ]
    into = "semantic_decoder.network.0.weight"
    for name, value in net.state_dict().items():
        if ".network." not in name or not name.startswith("semantic_") or name.startswith(tuple(last)):
            continue
        old = weights[name]
        if name == into:
            value.zero_()
            for to, at, n in ((0, 0, m), (big_m, m, m), (2 * big_m, 2 * m, old.shape[1] - 2 * m)):
                value[:, to : to + n] = old[:, at : at + n]
        else:
            value.copy_(old)


def linear_parts(net: HdaDeepsc, images: Tensor) -> tuple[Tensor, Tensor]:
    """z and z_D as they are while the learned residuals are zero."""
    z = net.semantic_encoder.linear(images - 0.5)
    return z, net.hyper_encoder(z)


def fit_gains(net: HdaDeepsc, batches: Iterable[Tensor], seed: int) -> None:
    """Fit the predicted variances to the residual as it starts, one Adam step a batch of images, at steps
    over the whole range.
    """
    rng = np.random.default_rng((seed, 5))
    optimiser = torch.optim.Adam(net.gains.parameters(), 3e-3)
    for i, images in enumerate(batches):
        optimiser.param_groups[0]["lr"] = 3e-3 * 0.995**i
        step = 2.0 ** rng.uniform(-4, 2.5)
        with torch.no_grad():
            z, z_d = linear_parts(net, images)
            z_d = rounded(z_d, net.steps(torch.tensor(step, dtype=torch.float32))) * float(rng.random() < 0.9)
        side = torch.tensor([[np.log2(step), rng.uniform(-7, 1), 0.3]], dtype=torch.float32)
        known = net.known(z_d, side.expand(len(images), -1))
        loss = losses.variance_misfit(net.analog_encoder(z - known.z_tilde), known.log_variance)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def fit_density(net: HdaDeepsc, batches: Iterable[Tensor], seed: int) -> None:
    """Fit the factorised density to z_D as it starts, one Adam step a batch of images, at steps over the
    whole range.
    """
    rng = np.random.default_rng((seed, 3))
    optimiser = torch.optim.Adam(net.density.parameters(), 1e-2)
    for images in batches:
        with torch.no_grad():
            _, z_d = linear_parts(net, images)
        steps = net.steps(torch.tensor(2.0 ** rng.uniform(-4, 1.5), dtype=torch.float32))
        dither = torch.from_numpy(rng.random(z_d.shape, np.float32) - 0.5)
        loss = net.density.bits(z_d + dither * steps[:, None, None], steps).sum() / z_d.numel()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
