"""What every export does: a graph written as ONNX and compared with torch, weights as float16 or int8, a
checkpoint's averaged weights and facts, the command.
"""

import argparse
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from models.card import ZOO, Card, sha256, write_card
from models.run import ending_in_a_line, fill

PARITY = 2e-4
LARGEST, SCALE_BITS = 127, 16
GRAPH_TYPES = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
Net = TypeVar("Net", bound=nn.Module)


def began_with(features: Path | None) -> dict[str, str]:
    """What a card tells of the weights that a training began with."""
    return {"features_from": features.name} if features else {}


class Part(nn.Module):
    """What a graph computes of a network: `forward` is the graph's, `net` the whole network."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net


def write_graph(
    net: nn.Module,
    path: Path,
    args: tuple[Tensor, ...],
    inputs: Mapping[str, dict[int, object]],
    outputs: Iterable[str],
    half: bool = False,
    int8: bool = False,
) -> None:
    """Write a module as ONNX. inputs: name -> its free axes; half: weights stored by `store_in_half`; int8:
    matrices stored by `store_in_int8`.
    """
    with sdpa_kernel(SDPBackend.MATH):
        program = torch.onnx.export(
            net, args, input_names=list(inputs), output_names=list(outputs), dynamo=True,
            dynamic_shapes=tuple(inputs.values()), verbose=False,
        )  # fmt: skip
    model = program.model_proto
    strip(model.graph)
    if int8:
        store_in_int8(model)
    if half:
        store_in_half(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def strip(graph: onnx.GraphProto) -> None:
    """Take out what the exporter noted of the code, line numbers too: the same weights give the same file."""
    held = [*graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output, graph]
    for each in held:
        del each.metadata_props[:]
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs] if attribute.type in GRAPH_TYPES else []:
                strip(inner)


def store_in_half(model: onnx.ModelProto) -> None:
    """Store every float32 array that float16 holds exactly as float16, with a Cast to float32 behind it.

    The graph still computes in float32: a runtime folds the casts when it loads the graph. Nothing is
    rounded, so round the weights first (`rounded_to_half`).
    """
    casts = []
    for weight in model.graph.initializer:
        value = onnx.numpy_helper.to_array(weight)
        with np.errstate(over="ignore"):
            half = value.astype(np.float16)
        if value.dtype != np.float32 or value.ndim == 0 or not np.array_equal(half, value):
            continue
        name = weight.name
        weight.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    put_first(model, casts)


def put_first(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    """Nodes ahead of a graph's own."""
    nodes = [*nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def store_in_int8(model: onnx.ModelProto) -> None:
    """Store every float32 matrix whose rows, or columns, are int8 times a float32 scale each so.

    A Cast and a Mul behind it give the matrix back exactly; a runtime folds them when it loads the graph,
    which still computes in float32. Nothing is rounded, so round the weights first (`rounded_to_int8`).
    """
    graph, nodes, scales = model.graph, [], []
    for weight in graph.initializer:
        value = onnx.numpy_helper.to_array(weight)
        axes = (0, 1) if value.dtype == np.float32 and value.ndim >= 2 else ()
        found = [each for axis in axes if (each := as_int8(value, axis)) is not None]
        if not found:
            continue
        name, (whole, scale) = weight.name, found[0]
        weight.CopyFrom(onnx.numpy_helper.from_array(whole, f"{name}.int8"))
        scales.append(onnx.numpy_helper.from_array(scale, f"{name}.scale"))
        cast, scaled = f"{name}.cast", f"{name}.scale"
        nodes.append(onnx.helper.make_node("Cast", [f"{name}.int8"], [cast], to=onnx.TensorProto.FLOAT))
        nodes.append(onnx.helper.make_node("Mul", [cast, scaled], [name]))
    graph.initializer.extend(scales)
    put_first(model, nodes)


def as_int8(value: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]] | None:
    """int8 and a scale for each place of an axis whose product is the value exactly, None if there are none.

    Looks for scales as `rounded_to_int8` makes them: the largest of a row is 127 of its scale.
    """
    others = tuple(i for i in range(value.ndim) if i != axis)
    scale = np.abs(value).max(axis=others, keepdims=True) / np.float32(LARGEST)
    whole = np.rint(value / np.where(scale, scale, np.float32(1)))
    return (whole.astype(np.int8), scale) if np.array_equal(whole * scale, value) else None


def rounded_to_half(net: Net) -> Net:
    """The network with every weight rounded to what float16 holds, computing in float32 as before."""
    return net.half().float()


@torch.no_grad()
def rounded_to_int8(net: Net) -> Net:
    """The network with matrices rounded to 255 steps a row, the largest being 127, other weights to float16.

    A row's scale has 16 bits, so that its multiples by up to 127 are exact.
    """
    matrices = {name: p.clone() for name, p in net.named_parameters() if p.ndim >= 2}
    net = rounded_to_half(net)
    for name, weight in net.named_parameters():
        if name in matrices:
            rows = matrices[name].flatten(1)
            fraction, exponent = torch.frexp(rows.abs().amax(1, keepdim=True) / LARGEST)
            scale = torch.ldexp((fraction * 2**SCALE_BITS).ceil(), exponent - SCALE_BITS)
            whole = (rows / scale.clamp(min=1e-30)).round()
            weight.copy_((whole * scale).reshape(weight.shape))
    return net


