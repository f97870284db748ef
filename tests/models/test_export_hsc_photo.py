"""HSC's semantic codec for photographs from checkpoint to card, and as linksim computes it."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from linksim.codecs import semantic  # noqa: E402
from linksim.codecs.semantic import find_semantic  # noqa: E402
from models.export_hsc_photo import Decoder, export, load, pictures  # noqa: E402
from models.hsc import normalised  # noqa: E402
from models.hsc_photo import HscPhoto, PhotoSize  # noqa: E402
from models.run import Run  # noqa: E402
from models.train_hsc_photo import RECIPES, PhotoRecipe, start  # noqa: E402

SIZE = PhotoSize(side=32, uses=64, stem=8, width=12, encoder_blocks=1, decoder_blocks=1)


@pytest.fixture(scope="module")
def exported(photos, tmp_path_factory):
    """The checkpoint's folder and the card's folder of a network whose networks do something."""
    root = tmp_path_factory.mktemp("photo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "tiny_photo", PhotoRecipe(size=SIZE, steps=7, seed=5, divergence=0.5))
        torch.manual_seed(1)
        net = HscPhoto(SIZE)
        start(net, photos, 1)
        for zeroed in (net.shift, net.decoder[-2], net.spread):
            torch.nn.init.normal_(zeroed.weight, std=0.02)
        run = Run(net, root / "run")
        run.optimiser = torch.optim.Adam(run.net.parameters())
        run.step, run.spent = 7, 1800.0
        run.say(parameters=1, images=40)
        run.say(mse_mean_64=0.25)
        run.say(mse_mean_64=0.125)
        run.save()
        yield root / "run", export("tiny_photo", root / "run", root / "zoo")


def test_the_card_tells_what_was_trained_and_measured(exported):
    card = json.loads((exported[1] / "card.json").read_text())
    assert (card["name"], card["kind"], card["images"]) == ("tiny_photo", "hsc", "32x32 colour")
    wanted = {"pixels": 3072, "height": 32, "width": 32, "channels": 3, "reals": 128, "codewords": 0}
    assert card["network"] == wanted
    told = [card["training"][each] for each in ("seed", "steps", "hours", "images", "divergence_weight")]
    assert told == [5, 7, 0.5, 40, 0.5]
    (measured,) = card["measured"].values()
    assert measured["mse_mean_64"] == 0.125


@torch.no_grad()
def test_the_host_computes_what_torch_computes(exported, monkeypatch):
    monkeypatch.setitem(RECIPES, "tiny_photo", PhotoRecipe(size=SIZE, steps=7))
    run, folder = exported
    found, (net, _) = find_semantic(str(folder)), load("tiny_photo", run)
    assert found.shape == (32, 32, 3)
    image = pictures(net, 5, 3)
    mean, log_variance = net.encode(image)
    for got, wanted in zip(found.encode(image.numpy()), (mean, log_variance), strict=True):
        np.testing.assert_allclose(got, wanted.numpy(), atol=2e-5)
    for uses in (1, 9, 64):
        z = normalised(mean, uses)
        wanted = Decoder(net)(z, torch.full((5,), float(uses)))
        np.testing.assert_allclose(found.decode(z.numpy(), uses), wanted.numpy(), atol=2e-5)


def test_rows_of_pixels_have_their_colours_innermost(exported):
    found = find_semantic(str(exported[1]))
    red = np.zeros((1, 32, 32, 3), np.float32)
    red[..., 0] = 1
    red[:, :16] = 0.5
    mean, _ = found.encode(red.reshape(1, -1))
    back = found.decode((mean * np.sqrt(128) / np.linalg.norm(mean)).astype(np.float32), 64)
    top, bottom = back.reshape(2, 16, 32, 3).mean((1, 2))
    np.testing.assert_allclose(top, 0.5, atol=0.15)
    np.testing.assert_allclose(bottom, (1, 0, 0), atol=0.3)


def test_weights_are_stored_in_few_bytes_and_the_golden_pair_too(exported):
    parameters = sum(p.numel() for p in HscPhoto(SIZE).parameters())
    for graph in ("encoder", "decoder"):
        model = onnx.load(exported[1] / f"{graph}.onnx")
        sizes = {each.data_type: 0 for each in model.graph.initializer}
        for each in model.graph.initializer:
            sizes[each.data_type] += int(np.prod(each.dims))
        assert sizes[onnx.TensorProto.INT8] > 0.2 * parameters
        assert sizes[onnx.TensorProto.FLOAT] < 0.1 * parameters
    golden = np.load(exported[1] / "golden.npz")
    assert (golden["decoded"] * 2**13 % 1 == 0).all()
    assert np.linalg.norm(golden["z"]) == pytest.approx(128**0.5, rel=1e-5)
    assert {golden[name].dtype for name in golden.files} == {np.dtype(np.float32)}


def test_large_pictures_run_alone(exported, monkeypatch):
    found, seen, run = find_semantic(str(exported[1])), [], semantic.run_graph

    def told(path, **given):
        seen.extend(map(len, given.values()))
        return run(path, **given)

    together = found.encode(np.full((3, 3072), 0.5, np.float32))[0]
    monkeypatch.setattr(semantic, "run_graph", told)
    monkeypatch.setattr(semantic, "SMALL", 3071)
    np.testing.assert_allclose(found.encode(np.full((3, 3072), 0.5, np.float32))[0], together, atol=1e-5)
    assert seen == [1, 1, 1]
