"""Denoisers on links: steps against Gaussian oracles, what the decoder gets, cards that do not fit."""

import numpy as np
import pytest

from linksim.codecs.analog import Analog
from linksim.codecs.denoiser import Denoiser, SymbolNetwork, find_denoiser, gbar, path, refined, start_level
from linksim.codecs.network import find_network
from linksim.errors import LinksimError
from models.card import Card, sha256, write_card
from phy.rng import complex_normal
from phy.types import Grant, SymbolsObserved

CARD = "hda_deepsc"
M = 192
RNG = np.random.default_rng(1)


def gaussian(v):
    """The exact eps of reals of variance v."""

    def eps(x, noise):
        s2 = np.maximum(noise, 0)
        return (np.sqrt(s2) * x / (v + s2)).astype(np.float32)

    return eps


def symbols(v, snr_db, n=30_000):
    s2 = 10 ** (-snr_db / 10)
    sent = np.sqrt(v) * RNG.standard_normal((1, 1, 1, n))
    received = sent + np.sqrt(s2) * RNG.standard_normal(sent.shape)
    return sent, received.astype(np.float32), np.full(sent.shape, s2, np.float32)


def ddim(x, noise, shares, eps_of):
    """Song, Meng, Ermon 2021, eq. (12) without randomness, in the scale of x^."""
    for below, at in zip(reversed(shares[:-1]), reversed(shares[1:]), strict=True):
        g2 = noise / (1 + noise)
        s_at, s_below = (np.sqrt(share**2 * g2 / (1 - share**2 * g2)) for share in (at, below))
        x = x - (s_at - s_below) * eps_of(x, s_at**2)
    return x


@pytest.mark.parametrize("v", [1.0, 0.2, 8.0])
@pytest.mark.parametrize("steps", [1, 2, 10, 50, None])
def test_steps_with_the_exact_gaussian_score_are_the_lmmse_estimate(v, steps):
    _, x, noise = symbols(v, 0, 100)
    found = refined(x, noise, path(1.0, steps), gaussian(v))
    np.testing.assert_allclose(found, x * v / (v + noise), rtol=1e-5, atol=1e-6)


def test_ddim_is_something_else():
    """It keeps the variance of a sample: x sqrt(v / (v + s^2)), and its error is larger."""
    sent, x, noise = symbols(1.0, 0)
    found = ddim(x, noise, path(1.0, 200), gaussian(1.0))
    np.testing.assert_allclose(found, x / np.sqrt(2), rtol=5e-3, atol=1e-5)
    lmmse = np.mean((refined(x, noise, path(1.0, 20), gaussian(1.0)) - sent) ** 2)
    assert lmmse == pytest.approx(0.5, rel=0.03)
    assert np.mean((found - sent) ** 2) == pytest.approx(2 - np.sqrt(2), rel=0.03)


def test_random_steps_end_in_a_sample_of_twice_the_error():
    """With many steps DDPM samples x given x^: its error is that of LMMSE and the sample's own."""
    sent, x, noise = symbols(1.0, 0)
    found = refined(x, noise, path(1.0, 50), gaussian(1.0), np.random.default_rng(3))
    assert np.mean((found - sent) ** 2) == pytest.approx(1.0, rel=0.05)
    one = refined(x, noise, path(1.0, 1), gaussian(1.0), np.random.default_rng(3))
    np.testing.assert_allclose(one, x / 2, atol=1e-6)


def test_reals_have_levels_of_their_own_and_those_not_sent_stay():
    x = np.ones((1, 1, 1, 3), np.float32)
    noise = np.asarray([0.25, 1.0, -1.0], np.float32).reshape(x.shape)
    found = refined(x, noise, path(0.5, 7), gaussian(1.0))
    np.testing.assert_allclose(found.reshape(-1), [0.8, 0.5, 1.0], rtol=1e-5)


def test_a_fade_that_leaves_nothing_gives_finite_numbers():
    x, noise = np.full((1, 1, 1, 2), 1e6, np.float32), np.full((1, 1, 1, 2), np.inf, np.float32)
    assert np.isfinite(refined(x, noise, path(1e30, 5), gaussian(1.0))).all()


