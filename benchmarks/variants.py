"""Other ways to run the graphs of a card: what `linksim.codecs.onnx` opens a graph with, in one process.

float32          ONNX Runtime as linksim runs it
float16          weights and activations in float16, ONNX Runtime; without kernels for it, as on x86, it takes
                 the casts out again and computes in float32
int8-dynamic     matrix products in int8, activations scaled as they come
int8-static      convolutions and matrix products in int8, activations scaled as on the calibration photos
torch            the network in torch, float32
torch-bfloat16   the same, the insides of the networks in bfloat16, as in training

The linear paths beside the networks (`linear`, `analog_*`, `gains`) stay in float32 in every variant but
float16: they carry 40 dB, which eight bits do not.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from linksim.codecs import onnx as graphs

Inputs = Mapping[str, NDArray]
Calls = list[tuple[Path, Inputs]]
WEIGHTS = Path(__file__).resolve().parents[1] / "models" / "weights"
EXACT = ("linear", "analog_", "gains.")
"""Parts of the names of weights that stay as they are."""
QUANTISED = ("Conv", "MatMul", "Gemm")
PLAIN = graphs.session
"""How linksim opens a graph."""
VARIANTS = ("float32", "float16", "int8-dynamic", "int8-static", "torch", "torch-bfloat16")


class Unavailable(Exception):
    """Why a variant cannot run here."""


class Recorded:
    """A session that notes what it was called with."""

    def __init__(self, path: Path, session: Any, calls: Calls) -> None:
        self.path, self.session, self.calls = path, session, calls

    def run(self, outputs: None, inputs: Inputs) -> list[NDArray]:
        self.calls.append((self.path, dict(inputs)))
        return self.session.run(outputs, inputs)


@contextmanager
def opening_with(make: Callable[[Path], Any]) -> Iterator[None]:
    """Graphs that codecs run in here are opened by `make`, each once."""
    kept, opened = graphs.session, {}

    def session(path: Path) -> Any:
        if path not in opened:
            opened[path] = make(path)
        return opened[path]

    graphs.session = session
    try:
        yield
    finally:
        graphs.session = kept


@contextmanager
def recording() -> Iterator[Calls]:
    """The graphs that codecs run in here and their inputs, in order."""
    calls: Calls = []
    with opening_with(lambda path: Recorded(path, PLAIN(path), calls)):
        yield calls


def maker(variant: str, calls: Callable[[], Calls]) -> Callable[[Path], Any]:
    """What opens a graph in a variant. calls: records some, to calibrate by. Raises Unavailable."""
    if variant == "float32":
        return PLAIN
    if variant.startswith("torch"):
        return TorchGraphs(variant == "torch-bfloat16").open
    folder = TemporaryDirectory(prefix="linksim-variants-")
    seen = calls() if variant == "int8-static" else []

    def make(path: Path) -> Any:
        own = Path(folder.name) / path.name
        write(variant, path, own, [inputs for graph, inputs in seen if graph == path])
        return PLAIN(own)

    return make


def write(variant: str, path: Path, out: Path, seen: list[Inputs]) -> None:
    """A variant of a graph as a file."""
    from onnxruntime import quantization

    model = widened(onnx.load(path))
    if variant == "float16":
        from onnxruntime.transformers.float16 import convert_float_to_float16

        onnx.save(convert_float_to_float16(model, keep_io_types=True), out)
        return
    nodes = quantisable(model)
    if not nodes or (variant == "int8-static" and not seen):
        onnx.save(model, out)
    elif variant == "int8-dynamic":
        quantization.quantize_dynamic(model, out, op_types_to_quantize=["MatMul"], nodes_to_quantize=nodes)
    else:
        int8, uint8 = quantization.QuantType.QInt8, quantization.QuantType.QUInt8
        quantization.quantize_static(
            model, out, Reader(seen), op_types_to_quantize=list(QUANTISED), nodes_to_quantize=nodes,
            per_channel=True, activation_type=uint8, weight_type=int8,
        )  # fmt: skip


class Reader:
    """Recorded inputs, one after another, as the calibration of ONNX Runtime asks for them."""

    def __init__(self, seen: list[Inputs]) -> None:
        self.left = iter(seen)

    def get_next(self) -> Inputs | None:
        return next(self.left, None)


def widened(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its weights in float32, where `models.exporting` stores float16 and a Cast behind it."""
    weights = {weight.name: weight for weight in model.graph.initializer}
    kept = []
    for node in model.graph.node:
        source = weights.get(node.input[0]) if node.op_type == "Cast" else None
        if source is None or source.data_type != onnx.TensorProto.FLOAT16:
            kept.append(node)
            continue
        value = onnx.numpy_helper.to_array(source).astype(np.float32)
        source.CopyFrom(onnx.numpy_helper.from_array(value, node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return model


def quantisable(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes with a weight that may take eight bits."""
    weights = {weight.name for weight in model.graph.initializer}
    named = [
        (node.name, [name for name in node.input[:2] if name in weights])
        for node in model.graph.node
        if node.op_type in QUANTISED
    ]
    return [name for name, own in named if own and not any(part in own[0] for part in EXACT)]


class TorchGraphs:
    """The graphs of a trained HDA-DeepSC as the torch modules that they were exported from."""

    def __init__(self, bfloat16: bool) -> None:
        self.bfloat16 = bfloat16

    def open(self, path: Path) -> Any:
        """A session of the module that a graph was exported from. Raises Unavailable without its weights."""
        name, graph = path.parent.name, path.stem
        weights = WEIGHTS / f"{name}.npz"
        if not weights.is_file():
            raise Unavailable(f"needs {weights.name} in models/weights")

        import torch

        from models.export import GRAPHS
        from models.hda_deepsc import HdaDeepsc
        from models.recipes import RECIPES
        from models.semantic import Trunk

        if name not in RECIPES or graph not in GRAPHS:
            raise Unavailable(f"needs a recipe {name} that has the graph {graph}")
        torch.set_num_threads(int(os.environ["LINKSIM_THREADS"]))
        net = HdaDeepsc(RECIPES[name].size).eval()
        with np.load(weights, allow_pickle=False) as file:
            held = {key: torch.from_numpy(file[key]).float() for key in file.files}
        try:
            net.load_state_dict(held)
        except RuntimeError as error:
            raise Unavailable(f"{weights.name} holds another network: {str(error).splitlines()[0]}") from None
        for module in net.modules():
            if isinstance(module, Trunk):
                module.bfloat16 = self.bfloat16
        module, inputs, _ = GRAPHS[graph]
        return TorchSession(module(net).eval(), list(inputs))


class TorchSession:
    """A torch module that is called as a session is."""

    def __init__(self, module: Any, inputs: list[str]) -> None:
        self.module, self.inputs = module, inputs

    def run(self, _: None, given: Inputs) -> list[NDArray]:
        import torch

        with torch.inference_mode():
            out = self.module(*(torch.from_numpy(np.ascontiguousarray(given[name])) for name in self.inputs))
        return [each.numpy() for each in (out if isinstance(out, tuple) else (out,))]
