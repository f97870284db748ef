"""How many iterations each pass of the decoder gets: what costs least, as far as frames so far tell."""

import numpy as np
from numpy.typing import NDArray

RESTART = 1.25
"""A pass of regrouped frames costs so much more an iteration, for being gathered and begun anew."""


def pass_limits(iterations: NDArray[np.integer], limit: int) -> NDArray[np.int64]:
    """Limits of the passes, int64, the last one being `limit`; iterations: what frames like these took.

    A pass of limit a costs a iterations for each frame in it: nearly every group holds a frame that needs
    them all. One, two or three passes are weighed.

    >>> pass_limits(np.array([4, 4, 4, 4, 4, 4, 4, 4, 4, 20]), 20).tolist()
    [4, 20]
    """
    if limit < 2 or not iterations.size:
        return np.array([limit], np.int64)
    took = np.bincount(np.minimum(iterations, limit), minlength=limit + 1)
    left = 1 - np.cumsum(took) / iterations.size  # after a iterations
    best, limits = float(limit), [limit]
    for a in range(1, limit):
        two = a + left[a] * RESTART * limit
        if two < best:
            best, limits = two, [a, limit]
        b = np.arange(a + 1, limit)
        three = a + RESTART * (left[a] * b + left[b] * limit)
        if b.size and three.min() < best:
            best, limits = float(three.min()), [a, int(b[three.argmin()]), limit]
    return np.array(limits, np.int64)
