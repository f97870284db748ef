"""Codes as values: their known answers, and the encoder against plain linear algebra."""

import copy

import numpy as np
import pytest

from phy.fec import CODES, QcLdpc, find_code, wigig

TABLES = wigig.load_tables()
RATES = list(TABLES["matrices"])


def eliminate(matrix: np.ndarray) -> tuple[np.ndarray, int]:
    """Reduced row echelon form over GF(2), and the rank."""
    a, rank = matrix.copy().astype(np.uint8), 0
    for column in range(a.shape[1]):
        pivots = np.flatnonzero(a[rank:, column])
        if pivots.size == 0:
            continue
        a[[rank, rank + pivots[0]]] = a[[rank + pivots[0], rank]]
        others = np.flatnonzero(a[:, column])
        a[others[others != rank]] ^= a[rank]
        rank += 1
        if rank == len(a):
            break
    return a, rank


@pytest.mark.parametrize("rate", RATES)
def test_every_code_has_the_dimensions_ranks_and_weights_of_its_table(rate):
    code, known = CODES[f"802.11ad-{rate}"], TABLES["verified"][rate]
    h = code.parity_check().astype(int)
    assert list(h.shape) == known["H"]
    assert code.k == known["K"]
    assert str(code.rate) == rate
    assert eliminate(h)[1] == known["rank"]
    assert eliminate(h[:, code.k :])[1] == known["rankHp"]
    assert h.sum() == known["edges"]
    assert h.sum(axis=0)[:: code.lifting].tolist() == known["col_weights"]
    assert h.sum(axis=1)[:: code.lifting].tolist() == known["row_weights"]
    overlap = h @ h.T
    assert np.max(overlap - np.diag(np.diag(overlap))) == known["max_row_overlap"]  # no cycle of length 4


@pytest.mark.parametrize("rate", RATES)
def test_the_known_codeword_is_the_encoders(rate):
    code = CODES[f"802.11ad-{rate}"]
    codeword = code.encode(wigig.scrambler_sequence(code.k))
    assert wigig.hex_of_bits(codeword[code.k :]) == TABLES["known_answer_test"]["parity"][rate]["parity_hex"]


@pytest.mark.parametrize("rate", RATES)
def test_encoding_solves_the_parity_equations_as_brute_force_does(rate):
    code = CODES[f"802.11ad-{rate}"]
    h = code.parity_check()
    bits = np.random.default_rng(7).integers(0, 2, (3, code.k), dtype=np.uint8)
    wanted = (h[:, : code.k].astype(int) @ bits.T.astype(int) % 2).astype(np.uint8)  # H_p p = H_i u
    solved, rank = eliminate(np.concatenate([h[:, code.k :], wanted], axis=1))
    assert rank == code.n - code.k
    np.testing.assert_array_equal(code.encode(bits)[:, code.k :], solved[:, code.n - code.k :].T)


def test_a_changed_shift_is_refused_when_the_table_is_loaded(monkeypatch):
    tampered = copy.deepcopy(TABLES)
    tampered["matrices"]["3/4"][2][5] ^= 1
    monkeypatch.setattr(wigig, "load_tables", lambda: tampered)
    with pytest.raises(ValueError, match=r"sha256 of rate 3/4 must be"):
        wigig.make(name="802.11ad-3/4")


def test_an_unknown_code_names_its_nearest():
    with pytest.raises(ValueError, match=r"got '802\.11ad-1/3'; did you mean '802\.11ad-1/2'\?"):
        find_code("802.11ad-1/3")


@pytest.mark.parametrize(
    ("prototype", "rule"),
    [
        (((0, 0),) * 2, "more columns than rows"),
        (((0, 5, 0),), "shifts must be"),
        (((0, 0, 0), (0, 0)), "more columns than rows"),
    ],
)
def test_a_prototype_that_cannot_be_encoded_is_refused(prototype, rule):
    with pytest.raises(ValueError, match=rule):
        QcLdpc(name="odd", prototype=prototype, lifting=4)


def test_information_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match=r"bits: last axis must be k = 336, got shape \(335,\)"):
        CODES["802.11ad-1/2"].encode(np.zeros(335, np.uint8))


def test_mcs_1_sends_its_bits_twice_the_second_time_scrambled():
    code, mother = find_code("802.11ad-mcs1"), find_code("802.11ad-1/2")
    assert (code.n, code.k, str(code.rate)) == (672, 168, "1/4")
    bits = np.random.default_rng(8).integers(0, 2, (3, 168), dtype=np.uint8)
    word = mother.encode(np.concatenate([bits, np.zeros_like(bits)], axis=1))
    again = bits ^ wigig.scrambler_sequence(168)
    np.testing.assert_array_equal(code.encode(bits), np.concatenate([bits, again, word[:, 336:]], axis=1))
    assert code.graph is not None
    assert code.graph.prototype == mother.prototype
    gathered = code.gather(np.where(code.encode(bits), -1.0, 1.0), 20.0)
    assert set(np.abs(gathered[:, :168]).ravel()) == {2.0}  # both copies agree
    assert (gathered[:, 168:336] == 20.0).all()


def test_rate_7_8_leaves_out_the_first_48_parity_bits_of_13_16():
    code, mother = find_code("802.11ad-7/8"), find_code("802.11ad-13/16")
    assert (code.n, code.k, str(code.rate)) == (624, 546, "7/8")
    bits = np.random.default_rng(9).integers(0, 2, (3, 546), dtype=np.uint8)
    word = mother.encode(bits)
    np.testing.assert_array_equal(code.encode(bits), np.concatenate([bits, word[:, 594:]], axis=1))
    gathered = code.gather(np.ones((1, 624), np.float32), 20.0)
    np.testing.assert_array_equal(np.flatnonzero(gathered[0] == 0), np.arange(546, 594))
