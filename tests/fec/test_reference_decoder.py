"""The float64 decoder against definitions: boxplus, marginals by enumeration, and its own wiring."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from phy.fec import CODES, Decoder, QcLdpc, reference
from phy.fec.decoder_spec import DECODERS, parse_decoder

PARITY = QcLdpc(name="single parity check", prototype=((0,) * 6,), lifting=1)
TREE = QcLdpc(
    name="cycle free",
    prototype=((0, 0, -1, -1, 0, -1, -1), (-1, -1, 0, -1, 0, 0, -1), (-1, -1, -1, 0, -1, 0, 0)),
    lifting=1,
)


def test_one_iteration_of_a_single_parity_check_is_boxplus():
    llr = np.random.default_rng(1).normal(0, 3, (50, PARITY.n))
    decoded = reference.decode(PARITY, llr, Decoder(iterations=1, clip=None)).llr
    for i in range(PARITY.n):
        extrinsic = 2 * np.arctanh(np.prod(np.tanh(np.delete(llr, i, axis=1) / 2), axis=1))
        np.testing.assert_allclose(decoded[:, i] - llr[:, i], extrinsic, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("algorithm", "offset"), [("min-sum", 0.0), ("offset-min-sum", 0.5)])
def test_one_iteration_of_min_sum_is_the_least_of_the_others(algorithm, offset):
    llr = np.random.default_rng(2).normal(0, 3, (50, PARITY.n))
    decoded = reference.decode(PARITY, llr, Decoder(algorithm=algorithm, iterations=1, clip=None)).llr
    for i in range(PARITY.n):
        others = np.delete(llr, i, axis=1)
        least = np.maximum(np.abs(others).min(axis=1) - offset, 0) * np.prod(np.sign(others), axis=1)
        np.testing.assert_allclose(decoded[:, i], llr[:, i] + least, rtol=0, atol=1e-14)


def test_on_a_graph_without_cycles_sum_product_gives_the_exact_marginals():
    llr = np.random.default_rng(3).normal(0.5, 2, (20, TREE.n))
    words = TREE.encode(np.array(list(product((0, 1), repeat=TREE.k)), np.uint8))
    weight = np.exp(-(llr[:, None, :] * words).sum(axis=-1))  # p(c | y) up to a constant
    p1 = np.einsum("bw,wn->bn", weight, words) / weight.sum(axis=1)[:, None]
    decoded = reference.decode(TREE, llr, Decoder(iterations=10, stop="none", clip=None))
    np.testing.assert_allclose(decoded.llr, np.log((1 - p1) / p1), rtol=0, atol=1e-10)


def test_every_edge_of_the_graph_is_one_entry_of_the_parity_check_matrix():
    code = CODES["802.11ad-13/16"]
    graph, h = reference.tanner_graph(code), code.parity_check()
    rebuilt = np.zeros_like(h)
    order = np.argsort(np.concatenate([edges[:, 0] for edges in graph.checks]))  # checks by their first edge
    rows = [graph.variable[edges] for group in graph.checks for edges in group]
    for check, position in enumerate(order):
        rebuilt[check, rows[position]] += 1
    np.testing.assert_array_equal(rebuilt, h)
    assert sorted(np.concatenate([edges.ravel() for edges in graph.checks])) == list(range(h.sum(dtype=int)))
    np.testing.assert_array_equal(graph.incidence.toarray().argmax(axis=0), graph.variable)


def noisy(code, esn0_db: float, n_words: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    words = code.encode(rng.integers(0, 2, (n_words, code.k), dtype=np.uint8))
    n0 = 10 ** (-esn0_db / 10)
    y = 1.0 - 2.0 * words + np.sqrt(n0 / 2) * rng.standard_normal(words.shape)
    return words, 4 * y / n0


def test_a_codeword_is_left_at_the_first_iteration_that_satisfies_its_checks():
    code = CODES["802.11ad-1/2"]
    _, llr = noisy(code, -1.0, 30, seed=4)
    stopped = reference.decode(code, llr, Decoder(iterations=30))
    assert np.unique(stopped.iterations).size > 1
    for iterations in np.unique(stopped.iterations):
        mine = stopped.iterations == iterations
        full = reference.decode(code, llr[mine], Decoder(iterations=int(iterations), stop="none"))
        np.testing.assert_array_equal(stopped.llr[mine], full.llr)
        before = reference.decode(code, llr[mine], Decoder(iterations=int(iterations) - 1, stop="none"))
        if iterations > 1:
            assert np.all((before.bits @ code.parity_check().T.astype(int) % 2).any(axis=1))


def test_no_iterations_leave_the_clipped_channel_values():
    llr = np.array([[30.0, -1.0, 2.0, -40.0, 0.0, 1.0]])
    decoded = reference.decode(PARITY, llr, Decoder(iterations=0))
    assert decoded.llr.tolist() == [[20.0, -1.0, 2.0, -20.0, 0.0, 1.0]]
    assert decoded.iterations.tolist() == [0]


EVERY_DECODER = [
    *(replace(parse_decoder(name), clip=10.0) for name in DECODERS if "sum" in name),
    *(
        parse_decoder(f"{name}:quantisation={words}")
        for name in DECODERS
        if "min-sum" in name
        for words in ("8", "5,limit=7,steps=2")
    ),
    parse_decoder("layered-normalised-min-sum:scale=0.875,quantisation=6,limit=20"),
    parse_decoder("offset-min-sum:offset=1.5,clip=none"),
]
every_decoder = pytest.mark.parametrize("decoder", EVERY_DECODER, ids=lambda d: d.spec)
GENERAL = QcLdpc(name="general", prototype=((0, 2, -1, 1, -1), (1, 0, 2, 0, 0)), lifting=3)
"""Small enough to be decoded number by number; checks of different degrees, and cycles."""


def by_definition(h: np.ndarray, llr: np.ndarray, decoder: Decoder) -> np.ndarray:
    """One word, number by number, from the definitions in phy.fec.decoder; no early stop."""
    q, rows = decoder.quantisation, [np.flatnonzero(row) for row in h]
    words = q is not None

    def clip(x):
        return x if words or decoder.clip is None else min(max(x, -decoder.clip), decoder.clip)

    def saturate(x):
        return min(max(x, -q.most - 1), q.most) if words else x

    def rule(others):
        sign = (-1) ** sum(t < 0 for t in others)
        if decoder.algorithm == "sum-product":
            return 2 * np.arctanh(np.prod([np.tanh(t / 2) for t in others]))
        m = min(min(abs(t), q.most) if words else abs(t) for t in others)
        if decoder.algorithm == "offset-min-sum":
            m = max(m - decoder.offset * (q.steps if words else 1), 0)
        if decoder.algorithm == "normalised-min-sum":
            m = np.floor(decoder.scale * m + 0.5) if words else decoder.scale * m
        return sign * (min(m, q.limit) if words else m)

    channel = [min(max(np.rint(x * q.steps), -q.most), q.most) if words else clip(x) for x in llr]
    r = {(c, v): 0.0 for c, row in enumerate(rows) for v in row}
    p = list(channel)
    for _ in range(decoder.iterations):
        if decoder.schedule == "layered":
            for c, row in enumerate(rows):
                u = {v: saturate(p[v] - r[c, v]) for v in row}
                for v in row:
                    r[c, v] = clip(rule([clip(u[w]) for w in row if w != v]))
                    p[v] = saturate(u[v] + r[c, v])
        else:
            t = {(c, v): clip(saturate(p[v] - r[c, v])) for c, v in r}
            r = {(c, v): clip(rule([t[c, w] for w in rows[c] if w != v])) for c, v in r}
            p = [channel[v] + sum(r[c, w] for c, w in r if w == v) for v in range(len(p))]
    return np.array([saturate(x) / q.steps if words else clip(x) for x in p])


@every_decoder
def test_a_decoder_computes_its_definition_number_by_number(decoder):
    decoder = replace(decoder, iterations=4, stop="none")
    llr = np.random.default_rng(8).normal(1.5, 6.0, (12, GENERAL.n))
    decoded = reference.decode(GENERAL, llr, decoder).llr
    expected = [by_definition(GENERAL.parity_check(), word, decoder) for word in llr]
    tolerance = 0 if decoder.quantisation else 1e-9  # tanh loses e^clip: 2e-16 e^10 = 5e-12, gathered
    np.testing.assert_allclose(decoded, expected, rtol=0, atol=tolerance)


def test_words_saturate_as_machines_do():
    """One step further down than up: seen at a bit of six checks that all say 31."""
    star = QcLdpc(
        name="star",
        prototype=tuple((0, *(0 if i == j else -1 for j in range(6))) for i in range(6)),
        lifting=1,
    )
    llr = np.array([[-40.0, *[40.0] * 6], [40.0] * 7])
    decoder = parse_decoder("min-sum:quantisation=8,iterations=1,stop=none")
    np.testing.assert_array_equal(reference.decode(star, llr, decoder).llr[:, 0], [59 / 4, 127 / 4])
    np.testing.assert_array_equal(reference.decode(star, -llr, decoder).llr[:, 0], [-59 / 4, -128 / 4])


@pytest.mark.parametrize("algorithm", ["sum-product", "min-sum"])
def test_on_a_graph_without_cycles_layers_end_where_flooding_ends(algorithm):
    llr = np.random.default_rng(9).normal(0.5, 2, (20, TREE.n))
    flooding, layered = (
        reference.decode(
            TREE, llr, Decoder(algorithm=algorithm, schedule=schedule, iterations=10, stop="none")
        )
        for schedule in ("flooding", "layered")
    )
    np.testing.assert_allclose(layered.llr, flooding.llr, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["802.11ad-3/4", "802.11n-648-1/2"])
def test_a_quasi_cyclic_codes_layers_are_its_block_rows_or_several(name):
    code = CODES[name]
    graph, z = reference.tanner_graph(code), code.graph.lifting
    row = np.nonzero(code.parity_check())[0]
    seen = np.zeros(len(code.parity_check()), bool)
    for edges in graph.layers:
        bits, rows = graph.variable[edges], np.unique(row[edges])
        assert np.unique(bits).size == bits.size, "two checks of a layer share a bit"
        assert rows.size % z == 0
        assert not seen[rows].any()
        seen[rows] = True
    assert seen.all()
    assert len(graph.layers) <= len(code.graph.prototype) + 2


@every_decoder
def test_flipping_the_signs_of_a_codeword_flips_the_decisions_of_it(decoder):
    code = CODES["802.11ad-3/4"]
    rng = np.random.default_rng(10)
    words = code.encode(rng.integers(0, 2, (6, code.k), dtype=np.uint8))
    llr = 4 / 0.5 * (1 + np.sqrt(0.25) * rng.standard_normal(words.shape))
    if (
        decoder.quantisation is not None
    ):  # a word may be 0, which is no sign, and reaches further down than up
        decoder = replace(decoder, stop="none", quantisation=replace(decoder.quantisation, bits=16))
    plain, turned = (reference.decode(code, x, decoder) for x in (llr, llr * (1.0 - 2.0 * words)))
    np.testing.assert_array_equal(turned.iterations, plain.iterations)
    np.testing.assert_array_equal(turned.llr, plain.llr * (1.0 - 2.0 * words))


@every_decoder
def test_more_iterations_never_leave_a_codeword(decoder):
    code = CODES["802.11ad-1/2"]
    _, llr = noisy(code, 0.5, 30, seed=11)
    few, many = (reference.decode(code, llr, replace(decoder, iterations=i)) for i in (8, 16))
    ended = few.iterations < 8
    assert ended.any()
    assert not np.any(few.bits[ended].astype(int) @ code.parity_check().T.astype(int) % 2)
    np.testing.assert_array_equal(many.llr[ended], few.llr[ended])
    assert np.all(many.iterations[~ended] >= 8)


def test_an_algorithm_of_other_codes_is_refused():
    with pytest.raises(ValueError, match=r"decoder\.algorithm: must be one of sum-product.*got viterbi"):
        reference.decode(PARITY, np.zeros((1, PARITY.n)), Decoder(algorithm="viterbi"))
