"""Denoisers: they start as the Gaussian score, learn, resume, and come out of the export as they were."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from linksim.codecs.denoiser import SymbolNetwork, find_denoiser, path, refined  # noqa: E402
from linksim.codecs.network import Known, find_network  # noqa: E402
from models import hda_deepsc, train_denoisers  # noqa: E402
from models.diffsdnet import UnetSize, pixel_loss  # noqa: E402
from models.dncnn import DncnnSize  # noqa: E402
from models.export_denoisers import export, load  # noqa: E402
from models.train_denoisers import DenoiserRecipe, Sent, build, noised, take_step, train, variances  # noqa: E402

C = 6
SIZES = {"unet": UnetSize(widths=(8, 16), heads=2, level_width=8), "cnn": DncnnSize(depth=4, width=8)}


def recipe(size, **change):
    return replace(
        DenoiserRecipe(size=SIZES[size], steps=6, decay=2, batch=2, tokens=8, bfloat16=False), **change
    )


@pytest.fixture(scope="module")
def sent():
    """26 photos of 48 x 50 tokens: Laplacian reals, nearly alike in a token, the last not sent."""
    rng = np.random.default_rng(1)
    x = rng.laplace(size=(26 * 2400, 1)) + 0.2 * rng.laplace(size=(26 * 2400, C))
    x *= np.linspace(1.0, 0.4, C)
    x[2399::2400, -1] = np.nan
    base = find_network("hda_deepsc").card
    about = {
        "card": base.name,
        "files": base.files,
        "ratio": "1/6",
        "z_channels": 192,
        "reals_per_token": 61.0,
    }
    return Sent(
        x=x.astype(np.float16), start=2400 * np.arange(27), height=np.full(26, 48), width=np.full(26, 50),
        channel=np.arange(C) + 1, about=about,
    )  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_at_its_start_it_is_the_linear_estimate(sent, size):
    net = build(recipe(size), variances(sent)).eval()
    x = sent.crops(np.arange(3), 8, np.random.default_rng(1))
    received, noise, eps = noised(x, torch.tensor([0.0, 10.0, 20.0]), torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = net(received, noise)
    v = net.variance[None, :, None, None]
    estimate = received - noise.clamp_min(0).sqrt() * found
    wanted = torch.where(noise > 0, received * v / (v + noise.clamp_min(0)), 0.0)
    np.testing.assert_allclose(estimate, wanted, atol=1e-5)
    assert pixel_loss(eps, found, noise, net.variance).mean().item() == pytest.approx(1, abs=0.4)


@pytest.mark.parametrize("size", SIZES)
def test_training_gains_on_the_linear_estimate_and_goes_on_where_it_stopped(sent, size, tmp_path):
    learnt = recipe(size, steps=120, lr={"unet": 3e-3, "cnn": 2e-2}[size], decay=40)
    run = train(learnt, sent, tmp_path / "learnt", 1e9)
    photos = sent.split()[0]
    assert train_denoisers.validate(run.net, sent, photos)["gain_0_db"] > 0.1
    short = recipe(size)
    whole = train(short, sent, tmp_path / "whole", 1e9)
    train(short, sent, tmp_path / "parts", 1e9, stop_at=3)
    parts = train(short, sent, tmp_path / "parts", 1e9)
    for name, value in whole.net.state_dict().items():
        torch.testing.assert_close(value, parts.net.state_dict()[name], msg=name)


@pytest.mark.parametrize("size", SIZES)
def test_the_exported_card_is_the_network(sent, size, tmp_path, monkeypatch):
    monkeypatch.setitem(train_denoisers.RECIPES, "tiny", recipe(size))
    train(recipe(size), sent, tmp_path / "run", 1e9)
    folder = export("tiny", tmp_path / "run", tmp_path)
    network = find_denoiser(str(folder), find_network("hda_deepsc").folder)
    assert network.card.kind == "denoiser"
    np.testing.assert_array_equal(network.prior["channel"], sent.channel)
    golden = np.load(folder / "golden.npz")
    np.testing.assert_allclose(network.eps(golden["x"], golden["noise"]), golden["eps"], atol=1e-4)
    net, _ = load("tiny", tmp_path / "run")
    x, noise = golden["x"][:1], golden["noise"][:1]
    with torch.no_grad():
        eps = net(torch.from_numpy(x), torch.from_numpy(noise)).numpy()
    one = refined(x, noise, path(1.0, 1), network.eps)
    np.testing.assert_allclose(one, x - np.sqrt(np.maximum(noise, 0)) * eps, atol=2e-4)


def test_a_step_sees_what_its_number_says(sent, tmp_path):
    run = train(recipe("cnn"), sent, tmp_path, 1e9, stop_at=2)
    other = train(recipe("cnn"), sent, tmp_path, 1e9, stop_at=2)
    facts = [take_step(each, recipe("cnn"), sent, sent.split()[0]) for each in (run, other)]
    assert facts[0] == facts[1]


@pytest.mark.parametrize(("weight", "share"), [(1.0, 1 / 4), (0.4, 1 / 4 + 0.36 * 3 / 4)])
def test_what_the_decoder_is_told_is_right_by_its_own_weights(tmp_path, weight, share):
    """Its linear estimates of z are a mean of the denoiser's and its own, and it knows what error is left."""
    rng, shape = np.random.default_rng(1), (1, C, 2, 2)
    log_gain, log_variance, found, x = rng.standard_normal((4, *shape)).astype(np.float32)
    noise = np.full(shape, 0.5, np.float32)
    zero, side = np.zeros(shape, np.float32), np.zeros((1, 3), np.float32)
    both = {"z_tilde": zero, "log_gain": log_gain, "log_variance": log_variance, "side": side}
    np.savez(tmp_path / "prior.npz", channel=np.arange(C), snr_db=[0.0, 20.0], left=[0.25, 0.25])
    network = SymbolNetwork(folder=tmp_path, card=find_network("hda_deepsc").card)
    told = network.told(found, x, noise, Known(order=log_variance, **both).power, weight)
    known = hda_deepsc.Known(**{name: torch.from_numpy(value) for name, value in both.items()})
    decoder = SimpleNamespace(analog_decoder=lambda estimate: estimate)
    z_hat, left = hda_deepsc.HdaDeepsc.fuse(decoder, known, *map(torch.from_numpy, told))
    own, linear = hda_deepsc.HdaDeepsc.fuse(decoder, known, torch.from_numpy(x), torch.from_numpy(noise))
    mean = weight * found / np.exp(log_gain) + (1 - weight) * own.numpy()
    np.testing.assert_allclose(z_hat, mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(left, share * linear, rtol=1e-3, atol=1e-6)
