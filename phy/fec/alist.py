"""A code from MacKay's alist of its parity-check matrix (www.inference.org.uk/mackay/codes/alist.html).

The file is whole numbers alone: N and M, the largest degrees of bits and of checks, the degrees of all bits,
of all checks, then for each bit its checks and for each check its bits, counted from 1. Lists shorter than
the largest degree are filled up with 0, or not, by bits and by checks as they come.
"""

import re
from functools import lru_cache
from itertools import product

import numpy as np

from phy.fec.code import GraphCode
from phy.fec.elimination import refuse_large
from phy.fec.files import read_text
from phy.fec.matrix import MOST_BITS, MatrixCode, refuse_empty

MOST_ONES = 1_000_000
"""Most ones of a parity-check matrix."""


def make(*, name: str, path: str) -> GraphCode:
    """The code whose parity-check matrix is the alist file at that path."""
    return _parse(name, read_text(path))


@lru_cache(maxsize=32)
def _parse(name: str, text: str) -> GraphCode:
    words = text.split()
    odd = next((word for word in words if not re.fullmatch(r"\d{1,9}", word)), None)
    if odd is not None:
        raise ValueError(f"alist: must be whole numbers alone, got {odd[:20]!r}; take the rest out")
    numbers = [int(word) for word in words]
    n, m, *largest = _take(numbers, 0, 4, "N, M and the largest degrees")
    if not (m >= 1 and 2 <= n <= MOST_BITS):
        raise ValueError(f"alist: must have 2 <= N <= {MOST_BITS} and M >= 1, got N {n}, M {m}; mend line 1")
    refuse_large(m, n)
    degrees = (
        _take(numbers, 4, n, "a degree for every bit"),
        _take(numbers, 4 + n, m, "a degree for every check"),
    )
    ones = _count_ones(degrees, largest)
    by_bits, by_checks = _lists(numbers[4 + n + m :], degrees, largest, ones)
    differing = {(c, b) for b, c in by_bits} ^ set(by_checks)
    if differing or len(set(by_checks)) != ones:
        where = "check {}, bit {}".format(*min(differing)) if differing else "one of them twice"
        raise ValueError(f"alist: must list the same ones by bits and by checks, got {where}; mend that one")
    checks: list[list[int]] = [[] for _ in range(m)]
    for check, bit in sorted(by_checks):
        checks[check - 1].append(bit - 1)
    return refuse_empty(MatrixCode(name=name, length=n, checks=tuple(tuple(c) for c in checks if c)))


def _take(numbers: list[int], start: int, count: int, what: str) -> list[int]:
    if len(numbers) < start + count:
        raise ValueError(f"alist: must tell {what}, got {len(numbers)} numbers in all; the file is cut")
    return numbers[start : start + count]


def _count_ones(degrees: tuple[list[int], list[int]], largest: list[int]) -> int:
    by_bits, by_checks = (sum(each) for each in degrees)
    if by_bits != by_checks or by_bits > MOST_ONES:
        raise ValueError(
            f"alist: must have as many ones by bits as by checks, up to {MOST_ONES}, "
            f"got {by_bits} and {by_checks}; mend the degrees"
        )
    for which, low, each, high in zip(("bit", "check"), (1, 0), degrees, largest, strict=True):
        if min(each) < low or max(each) > high:
            raise ValueError(
                f"alist: every {which} must have a degree of {low}..{high}, got {min(each)}..{max(each)}; "
                "mend line 2 or the degrees"
            )
    return by_bits


def _lists(
    numbers: list[int], degrees: tuple[list[int], list[int]], largest: list[int], ones: int
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs (bit, check) of the bits' lists and (check, bit) of the checks', each filled up with 0 or not."""
    filled = [len(each) * most for each, most in zip(degrees, largest, strict=True)]
    for sizes in product((ones, filled[0]), (ones, filled[1])):
        if sum(sizes) != len(numbers):
            continue
        halves = numbers[: sizes[0]], numbers[sizes[0] :]
        pairs = [_pairs(half, *rest) for half, *rest in zip(halves, degrees, largest, strict=True)]
        if all(each is not None for each in pairs):
            return pairs[0], pairs[1]
    raise ValueError(
        f"alist: must list {ones} ones by bits and as many by checks, each list as long as its degree "
        f"says or filled up with 0, got {len(numbers)} numbers; mend the lists or the degrees"
    )


def _pairs(numbers: list[int], degrees: list[int], most: int) -> list[tuple[int, int]] | None:
    """(owner, member), both from 1; None where the lists are not of these degrees."""
    widths = degrees if len(numbers) == sum(degrees) else [most] * len(degrees)
    ends = np.cumsum(widths).tolist()
    rows = [[v for v in numbers[end - width : end] if v] for end, width in zip(ends, widths, strict=True)]
    if any(len(row) != degree for row, degree in zip(rows, degrees, strict=True)):
        return None
    return [(owner, member) for owner, row in enumerate(rows, 1) for member in row]
