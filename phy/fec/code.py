"""Codes as values: any code, those decoded on a graph, and quasi-cyclic LDPC codes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

EMPTY = -1
"""Prototype entry of an all-zero circulant."""


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
        return _read_only(np.arange(self.k))

    @cached_property
    def sent(self) -> NDArray[np.intp]:
        """intp [n]: the mother bit behind each sent bit."""
        return _read_only(np.arange(self.n))

    @cached_property
    def turned(self) -> NDArray[np.uint8]:
        """uint8 [n]: added (mod 2) to the sent bits."""
        return _read_only(np.zeros(self.n, np.uint8))

    @cached_property
    def zeros(self) -> NDArray[np.intp]:
        """intp [...]: mother bits known to be 0."""
        return _read_only(np.zeros(0, np.intp))

    @abstractmethod
    def mother_word(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Mother words uint8 [..., N] of information bits uint8 [..., k]."""

    @abstractmethod
    def parity_check(self) -> NDArray[np.uint8]:
        """H: uint8 [M, N], read only, so that H w = 0 (mod 2) for every mother word w."""

    def encode(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """See `Code.encode`."""
        word = self.mother_word(bits)
        return word if self.sends_all else word[..., self.sent] ^ self.turned

    def gather(self, llr: NDArray[np.floating], known: float) -> NDArray[np.floating]:
        """LLRs of the mother word [..., N] from those of the sent bits [..., n], in their dtype.

        Repeats add, punctured bits get 0, bits known to be 0 get `known` (> 0).
        """
        if self.sends_all:
            return llr
        signed = np.moveaxis(llr, -1, 0) * (1 - 2 * self.turned.astype(llr.dtype)).reshape(
            -1, *[1] * (llr.ndim - 1)
        )
        mother = np.zeros((self.mother_n, *llr.shape[:-1]), llr.dtype)
        np.add.at(mother, self.sent, signed)
        mother[self.zeros] = known
        return np.ascontiguousarray(np.moveaxis(mother, 0, -1))

    @cached_property
    def sends_all(self) -> bool:
        """Whether the mother word is sent as it is."""
        return (
            self.n == self.mother_n
            and bool(np.array_equal(self.sent, np.arange(self.n)))
            and not self.turned.any()
            and not self.zeros.size
        )


def _read_only(array: NDArray) -> NDArray:
    array.flags.writeable = False
    return array


@dataclass(frozen=True, kw_only=True)
class QcLdpc(GraphCode):
    """A quasi-cyclic LDPC code whose parity part is block lower triangular.

    prototype: [block rows][block columns], an entry s >= 0 stands for the lifting x lifting identity with its
        columns cyclically shifted right by s (check r sees bit (r + s) mod lifting), -1 for a zero block.
    lifting: circulant size Z.

    Encoding is block forward substitution (Richardson and Urbanke 2001, the case without a gap): with d the
    diagonal block's shift, p_i = P^{-d} (sum of P^{s_ij} v_j over the blocks j already known).

    >>> code = QcLdpc(name="single parity check", prototype=((0, 0, 0),), lifting=1)
    >>> code.encode(np.array([[1, 0], [1, 1]], np.uint8)).tolist()
    [[1, 0, 1], [1, 1, 0]]
    """

    prototype: tuple[tuple[int, ...], ...]
    lifting: int

    def __post_init__(self) -> None:
        rows, columns = len(self.prototype), len(self.prototype[0]) if self.prototype else 0
        if rows == 0 or columns <= rows or any(len(row) != columns for row in self.prototype):
            raise ValueError(f"prototype: must be a table of more columns than rows, got {rows} x {columns}")
        if any(not EMPTY <= s < self.lifting for row in self.prototype for s in row):
            raise ValueError(f"prototype: shifts must be -1 or 0..{self.lifting - 1}, got {self.prototype}")
        parity = [row[columns - rows :] for row in self.prototype]
        triangular = all(s == EMPTY for i, row in enumerate(parity) for s in row[i + 1 :])
        if not triangular or any(row[i] == EMPTY for i, row in enumerate(parity)):
            raise ValueError(
                f"prototype: the last {rows} block columns must be lower triangular with a full diagonal, "
                f"got {parity}; only such codes are encoded by forward substitution"
            )

    @property
    def n(self) -> int:
        """Codeword length, bits."""
        return len(self.prototype[0]) * self.lifting

    @property
    def k(self) -> int:
        """Information length, bits: n - rank H, H's parity part being triangular with a full diagonal."""
        return self.n - len(self.prototype) * self.lifting

    @property
    def graph(self) -> "QcLdpc":
        """Itself."""
        return self

    def mother_word(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Codewords uint8 [..., n] of information bits uint8 [..., k], all of a batch at once."""
        bits = np.asarray(bits, np.uint8)
        if bits.shape[-1:] != (self.k,):
            raise ValueError(
                f"bits: last axis must be k = {self.k}, got shape {bits.shape}; segment the payload first"
            )
        z, n_info = self.lifting, self.k // self.lifting
        batch = bits.reshape(-1, self.k)
        blocks = np.empty((len(self.prototype[0]), z, len(batch)), np.uint8)  # codewords in the fastest axis
        blocks[:n_info] = batch.T.reshape(n_info, z, -1)
        for i, row in enumerate(self.prototype):
            known = np.zeros((z, len(batch)), np.uint8)
            for j, s in enumerate(row[: n_info + i]):
                if s != EMPTY:
                    known[: z - s] ^= blocks[j, s:]
                    known[z - s :] ^= blocks[j, :s]
            diagonal = row[n_info + i]
            blocks[n_info + i, diagonal:] = known[: z - diagonal]
            blocks[n_info + i, :diagonal] = known[z - diagonal :]
        return np.ascontiguousarray(blocks.reshape(self.n, -1).T).reshape(*bits.shape[:-1], self.n)

    def parity_check(self) -> NDArray[np.uint8]:
        """H: uint8 [n-k, n], read only."""
        return self._parity_check

    @cached_property
    def _parity_check(self) -> NDArray[np.uint8]:
        z = self.lifting
        h = np.zeros((len(self.prototype), z, len(self.prototype[0]), z), np.uint8)
        r = np.arange(z)
        for i, row in enumerate(self.prototype):
            for j, s in enumerate(row):
                if s != EMPTY:
                    h[i, r, j, (r + s) % z] = 1
        h = h.reshape(self.n - self.k, self.n)
        h.flags.writeable = False
        return h
