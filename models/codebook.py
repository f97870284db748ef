"""A codebook that follows what it quantises: a start by k-means, moving averages, revival of unused words.

Words learned by gradient alone die: the encoder moves away and only the few nearest ones are ever picked.
"""

import torch
from torch import Tensor

KEEP = 0.99
"""Of a word, a step, where the batch says something else (van den Oord et al. 2017, appendix A.1)."""
LEAST_SHARE = 0.05
"""A word that fewer pictures pick than this share of the mean counts as unused."""


def nearest(points: Tensor, words: Tensor) -> Tensor:
    """Index [n] of the word [N, D] nearest to each point [n, D]."""
    return torch.cdist(points, words).argmin(1)


def sums(points: Tensor, picked: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Count [n] and sum [n, D] of the points [., D] that picked each of n words."""
    counts = torch.bincount(picked, minlength=n).to(points.dtype)
    return counts, torch.zeros(n, points.shape[1], dtype=points.dtype).index_add_(0, picked, points)


def distant(points: Tensor, words: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n of the points, drawn in proportion to the squared distance from the nearest word."""
    apart = torch.cdist(points, words).amin(1).square() + 1e-12
    return points[torch.multinomial(apart, n, replacement=n > len(points), generator=generator)]


def spread_start(points: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n of the points, each drawn in proportion to the squared distance from those before (k-means++)."""
    picked = points[torch.randint(len(points), (1,), generator=generator)]
    apart = torch.full((len(points),), torch.inf)
    for _ in range(n - 1):
        apart = torch.minimum(apart, (points - picked[-1]).square().sum(1))
        at = torch.multinomial(apart.clamp(min=1e-12), 1, generator=generator)
        picked = torch.cat([picked, points[at]])
    return picked


@torch.no_grad()
def k_means(points: Tensor, n: int, rounds: int, generator: torch.Generator) -> Tensor:
    """[n, D]: Lloyd's rounds over points [., D]; a word that nobody picks begins anew far out."""
    words = spread_start(points, n, generator)
    for _ in range(rounds):
        counts, total = sums(points, nearest(points, words), n)
        words = total / counts[:, None].clamp(min=1)
        if (empty := counts == 0).any():
            words[empty] = distant(points, words[~empty], int(empty.sum()), generator)
    return words


@torch.no_grad()
def follow(words: Tensor, share: Tensor, points: Tensor, picked: Tensor) -> None:
    """Move words [N, D] and their moving counts share [N] towards what a batch [B, D] picked, in place."""
    counts, total = sums(points, picked, len(words))
    moved = KEEP * share[:, None] * words + (1 - KEEP) * total
    share.mul_(KEEP).add_(counts, alpha=1 - KEEP)
    words.copy_(torch.where(share[:, None] > 1e-6, moved / share[:, None].clamp(min=1e-6), words))


@torch.no_grad()
def revive(words: Tensor, share: Tensor, points: Tensor, generator: torch.Generator) -> int:
    """Put unused words where points [B, D] are far from any other, in place; how many there were."""
    unused = share < LEAST_SHARE * share.mean()
    if found := int(unused.sum()):
        words[unused] = distant(points, words[~unused], found, generator)
        share[unused] = share.mean()
    return found
