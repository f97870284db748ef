"""Our 5G NR codes against Sionna's: the same words, bit by bit, and the same decisions on the same LLRs."""

import numpy as np
import pytest

from phy.engine import find_engine
from phy.fec import Decoder, find_code
from phy.fec.nr import load_tables

pytest.importorskip("tensorflow", reason="tensorflow is not installed")
from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder

CASES = [
    # k, n, bg, qm: each lifting set, each choice of BG2's columns, filler, punctured and whole buffers
    (12, 60, None, None),
    (100, 200, None, 2),
    (192, 480, None, None),
    (193, 965, 2, None),
    (292, 876, None, 4),
    (293, 400, None, None),
    (560, 1120, None, 4),
    (561, 900, None, 6),
    (640, 3200, None, None),
    (641, 1284, None, 6),
    (1024, 1366, None, 2),
    (1500, 1800, 1, 8),
    (2600, 13000, None, None),
    (3824, 5712, None, 4),
    (3840, 4480, 2, None),
    (3825, 7650, None, 10),
    (4400, 5000, None, None),
    (5280, 15840, 1, None),
    (8448, 12672, None, 6),
    (1408, 2816, 1, 4),
    (1750, 2000, 1, None),
    (1120, 2000, 2, None),
    (880, 1760, 2, 2),
    (1200, 3000, 2, None),
]


@pytest.mark.parametrize(("k", "n", "bg", "qm"), CASES)
def test_codewords_are_sionnas(k, n, bg, qm):
    theirs = LDPC5GEncoder(k, n, num_bits_per_symbol=qm, bg=None if bg is None else f"bg{bg}")
    code = find_code(f"nr-ldpc:k={k},n={n}" + (f",bg={bg}" if bg else "") + (f",qm={qm}" if qm else ""))
    assert (code.k, code.n, code.lifting.z) == (k, n, theirs.z)
    bits = np.random.default_rng(k + n).integers(0, 2, (3, k), dtype=np.uint8)
    np.testing.assert_array_equal(code.encode(bits), theirs(bits.astype(np.float32)).numpy().astype(np.uint8))


def test_the_cases_reach_every_lifting_set_of_both_graphs():
    sets = load_tables()["lifting_sets"]
    codes = [find_code(f"nr-ldpc:k={k},n={n}" + (f",bg={bg}" if bg else "")) for k, n, bg, _ in CASES]
    reached = {(c.lifting.base_graph, i) for c in codes for i, s in enumerate(sets) if c.lifting.z in s}
    assert len(reached) == 16


@pytest.mark.parametrize(
    ("k", "n", "qm", "snr_db"), [(512, 1024, 1, -1.5), (1024, 1206, 6, 2.6), (100, 360, 4, -4.0)]
)
def test_decisions_are_those_of_sionnas_own_decoder_of_rate_matched_words(k, n, qm, snr_db):
    """Filler, puncturing, interleaving, rows left out; min-sum, which rounds alike in single and double."""
    code, rng = find_code(f"nr-ldpc:k={k},n={n},qm={qm}"), np.random.default_rng(n)
    bits = rng.integers(0, 2, (60, k), dtype=np.uint8)
    n0 = 10 ** (-snr_db / 10)
    y = 1 - 2.0 * code.encode(bits) + np.sqrt(n0 / 2) * rng.standard_normal((60, n))
    llr = (4 * y / n0).astype(np.float32)
    block = LDPC5GDecoder(LDPC5GEncoder(k, n, num_bits_per_symbol=qm), num_iter=15, cn_update="minsum")
    theirs = block(-llr).numpy().astype(np.uint8)
    decoder = Decoder(algorithm="min-sum", iterations=15, stop="none")
    ours = find_engine("reference").decode(code, llr, decoder)
    wrong = np.any(theirs != bits, axis=1).mean()
    assert 0.05 < wrong < 0.95  # easy and hopeless words both
    np.testing.assert_array_equal(ours, theirs)
