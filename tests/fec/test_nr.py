"""5G NR's codes: choices of the standard by its own words, rate matching bit by bit, several code blocks."""

from fractions import Fraction

import numpy as np
import pytest

from phy.crc import CRCS
from phy.engine import find_engine
from phy.fec import Decoder, find_code, nr
from phy.fec.segmented import Segmented

TABLES = nr.load_tables()


def whole_word(code: nr.NrLdpc, bits: np.ndarray) -> np.ndarray:
    """All 68 Z or 52 Z bits of the lifted code: the graph with every extension row."""
    rows = {1: 46, 2: 42}[code.lifting.base_graph]
    filler = np.zeros((*bits.shape[:-1], code.lifting.info_bits - code.k), np.uint8)
    return code.lifting.graph(tuple(range(4, rows))).encode(np.concatenate([bits, filler], axis=-1))


@pytest.mark.parametrize(
    ("k", "rate", "graph"),
    [
        (292, "0.9", 2),
        (293, "0.68", 1),
        (293, "0.67", 2),
        (3824, "0.67", 2),
        (3825, "0.67", 1),
        (9000, "0.25", 2),
        (9000, "0.26", 1),
    ],
)
def test_the_base_graph_follows_length_and_rate(k, rate, graph):
    assert nr.choose_base_graph(k, Fraction(rate)) == graph


@pytest.mark.parametrize(
    ("k", "graph", "z"),
    [
        *((12, 2, 2), (192, 2, 32), (193, 2, 26), (560, 2, 72), (561, 2, 64), (640, 2, 72), (641, 2, 72)),
        *((3840, 2, 384), (22, 1, 2), (23, 1, 2), (44, 1, 2), (45, 1, 3), (8448, 1, 384), (1057, 1, 52)),
    ],
)
def test_the_lifting_size_is_the_smallest_that_holds_the_block(k, graph, z):
    assert nr.choose_lifting(k, k, graph).z == z


def test_tables_have_the_sizes_of_the_standard():
    sizes = sorted(z for sizes in TABLES["lifting_sets"] for z in sizes)
    assert len(sizes) == len(set(sizes)) == 51
    assert sizes[-1] == 384
    for graph, rows, columns, entries in ((1, 46, 68, 316), (2, 42, 52, 197)):
        table = np.array(TABLES[f"base_graph_{graph}"])
        assert (table[:, 0].max() + 1, table[:, 1].max() + 1, len(table)) == (rows, columns, entries)
        core = nr.INFO_COLUMNS[graph] + nr.CORE
        own = table[table[:, 1] >= core]
        np.testing.assert_array_equal(own[:, 1] - core, own[:, 0] - nr.CORE)  # one parity block a row
        assert not own[:, 2:].any()


@pytest.mark.parametrize("graph", [1, 2])
@pytest.mark.parametrize("z", [sizes[-1] for sizes in TABLES["lifting_sets"]])
def test_every_lifting_is_encoded_by_sums_of_shifts(graph, z):
    """No step has more terms than the core's 4 rows and the parity's products give: never a dense inverse."""
    code = nr.Lifting(base_graph=graph, z=z).graph(tuple(range(4, 8)))
    assert code.steps is not None
    assert code.k == nr.INFO_COLUMNS[graph] * z
    assert sum(len(terms) for _, _, terms in code.steps) < 250


@pytest.mark.parametrize("rv", [0, 1, 2, 3])
@pytest.mark.parametrize(("graph", "n"), [(1, 400), (1, 2000), (2, 400), (2, 2000)])
def test_what_is_sent_is_read_round_and_round_from_the_versions_place(graph, n, rv):
    """Section 5.4.2.1 as it is written: a loop over the circular buffer that passes over filler bits."""
    code = find_code(f"nr-ldpc:k=100,n={n},bg={graph},rv={rv}")
    z, total = code.lifting.z, nr.SENT_COLUMNS[graph] * code.lifting.z
    bits = np.random.default_rng(1).integers(0, 2, 100, dtype=np.uint8)
    d = whole_word(code, bits)[2 * z :]
    filler = range(100 - 2 * z, code.lifting.info_bits - 2 * z)
    at, sent = {1: (0, 17, 33, 56), 2: (0, 13, 25, 43)}[graph][rv] * z, []
    while len(sent) < n:
        if at % total not in filler:
            sent.append(d[at % total])
        at += 1
    np.testing.assert_array_equal(code.encode(bits), sent)


