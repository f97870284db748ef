"""Bit-exact answers published with the standards."""

import numpy as np
import pytest

from phy.bits import pack, unpack
from phy.cipher import TAG_BITS, AesCtr, AesGcm, KeySource, ctr
from phy.crc import CRCS

# CRC RevEng catalogue: checksums of b"123456789".
CHECKS = {"crc16": 0x31C3, "crc24a": 0xCDE703, "crc24b": 0x23EF52, "crc32": 0xCBF43926}

# NIST SP 800-38A, appendix F.5.1 (AES-128) and F.5.5 (AES-256): one counter block, four blocks of text.
SP_800_38A_COUNTER = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
SP_800_38A_TEXT = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
SP_800_38A = {
    "2b7e151628aed2a6abf7158809cf4f3c": (
        "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
        "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"
    ),
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4": (
        "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
        "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"
    ),
}

# McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test case 4 (AES-128).
GCM_KEY = "feffe9928665731c6d6a8f9467308308"
GCM_NONCE = bytes.fromhex("cafebabefacedbaddecaf888")
GCM_HEADER = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
GCM_TEXT = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
GCM_SEALED = (
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
    "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
    "5bc94fbc3221a5db94fae95ae7121a47"
)


@pytest.fixture
def key_file(tmp_path):
    def write(hexadecimal: str) -> KeySource:
        path = tmp_path / "key"
        path.write_text(hexadecimal + "\n")
        return KeySource(file=str(path), bits=4 * len(hexadecimal))

    return write


def test_every_checksum_has_a_published_answer():
    assert CHECKS.keys() == CRCS.keys()


@pytest.mark.parametrize("name", CHECKS)
def test_checksums_give_the_catalogue_s_answers(name):
    assert CRCS[name].of_bytes(b"123456789") == CHECKS[name]


@pytest.mark.parametrize("key", SP_800_38A)
def test_counter_mode_gives_nist_s_answers(key):
    nonce, first = SP_800_38A_COUNTER[:12], int.from_bytes(SP_800_38A_COUNTER[12:], "big")
    assert ctr(bytes.fromhex(key), nonce, SP_800_38A_TEXT, first).hex() == SP_800_38A[key]


def test_the_ctr_cipher_counts_blocks_from_zero_after_its_nonce(key_file):
    key = next(iter(SP_800_38A))
    sealed = AesCtr(key=key_file(key)).encrypt(unpack(SP_800_38A_TEXT), GCM_NONCE, b"")
    assert pack(sealed) == ctr(bytes.fromhex(key), GCM_NONCE, SP_800_38A_TEXT, 0)


def test_galois_counter_mode_gives_the_published_answer(key_file):
    cipher = AesGcm(key=key_file(GCM_KEY))
    sealed = cipher.encrypt(unpack(GCM_TEXT), GCM_NONCE, GCM_HEADER)
    assert pack(sealed).hex() == GCM_SEALED
    assert sealed.size == 8 * len(GCM_TEXT) + TAG_BITS
    opened = cipher.decrypt(unpack(bytes.fromhex(GCM_SEALED)), 8 * len(GCM_TEXT), GCM_NONCE, GCM_HEADER)
    assert pack(opened) == GCM_TEXT


def test_a_generator_is_named_by_its_words_for_ever():
    """Fades and noise of stored results are drawn again from their keys: this must not move."""
    from phy.rng import generator

    drawn = generator(1, "air", "fading").integers(0, 2**32, 4)
    assert drawn.tolist() == generator(1, "air", "fading").integers(0, 2**32, 4).tolist()
    assert drawn.tolist() == GENERATOR_HEAD
    assert not np.array_equal(drawn, generator("1", "air", "fading").integers(0, 2**32, 4))


GENERATOR_HEAD = [2454337079, 1769077599, 2271952304, 2934464366]
