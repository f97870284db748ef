"""Encoder, mapper and demapper of the native engine against the float64 definitions, and `auto`."""

import subprocess
import sys

import numpy as np
import pytest

from phy import mapping
from phy.chain import Chain, count
from phy.constellation import CONSTELLATIONS
from phy.engine import find_engine
from phy.fec import CODES, FAMILIES, Decoder, find_code
from phy.fec.decoder import Quantisation, default_decoder

NATIVE = find_engine("native")


@pytest.mark.parametrize("name", CODES)
def test_codewords_are_the_codes_own(name):
    code = CODES[name]
    bits = np.random.default_rng(1).integers(0, 2, (67, code.k), np.uint8)
    assert np.array_equal(NATIVE.encode(code, bits), code.encode(bits))
    assert NATIVE.encode(code, bits[:0]).shape == (0, code.n)


@pytest.mark.parametrize("name", CONSTELLATIONS)
def test_symbols_and_llrs_are_the_definitions(name):
    """LLRs to 2e-5 of their size and 1: single precision, after sums of squares some hundred times theirs."""
    constellation, rng = CONSTELLATIONS[name], np.random.default_rng(2)
    bits = rng.integers(0, 2, (3, 43 * constellation.bits_per_symbol), np.uint8)
    symbols = NATIVE.map(constellation, bits)
    assert np.array_equal(symbols, mapping.map_bits(constellation, bits).astype(np.complex64))
    for snr_db in (-5, 10, 25):
        noise_var = (10 ** (-snr_db / 10) * rng.uniform(0.5, 2, symbols.shape)).astype(np.float32)
        noise = rng.standard_normal((*symbols.shape, 2)) @ (1, 1j)
        y = (symbols + np.sqrt(noise_var / 2) * noise).astype(np.complex64)
        for method in ("exact", "max-log"):
            got = NATIVE.demap(constellation, y, noise_var, method)
            np.testing.assert_allclose(
                got, mapping.demap(constellation, y, noise_var, method), rtol=2e-5, atol=2e-5
            )


def test_no_symbols_are_no_llrs():
    empty = np.empty((0, 5), np.complex64)
    assert NATIVE.demap(CONSTELLATIONS["16qam"], empty, np.float32(1), "exact").shape == (0, 20)
    assert NATIVE.map(CONSTELLATIONS["16qam"], np.empty((0, 20), np.uint8)).shape == (0, 5)


def test_bits_that_fill_no_symbol_are_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        NATIVE.map(CONSTELLATIONS["16qam"], np.zeros((1, 6), np.uint8))


def test_auto_takes_native_where_it_has_the_decoder():
    auto, code = find_engine("auto"), find_code("802.11ad-1/2")
    assert auto.chosen(code, Decoder()) == "native"
    assert auto.chosen(find_code("conv:k=330"), default_decoder(find_code("conv:k=330"))) != "native"
    six = Decoder(algorithm="offset-min-sum", quantisation=Quantisation(bits=6, limit=7))
    assert auto.chosen(code, six) == "reference"
    llr = np.ones((2, code.n), np.float32)
    assert np.array_equal(auto.decode(code, llr, six), find_engine("reference").decode(code, llr, six))


def test_auto_does_not_wait_for_a_compiler_of_turbo_codes():
    """Sionna's turbo decoder compiles for most of a minute and is no quicker than the reference then."""
    code = find_code("turbo:k=40")
    assert find_engine("auto").chosen(code, default_decoder(code)) == "reference"
    assert FAMILIES["turbo"].engines[0] == "reference"


def test_floating_point_decoders_tell_their_iterations():
    code, decoder = find_code("802.11ad-1/2"), Decoder(iterations=12)
    chain = Chain(code=code, constellation=CONSTELLATIONS["qpsk"], decoder=decoder)
    native, plain = (count(chain, find_engine(name), 1.5, 3, range(64)) for name in ("native", "reference"))
    assert native.iterations == pytest.approx(plain.iterations, rel=0.02)
    assert 64 < plain.iterations < 64 * 12
    int8 = Decoder(algorithm="min-sum", schedule="layered", quantisation=Quantisation())
    assert NATIVE.soft(code, np.ones((1, code.n), np.float32), int8) is None


def test_nothing_loads_a_compiler_before_it_is_asked_for():
    script = (
        "import sys, phy.link, phy.chain, phy.frames; phy.engine.find_engine('auto');"
        "assert not {'numba', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
