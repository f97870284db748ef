"""Polar codes of 5G NR: the tables' own laws, rate matching, and decoders against what they approach."""

from itertools import product

import numpy as np
import pytest

from phy.fec import find_code, polar_decoder
from phy.fec.check_nodes import min_sum
from phy.fec.decoder import Decoder
from phy.fec.polar import CRC6, CRC11, CRC24C, load_tables

SC = Decoder(algorithm="successive-cancellation")
SPECS = (
    "nr-polar:k=64,n=128",
    "nr-polar:k=12,n=18",
    "nr-polar:k=30,n=100",
    "nr-polar:k=100,n=150",
    "nr-polar:k=30,n=300",
    "nr-polar:k=40,n=216,link=downlink",
)


def sc_list(paths: int) -> Decoder:
    return Decoder(algorithm="sc-list", list_size=paths)


def noisy(code, n_words: int, noise_var: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (n_words, code.k), dtype=np.uint8)
    noise = np.sqrt(noise_var / 2) * rng.standard_normal((n_words, code.n))
    return bits, 4 * (1.0 - 2.0 * code.encode(bits) + noise) / noise_var


def test_the_reliability_order_obeys_the_partial_order_of_every_channel():
    """One more one in the index is never less reliable (Mori and Tanaka, IEEE Commun. Lett. 13(7), 2009)."""
    order = load_tables()["reliability"]
    assert sorted(order) == list(range(1024))
    rank = np.argsort(order)
    index = np.arange(1024)
    for bit in range(10):
        without = index[index >> bit & 1 == 0]
        assert (rank[without | 1 << bit] > rank[without]).all()


def test_interleavers_are_permutations_that_move_blocks_and_checksums_as_38_212_says():
    tables = load_tables()
    assert sorted(tables["input_interleaver"]) == list(range(164))
    assert sorted(tables["subblock_interleaver"]) == list(range(32))
    spread = [i for i, bit in enumerate(tables["input_interleaver"]) if bit >= 140]
    assert len(spread) == 24  # every check bit follows the bits that it checks
    assert spread[0] < 140


@pytest.mark.parametrize(
    ("spec", "mother_n", "matching", "crc"),
    [
        ("nr-polar:k=64,n=128", 128, "repetition", CRC11),
        ("nr-polar:k=64,n=140", 128, "repetition", CRC11),
        ("nr-polar:k=70,n=140", 256, "shortening", CRC11),
        ("nr-polar:k=32,n=100", 128, "puncturing", CRC11),
        ("nr-polar:k=19,n=60", 64, "puncturing", CRC6),
        ("nr-polar:k=1013,n=1088", 1024, "repetition", CRC11),
        ("nr-polar:k=20,n=1000", 256, "repetition", CRC11),
        ("nr-polar:k=140,n=576,link=downlink", 512, "repetition", CRC24C),
    ],
)
def test_mother_length_and_rate_matching_are_those_of_38_212(spec, mother_n, matching, crc):
    code = find_code(spec)
    assert (code.mother_n, code.matching, code.crc) == (mother_n, matching, crc)
    assert code.info.size == code.k + crc.width
    assert code.sent.size == code.n


@pytest.mark.parametrize("spec", SPECS)
def test_what_is_not_sent_is_known_or_tells_nothing(spec):
    """Shortened bits are 0 in every word; a punctured one is no function of what is frozen."""
    code = find_code(spec)
    bits = np.random.default_rng(1).integers(0, 2, (50, code.k), dtype=np.uint8)
    inputs = np.zeros((code.mother_n, 50), np.uint8)
    checked = np.concatenate([bits, code.crc.checksum(bits)], axis=1)
    inputs[code.info] = checked[:, code.order].T
    word = polar_decoder.transform(inputs)
    gathered = code.gather(1.0 - 2.0 * code.encode(bits))
    assert (gathered * (1.0 - 2.0 * word) >= 0).all()
    unsent = np.setdiff1d(np.arange(code.mother_n), code.sent)
    if code.matching == "shortening":
        assert not word[unsent].any()


def test_the_transform_is_its_own_inverse_and_linear():
    x = np.random.default_rng(2).integers(0, 2, (64, 9), dtype=np.uint8)
    np.testing.assert_array_equal(polar_decoder.transform(polar_decoder.transform(x)), x)
    kernel = np.array([[1, 0], [1, 1]])
    generator = kernel
    for _ in range(5):
        generator = np.kron(generator, kernel)
    np.testing.assert_array_equal(polar_decoder.transform(x), (x.T @ generator % 2).T)


