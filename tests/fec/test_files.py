"""The user's own codes from files, Gallager's, and the general encoder."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phy.engine import find_engine
from phy.fec import Decoder, QcLdpc, find_code
from phy.fec.elimination import systematic
from phy.fec.matrix import MatrixCode, make_gallager

DATA = Path(__file__).parent / "data"
HAMMING = [[1, 0, 1, 0, 1, 0, 1], [0, 1, 1, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1, 1]]
SLOW = settings(
    deadline=10_000,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def alist_of(h: np.ndarray, fill_bits: bool = True, fill_checks: bool = True) -> str:
    """MacKay's format of a matrix, lists filled up with 0 or not."""
    bits = [(np.flatnonzero(column) + 1).tolist() for column in h.T]
    checks = [(np.flatnonzero(row) + 1).tolist() for row in h]
    widest = [max(map(len, each)) for each in (bits, checks)]

    def lines(rows, width, fill):
        return [" ".join(map(str, row + [0] * ((width - len(row)) * fill))) for row in rows]

    head = [f"{h.shape[1]} {h.shape[0]}", f"{widest[0]} {widest[1]}"]
    head += [" ".join(str(len(row)) for row in each) for each in (bits, checks)]
    return "\n".join(head + lines(bits, widest[0], fill_bits) + lines(checks, widest[1], fill_checks)) + "\n"


def works(code) -> None:
    """Encodes words of its matrix, and decodes them where there is no noise."""
    bits = np.random.default_rng(1).integers(0, 2, (4, code.k), dtype=np.uint8)
    word = code.mother_word(bits)
    assert not np.any(code.parity_check().astype(int) @ word.T % 2)
    np.testing.assert_array_equal(word[:, code.info], bits)
    llr = (10 * (1 - 2.0 * code.encode(bits))).astype(np.float32)
    decoded = find_engine("reference").decode(code, llr, Decoder(iterations=3))
    assert decoded.shape == bits.shape
    if np.unique(code.sent).size == code.mother_n:
        np.testing.assert_array_equal(decoded, bits)


@pytest.mark.parametrize("fill_bits", [True, False])
@pytest.mark.parametrize("fill_checks", [True, False])
def test_an_alist_may_be_filled_up_with_zeros_or_not(tmp_path, fill_bits, fill_checks):
    h = np.array([*HAMMING, [1, 1, 0, 1, 0, 0, 0]], np.uint8)
    file = tmp_path / "hamming, filled or not=1.alist"
    file.write_text(alist_of(h, fill_bits, fill_checks))
    code = find_code(f"alist:{file}")
    assert (code.n, code.k) == (7, 3)
    np.testing.assert_array_equal(code.parity_check(), h)
    works(code)


def test_dependent_checks_count_once(tmp_path):
    h = np.array([*HAMMING, np.bitwise_xor(HAMMING[0], HAMMING[1])], np.uint8)
    (tmp_path / "h").write_text(alist_of(h))
    code = find_code(f"alist:{tmp_path / 'h'}")
    assert code.k == 4
    works(code)


def test_a_file_is_read_again_when_it_changed(tmp_path):
    file = tmp_path / "code"
    file.write_text(alist_of(np.array(HAMMING, np.uint8)))
    first = find_code(f"alist:{file}")
    assert find_code(f"alist:{file}") is first
    file.write_text(alist_of(np.array(HAMMING[:2], np.uint8)[:, :3]))
    assert find_code(f"alist:{file}").n == 3


def test_a_users_wimax_code_is_encoded_by_shifts_and_decoded():
    code = find_code(f"qc:{DATA / '80216e_576_1_2.json'}")
    assert (code.n, code.k, len(code.steps)) == (576, 288, 12)
    bits = np.random.default_rng(2).integers(0, 2, (3, code.k), dtype=np.uint8)
    np.testing.assert_array_equal(systematic(code.parity_check()).words(bits), code.encode(bits))
    words = code.encode(bits)
    llr = 4 * (1 - 2.0 * words + np.sqrt(0.2) * np.random.default_rng(3).standard_normal(words.shape)) / 0.4
    decoded = find_engine("reference").decode(code, llr.astype(np.float32), Decoder())
    np.testing.assert_array_equal(decoded, bits)


