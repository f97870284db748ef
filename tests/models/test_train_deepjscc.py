"""DeepJSCC and DeepJSCC-Q: the linear codec that they start as, points and their gradient, their training."""

import json

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from models import deepjscc_q, train_deepjscc  # noqa: E402
from models.data import crops  # noqa: E402
from models.deepjscc import PILOT_EVERY, DeepJscc, Size, normalised, pilots  # noqa: E402
from models.train_deepjscc import JsccRecipe, build, loss_of, sent, through_air, train  # noqa: E402

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
def test_mixing_spreads_the_strongest_component_and_is_undone(images):
    rows = deepjscc_q.hadamard(16)
    torch.testing.assert_close(rows @ rows.T, torch.eye(16))
    net = made(POINTS, images)
    x = net.encode(images, snr(images))
    power = x.square().mean((0, 2, 3))
    assert power.max() < 4 * power.min()
    torch.testing.assert_close(net.on_points.mix(net.on_points.mix(x)), x)


@torch.no_grad()
def test_pictures_of_any_contrast_fill_the_constellation(images):
    net, lost = made(Size(**SMALL, levels=16), images), []
    for contrast in (1.0, 0.3):
        faint = (images - 0.5) * contrast + 0.5
        x = net.encode(faint, snr(faint, 20.0))
        power = 2 * x.square().mean().item()
        assert power == pytest.approx(10 ** (net.on_points.backoff_db.sum().item() / 10), rel=0.03)
        s, noise = normalised(deepjscc_q.hard(x, 16)), torch.Generator().manual_seed(1)
        shown = net.decode(through_air(s, 20.0, noise), snr(faint, 20.0))
        lost.append((shown - faint).square().mean().item() / contrast**2)
    assert lost[1] == pytest.approx(lost[0], rel=0.2)  # 48 pilots, drawn to the usual factor


@torch.no_grad()
def test_points_begin_with_what_a_network_without_them_learnt(images):
    """Its pictures come through 256 points and no noise as well as clipping and rounding leave them."""
    features = made(SIZE, images)
    for name, value in features.named_parameters():
        if name.startswith(("encoder.convolutions.4", "decoder.convolutions.0")):
            value.mul_(1.3)  # as no start makes it
    net = made(Size(**SMALL, levels=16), images)
    net.borrow(features.state_dict(), images)
    for name, value in features.state_dict().items():
        assert torch.equal(net.state_dict()[name], value)
    level = snr(images, 20.0)
    direct = features.decode(normalised(features.encode(images, level)), level)
    through = net.decode(sent(net, net.encode(images, level))[0], level)
    assert (through - direct).square().mean() < 0.05 * (images - 0.5).square().mean()
    by_hand = made(Size(**SMALL, levels=16), images)
    by_hand.on_points.start(features._run(features.encoder, images - 0.5, snr(images, 10.0)))
    torch.testing.assert_close(net.on_points.state_dict(), by_hand.on_points.state_dict())
    with pytest.raises(ValueError, match="features: must be of a network of Size"):
        net.borrow(made(Size(stem=16, width=48, hidden=4), images).state_dict(), images)


def test_a_recipe_begins_with_the_features_that_it_names(photos, images, tmp_path):
    features = made(SIZE, images)
    np.savez(tmp_path / "f.npz", **{k: v.numpy() for k, v in features.state_dict().items()})
    recipe = JsccRecipe(
        size=POINTS, steps=1, decay=1, crop=64, start_photos=4, features_from=tmp_path / "f.npz"
    )
    net = build(recipe, photos)
    assert torch.equal(net.encoder.convolutions[4].weight, features.encoder.convolutions[4].weight)


def scaled_points(net: DeepJscc, x: torch.Tensor, level: float) -> torch.Tensor:
    """What goes on the air for reals x: mixed, on the scale of the points, with pilots, of power 1."""
    mixed, told = net.on_points.scale(x, torch.full((len(x), 1), level))
    own = torch.arange(x.shape[1])[:, None, None] == net.pilot
    return normalised(deepjscc_q.hard(torch.where(own & pilots(x), told, mixed), net.size.levels))


@torch.no_grad()
@pytest.mark.parametrize("factor", [0.4, 0.77, 1.0, 2.1])
def test_dithered_pilots_tell_the_factor_through_points(factor):
    net, draw = DeepJscc(Size(**SMALL, levels=16)), torch.Generator().manual_seed(1)
    x = torch.randn(2, 16, 32, 32, generator=draw)
    x = x * (2 * x.square().mean()).rsqrt()
    net.on_points.start(x)
    net.on_points.log_factor[1] = 0.0
    s = scaled_points(net, x / factor, 1.0)
    level, nothing = torch.ones(2, 1), torch.zeros(2, 1, 1, 1)
    y, _ = net.on_points.unscale(s, level, nothing, torch.ones(16, 1, 1), net.pilot, pilots(x))
    clear = ~pilots(x).expand_as(x)
    got, wanted = y[clear], x[clear] / factor
    assert (got * wanted).sum() / wanted.square().sum() == pytest.approx(1, rel=0.04)


