"""Where training starts: the classical hybrid of principal components, uniform quantisation, power allocation
and LLSE, with the density of z_D already fitted.

z = principal components of 8 x 8 x 3 pixels; z_D = principal components of 4 x 4 tokens of z; the analog
channels = principal components of the residual z - z~ at a middle step; gain = variance^(-1/4), which
minimises the squared error at equal power (Lee and Petersen 1976).
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from models.hda_deepsc import KNOTS, LOG2_STEP_FIRST, STRIDE, HdaDeepsc

MIDDLE_STEP = 2.0**-1.5
FLOOR = 1e-7


def principal(x_ND: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The first n principal directions [n, D] and their variances [n], of rows that are not centred."""
    x = x_ND.double()
    variance, vectors = torch.linalg.eigh(x.T @ x / len(x))
    return vectors.flip(1)[:, :n].T.float(), variance.flip(0)[:n].float()


@torch.no_grad()
def start_at_principal_components(net: HdaDeepsc, images: Tensor) -> None:
    """Set every linear path of the network from images [B, 3, H, W]; leaves the learned residuals at zero."""
    size = net.size
    m, d = size.z_channels, size.z_d_channels
    blocks = (
        torch.nn.functional.unfold(images - 0.5, STRIDE, stride=STRIDE)
        .transpose(1, 2)
        .reshape(-1, 3 * STRIDE**2)
    )
    basis, _ = principal(blocks, m)
    net.semantic_encoder.linear.weight.copy_(basis.reshape(m, 3, STRIDE, STRIDE))
    net.semantic_encoder.linear.bias.zero_()
    net.semantic_decoder.linear.weight.copy_(basis.reshape(m, 3, STRIDE, STRIDE))
    net.semantic_decoder.linear.bias.zero_()

    z = net.semantic_encoder.linear(images - 0.5)
    groups = torch.nn.functional.unfold(z, 4, stride=4).transpose(1, 2).reshape(-1, 16 * m)
    basis, variance = principal(groups, d)
    net.hyper_encoder.linear.weight.copy_(basis.reshape(d, m, 4, 4))
    net.hyper_decoder.linear.weight.copy_(basis.reshape(d, m, 4, 4))
    net.density.scale.copy_(variance.sqrt())

    z_d = net.hyper_encoder.linear(z)

    def residual(step: float) -> Tensor:
        left = z - net.hyper_decoder.linear(torch.round(z_d / step) * step)
        return left.permute(0, 2, 3, 1).reshape(-1, m)

    basis, _ = principal(residual(MIDDLE_STEP), m)
    net.analog_encoder.weight.copy_(basis[:, :, None, None])
    net.analog_decoder.weight.copy_(basis.T[:, :, None, None])
    for knot in range(KNOTS):
        left = residual(2.0 ** (LOG2_STEP_FIRST + knot / 2)) @ basis.T
        net.gains.log_variance[knot] = (left.square().mean(0) + FLOOR).log()


def fit_density(net: HdaDeepsc, batches: Iterable[Tensor], seed: int) -> None:
    """Fit the factorised density to z_D as it starts, one Adam step a batch of images, at steps over the
    whole range.
    """
    rng = np.random.default_rng((seed, 3))
    optimiser = torch.optim.Adam(net.density.parameters(), 1e-2)
    for images in batches:
        with torch.no_grad():
            _, z_d = net.encode(images)
        step = torch.tensor(2.0 ** rng.uniform(-4, 1.5))
        dithered = z_d + torch.from_numpy(rng.random(z_d.shape, np.float32) - 0.5) * step
        loss = net.density.bits(dithered, step).sum() / z_d.numel()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