def test_a_table_in_text_is_lifted_by_its_header_or_by_the_word(tmp_path):
    big = find_code(f"qc:{DATA / '80216e_2304_1_2.csv'}")
    assert (big.n, big.k, big.lifting) == (2304, 1152, 96)
    rows = "\n".join(" ".join(map(str, row)) for row in big.prototype)
    for head, word in (("", ",lifting=96"), ("lifting = 96\n", ""), ("24 12 96\n", "")):
        file = tmp_path / "table.qc"
        file.write_text(head + rows.replace("-1", "."))
        assert find_code(f"qc:{file}{word}").prototype == big.prototype


def test_punctured_columns_are_not_sent(tmp_path):
    table = json.loads((DATA / "80216e_576_1_2.json").read_text()) | {"punctured": [0, 23]}
    (tmp_path / "p.json").write_text(json.dumps(table))
    code = find_code(f"qc:{tmp_path / 'p.json'}")
    assert (code.n, code.k, code.mother_n) == (528, 288, 576)
    assert code.graph.prototype == find_code(f"qc:{DATA / '80216e_576_1_2.json'}").prototype
    bits = np.random.default_rng(4).integers(0, 2, (3, 288), dtype=np.uint8)
    np.testing.assert_array_equal(code.encode(bits), code.graph.encode(bits)[:, 24:552])
    llr = (10 * (1 - 2.0 * code.encode(bits))).astype(np.float32)
    np.testing.assert_array_equal(find_engine("reference").decode(code, llr, Decoder()), bits)


@pytest.mark.parametrize(
    ("prototype", "lifting", "k"),
    [
        (((0, 0, 1, -1), (0, 1, 0, 0), (0, -1, 1, 0)), 5, 5),  # regular, but its determinant is 1 + P + P^2
        (((0, 1, 2, 0), (1, 0, 0, 0)), 3, 7),  # both rows of blocks add up to the sum of all bits
        (((0, 0, 0, 0), (0, 0, 0, 0)), 3, 9),  # the same row twice
        (((0, 0, -1, -1), (-1, -1, 0, 0)), 4, 8),  # the parity part alone is singular
    ],
)
def test_a_prototype_without_a_convenient_parity_part_is_eliminated(prototype, lifting, k):
    code = QcLdpc(name="odd", prototype=prototype, lifting=lifting)
    assert code.steps is None
    assert code.k == k
    works(code)


@pytest.mark.parametrize(("n", "dv", "dc", "seed"), [(96, 3, 6, 0), (600, 3, 6, 5), (60, 2, 5, 1)])
def test_gallagers_codes_are_regular_and_pyldpcs(n, dv, dc, seed):
    code = find_code(f"gallager:n={n},dv={dv},dc={dc},seed={seed}")
    h = code.parity_check()
    assert h.shape == (n * dv // dc, n)
    assert (h.sum(axis=0) == dv).all()
    assert (h.sum(axis=1) == dc).all()
    assert code.k >= n - len(h) + dv - 1
    works(code)
    pyldpc = pytest.importorskip("pyldpc", reason="pyldpc is not installed")
    np.testing.assert_array_equal(h, pyldpc.parity_check_matrix(n, dv, dc, np.random.RandomState(seed)))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("gallager:n=601,dv=3,dc=6", "n: must be a multiple of dc = 6 up to 20000, got 601; take 600"),
        ("gallager:n=600,dv=6,dc=6", "dv, dc: must be 2 <= dv < dc, got 6 and 6"),
        ("gallager:n=600,dv=3,dc=6,seed=-1", "seed: must be >= 0, got -1"),
        ("gallager:n=19998,dv=3,dc=6", "small enough to eliminate .*got 9999 x 19998"),
    ],
)
def test_a_regular_code_that_cannot_be_is_refused(word, said):
    with pytest.raises(ValueError, match=said):
        find_code(word)


