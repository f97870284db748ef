"""Codes as values: any code, those decoded on a graph, and quasi-cyclic LDPC codes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from phy.fec import peeling
from phy.fec.elimination import Systematic, systematic
from phy.fec.peeling import EMPTY

TILE_BITS = 1 << 20
"""Coded bits, a byte each, that are computed side by side: they stay in a core's cache."""


@dataclass(frozen=True, kw_only=True)
class Code(ABC):
    """A binary code: k information bits in, n coded bits out. `algorithms` decode it, its default first."""

    name: str
    algorithms: ClassVar[tuple[str, ...]]

    @property
    @abstractmethod
    def n(self) -> int:
        """Coded bits sent."""

    @property
    @abstractmethod
    def k(self) -> int:
        """Information bits."""

    @property
    def rate(self) -> Fraction:
        """k / n."""
        return Fraction(self.k, self.n)

    @abstractmethod
    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Sent bits uint8 [..., n] of information bits uint8 [..., k]."""

    def whole(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The bits as uint8, refused with a ValueError unless their last axis is k."""
        bits = np.asarray(bits, np.uint8)
        if bits.shape[-1:] != (self.k,):
            raise ValueError(
                f"bits: last axis must be k = {self.k}, got shape {bits.shape}; segment the payload first"
            )
        return bits