def test_the_schedule_covers_20_to_minus_68_db():
    g2 = gbar(np.arange(51)) ** 2
    snr_db = -10 * np.log10(g2[[1, 50]] / (1 - g2[[1, 50]]))
    np.testing.assert_allclose(snr_db, [19.96, -67.8], atol=0.6)
    assert [start_level(10 ** (-db / 10)) for db in (0, 5, 10, 15, 20)] == [11, 6, 3, 2, 0]
    assert len(path(1.0, None)) == 12


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kind": "lmmse", "card": "x"}, "card: is not of kind lmmse"),
        ({"kind": "dncnn", "steps": 4}, "steps: is of diffsdnet, ddpm, got 4"),
        ({"kind": "ddpm", "steps": 0}, "steps: must be 1 to 1000, got 0"),
        ({"kind": "none", "weight": 0.5}, "weight: is not of kind none"),
        ({"kind": "ddpm", "weight": 1.5}, r"weight: must be in \(0, 1\], got 1.5"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(fields, told):
    with pytest.raises(ValueError, match=told):
        Denoiser(**fields)


@pytest.fixture
def card(tmp_path):
    """Writes a card of the Gaussian score as a denoiser of 60 channels: all of it but the graph's nodes."""
    base = find_network(CARD).card

    def written(left=(0.5, 1.0), **change):
        np.savez(tmp_path / "prior.npz", channel=np.arange(60), snr_db=[0.0, 20.0], left=left)
        (tmp_path / "denoiser.onnx").write_bytes(b"")
        fields = {
            "name": "gaussian", "kind": "denoiser", "version": 1, "paper": "", "streams": {},
            "files": {name: sha256(tmp_path / name) for name in ("denoiser.onnx", "prior.npz")},
            "graphs": {}, "network": {"z_channels": M, "reals_per_token": 62.0},
            "base": {"name": base.name, **base.files},
        }  # fmt: skip
        write_card(Card(**fields | change), tmp_path)
        return str(tmp_path)

    return written


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "hsc"}, "must be a card of kind 'denoiser', got 'hsc'"),
        ({"base": {}}, "codec.denoiser.card: gaussian is for symbols of none, got 'hda_deepsc'"),
        ({"base": {"name": CARD, "encoder.onnx": "0"}}, "must be trained on symbols of the hda_deepsc"),
        ({"network": {"z_channels": M}}, "must have network.reals_per_token, a number"),
    ],
)
def test_wrong_cards_are_one_line(card, change, told):
    with pytest.raises(LinksimError, match=told):
        _ = Analog(card=CARD, denoiser=Denoiser(kind="diffsdnet", card=card(**change))).fingerprint
    with pytest.raises(LinksimError, match=r"codec\.denoiser\.card: must name a network"):
        _ = Analog(card=CARD, denoiser=Denoiser(kind="dncnn", card="nowhere")).fingerprint


def test_another_bandwidth_ratio_is_refused_before_anything_runs(card):
    codec = Analog(card=CARD, denoiser=Denoiser(kind="ddpm", card=card()))
    assert "; denoiser: " in codec.fingerprint
    codec.check((512, 768, 3), {"auxiliary": Grant(channel_uses=196_608, payload_bits=0, snr_db=0.0)})
    with pytest.raises(ValueError, match="gaussian is for 62 reals a token, got 32"):
        codec.check((512, 768, 3), {"auxiliary": Grant(channel_uses=98_304, payload_bits=0, snr_db=0.0)})


