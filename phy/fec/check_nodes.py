"""Check rules and the arithmetic around them in float64 and in saturating integers, for the reference.

Both take messages [checks, degree, batch] and give back the extrinsic ones: message i out combines all but i.
`phy.fec.decoder` defines every operation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from phy.fec.decoder import Decoder

Messages = NDArray[np.float64]
"""float64 [..., edges or nodes, batch]: codewords in the fastest axis."""
Words = NDArray[np.int32]
"""int32 [..., edges or nodes, batch]: LLRs in quantisation steps."""


class Arithmetic(Protocol):
    """What a schedule needs of its numbers."""

    dtype: ClassVar[type]

    def channel(self, llr: NDArray[np.floating]) -> NDArray:
        """The decoder's start, of LLRs in any precision."""
        ...

    def without(self, total: NDArray, message: NDArray) -> NDArray:
        """A sum less one of its messages."""
        ...

    def check_node(self, incoming: NDArray) -> NDArray:
        """Messages from checks, of those to them as `without` left them."""
        ...

    def together(self, rest: NDArray, message: NDArray) -> NDArray:
        """Layered decoding's new posterior: what `without` left and the new message."""
        ...

    def output(self, total: NDArray) -> Messages:
        """LLRs of posteriors."""
        ...


def boxplus(a: Messages, b: Messages) -> Messages:
    """LLR of the XOR of two independent bits: 2 atanh(tanh(a/2) tanh(b/2)), without its overflow.

    boxplus(a, b) = sign(a) sign(b) min(|a|, |b|) + log((1 + e^-|a+b|) / (1 + e^-|a-b|))
    (Hagenauer, Offer and Papke, IEEE Trans. Inf. Theory 42(2), 1996, section II.A).

    >>> float(boxplus(np.float64(0.0), np.float64(3.0)))
    0.0
    """
    return min_sum(a, b) + (np.log1p(np.exp(-np.abs(a + b))) - np.log1p(np.exp(-np.abs(a - b))))


def min_sum(a: Messages, b: Messages) -> Messages:
    """sign(a) sign(b) min(|a|, |b|), boxplus's approximation from above."""
    return np.copysign(1.0, a) * np.copysign(1.0, b) * np.minimum(np.abs(a), np.abs(b))


COMBINE: dict[str, Callable[[Messages, Messages], Messages]] = {
    "sum-product": boxplus,
    "min-sum": min_sum,
    "normalised-min-sum": min_sum,
    "offset-min-sum": min_sum,
}


@dataclass(frozen=True)
class Floating:
    """Float64, messages limited to +-clip; checks combine pairwise, both ways along, dividing nothing out."""

    decoder: Decoder
    dtype: ClassVar[type] = np.float64

    def channel(self, llr: NDArray[np.floating]) -> Messages:
        """See `Arithmetic.channel`."""
        return self._clip(np.asarray(llr, np.float64))

    def without(self, total: Messages, message: Messages) -> Messages:
        """See `Arithmetic.without`; the limit is `check_node`'s."""
        return total - message

    def check_node(self, incoming: Messages) -> Messages:
        """See `Arithmetic.check_node`."""
        incoming = self._clip(incoming)
        combine, degree = COMBINE[self.decoder.algorithm], incoming.shape[1]
        outgoing = np.empty_like(incoming)
        before = np.full_like(incoming[:, 0], 1e300)  # boxplus's neutral element; an inf would make inf - inf
        for i in range(degree):
            outgoing[:, i] = before
            before = combine(before, incoming[:, i])
        after = incoming[:, degree - 1]
        for i in range(degree - 2, -1, -1):
            outgoing[:, i] = combine(outgoing[:, i], after)
            after = combine(after, incoming[:, i])
        if self.decoder.algorithm == "offset-min-sum":
            outgoing = np.copysign(np.maximum(np.abs(outgoing) - self.decoder.offset, 0.0), outgoing)
        elif self.decoder.algorithm == "normalised-min-sum":
            outgoing *= self.decoder.scale
        return self._clip(outgoing)

    def together(self, rest: Messages, message: Messages) -> Messages:
        """See `Arithmetic.together`."""
        return rest + message

    def output(self, total: Messages) -> Messages:
        """See `Arithmetic.output`."""
        return self._clip(total)

    def _clip(self, x: Messages) -> Messages:
        limit = self.decoder.clip
        return x if limit is None else np.clip(x, -limit, limit)


class Fixed:
    """Integers that saturate as words of `decoder.quantisation.bits` do; sums of more than two are exact."""

    dtype: ClassVar[type] = np.int32

    def __init__(self, decoder: Decoder) -> None:
        q = decoder.quantisation
        self.most, self.steps, self.limit = q.most, q.steps, q.limit
        offset = decoder.offset * q.steps if decoder.algorithm == "offset-min-sum" else 0
        self.offset = min(int(offset), q.most)  # which takes all of a magnitude, and leaves +limit its own
        self.sixteenths = int(decoder.scale * 16) if decoder.algorithm == "normalised-min-sum" else 16

    def channel(self, llr: NDArray[np.floating]) -> Words:
        """See `Arithmetic.channel`."""
        return np.clip(np.rint(np.asarray(llr, np.float64) * self.steps), -self.most, self.most).astype(
            np.int32
        )

    def without(self, total: Words, message: Words) -> Words:
        """See `Arithmetic.without`."""
        return self._saturate(total - message)

    def check_node(self, incoming: Words) -> Words:
        """See `Arithmetic.check_node`: the least magnitude, and for the edge that has it the second."""
        magnitude = np.minimum(np.abs(incoming), self.most)
        least = magnitude.argmin(axis=1, keepdims=True)
        first = np.take_along_axis(magnitude, least, axis=1)
        np.put_along_axis(magnitude, least, 2 * self.most + 1, axis=1)  # none of the others: +limit
        second = magnitude.min(axis=1, keepdims=True)
        owner = np.arange(incoming.shape[1])[:, None] == least
        m = np.where(owner, second, first)
        m = np.maximum(m - self.offset, 0) * self.sixteenths + 8 >> 4
        negative = incoming < 0
        odd = np.bitwise_xor.reduce(negative, axis=1, keepdims=True) ^ negative
        m = np.minimum(m, self.limit)
        return np.where(odd, -m, m)

    def together(self, rest: Words, message: Words) -> Words:
        """See `Arithmetic.together`."""
        return self._saturate(rest + message)

    def output(self, total: Words) -> Messages:
        """See `Arithmetic.output`."""
        return self._saturate(total) / self.steps

    def _saturate(self, x: Words) -> Words:
        return np.clip(x, -self.most - 1, self.most)


def arithmetic(decoder: Decoder) -> Arithmetic:
    """The numbers that a decoder computes with."""
    return Floating(decoder) if decoder.quantisation is None else Fixed(decoder)
