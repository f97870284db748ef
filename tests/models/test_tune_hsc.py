"""Fine-tuning for a fading link: what it starts from, what it learns, that it goes on the same; the decoder's
scaling.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.fading import faded  # noqa: E402
from models.hsc import Hsc, HscSize, normalised, shrunk  # noqa: E402
from models.run import Run  # noqa: E402
from models.tune_hsc import TuneRecipe, moved, start, tune, tuning_loss, validate_faded  # noqa: E402

SIZE = HscSize(widths=(48, 24), uses=16, shrinks=True)
RECIPE = TuneRecipe(size=SIZE, steps=60, batch=64, lr=5e-3, bfloat16=False, pictures=400)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """uint8 [50_040, 784]: strokes at a few places, so that there is something to learn."""
    rng = np.random.default_rng(3)
    shapes = (rng.random((10, 28, 28)) < 0.12).astype(np.uint8) * 255
    return shapes[rng.integers(0, 10, 50_040)].reshape(-1, 784)


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    """The checkpoint of a network that was trained a little without a channel."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("plain")
    run = Run(Hsc(replace(SIZE, shrinks=False)), folder)
    run.optimiser = torch.optim.Adam(run.net.parameters(), lr=5e-3)
    x = torch.from_numpy(digits[:256] / np.float32(255))
    for _ in range(300):
        z = normalised(run.net.encode(x)[0], 16)
        run.descend((run.net.decode(z, torch.full((256,), 16)) - x).square().mean(), 1.0)
    run.save()
    return folder


def test_the_scaling_is_that_of_least_squares_and_leaves_alone_what_lost_nothing():
    z = normalised(torch.randn(3000, 200, generator=torch.Generator().manual_seed(1)), 80)
    uses = torch.full((3000,), 80)
    torch.testing.assert_close(shrunk(z, uses), z)
    noisy = z + torch.where(z == 0, z, 1.5 * torch.randn(z.shape, generator=torch.Generator().manual_seed(2)))
    best = (z * noisy).sum() / noisy.square().sum()  # of all factors for all the one of least squared error
    factors = (shrunk(noisy, uses) / noisy)[:, 0]
    assert factors.mean().item() == pytest.approx(best.item(), rel=0.02)
    assert best.item() == pytest.approx(1 / (1 + 1.5**2), rel=0.02)
    assert shrunk(1e6 * noisy, uses).abs().max() < 1e-4


def test_the_loss_is_the_error_behind_a_fade_of_each_picture():
    net, x = Hsc(replace(SIZE, shrinks=False)), torch.rand(6, 784)
    snr_db = torch.linspace(0, 5, 6)
    loss, facts = tuning_loss(net, x, 9, snr_db, torch.Generator().manual_seed(4))
    generator = torch.Generator().manual_seed(4)
    mean, log_variance = net.encode(x)
    drawn = torch.randn(mean.shape, generator=generator) * (log_variance / 2).exp()
    z = normalised(torch.cat([mean[:3], (mean + drawn)[3:]]), 9)
    x_hat = net.decode(faded(z, 9, snr_db, generator), torch.full((6,), 9))
    torch.testing.assert_close(loss, (x_hat - x).square().mean())
    assert facts["uses"] == 9