def test_drawing_a_code_leaves_numpys_global_generator_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (what must not move)
    make_gallager(name="fresh", n=48, dv=3, dc=4, seed=11)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "alist: must tell N, M"),
        ("7 3\n3 4\n1 1 2", "a degree for every bit"),
        ("7 x", "whole numbers alone, got 'x'"),
        ("7 -3", "whole numbers alone, got '-3'"),
        ("999999999 3 1 1", "2 <= N <= 20000"),
        ("20000 20000 3 3", "small enough to eliminate .*got 20000 x 20000"),
        ("2 1\n1 2\n1 1\n3\n", "degree of 0..2|as many ones"),
        ("2 1\n1 2\n0 2\n2\n", "every bit must have a degree of 1..1"),
        ("2 1\n1 2\n1 1\n2\n1\n1\n1", "must list 2 ones"),
        ("2 1\n1 2\n1 1\n2\n1\n1\n1 1", "must list the same ones"),
        ("2 1\n1 2\n1 1\n2\n1\n9\n1 2", "must list the same ones by bits and by checks, got check 1, bit 2"),
        ("2 2\n2 2\n2 2\n2 2\n1 2\n1 2\n1 2\n1 2", None),
        ("2 2\n2 2\n2 1\n1 2\n1 2\n2 0\n1 0\n1 2", "rank below n = 2"),
    ],
)
def test_an_alist_that_is_none_is_refused_in_a_line(tmp_path, text, said):
    (tmp_path / "a").write_text(text)
    if said is None:
        assert find_code(f"alist:{tmp_path / 'a'}").k == 1
        return
    with pytest.raises(ValueError, match=said) as refused:
        find_code(f"alist:{tmp_path / 'a'}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "more columns than rows.*0 rows of no columns|lifting: must be told"),
        ("lifting=3\n0 1\n", None),
        ("0 1\n", "lifting: must be told"),
        ("lifting=3\n0 1 2\n0 1\n", "2 rows of 2 or 3 columns"),
        ("lifting=3\n0 3\n", "shifts must be -1 or 0..2, got 3"),
        ("lifting=3\n0 -2\n", "shifts must be -1 or 0..2, got -2"),
        ("lifting=3\n0 -1\n", "columns must not be empty, got column 1"),
        ("lifting=0\n0 0\n", "lifting: must be 1..100000"),
        ("lifting=200000\n0 0\n", "lifting: must be 1..100000"),
        ("lifting=3\nlifting=3\n0 0\n", "line 2: must be shifts, lifting=Z or punctured"),
        ("lift=3\n0 0\n", "line 1: must be shifts"),
        ("lifting=3 4\n0 0\n", "line 1: must be lifting=Z"),
        ("lifting=9000\n0 0 1 -\n0 1 0 0\n0 - 1 0", "small enough to eliminate .*got 27000 x 36000"),
        ("lifting=3\n0 zero\n", "line 2: must be whole numbers, got 'zero'"),
        ("lifting=3\npunctured=2\n0 0\n", "punctured: must be block columns 0..1, got 2"),
        ("lifting=3\npunctured=0\n0 0\n", "punctured: must leave more than k = 3 bits, got 3"),
        ("{", "must be JSON"),
        ("[" * 100_000, "must be JSON"),
        ("[]", "must be an object of .*got a list"),
        ("{}", "must be an object"),
        ('{"prototype": 3}', "lists of whole numbers, got '3'"),
        ('{"prototype": [3]}', "lists of whole numbers, got '3'"),
        ('{"prototype": [[true, 0]], "lifting": 3}', "lists of whole numbers, got 'True'"),
        ('{"prototype": [[NaN, 0]], "lifting": 3}', "lists of whole numbers, got 'nan'"),
        ('{"prototype": [[0, 0]], "lifting": 2.5}', "lifting: must be a whole number"),
        ('{"prototype": [[0, 0]], "lifting": 3, "puncture": [1]}', "must be an object of .*'puncture'"),
        ('{"prototype": [[0, 0]], "lifting": 3, "punctured": [[1]]}', "lists of whole numbers"),
    ],
)
def test_a_prototype_that_is_none_is_refused_in_a_line(tmp_path, text, said):
    (tmp_path / "q").write_text(text)
    if said is None:
        works(find_code(f"qc:{tmp_path / 'q'}"))
        return
    with pytest.raises(ValueError, match=said) as refused:
        find_code(f"qc:{tmp_path / 'q'}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "word", ["alist:/dev/zero", "alist:/", "qc:nowhere.json", "qc:\0", "alist:~nobody-here/x"]
)
def test_what_is_no_file_is_refused(word):
    with pytest.raises(ValueError, match="path: must be"):
        find_code(word)


