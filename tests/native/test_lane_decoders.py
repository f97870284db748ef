"""The int8 and float32 decoders against the reference, and against measured error rates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from phy.chain import Chain, count
from phy.constellation import find_constellation
from phy.engine import find_engine
from phy.fec import CODES, Decoder, find_code, reference
from phy.fec.code import GraphCode, QcLdpc
from phy.fec.decoder import Quantisation
from phy.native import decode as native
from phy.native.graph import tables
from phy.native.passes import pass_limits

Q = Quantisation()
OFFSET = Decoder(algorithm="offset-min-sum", schedule="layered", quantisation=Q)
FIXED = [
    OFFSET,
    Decoder(algorithm="offset-min-sum", schedule="layered", quantisation=Q, stop="none", iterations=7),
    Decoder(algorithm="offset-min-sum", schedule="layered", quantisation=Q, iterations=0),
    Decoder(algorithm="min-sum", schedule="layered", quantisation=Quantisation(limit=127)),
    Decoder(
        algorithm="offset-min-sum",
        schedule="layered",
        offset=1.0,
        quantisation=Quantisation(steps=2, limit=126),
    ),
    Decoder(algorithm="normalised-min-sum", schedule="layered", quantisation=Q, scale=0.8125),
]
FLOATS = [
    Decoder(algorithm=algorithm, schedule=schedule, iterations=3, stop=stop)
    for algorithm in ("sum-product", "min-sum", "normalised-min-sum", "offset-min-sum")
    for schedule, stop in (("flooding", "syndrome"), ("layered", "syndrome"), ("layered", "none"))
]
DEGREES = QcLdpc(  # checks of degree 1 to 30, of which those above 22 are not unrolled
    name="many degrees",
    prototype=tuple(
        tuple((i * 7 + j) % 5 if j < d else -1 for j in range(34)) for i, d in enumerate((1, 2, 22, 23, 30))
    ),
    lifting=5,
)
GRAPHS = [code for code in CODES.values() if isinstance(code, GraphCode)]


def noisy(code: GraphCode, frames: int, deviation: float, seed: int = 0) -> np.ndarray:
    """LLRs float32 [frames, n] of random codewords as BPSK, at noise of that deviation."""
    rng = np.random.default_rng(seed)
    word = code.encode(rng.integers(0, 2, (frames, code.k), np.uint8))
    y = 1 - 2.0 * word + deviation * rng.standard_normal(word.shape)
    return (2 * y / deviation**2).astype(np.float32)


def fixed(code: GraphCode, llr: np.ndarray, decoder: Decoder, limits: list[int] | None = None):
    """Decisions on the whole mother word uint8 [B, N] and iterations [B] of mother LLRs."""
    groups = -(-len(llr) // 64)
    space = native.workspace(code, groups)
    space.fill(llr, decoder)
    passes = np.array(limits or [decoder.iterations], np.int64)
    native.run(code, decoder, space, groups, passes)
    bits = (space.hard[:, None, :] >> np.arange(64, dtype=np.uint64)[:, None]) & np.uint64(1)
    return bits.reshape(-1, code.mother_n)[: len(llr)].astype(np.uint8), space.done.reshape(-1)[: len(llr)]


@pytest.mark.parametrize("decoder", FIXED, ids=lambda d: d.spec)
@pytest.mark.parametrize("code", [find_code("802.11ad-1/2"), DEGREES], ids=lambda c: c.name)
def test_words_are_the_references_bit_by_bit(code, decoder):
    llr = noisy(code, 70, 0.75)
    bits, iterations = fixed(code, llr, decoder)
    want = reference.decode(code, llr, decoder)
    assert np.array_equal(bits, want.bits)
    assert np.array_equal(iterations, want.iterations)


def test_an_offset_beyond_a_word_takes_all():
    code, decoder = (
        DEGREES,
        Decoder(algorithm="offset-min-sum", schedule="layered", offset=64.0, quantisation=Quantisation()),
    )
    llr = noisy(code, 70, 0.75)
    assert np.array_equal(fixed(code, llr, decoder)[0], reference.decode(code, llr, decoder).bits)


@pytest.mark.parametrize("code", GRAPHS, ids=lambda c: c.name)
def test_every_code_of_a_graph_is_decoded_as_the_reference_does(code):
    """Punctured, repeated, shortened, turned over, general matrices: all through the sent LLRs."""
    llr = noisy(code, 5, 0.9 if code.rate < 0.55 else 0.55)
    engine = find_engine("native")
    for decoder in (OFFSET, Decoder(algorithm="sum-product", iterations=4, stop="none")):
        want = reference.decode(code, code.gather(llr, decoder.known), decoder).bits[:, code.info]
        assert np.array_equal(engine.decode(code, llr, decoder), want)


@settings(max_examples=15, deadline=None)
@given(
    frames=st.integers(1, 200),
    deviation=st.floats(0.6, 0.9),
    limits=st.lists(st.integers(1, 19), max_size=3, unique=True).map(lambda cuts: [*sorted(cuts), 20]),
)
def test_passes_change_nothing(frames, deviation, limits):
    code = find_code("802.11ad-3/4")
    llr = noisy(code, frames, deviation, seed=frames)
    bits, iterations = fixed(code, llr, OFFSET, limits)
    one_pass, took = fixed(code, llr, OFFSET)
    assert np.array_equal(bits, one_pass)
    assert np.array_equal(iterations, took)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 150), max_size=4).map(sorted))
def test_a_batch_can_be_cut_anywhere(cuts):
    code, engine = find_code("802.11ad-1/2"), find_engine("native")
    llr = noisy(code, 150, 0.8)
    parts = [llr[a:b] for a, b in zip([0, *cuts], [*cuts, 150], strict=True)]
    decided = np.concatenate([engine.decode(code, part, OFFSET) for part in parts])
    assert np.array_equal(decided, engine.decode(code, llr, OFFSET))


@pytest.mark.parametrize("decoder", FLOATS, ids=lambda d: f"{d.spec} {d.stop}")
def test_soft_outputs_are_the_references_to_1e_4(decoder):
    code = find_code("802.11ad-1/2")
    llr = noisy(code, 37, 0.79)
    got, want = native.soft_decode(code, llr, decoder), reference.decode(code, llr, decoder)
    assert np.array_equal(got.iterations, want.iterations)
    np.testing.assert_allclose(got.llr, want.llr, atol=1e-4)


def test_long_checks_do_not_overflow_in_sum_product():
    """A single parity check over 400 bits: denominators double with every edge."""
    check = QcLdpc(name="long check", prototype=((0,) * 400,), lifting=1)
    llr = np.random.default_rng(1).choice([-6.0, 6.0], (4, 400)).astype(np.float32)
    llr[1] *= 1e-3
    decoder = Decoder(algorithm="sum-product", iterations=1, stop="none")
    want = reference.decode(check, llr, decoder)
    np.testing.assert_allclose(native.soft_decode(check, llr, decoder).llr, want.llr, atol=1e-4)


def test_tables_hold_the_parity_check_matrix_twice():
    for code in (find_code("802.11n-648-1/2"), find_code("gallager:n=96,dv=2,dc=4,seed=7")):
        t, h = tables(code), code.parity_check()
        rows = [set(t.column[a:b] // 64) for a, b in zip(t.first[:-1], t.first[1:], strict=True)]
        assert rows == [set(np.flatnonzero(row)) for row in h]
        for i in range(len(h) // t.z):
            starts = t.start[t.circulant[i] : t.circulant[i + 1]].astype(np.int64)
            for r in range(t.z):
                place = starts + r
                bits = place // (2 * t.z) * t.z + place % (2 * t.z) % t.z
                assert set(bits) == rows[i * t.z + r]


def test_passes_cost_least_where_most_frames_end_early():
    early = np.repeat([3, 4, 5, 20], [50, 30, 15, 5])
    assert pass_limits(early, 20)[0] in (4, 5)
    assert pass_limits(np.full(100, 20), 20).tolist() == [20]
    assert pass_limits(early, 1).tolist() == [1]
    assert pass_limits(early, 0).tolist() == [0]


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        (Decoder(algorithm="offset-min-sum", quantisation=Q), "schedule layered"),
        (
            Decoder(
                algorithm="offset-min-sum", schedule="layered", quantisation=Quantisation(bits=6, limit=7)
            ),
            "8 bits",
        ),
        (Decoder(clip=None), "needs a limit"),
        (Decoder(algorithm="viterbi"), "must be sum-product"),
    ],
    ids=["flooding words", "other words", "no clip", "viterbi"],
)
def test_what_it_cannot_compute_it_refuses_in_one_line(decoder, message):
    code = find_code("802.11ad-1/2")
    with pytest.raises(ValueError, match=message) as refused:
        find_engine("native").decode(code, np.zeros((1, code.n), np.float32), decoder)
    assert "\n" not in str(refused.value)


def test_no_codewords_are_no_bits():
    code = find_code("802.11ad-1/2")
    for decoder in (OFFSET, Decoder()):
        assert find_engine("native").decode(code, np.empty((0, code.n), np.float32), decoder).shape == (
            0,
            code.k,
        )


RATES = [
    # Eb/N0 in dB, frame error rate of AFF3CT 3.0.2's layered offset min-sum: 802.11ad rate 1/2, BPSK,
    # at most 20 iterations; frames to count
    (1.5, 0.187, 40_000),
    (2.0, 0.0192, 60_000),
    pytest.param(2.5, 7.2e-4, 1_000_000, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("ebn0_db", "rate", "frames"), RATES)
def test_frame_error_rates_are_those_of_layered_offset_min_sum(ebn0_db, rate, frames):
    """The measured rates are given to three digits, of some 200 errors each: 15 % is two of their errors."""
    chain = Chain(code=find_code("802.11ad-1/2"), constellation=find_constellation("bpsk"), decoder=OFFSET)
    counts = count(chain, find_engine("native"), ebn0_db + 10 * np.log10(0.5), 11, range(frames))
    low, high = binomtest(counts.frame_errors, frames).proportion_ci(0.999)
    assert low < 1.15 * rate
    assert high > 0.85 * rate
