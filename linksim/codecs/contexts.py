"""Which table codes which integer of q [C, h, w]: told by the integers that are coded already.

Channels are coded in groups. With j over the channels of earlier groups, p' over the 8 neighbours of p,

    a[c, p] = sum_j weight[c, 0, j] |q[j, p]| + weight[c, 1, j] sum_p' |q[j, p']|
    k[c, p] = number of thresholds[level of the step, c] that are at most a[c, p] scale[step] / 2^14
    table   = channel c's at the step's index + offset[level of the step, c, k[c, p]]

A density of z / sigma at step d is that of z / (s sigma) at step s d: a wider or narrower spread is another
step's table, so nothing but the index has to be told. Sums are whole numbers below 2^53, exact in float64 in
whatever order a machine adds them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

LARGEST = 1 << 12
"""Larger |q| count as this."""
SCALE_BITS = 14
NAMES = ("group", "weight", "level", "scale", "threshold", "offset")


@dataclass(frozen=True, kw_only=True, eq=False)
class Contexts:
    """group: int64 [C], 0 first; weight: int64 [C, 2, C], of |q| at the place and around it, 0 where channel
    j is of no earlier group than c; level: int64 [S] of every step; scale: int64 [S], which brings sums to
    one unit a level; threshold: int64 [L, C, K - 1], ascending; offset: int64 [L, C, K].

    Raises ValueError where they do not fit each other.
    """

    group: NDArray[np.int64]
    weight: NDArray[np.int64]
    level: NDArray[np.int64]
    scale: NDArray[np.int64]
    threshold: NDArray[np.int64]
    offset: NDArray[np.int64]

    def __post_init__(self) -> None:
        channels, steps, (levels, _, k) = len(self.group), len(self.level), self.offset.shape
        shapes = {
            "group": (channels,), "weight": (channels, 2, channels), "level": (steps,), "scale": (steps,),
            "threshold": (levels, channels, k - 1), "offset": (levels, channels, k),
        }  # fmt: skip
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                got = getattr(self, name).shape
                raise ValueError(f"{name}: must be of shape {shape}, got {got}; fit the contexts again")
        later = self.group[None, :] >= self.group[:, None]
        if self.weight.min(initial=0) < 0 or self.weight.transpose(0, 2, 1)[later].any():
            rule = "must not be negative, and 0 but from earlier groups' channels to later ones'"
            raise ValueError(f"weight: {rule}, got others; fit the contexts again")
        if steps and not 0 <= self.level.min() <= self.level.max() < levels:
            got = self.level.max()
            raise ValueError(f"level: must be 0 to {levels - 1}, got {got}; fit the contexts again")

    @cached_property
    def groups(self) -> tuple[NDArray[np.intp], ...]:
        """The channels of each group, in the order of coding."""
        return tuple(np.flatnonzero(self.group == g) for g in np.unique(self.group))

    @cached_property
    def _weights(self) -> tuple[tuple[NDArray[np.intp], NDArray[np.float64]], ...]:
        """Of each group the channels of earlier ones, and their weights [channels, 2 * earlier]."""
        earlier = [np.flatnonzero(self.group < self.group[rows[0]]) for rows in self.groups]
        return tuple(
            (before, self.weight[np.ix_(rows, [0, 1], before)].reshape(len(rows), -1).astype(np.float64))
            for rows, before in zip(self.groups, earlier, strict=True)
        )

    def offsets(self, g: int, step: int, known: NDArray[np.float64]) -> NDArray[np.int64]:
        """What to add to the step's index for the channels of group g, [channels, places].

        known: `surroundings` of all channels, [2, C, places], of which those of earlier groups are read.
        """
        rows, (before, weight) = self.groups[g], self._weights[g]
        sums = (weight @ known[:, before].reshape(2 * len(before), known.shape[2])).astype(np.int64)
        activity = sums * self.scale[step] >> SCALE_BITS
        level, k = self.level[step], np.zeros(activity.shape, np.intp)
        for limit in self.threshold[level][rows].T:
            k += activity >= limit[:, None]
        return np.take_along_axis(self.offset[level][rows], k, axis=1)


def surroundings(q: NDArray[np.int32]) -> NDArray[np.float64]:
    """|q| and the sum of |q| over the 8 neighbours, [2, channels, places], of q [channels, h, w]."""
    size = np.minimum(np.abs(q.astype(np.int64)), LARGEST).astype(np.float64)
    rows = np.pad(size, ((0, 0), (1, 1), (0, 0)))
    rows = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    both = np.pad(rows, ((0, 0), (0, 0), (1, 1)))
    around = both[:, :, :-2] + both[:, :, 1:-1] + both[:, :, 2:] - size
    return np.stack([size, around]).reshape(2, len(q), q[0].size)
