"""Estimated channels against closed forms. Bands: 4 standard errors of a mean over independent frames."""

import numpy as np
import pytest

from phy.air import Layout, layout, pass_through
from phy.channel import Awgn, Jakes, Nakagami, Rayleigh, Rician, complex_normal
from phy.detect import AgeingCsi, PerfectCsi, PilotCsi, aged, feedback_correlation
from phy.rng import generator
from phy.theory import ber_rayleigh, least_squares_error

FRAMES = 20_000


def fades(channel, n_uses: int, frames: int = FRAMES, word: str = "h") -> np.ndarray:
    return np.array([channel.fading(n_uses, generator(word, i)) for i in range(frames)])


def noise_for(h: np.ndarray) -> np.ndarray:
    return complex_normal(h.size, generator("noise")).reshape(h.shape)


def estimated(channel, csi, n_data: int, n0: float, frames: int = FRAMES):
    """(layout, h, h^) complex [frames, n_data]: with x = 0 and one use's noise known, h^ is read off x^."""
    frame = layout(csi, channel, n_data)
    h = fades(channel, frame.total, frames)
    noise = noise_for(h)
    noise[:, frame.data] = 1.0  # x^ = sqrt(N0 / E_d) / h^
    x_hat, _ = pass_through(np.zeros((frames, n_data), np.complex64), frame, h, noise, n0)
    return frame, h[:, frame.data], np.sqrt(n0 / frame.data_energy) / x_hat


def agrees(samples: np.ndarray, theory: float) -> bool:
    """The mean of independent frames is the theory's."""
    return abs(samples.mean() - theory) < 4 * samples.std() / np.sqrt(len(samples))


@pytest.mark.parametrize(("count", "power"), [(1, 1.0), (4, 1.0), (16, 1.0), (4, 5.0)])
@pytest.mark.parametrize("channel", [Awgn(), Rayleigh(), Rician(k_factor=3.0), Nakagami(m=2.0)])
def test_least_squares_error_is_n0_over_pilot_energy(channel, count, power):
    """E|h^ - h|^2 = N0 / (n P), whatever the fading."""
    frame, h, h_hat = estimated(channel, PilotCsi(count=count, power=power), 20, 0.3, 4000)
    theory = least_squares_error(count, frame.pilot_energy, 0.3)
    assert agrees(np.abs(h_hat[:, 0] - h[:, 0]) ** 2, theory)
    assert frame.error_var(0.3) == pytest.approx(np.full(20, theory))


@pytest.mark.parametrize("k", [0.0, 1.0, 10.0])
@pytest.mark.parametrize("n0", [0.03, 1.0, 10.0])
def test_lmmse_shrinks_towards_the_mean_and_leaves_less(k, n0):
    """E|h^ - h|^2 = v s / (v + s) with v = 1 / (K + 1), s = N0 / (n P) (Kay 1993, section 12.3)."""
    channel, csi = Rician(k_factor=k), PilotCsi(count=4, estimator="lmmse")
    frame, h, h_hat = estimated(channel, csi, 8, n0, 4000)
    v, s = 1 / (k + 1), least_squares_error(4, 1.0, n0)
    assert agrees(np.abs(h_hat[:, 0] - h[:, 0]) ** 2, v * s / (v + s))
    assert frame.error_var(n0) == pytest.approx(np.full(8, v * s / (v + s)))


def test_lmmse_s_error_is_orthogonal_to_its_estimate():
    _, h, h_hat = estimated(Rayleigh(), PilotCsi(count=2, estimator="lmmse"), 1, 0.5, 4000)
    product = (h - h_hat)[:, 0] * np.conj(h_hat[:, 0])
    assert agrees(product.real, 0.0)
    assert agrees(product.imag, 0.0)


@pytest.mark.parametrize("estimator", ["ls", "lmmse"])
@pytest.mark.parametrize("spacing", [None, 20])
def test_over_moving_fading_the_error_of_every_use_is_the_one_foretold(estimator, spacing):
    csi = PilotCsi(count=3, spacing=spacing, estimator=estimator)
    frame, h, h_hat = estimated(Jakes(doppler=0.008), csi, 150, 0.05, 3000)
    error, theory = np.abs(h_hat - h) ** 2, frame.error_var(0.05)
    z = (error.mean(axis=0) - theory) / (error.std(axis=0) / np.sqrt(len(error)))
    assert np.abs(z).max() < 5


def test_a_wiener_filter_is_no_worse_than_straight_lines_and_than_one_group():
    for spacing in (10, 25, 60):
        errors = [
            layout(PilotCsi(count=2, spacing=spacing, estimator=each), Jakes(doppler=0.01), 500).error_var(
                0.1
            )
            for each in ("ls", "lmmse")
        ]
        assert (errors[1] <= errors[0] + 1e-12).all()


