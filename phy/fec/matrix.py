"""Codes of any parity-check matrix, and Gallager's regular ones: encoded by elimination."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from phy.fec.code import GraphCode, read_only
from phy.fec.elimination import Systematic, refuse_large, systematic

MOST_BITS = 20_000
"""Longest code that is encoded by elimination."""


class DenseCode(GraphCode):
    """A code whose information, n - rank H bits, stands wherever elimination leaves it."""

    @cached_property
    @abstractmethod
    def _matrix(self) -> NDArray[np.uint8]:
        """H: uint8 [M, n], read only."""

    @cached_property
    def _systematic(self) -> Systematic:
        return systematic(self._matrix)

    @property
    def n(self) -> int:
        """Codeword length, bits."""
        return self._matrix.shape[1]

    @property
    def k(self) -> int:
        """Information bits: n - rank H."""
        return self._systematic.info.size

    @cached_property
    def info(self) -> NDArray[np.intp]:
        """intp [k]: where the information bits stand."""
        return read_only(self._systematic.info)

    def mother_word(self, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Codewords uint8 [..., n] of information bits uint8 [..., k]."""
        return self._systematic.words(self.whole(bits))

    def parity_check(self) -> NDArray[np.uint8]:
        """H: uint8 [M, n], read only."""
        return self._matrix


@dataclass(frozen=True, kw_only=True)
class MatrixCode(DenseCode):
    """A code given by its checks.

    length: n.  checks: for every check, its bits, rising.

    >>> code = MatrixCode(name="Hamming", length=7, checks=((0, 2, 4, 6), (1, 2, 5, 6), (3, 4, 5, 6)))
    >>> code.k, code.encode(np.array([1, 0, 0, 1], np.uint8)).tolist()
    (4, [1, 0, 0, 1, 1, 0, 0])
    """

    length: int
    checks: tuple[tuple[int, ...], ...]

    def __hash__(self) -> int:
        """Of the name and the size alone: it keys caches, and equality looks at the rest."""
        return hash((self.name, self.length, len(self.checks)))

    @cached_property
    def _matrix(self) -> NDArray[np.uint8]:
        h = np.zeros((len(self.checks), self.length), np.uint8)
        for row, bits in zip(h, self.checks, strict=True):
            row[list(bits)] = 1
        return read_only(h)


@dataclass(frozen=True, kw_only=True)
class Gallager(DenseCode):
    """A regular code of Gallager's ensemble: every bit in dv checks, every check of dc bits.

    length: n, a multiple of dc.  seed: of numpy.random.RandomState, whose stream NumPy keeps for ever.

    H is dv bands of n / dc checks. The first band's checks take dc bits each, in order; the columns of each
    further band are a random permutation of the first's (Gallager, Low-Density Parity-Check Codes, 1963,
    section 2.2, as pyldpc.parity_check_matrix draws it). At least dv - 1 checks depend on the others.
    """

    length: int
    dv: int
    dc: int
    seed: int

    @cached_property
    def _matrix(self) -> NDArray[np.uint8]:
        first = np.repeat(np.eye(self.length // self.dc, dtype=np.uint8), self.dc, axis=1)
        rng = np.random.RandomState(self.seed)
        others = [first[:, rng.permutation(self.length)] for _ in range(self.dv - 1)]
        return read_only(np.concatenate([first, *others]))


def refuse_empty(code: GraphCode) -> GraphCode:
    """The code, unless its checks leave it no information bit."""
    if code.k == 0:
        raise ValueError(
            f"matrix: must have a rank below n = {code.mother_n}, got {code.mother_n}; drop checks"
        )
    return code


def make_gallager(*, name: str, n: int, dv: int, dc: int, seed: int = 0) -> GraphCode:
    """The code of n bits, dv checks a bit, dc bits a check, drawn by that seed."""
    if not 2 <= dv < dc:
        raise ValueError(f"dv, dc: must be 2 <= dv < dc, got {dv} and {dc}; 3 and 6 are usual")
    if not dc <= n <= MOST_BITS or n % dc:
        near = min(max(round(n / dc), 1), MOST_BITS // dc) * dc
        raise ValueError(f"n: must be a multiple of dc = {dc} up to {MOST_BITS}, got {n}; take {near}")
    if seed < 0:
        raise ValueError(f"seed: must be >= 0, got {seed}; it picks the code")
    refuse_large(n * dv // dc, n)
    code = Gallager(name=name, length=n, dv=dv, dc=dc, seed=seed)
    return refuse_empty(code)
