"""Laws of the air for every channel and every knowledge of it: honest noise levels, exact layouts."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from phy.air import layout, layout_within, pass_through
from phy.channel import Awgn, Jakes, Nakagami, Rayleigh, Recorded, Rician, complex_normal
from phy.compact import compact
from phy.detect import AgeingCsi, PerfectCsi, PilotCsi, parse_csi
from phy.rng import generator

RECORDING = Path(__file__).with_name("recorded_fading.csv")
CHANNELS = {
    "awgn": Awgn(),
    "rayleigh": Rayleigh(),
    "blocks": Rayleigh(block=50),
    "rician": Rician(k_factor=3.0, block=77),
    "nakagami": Nakagami(m=2.0, block=33),
    "jakes": Jakes(doppler=0.004),
    "recorded": Recorded(file=str(RECORDING), normalise=True),
}
KNOWLEDGE = [
    "perfect",
    "pilots:count=4",
    "pilots:count=4,power=3,estimator=lmmse",
    "pilots:count=2,spacing=20",
    "pilots:count=2,spacing=20,power=0.5,estimator=lmmse",
    "ageing:rho=0.9",
]
EACH = [each for each in product(CHANNELS, KNOWLEDGE) if each != ("awgn", "ageing:rho=0.9")]
FRAMES, N_DATA = 600, 150


@pytest.mark.parametrize(("name", "csi"), EACH)
@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_what_is_detected_is_told_its_true_noise_level(name, csi, snr_db):
    """mean(|x^ - x|^2 / noise_var) = 1 over independent frames, within 4.5 standard errors (126 draws)."""
    channel, n0 = CHANNELS[name], 10 ** (-snr_db / 10)
    frame = layout(parse_csi(csi), channel, N_DATA)
    shape = FRAMES, frame.total
    h, other = (
        np.array([channel.fading(frame.total, generator(word, i)) for i in range(FRAMES)])
        for word in ("h", "other")
    )
    noise = complex_normal(FRAMES * frame.total, generator("n")).reshape(shape)
    x = complex_normal(FRAMES * N_DATA, generator("x")).reshape(FRAMES, N_DATA).astype(np.complex64)
    x_hat, noise_var = pass_through(x, frame, h, noise, n0, other)
    ratio = (np.abs(x_hat - x) ** 2 / noise_var).mean(axis=1)
    assert x_hat.dtype == np.complex64
    assert noise_var.dtype == np.float32
    assert abs(ratio.mean() - 1) < 4.5 * ratio.std() / np.sqrt(FRAMES)


@pytest.mark.parametrize(("name", "csi"), EACH)
def test_a_layout_has_just_the_data_asked_for_and_ends_in_them(name, csi):
    for n_data in (0, 1, 2, 17, 18, 19, 48, 49, 500):
        frame = layout(parse_csi(csi), CHANNELS[name], n_data)
        assert frame.n_data == frame.data.size == n_data
        assert sorted([*frame.data, *frame.pilots]) == list(range(frame.total))
        assert not n_data or frame.data[-1] == frame.total - 1
        energy = n_data * frame.data_energy + frame.n_pilots * frame.pilot_energy
        assert energy == pytest.approx(frame.total)


@pytest.mark.parametrize(("name", "csi"), EACH)
def test_a_frame_is_filled_as_far_as_its_uses_go(name, csi):
    for n_uses in (0, 1, 3, 40, 99, 100, 101, 102, 103, 104, 333):
        frame = layout_within(parse_csi(csi), CHANNELS[name], n_uses)
        assert frame.total <= n_uses
        assert layout(parse_csi(csi), CHANNELS[name], frame.n_data + 1).total > n_uses


@pytest.mark.parametrize(("name", "csi"), EACH)
def test_frames_pass_alike_alone_and_in_any_batch(name, csi):
    frame = layout(parse_csi(csi), CHANNELS[name], 60)
    h, other = (
        np.array(
            [[CHANNELS[name].fading(frame.total, generator(w, i, j)) for j in (0, 1)] for i in (0, 1, 2)]
        )
        for w in "ab"
    )
    noise = complex_normal(6 * frame.total, generator("n")).reshape(3, 2, -1)
    x = complex_normal(6 * 60, generator("x")).reshape(3, 2, -1).astype(np.complex64)
    whole = pass_through(x, frame, h, noise, 0.1, other)
    for i, j in product(range(3), range(2)):
        alone = pass_through(x[i, j], frame, h[i, j], noise[i, j], 0.1, other[i, j])
        for a, b in zip(whole, alone, strict=True):
            np.testing.assert_allclose(a[i, j], b, rtol=1e-5)


def test_pilots_stand_at_the_head_of_every_block_and_every_spacing():
    def places(csi, channel, n_data):
        return layout(csi, channel, n_data).pilots.tolist()

    assert places(PilotCsi(count=2), Rayleigh(), 9) == [0, 1]
    assert places(PilotCsi(count=2), Rayleigh(block=5), 7) == [0, 1, 5, 6, 10, 11]
    assert places(PilotCsi(count=1, spacing=4), Rayleigh(block=10), 9) == [0, 4, 8, 10]
    assert places(PilotCsi(count=2, spacing=4), Jakes(doppler=0.01), 5) == [0, 1, 4, 5, 8, 9]
    assert places(PerfectCsi(), Rayleigh(), 9) == places(AgeingCsi(rho=0.5), Rayleigh(), 9) == []


def test_nothing_grows_old_where_nothing_fades():
    with pytest.raises(ValueError, match=r"^csi.kind: ageing means nothing over awgn.*leave it out$"):
        layout(AgeingCsi(rho=0.9), Awgn(), 10)


def test_known_pilots_are_all_the_estimate_sees():
    """Other data, the same h^: the estimator is deaf to what it must not know."""
    frame = layout(PilotCsi(count=3, spacing=16), Jakes(doppler=0.01), 64)
    h, noise = (
        Jakes(doppler=0.01).fading(frame.total, generator(1)),
        complex_normal(frame.total, generator(2)),
    )
    ones, twos = (np.full(64, value, np.complex64) for value in (1.0, 2.0))
    seen = [pass_through(x, frame, h, noise, 0.1)[1] for x in (ones, twos)]
    np.testing.assert_array_equal(*seen)


def test_words_for_knowledge_and_channels_round_trip():
    for csi in KNOWLEDGE:
        assert parse_csi(compact(parse_csi(csi))) == parse_csi(csi)