def test_a_wiener_filter_over_one_group_is_the_closed_form():
    """One pilot: h^ = R(d) / (1 + N0 / P) y, error 1 - R(d)^2 / (1 + N0 / P)."""
    channel = Jakes(doppler=0.02)
    frame = layout(PilotCsi(count=1, estimator="lmmse"), channel, 30)
    r = channel.autocovariance(frame.data).real
    assert frame.error_var(0.2) == pytest.approx(1 - r**2 / (1 + 0.2), abs=1e-9)


@pytest.mark.parametrize("channel", [Rayleigh(), Rician(k_factor=2.0)])
def test_an_old_estimate_leaves_one_minus_rho_squared_of_the_scatter(channel):
    h, other = fades(channel, 1, FRAMES), fades(channel, 1, FRAMES, "past")
    v, rho = 1 - channel.mean**2, 0.8
    old = aged(h, other, channel.mean, rho)
    assert agrees(np.abs(old[:, 0]) ** 2, 1.0)  # it is a fade like any other
    prediction = channel.mean + rho * (old - channel.mean)
    assert agrees(np.abs(h - prediction)[:, 0] ** 2, v * (1 - rho**2))
    frame = layout(AgeingCsi(rho=rho), channel, 5)
    assert frame.total == 5
    assert frame.error_var(0.1) == pytest.approx(np.full(5, v * (1 - rho**2)))


def test_over_jakes_a_delay_is_its_correlation():
    channel = Jakes(doppler=0.001)
    rho = AgeingCsi(delay=100).correlation(channel)
    assert rho == pytest.approx(0.90371, abs=1e-5)  # J0(0.2 pi)
    assert feedback_correlation(channel, 100, 10**4) == pytest.approx(rho)
    assert feedback_correlation(Rayleigh(block=400), 100, 10**4) == 0.75
    assert feedback_correlation(Rayleigh(), 100, 10**4) == 0.99
    assert feedback_correlation(Awgn(), 100, 10**4) == 1.0
    assert feedback_correlation(Rayleigh(block=4), 100, 10**4) == 0.0


def qpsk_errors(csi, n0: float, frames: int = 12_000) -> np.ndarray:
    """Bit error rate of every frame of 8 uncoded QPSK symbols, float64 [frames]."""
    frame = layout(csi, Rayleigh(), 8)
    h = fades(Rayleigh(), frame.total, frames)
    symbols = np.array([1 + 1j, 1 - 1j, -1 + 1j, -1 - 1j]) / np.sqrt(2)
    x = symbols[generator("bits").integers(0, 4, (frames, 8))].astype(np.complex64)
    x_hat, _ = pass_through(x, frame, h, noise_for(h), n0)
    wrong = (x_hat.real * x.real < 0).astype(float) + (x_hat.imag * x.imag < 0)
    return wrong.mean(axis=1) / 2


@pytest.mark.parametrize("estimator", ["ls", "lmmse"])
@pytest.mark.parametrize("n0", [1.0, 0.1])
def test_uncoded_errors_with_pilots_meet_their_closed_form_above_perfect_knowledge(n0, estimator):
    """QPSK: (1 - mu / sqrt(2 - mu^2)) / 2, mu^2 = 1 / ((1 + N0) (1 + s_e^2)) the squared correlation of y
    and h^ (Proakis, Digital Communications, appendix C); shrinking h^ turns no sign."""
    theories = [float(ber_rayleigh(2, 1 / n0))]
    for count in (16, 4, 1):
        s = least_squares_error(count, 1.0, n0)
        mu_2 = 1 / ((1 + n0) * (1 + s))
        theories.append((1 - np.sqrt(mu_2 / (2 - mu_2))) / 2)
        assert agrees(qpsk_errors(PilotCsi(count=count, estimator=estimator), n0), theories[-1])
    assert theories == sorted(theories)
    assert agrees(qpsk_errors(PerfectCsi(), n0), theories[0])


def test_energies_of_pilots_and_data_make_one_in_the_mean():
    for power, spacing in ((1.0, None), (4.0, 10), (0.25, 50)):
        frame: Layout = layout(PilotCsi(count=3, power=power, spacing=spacing), Rayleigh(block=100), 777)
        assert frame.n_data == 777
        assert frame.pilot_energy == pytest.approx(power * frame.data_energy)
        sent = frame.n_data * frame.data_energy + frame.n_pilots * frame.pilot_energy
        assert sent == pytest.approx(frame.total)
