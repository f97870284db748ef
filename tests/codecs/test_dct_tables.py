"""Integer tables of Laplace's law: they are that law, code any integers, and are alike on every machine."""

from contextlib import suppress
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from linksim.codecs import dct_tables
from linksim.codecs.dct_tables import (
    FIRST_SHAPE,
    N_SHAPES,
    TOTAL,
    WORD_BITS,
    Decoder,
    Encoder,
    bits,
    put,
    take,
)

INTEGERS = st.one_of(st.integers(-3, 3), st.integers(-3000, 3000), st.integers(-(2**31), 2**31 - 1))


@pytest.mark.parametrize("shape", [0, 12, 20, 30, N_SHAPES - 1])
def test_a_table_is_laplaces_law(shape):
    counts = dct_tables.frequencies(shape)
    assert counts.sum() == TOTAL
    assert counts.min() >= 1
    variance = 2 ** ((shape + FIRST_SHAPE) / 2)
    drawn = np.random.default_rng(1).laplace(scale=np.sqrt(variance / 2), size=400_000)
    q = np.rint(drawn).astype(int)
    n = len(counts) // 2
    for value in (0, 1, -1, 2, -2):
        told = counts[n - 1 + value] / TOTAL if abs(value) < n else 0.0
        assert abs(np.mean(q == value) - told) < 5 * np.sqrt(max(told, 1e-5) / q.size) + 2 / TOTAL


def test_the_tables_are_the_same_on_every_machine():
    every = np.concatenate([dct_tables.frequencies(shape) for shape in range(N_SHAPES)])
    assert sha256(every.astype("<i8").tobytes()).hexdigest()[:16] == "50892da285fb04da"


@given(arrays.arrays(np.int32, st.integers(0, 40), elements=INTEGERS), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_any_integers_come_back_and_take_the_bits_told(q, seed):
    shapes = np.random.default_rng(seed).integers(0, N_SHAPES, q.size)
    coder = Encoder()
    put(coder, q, shapes)
    words = coder.get_compressed()
    np.testing.assert_array_equal(take(Decoder(words), shapes), q)
    assert WORD_BITS * words.size <= bits(q, shapes) + 2 * WORD_BITS + 0.01 * q.size


@given(arrays.arrays(np.uint32, st.integers(0, 12)), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_garbage_is_refused_or_some_integers(words, seed):
    shapes = np.random.default_rng(seed).integers(0, N_SHAPES, 50)
    with suppress(ValueError):
        assert take(Decoder(words), shapes).shape == (50,)


def test_bits_are_near_the_entropy_of_the_law():
    rng, shape = np.random.default_rng(2), 18
    q = np.rint(rng.laplace(scale=np.sqrt(2.0 ** ((shape + FIRST_SHAPE) / 2) / 2), size=50_000)).astype(
        np.int32
    )
    _, counts = np.unique(q, return_counts=True)
    entropy = -np.sum(counts * np.log2(counts / q.size))
    assert entropy <= bits(q, np.full(q.size, shape)) <= 1.005 * entropy
