"""HSC's semantic codec for photographs: the classical codec that it starts as, and its training."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

torch = pytest.importorskip("torch")

from models.hsc import normalised  # noqa: E402
from models.hsc_photo import HscPhoto, PhotoSize, cosines, opponents  # noqa: E402
from models.train_hsc_photo import (  # noqa: E402
    PhotoRecipe,
    crop,
    crops,
    divergence,
    loss_of,
    middles,
    sampled,
    shares,
    start,
    through_air,
    train,
)

SMALL = PhotoSize(side=32, uses=64, stem=8, width=12, encoder_blocks=1, decoder_blocks=1)


@pytest.fixture
def net(photos) -> HscPhoto:
    torch.manual_seed(1)
    made = HscPhoto(SMALL)
    start(made, photos, 1)
    return made


@pytest.fixture
def x(photos) -> torch.Tensor:
    """Five pictures [5, 32 * 32 * 3]."""
    return crops(photos, 5, 32, (9,))


def told(n: int, uses: int) -> torch.Tensor:
    return torch.full((n,), uses)


def spectra(x: torch.Tensor) -> np.ndarray:
    """All 32 x 32 frequencies of the opponent colours, by SciPy: [n, 3, 32, 32]."""
    image = x.numpy().reshape(-1, 32, 32, 3) - 0.5
    return dctn(image @ opponents().numpy().T, axes=(1, 2), norm="ortho").transpose(0, 3, 1, 2)


def test_transforms_are_orthonormal():
    for rows in (cosines(32, 8), cosines(8, 8), opponents()):
        torch.testing.assert_close(rows @ rows.T, torch.eye(len(rows)), atol=1e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("uses", [5, 64])
def test_it_starts_as_a_transform_codec_that_keeps_the_strongest_coefficients(net, x, uses):
    mean, _ = net.encode(x)
    x_hat = net.decode(normalised(mean, uses), told(5, uses))
    every = spectra(x)
    lost = every.copy()
    low = lost[:, :, :8, :8].reshape(5, -1)
    low[:, net.order[: 2 * uses - 1].numpy()] = 0
    lost[:, :, :8, :8] = low.reshape(5, 3, 8, 8)
    np.testing.assert_allclose((x_hat - x).square().sum(1), (lost**2).sum((1, 2, 3)), rtol=1e-3)
    assert (np.diff(net.log_prior[1:].detach().numpy()) <= 0).all()
    energies = np.sort((every[:, :, :8, :8] ** 2).sum(0).ravel())[::-1]
    assert (every**2).sum() - (lost**2).sum() > 0.8 * energies[: 2 * uses - 1].sum()


@torch.no_grad()
def test_the_pilot_tells_a_picture_s_contrast(net, x):
    faint = (x - 0.5) / 8 + 0.5
    for picture in (x, faint):
        mean, _ = net.encode(picture)
        _, noise, factor = net.heard(normalised(mean, 64), told(5, 64))
        torch.testing.assert_close(factor[:, 0], 128**0.5 / mean.norm(dim=1))
        assert noise.abs().max() < 1e-5
    x_hat, faint_hat = (net.decode(normalised(net.encode(p)[0], 64), told(5, 64)) for p in (x, faint))
    torch.testing.assert_close((faint_hat - 0.5) * 8, x_hat - 0.5, atol=1e-4, rtol=0)


@torch.no_grad()
def test_noise_is_measured_and_coefficients_are_estimated_with_least_error(net):
    generator, n = torch.Generator().manual_seed(1), 400
    c = torch.randn(n, 128, generator=generator) * (net.log_prior / 2).exp()
    c[:, 0] = 1
    z = normalised(c * net.log_gain.exp(), 64)
    true = 128**0.5 / (c * net.log_gain.exp()).norm(dim=1, keepdim=True)
    y = through_air(z, 64, 3.0, generator)
    found, noise, factor = net.heard(y, told(n, 64))
    assert noise.mean() == pytest.approx(10**-0.3, rel=0.05)
    scaled, n0, prior = true * net.log_gain.exp(), 10**-0.3, net.log_prior.exp()
    least = (prior * n0 / (scaled.square() * prior + n0))[:, 1:].sum(1).mean()
    assert (found - c)[:, 1:].square().sum(1).mean() < 1.25 * least
    assert (y / scaled - c)[:, 1:].square().sum(1).mean() > 1.4 * least
    assert (factor - true).abs().mean() < 0.3


@torch.no_grad()
def test_one_network_serves_every_k(net, x):
    torch.nn.init.normal_(net.decoder[-2].weight, std=0.05)
    mean, _ = net.encode(x)
    each = [net.decode(normalised(mean[i : i + 1], k), told(1, k)) for i, k in enumerate((1, 9, 64, 33, 2))]
    z = torch.cat([normalised(mean[i : i + 1], k) for i, k in enumerate((1, 9, 64, 33, 2))])
    torch.testing.assert_close(
        net.decode(z, torch.tensor([1, 9, 64, 33, 2])), torch.cat(each), atol=1e-5, rtol=0
    )


def test_the_divergence_is_that_of_gaussians(net, x):
    mean, log_variance = net.encode(x)
    normal = torch.distributions.Normal
    apart = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0))
    torch.testing.assert_close(divergence(mean, log_variance, 20), apart[:, :40].sum(1))


@torch.no_grad()
def test_a_sample_costs_what_the_start_says(net, photos):
    x = crops(photos, 40, 32, (8,))
    mean, log_variance = net.encode(x)
    drawn = sampled(mean, log_variance, torch.Generator().manual_seed(1))
    added = ((drawn - mean) / net.log_gain.exp())[:, 1:].square().mean()
    assert added == pytest.approx(4e-3, rel=0.05)


def test_noise_has_the_power_that_es_n0_says_and_stays_in_what_is_sent():
    z = torch.zeros(200, 128)
    n = through_air(z, 40, 7.0, torch.Generator().manual_seed(1))
    assert n[:, :80].square().mean() == pytest.approx(10**-0.7, rel=0.05)
    assert not n[:, 80:].any()


def test_one_half_of_a_batch_is_sent_without_noise(net, x):
    batch, noise = torch.cat([x[:2], x[:2]]), torch.Generator().manual_seed(1)
    loss, facts = loss_of(net, batch, 64, -5.0, 1.0, noise)
    mean, log_variance = net.encode(batch)
    clean = (net.decode(normalised(mean[:2], 64), told(2, 64)) - batch[:2]).square().mean()
    assert facts["mse"] == pytest.approx(clean.item(), abs=2e-6)
    assert facts["mse_noisy"] > 2 * facts["mse"]
    heavier, _ = loss_of(net, batch, 64, -5.0, 3.0, torch.Generator().manual_seed(1))
    second = divergence(mean, log_variance, 64).mean().item() / (3 * 32 * 32)
    assert (heavier - loss).item() == pytest.approx(2 * second, rel=1e-3)
    loss.backward()
    assert all(p.grad is not None for p in net.parameters())


def test_crops_are_of_any_scale_and_middles_of_the_photo_s_own(photos):
    ramp = np.broadcast_to(np.arange(96, dtype=np.uint8)[:, None, None], (96, 120, 3))
    found = [crop(ramp, 32, np.random.default_rng(i)) for i in range(60)]
    assert {each.shape for each in found} == {(32, 32, 3)}
    steps = [np.diff(each[4:-4, 0, 0].astype(float)).mean() for each in found]
    assert min(steps) < 1.3
    assert 2.5 < max(steps) <= 3.1
    middle = middles([ramp], 32).reshape(32, 32, 3)
    torch.testing.assert_close(middle[:, 5, 1] * 255, torch.arange(32, 64).float())
    torch.testing.assert_close(crops(photos, 3, 32, (1, 2)), crops(photos, 3, 32, (1, 2)))
    assert (crops(photos, 3, 32, (1, 2)) != crops(photos, 3, 32, (1, 3))).any()


def test_more_reals_than_coefficients_are_refused():
    with pytest.raises(ValueError, match="uses: must be at most 96 for pictures of 32 a side, got 97"):
        HscPhoto(PhotoSize(side=32, uses=97))


def test_vectors_learn_slower(net):
    fast, slow = shares(net)
    assert sorted(len(p) for p in slow["params"]) == [128, 128, 128]
    assert (fast["share"], slow["share"]) == (1.0, 0.1)
    assert len(fast["params"]) + 3 == len(list(net.parameters()))


def test_it_learns_what_a_transform_codec_loses(net, photos):
    x = torch.zeros(8, 32, 32, 3)
    for i, at in enumerate(np.random.default_rng(1).integers(4, 20, (8, 2))):
        x[i, at[0] : at[0] + 9, at[1] : at[1] + 9] = 1
    x, optimiser = x.reshape(8, -1), torch.optim.Adam(net.parameters(), lr=4e-3)
    found = []
    for step in range(50):
        loss, facts = loss_of(net, x, 64, 10.0, 1.0, torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append([facts["mse"], facts["mse_noisy"]])
    assert (np.array(found[-1]) < 0.75 * np.array(found[0])).all()


def test_training_goes_on_where_it_stopped(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("models.data.VALIDATION_EVERY", 4)
    monkeypatch.setattr("models.train_hsc_photo.STARTED_ON", 32)
    monkeypatch.setattr("models.train_hsc_photo.LOG_EVERY", 5)
    for i, photo in enumerate(photos):
        Image.fromarray(photo).resize((72, 64)).save(tmp_path / f"{i}.png")
    recipe = PhotoRecipe(size=SMALL, steps=12, bfloat16=False)
    once = train(recipe, [tmp_path], tmp_path / "once", 60)
    train(recipe, [tmp_path], tmp_path / "twice", 60, stop_at=5)
    twice = train(recipe, [tmp_path], tmp_path / "twice", 60)
    for name, value in once.net.state_dict().items():
        torch.testing.assert_close(twice.net.state_dict()[name], value, rtol=1e-4, atol=1e-6)
    lines = [json.loads(line) for line in (tmp_path / "once" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "mse_mean_64" in line] == [0, 12]
    assert [line["step"] for line in lines if "loss" in line] == [5, 10]
    assert lines[0]["images"] == 3
