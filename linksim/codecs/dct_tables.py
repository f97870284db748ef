"""Range coding of integers that follow Laplace's law: integer tables of that law alone, for any machine.

A shape s stands for the variance 2^((s + FIRST_SHAPE) / 2) in squares of the quantiser's step: 1.5 dB from
one to the next. With t = exp(-1 / sqrt(2 variance)) a uniform quantiser meets q = 0 with
probability 1 - t, and q = +-k with t (1 - t^2) t^(2k - 2) / 2 each. Frequencies come from decimal
arithmetic, which rounds alike everywhere: what one machine codes, every machine decodes.
"""

from decimal import Context, Decimal
from functools import cache

import constriction
import numpy as np
from numpy.typing import NDArray

TOTAL = 1 << 16
"""The frequencies of one table sum to this."""
WORD_BITS, ESCAPE_BITS = 32, 32
FIRST_SHAPE, N_SHAPES = -12, 48
"""The first shape's variance is 2^-6: one integer in 285 is not 0, and one hundredth of a bit a sample is
lost by not coding what varies less."""
MOST = 1023
"""The largest magnitude in a table; others escape, by the last frequency, and travel as 32 plain bits."""
_CONTEXT = Context(prec=30)

Encoder = constriction.stream.queue.RangeEncoder
Decoder = constriction.stream.queue.RangeDecoder


@cache
def frequencies(shape: int) -> NDArray[np.int64]:
    """int64 [2 m + 2]: of -m ... m, then of the escape; all at least 1, and TOTAL together."""
    variance = _CONTEXT.power(Decimal(2), Decimal(shape + FIRST_SHAPE) / 2)
    t = _CONTEXT.exp(-1 / _CONTEXT.sqrt(2 * variance))
    positive, weight = [], TOTAL * t * (1 - t * t) / 2
    while len(positive) < MOST and weight >= 1:
        positive.append(int(weight))
        weight = weight * t * t
    middle = max(int(TOTAL * (1 - t)) - 1, 1)
    escape = TOTAL - middle - 2 * sum(positive)
    return np.array([*reversed(positive), middle, *positive, escape], np.int64)


@cache
def _costs() -> NDArray[np.float32]:
    """Bits of |q| = 0 ... MOST + 1 under every shape, [N_SHAPES, MOST + 2]; the last column is an escape."""
    out = np.empty((N_SHAPES, MOST + 2), np.float32)
    for shape in range(N_SHAPES):
        counts = frequencies(shape)
        n = len(counts) // 2
        out[shape] = np.log2(TOTAL / counts[-1]) + ESCAPE_BITS
        out[shape, :n] = np.log2(TOTAL / counts[n - 1 : -1])
    return out


@cache
def _model(shape: int) -> constriction.stream.model.Categorical:
    return constriction.stream.model.Categorical(frequencies(shape) / TOTAL, perfect=False)


def bits(q: NDArray[np.int32], shapes: NDArray[np.int64]) -> float:
    """Ideal length of integers under their shapes, escapes included."""
    return float(np.sum(_costs()[shapes, np.minimum(np.abs(q.astype(np.int64)), MOST + 1)], dtype=np.float64))


def put(coder: Encoder, q: NDArray[np.int32], shapes: NDArray[np.int64]) -> None:
    """Code integers [n] under shapes [n]: all of one shape after another, then what escaped."""
    escaped = [np.zeros(0, np.int32)]
    for shape in np.unique(shapes).tolist():
        part, last = q[shapes == shape].astype(np.int64), len(frequencies(shape)) - 1
        index = part + last // 2
        outside = (index < 0) | (index >= last)
        escaped.append(part[outside].astype(np.int32))
        coder.encode(np.where(outside, last, index).astype(np.int32), _model(shape))
    plain = np.concatenate(escaped).view(np.uint8).astype(np.int32)
    if plain.size:
        coder.encode(plain, constriction.stream.model.Uniform(256))


def take(coder: Decoder, shapes: NDArray[np.int64]) -> NDArray[np.int32]:
    """The inverse of `put`, int32 [n]. Raises ValueError where the words cannot be such a code."""
    q, outside = np.zeros(shapes.size, np.int32), np.zeros(shapes.size, bool)
    try:
        for shape in np.unique(shapes).tolist():
            at, last = np.flatnonzero(shapes == shape), len(frequencies(shape)) - 1
            index = coder.decode(_model(shape), at.size)
            q[at], outside[at] = index - last // 2, index == last
        order = np.argsort(shapes[outside], kind="stable")
        if order.size:
            plain = coder.decode(constriction.stream.model.Uniform(256), 4 * order.size)
            q[np.flatnonzero(outside)[order]] = plain.astype(np.uint8).view(np.int32)
    except AssertionError as error:
        raise ValueError(f"range coder: {error}") from error
    return q
