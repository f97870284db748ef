"""NCR's adapters from checkpoint to card: parity, facts, and the codec that makes what training made."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from linksim.codecs.adapters import find_adapter  # noqa: E402
from linksim.codecs.hsc import Hsc as Codec  # noqa: E402
from linksim.codecs.hsc_arrays import to_reals, to_symbols  # noqa: E402
from linksim.errors import LinksimError  # noqa: E402
from models import export_hsc, export_ncr, train_hsc, train_ncr  # noqa: E402
from models.hsc import Hsc, HscSize  # noqa: E402
from models.ncr import Ncr, NcrSize, recompose  # noqa: E402
from models.run import Run  # noqa: E402
from models.train_hsc import HscRecipe  # noqa: E402
from models.train_ncr import NcrRecipe  # noqa: E402
from phy.types import BitsObserved, Grant, SymbolsObserved  # noqa: E402

SIDE, USES = 8, 10
SHAPE = (SIDE, SIDE, 1)
BASE = HscSize(pixels=SIDE * SIDE, widths=(24, 12), uses=16)


def ran(net, folder, **said):
    """A run of 7 steps whose weights are away from where they began."""
    run = Run(net, folder)
    with torch.no_grad():
        for value in run.average.weights.values():
            value.add_(torch.randn(value.shape) * 0.15)
    run.optimiser = torch.optim.Adam(run.net.parameters())
    run.step, run.spent = 7, 1800.0
    run.say(**said)
    run.save()


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A zoo with the network that adapters are around; its folder, and the network as torch has it."""
    root = tmp_path_factory.mktemp("base")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(train_hsc.RECIPES, "tiny", HscRecipe(size=BASE, steps=7, seed=5))
        torch.manual_seed(1)
        ran(Hsc(BASE), root / "run", parameters=1, images=50_000, mse_mean_16=0.25)
        folder = export_hsc.export("tiny", root / "run", root / "zoo")
        return folder, export_hsc.load("tiny", root / "run")[0]


