"""802.11n's codes: their tables, their known answers, and their encoder against elimination and Sionna."""

import copy

import numpy as np
import pytest

from phy.fec import find_code, wifi
from phy.fec.elimination import systematic

TABLES = wifi.load_tables()
sizes = pytest.mark.parametrize("size", wifi.SIZES)


@sizes
def test_the_parity_part_is_the_standards_dual_diagonal(size):
    prototype = np.array(TABLES["codes"][size]["prototype"])
    rows, columns = prototype.shape
    assert columns == TABLES["block_columns"]
    parity = prototype[:, columns - rows :]
    first = parity[:, 0]
    assert first[0] == first[-1] != -1
    assert np.sum(first >= 0) == 3
    for j in range(1, rows):
        assert np.flatnonzero(parity[:, j] >= 0).tolist() == [j - 1, j]
        assert parity[j - 1, j] == parity[j, j] == 0


WITH_FOUR_CYCLES = {"648-3/4", "1296-2/3", "1944-2/3"}


@sizes
def test_every_code_has_the_rate_of_its_name_and_the_girth_of_its_table(size):
    code = find_code(f"802.11n-{size}")
    n, rate = size.split("-")
    assert code.n == int(n)
    assert str(code.rate) == rate
    h = code.parity_check().astype(np.float32)
    overlap = h @ h.T
    np.fill_diagonal(overlap, 0)
    assert overlap.max() == (2 if size in WITH_FOUR_CYCLES else 1)


@pytest.mark.parametrize("size", ["648-1/2", "648-5/6", "1296-2/3"])
def test_the_encoder_solves_the_parity_equations_as_elimination_does(size):
    code = find_code(f"802.11n-{size}")
    bits = np.random.default_rng(1).integers(0, 2, (3, code.k), dtype=np.uint8)
    solved = systematic(code.parity_check())
    np.testing.assert_array_equal(solved.info, code.info)
    np.testing.assert_array_equal(solved.words(bits), code.encode(bits))


def test_a_changed_shift_is_refused_when_the_code_is_made(monkeypatch):
    tampered = copy.deepcopy(TABLES)
    tampered["codes"]["1296-3/4"]["prototype"][2][5] ^= 1
    monkeypatch.setattr(wifi, "load_tables", lambda: tampered)
    with pytest.raises(ValueError, match=r"ieee80211n\.json: sha256 of 1296-3/4 must be"):
        wifi._make.__wrapped__("1296-3/4")


@pytest.mark.parametrize("standard", ["802.11ac", "802.11ax"])
def test_later_standards_name_the_same_codes(standard):
    assert find_code(f"{standard}-1944-5/6") is find_code("802.11n-1944-5/6")


def test_sionnas_own_648_is_the_same_matrix():
    pytest.importorskip("tensorflow", reason="tensorflow is not installed")
    from sionna.phy.fec.utils import load_parity_check_examples

    theirs, k, n, _ = load_parity_check_examples(4)
    assert (k, n) == (324, 648)
    np.testing.assert_array_equal(find_code("802.11n-648-1/2").parity_check(), theirs)