class GraphCode(Code):
    """A linear code that message passing decodes on the Tanner graph of a mother word of N bits.

    What is sent are bits of that word, in any order: some are left out (punctured: the receiver knows
    nothing of them), some are sent more than once (their LLRs add), and some are known to be 0 and not sent
    (shortened, filler). A plain code sends its mother word as it is.
    """

    algorithms: ClassVar[tuple[str, ...]] = (
        "sum-product",
        "min-sum",
        "normalised-min-sum",
        "offset-min-sum",
    )

    @property
    def mother_n(self) -> int:
        """N, bits of the mother word."""
        return self.n

    @property
    def graph(self) -> "QcLdpc | None":
        """The quasi-cyclic code whose words the mother words are; None for other matrices."""
        return None

    @cached_property
    def info(self) -> NDArray[np.intp]:
        """intp [k]: where the information bits stand in the mother word."""
        return read_only(np.arange(self.k))

    @cached_property
    def sent(self) -> NDArray[np.intp]:
        """intp [n]: the mother bit behind each sent bit."""
        return read_only(np.arange(self.n))

    @cached_property
    def turned(self) -> NDArray[np.uint8]:
        """uint8 [n]: added (mod 2) to the sent bits."""
        return read_only(np.zeros(self.n, np.uint8))

    @cached_property
    def zeros(self) -> NDArray[np.intp]:
        """intp [...]: mother bits known to be 0."""
        return read_only(np.zeros(0, np.intp))

    @abstractmethod
    def mother_word(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Mother words uint8 [..., N] of information bits uint8 [..., k]."""

    @abstractmethod
    def parity_check(self) -> NDArray[np.uint8]:
        """H: uint8 [M, N], read only, so that H w = 0 (mod 2) for every mother word w."""

    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Code.encode`."""
        word = self.mother_word(bits)
        return word if self.sends_all else np.take(word, self.sent, axis=-1) ^ self.turned

    def gather(self, llr: NDArray[np.floating], known: float) -> NDArray[np.floating]:
        """LLRs of the mother word [..., N] from those of the sent bits [..., n], in their dtype.

        Repeats add, punctured bits get 0, bits known to be 0 get `known` (> 0).
        """
        if self.sends_all:
            return llr
        if self.turned.any():
            llr = np.where(self.turned, -llr, llr)
        (_, first), *again = self._sendings
        mother = np.take(llr, first, axis=-1)
        for bits, positions in again:
            mother[..., bits] += np.take(llr, positions, axis=-1)
        mother[..., self._unsent] = 0
        mother[..., self.zeros] = known
        return mother

    @cached_property
    def _unsent(self) -> NDArray[np.intp]:
        return np.flatnonzero(np.bincount(self.sent, minlength=self.mother_n) == 0)

    @cached_property
    def _sendings(self) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Mother bits sent for the first time, the second, ..., with their positions among the sent bits.

        The first are all mother bits, with any position where nothing is sent.
        """
        order = np.argsort(self.sent, kind="stable")
        ordered = self.sent[order]
        starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])
        time = np.arange(self.n) - np.maximum.accumulate(np.where(starts, np.arange(self.n), 0))
        first = np.zeros(self.mother_n, np.intp)
        first[ordered[starts]] = order[starts]
        again = [(ordered[time == t], order[time == t]) for t in range(1, time.max() + 1)]
        return [(np.arange(self.mother_n), first), *again]

    def edges(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The ones of H, check by check: their checks and their mother bits, intp [edges] each."""
        return np.nonzero(self.parity_check())

    @cached_property
    def sends_all(self) -> bool:
        """Whether the mother word is sent as it is."""
        return (
            self.n == self.mother_n
            and bool(np.array_equal(self.sent, np.arange(self.n)))
            and not self.turned.any()
            and not self.zeros.size
        )


def read_only(array: NDArray) -> NDArray:
    """The same array, which can no longer be written to."""
    array.flags.writeable = False
    return array


@dataclass(frozen=True, kw_only=True)
class QcLdpc(GraphCode):
    """A quasi-cyclic LDPC code, any prototype of more columns than rows.

    prototype: [block rows][block columns], an entry s >= 0 stands for the lifting x lifting identity with its
        columns cyclically shifted right by s (check r sees bit (r + s) mod lifting), -1 for a zero block.
    lifting: circulant size Z.

    Information comes first and parity last where the last block columns can be computed one by one, by
    `steps` (see `phy.fec.peeling`): a triangular or dual-diagonal parity part, as all standards have. Any
    other prototype is solved by Gaussian elimination, and `info` tells where its information is.

    >>> code = QcLdpc(name="single parity check", prototype=((0, 0, 0),), lifting=1)
    >>> code.encode(np.array([[1, 0], [1, 1]], np.uint8)).tolist()
    [[1, 0, 1], [1, 1, 0]]
    """

    prototype: tuple[tuple[int, ...], ...]
    lifting: int

    def __post_init__(self) -> None:
        rows, columns = len(self.prototype), len(self.prototype[0]) if self.prototype else 0
        if rows == 0 or columns <= rows or any(len(row) != columns for row in self.prototype):
            raise ValueError(
                f"prototype: must be a table of more columns than rows, got {rows} x {columns}; "
                "each row is one block of checks"
            )
        odd = [s for row in self.prototype for s in row if not EMPTY <= s < self.lifting]
        if odd:
            raise ValueError(
                f"prototype: shifts must be -1 or 0..{self.lifting - 1}, got {odd[0]}; "
                "scale them to the lifting size"
            )

    def __hash__(self) -> int:
        """Of the name and the size alone: it keys caches in hot loops, and equality looks at the rest."""
        return hash((self.name, self.lifting, len(self.prototype)))

    @property
    def n(self) -> int:
        """Codeword length, bits."""
        return len(self.prototype[0]) * self.lifting

    @cached_property
    def k(self) -> int:
        """Information length, bits: n - rank H."""
        if self.steps is not None:
            return self.n - len(self.prototype) * self.lifting
        return self._systematic.info.size

    @property
    def graph(self) -> "QcLdpc":
        """Itself."""
        return self

    @cached_property
    def info(self) -> NDArray[np.intp]:
        """intp [k]: where the information bits stand, first where `steps` encode."""
        return read_only(np.arange(self.k) if self.steps is not None else self._systematic.info)

    @cached_property
    def steps(self) -> tuple[peeling.Step, ...] | None:
        """How the parity blocks are computed, in order; None where that takes an elimination."""
        return peeling.plan(self.prototype, self.lifting)

    @cached_property
    def _systematic(self) -> Systematic:
        return systematic(self.parity_check())

    def mother_word(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Codewords uint8 [..., n] of information bits uint8 [..., k], all of a batch at once."""
        bits = self.whole(bits)
        if self.steps is None:
            return self._systematic.words(bits)
        batch, n_info = bits.reshape(-1, self.k), self.k // self.lifting
        words, size = np.empty((len(batch), self.n), np.uint8), max(TILE_BITS // self.n, 32)
        for start in range(0, len(batch), size):
            tile = batch[start : start + size]
            blocks = np.empty((len(self.prototype[0]), self.lifting, len(tile)), np.uint8)
            blocks[:n_info] = tile.T.reshape(n_info, self.lifting, len(tile))
            peeling.run(self.steps, blocks)
            words[start : start + size] = blocks.reshape(self.n, -1).T
        return words.reshape(*bits.shape[:-1], self.n)

    def parity_check(self) -> NDArray[np.uint8]:
        """H: uint8 [block rows * Z, n], read only."""
        return self._parity_check

    @cached_property
    def _parity_check(self) -> NDArray[np.uint8]:
        h = np.zeros((len(self.prototype) * self.lifting, self.n), np.uint8)
        h[self.edges()] = 1
        return read_only(h)

    def edges(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """See `GraphCode.edges`."""
        z, r = self.lifting, np.arange(self.lifting)
        bits = [
            np.sort(np.stack([j * z + (r + s) % z for j, s in enumerate(row) if s != EMPTY], axis=1), axis=1)
            for row in self.prototype
            if any(s != EMPTY for s in row)
        ]
        checks = [np.repeat(i * z + r, sum(s != EMPTY for s in row)) for i, row in enumerate(self.prototype)]
        return np.concatenate(checks), np.concatenate([each.reshape(-1) for each in bits])