def received(snr_db):
    image = RNG.integers(0, 255, (64, 96, 3)).astype(np.uint8)
    codec = Analog(card=CARD)
    grant = Grant(channel_uses=image.size // 6, payload_bits=0, snr_db=snr_db)
    (message,) = codec.encode([image], [{"auxiliary": grant}])
    sent, n0 = message["auxiliary"].data, np.float32(10 ** (-snr_db / 10))
    noise = (complex_normal(sent.size, RNG) * np.sqrt(n0)).astype(np.complex64)
    return SymbolsObserved(data=sent + noise, noise_var=np.full(sent.size, n0)), image.shape


@pytest.mark.parametrize("kind", ["dncnn", "diffsdnet", "ddpm"])
def test_what_the_decoder_gets_is_the_estimate_and_its_noise(card, kind, monkeypatch):
    """Its linear estimates are what the network found, of half the error; reals off the network stay."""
    denoiser = Denoiser(kind=kind, card=card(), steps=None if kind == "dncnn" else 3, weight=1)
    base = find_network(CARD)
    network = find_denoiser(denoiser.card, base.folder)
    monkeypatch.setattr(SymbolNetwork, "eps", lambda self, *given: gaussian(1.0)(*given))
    x = RNG.standard_normal((1, M, 8, 8)).astype(np.float32)
    noise, v = np.full_like(x, 4.0), np.full_like(x, 12.0)
    noise[:, 62:] = -1
    noise[:, :60, 0, 0] = -1
    got, left = denoiser.detected(network, x, noise, v, 2.0)
    np.testing.assert_array_equal(got[:, 60:], x[:, 60:])
    np.testing.assert_array_equal(left[noise < 0], -1)
    told, weight = (noise > 0)[:, :60], 12 / (12 + left[:, :60])
    np.testing.assert_allclose((12 * (1 - weight))[told], 0.5 * 12 * 4 / (12 + 4), rtol=1e-5)
    if kind != "ddpm":
        np.testing.assert_allclose((got[:, :60] * weight)[told], (x[:, :60] / 2)[told], rtol=1e-4, atol=1e-6)
    again, _ = denoiser.detected(network, x, noise, v, 2.0)
    np.testing.assert_array_equal(got, again)
    other, _ = denoiser.detected(network, x + np.float32(1e-6), noise, v, 2.0)
    assert np.allclose(got, other, atol=1e-3) == (kind != "ddpm")


@pytest.mark.parametrize("weight", [0.25, None, 1.0])
def test_the_decoder_is_told_the_error_of_both_estimates_together(card, weight, monkeypatch):
    """Reals of two values, whose mean given x^ is known: their mean with the linear estimate, simulated."""
    v, s2 = 1.0, np.float32(0.5)
    sent = RNG.choice([-1.0, 1.0], (1, M, 40, 40))
    x = (sent + np.sqrt(s2) * RNG.standard_normal(sent.shape)).astype(np.float32)
    noise, expected = np.full_like(x, s2), np.full_like(x, v)
    share = np.mean((np.tanh(x / s2) - sent) ** 2) / (v * s2 / (v + s2))
    denoiser = Denoiser(kind="dncnn", card=card(left=(share, share)), weight=weight)
    network = find_denoiser(denoiser.card, find_network(CARD).folder)
    exact = (x - np.tanh(x / s2))[:, :60] / np.sqrt(s2)
    monkeypatch.setattr(SymbolNetwork, "eps", lambda self, x, noise: exact)
    got, left = (part[:, :60] for part in denoiser.detected(network, x, noise, expected, 0.0))
    seen = np.mean((v / (v + left) * got - sent[:, :60]) ** 2)
    np.testing.assert_allclose(v * left / (v + left), seen, rtol=0.02)


def test_where_t_is_zero_symbols_are_left_as_they_are(card):
    denoiser, base = Denoiser(kind="diffsdnet", card=card()), find_network(CARD)
    x, noise = np.ones((1, M, 8, 8), np.float32), np.full((1, M, 8, 8), 0.0099, np.float32)
    got, left = denoiser.detected(find_denoiser(denoiser.card, base.folder), x, noise, x, 0.0)
    assert got is x
    assert left is noise


def test_none_tells_the_decoder_of_no_noise_and_lmmse_is_as_it_was_trained():
    got, shape = received(3.0)
    pictures = {
        kind: Analog(card=CARD, denoiser=Denoiser(kind=kind)).decode([{"auxiliary": got}], [shape])[0].image
        for kind in ("lmmse", "none")
    }
    assert np.any(pictures["lmmse"] != pictures["none"])
    np.testing.assert_array_equal(
        pictures["lmmse"], Analog(card=CARD).decode([{"auxiliary": got}], [shape])[0].image
    )