@pytest.mark.parametrize("qm", [2, 4, 6, 8, 10])
def test_interleaving_writes_rows_and_reads_columns(qm):
    plain, mixed = (find_code(f"nr-ldpc:k=100,n=480,qm={q}") for q in (1, qm))
    bits = np.random.default_rng(2).integers(0, 2, 100, dtype=np.uint8)
    e, f = plain.encode(bits), mixed.encode(bits)
    for j in range(480 // qm):
        for i in range(qm):
            assert f[i + j * qm] == e[i * (480 // qm) + j]


def test_rows_of_parity_that_is_not_sent_are_not_decoded():
    code = find_code("nr-ldpc:k=1024,rate=3/4")
    assert len(code.graph.prototype) == 10 < 46  # 32 columns hold 2 Z + 1366 + 32 filler bits
    used = np.unique(code.sent // code.lifting.z)
    assert used[-1] == len(code.graph.prototype[0]) - 1


@pytest.mark.parametrize(
    ("spec", "blocks", "checked"),
    [
        ("nr-ldpc:k=8448,rate=1/2", 1, 0),
        ("nr-ldpc:k=8450,rate=1/2", 2, 24),
        ("nr-ldpc:k=16848,n=30000", 2, 24),
        ("nr-ldpc:k=16851,n=30000", 3, 24),
        ("nr-ldpc:k=3842,rate=1/4", 2, 24),
        ("nr-ldpc:k=20000,rate=1/2", 3, 24),
    ],
)
def test_long_blocks_are_cut_as_the_standard_cuts(spec, blocks, checked):
    code = find_code(spec)
    parts = code.blocks if isinstance(code, Segmented) else (code,)
    assert len(parts) == blocks
    assert sum(part.k - checked for part in parts) == code.k
    assert {part.k - checked for part in parts} <= {code.k // blocks, -(-code.k // blocks)}
    assert len({part.lifting for part in parts}) == 1
    assert sum(part.n for part in parts) == code.n


def test_a_transport_block_is_its_code_blocks_with_their_checksums_one_after_another():
    code = find_code("nr-ldpc:k=8500,n=17002,qm=2,bg=1,rv=0")
    assert [block.n for block in code.blocks] == [8500, 8502]
    bits = np.random.default_rng(3).integers(0, 2, (3, code.k), dtype=np.uint8)
    halves = bits.reshape(3, 2, -1)
    words = [
        block.encode(np.concatenate([half, CRCS["crc24b"].checksum(half)], axis=-1))
        for block, half in zip(code.blocks, halves.swapaxes(0, 1), strict=True)
    ]
    np.testing.assert_array_equal(code.encode(bits), np.concatenate(words, axis=-1))
    np.testing.assert_array_equal(code.encode(bits[0]), code.encode(bits)[0])


def test_a_transport_block_is_decoded_block_by_block_and_tells_which_arrived():
    code = find_code("nr-ldpc:k=3910,n=15640,bg=2")
    bits = np.random.default_rng(4).integers(0, 2, (2, code.k), dtype=np.uint8)
    llr = (8 * (1 - 2.0 * code.encode(bits))).astype(np.float32)
    decoder = Decoder(algorithm="min-sum", iterations=5)
    engine = find_engine("reference")
    np.testing.assert_array_equal(engine.decode(code, llr, decoder), bits)
    decoded = [engine.decode(block, part, decoder) for block, part in code.parts(llr)]
    assert code.checks(decoded).all()
    decoded[-1].reshape(2, -1, code.blocks[0].k)[1, -1, 0] ^= 1
    assert code.checks(decoded).tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("nr-ldpc", "needs k"),
        ("nr-ldpc:k=1024", "rate, n: needs one of them, got neither"),
        ("nr-ldpc:k=1024,rate=1/2,n=2048", "rate, n: needs one of them, got both"),
        ("nr-ldpc:k=11,rate=1/2", r"k: must be 12\.\.1277992, got 11"),
        ("nr-ldpc:k=1024,n=1024", r"n: must be a multiple of qm = 1 from 1078 to 51200 .*got 1024"),
        ("nr-ldpc:k=1024,n=2049,qm=2", "n: must be a multiple of qm = 2"),
        ("nr-ldpc:k=1024,rate=0/1", "rate: must be > 0"),
        ("nr-ldpc:k=1024,rate=1/100", "rate 1/50 to 0.95"),
        ("nr-ldpc:k=1024,rate=1/2,rv=4", r"rv: must be 0\.\.3, got 4"),
        ("nr-ldpc:k=1024,rate=1/2,bg=3", "bg: must be 1 or 2, got 3"),
        ("nr-ldpc:k=1024,rate=1/2,qm=3", r"qm: must be one of \(1, 2, 4, 6, 8, 10\), got 3"),
    ],
)
def test_what_the_standard_has_not_is_refused_in_a_line(spec, said):
    with pytest.raises(ValueError, match=said) as refused:
        find_code(spec)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("code: ")