@pytest.mark.parametrize("free", ["01011111", "00010111", "00000001", "11111111", "01111111", "00110011"])
def test_deciding_whole_nodes_at_once_is_deciding_leaf_by_leaf(free):
    """Against the successive rule itself: each bit is the likelier one given the earlier decisions."""
    mask = np.array([c == "1" for c in free])
    llr = np.random.default_rng(3).normal(0.5, 2.0, (8, 60))
    decided = polar_decoder.transform(polar_decoder._cancel(llr, mask))
    every = np.array(list(product((0, 1), repeat=8)), np.uint8)
    score = (0.5 - polar_decoder.transform(every.T).T) @ llr  # log-probability but for a constant, [256, B]
    for i in range(8):
        same = (every[:, None, :i] == decided.T[None, :, :i]).all(axis=2)
        ones = np.where(same & (every[:, i, None] == 1), score, -np.inf)
        zeros = np.where(same & (every[:, i, None] == 0), score, -np.inf)
        likelier = np.logaddexp.reduce(ones, axis=0) > np.logaddexp.reduce(zeros, axis=0)
        np.testing.assert_array_equal(decided[i], likelier & mask[i])


def test_a_list_of_all_paths_is_maximum_likelihood():
    code = find_code("nr-polar:k=12,n=40")
    _, llr = noisy(code, 40, 1.6, seed=4)
    every = np.array(list(product((0, 1), repeat=12)), np.uint8)
    likeliest = every[((1.0 - 2.0 * code.encode(every)) @ llr.T).argmax(axis=0)]
    # 2^18 paths would hold them all; 2^10 hold the likeliest word with an agreeing checksum
    np.testing.assert_array_equal(code.decide(llr, sc_list(1024)), likeliest)


@pytest.mark.parametrize("spec", SPECS)
def test_a_list_of_one_is_successive_cancellation(spec):
    code = find_code(spec)
    _, llr = noisy(code, 60, 0.8 / float(code.rate) / 2, seed=5)
    np.testing.assert_array_equal(code.decide(llr, sc_list(1)), code.decide(llr, SC))


def test_longer_lists_err_less_and_the_checksum_helps():
    code = find_code("nr-polar:k=64,n=128")
    bits, llr = noisy(code, 1500, 1.3, seed=6)
    wrong = [int((code.decide(llr, d) != bits).any(axis=1).sum()) for d in (SC, sc_list(2), sc_list(8))]
    assert wrong[0] > 1.5 * wrong[1] > 1.5 * 1.5 * wrong[2] > 0


@pytest.mark.parametrize(("esn0_db", "wrong", "frames"), [(-1.5103, 1870, 5058), (-0.6103, 582, 26231)])
def test_the_error_rate_of_a_long_code_is_the_published_one(esn0_db, wrong, frames, monkeypatch):
    """AFF3CT's for 512 of 1024 bits, without f's correction term, to 4 standard deviations; with it, less.

    wrong, frames: error_rate_references, POLAR/AWGN/BPSK/SC/Polar_N1024_K512_SC_5G_intra_p32.txt (v2.2.2).
    """
    code, snr = find_code("nr-polar:k=501,n=1024"), 10 ** (esn0_db / 10)
    rng = np.random.default_rng(8)
    bits = rng.integers(0, 2, (2048, code.k), dtype=np.uint8)
    llr = 4 * snr * (1.0 - 2.0 * code.encode(bits) + np.sqrt(0.5 / snr) * rng.standard_normal((2048, code.n)))
    exactly = int((code.decide(llr, SC) != bits).any(axis=1).sum())
    monkeypatch.setattr(polar_decoder, "_f", min_sum)
    counted = int((code.decide(llr, SC) != bits).any(axis=1).sum())
    expected = 2048 * wrong / frames
    assert abs(counted - expected) < 4 * np.sqrt(expected * (1 + 2048 / frames))
    assert 0.6 * counted < exactly < 1.05 * counted


def test_tiles_change_nothing(monkeypatch):
    code = find_code("nr-polar:k=64,n=128")
    _, llr = noisy(code, 50, 0.8, seed=7)
    whole = [code.decide(llr, d) for d in (SC, sc_list(4))]
    monkeypatch.setattr(polar_decoder, "TILE_VALUES", 128 * 4 * 7)
    for decoder, before in zip((SC, sc_list(4)), whole, strict=True):
        np.testing.assert_array_equal(code.decide(llr, decoder), before)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("nr-polar:k=5,n=64", "k: must be 12..1013 on the uplink, got 5"),
        ("nr-polar:k=64,n=2000", "n: must be 75..1088 for k = 64 and 11 check bits"),
        ("nr-polar:k=200,n=400,link=downlink", "k: must be 12..140 on the downlink, got 200"),
        ("nr-polar:k=64,n=128,link=up", "link: must be uplink or downlink, got 'up'"),
    ],
)
def test_what_is_no_such_code_is_told_in_a_line(spec, told):
    with pytest.raises(ValueError, match=r"^code: ") as raised:
        find_code(spec)
    assert told in str(raised.value)
