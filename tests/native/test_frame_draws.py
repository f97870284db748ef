"""The frames' random numbers: known answers, laws of the normals, independence, and any order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from phy.channel import Jakes, Nakagami, Rayleigh, Rician
from phy.frames import fading, frame_key, messages, noise
from phy.native.random import philox_rows

ONES = 0xFFFFFFFF
KNOWN = [
    # Random123's kat_vectors for philox4x32 with 10 rounds: counter, key, words
    ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((ONES,) * 4, (ONES,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def parts(seed: int, frames: int, n: int) -> np.ndarray:
    """Standard normals float64 [frames, n, 2]."""
    return noise(seed, np.arange(frames), n).view(np.float32).reshape(frames, n, 2) * np.sqrt(2.0)


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_philox_gives_the_words_of_its_authors(counter, key, words):
    out = np.empty((1, 4), np.uint32)
    philox_rows(np.array([counter], np.uint32), np.array(key, np.uint32), out)
    assert " ".join(f"{word:08x}" for word in out[0]) == words


def test_noise_is_philox_after_box_and_muller():
    """The stream as the module defines it, recomputed in float64 from the generator's words."""
    frame, index = 5 + (3 << 32), np.arange(12)
    counters = np.stack([index, np.full(12, 2), np.full(12, 5), np.full(12, 3)], axis=1).astype(np.uint32)
    words = np.empty((12, 4), np.uint32)
    philox_rows(counters, frame_key(9), words)
    u, v = (words[:, 0::2] + 0.5) / 2**32, words[:, 1::2] / 2**32
    pairs = np.sqrt(-np.log(u))[..., None] * np.stack([np.cos(2 * np.pi * v), np.sin(2 * np.pi * v)], axis=-1)
    per_index = pairs.reshape(12, 4)  # real parts at even indices, imaginary ones at odd
    want = (per_index[0::2] + 1j * per_index[1::2]).reshape(24)
    np.testing.assert_allclose(noise(9, np.array([frame]), 24)[0], want, atol=1e-6)


def test_messages_are_philoxs_bits():
    counters = np.array([[0, 1, 7, 0], [1, 1, 7, 0]], np.uint32)
    words = np.empty((2, 4), np.uint32)
    philox_rows(counters, frame_key(4), words)
    bits = (words.reshape(-1)[:, None] >> np.arange(32, dtype=np.uint32) & 1).reshape(256)
    assert np.array_equal(messages(4, np.array([7]), 200)[0], bits[:200])


def test_normals_have_the_moments_of_normals():
    """Central moments 1 to 6 within 5 standard errors, over 4 million draws."""
    x = parts(1, 1000, 2000).reshape(-1)
    moments = [0, 1, 0, 3, 0, 15, 0, 105, 0, 945, 0, 10395]
    for order in range(1, 7):
        error = np.sqrt((moments[2 * order - 1] - moments[order - 1] ** 2) / x.size)
        assert abs(np.mean(x**order) - moments[order - 1]) < 5 * error, order


def test_normals_pass_scipys_tests_of_fit():
    """P-values over 60 seeds are uniform, as those of a true sample are."""
    p_values = {"cramer-von mises": [], "anderson": [], "energy": [], "phase": []}
    for seed in range(60):
        x = parts(seed, 20, 1000).reshape(-1, 2)
        p_values["cramer-von mises"].append(stats.cramervonmises(x[:, 0], "norm").pvalue)
        p_values["anderson"].append(_anderson_darling(x[:, 1]))
        p_values["energy"].append(stats.kstest(np.sum(x**2, axis=1), "chi2", args=(2,)).pvalue)
        phase = np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi)
        p_values["phase"].append(stats.kstest(phase, "uniform", args=(-0.5, 1)).pvalue)
    for name, values in p_values.items():
        assert min(values) > 1e-5, name
        assert stats.kstest(values, "uniform").pvalue > 1e-3, name


def _anderson_darling(x: np.ndarray) -> float:
    """P-value of A^2 (Marsaglia and Marsaglia, J. Stat. Softw. 9(2), 2004)."""
    u, n = stats.norm.cdf(np.sort(x)), x.size
    z = -n - np.mean((2 * np.arange(n) + 1) * (np.log(u) + np.log1p(-u[::-1])))
    if z < 2:
        series = (0.00168691, -0.0116720, 0.0347962, -0.0649821, 0.247105, 2.00012)
        return 1 - np.exp(-1.2337141 / z) / np.sqrt(z) * np.polyval(series, z)
    return 1 - np.exp(-np.exp(np.polyval((-0.0003146, 0.008056, -0.082433, 0.43424, -2.30695, 1.0776), z)))


