"""Convolutional codes: free distances and spectra of the tables, maximum likelihood, the union bound."""

from itertools import product

import numpy as np
import pytest
from scipy.special import erfc

from phy.fec import find_code
from phy.fec.convolutional import PUNCTURING, viterbi
from phy.fec.decoder import Decoder

VITERBI = Decoder(algorithm="viterbi")

INFORMATION_WEIGHTS = {10: 36, 12: 211, 14: 1404, 16: 11633, 18: 77433}
"""Information weights of the code 133/171 by distance (Frenger, Orten and Ottosson, 1999, table VII)."""


def noisy(code, n_words: int, ebn0_db: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits [B, k] and LLRs [B, n] of BPSK over AWGN."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (n_words, code.k), dtype=np.uint8)
    noise_var = code.n / code.k / 10 ** (ebn0_db / 10)
    noise = np.sqrt(noise_var / 2) * rng.standard_normal((n_words, code.n))
    return bits, 4 * (1.0 - 2.0 * code.encode(bits) + noise) / noise_var


def words_by_weight(code, inputs: int) -> dict[int, int]:
    """Distance -> sum of information weights of the paths that leave zero at the first step and return once.

    Of those alone whose ones are within so many inputs.
    """
    number = np.arange(1, 1 << inputs, 2)  # bit t is the input of step t
    back = np.zeros(number.size, bool)  # in state zero before the last one
    for t in range(inputs):
        back |= (number >> t & (1 << code.memory) - 1 == 0) & (number >> t > 0)
    bits = (number[~back, None] >> np.arange(code.k) & 1).astype(np.uint8)
    weights = np.bincount(code.encode(bits).sum(axis=1), weights=bits.sum(axis=1))
    return {d: int(w) for d, w in enumerate(weights)}


def test_the_spectrum_of_the_industry_standard_is_the_published_one():
    spectrum = words_by_weight(find_code("conv:k=20"), 18)
    assert [spectrum[d] for d in range(14)] == [0] * 10 + [36, 0, 211, 0]


@pytest.mark.parametrize(("memory", "free"), [(2, 5), (3, 6), (4, 7), (5, 8), (6, 10), (7, 10), (8, 12)])
def test_free_distances_of_rate_one_half_are_those_of_the_tables(memory, free):
    spectrum = words_by_weight(find_code(f"conv:k=20,memory={memory}"), 13)
    assert min(d for d, weight in spectrum.items() if weight) == free


@pytest.mark.parametrize(("rate", "free"), [("1/2", 10), ("2/3", 6), ("3/4", 5), ("5/6", 4), ("1/3", 15)])
def test_free_distances_of_punctured_rates_are_those_of_802_11(rate, free):
    code = find_code(f"conv:k=60,rate={rate}")
    rng = np.random.default_rng(1)
    low = rng.integers(0, 2, (1 << 16, 12), dtype=np.uint8)
    low = low[low.any(axis=1)]
    weights = [
        code.encode(np.pad(low, ((0, 0), (20 + shift, 28 - shift)))).sum(axis=1).min() for shift in range(5)
    ]
    assert min(weights) == free


@pytest.mark.parametrize(("rate", "n"), [("1/2", 60), ("2/3", 45), ("3/4", 40), ("5/6", 36), ("1/3", 90)])
def test_lengths_follow_the_pattern_over_information_and_tail(rate, n):
    assert find_code(f"conv:k=24,rate={rate}").n == n


@pytest.mark.parametrize(
    "spec",
    [
        "conv:k=9,memory=2",
        "conv:k=9",
        "conv:k=8,rate=3/4",
        "conv:k=8,rate=1/3",
        "conv:k=7,memory=1,generators=2/3",
    ],
)
def test_viterbi_finds_the_likeliest_of_all_words(spec):
    code = find_code(spec)
    every = np.array(list(product((0, 1), repeat=code.k)), np.uint8)
    llr = np.random.default_rng(2).normal(0.3, 1.0, (200, code.n))
    likeliest = every[((1.0 - 2.0 * code.encode(every)) @ llr.T).argmax(axis=0)]
    np.testing.assert_array_equal(code.decide(llr, VITERBI), likeliest)


def test_tiles_change_nothing(monkeypatch):
    code = find_code("conv:k=50")
    _, llr = noisy(code, 21, 2.0, seed=3)
    whole = code.decide(llr, VITERBI)
    monkeypatch.setattr("phy.fec.convolutional.TILE_BYTES", 4 * code.steps * 64)
    np.testing.assert_array_equal(code.decide(llr, VITERBI), whole)
    np.testing.assert_array_equal(viterbi(code, code.depuncture(llr[:1])), whole[:1])


def test_at_high_snr_the_bit_error_rate_is_the_union_bounds():
    """BER <= sum of w_d Q(sqrt(2 d R Eb/N0)), near it at 3.7 dB (Viterbi 1971)."""
    code, ebn0_db = find_code("conv:k=1000"), 3.7
    bits, llr = noisy(code, 4000, ebn0_db, seed=5)
    errors = int((code.decide(llr, VITERBI) != bits).sum())
    snr = 10 ** (ebn0_db / 10) * code.k / code.n
    bound = sum(w * 0.5 * erfc(np.sqrt(d * snr)) for d, w in INFORMATION_WEIGHTS.items())
    assert 0.5 * bound < errors / bits.size < 1.05 * bound


@pytest.mark.parametrize("rate", PUNCTURING)
def test_a_punctured_bit_tells_the_decoder_nothing(rate):
    code = find_code(f"conv:k=30,rate={rate}")
    mother = code.depuncture(np.ones((1, code.n), np.float32))
    assert mother.sum() == code.n
    assert set(np.unique(mother)) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("conv:rate=4/5", "rate: must be 1/2 with memory 2 to 8"),
        ("conv:generators=9/7", "generators: must be octal numbers, got '9/7'"),
        ("conv:generators=777/7", "generators: must be two or more octal numbers 1..177 for memory 6"),
        ("conv:k=0", "k: must be >= 1, got 0"),
        ("conv:memory=12,generators=1/2", "memory: must be 1..8, got 12"),
        ("conv:rate=1/3,generators=5/7,memory=2", "rate: must be 1/2 with those generators"),
    ],
)
def test_what_is_no_such_code_is_told_in_a_line(spec, told):
    with pytest.raises(ValueError, match=r"^code: ") as raised:
        find_code(spec)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)
