"""The network: its parts against brute force, its start against the classical optimum, its training against
itself.
"""

import json

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from models import losses, twin  # noqa: E402
from models.data import crops, load_photos  # noqa: E402
from models.entropy import FactorizedDensity  # noqa: E402
from models.recipes import PAPER, RECIPES  # noqa: E402
from models.swin import WindowAttention, shift_mask, unwindows, windows  # noqa: E402
from models.train import build, train, validate  # noqa: E402

torch.set_num_threads(1)


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


def test_sent_mask_takes_whole_channels_first():
    mask = twin.sent_mask(torch.zeros(2, 6, 4, 4), 2.5)
    assert mask[:, :2].all()
    assert mask[0, 2].reshape(-1).tolist() == [1.0] * 8 + [0.0] * 8
    assert not mask[:, 3:].any()


def test_through_air_adds_the_noise_it_declares():
    x = torch.randn(4, 32, 64, 64) * 3
    y, noise_var = twin.through_air(x, 32, 7.0, torch.Generator().manual_seed(3))
    ratio = ((y - x).square() / noise_var).mean().item()
    assert abs(ratio - 1) < 5 * (2 / x.numel()) ** 0.5
    assert noise_var.mean().item() == pytest.approx(9 * 10**-0.7, rel=0.02)


def test_rate_controlled_step_is_the_smallest_that_fits(tiny, photos):
    net = build(tiny, photos)
    _, z_d = net.encode(crops(photos, 2, 2, 128, (1,)))
    step = twin.rate_controlled_step(net.density, z_d, 400.0, rounds=12)

    def bits(s):
        return net.density.bits(torch.round(z_d / s) * s, s).sum().item()

    assert bits(step) <= 400 < bits(step * 0.98)


def test_training_starts_at_the_classical_optimum_and_not_at_noise(tiny, photos):
    net = build(tiny, photos)
    image = crops(photos, 4, 1, 256, (3,))
    z = net.semantic_encoder(image)
    blocks = torch.nn.functional.unfold(image - 0.5, 8, stride=8)
    outside = blocks.square().sum() - z.square().sum()
    error = (net.semantic_decoder(z, torch.zeros_like(z), torch.zeros(4, 4, 32, 32)) - image).square().sum()
    assert error.item() == pytest.approx(outside.item(), rel=1e-3), "Eckart-Young"
    assert validate(net, photos)["psnr_20_db"] > validate(net, photos)["psnr_0_db"] + 2


def test_semantic_distortion_adds_the_fourier_term_of_equation_18():
    image, decoded = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    spectrum = np.abs(np.fft.fft2((image - decoded).numpy()) / 256).mean()
    expected = float((image - decoded).square().mean()) + 0.1 * spectrum
    assert losses.semantic_distortion(image, decoded).item() == pytest.approx(expected, rel=1e-4)


def test_the_papers_size_exists_and_runs():
    from models.hda_deepsc import HdaDeepsc

    assert (PAPER.layers, PAPER.heads, PAPER.width) == (6, 6, 120)
    net = HdaDeepsc(RECIPES["hda_deepsc_paper"].size)
    z, z_d = net.encode(torch.rand(1, 3, 64, 128))
    assert z.shape == (1, 128, 8, 16)
    assert z_d.shape == (1, 128, 2, 4)
    out = net.decode(z_d, net.transmit(z, z_d, torch.zeros(1, 3)), torch.full_like(z, 0.1), torch.zeros(1, 3))
    assert out.shape == (1, 3, 64, 128)


@pytest.fixture
def folder(tmp_path, photos):
    for i, photo in enumerate(photos * 7):
        Image.fromarray(photo).save(tmp_path / f"{i:02d}.png")
    return tmp_path


def losses_of(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [(line["step"], line.get("loss"), line.get("psnr_10_db")) for line in lines if line["step"]]


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