@pytest.mark.parametrize(
    ("draws", "limits"),
    [(2**24, (2, 3, 4, 5)), pytest.param(2**31, (4, 5, 5.5, 6), marks=pytest.mark.slow)],
    ids=["to 5 sigma", "to 6 sigma"],
)
def test_tails_hold_what_the_normal_law_says(draws, limits):
    """Draws beyond each limit, both sides, against the binomial law at 1e-4."""
    beyond, frame = np.zeros((2, len(limits)), np.int64), 0
    while frame * 2**18 < draws:
        x = parts(3 + frame, 64, 2**11)
        for i, limit in enumerate(limits):
            beyond[:, i] += np.count_nonzero(x > limit), np.count_nonzero(x < -limit)
        frame += 1
    for i, limit in enumerate(limits):
        for count in beyond[:, i]:
            assert stats.binomtest(int(count), frame * 2**18, stats.norm.sf(limit)).pvalue > 1e-4, limit


def test_the_farthest_word_is_6_7_sigma():
    """u = 2^-33: nothing is cut off before."""
    assert np.sqrt(2 * 33 * np.log(2)) == pytest.approx(6.764, abs=1e-3)


def test_streams_do_not_correlate():
    """Frames, neighbours within a frame, parts and seeds: every correlation within 5 standard errors."""
    x, other = parts(5, 256, 512), parts(6, 256, 512)
    flat = x.reshape(256, -1)
    bound = 5 / np.sqrt(flat.shape[1])
    frames = np.corrcoef(flat)
    assert np.abs(frames - np.eye(256)).max() < bound + 1 / np.sqrt(flat.shape[1])
    for lag in (1, 2, 3, 4, 8, 16, 32, 64, 128):
        assert abs(np.mean(flat[:, lag:] * flat[:, :-lag])) < 5 / np.sqrt(flat[:, lag:].size)
        assert abs(np.mean(flat[:, lag:] ** 2 * flat[:, :-lag] ** 2) - 1) < 5 * np.sqrt(
            8 / flat[:, lag:].size
        )
        assert abs(np.mean(flat[lag:] * flat[:-lag])) < 5 / np.sqrt(flat[lag:].size)
    assert abs(np.mean(x[..., 0] * x[..., 1])) < 5 / np.sqrt(x[..., 0].size)
    assert abs(np.mean(x * other)) < 5 / np.sqrt(x.size)


def test_bits_are_fair_and_independent():
    bits = messages(1, np.arange(512), 1000).astype(np.int64)
    assert abs(bits.mean() - 0.5) < 2.5 / np.sqrt(bits.size)
    sign = 1 - 2 * bits
    for lag in (1, 2, 31, 32, 33, 64, 128):
        assert abs(np.mean(sign[:, lag:] * sign[:, :-lag])) < 5 / np.sqrt(sign[:, lag:].size)
        assert abs(np.mean(sign[lag:] * sign[:-lag])) < 5 / np.sqrt(sign[lag:].size)
    per_bit = bits.sum(axis=0)
    assert stats.binomtest(int(per_bit.max()), 512, 0.5).pvalue * 1000 > 1e-3


@settings(max_examples=30, deadline=None)
@given(
    ids=st.lists(st.integers(0, 2**62), min_size=1, max_size=9),
    n=st.integers(1, 90),
    more=st.integers(0, 60),
)
def test_a_frame_is_the_same_in_any_company_and_a_longer_draw_begins_like_it(ids, n, more):
    ids = np.array(ids, np.int64)
    assert np.array_equal(noise(1, ids, n), noise(1, ids[::-1], n + more)[::-1, :n])
    assert np.array_equal(messages(1, ids, n), messages(1, ids[::-1], n + more)[::-1, :n])
    assert np.array_equal(noise(1, ids[:1], n)[0], noise(1, ids, n)[0])


@pytest.mark.parametrize(
    "channel",
    [Rayleigh(), Rician(k_factor=2.0, block=7), Nakagami(m=2.0, block=10), Jakes(doppler=0.01)],
    ids=lambda c: c.kind,
)
def test_fades_depend_on_seed_and_id_alone(channel):
    ids = np.array([3, 700, 64, 65, 2**40])
    h = fading(1, ids, channel, 40)
    assert np.array_equal(h, fading(1, ids[::-1], channel, 40)[::-1])
    assert np.array_equal(h[:, :25], fading(1, ids, channel, 25)) or channel.kind == "jakes"
    assert not np.array_equal(h, fading(2, ids, channel, 40))
    assert not np.array_equal(h, fading(1, ids, channel, 40, "other"))
    assert np.mean(np.abs(fading(1, np.arange(4096), channel, 1)) ** 2) == pytest.approx(1, abs=0.1)