@pytest.fixture(scope="module", params=["plain", "informed"])
def exported(request, base, tmp_path_factory):
    """The folder of an adapter, its base's, and both networks as torch has them."""
    root, name = tmp_path_factory.mktemp("ncr"), request.param
    size = NcrSize(pixels=SIDE * SIDE, uses=USES, hidden=12, hidden_image=20, informed=name == "informed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(train_ncr.RECIPES, name, NcrRecipe(size=size, steps=7, seed=5, base="tiny"))
        torch.manual_seed(1)
        ran(Ncr(size), root, trials=3, arrived=0.5, mse_ncr=0.25, mse_base=0.5)
        folder = export_ncr.export(name, root, base[0].parent)
        yield folder, *base, export_ncr.load(name, root)[0]


def test_the_card_names_its_base_and_what_was_measured(exported):
    folder, base, _, ncr = exported
    card, of_base = (json.loads((each / "card.json").read_text()) for each in (folder, base))
    assert card["kind"] == "hsc_adapter"
    assert card["base"] == {"name": "tiny", **of_base["files"]}
    assert card["network"] == {"pixels": 64, "uses": USES}
    assert card["images"] == "8x8 grey"
    (measured,) = card["measured"].values()
    assert (measured["mse_ncr"], measured["mse_base"]) == (0.25, 0.5)
    assert [card["training"][each] for each in ("seed", "steps", "hours", "trials")] == [5, 7, 0.5, 3]
    assert set(card["graphs"]) == {each.stem for each in folder.glob("*.onnx")}
    assert ("adapter_denoiser" in card["graphs"]) == ncr.size.informed


def test_golden_pairs_are_of_the_graphs(exported):
    import onnxruntime

    golden = np.load(exported[0] / "golden.npz")
    for graph, told in json.loads((exported[0] / "card.json").read_text())["graphs"].items():
        session = onnxruntime.InferenceSession(exported[0] / f"{graph}.onnx")
        (out,) = session.run(None, {each: golden[f"{graph}.{each}"] for each in told["inputs"]})
        np.testing.assert_allclose(out, golden[f"{graph}.{next(iter(told['outputs']))}"], atol=1e-5)


@pytest.mark.parametrize("ok", [True, False])
def test_the_codec_makes_what_training_makes(exported, ok):
    folder, base, net, ncr = exported
    codec = Codec(card=str(base), adapter=str(folder), rank=3, bits_a=20, bits_ax=20, sample=False)
    images = list(np.random.default_rng(1).integers(0, 256, (4, *SHAPE), np.uint8))
    grant = {
        "semantic": Grant(channel_uses=USES, payload_bits=0, snr_db=5.0),
        "complement": Grant(channel_uses=9, payload_bits=9000, snr_db=5.0, mcs="x"),
    }
    messages = codec.encode(images, [grant] * 4)
    known = torch.full((4,), 3.0), torch.full((4,), float(ok)), torch.full((4,), 0.5)
    with torch.no_grad():
        x = torch.from_numpy(np.stack(images).reshape(4, -1) / np.float32(255))
        z = train_hsc.normalised(net.encode(x)[0], USES)[:, : 2 * USES]
        sent = ncr.encode(z, known[0])
    got = np.stack([to_reals(each["semantic"].data) for each in messages])
    np.testing.assert_allclose(got, sent, atol=1e-4)
    noisy = (sent + 0.7 * torch.randn(sent.shape, generator=torch.Generator().manual_seed(1))).numpy()
    receptions = [
        {
            "semantic": SymbolsObserved(data=to_symbols(row), noise_var=np.full(USES, 0.5, np.float32)),
            "complement": BitsObserved(data=message["complement"].data, ok=ok),
        }
        for row, message in zip(noisy, messages, strict=True)
    ]
    with torch.no_grad():
        wanted = by_training(net, ncr, torch.from_numpy(noisy), known, of_pictures(net, x, ok))
    shown = np.stack([each.image for each in codec.decode(receptions, [SHAPE] * 4)])
    np.testing.assert_allclose(shown.reshape(4, -1), wanted.clamp(0, 1) * 255, atol=0.55)


def of_pictures(net, x, ok):
    """The rows and A X of rank 3, by the network alone; zeros where the complement is lost."""
    z = train_hsc.normalised(net.encode(x)[0], USES)
    error = (x - net.decode(z, torch.full((4,), USES))).reshape(-1, SIDE, SIDE)
    _, columns = torch.linalg.eigh(error @ error.transpose(1, 2))
    rows = columns.transpose(1, 2).flip(1)[:, :3] * ok
    return rows, rows @ x.reshape(-1, SIDE, SIDE)


def by_training(net, ncr, z, known, complement):
    """X~ of what was received, as `models.train_ncr.restored` makes it."""
    padded = ncr.denoise(z, *known) if ncr.denoiser else z
    padded = torch.nn.functional.pad(padded, (0, 2 * (BASE.uses - USES)))
    image = net.decode(padded, torch.full((4,), USES))

    def complemented(each):
        return recompose(*complement, each.reshape(-1, SIDE, SIDE)).reshape(each.shape)

    if ncr.denoiser:
        return complemented(ncr.decode_informed(image, complemented(image), *known))
    return complemented(ncr.decode(image, known[0]))


def test_around_another_network_it_is_refused(exported, tmp_path):
    with pytest.raises(LinksimError, match=r"codec\.adapter: .* is around tiny, got 'hsc_vae'"):
        find_adapter(str(exported[0]), "hsc_vae")


def test_weights_are_stored_small_and_computed_with_in_float32(exported):
    for path in exported[0].glob("*.onnx"):
        model = onnx.load(path)
        kinds = {each.name: each.data_type for each in model.graph.initializer if each.dims}
        matrices = [name for name in kinds if name.endswith(".int8")]
        assert len(matrices) == 4
        whole = {name for name, kind in kinds.items() if kind == onnx.TensorProto.FLOAT}
        assert whole <= {name.replace(".int8", ".scale") for name in matrices}
        ends = [*model.graph.input, *model.graph.output]
        assert {each.type.tensor_type.elem_type for each in ends} == {onnx.TensorProto.FLOAT}
