"""The entropy coder: undone exactly, as short as theory says, escapes and contexts included."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linksim.codecs.contexts import LARGEST, SCALE_BITS, Contexts, surroundings
from linksim.codecs.entropy import ESCAPE_BITS, TOTAL, WORD_BITS, EntropyTables, read_tables
from linksim.errors import LinksimError


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


def contexts(seed: int, steps: int = 2, channels: int = 3, offset: int = 1) -> Contexts:
    rng, k = np.random.default_rng(seed), 4
    group = rng.integers(0, channels, channels)
    weight = rng.integers(0, 1 << 14, (channels, 2, channels))
    weight *= (group[None, :] < group[:, None])[:, None]
    return Contexts(
        group=group, weight=weight, level=np.arange(steps) // 2, scale=rng.integers(1, 1 << 15, steps),
        threshold=np.sort(rng.integers(0, 1 << 18, (steps, channels, k - 1)), axis=2),
        offset=rng.integers(-offset, offset + 1, (steps, channels, k)),
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


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 50),
    st.integers(0, 3),
    st.tuples(st.integers(0, 6), st.integers(0, 6)),
    st.integers(0, 2**32 - 1),
    st.sampled_from([2, 20, 2**31]),
)
def test_decode_undoes_encode_with_contexts_too(seed, step, size, draw, spread):
    t = replace(tables(seed, steps=4), contexts=contexts(seed, steps=4, offset=5))
    q = np.random.default_rng(draw).integers(-spread, spread, (3, *size)).astype(np.int32)
    words = t.encode(q, step)
    assert np.array_equal(t.decode(words, step, q.shape), q)
    assert t.bits(q, step) - 1 <= words.size * WORD_BITS <= t.bits(q, step) * 1.001 + 2 * WORD_BITS


def test_contexts_that_shift_nothing_change_no_bit():
    t, q = tables(3, steps=4), np.random.default_rng(1).integers(-20, 20, (3, 5, 7)).astype(np.int32)
    alone = {"group": np.zeros(3, np.int64), "weight": np.zeros((3, 2, 3), np.int64)}
    same = replace(t, contexts=replace(contexts(3, steps=4, offset=0), **alone))
    assert np.array_equal(same.encode(q, 2), t.encode(q, 2))
    grouped = replace(t, contexts=contexts(3, steps=4, offset=0))
    assert len(grouped.contexts.groups) > 1
    assert grouped.bits(q, 2) == pytest.approx(t.bits(q, 2), abs=1e-9)


def test_a_context_is_the_count_of_thresholds_that_the_weighted_surroundings_reach():
    weight = np.zeros((3, 2, 3), np.int64)
    weight[1] = [[3, 0, 70], [5, 0, 11]]
    scale = np.asarray([1 << SCALE_BITS, 3 << SCALE_BITS - 1])
    made = replace(contexts(5), group=np.asarray([0, 1, 0]), weight=weight, scale=scale)
    made = replace(
        made, threshold=np.tile([100, 400, 1000], (2, 3, 1)), offset=np.tile(np.arange(4), (2, 3, 1))
    )
    q = np.random.default_rng(2).integers(-9, 10, (3, 4, 5)).astype(np.int32)
    q[2, 0, 0] = -(2**31)
    size = np.minimum(np.abs(q.astype(int)), LARGEST)
    for step, factor in ((0, 1), (1, 1.5)):
        got = made.offsets(1, step, surroundings(q)).reshape(4, 5)
        for i, j in np.ndindex(4, 5):
            box = size[:, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].sum((1, 2)) - size[:, i, j]
            total = 3 * size[0, i, j] + 70 * size[2, i, j] + 5 * box[0] + 11 * box[2]
            assert got[i, j] == np.count_nonzero(int(total * factor) >= np.asarray([100, 400, 1000]))


def test_contexts_of_earlier_channels_alone_are_taken():
    made = contexts(3)
    weight = made.weight.copy()
    weight[:, 1, :] = 1
    with pytest.raises(ValueError, match="weight: must not be negative, and 0 but"):
        replace(made, weight=weight)
    with pytest.raises(ValueError, match=r"offset: must be of shape|threshold: must be of shape"):
        replace(made, offset=made.offset[:, :2])
    with pytest.raises(ValueError, match="level: must be 0 to 1, got 2"):
        replace(made, level=np.asarray([0, 2]))
    with pytest.raises(ValueError, match="contexts: must be of 4 steps and 3 channels"):
        replace(tables(3, steps=4), contexts=made)


def test_a_code_with_a_lost_bit_is_refused_and_bits_behind_it_do_not_matter():
    t, q = tables(3), np.zeros((3, 50), np.int32)
    words = t.encode(q, 0)
    ok = np.ones(words.size * WORD_BITS + 9, bool)
    ok[words.size * WORD_BITS] = False
    assert np.array_equal(t.decode(words, 0, q.shape, ok), t.held(q, 0))
    ok[words.size * WORD_BITS - 1] = False
    with pytest.raises(ValueError, match="range coder: must have every bit"):
        t.decode(words, 0, q.shape, ok)


def test_words_that_are_no_code_never_crash_a_decoder_with_contexts():
    t = replace(tables(3, steps=4), contexts=contexts(3, steps=4, offset=5))
    for seed in range(40):
        words = np.random.default_rng(seed).integers(0, 2**32, seed % 7, dtype=np.uint64).astype(np.uint32)
        try:
            told = f"range coder: {t.decode(words, 1, (3, 5, 10)).shape}"
        except ValueError as error:
            told = str(error)
        assert told.startswith("range coder: ")


def test_tables_are_read_with_and_without_contexts_and_those_that_do_not_fit_are_told(tmp_path):
    t, made = tables(4, steps=4), contexts(4, steps=4)
    plain = {"start": t.start, "low": t.low, "frequency": t.frequency}
    np.savez(tmp_path / "plain.npz", **plain)
    assert read_tables(tmp_path / "plain.npz").contexts is None
    np.savez(tmp_path / "both.npz", **plain, **vars(made))
    q = np.random.default_rng(1).integers(-9, 9, (3, 4, 4)).astype(np.int32)
    expected = replace(t, contexts=made).encode(q, 1)
    assert np.array_equal(read_tables(tmp_path / "both.npz").encode(q, 1), expected)
    np.savez(tmp_path / "part.npz", **plain, group=made.group)
    with pytest.raises(LinksimError, match=r"part.npz: must hold tables that fit each other"):
        read_tables(tmp_path / "part.npz")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 and no more"])
def test_a_file_that_holds_no_tables_is_one_line(tmp_path, content):
    (tmp_path / "entropy.npz").write_bytes(content)
    with pytest.raises(LinksimError, match=r"entropy.npz: must hold tables that fit each other"):
        read_tables(tmp_path / "entropy.npz")
