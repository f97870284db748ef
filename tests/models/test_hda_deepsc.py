"""The network: its parts against brute force, its start against the classical optimum, its training against
itself.
"""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from models import losses, twin  # noqa: E402
from models.data import crops, load_photos  # noqa: E402
from models.entropy import FactorizedDensity  # noqa: E402
from models.hda_deepsc import HdaDeepsc, Known  # noqa: E402
from models.recipes import PAPER, RECIPES  # noqa: E402
from models.swin import WindowAttention, shift_mask, unwindows, windows  # noqa: E402
from models.train import build, loss_of, train, validate  # noqa: E402


def test_windows_are_undone_by_unwindows():
    x = torch.randn(2, 16, 24, 5)
    assert torch.equal(unwindows(windows(x, 8), 8, (2, 16, 24)), x)


def test_shift_mask_parts_exactly_the_tokens_that_wrapped_around():
    h, w, size, shift = 16, 24, 8, 4
    mask = shift_mask(h, w, size, shift, torch.zeros(1))
    at = torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij"), -1)[None]
    rolled = windows(torch.roll(at, (-shift, -shift), (1, 2)), size)
    apart = (rolled[:, :, None] - rolled[:, None, :]).abs().amax(-1) >= size
    assert torch.equal(mask < -1, apart)


def test_window_attention_equals_its_equation():
    torch.manual_seed(1)
    attention, x = WindowAttention(12, 3, 4), torch.randn(5, 16, 12)
    q, k, v = attention.qkv(x).reshape(5, 16, 3, 3, 4).permute(2, 0, 3, 1, 4)
    bias = attention.bias[attention.index].permute(2, 0, 1)
    weights = torch.softmax(q @ k.transpose(-1, -2) / 4**0.5 + bias, -1)
    expected = attention.proj((weights @ v).transpose(1, 2).reshape(5, 16, 12))
    assert torch.allclose(attention(x, None), expected, atol=1e-6)


@pytest.mark.parametrize("step", [0.03, 0.4, 3.0])
def test_factorised_density_sums_to_one_over_all_integers(step):
    torch.manual_seed(1)
    density = FactorizedDensity(4).double()
    q = torch.arange(-30000, 30001, dtype=torch.float64)
    p = density.probability((q * step).expand(4, -1), torch.tensor(step, dtype=torch.float64))
    assert torch.allclose(p.sum(1), torch.ones(4, dtype=torch.float64), atol=1e-4)


def test_sent_mask_takes_the_largest_variances_of_the_batch():
    log_variance = torch.randn(2, 6, 4, 4, generator=torch.Generator().manual_seed(1))
    mask = twin.sent_mask(log_variance, 2.5) > 0
    assert mask.sum() == 2.5 * 2 * 4 * 4
    assert log_variance[mask].min() > log_variance[~mask].max()


def test_through_air_adds_the_noise_it_declares_to_what_is_sent():
    x, generator = torch.randn(4, 32, 64, 64) * 3, torch.Generator().manual_seed(3)
    mask = (torch.rand(x.shape, generator=generator) < 0.5).float()
    y, noise_var = twin.through_air(x, mask, 7.0, generator)
    sent = mask > 0
    ratio = ((y - x).square() / noise_var)[sent].mean().item()
    assert abs(ratio - 1) < 5 * (4 / x.numel()) ** 0.5
    assert noise_var[sent].mean().item() == pytest.approx(9 * 10**-0.7, rel=0.02)
    assert not y[~sent].any()
    assert (noise_var[~sent] < 0).all()


@pytest.mark.parametrize("da_ratio", [0.0, 0.2, math.inf])
def test_every_da_ratio_has_finite_gradients(tiny, photos, monkeypatch, da_ratio):
    net, image = build(tiny, photos), crops(photos, 2, 2, 128, (1,))
    given = twin.conditions(da_ratio=da_ratio, bandwidth_ratio=1 / 6, design_snr_db=5, snr_db=3)
    monkeypatch.setattr(twin, "draw_conditions", lambda *_: given)
    noise = torch.Generator().manual_seed(1)
    loss, _ = loss_of(net, image, 3, np.random.default_rng(1), noise, tiny)
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


def test_da_ratios_share_the_uses_and_their_ends_are_one_part_alone():
    for da_ratio in (0.0, 0.2, 3.0, math.inf):
        c = twin.conditions(da_ratio=da_ratio, bandwidth_ratio=1 / 6, design_snr_db=10, snr_db=10)
        digital = c.bits / 2.0
        assert c.reals / 2 + digital == pytest.approx(32)
        assert digital == pytest.approx(32 * da_ratio / (1 + da_ratio) if da_ratio < math.inf else 32)