def test_binary_and_vast_files_are_refused(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="path: must be a text file"):
        find_code(f"alist:{tmp_path / 'binary'}")
    with (tmp_path / "vast").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ValueError, match="at most 16 MiB"):
        find_code(f"qc:{tmp_path / 'vast'}")


def refused_or_working(word: str) -> None:
    said, code = "", None
    try:
        code = find_code(word)
    except ValueError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 1000
    if code is not None:
        works(code)


@SLOW
@given(data=st.data())
def test_a_mangled_alist_is_refused_or_works(tmp_path, data):
    h = np.random.default_rng(data.draw(st.integers(0, 50))).integers(0, 2, (4, 9), dtype=np.uint8)
    h[0] |= h.sum(axis=0) == 0
    words = alist_of(h).split()
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(words) - 1))
        edit = data.draw(
            st.sampled_from(["0", "1", "2", "9", "10", "99999999999", "-1", "1.5", "é", "drop", "double"])
        )
        words[at : at + 1] = {"drop": [], "double": [words[at]] * 2}.get(edit, [edit])
    (tmp_path / "mangled").write_text(" ".join(words))
    refused_or_working(f"alist:{tmp_path / 'mangled'}")


@SLOW
@given(
    rows=st.lists(st.lists(st.integers(-2, 7), min_size=0, max_size=6), max_size=4),
    lifting=st.one_of(st.none(), st.integers(-1, 9), st.just(10**9)),
    punctured=st.lists(st.integers(-1, 6), max_size=2),
)
def test_any_table_of_shifts_is_refused_or_works(tmp_path, rows, lifting, punctured):
    table = {"prototype": rows, "punctured": punctured} | ({} if lifting is None else {"lifting": lifting})
    (tmp_path / "table.json").write_text(json.dumps(table))
    refused_or_working(f"qc:{tmp_path / 'table.json'}")


@SLOW
@given(rows=st.integers(1, 4), columns=st.integers(2, 9), lifting=st.integers(1, 9), data=st.data())
def test_every_full_table_is_encoded_whatever_its_structure(rows, columns, lifting, data):
    columns = max(columns, rows + 1)
    shift = st.integers(-1, lifting - 1)
    table = data.draw(st.lists(st.tuples(*[shift] * columns), min_size=rows, max_size=rows))
    table[0] = tuple(max(s, 0) for s in table[0])
    code = QcLdpc(name="drawn", prototype=tuple(table), lifting=lifting)
    assert code.k == systematic(code.parity_check()).info.size
    if code.steps is not None:
        assert code.info.tolist() == list(range(code.k))
    works(code)


@SLOW
@given(text=st.text(max_size=60))
def test_any_text_is_refused_or_works(tmp_path, text):
    (tmp_path / "text").write_text(text, encoding="utf-8", errors="replace")
    refused_or_working(f"alist:{tmp_path / 'text'}")
    refused_or_working(f"qc:{tmp_path / 'text'}")


@SLOW
@given(
    h=st.integers(1, 6).flatmap(
        lambda m: st.lists(st.lists(st.booleans(), min_size=8, max_size=8), min_size=m, max_size=m)
    )
)
def test_elimination_finds_every_word_of_any_matrix(h):
    h = np.array(h, np.uint8)
    words = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(np.uint8)
    inside = words[~np.any(words.astype(int) @ h.T % 2, axis=1)]
    solved = systematic(h)
    assert len(inside) == 2**solved.info.size
    bits = (np.arange(len(inside))[:, None] >> np.arange(solved.info.size) & 1).astype(np.uint8)
    ours = {tuple(word) for word in solved.words(bits).tolist()}
    assert ours == {tuple(word) for word in inside.tolist()}


def test_a_code_of_the_users_hashes_by_its_name():
    checks = tuple(tuple(np.flatnonzero(row).tolist()) for row in HAMMING)
    one, other = (MatrixCode(name="Hamming", length=7, checks=checks) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != MatrixCode(name="Hamming", length=8, checks=checks)
