"""Sionna's chain against the float64 reference, and the engine's lanes against Sionna's own loop.

Soft outputs are compared where both clip alike. Tolerances: sum-product in double is limited by phi, which
loses e^clip in relative precision (2e-16 e^10 = 5e-12, 2e-16 e^20 = 1e-7, gathered over iterations); min-sum
only adds and compares (1e-12 in double, 1e-5 in single). Sum-product in single is compared by decisions.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from phy.constellation import CONSTELLATIONS
from phy.engine import find_engine
from phy.fec import CODES, Decoder, GraphCode, reference
from phy.fec.decoder_spec import parse_decoder
from phy.mapping import demap, map_bits

pytest.importorskip("tensorflow", reason="tensorflow is not installed")
from phy import sionna_blocks, sionna_engine


@dataclass(frozen=True, kw_only=True)
class AnyMatrix(GraphCode):
    """A graph to decode on, and no more."""

    matrix: tuple[tuple[int, ...], ...]
    n = property(lambda self: len(self.matrix[0]))
    k = property(lambda self: len(self.matrix[0]) - len(self.matrix))

    def mother_word(self, bits):
        raise NotImplementedError

    def parity_check(self):
        return np.array(self.matrix, np.uint8)


HARD_SNR_DB = {
    "802.11ad-1/2": -1.0,
    "802.11ad-3/4": 1.6,
    "802.11ad-7/8": 3.4,
    "802.11ad-mcs1": -4.2,
    "802.11n-648-1/2": -1.0,
    "802.11n-648-5/6": 2.6,
    "nr-ldpc:k=40,rate=1/3": -1.5,
    "nr-ldpc:k=500,rate=0.6,qm=4": 0.2,
}
"""Es/N0 of BPSK at which codewords end after very different numbers of iterations, and some never: plain
codes, one punctured, one repeated and turned, one with filler bits."""


def noisy(code, n_words: int, seed: int, known: float = 20.0) -> np.ndarray:
    """Mother LLRs float64 [n_words, N] of random codewords."""
    rng = np.random.default_rng(seed)
    words = code.encode(rng.integers(0, 2, (n_words, code.k), dtype=np.uint8))
    n0 = 10 ** (-HARD_SNR_DB[code.name] / 10)
    llr = 4 * (1 - 2.0 * words + np.sqrt(n0 / 2) * rng.standard_normal(words.shape)) / n0
    return code.gather(llr, known)


@pytest.mark.parametrize(
    ("name", "algorithm", "clip", "precision", "tolerance"),
    [
        pytest.param("802.11ad-1/2", "sum-product", 10.0, "double", 1e-9, marks=pytest.mark.slow),
        pytest.param("802.11ad-7/8", "sum-product", 10.0, "double", 1e-9, marks=pytest.mark.slow),
        ("802.11ad-mcs1", "sum-product", 10.0, "double", 1e-9),
        ("802.11ad-3/4", "sum-product", 20.0, "double", 1e-6),
        ("802.11ad-3/4", "min-sum", 20.0, "single", 2e-5),
        ("802.11ad-3/4", "min-sum", 20.0, "double", 1e-12),
        ("802.11ad-3/4", "offset-min-sum", 20.0, "double", 1e-12),
    ],
)
def test_soft_outputs_agree_with_the_reference(name, algorithm, clip, precision, tolerance):
    code = CODES[name]
    llr = noisy(code, 20, seed=1).astype(np.float32)
    decoder = Decoder(algorithm=algorithm, iterations=5, stop="none", clip=clip)
    tf = sionna_blocks.tf
    tf.config.run_functions_eagerly(
        tolerance == 1e-12
    )  # Sionna's min-sum in double has a float32 literal in graphs
    try:
        got = sionna_engine.soft_decode(code, llr, decoder, precision).llr
    finally:
        tf.config.run_functions_eagerly(False)
    np.testing.assert_allclose(got, reference.decode(code, llr, decoder).llr, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", ["802.11ad-3/4", "nr-ldpc:k=500,rate=0.6,qm=4"])
def test_single_precision_decides_as_the_reference_where_that_converges(name):
    code = CODES[name]
    llr = noisy(code, 150, seed=2).astype(np.float32)
    decoder = Decoder(iterations=20)
    ours, theirs = reference.decode(code, llr, decoder), sionna_engine.soft_decode(code, llr, decoder)
    both = (ours.iterations < 20) & (theirs.iterations < 20)
    assert both.sum() >= 75
    assert np.mean(ours.iterations != theirs.iterations) <= 0.02  # one rounding may move a late convergence
    np.testing.assert_array_equal(theirs.bits[both], ours.bits[both])


def test_lanes_give_what_sionnas_own_loop_gives():
    """Early stopping, refilled lanes and chunks of iterations change no decision."""
    code, iterations = CODES["802.11ad-1/2"], 20
    llr = noisy(code, 150, seed=3).astype(np.float32)
    tf = sionna_blocks.tf
    block = sionna_blocks.LDPCBPDecoder(
        code.parity_check().copy(), cn_update="boxplus-phi", hard_out=False, num_iter=iterations, llr_max=20.0
    )
    whole = -tf.function(block, jit_compile=True)(tf.constant(-llr)).numpy()
    lanes = sionna_engine.soft_decode(code, llr, Decoder(iterations=iterations, stop="none"))
    np.testing.assert_array_equal(lanes.llr < 0, whole < 0)
    stopped = sionna_engine.soft_decode(code, llr, Decoder(iterations=iterations))
    assert np.unique(stopped.iterations).size > 5
    np.testing.assert_array_equal(stopped.llr < 0, whole < 0)


@pytest.mark.parametrize(
    ("name", "spec", "precision", "tolerance"),
    [
        pytest.param("802.11n-648-5/6", "layered-sum-product", "double", 1e-12, marks=pytest.mark.slow),
        ("802.11ad-7/8", "layered-normalised-min-sum:scale=0.8", "single", 2e-5),
        ("nr-ldpc:k=40,rate=1/3", "layered-min-sum", "double", 1e-12),
        ("802.11ad-mcs1", "offset-min-sum:offset=0.25", "double", 1e-12),
        ("802.11n-648-1/2", "normalised-min-sum:clip=none", "single", 1e-4),
    ],
)
def test_what_sionna_lacks_agrees_with_the_reference(name, spec, precision, tolerance):
    """No phi here: checks only add, compare and take boxplus, so rounding is all there is.

    Layered offset min-sum is in `test_layers_stop_and_refill_lanes_as_the_reference_does`.
    """
    code, decoder = CODES[name], replace(parse_decoder(spec), iterations=5, stop="none")
    llr = noisy(code, 70, seed=10, known=decoder.known if decoder.clip else 40.0).astype(np.float32)
    assert not sionna_engine.sionnas_own(decoder)
    got = sionna_engine.soft_decode(code, llr, decoder, precision).llr
    np.testing.assert_allclose(got, reference.decode(code, llr, decoder).llr, rtol=0, atol=tolerance)


def test_a_matrix_without_structure_is_decoded_in_layers():
    """Checks of one bit and of many, and a bit that is in no check."""
    rng = np.random.default_rng(11)
    h = (rng.random((4, 14)) < 0.35).astype(np.uint8)
    h[2], h[:, 5] = 0, 0
    h[2, 7] = 1
    code = AnyMatrix(name="random", matrix=tuple(map(tuple, h.tolist())))
    llr = rng.normal(1.0, 3.0, (5, 14)).astype(np.float32)
    for spec in ("layered-sum-product", "normalised-min-sum"):
        decoder = replace(parse_decoder(spec), stop="none")
        got = sionna_engine.soft_decode(code, llr, decoder, "double").llr
        np.testing.assert_allclose(got, reference.decode(code, llr, decoder).llr, rtol=0, atol=1e-11)


def test_layers_stop_and_refill_lanes_as_the_reference_does():
    code, decoder = CODES["802.11ad-3/4"], parse_decoder("layered-offset-min-sum")
    llr = noisy(code, 200, seed=12).astype(np.float32)
    ours = reference.decode(code, llr, decoder)
    theirs = sionna_engine.soft_decode(code, llr, decoder, "double")
    assert np.unique(ours.iterations).size > 5
    np.testing.assert_array_equal(theirs.iterations, ours.iterations)
    np.testing.assert_allclose(theirs.llr, ours.llr, rtol=0, atol=1e-11)


def test_a_codewords_result_does_not_depend_on_the_others():
    code = CODES["802.11ad-3/4"]
    llr = noisy(code, 100, seed=4).astype(np.float32)
    together = sionna_engine.soft_decode(code, llr, Decoder())
    order = np.random.default_rng(5).permutation(100)
    shuffled = sionna_engine.soft_decode(code, llr[order], Decoder())
    np.testing.assert_array_equal(shuffled.llr, together.llr[order])
    np.testing.assert_array_equal(shuffled.iterations, together.iterations[order])
    alone = sionna_engine.soft_decode(code, llr[:1], Decoder())
    np.testing.assert_array_equal(alone.llr, together.llr[:1])


@pytest.mark.parametrize("name", ["bpsk", "qpsk", "16qam", "64qam", "64qam@5g", "8psk", "32apsk:rate=3/4"])
@pytest.mark.parametrize("method", ["exact", "max-log"])
def test_the_demapper_in_double_agrees_to_rounding(name, method):
    constellation, n = CONSTELLATIONS[name], 500
    rng = np.random.default_rng(6)
    bits = rng.integers(0, 2, n * constellation.bits_per_symbol, dtype=np.uint8)
    noise_var = rng.uniform(0.05, 1.0, n)
    y = map_bits(constellation, bits) + 0.3 * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
    got = sionna_blocks.demapper(constellation, method, n, "double")(y, noise_var).numpy()
    np.testing.assert_allclose(got, demap(constellation, y, noise_var, method), rtol=0, atol=1e-9)


def test_the_mapper_agrees_with_sionnas_own_16qam_up_to_labels():
    theirs = sionna_blocks.sionna_mapping.Constellation("qam", 4)().numpy()
    ours = CONSTELLATIONS["16qam"].points
    np.testing.assert_allclose(np.sort_complex(theirs.round(5)), np.sort_complex(ours.round(5)), atol=2e-5)


@pytest.mark.parametrize("m", [2, 4, 6, 8, 10])
def test_5g_points_are_sionnas_own(m):
    theirs = sionna_blocks.sionna_mapping.qam(m, normalize=True, precision="double")
    name = "qpsk@5g" if m == 2 else f"{1 << m}qam@5g"
    np.testing.assert_allclose(CONSTELLATIONS[name].points, theirs, rtol=0, atol=1e-12)


def test_tiles_and_lanes_of_one_shape_serve_every_length():
    engine, code, qpsk = find_engine("sionna"), CODES["802.11ad-1/2"], CONSTELLATIONS["qpsk"]
    run = sionna_blocks.demapper(qpsk, "exact", sionna_engine.TILE)
    for n_words in (1, 2, 65):
        bits = np.random.default_rng(n_words).integers(0, 2, (n_words, code.k), dtype=np.uint8)
        symbols = engine.map(qpsk, engine.encode(code, bits))
        llr = engine.demap(qpsk, symbols, np.full(symbols.shape, 0.1, np.float32), "exact")
        np.testing.assert_array_equal(engine.decode(code, llr, Decoder()), bits)
    assert run.experimental_get_tracing_count() == 1


def test_no_iterations_leave_the_clipped_channel_values():
    code = CODES["802.11ad-1/2"]
    llr = 3 * noisy(code, 70, seed=7).astype(np.float32)
    decoded = sionna_engine.soft_decode(code, llr, Decoder(iterations=0))
    np.testing.assert_array_equal(decoded.llr, np.clip(llr, -20, 20))
    assert not decoded.iterations.any()


def test_a_decoder_without_a_clip_is_refused():
    with pytest.raises(ValueError, match=r"decoder\.clip: the sionna engine needs a limit, got None"):
        find_engine("sionna").decode(
            CODES["802.11ad-1/2"], np.zeros((1, 672), np.float32), Decoder(clip=None)
        )


def test_words_are_refused_with_the_engines_that_have_them():
    code = CODES["802.11ad-1/2"]
    with pytest.raises(
        ValueError, match=r"decoder\.quantisation: .*quantisation=8; engine: native or reference"
    ):
        find_engine("sionna").decode(
            code, np.zeros((1, code.n), np.float32), parse_decoder("min-sum:quantisation=8")
        )
