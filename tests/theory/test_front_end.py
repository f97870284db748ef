"""Clipping and converters of analog symbols against closed forms and against simulation."""

import numpy as np
import pytest
from scipy.special import erfc

from phy.front_end import FrontEnd
from phy.rng import complex_normal, generator


def symbols(n: int = 400_000) -> np.ndarray:
    return complex_normal(n, generator("front end")).astype(np.complex64)


@pytest.mark.parametrize("clip_db", [-3.0, 0.0, 3.0])
def test_a_clipped_gaussian_keeps_bussgang_s_signal_to_distortion_ratio(clip_db):
    """alpha^2 / (P - alpha^2), P = 1 - exp(-A^2), alpha = P + sqrt(pi) A erfc(A) / 2; peak A^2 / P."""
    x, front = symbols(), FrontEnd(clip_db=clip_db)
    most = 10 ** (clip_db / 20)
    power = 1 - np.exp(-(most**2))
    alpha = power + np.sqrt(np.pi) * most * erfc(most) / 2
    sent = front.drive(x).astype(np.complex128)
    beta = np.vdot(x, sent).real / np.vdot(x, x).real
    distortion = np.mean(np.abs(sent - beta * x) ** 2)
    assert beta**2 / distortion == pytest.approx(alpha**2 / (power - alpha**2), rel=0.02)
    assert front.beta**2 / front.distortion == pytest.approx(alpha**2 / (power - alpha**2), rel=1e-9)
    assert np.abs(sent).max() ** 2 == pytest.approx(most**2 / power, rel=1e-5)
    assert abs(np.mean(np.abs(sent) ** 2) - 1) < 5 / np.sqrt(x.size)
    assert np.allclose(np.angle(sent), np.angle(x), atol=1e-5)


def test_each_bit_of_the_converter_is_worth_six_decibels():
    """Uniform in the converter's range: error D^2 / 12 a dimension, so 20 log10(2) dB a bit."""
    rng, most = generator("uniform"), 10 ** (9 / 20)
    x = (rng.uniform(-most, most, (2, 200_000)) * np.sqrt(0.5)).astype(np.float32)
    x = (x[0] + 1j * x[1]).astype(np.complex64)
    noise = {}
    for bits in range(5, 11):
        front = FrontEnd(clip_db=9.0, dac_bits=bits)
        sent = front.drive(x).astype(np.complex128)
        # middles of steps are the means of what lies in them, so least squares finds the grid's scale
        grid = sent * (np.vdot(sent, x) / np.vdot(sent, sent)).real
        noise[bits] = np.mean(np.abs(grid - x) ** 2)
        assert noise[bits] == pytest.approx((2 * most / 2**bits) ** 2 / 6, rel=0.03)
    gains = 10 * np.log10([noise[bits] / noise[bits + 1] for bits in range(5, 10)])
    assert np.abs(gains - 6.02).max() < 0.15


@pytest.mark.parametrize(("clip_db", "bits"), [(3.0, 1), (0.0, 2), (6.0, 3), (9.0, 4), (9.0, 6), (6.0, 12)])
def test_what_the_receiver_takes_for_granted_holds_for_gaussian_symbols(clip_db, bits):
    x, front = symbols(), FrontEnd(clip_db=clip_db, dac_bits=bits)
    sent = front.drive(x).astype(np.complex128)
    error = 5 / np.sqrt(x.size)
    assert abs(np.mean(np.abs(sent) ** 2) - 1) < error
    beta = np.vdot(x, sent).real / np.vdot(x, x).real
    assert abs(beta - front.beta) < error
    assert np.mean(np.abs(sent - beta * x) ** 2) == pytest.approx(front.distortion, abs=error)
    levels = np.unique(np.round(sent.real, 4))
    assert len(levels) <= 2**bits


@pytest.mark.parametrize("bits", [None, 6])
@pytest.mark.parametrize("clip_db", [-6.0, 0.0, 3.0])
def test_no_symbols_leave_with_more_than_their_power(clip_db, bits):
    """Those of one amplitude are clipped less than Gaussian ones, and sqrt(P) would lift them above 1."""
    front, turn = FrontEnd(clip_db=clip_db, dac_bits=bits), generator("phases").uniform(0, 2 * np.pi, 5000)
    even = np.exp(1j * turn).astype(np.complex64)
    assert np.mean(np.abs(front.drive(even)) ** 2) == pytest.approx(1, abs=1e-5)
    rare = np.where(np.arange(5000) % 50, 0, np.sqrt(50) * even).astype(np.complex64)
    assert np.mean(np.abs(front.drive(rare)) ** 2) < 0.5
    assert front.drive(even[:0]).size == 0


def test_one_bit_loses_what_a_sign_loses():
    """E|x| of a Gaussian is sqrt(2/pi) of its deviation, whatever the range: beta^2 = 2 / pi."""
    for clip_db in (0.0, 9.0):
        assert FrontEnd(clip_db=clip_db, dac_bits=1).beta ** 2 == pytest.approx(2 / np.pi, rel=1e-6)


def test_a_linear_front_end_changes_nothing():
    x, front = symbols(100), FrontEnd()
    assert front.drive(x) is x
    assert (front.beta, front.distortion, front.snr(10.0)) == (1.0, 0.0, pytest.approx(10.0))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"clip_db": 60}, "clip_db: must lie between -10 and 40 dB over the mean power, got 60"),
        ({"clip_db": float("nan")}, "clip_db: must lie between"),
        ({"clip_db": 6, "dac_bits": 0}, "dac_bits: must be 1 to 12 a real dimension, got 0"),
        ({"dac_bits": 4}, "dac_bits: needs clip_db, the range of the converter, got 4 alone; add clip_db: 9"),
    ],
)
def test_a_front_end_that_cannot_be_is_refused(fields, told):
    with pytest.raises(ValueError, match=told):
        FrontEnd(**fields)
