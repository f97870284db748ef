"""The factorised non-parametric density of Balle et al. 2018 (appendix 6.1), quantised with a step chosen per
image.

Channel c of z_D has a cumulative F_c(u), u = z_D / scale_c, learned as a monotone network of one variable.
With step d, the integer q stands for z_D = q d and has the probability F_c((q + 1/2) d / scale_c) - F_c((q -
1/2) d / scale_c).
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (1, 3, 3, 3, 1)
SMALLEST_PROBABILITY = 1e-9


class FactorizedDensity(nn.Module):
    """F_c of `channels` channels; `scale` [channels] brings each channel to about unit deviation."""

    def __init__(self, channels: int, spread: float = 10.0) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(channels))
        ratio = spread ** (1 / (len(WIDTHS) - 1))
        self.matrices, self.biases, self.factors = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        for n_in, n_out in pairwise(WIDTHS):
            start = torch.log(torch.expm1(torch.tensor(1 / ratio / n_out)))
            self.matrices.append(nn.Parameter(start.expand(channels, n_out, n_in).clone()))
            self.biases.append(nn.Parameter(torch.rand(channels, n_out, 1) - 0.5))
            if n_out > 1:
                self.factors.append(nn.Parameter(torch.zeros(channels, n_out, 1)))

    def logits(self, u_C1N: Tensor) -> Tensor:
        """Logit of F_c(u); u: [C, 1, N]."""
        y = u_C1N
        for i, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            y = F.softplus(matrix) @ y + bias
            if i < len(self.factors):
                y = y + torch.tanh(self.factors[i]) * torch.tanh(y)
        return y

    def probability(self, z_CN: Tensor, step: Tensor) -> Tensor:
        """P(z - step/2 < Z < z + step/2), [C, N]; in the safer tail. step: one, or [C]."""
        u = (z_CN / self.scale[:, None])[:, None]
        half = (step / 2 / self.scale)[:, None, None]
        lower, upper = self.logits(u - half), self.logits(u + half)
        sign = -torch.sign(lower + upper).detach()
        p = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs()
        return p[:, 0].clamp_min(SMALLEST_PROBABILITY)

    def bits(self, z_BCHW: Tensor, step: Tensor) -> Tensor:
        """-log2 of the probability of every image's z_D, [B], in bits."""
        b, c = z_BCHW.shape[:2]
        z = z_BCHW.permute(1, 0, 2, 3).reshape(c, -1)
        return -torch.log2(self.probability(z, step)).reshape(c, b, -1).sum((0, 2))
