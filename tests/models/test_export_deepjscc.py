"""DeepJSCC from checkpoint to card, and as linksim computes it: its power, its points, its pictures."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from linksim.codecs.deepjscc import DeepJscc as Codec  # noqa: E402
from models.deepjscc import DeepJscc, Size, normalised  # noqa: E402
from models.deepjscc_q import hard, points  # noqa: E402
from models.export_deepjscc import export, load, write_constellation  # noqa: E402
from models.run import Run  # noqa: E402
from models.train_deepjscc import RECIPES, JsccRecipe, crops  # noqa: E402
from phy.constellation_file import read_alphabet  # noqa: E402
from phy.types import Grant, SymbolsObserved  # noqa: E402

SNR_DB = 12.0
SIZES = {
    "tiny_any": Size(stem=12, width=48, hidden=4),
    "tiny_points": Size(stem=12, width=48, hidden=4, levels=4),
}


@pytest.fixture(scope="module", params=["tiny_any", pytest.param("tiny_points", marks=pytest.mark.slow)])
def exported(photos, tmp_path_factory, request):
    """The checkpoint's folder and the card's folder of a network whose attention does something."""
    name, root = request.param, tmp_path_factory.mktemp("jscc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, name, JsccRecipe(size=SIZES[name], steps=7, decay=2, seed=5))
        torch.manual_seed(1)
        net = DeepJscc(SIZES[name])
        net.start(crops(photos, 4, 2, 64, (1,)))
        for layers in (net.encoder, net.decoder):
            for each in layers.attentions:
                torch.nn.init.normal_(each.net[-1].weight, std=0.1)
        run = Run(net, root / "run")
        run.optimiser = torch.optim.Adam(run.net.parameters())
        run.step, run.spent = 7, 1800.0
        run.say(photos=40, psnr_10_db=20.0)
        run.say(psnr_10_db=21.0)
        run.save()
        folder = export(name, root / "run", root / "zoo")
        yield name, load(name, root / "run")[0], folder


def test_the_card_tells_what_was_trained_and_measured(exported):
    name, _, folder = exported
    card = json.loads((folder / "card.json").read_text())
    assert (card["name"], card["kind"], card["streams"]) == (name, "jscc", {"picture": "analog"})
    assert card["network"] == {"image_multiple": 4, "token": 4, "reals": 16}
    assert ("constellation.csv" in card["files"]) == (name == "tiny_points")
    assert [card["training"][each] for each in ("seed", "steps", "hours", "photos")] == [5, 7, 0.5, 40]
    (measured,) = card["measured"].values()
    assert measured["psnr_10_db"] == 21.0


@pytest.mark.parametrize("n", [4, 16])
def test_the_host_reads_the_constellation_as_it_was_trained(tmp_path, n):
    write_constellation(n, tmp_path / "constellation.csv")
    np.testing.assert_allclose(read_alphabet(tmp_path / "constellation.csv"), points(n), atol=1e-7)


@torch.no_grad()
def test_the_host_computes_what_torch_computes(exported, photos):
    _, net, folder = exported
    image, codec = photos[0][:64, :84], Codec(card=str(folder))
    uses = image.size // 6
    grant = Grant(channel_uses=uses, payload_bits=0, snr_db=SNR_DB)
    (message,) = codec.encode([image], [{"picture": grant}])
    data = message["picture"].data
    assert data.size == uses
    x_BCHW = torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 255
    snr = torch.full((1, 1), SNR_DB)
    x = net.encode(x_BCHW, snr)
    s = normalised(hard(x, 4) if net.size.levels else x)
    wanted = (s[:, 0::2] + 1j * s[:, 1::2]).flatten().numpy()
    np.testing.assert_allclose(data, wanted, atol=1e-4)
    noise_var = np.full(uses, 10 ** (-SNR_DB / 10), np.float32)
    noise = np.random.default_rng(1).standard_normal((uses, 2)) @ [1, 1j] * (noise_var[0] / 2) ** 0.5
    got = (data + noise).astype(np.complex64)
    ((decoded),) = codec.decode([{"picture": SymbolsObserved(data=got, noise_var=noise_var)}], [image.shape])
    y = torch.zeros_like(s)
    seen = torch.from_numpy(got).reshape(1, 8, 16, 21)
    y[:, 0::2], y[:, 1::2] = seen.real, seen.imag
    expected = (net.decode(y, snr).clamp(0, 1)[0] * 255).round().permute(1, 2, 0).numpy()
    assert np.abs(decoded.image.astype(float) - expected).max() <= 1
    assert not decoded.outage
