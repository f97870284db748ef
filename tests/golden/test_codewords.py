"""Codewords that must not move: stored results and curves name their codes by words.

Each is the word of the scrambler's sequence, all ones at its start. The first five of 5G NR are among those
that equal Sionna's (tests/oracles/test_nr_ldpc.py); the codes of tables have their own answers in phy/data.
"""

from hashlib import sha256

import numpy as np
import pytest

from phy.fec import find_code
from phy.fec.wigig import scrambler_sequence

ANSWERS = {
    "802.11ad-7/8": "ada79d16026b815413ec3eab83f0aa5b",
    "802.11ad-mcs1": "664adf1e8a04f5996dce8ac306c95aa6",
    "nr-ldpc:k=100,n=200,qm=2": "1c27a2c1eeeba7af7cea759b272484ae",
    "nr-ldpc:k=1024,n=1366,qm=2": "185e7cffae7266c3d68d4faab04be43b",
    "nr-ldpc:k=3840,n=4480,bg=2": "14efbafb7f6f34f968dd5e8c98d5f6f1",
    "nr-ldpc:k=5280,n=15840,bg=1": "3fc99782c36260a9c04a7d31b05839da",
    "nr-ldpc:k=8448,n=12672,qm=6": "e91fcc3d69584c29ca6ac2c27462eae0",
    "nr-ldpc:k=128,rate=1/20": "eafffbbefa87112b4bfd80eaf331616e",
    "nr-ldpc:k=1024,n=2048,rv=2": "47d1175dca3f33b2e014c09596a3e9cf",
    "nr-ldpc:k=20000,rate=1/2": "266a79ef6beaa18de3898a7a51264fd9",
    "gallager:n=600,dv=3,dc=6": "3daefbe757ee84fd0b318b45b394dddc",
    "gallager:n=96,dv=2,dc=4,seed=7": "5ea884bbb6cd284dd57d61210093b8d8",
}
"""Word -> the first 32 digits of the SHA-256 of the codeword's bits, eight to a byte."""


@pytest.mark.parametrize("word", ANSWERS)
def test_a_codeword_stays_what_it_was(word):
    code = find_code(word)
    sent = code.encode(scrambler_sequence(code.k))
    assert sha256(np.packbits(sent).tobytes()).hexdigest()[:32] == ANSWERS[word]
