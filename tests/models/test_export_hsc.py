"""HSC's semantic codec from checkpoint to card: int8 and float16 storage, parity, the card's facts."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from linksim.codecs.semantic import find_semantic  # noqa: E402
from linksim.errors import LinksimError  # noqa: E402
from models import tune_hsc  # noqa: E402
from models.export_hsc import Decoder, Encoder, export, load, measured, training  # noqa: E402
from models.exporting import (  # noqa: E402
    as_int8,
    check_graph,
    load_average,
    rounded_to_half,
    rounded_to_int8,
    store_in_half,
)
from models.hsc import Hsc, HscSize, normalised  # noqa: E402
from models.run import Run  # noqa: E402
from models.train_hsc import RECIPES, HscRecipe  # noqa: E402
from models.tune_hsc import TuneRecipe  # noqa: E402

VAE, VQ = (HscSize(pixels=64, widths=(24, 12), uses=16, codewords=words) for words in (0, 8))
TINY = {
    "tiny_vae": HscRecipe(size=VAE, steps=7, seed=5),
    "tiny_vq": HscRecipe(size=VQ, steps=7, seed=5),
    "tiny_half": HscRecipe(size=replace(VAE, shrinks=True), steps=7, seed=5, int8=False),
}
SIZES = {name: recipe.size for name, recipe in TINY.items()}


@pytest.fixture(scope="module", params=SIZES)
def exported(request, tmp_path_factory):
    """The name, the checkpoint's folder and the card's folder of a network that was trained 7 steps."""
    name, root = request.param, tmp_path_factory.mktemp("hsc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, name, TINY[name])
        torch.manual_seed(1)
        run = Run(Hsc(SIZES[name]), root / "run")
        run.optimiser = torch.optim.Adam(run.net.parameters())
        run.step, run.spent = 7, 1800.0
        run.say(parameters=1, images=50_000)
        run.say(mse_mean_16=0.25)
        run.say(mse_mean_16=0.125)
        run.save()
        yield name, root / "run", export(name, root / "run", root / "zoo")


def test_the_card_tells_what_was_trained_and_measured(exported):
    name, _, folder = exported
    card = json.loads((folder / "card.json").read_text())
    assert (card["name"], card["kind"], card["images"]) == (name, "hsc", "8x8 grey")
    wanted = {"pixels": 64, "height": 8, "width": 8, "reals": 32, "codewords": SIZES[name].codewords}
    assert card["network"] == wanted
    assert card["training"]["data"] == "MNIST, the first 50,000 training images"
    assert [card["training"][each] for each in ("seed", "steps", "hours")] == [5, 7, 0.5]
    (measured,) = card["measured"].values()
    assert measured["mse_mean_16"] == 0.125


def test_weights_are_int8_or_float16_on_disk_and_the_graph_computes_in_float32(exported):
    name, _, folder = exported
    for graph in ("encoder", "decoder"):
        model = onnx.load(folder / f"{graph}.onnx")
        kinds = {each.name: each.data_type for each in model.graph.initializer if each.dims}
        small = {n for n, kind in kinds.items() if kind in (onnx.TensorProto.FLOAT16, onnx.TensorProto.INT8)}
        matrices = {n for n, kind in kinds.items() if kind == onnx.TensorProto.INT8}
        assert (len(matrices) >= 3) == TINY[name].int8
        assert len(small) >= 6
        assert small == {node.input[0] for node in model.graph.node if node.op_type == "Cast"}
        whole = {n for n, kind in kinds.items() if kind == onnx.TensorProto.FLOAT}
        assert whole == {n.replace(".int8", ".scale") for n in matrices}
        ends = [*model.graph.input, *model.graph.output]
        assert {each.type.tensor_type.elem_type for each in ends} == {onnx.TensorProto.FLOAT}


def test_a_graph_tells_nothing_of_the_code_it_was_made_by(exported):
    for graph in ("encoder", "decoder"):
        content = (exported[2] / f"{graph}.onnx").read_bytes()
        assert b".py" not in content
        assert b"stack_trace" not in content


def test_a_matrix_is_rounded_to_127_steps_a_side_of_its_rows_and_stored_exactly():
    torch.manual_seed(2)
    net = torch.nn.Linear(40, 9)
    with torch.no_grad():
        net.weight[3] *= 1e-3
        net.weight[4] = 0
    before, after = net.weight.detach().clone(), rounded_to_int8(net).weight.detach()
    step = before.abs().amax(1, keepdim=True) / 127
    assert ((after - before).abs() <= step * 0.501).all()
    assert (after - before).abs().max() > step.max() * 0.4
    torch.testing.assert_close(after.abs().amax(1), before.abs().amax(1), rtol=1e-4, atol=0)
    for axis, matrix in ((0, after), (1, after.T)):
        whole, scale = as_int8(matrix.numpy(), axis)
        assert whole.dtype == np.int8
        np.testing.assert_array_equal(whole * scale, matrix.numpy())
    assert as_int8(before.numpy(), 0) is None
    torch.testing.assert_close(rounded_to_int8(net).weight, after, rtol=0, atol=0)


def test_what_float16_does_not_hold_stays_float32():
    held, lost = np.float32([0.5, -3, 65504]), np.float32([0.1, 0.2, 1e6])
    weights = [onnx.numpy_helper.from_array(held, "held"), onnx.numpy_helper.from_array(lost, "lost")]
    ends = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [3]) for n in ("x", "y")]
    steps = (("Mul", ["x", "held"], ["m"]), ("Add", ["m", "lost"], ["y"]))
    nodes = [onnx.helper.make_node(*step) for step in steps]
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", ends[:1], ends[1:], weights))
    store_in_half(model)
    onnx.checker.check_model(model)
    found = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    dtypes = {name: value.dtype.name for name, value in found.items()}
    assert dtypes == {"held.half": "float16", "lost": "float32"}
    np.testing.assert_array_equal(found["held.half"].astype(np.float32), held)
    (y,) = onnx.reference.ReferenceEvaluator(model).run(None, {"x": np.float32([1, 2, 0])})
    np.testing.assert_array_equal(y, np.float32([1, 2, 0]) * held + lost)


def test_a_graph_that_parts_from_torch_is_refused(exported):
    name, run, folder = exported
    net, _ = load_average(Hsc(SIZES[name]), run)
    inputs = {"image": torch.rand(3, 64)}
    rounded = rounded_to_int8 if TINY[name].int8 else rounded_to_half
    check_graph(Encoder(rounded(net)), folder / "encoder.onnx", inputs, ("mean", "log_variance"))
    with torch.no_grad():
        net.mean.bias[5] += 0.01
    with pytest.raises(ValueError, match=r"encoder.onnx: .* must agree to 0.0002, got 1.0e-02"):
        check_graph(Encoder(net), folder / "encoder.onnx", inputs, ("mean", "log_variance"))


@torch.no_grad()
def test_the_host_computes_what_torch_computes(exported):
    name, run, folder = exported
    found, image = find_semantic(str(folder)), torch.rand(21, 64)
    net, _ = load(name, run)
    mean, log_variance = net.encode(image)
    for got, wanted in zip(found.encode(image.numpy()), (mean, log_variance), strict=True):
        np.testing.assert_allclose(got, wanted.numpy(), atol=1e-5)
    for uses in (1, 5, 16):
        z = normalised(mean if net.codebook is None else net.nearest(mean, uses), uses)
        wanted = Decoder(net)(z, torch.full((21,), float(uses)))
        np.testing.assert_allclose(found.decode(z.numpy(), uses), wanted.numpy(), atol=1e-5)


def test_the_golden_pair_holds_codewords_of_the_power_that_is_sent(exported):
    golden = np.load(exported[2] / "golden.npz")
    assert golden["uses"].tolist() == [1, 4, 16]
    for z, uses in zip(golden["z"], golden["uses"].astype(int), strict=True):
        assert np.linalg.norm(z) == pytest.approx(math.sqrt(2 * uses), rel=1e-5)
        assert not z[2 * uses :].any()


def test_only_a_vq_vae_has_codewords(exported):
    name, run, folder = exported
    words = find_semantic(str(folder)).codewords
    if not SIZES[name].codewords:
        assert words is None
        assert not (folder / "codebook.npz").exists()
        return
    assert (words.shape, words.dtype) == ((8, 32), np.float32)
    net, _ = load_average(Hsc(SIZES[name]), run)
    np.testing.assert_array_equal(words, net.codebook.detach().numpy().astype(np.float16))
    card = json.loads((folder / "card.json").read_text())
    fewer = {name: digest for name, digest in card["files"].items() if name != "codebook.npz"}
    for change, told in (
        ({"network": card["network"] | {"codewords": 9}}, "must hold 9 codewords of 32 reals, got (8, 32)"),
        ({"files": fewer}, "must have files.codebook.npz, it has codewords; export"),
    ):
        (folder / "card.json").write_text(json.dumps(card | change))
        find_semantic.cache_clear()
        with pytest.raises(LinksimError) as caught:
            find_semantic(str(folder))
        (folder / "card.json").write_text(json.dumps(card))
        assert told in str(caught.value)


def test_a_training_that_never_validated_is_told(exported, tmp_path, monkeypatch):
    name, run, _ = exported
    (tmp_path / "state.pt").write_bytes((run / "state.pt").read_bytes())
    (tmp_path / "log.jsonl").write_text('{"step": 0, "images": 50000}\n')
    monkeypatch.setitem(RECIPES, name, TINY[name])
    with pytest.raises(ValueError, match=r"log.jsonl: must have a line with mse_mean_16, got none"):
        export(name, tmp_path, tmp_path / "zoo")


def test_the_card_of_a_fine_tuning_tells_what_it_was_before_and_what_less_comes_to(tmp_path, monkeypatch):
    for name, more in (("t", {}), ("t_9", {"pictures": 9, "moved": 0.5}), ("t_8", {"pictures": 8})):
        monkeypatch.setitem(tune_hsc.RECIPES, name, TuneRecipe(steps=7, seed=3, **more))
        run = Run(torch.nn.Linear(1, 1), tmp_path / name)
        run.say(tuned=False, shrinks=False, images=more.get("pictures", 10), mse_0db_128=0.5)
        run.say(tuned=False, shrinks=True, mse_0db_128=0.4)
        if name != "t_8":  # not done yet
            run.say(mse_mean_16=0.125, mse_0db_128=len(name) / 100)
    found = measured("t", tmp_path / "t")
    assert [(*label.split(";")[:1], line["mse_0db_128"]) for label, line in found.items()] == [
        ("MSE a pixel over the error-free channel for k uses, the last 10,000 training images", 0.01),
        ("before fine-tuning", 0.5),
        ("before fine-tuning, the decoder's scaling alone", 0.4),
        ("fine-tuned with 9 pictures and 7 steps, 50% of a batch moved", 0.03),
    ]
    told = training("t_9", tmp_path / "t_9", {"steps": 7})
    assert (told["images"], told["start"], told["seed"]) == (9, "hsc_vae", 3)
    assert told["command"] == "python -m models.tune_hsc t_9 --data FOLDER"
