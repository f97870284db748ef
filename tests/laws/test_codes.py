"""What every code keeps, by every engine that can compute it: a new code is tested by being in CODES."""

import sys

import numpy as np
import pytest

import phy
from phy.engine import ENGINES, find_engine
from phy.fec import CODES, FAMILIES, Decoder, GraphCode, find_code, reference
from phy.fec.decoder_spec import parse_decoder

GRAPHS = {name: code for name, code in CODES.items() if isinstance(code, GraphCode)}
SMALL = {name: code for name, code in GRAPHS.items() if code.mother_n <= 700}
"""Those whose whole decoding laws are quick in the reference."""
CLASSES = {
    name: each
    for module in list(sys.modules.values())
    if module.__name__.startswith("phy.fec")
    for name, each in vars(module).items()
    if isinstance(each, type)
}
codes = pytest.mark.parametrize("code", CODES.values(), ids=CODES)
graphs = pytest.mark.parametrize("code", GRAPHS.values(), ids=GRAPHS)
small = pytest.mark.parametrize("code", SMALL.values(), ids=SMALL)
engines = pytest.mark.parametrize("engine", ENGINES)


def random_words(code, n_words: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    bits = np.random.default_rng(seed).integers(0, 2, (n_words, code.k), dtype=np.uint8)
    return bits, code.encode(bits)


def noisy_llr(words: np.ndarray, noise_var: float, seed: int) -> np.ndarray:
    noise = np.sqrt(noise_var / 2) * np.random.default_rng(seed).standard_normal(words.shape)
    return 4 * (1.0 - 2.0 * words + noise) / noise_var


def parity(code: GraphCode, words: np.ndarray) -> np.ndarray:
    """H w mod 2 of mother words [B, N], by the edges alone: [B, checks]."""
    check, bit = code.edges()
    sums = np.zeros((check.max() + 1, len(words)), np.int64)
    np.add.at(sums, check, words[:, bit].T)
    return sums.T % 2


@graphs
def test_every_mother_word_satisfies_every_check(code):
    bits, _ = random_words(code, 30, seed=1)
    assert not parity(code, code.mother_word(bits)).any()


@small
def test_the_edges_are_the_ones_of_the_parity_check_matrix(code):
    h = code.parity_check()
    assert h.shape[1] == code.mother_n
    assert not h.flags.writeable
    np.testing.assert_array_equal(np.nonzero(h), code.edges())


@graphs
def test_information_stands_where_info_says_and_zeros_are_zero(code):
    bits, _ = random_words(code, 5, seed=2)
    word = code.mother_word(bits)
    np.testing.assert_array_equal(word[:, code.info], bits)
    assert not word[:, code.zeros].any()
    assert np.unique(code.info).size == code.k
    assert not np.isin(code.info, code.zeros).any()
    assert not np.isin(code.sent, code.zeros).any()


@graphs
def test_gathering_a_sent_word_gives_its_mother_word(code):
    """Signs of the word where anything was sent or known, 0 where nothing was."""
    bits, sent = random_words(code, 4, seed=3)
    signs = 1.0 - 2.0 * code.mother_word(bits)
    count = np.bincount(code.sent, minlength=code.mother_n)
    gathered = code.gather((1 - 2.0 * sent).astype(np.float32), 20.0)
    assert gathered.dtype == np.float32
    count[code.zeros] = 20
    np.testing.assert_array_equal(gathered, signs * count)
    assert code.gather(sent[0].astype(np.float32), 20.0).shape == (code.mother_n,)


@codes
def test_a_code_is_linear_and_lets_leading_axes_ride_along(code):
    bits, words = random_words(code, 6, seed=2)
    assert words.dtype == np.uint8
    assert words.max() == 1
    zero = code.encode(np.zeros(code.k, np.uint8))
    np.testing.assert_array_equal(code.encode(bits[0] ^ bits[1]) ^ zero, words[0] ^ words[1])
    np.testing.assert_array_equal(code.encode(bits.reshape(2, 3, -1)), words.reshape(2, 3, -1))
    assert code.encode(bits[:0]).shape == (0, code.n)


@codes
def test_a_code_is_a_value(code):
    twin = eval(repr(code), CLASSES)
    assert twin == code
    assert hash(twin) == hash(code)
    assert code.rate == find_code(code.name).rate


@pytest.mark.parametrize("name", CODES)
def test_a_word_always_names_the_same_instance(name):
    assert find_code(name) is CODES[name]


def test_every_family_has_an_example_but_other_names_and_files():
    lacking = {name for name, family in FAMILIES.items() if not family.examples}
    assert lacking - {"alist", "qc"} == {"802.11ac", "802.11ax"}


@small
def test_without_knowledge_the_decoder_has_no_bias(code):
    decoded = reference.decode(code, np.zeros((2, code.mother_n)), Decoder(iterations=5, stop="none"))
    assert not decoded.llr.any()


@small
@pytest.mark.parametrize("algorithm", ["sum-product", "min-sum", "offset-min-sum"])
def test_flipping_the_signs_of_a_codeword_flips_the_decisions_of_it(code, algorithm):
    bits, _ = random_words(code, 4, seed=3)
    signs = 1.0 - 2.0 * code.mother_word(bits)
    llr = noisy_llr(np.zeros_like(signs), 0.7, seed=4)
    decoder = Decoder(algorithm=algorithm, iterations=6)
    plain = reference.decode(code, llr, decoder)
    turned = reference.decode(code, llr * signs, decoder)
    np.testing.assert_array_equal(turned.llr, plain.llr * signs)


@small
def test_more_iterations_never_leave_a_codeword(code):
    _, words = random_words(code, 20, seed=5)
    llr = code.gather(noisy_llr(words, 0.35, seed=6), 20.0)
    few = reference.decode(code, llr, Decoder(iterations=5))
    many = reference.decode(code, llr, Decoder(iterations=15))
    ended = few.iterations < 5
    assert ended.any()
    np.testing.assert_array_equal(many.llr[ended], few.llr[ended])


BY_SIONNA = (
    "nr-ldpc:k=40,rate=1/3",
    "gallager:n=96,dv=2,dc=4,seed=7",
    "uncoded:k=672",
    "repetition:n=3,k=224",
)
"""Sionna compiles seconds for each code; tests/oracles compares it on the other families."""


def engine_runs():
    for family in FAMILIES.values():
        for name in family.examples:
            for engine in ENGINES:
                if engine in family.engines and (engine != "sionna" or name in BY_SIONNA):
                    yield pytest.param(CODES[name], engine, id=f"{engine}-{name}")


@pytest.mark.parametrize(("code", "engine"), engine_runs())
def test_every_engine_recovers_what_little_noise_leaves(code, engine):
    bits, words = random_words(code, 70 if code.n <= 700 else 5, seed=7)
    llr = noisy_llr(words, 0.1, seed=8).astype(np.float32)
    np.testing.assert_array_equal(find_engine(engine).encode(code, bits), words)
    decoder = Decoder(algorithm=code.algorithms[0])
    if engine == "native" and "min-sum" in code.algorithms:
        decoder = parse_decoder("layered-offset-min-sum:quantisation=8")  # what it is for
    decoded = find_engine(engine).decode(code, llr, decoder)
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