def test_tuning_helps_behind_fades_and_goes_on_where_it_stopped(trained, digits, tmp_path, monkeypatch):
    monkeypatch.setattr("models.train_hsc.MEASURED_USES", (16,))
    monkeypatch.setattr("models.tune_hsc.VALIDATE_EVERY", 25)
    once = tune(RECIPE, digits, trained, tmp_path / "once", 60)
    tune(RECIPE, digits, trained, tmp_path / "twice", 60, stop_at=20)
    twice = tune(RECIPE, digits, tmp_path / "nowhere", tmp_path / "twice", 60)
    for name, value in once.net.state_dict().items():
        torch.testing.assert_close(twice.net.state_dict()[name], value, rtol=1e-4, atol=1e-6)
    lines = [json.loads(line) for line in (tmp_path / "once" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 0, 25, 50, 60]
    plain, scaled, *_, last = lines
    assert (plain["images"], plain["shrinks"], scaled["shrinks"]) == (400, False, True)
    for name in ("mse_0db_16", "mse_2.5db_16", "mse_5db_16"):
        assert last[name] < 0.95 * scaled[name]
    assert scaled["mse_error_free_16"] == pytest.approx(plain["mse_error_free_16"], abs=2e-6)
    assert last["mse_mean_16"] == last["mse_error_free_16"]


def test_few_shot_sees_no_other_pictures(trained, digits, tmp_path, monkeypatch):
    monkeypatch.setattr("models.train_hsc.MEASURED_USES", (16,))
    short = replace(RECIPE, steps=4)
    one = tune(short, digits, trained, tmp_path / "one", 60)
    others = np.concatenate([digits[:400], 255 - digits[400:50_000], digits[50_000:]])
    other = tune(short, others, trained, tmp_path / "other", 60)
    for name, value in one.net.state_dict().items():
        torch.testing.assert_close(other.net.state_dict()[name], value, rtol=0, atol=0)


def test_pictures_are_moved_a_little_each_in_its_own_way():
    at = torch.arange(28.0) - 13.5
    blob = torch.exp(-((at[:, None] - 3).square() + (at[None] + 5).square()) / 8)  # at row 3, column -5
    found = moved(blob.reshape(1, 784).repeat(200, 1), np.random.default_rng(1)).reshape(200, 28, 28)
    weight = found / found.sum((1, 2), keepdim=True)
    apart = torch.stack([(weight.sum(2) * at).sum(1) - 3, (weight.sum(1) * at).sum(1) + 5])
    most = 1.5 * 2**0.5 + (0.21 + 0.1 + 0.1) * 34**0.5 + 0.3  # shift, turn, scale, shear
    assert 1 < apart.norm(dim=0).max() < most
    assert (apart.std(1) > 0.6).all()
    assert (apart.mean(1).abs() < 5 * apart.std(1) / 200**0.5 + 0.1).all()
    assert (found.min(), found.max()) >= (0, 0.9)
    assert found.sum((1, 2)).std() / found.sum((1, 2)).mean() > 0.05


def test_half_of_a_batch_is_moved(trained, digits, tmp_path, monkeypatch):
    monkeypatch.setattr("models.train_hsc.MEASURED_USES", (16,))
    seen = []
    monkeypatch.setattr("models.tune_hsc.moved", lambda x, rng: seen.append(len(x)) or x)
    tune(replace(RECIPE, steps=2, moved=0.5), digits, trained, tmp_path / "run", 60)
    assert seen == [32, 32]


def test_a_start_is_a_checkpoint_or_the_weights_of_an_export(trained, tmp_path):
    kept = torch.load(trained / "state.pt", weights_only=True)["average"]
    np.savez(tmp_path / "weights.npz", **{k: v.numpy().astype(np.float16) for k, v in kept.items()})
    for weights, atol in ((trained, 0), (tmp_path / "weights.npz", 1e-3)):
        run = Run(Hsc(SIZE), tmp_path / "run")
        start(run, weights)
        for name, value in kept.items():
            torch.testing.assert_close(run.net.state_dict()[name], value, rtol=0, atol=atol)
            torch.testing.assert_close(run.average.weights[name], value, rtol=0, atol=atol)


def test_validation_is_the_same_each_time_and_better_at_a_higher_snr(trained, digits):
    net = Hsc(SIZE)
    start(run := Run(net, trained), trained)
    held_out = torch.from_numpy(digits[:600] / np.float32(255))
    found = validate_faded(run.net, held_out)
    assert found == validate_faded(run.net, held_out)
    assert found["mse_0db_16"] > found["mse_2.5db_16"] > found["mse_5db_16"] > found["mse_error_free_16"]
