"""Randomness as a value: a generator is named by words, and the same words give the same numbers everywhere.

The bit generator is Philox, counter based; its 128-bit key is the head of SHA-256 over the words. No draw
depends on what was drawn before it, so a fade or a noise vector can be replayed alone, and two systems that
name it alike share it.
"""

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

Word = int | str


def digest(*words: Word) -> bytes:
    """SHA-256 over the words with their types and lengths, so that ("a", "b") and ("ab",) differ."""
    h = sha256()
    for word in words:
        if isinstance(word, bool) or not isinstance(word, int | str):
            raise TypeError(f"key word: must be int or str, got {word!r}")
        text = str(word).encode()
        h.update(f"{'s' if isinstance(word, str) else 'i'}{len(text)}:".encode() + text)
    return h.digest()


def generator(*words: Word) -> np.random.Generator:
    """The generator that the words name.

    >>> bool(generator(1, "air", "noise").random() == generator(1, "air", "noise").random())
    True
    """
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest(*words)[:16], "little")))


def complex_normal(n: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """complex128 [n], CN(0, 1): real and imaginary parts of variance 1/2, drawn alternately."""
    return rng.standard_normal(2 * n).view(np.complex128) * np.sqrt(0.5)
