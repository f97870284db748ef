"""Other ways to run a card's graphs: what is rounded, what is not; and what the table of seconds says."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import pictures  # noqa: E402
import variants  # noqa: E402
from picture_times import Mean, read_photos  # noqa: E402

from linksim.codecs import onnx as graphs  # noqa: E402

ROW = pictures.Measured(
    section="codecs", what="HDA-DeepSC", variant="float32", threads=1, batch=0,
    encode_s=Mean(0.4, 0.3, 0.5), decode_s=Mean(0.6, 0.5, 0.7), psnr_db=Mean(36.0, 35.0, 37.0), photos=6,
)  # fmt: skip


@pytest.fixture
def graph(tmp_path):
    """y = exact(x) + network(x), 8 features each, weights as exports store them."""
    rng, weights, casts = np.random.default_rng(1), [], []
    for name in ("net.linear.weight", "net.network.0.weight"):
        value = rng.standard_normal((8, 8)).astype(np.float16)
        weights.append(onnx.numpy_helper.from_array(value, f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "net.linear.weight"], ["exact"], name="exact"),
        onnx.helper.make_node("MatMul", ["x", "net.network.0.weight"], ["rough"], name="rough"),
        onnx.helper.make_node("Add", ["exact", "rough"], ["y"], name="sum"),
    ]
    ends = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["batch", 8]) for n in ("x", "y")]
    made = onnx.helper.make_graph([*casts, *nodes], "graph", ends[:1], ends[1:], weights)
    opset = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(made, opset_imports=opset, ir_version=10), tmp_path / "graph.onnx")
    return tmp_path / "graph.onnx"


X = np.random.default_rng(2).standard_normal((16, 8)).astype(np.float32)


def test_weights_widened_to_float32_compute_the_same(graph, tmp_path):
    model = variants.widened(onnx.load(graph))
    assert {w.data_type for w in model.graph.initializer} == {onnx.TensorProto.FLOAT}
    onnx.save(model, tmp_path / "wide.onnx")
    (given,), (wide,) = (
        graphs.session(tmp_path / n).run(None, {"x": X}) for n in ("graph.onnx", "wide.onnx")
    )
    assert np.array_equal(given, wide)


def test_linear_paths_are_never_quantised(graph):
    assert variants.quantisable(variants.widened(onnx.load(graph))) == ["rough"]


@pytest.mark.parametrize("variant", ["int8-dynamic", "int8-static"])
def test_int8_is_near_the_graph_and_not_the_graph(variant, graph):
    (given,) = graphs.session(graph).run(None, {"x": X})
    with variants.opening_with(variants.maker(variant, lambda: [(graph, {"x": X})])):
        (got,) = graphs.run_graph(graph, x=X)
    assert 1e-3 < np.abs(got - given).max() < 0.2
    assert np.array_equal(graphs.run_graph(graph, x=X)[0], given)


def test_float16_is_near_the_graph(graph):
    """It is the graph where the CPU has no kernels of float16: ONNX Runtime takes the casts out then."""
    (given,) = graphs.session(graph).run(None, {"x": X})
    with variants.opening_with(variants.maker("float16", list)):
        (got,) = graphs.run_graph(graph, x=X)
    assert np.abs(got - given).max() < 0.02


def test_graphs_are_recorded_in_order_with_their_inputs(graph):
    with variants.recording() as calls:
        graphs.run_graph(graph, x=X)
        graphs.run_graph(graph, x=2 * X)
    assert [path for path, _ in calls] == [graph, graph]
    assert np.array_equal(calls[1][1]["x"], 2 * X)


def test_a_network_without_weights_says_so(graph):
    with pytest.raises(variants.Unavailable, match=r"needs .*npz in models/weights"):
        variants.maker("torch", list)(graph)


def test_ratios_are_of_ours_over_each_way_to_time_hevc():
    hevc = replace(ROW, what="HEVC", encode_s=Mean(2.0, 1.9, 2.1), decode_s=Mean(0.3, 0.2, 0.4))
    rows = [
        ROW,
        hevc,
        replace(ROW, section="variants"),
    ]
    told = "HDA-DeepSC on 1 thread takes 0.20 times as long to encode, 2.00 to decode as HEVC"
    assert list(pictures.ratios(rows)) == [told]


def test_rows_show_what_could_not_be_measured_as_blank_and_why():
    nothing = Mean.of([])
    row = replace(ROW, encode_s=nothing, decode_s=nothing, psnr_db=nothing, note="needs av")
    assert pictures.line(row).split() == ["codecs", "HDA-DeepSC", "1", "needs", "av"]


def test_rows_tell_means_with_their_intervals_where_there_are_photos_for_one():
    told = "codecs HDA-DeepSC 1 0.400 [0.300, 0.500] 0.600 [0.500, 0.700] 36.00 [35.00, 37.00]"
    assert pictures.line(ROW).split() == told.split()
    assert pictures.cell(Mean.of([0.5]), 2) == "0.50"
    flat = ROW.flat()
    assert (flat["encode_s"], flat["encode_s_low"], flat["photos"]) == (0.4, 0.3, 6)


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--photos", "0"], "must be at least 1"),
        (["--scenario", "nowhere.yaml"], "must be a file"),
        (["--csv", "nowhere/rows.csv"], "must lie in a folder that is there"),
    ],
)
def test_mistakes_end_in_a_line_before_anything_is_measured(words, rule, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["pictures.py", *words])
    with pytest.raises(SystemExit) as ended:
        pictures.main()
    assert ended.value.code == 2
    assert rule in capsys.readouterr().err


def test_photos_are_cut_or_mirrored_to_the_size_that_is_measured():
    photos = read_photos("sample", 4, (512, 768))
    assert {photo.image.shape for photo in photos} == {(512, 768, 3)}
    assert np.array_equal(photos[0].image[:, 512:], photos[0].image[:, 256:512][:, ::-1])
