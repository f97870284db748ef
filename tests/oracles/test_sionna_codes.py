"""Convolutional, turbo and polar codes, word for word and decision for decision as Sionna 1.2."""

import contextlib
import io
import subprocess
import sys

import numpy as np
import pytest

from phy.engine import find_engine
from phy.fec import find_code
from phy.fec.decoder import Decoder

POLAR = (
    "nr-polar:k=64,n=128",
    "nr-polar:k=12,n=40",
    "nr-polar:k=32,n=100",
    "nr-polar:k=100,n=150",
    "nr-polar:k=200,n=1080",
    "nr-polar:k=1013,n=1088",
    "nr-polar:k=64,n=128,link=downlink",
    "nr-polar:k=20,n=500,link=downlink",
)


@pytest.fixture(scope="module")
def sionna():
    return find_engine("sionna")


def random_bits(code, n_words: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2, (n_words, code.k), dtype=np.uint8)


def noisy_llr(code, bits: np.ndarray, ebn0_db: float) -> np.ndarray:
    noise_var = code.n / code.k / 10 ** (ebn0_db / 10)
    noise = np.sqrt(noise_var / 2) * np.random.default_rng(2).standard_normal((len(bits), code.n))
    return (4 * (1.0 - 2.0 * code.encode(bits) + noise) / noise_var).astype(np.float32)


def assert_same_decisions(sionna, spec: str, decoder: Decoder, ebn0_db: float, n_words: int = 130) -> None:
    """Equal words, but for those that single precision may turn; and neither all right nor all wrong."""
    code = find_code(spec)
    bits = random_bits(code, n_words)
    llr = noisy_llr(code, bits, ebn0_db)
    ours = find_engine("reference").decode(code, llr, decoder)
    theirs = sionna.decode(code, llr, decoder)
    wrong = (ours != bits).any(axis=1)
    assert 0.02 < wrong.mean() < 0.9
    assert (ours == theirs).all(axis=1).mean() >= 0.99
    assert theirs.dtype == np.uint8


@pytest.mark.parametrize("spec", POLAR)
def test_polar_words_are_sionnas(spec, sionna):
    from sionna.phy.fec.polar import Polar5GEncoder

    code = find_code(spec)
    bits = random_bits(code, 20)
    with contextlib.redirect_stdout(io.StringIO()):
        encoder = Polar5GEncoder(code.k, code.n, channel_type=code.link)
    np.testing.assert_array_equal(encoder(bits.astype(np.float32)).numpy(), code.encode(bits))


@pytest.mark.parametrize("spec", ["turbo:k=40", "turbo:k=256,rate=1/2"])
def test_turbo_words_are_sionnas(spec, sionna):
    import tensorflow as tf
    from sionna.phy.fec.turbo import TurboEncoder

    code = find_code(spec)
    bits = random_bits(code, 3)
    with contextlib.redirect_stdout(io.StringIO()):
        encoder = TurboEncoder(constraint_length=4, rate=float(code.design_rate), terminate=True)
        words = encoder(tf.constant(bits, tf.float32)).numpy()
    np.testing.assert_array_equal(words, code.encode(bits))


def test_convolutional_words_are_sionnas(sionna):
    import tensorflow as tf
    from sionna.phy.fec.conv import ConvEncoder

    code = find_code("conv:k=50")
    bits = random_bits(code, 10)
    encoder = ConvEncoder(gen_poly=("1011011", "1111001"), terminate=True)
    np.testing.assert_array_equal(encoder(tf.constant(bits, tf.float32)).numpy(), code.encode(bits))


@pytest.mark.parametrize(("spec", "ebn0_db"), [("conv:k=100", 2.0), ("conv:k=60,rate=3/4", 3.0)])
def test_viterbi_decides_as_sionna(spec, ebn0_db, sionna):
    assert_same_decisions(sionna, spec, Decoder(algorithm="viterbi"), ebn0_db)


@pytest.mark.parametrize(("spec", "ebn0_db"), [("turbo:k=40,rate=1/2", 2.0)])
def test_turbo_decoding_decides_as_sionna(spec, ebn0_db, sionna):
    assert_same_decisions(sionna, spec, Decoder(algorithm="bcjr", iterations=4), ebn0_db)


@pytest.mark.parametrize("spec", ["nr-polar:k=20,n=50"])
def test_successive_cancellation_decides_as_sionna(spec, sionna):
    assert_same_decisions(sionna, spec, Decoder(algorithm="successive-cancellation"), 3.0)


@pytest.mark.parametrize(
    "spec",
    [
        "nr-polar:k=32,n=64",
        "nr-polar:k=16,n=60,link=downlink",
        pytest.param("nr-polar:k=60,n=100", marks=pytest.mark.slow),
    ],
)
def test_list_decoding_decides_as_sionna(spec, sionna):
    assert_same_decisions(sionna, spec, Decoder(algorithm="sc-list", list_size=4), 2.5)


@pytest.mark.parametrize(
    ("spec", "decoder"),
    [
        ("conv:k=100", Decoder(algorithm="viterbi")),
        ("turbo:k=40,rate=1/2", Decoder(algorithm="bcjr", iterations=4)),
        ("nr-polar:k=20,n=50", Decoder(algorithm="successive-cancellation")),
        ("nr-polar:k=32,n=64", Decoder(algorithm="sc-list", list_size=4)),
    ],
)
@pytest.mark.parametrize("size", [0.0, 4e5])
def test_neither_certainty_nor_ignorance_overflows(spec, decoder, size, sionna):
    code = find_code(spec)
    bits = random_bits(code, 70)
    llr = (size * (1.0 - 2.0 * code.encode(bits))).astype(np.float32)
    for engine in (sionna, find_engine("reference")):
        decided = engine.decode(code, llr, decoder)
        assert decided.max() <= 1
        assert size == 0 or np.array_equal(decided, bits)


def test_a_decoder_of_another_family_is_told_in_a_line(sionna):
    code = find_code("conv:k=100")
    with pytest.raises(
        ValueError, match=r"^decoder: must be viterbi for 'conv:k=100', got 'bcjr'; leave it out"
    ):
        sionna.decode(code, np.zeros((1, code.n), np.float32), Decoder(algorithm="bcjr"))


def test_turbo_decoding_says_nothing_on_the_terminal():
    """oneDNN logs E0000 on a CPU without AVX-512 as the decoder is traced."""
    script = (
        "import numpy as np; from phy.engine import find_engine; from phy.fec import Decoder, find_code\n"
        "code = find_code('turbo:k=40'); llr = np.ones((1, code.n), np.float32)\n"
        "find_engine('sionna').decode(code, llr, Decoder(algorithm='bcjr', iterations=2))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
