"""What every code keeps, by every engine that can compute it: a new code is tested by being in CODES."""

import sys

import numpy as np
import pytest

import phy
from phy.engine import ENGINES, find_engine
from phy.fec import CODES, Decoder, reference

codes = pytest.mark.parametrize("code", CODES.values(), ids=CODES)
engines = pytest.mark.parametrize("engine", ENGINES)


def random_words(code, n_words: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    bits = np.random.default_rng(seed).integers(0, 2, (n_words, code.k), dtype=np.uint8)
    return bits, code.encode(bits)


def noisy_llr(words: np.ndarray, noise_var: float, seed: int) -> np.ndarray:
    noise = np.sqrt(noise_var / 2) * np.random.default_rng(seed).standard_normal(words.shape)
    return 4 * (1.0 - 2.0 * words + noise) / noise_var


@codes
def test_every_codeword_satisfies_every_check(code):
    _, words = random_words(code, 200, seed=1)
    assert not np.any(words.astype(int) @ code.parity_check().T.astype(int) % 2)


@codes
def test_a_code_is_systematic_and_linear_and_lets_leading_axes_ride_along(code):
    bits, words = random_words(code, 6, seed=2)
    np.testing.assert_array_equal(words[:, : code.k], bits)
    np.testing.assert_array_equal(code.encode(bits[0] ^ bits[1]), words[0] ^ words[1])
    np.testing.assert_array_equal(code.encode(bits.reshape(2, 3, -1)), words.reshape(2, 3, -1))
    assert code.encode(bits[:0]).shape == (0, code.n)


@codes
def test_a_code_is_a_value(code):
    twin = eval(repr(code), {"QcLdpc": type(code)})
    assert twin == code
    assert hash(twin) == hash(code)


@codes
def test_without_knowledge_the_decoder_has_no_bias(code):
    decoded = reference.decode(code, np.zeros((2, code.n)), Decoder(iterations=5, stop="none"))
    assert not decoded.llr.any()


@codes
@pytest.mark.parametrize("algorithm", ["sum-product", "min-sum", "offset-min-sum"])
def test_flipping_the_signs_of_a_codeword_flips_the_decisions_of_it(code, algorithm):
    _, words = random_words(code, 4, seed=3)
    llr = noisy_llr(np.zeros_like(words), 0.7, seed=4)
    decoder = Decoder(algorithm=algorithm, iterations=6)
    plain = reference.decode(code, llr, decoder)
    turned = reference.decode(code, llr * (1.0 - 2.0 * words), decoder)
    np.testing.assert_array_equal(turned.llr, plain.llr * (1.0 - 2.0 * words))


@codes
def test_more_iterations_never_leave_a_codeword(code):
    _, words = random_words(code, 20, seed=5)
    llr = noisy_llr(words, 0.35, seed=6)
    few = reference.decode(code, llr, Decoder(iterations=5))
    many = reference.decode(code, llr, Decoder(iterations=15))
    ended = few.iterations < 5
    assert ended.any()
    np.testing.assert_array_equal(many.llr[ended], few.llr[ended])


@codes
@engines
def test_every_engine_recovers_what_little_noise_leaves(code, engine):
    bits, words = random_words(code, 70, seed=7)
    llr = noisy_llr(words, 0.1, seed=8).astype(np.float32)
    np.testing.assert_array_equal(find_engine(engine).encode(code, bits), words)
    decoded = find_engine(engine).decode(code, llr, Decoder())
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, bits)


@engines
def test_every_engine_takes_an_empty_batch(engine):
    code = CODES["802.11ad-1/2"]
    assert find_engine(engine).decode(code, np.empty((0, code.n), np.float32), Decoder()).shape == (0, code.k)


def test_an_engine_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.delitem(sys.modules, "phy.sionna_engine", raising=False)
    monkeypatch.delitem(sys.modules, "phy.sionna_blocks", raising=False)
    monkeypatch.delattr(phy, "sionna_blocks", raising=False)
    with pytest.raises(ValueError, match=r"engine: sionna needs .* got 'tensorflow' missing; pip install"):
        ENGINES["sionna"]()


def test_an_unknown_engine_names_its_nearest():
    with pytest.raises(ValueError, match=r"engine: must be one of .*got 'siona'; did you mean 'sionna'\?"):
        find_engine("siona")
