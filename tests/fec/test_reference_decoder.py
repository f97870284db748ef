"""The float64 decoder against definitions: boxplus, marginals by enumeration, and its own wiring."""

from itertools import product

import numpy as np
import pytest

from phy.fec import CODES, Decoder, QcLdpc, reference

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


@pytest.mark.parametrize(("field", "value"), [("iterations", -1), ("clip", 0.0)])
def test_a_decoder_that_makes_no_sense_is_refused(field, value):
    with pytest.raises(ValueError, match=f"{field}: must be"):
        Decoder(**{field: value})
