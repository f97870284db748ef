"""The entropy coder: undone exactly, as short as theory says, escapes included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim.codecs.entropy import ESCAPE_BITS, TOTAL, WORD_BITS, EntropyTables


def tables(seed: int, steps: int = 2, channels: int = 3) -> EntropyTables:
    rng, start, low, frequency = np.random.default_rng(seed), [0], [], []
    for _ in range(steps * channels):
        n = int(rng.integers(1, 30))
        counts = np.floor(rng.dirichlet(np.full(n + 1, 0.5)) * (TOTAL - n - 1)).astype(np.int64) + 1
        counts[0] += TOTAL - counts.sum()
        frequency.append(counts)
        low.append(-(n // 2))
        start.append(start[-1] + n + 1)
    return EntropyTables(
        start=np.asarray(start), low=np.asarray(low, np.int32).reshape(steps, channels),
        frequency=np.concatenate(frequency),
    )  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 50),
    st.integers(0, 1),
    st.integers(0, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from([2, 20, 2**30]),
)
def test_decode_undoes_encode_for_any_integers(seed, step, n, draw, spread):
    t = tables(seed)
    q = np.random.default_rng(draw).integers(-spread, spread, (3, n)).astype(np.int32)
    assert np.array_equal(t.decode(t.encode(q, step), step, q.shape), q)


def test_the_code_is_as_long_as_its_ideal_length_says():
    t = tables(7)
    rng = np.random.default_rng(1)
    q = np.empty((3, 4000), np.int32)
    for c in range(3):
        counts = t.frequency[t.start[c] : t.start[c + 1] - 1]
        q[c] = rng.choice(len(counts), 4000, p=counts / counts.sum()) + t.low[0, c]
    length = t.encode(q, 0).size * WORD_BITS
    assert t.bits(q, 0) - 1 <= length <= t.bits(q, 0) * 1.0005 + 2 * WORD_BITS


def test_a_symbol_outside_its_table_costs_its_escape_and_32_bits():
    t = tables(3)
    inside, outside = np.zeros((3, 1), np.int32), np.zeros((3, 1), np.int32)
    outside[1] = 10**6
    first, last = t.start[1], t.start[2] - 1
    escape, zero = t.frequency[last], t.frequency[first - t.low[0, 1]]
    assert t.bits(outside, 0) - t.bits(inside, 0) == pytest.approx(ESCAPE_BITS - np.log2(escape / zero))


def test_words_that_are_no_code_raise_one_clear_error_or_decode_to_something():
    t = tables(3)
    for seed in range(20):
        words = np.random.default_rng(seed).integers(0, 2**32, 5, dtype=np.uint64).astype(np.uint32)
        try:
            q = t.decode(words, 0, (3, 50))
        except ValueError as error:
            told = str(error)
        else:
            told = f"range coder: {q.shape}"
        assert told.startswith("range coder: ")