def test_predicted_variances_are_nearer_to_the_residual_than_a_mean_of_each_channel(tiny, photos):
    contrast = np.where(np.arange(288) // 48 % 2, 0.15, 1.0)[:, None]
    uneven = [np.rint(128 + (photo - 128.0) * contrast).astype(np.uint8) for photo in photos]
    net = build(replace(tiny, start_fits=150), uneven)
    image = crops(uneven, 4, 1, 256, (3,))
    z, z_d = net.encode(image)
    steps = net.steps(torch.tensor(0.5))
    side = torch.tensor([[-1.0, -3.0, 0.3]]).expand(4, 3)
    known = net.known(twin.rounded(z_d, steps), side)
    residual = net.analog_encoder(z - known.z_tilde)
    mean = residual.square().mean((0, 2, 3), keepdim=True).log().expand_as(residual)
    predicted = losses.variance_misfit(residual, known.log_variance)
    assert predicted < losses.variance_misfit(residual, mean) - 0.1


def test_rate_controlled_step_is_the_smallest_that_fits(tiny, photos):
    net = build(tiny, photos)
    _, z_d = net.encode(crops(photos, 2, 2, 128, (1,)))
    step = twin.rate_controlled_step(net, z_d, 4000.0, rounds=12)

    def bits(step):
        steps = net.steps(step)
        return net.density.bits(twin.rounded(z_d, steps), steps).sum().item()

    assert bits(step) <= 4000 < bits(step * 0.98)


def test_training_starts_at_the_classical_optimum_and_not_at_noise(tiny, photos):
    net = build(tiny, photos)
    image = crops(photos, 4, 1, 256, (3,))
    z = net.semantic_encoder(image)
    blocks = torch.nn.functional.unfold(image - 0.5, 8, stride=8)
    outside = blocks.square().sum() - z.square().sum()
    side = torch.zeros(4, net.semantic_decoder.n_side, 32, 32)
    error = (net.semantic_decoder(z, torch.zeros_like(z), side) - image).square().sum()
    assert error.item() == pytest.approx(outside.item(), rel=1e-3), "Eckart-Young"
    assert validate(net, photos, 0.2)["psnr_20_db"] > validate(net, photos, 0.2)["psnr_0_db"] + 2


def test_semantic_distortion_adds_the_fourier_term_of_equation_18():
    image, decoded = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    spectrum = np.abs(np.fft.fft2((image - decoded).numpy()) / 256).mean()
    expected = float((image - decoded).square().mean()) + 0.1 * spectrum
    assert losses.semantic_distortion(image, decoded).item() == pytest.approx(expected, rel=1e-4)


def test_the_papers_size_exists_and_runs():
    assert (PAPER.layers, PAPER.heads, PAPER.width) == (6, 6, 120)
    net = HdaDeepsc(RECIPES["hda_deepsc_paper"].size)
    z, z_d = net.encode(torch.rand(1, 3, 64, 128))
    assert z.shape == (1, 192, 8, 16)
    assert z_d.shape == (1, 256, 2, 4)
    known = net.known(z_d, torch.zeros(1, 3))
    x = net.modulate(z, known.z_tilde, known.log_gain)
    out = net.picture(known, *net.fuse(known, x, torch.full_like(z, 0.1)))
    assert out.shape == (1, 3, 64, 128)


@pytest.fixture
def folder(tmp_path, photos):
    for i, photo in enumerate(photos * 7):
        Image.fromarray(photo).save(tmp_path / f"{i:02d}.png")
    return tmp_path


def losses_of(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(line["step"], line.get("loss"), line.get("psnr_10_db")) for line in lines if line["step"]]


@torch.no_grad()
def test_reals_received_without_noise_are_known_and_leave_a_picture(tiny):
    torch.manual_seed(1)
    net = HdaDeepsc(tiny.size)
    z = torch.randn(1, tiny.size.z_channels, 8, 8)
    side = torch.tensor([[-1.0, -3.0, 0.4]])
    gain, variance = torch.randn_like(z).exp(), (8 + torch.randn_like(z)).exp()
    known = Known(z_tilde=0 * z, log_gain=gain.log(), log_variance=variance.log(), side=side)
    noise = torch.where(torch.rand_like(z) < 0.5, 0.0, -1.0)
    _, left = net.fuse(known, z, noise)
    torch.testing.assert_close(left[noise < 0], variance[noise < 0])
    assert (left >= 0).all()
    assert left[noise == 0].max() < 1e-4
    assert net.picture(known, *net.fuse(known, z, noise)).isfinite().all()


def test_training_goes_on_where_it_stopped_and_ends_the_same(tiny, folder, monkeypatch):
    monkeypatch.setattr("models.train.LOG_EVERY", 5)
    once, twice = folder / "once", folder / "twice"
    train(tiny, [folder], once, minutes=60)
    train(tiny, [folder], twice, minutes=60, stop_at=15)
    train(tiny, [folder], twice, minutes=60)
    assert losses_of(once) == losses_of(twice)
    weights = [torch.load(f / "state.pt", weights_only=True)["average"] for f in (once, twice)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_photos_too_small_are_left_out_and_none_is_an_error(tmp_path):
    Image.new("RGB", (40, 300)).save(tmp_path / "small.png")
    with pytest.raises(ValueError, match="no photo of at least 256"):
        load_photos([tmp_path], 256)
