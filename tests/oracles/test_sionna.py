"""Sionna's chain against the float64 reference, and the engine's lanes against Sionna's own loop.

Soft outputs are compared where both clip alike. Tolerances: sum-product in double is limited by phi, which
loses e^clip in relative precision (2e-16 e^10 = 5e-12, 2e-16 e^20 = 1e-7, gathered over iterations); min-sum
only adds and compares (1e-12 in double, 1e-5 in single). Sum-product in single is compared by decisions.
"""

import numpy as np
import pytest

from phy.constellation import CONSTELLATIONS
from phy.engine import find_engine
from phy.fec import CODES, Decoder, reference
from phy.mapping import demap, map_bits

pytest.importorskip("tensorflow", reason="tensorflow is not installed")
from phy import sionna_blocks, sionna_engine

codes = pytest.mark.parametrize("code", CODES.values(), ids=CODES)
HARD_SNR_DB = {"802.11ad-1/2": -1.0, "802.11ad-5/8": 0.3, "802.11ad-3/4": 1.6, "802.11ad-13/16": 2.3}
"""Es/N0 of BPSK at which codewords end after very different numbers of iterations, and some never."""


def noisy(code, n_words: int, seed: int) -> np.ndarray:
    """LLRs float64 [n_words, n] of random codewords."""
    rng = np.random.default_rng(seed)
    words = code.encode(rng.integers(0, 2, (n_words, code.k), dtype=np.uint8))
    n0 = 10 ** (-HARD_SNR_DB[code.name] / 10)
    return 4 * (1 - 2.0 * words + np.sqrt(n0 / 2) * rng.standard_normal(words.shape)) / n0


@pytest.mark.parametrize(
    ("name", "algorithm", "clip", "precision", "tolerance"),
    [
        *((name, "sum-product", 10.0, "double", 1e-9) for name in CODES),
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


@codes
def test_single_precision_decides_as_the_reference_where_that_converges(code):
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
