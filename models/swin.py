"""Swin Transformer layers (Liu et al. 2021) and the residual Swin block (SwinIR, Liang et al. 2021).

Tokens travel as [B, H, W, C], with H and W multiples of the window. Everything exports with free B, H, W: the
mask of the shifted windows is computed from the shape.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def windows(x_BHWC: Tensor, size: int) -> Tensor:
    """[B, H, W, C] -> [B * H/size * W/size, size * size, C]."""
    b, h, w, c = x_BHWC.shape
    x = x_BHWC.reshape(b, h // size, size, w // size, size, c).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, size * size, c)


def unwindows(x_NSC: Tensor, size: int, shape: tuple[int, int, int]) -> Tensor:
    """The inverse of `windows` for a (B, H, W) grid."""
    b, h, w = shape
    x = x_NSC.reshape(b, h // size, w // size, size, size, -1).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(b, h, w, -1)


def shift_mask(h: int, w: int, size: int, shift: int, like: Tensor) -> Tensor:
    """Additive mask [H/size * W/size, size^2, size^2]: -100 between tokens that only the cyclic shift made
    neighbours.
    """
    rows = torch.arange(h, device=like.device)
    cols = torch.arange(w, device=like.device)
    row_part = (rows >= h - size).to(like.dtype) + (rows >= h - shift).to(like.dtype)
    col_part = (cols >= w - size).to(like.dtype) + (cols >= w - shift).to(like.dtype)
    part = windows((3 * row_part[:, None] + col_part[None, :])[None, :, :, None], size)[..., 0]
    return (part[:, :, None] != part[:, None, :]).to(like.dtype) * -100.0


class WindowAttention(nn.Module):
    """Multi-head self-attention inside windows, with a learned relative position bias."""

    def __init__(self, width: int, heads: int, size: int) -> None:
        super().__init__()
        self.heads, self.size = heads, size
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros((2 * size - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias, std=0.02)
        at = torch.stack(torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")).flatten(1)
        apart = at[:, :, None] - at[:, None, :] + size - 1
        self.register_buffer("index", apart[0] * (2 * size - 1) + apart[1], persistent=False)

    def forward(self, x_NSC: Tensor, mask: Tensor | None) -> Tensor:
        n, s, c = x_NSC.shape
        q, k, v = (
            self.qkv(x_NSC).reshape(n, s, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        )
        bias = self.bias[self.index].permute(2, 0, 1).to(q.dtype)
        if mask is not None:
            n_windows = mask.shape[0]
            both = bias[None] + mask[:, None].to(q.dtype)
            bias = both.repeat(n // n_windows, 1, 1, 1)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.expand(n, -1, -1, -1))
        return self.proj(out.transpose(1, 2).reshape(n, s, c))


class SwinLayer(nn.Module):
    """x + attention(norm x), then x + mlp(norm x), over windows that are shifted by half or not."""

    def __init__(self, width: int, heads: int, size: int, shift: int, mlp_ratio: float) -> None:
        super().__init__()
        self.size, self.shift = size, shift
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = WindowAttention(width, heads, size)
        hidden = int(width * mlp_ratio)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x_BHWC: Tensor) -> Tensor:
        b, h, w, _ = x_BHWC.shape
        y, mask = self.norm1(x_BHWC), None
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
            mask = shift_mask(h, w, self.size, self.shift, y)
        y = unwindows(self.attention(windows(y, self.size), mask), self.size, (b, h, w))
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x_BHWC + y
        return x + self.mlp(self.norm2(x))


class ResidualSwinBlock(nn.Module):
    """x + conv3x3(Swin layers(x)), alternately unshifted and shifted; x: [B, C, H, W]."""

    def __init__(self, width: int, layers: int, heads: int, size: int, mlp_ratio: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            SwinLayer(width, heads, size, size // 2 if i % 2 else 0, mlp_ratio) for i in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y = x_BCHW.permute(0, 2, 3, 1)
        for layer in self.layers:
            y = layer(y)
        return x_BCHW + self.conv(self.norm(y).permute(0, 3, 1, 2))