def opened(path: Path) -> Any:
    """A graph as ONNX Runtime's session on the CPU."""
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def check_graph(net: nn.Module, path: Path, inputs: Mapping[str, Tensor], outputs: Iterable[str]) -> float:
    """The largest difference between ONNX Runtime and torch; raises ValueError where they part."""
    with torch.no_grad():
        expected = net(*inputs.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    got = opened(path).run(list(outputs), {name: value.numpy() for name, value in inputs.items()})
    apart = max(float(np.abs(g - e.numpy()).max()) for g, e in zip(got, expected, strict=True))
    shapes = ", ".join("x".join(map(str, value.shape)) for value in inputs.values())
    print(f"{path.name} {shapes}: ONNX Runtime and torch are {apart:.1e} apart", flush=True)
    if not apart <= PARITY:
        raise ValueError(f"{path.name}: ONNX Runtime and torch must agree to {PARITY}, got {apart:.1e}")
    return apart


def export_batches(
    net: nn.Module,
    folder: Path,
    graphs: Mapping[str, tuple[type[nn.Module], Mapping[str, str], Mapping[str, str]]],
    given: Callable[[str, int], Mapping[str, Tensor]],
    batches: Iterable[int],
    int8: bool,
    most: int = 1 << 16,
) -> None:
    """Write graphs whose batch alone is free, at most `most`, and compare each with torch at some batches.

    graphs: name -> a module around the network, its inputs and outputs. given: a graph's name and a batch ->
    its inputs. Raises ValueError where the two part.
    """
    free = torch.export.Dim("batch", min=1, max=most)
    for name, (module, inputs, outputs) in graphs.items():
        wrapped, path = module(net).eval(), folder / f"{name}.onnx"
        args, axes = tuple(given(name, 2).values()), {each: {0: free} for each in inputs}
        write_graph(wrapped, path, args, axes, outputs, half=True, int8=int8)
        for batch in batches:
            check_graph(wrapped, path, given(name, batch), outputs)


def load_average(net: Net, checkpoints: Path) -> tuple[Net, dict[str, Any]]:
    """The network with the averaged weights of `state.pt`, and the training's steps and hours."""
    state = torch.load(checkpoints / "state.pt", weights_only=True)
    fill(net, state["average"], checkpoints / "state.pt")
    return net.eval(), {"steps": state["step"], "hours": round(state["seconds"] / 3600, 2)}


def said(checkpoints: Path, key: str) -> list[dict[str, Any]]:
    """The lines of `log.jsonl` that hold a key. Raises ValueError where there is none."""
    path = checkpoints / "log.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    if not (found := [line for line in lines if key in line]):
        raise ValueError(f"{path}: must have a line with {key}, got none; train until it validates")
    return found


def staged(folder: Path) -> Path:
    """An empty folder of that name beside it, which takes its place when `put_card` has written the card.

    Until then a card that is there stays whole.
    """
    stage = folder.parent / f".{folder.name}.new"
    shutil.rmtree(stage, ignore_errors=True)
    (stage / folder.name).mkdir(parents=True)
    return stage / folder.name


def put_card(
    folder: Path,
    graphs: Mapping[str, tuple[Any, Mapping[str, str], Mapping[str, str]]],
    golden: Mapping[str, NDArray],
    also: Iterable[str] = (),
    **told: Any,
) -> Path:
    """Write the golden pair and the card of graphs that stand in a `staged` folder; the place that it takes.

    graphs: name -> anything, inputs and outputs; also: the folder's other files; told: what else the card
    says (`models.card.Card`).
    """
    np.savez_compressed(folder / "golden.npz", **golden)
    files = [*(f"{graph}.onnx" for graph in graphs), *also, "golden.npz"]
    card = Card(
        name=folder.name,
        version=1,
        files={file: sha256(folder / file) for file in files},
        graphs={name: {"inputs": i, "outputs": o} for name, (_, i, o) in graphs.items()},
        **told,
    )
    write_card(card, folder)
    place = folder.parent.parent / folder.name
    shutil.rmtree(place, ignore_errors=True)
    folder.rename(place)
    folder.parent.rmdir()
    return place


def save_weights(net: nn.Module, path: Path) -> None:
    """The weights alone in float16: enough for a training to go on from, at half the size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: value.numpy().astype(np.float16) for name, value in net.state_dict().items()})


def command(
    doc: str | None,
    recipes: Iterable[str],
    export: Callable[[str, Path, Path], Path],
    load: Callable[[str, Path], tuple[nn.Module, Mapping[str, Any]]],
) -> None:
    """The command line of an export. export: name, checkpoints, zoo -> its folder; load: name, checkpoints ->
    the network and facts of it.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=sorted(recipes))
    parser.add_argument("--folder", type=Path, help="where the checkpoint is (default checkpoints/RECIPE)")
    parser.add_argument("--zoo", type=Path, default=ZOO)
    parser.add_argument("--weights", type=Path, help="also keep the weights, in this .npz")
    given = parser.parse_args()
    checkpoints = given.folder or Path("checkpoints") / given.recipe
    with ending_in_a_line():
        print(export(given.recipe, checkpoints, given.zoo))
        if given.weights:
            save_weights(load(given.recipe, checkpoints)[0], given.weights)
