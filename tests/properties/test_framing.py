"""undo(do(x)) = x for payloads of any length, and what a flipped bit does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phy.bits import from_int, pack, to_int, unpack
from phy.cipher import AesCtr, AesGcm, KeySource
from phy.crc import CRCS
from phy.rng import generator
from phy.scramble import scramble
from phy.segment import HEADER_BITS, Framing

KEY = KeySource(test=True)
CIPHERS = {"none": None, "ctr": AesCtr(key=KEY), "gcm": AesGcm(key=KEY)}
LENGTHS = st.sampled_from([0, 1, 2, 7, 8, 9, 127, 257, 997, 1009]) | st.integers(0, 1200)
few = settings(max_examples=60, deadline=None)


def bits(n: int, seed: int = 0) -> np.ndarray:
    return generator("test", seed).integers(0, 2, n, np.uint8)


def framing_for(n_bits: int, *, k: int, crc: int, per: str, cipher=None) -> Framing:
    """The smallest frame of k-bit blocks that holds the payload."""
    layout = dict(k=k, crc=crc, crc_per=per)
    if cipher:
        layout |= dict(granule=cipher.granule, tag_bits=cipher.tag_bits)
    blocks = 1
    while Framing(blocks=blocks, **layout).payload_bits < max(n_bits, 1):
        blocks += 1
    return Framing(blocks=blocks, **layout)


@few
@given(n=LENGTHS)
def test_packing_is_undone_by_unpacking(n):
    assert np.array_equal(unpack(pack(bits(n)), n), bits(n))
    assert np.array_equal(from_int(to_int(bits(n)), n), bits(n))


@few
@given(n=LENGTHS)
def test_scrambling_is_its_own_inverse(n):
    assert np.array_equal(scramble(scramble(bits(n))), bits(n))


def test_the_scrambler_has_the_period_of_a_maximal_sequence():
    """127 bits with 64 ones, and every window of 7 bits different."""
    sequence = scramble(np.zeros(254, np.uint8))
    assert np.array_equal(sequence[:127], sequence[127:])
    assert sequence[:127].sum() == 64
    assert len({tuple(sequence[i : i + 7]) for i in range(127)}) == 127


@few
@given(
    n=LENGTHS,
    k=st.sampled_from([336, 420, 504, 546]),
    crc=st.sampled_from([16, 24, 32]),
    per=st.sampled_from(["payload", "block"]),
    cipher=st.sampled_from(list(CIPHERS)),
)
def test_a_framed_payload_of_any_length_comes_back_exactly(n, k, crc, per, cipher):
    cipher, nonce = CIPHERS[cipher], bytes(range(12))
    framing = framing_for(n, k=k, crc=crc, per=per, cipher=cipher)
    body = cipher.encrypt(bits(n), nonce, b"h") if cipher else bits(n)
    parts = framing.split(framing.join(n, body))
    assert parts.ok
    assert parts.n_bits == n
    opened = cipher.decrypt(parts.body, n, nonce, b"h") if cipher else parts.body
    assert np.array_equal(opened, bits(n))
    spent = framing.categories(n)
    assert sum(spent.values()) == framing.blocks * k
    assert min(spent.values()) >= 0


@few
@given(n=st.integers(0, 700), flip=st.integers(0, 10**6), per=st.sampled_from(["payload", "block"]))
def test_any_single_flip_in_what_a_checksum_covers_is_detected(n, flip, per):
    framing = framing_for(n, k=336, crc=24, per=per)
    blocks = framing.join(n, bits(n))
    used = HEADER_BITS + n + 24 if per == "payload" else -(-(HEADER_BITS + n) // 312) * 336
    blocks.reshape(-1)[flip % used] ^= 1
    assert not framing.split(blocks).ok


def test_every_single_flip_of_one_frame_is_detected_or_lies_in_the_padding():
    framing, sent = Framing(k=336, blocks=2), bits(500)
    for position in range(672):
        blocks = framing.join(500, sent)
        blocks.reshape(-1)[position] ^= 1
        parts = framing.split(blocks)
        assert parts.ok == (position >= HEADER_BITS + 500 + 24)


@few
@given(n=st.integers(1, 900), flip=st.integers(0, 10**6), k=st.sampled_from([336, 40]))
def test_a_check_for_each_block_tells_which_bits_to_trust_and_none_where_the_length_is_lost(n, flip, k):
    """Of 16 bits a block the length takes one and a half."""
    framing = framing_for(n, k=k, crc=24, per="block")
    blocks = framing.join(n, bits(n))
    width = k - 24
    used = -(-(HEADER_BITS + n) // width)
    assert framing.split(blocks).checked.all()
    blocks.reshape(-1)[flip % (k * used)] ^= 1
    parts, hit = framing.split(blocks), flip % (k * used) // k
    if hit * width >= HEADER_BITS:
        wrong = (HEADER_BITS + np.arange(n)) // width == hit
        assert np.array_equal(parts.checked, ~wrong)
        assert np.array_equal(parts.body[parts.checked], bits(n)[~wrong])
    else:
        assert not parts.checked.any()


@pytest.mark.parametrize("n", [0, 1, 311, 312, 624])
def test_a_failed_frame_gives_its_best_effort_within_what_fits(n):
    framing = Framing(k=336, blocks=2)
    noise = bits(672, seed=n).reshape(2, 336)
    parts = framing.split(noise)
    assert not parts.ok
    assert parts.body.size == parts.n_bits <= framing.payload_bits


@few
@given(n=st.integers(1, 300), flip=st.integers(0, 10**6))
def test_under_ctr_one_flipped_bit_flips_that_bit_alone(n, flip):
    cipher = CIPHERS["ctr"]
    sealed = cipher.encrypt(bits(n), bytes(12), b"")
    assert sealed.size == n
    sealed[flip % n] ^= 1
    wrong = cipher.decrypt(sealed, n, bytes(12), b"") ^ bits(n)
    assert np.flatnonzero(wrong).tolist() == [flip % n]


@few
@given(n=st.integers(0, 300), flip=st.integers(0, 10**6))
def test_under_gcm_any_flip_gives_nothing_out(n, flip):
    cipher = CIPHERS["gcm"]
    sealed = cipher.encrypt(bits(n), bytes(12), b"h")
    sealed[flip % sealed.size] ^= 1
    assert cipher.decrypt(sealed, n, bytes(12), b"h") is None


def test_under_gcm_the_header_is_bound_too():
    sealed = CIPHERS["gcm"].encrypt(bits(40), bytes(12), b"header")
    assert CIPHERS["gcm"].decrypt(sealed, 40, bytes(12), b"hedaer") is None


@few
@given(data=st.binary(max_size=200))
def test_crc32_agrees_with_zlib(data):
    import zlib

    assert CRCS["crc32"].of_bytes(data) == zlib.crc32(data)


@pytest.mark.parametrize("name", ["crc16", "crc24a", "crc24b"])
def test_checksums_agree_with_long_division(name):
    crc = CRCS[name]
    for n in (0, 1, 5, 24, 100):
        register = 0
        for bit in [*bits(n).tolist(), *[0] * crc.width]:
            register = register << 1 | bit
            if register >> crc.width:
                register ^= 1 << crc.width | crc.polynomial
        assert to_int(crc.checksum(bits(n))) == register


def test_checksums_ride_along_leading_axes():
    crc, rows = CRCS["crc24a"], bits(6 * 50).reshape(2, 3, 50)
    each = [[crc.checksum(row) for row in plane] for plane in rows]
    assert np.array_equal(crc.checksum(rows), each)
