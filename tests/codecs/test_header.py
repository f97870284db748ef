"""Side information: undone exactly, never too quiet, safe in noise."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linksim.codecs.header import (
    HEADER_BITS,
    HEADER_USES,
    Header,
    from_symbols,
    log2_power,
    nearest_design_snr,
    pack,
    power_index,
    to_symbols,
    unpack,
)

headers = st.builds(
    Header,
    step=st.integers(0, 127),
    power=st.integers(0, 1023),
    design_snr_db=st.integers(-16, 47),
    coded=st.booleans(),
)


@given(headers)
def test_unpack_undoes_pack(header):
    assert pack(header).shape == (HEADER_BITS,)
    assert unpack(pack(header)) == header


@given(st.floats(1e-4, 1e4))
def test_quantised_power_is_never_below_the_power_and_at_most_a_32nd_of_an_octave_above(power):
    quantised = 2 ** log2_power(power_index(power))
    assert power <= quantised * (1 + 1e-12)
    assert quantised <= power * 2 ** (1 / 32) * (1 + 1e-12)


def test_header_symbols_survive_noise_as_strong_as_the_signal():
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(200):
        header = Header(
            step=int(rng.integers(128)), power=int(rng.integers(1024)), design_snr_db=3, coded=False
        )
        noise = (rng.standard_normal(HEADER_USES) + 1j * rng.standard_normal(HEADER_USES)) / np.sqrt(2)
        got = from_symbols(to_symbols(pack(header)) + noise, np.ones(HEADER_USES, np.float32))
        wrong += unpack(got) != header
    assert wrong == 0, "Q(sqrt(2 * 32)) = 6e-16 a bit at 0 dB"


def test_design_snr_is_clipped_to_what_the_header_can_say():
    assert nearest_design_snr(-200.0) == -16
    assert nearest_design_snr(200.0) == 47
    assert nearest_design_snr(9.6) == 10