@torch.no_grad()
def test_a_factor_that_noise_hides_is_taken_for_the_usual_one():
    """Of one pilot under heavy noise: the estimate's error is below that of the pilot, and of the mean."""
    net, draw = DeepJscc(Size(**SMALL, levels=16)), torch.Generator().manual_seed(1)
    points, n = net.on_points, 400
    factors = 0.4 * torch.randn(n, generator=draw)
    pictures = torch.randn(n, 16, 8, 8, generator=draw)
    pictures = pictures / (2 * pictures.square().mean((1, 2, 3), keepdim=True)).sqrt()
    pictures = pictures * (-factors).exp()[:, None, None, None]
    points.start(pictures)
    points.log_factor.copy_(torch.tensor([factors.mean(), factors.var().log()]))
    found, noise = [], torch.full((1, 1, 1, 1), 0.5)
    for x in pictures:
        s = scaled_points(net, x[None], -1.0)
        y = through_air(s, 0.0, draw)
        _, left = points.unscale(
            y, -torch.ones(1, 1), noise, torch.ones(16, 1, 1), net.pilot, pilots(x[None])
        )
        sent = deepjscc_q.nepers(points.power_db, torch.tensor(-1.0)).exp()
        size = (0.5 * sent**2 + points.step**2 / 12) / left
        found.append(
            size.sqrt().log().item() - deepjscc_q.nepers(points.backoff_db, torch.tensor(-1.0)).item()
        )
    error = (torch.tensor(found) - factors).square().mean().sqrt()
    pilot = deepjscc_q.LOG_SCALE * (0.5 * sent**2 + points.step**2 / 12) ** 0.5
    assert error < 0.95 * factors.std()
    assert error < 0.5 * pilot


@torch.no_grad()
def test_what_a_pilot_replaced_is_its_conditional_mean():
    net, rng = DeepJscc(Size(**SMALL, levels=16)), np.random.default_rng(1)
    net.on_points.log_factor[1] = -30  # a factor of 1, whatever pilots tell
    prior = torch.linspace(2, 0.1, 16)
    x = torch.from_numpy(rng.standard_normal((1, 16, 8, 16), np.float32)) * prior.sqrt()[:, None, None]
    there, s = pilots(x), net.on_points.mix(x)
    noise = torch.full((1, 1, 1, 1), 0.05)
    y, left = net.on_points.unscale(s, torch.zeros(1, 1), noise, prior[:, None, None], net.pilot, there)
    assert left.item() == pytest.approx(0.05 + net.on_points.step**2 / 12)
    rows = deepjscc_q.hadamard(16).double().numpy()
    covariance = rows @ np.diag(prior) @ rows.T + left.item() * np.eye(16)
    others = np.arange(16) != net.pilot
    gain = covariance[net.pilot, others] @ np.linalg.inv(covariance[np.ix_(others, others)])
    for column in (0, 8):
        got = rows @ y[0, :, 0, column].numpy()
        seen = s[0, others, 0, column].numpy()
        np.testing.assert_allclose(got[others], seen, atol=1e-4)
        assert got[net.pilot] == pytest.approx(gain @ seen, abs=1e-3)


@torch.no_grad()
def test_the_power_starts_where_clipping_rounding_and_noise_cost_least():
    points, draw = deepjscc_q.OnPoints(16, 16), torch.Generator().manual_seed(1)
    points.start(torch.randn(4, 16, 32, 32, generator=draw))
    # of a Gaussian real of variance 1/2, by quadrature of the same loss
    z = np.linspace(-6, 6, 20001)
    weight, axis = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0]), points.axis.numpy()
    lines = points.backoff_db, points.power_db
    for sign, db in ((-1, 0.0), (1, 20.0)):
        rs, lost, powers = np.linspace(-12, 0, 241), [], []
        for r in rs:
            gain = 10 ** (r / 20)
            s = axis[np.abs(gain * z[:, None] * 0.5**0.5 - axis).argmin(1)]
            powers.append(2 * s**2 @ weight)
            lost.append((s / gain - z * 0.5**0.5) ** 2 @ weight + 10 ** (-db / 10) / 2 * powers[-1] / gain**2)
        got_r, got_p = ((line[0] + sign * line[1]).item() for line in lines)
        near = np.abs(rs - got_r).argmin()
        assert lost[near] < 1.01 * min(lost)
        assert got_p == pytest.approx(10 * np.log10(powers[near]), abs=0.1)


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
        assert len(s.unique()) <= size.levels
        assert 2 * s.square().mean() == pytest.approx(1)
        assert facts["divergence"] > 0
