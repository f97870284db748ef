"""Rate matching: codes that leave out, repeat or shorten bits of a quasi-cyclic code's words."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from phy.fec.code import GraphCode, QcLdpc, read_only


class MatchedCode(GraphCode):
    """A code that sends parts of a quasi-cyclic code's words.

    Its information is the first of theirs, as far as that is not known to be 0. A subclass tells `graph`,
    `k`, `n`, and `sent`, `turned` and `zeros` where they are not the plain code's.
    """

    @property
    def mother_n(self) -> int:
        """N, bits of the mother word."""
        return self.graph.n

    @property
    @abstractmethod
    def graph(self) -> QcLdpc:
        """The quasi-cyclic code whose words the mother words are."""

    @cached_property
    def info(self) -> NDArray[np.intp]:
        """intp [k]: where the information bits stand in the mother word."""
        return read_only(np.setdiff1d(self.graph.info, self.zeros)[: self.k])

    def mother_word(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `GraphCode.mother_word`."""
        bits = self.whole(bits)
        if self.k == self.graph.k:
            return self.graph.mother_word(bits)
        filled = np.zeros((*bits.shape[:-1], self.graph.k), np.uint8)
        filled[..., np.searchsorted(self.graph.info, self.info)] = bits
        return self.graph.mother_word(filled)

    def parity_check(self) -> NDArray[np.uint8]:
        """See `GraphCode.parity_check`."""
        return self.graph.parity_check()

    def edges(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """See `GraphCode.edges`."""
        return self.graph.edges()


@dataclass(frozen=True, kw_only=True)
class Spans(MatchedCode):
    """A code that sends whole spans of a quasi-cyclic code's word, one after another.

    mother: the quasi-cyclic code.
    spans: [first, last) of mother bits, in the order sent; what is in none is punctured, or shortened.
    shortened: [first, last) of information bits that are 0, known to the receiver.
    inverted: bits of what is sent, rising, that are turned over.
    """

    mother: QcLdpc
    spans: tuple[tuple[int, int], ...]
    shortened: tuple[int, int] = (0, 0)
    inverted: tuple[int, ...] = ()

    @property
    def n(self) -> int:
        """Bits sent."""
        return sum(last - first for first, last in self.spans)

    @property
    def k(self) -> int:
        """Information bits: the mother's but for the shortened."""
        return self.mother.k - (self.shortened[1] - self.shortened[0])

    @property
    def graph(self) -> QcLdpc:
        """The mother."""
        return self.mother

    @cached_property
    def sent(self) -> NDArray[np.intp]:
        """intp [n]: the mother bit behind each sent bit."""
        return read_only(np.concatenate([np.arange(first, last) for first, last in self.spans]))

    @cached_property
    def turned(self) -> NDArray[np.uint8]:
        """uint8 [n]: added (mod 2) to the sent bits."""
        turned = np.zeros(self.n, np.uint8)
        turned[list(self.inverted)] = 1
        return read_only(turned)

    @cached_property
    def zeros(self) -> NDArray[np.intp]:
        """intp [...]: mother bits known to be 0."""
        return read_only(np.arange(*self.shortened))
