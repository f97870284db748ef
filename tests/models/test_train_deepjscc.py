"""DeepJSCC and DeepJSCC-Q: the linear codec that they start as, points and their gradient, their training."""

import json

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from models import deepjscc_q, train_deepjscc  # noqa: E402
from models.data import crops  # noqa: E402
from models.deepjscc import PILOT_EVERY, DeepJscc, Size, hadamard, normalised  # noqa: E402
from models.train_deepjscc import JsccRecipe, build, loss_of, sent, through_air, train  # noqa: E402

torch.set_num_threads(1)
SMALL = {"stem": 12, "width": 48, "hidden": 4}
SIZE, POINTS = Size(**SMALL), Size(**SMALL, levels=8)


@pytest.fixture(scope="module")
def images(photos) -> torch.Tensor:
    return crops(photos, 6, 2, 64, (1,))


def made(size: Size, images) -> DeepJscc:
    torch.manual_seed(1)
    net = DeepJscc(size)
    net.start(images)
    return net


def snr(images, db: float = 30.0) -> torch.Tensor:
    return torch.full((len(images), 1), db)


def projected(images, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of the n leading principal components of their 4 x 4 x 3 blocks; the variances."""
    b, _, h, w = images.shape
    blocks = images.numpy().astype(np.float64) - 0.5
    blocks = blocks.reshape(b, 3, h // 4, 4, w // 4, 4).transpose(0, 2, 4, 1, 3, 5).reshape(-1, 48)
    variance, basis = np.linalg.eigh(blocks.T @ blocks / len(blocks))
    kept = basis[:, ::-1][:, :n]
    kept = (blocks @ kept @ kept.T).reshape(b, h // 4, w // 4, 3, 4, 4).transpose(0, 3, 1, 4, 2, 5)
    return kept.reshape(images.shape) + 0.5, variance[::-1][:n]


@torch.no_grad()
def test_it_starts_as_the_leading_principal_components_of_blocks(images):
    net = made(SIZE, images)
    s = normalised(net.encode(images, snr(images)))
    assert s.shape == (12, 16, 16, 16)
    assert 2 * s.square().mean() == pytest.approx(1, rel=1e-5)
    wanted, variance = projected(images, 16)
    # at 30 dB and more LLSE hardly shrinks; every 64th real of one component gave way to a pilot
    error = (net.decode(s, snr(images)).numpy() - wanted) ** 2
    assert error.mean() < variance[12] / 48 / PILOT_EVERY**2 + 0.02 * variance.sum() / 48
    others = np.ones(images.shape, bool)
    others.reshape(12, 3, 2, 32, 2, 32)[:, :, :, :4, :, :4] = False
    assert error[others].mean() < 2e-4


@torch.no_grad()
def test_power_is_allotted_as_variance_to_the_half(images):
    net = made(SIZE, images)
    power = net._run(net.encoder, images - 0.5, snr(images)).square().mean((0, 2, 3)).numpy()
    _, variance = projected(images, 16)
    np.testing.assert_allclose(power / power.sum(), variance**0.5 / (variance**0.5).sum(), rtol=1e-3)


@torch.no_grad()
def test_the_pilots_tell_a_picture_s_contrast(images):
    net = made(SIZE, images)
    for contrast in (1.0, 0.3):
        faint = (images - 0.5) * contrast + 0.5
        x = net.encode(faint, snr(images))
        direct, through = net.decode(x, snr(images)), net.decode(normalised(x), snr(images))
        assert (direct - through).abs().max() < 0.02
        assert (through - faint).square().mean() < 0.2 * (faint - 0.5).square().mean()


@torch.no_grad()
def test_more_noise_leaves_more_error_and_never_more_than_grey(images):
    net, noise = made(SIZE, images), torch.Generator().manual_seed(1)
    errors = []
    for db in (20.0, 10.0, 0.0):
        s = normalised(net.encode(images, snr(images, db)))
        shown = net.decode(through_air(s, db, noise), snr(images, db))
        errors.append((shown - images).square().mean().item())
    assert errors == sorted(errors)
    assert errors[-1] < (images - 0.5).square().mean()


@pytest.mark.parametrize("n", [2, 4, 8, 16])
def test_points_are_square_qam_of_unit_energy(n):
    made = np.array(deepjscc_q.points(n))
    assert (np.abs(made) ** 2).mean() == pytest.approx(1, rel=1e-6)
    axis = deepjscc_q.levels(n).numpy()
    np.testing.assert_allclose(np.diff(axis), axis[1] - axis[0], rtol=1e-5)
    x = torch.linspace(-2, 2, 401).reshape(1, 1, 401, 1)
    nearest = axis[np.abs(x.numpy()[..., None] - axis).argmin(-1)]
    np.testing.assert_array_equal(deepjscc_q.hard(x + 1e-4, n), nearest + 0 * x.numpy())


def test_hard_points_have_the_gradient_of_the_soft_ones():
    x = (torch.rand(2, 4, 5, 5, generator=torch.Generator().manual_seed(1)) * 2 - 1).requires_grad_()
    s, _ = deepjscc_q.soft_to_hard(x, 4, 3.0)
    torch.testing.assert_close(s.detach(), deepjscc_q.hard(x.detach(), 4), atol=1e-6, rtol=0)
    (got,) = torch.autograd.grad(s.sum(), x)
    axis = deepjscc_q.levels(4)
    weights = torch.softmax(-3.0 * (x[..., None] - axis).square() / (axis[1] - axis[0]).square(), -1)
    (wanted,) = torch.autograd.grad((weights * axis).sum(), x)
    torch.testing.assert_close(got, wanted)


def test_the_divergence_is_0_of_uniform_use_and_log_m_of_one_point():
    axis = deepjscc_q.levels(4)
    every = torch.cartesian_prod(axis, axis).T.reshape(1, 2, 16, 1)
    _, uniform = deepjscc_q.soft_to_hard(every, 4, 200.0)
    _, one = deepjscc_q.soft_to_hard(every[:, :, :1], 4, 200.0)
    assert uniform.item() == pytest.approx(0, abs=1e-5)
    assert one.item() == pytest.approx(np.log(16), rel=1e-5)


@torch.no_grad()
def test_mixing_is_undone_and_spreads_the_strongest_component(images):
    rows = hadamard(16)
    torch.testing.assert_close(rows @ rows.T, torch.eye(16))
    net = made(POINTS, images)
    x = net.encode(images, snr(images))
    power = x.square().mean((0, 2, 3))
    assert power.max() < 4 * power.min()
    wanted, _ = projected(images, 16)
    error = (net.decode(x, snr(images)).numpy() - wanted) ** 2
    assert error.mean() < 2e-4


@pytest.mark.parametrize("wrong", [{"reals": 15}, {"reals": 50}, {"width": 40}, {"reals": 12, "levels": 4}])
def test_sizes_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="reals: must be"):
        Size(**(SMALL | wrong))


@pytest.fixture(scope="module")
def folder(photos, tmp_path_factory):
    path = tmp_path_factory.mktemp("photos")
    for i, photo in enumerate(photos):
        Image.fromarray(photo).save(path / f"{i}.png")
    return path


def tiny(size: Size) -> JsccRecipe:
    return JsccRecipe(
        size=size, steps=6, decay=2, photos=2, crops_each=1, crop=32, start_photos=3, bfloat16=False
    )


@pytest.mark.parametrize("size", [SIZE, POINTS], ids=["any symbols", "points"])
def test_a_training_that_was_stopped_goes_on_as_if_it_was_not(size, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(train_deepjscc, "MEASURED_SNRS_DB", (10.0,))
    recipe = tiny(size)
    whole = train(recipe, [folder], tmp_path / "whole", 1e9)
    train(recipe, [folder], tmp_path / "parts", 1e9, stop_at=3)
    parts = train(recipe, [folder], tmp_path / "parts", 1e9)
    assert whole.step == parts.step == 6
    for name, value in whole.net.state_dict().items():
        torch.testing.assert_close(parts.net.state_dict()[name], value, msg=name)
    said = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in said if "psnr_10_db" in line] == [0, 6]


@pytest.mark.parametrize("size", [SIZE, POINTS], ids=["any symbols", "points"])
def test_steps_on_a_batch_lower_its_loss(size, photos, images):
    net = build(tiny(size), photos)
    optimiser = torch.optim.Adam(net.parameters(), 5e-5)
    losses = []
    for _ in range(16):
        loss, facts = loss_of(net, images, 10.0, 10.0, 2.0, torch.Generator().manual_seed(3))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert min(losses[8:]) < losses[0] - 0.01, losses
    s, divergence = sent(net, net.encode(images, snr(images)))
    assert divergence == 0
    if size.levels:
        axis = deepjscc_q.levels(size.levels)
        assert (s[..., None] - axis).abs().amin(-1).max() < 1e-6
        assert facts["power"] < 1.5
