"""HSC's semantic codec: what goes on the air, how it learns, and that a stopped training goes on the same."""

import gzip
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.codebook import follow, k_means, nearest, revive  # noqa: E402
from models.data import mnist_images  # noqa: E402
from models.hsc import Hsc, HscSize, normalised  # noqa: E402
from models.train_hsc import HARDNESS, HscRecipe, quantised_loss, sent, train, validate  # noqa: E402

SMALL = HscSize(widths=(64, 32), uses=16)
QUANTISED = HscSize(widths=(64, 32), uses=16, codewords=8)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """uint8 [50_040, 784]: strokes at a few places, so that there is something to learn."""
    rng = np.random.default_rng(3)
    shapes = (rng.random((10, 28, 28)) < 0.12).astype(np.uint8) * 255
    return shapes[rng.integers(0, 10, 50_040)].reshape(-1, 784)


def test_the_first_2k_reals_have_the_power_of_k_uses_and_the_rest_is_nothing():
    z = normalised(torch.randn(5, 32), 9)
    torch.testing.assert_close(z.square().sum(1), torch.full((5,), 18.0))
    assert not z[:, 18:].any()


def test_the_divergence_is_that_of_gaussians():
    net, x = Hsc(SMALL), torch.rand(6, 784)
    mean, log_variance = net.encode(x)
    wanted = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (log_variance / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    )[:, :10].sum(1)
    torch.testing.assert_close(sent(net, x, 5, None)[1], wanted)


def test_half_of_a_batch_is_sent_as_its_mean_and_half_as_a_sample():
    net, x = Hsc(SMALL), torch.rand(6, 784)
    plain, _ = sent(net, x, 5, None)
    drawn, _ = sent(net, x, 5, torch.Generator().manual_seed(1))
    torch.testing.assert_close(drawn[:3], plain[:3])
    assert (drawn[3:] - plain[3:]).abs().amax(1).min() > 1e-3


def test_a_quantised_vector_is_the_codeword_nearest_in_what_is_sent():
    net, x = Hsc(QUANTISED), torch.rand(6, 784)
    mean, _ = net.encode(x)
    apart = (mean[:, None, :10] - net.codebook[None, :, :10]).square().sum(2)
    z, _ = sent(net, x, 5, None)
    torch.testing.assert_close(z, normalised(net.codebook[apart.argmin(1)], 5), atol=1e-5, rtol=1e-5)


def test_a_quantiser_learns_by_the_error_to_be_expected():
    net, x = Hsc(QUANTISED), torch.rand(6, 784)
    net.codebook.mul_(0.1)
    loss, mean, facts = quantised_loss(net, x, 5)
    apart = (mean[:, None, :10] - net.codebook[None, :, :10]).square().mean(2)
    pictures = net.decode(normalised(net.codebook, 5), torch.full((8,), 5))
    errors = (x[:, None] - pictures[None]).square().mean(2)
    wanted = (errors * (-HARDNESS * apart).exp()).sum(1) / (-HARDNESS * apart).exp().sum(1)
    hard = errors[torch.arange(6), apart.argmin(1)].mean()
    assert facts["expected"] == pytest.approx(wanted.mean().item(), abs=1e-5)
    assert facts["mse"] == pytest.approx(hard.item(), abs=1e-5)
    assert loss.item() == pytest.approx((wanted.mean().log() + hard.log()).item() / 2, rel=1e-4)
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())


def test_k_means_finds_the_clouds_that_points_come_from():
    generator = torch.Generator().manual_seed(1)
    centres = 10 * torch.eye(7)
    points = centres[torch.randint(7, (900,), generator=generator)]
    points = points + 0.1 * torch.randn(points.shape, generator=generator)
    words = k_means(points, 7, 20, generator)
    assert torch.cdist(centres, words).amin(1).max() < 0.1


def test_a_word_follows_what_picks_it_and_an_unused_one_is_put_elsewhere():
    generator = torch.Generator().manual_seed(2)
    words, share = torch.tensor([[0.0, 0], [50, 50]]), torch.ones(2)
    for _ in range(500):
        points = torch.tensor([[3.0, 1], [3, -1], [9, 4]]).repeat(3, 1)
        points = points + 0.1 * torch.randn(points.shape, generator=generator)
        follow(words, share, points, nearest(points, words))
    torch.testing.assert_close(words[0], torch.tensor([5.0, 4 / 3]), atol=0.1, rtol=0)
    torch.testing.assert_close(words[1], torch.tensor([50.0, 50]), atol=1e-2, rtol=0)
    assert revive(words, share, points, generator) == 1
    assert any(torch.equal(words[1], point) for point in points)
    assert share[1].item() == pytest.approx(share[0].item() / 2, rel=0.01)
    assert revive(words, share, points, generator) == 0


@pytest.mark.parametrize(("size", "start"), [(SMALL, 0), (QUANTISED, 50), (QUANTISED, 70)])
def test_training_learns_and_goes_on_where_it_stopped(size, start, digits, tmp_path, monkeypatch):
    monkeypatch.setattr("models.train_hsc.VALIDATE_EVERY", 1000)
    monkeypatch.setattr("models.train_hsc.MEASURED_USES", (8, 16))
    monkeypatch.setattr("models.train_hsc.START_PICTURES", 500)
    recipe = HscRecipe(size=size, steps=120, batch=64, lr=1e-2, bfloat16=False, quantised_from=start)
    torch.manual_seed(recipe.seed)
    fresh = Hsc(size)
    before = validate(fresh, torch.from_numpy(digits[50_000:] / np.float32(255)))
    once = train(recipe, digits, tmp_path / "once", 60)
    train(recipe, digits, tmp_path / "twice", 60, stop_at=50)
    twice = train(recipe, digits, tmp_path / "twice", 60)
    for name, value in once.net.state_dict().items():
        torch.testing.assert_close(twice.net.state_dict()[name], value, rtol=1e-4, atol=1e-6)
    after = validate(once.net, torch.from_numpy(digits[50_000:] / np.float32(255)))
    assert after["mse_mean_16"] < 0.6 * before["mse_mean_16"]
    last = json.loads((tmp_path / "once" / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 120


@pytest.mark.parametrize("packed", [True, False])
def test_pictures_are_read_from_the_idx_file(packed, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (3, 28, 28), np.uint8)
    content = np.array([0x803, 3, 28, 28], ">u4").tobytes() + pixels.tobytes()
    name = "train-images-idx3-ubyte" + ".gz" * packed
    (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
    np.testing.assert_array_equal(mnist_images(tmp_path), pixels.reshape(3, 784))


def test_a_file_that_is_cut_off_is_told(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(np.array([0x803, 3, 28, 28], ">u4").tobytes() + b"1")
    with pytest.raises(ValueError, match="must be an IDX file of images"):
        mnist_images(tmp_path)
