"""Cards of linear networks whose graphs are written by hand: blocks of 2 x 2 pixels as 4 C reals."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper

from models.card import sha256

TOKEN = 2
NUMBERS = {"image_multiple": 2, "token": TOKEN, "reals": 12}


def told(name: str, *shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def save(path, nodes, inputs, outputs, **constants) -> None:
    held = [onnx.numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)


def encoder(path, channels=3, sides=("H", "W"), scale=1.0, more=()) -> None:
    """(image - 1/2) scale, each block's samples as channels."""
    nodes = [
        helper.make_node("Sub", ["image", "half"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["scaled"]),
        helper.make_node("SpaceToDepth", ["scaled"], ["x"], blocksize=TOKEN),
    ]
    inputs = [told("image", 1, channels, *sides), *more]
    outputs = [told("x", 1, 4 * channels, None, None)]
    save(path, nodes, inputs, outputs, half=[0.5], scale=[scale])


def decoder(path, channels=3, scale=1.0, nodes=(), more=(), source="y") -> None:
    """Its inverse; `nodes` may make `source` of what it is told."""
    back = [
        helper.make_node("DepthToSpace", [source], ["centred"], blocksize=TOKEN),
        helper.make_node("Div", ["centred", "scale"], ["small"]),
        helper.make_node("Add", ["small", "half"], ["image"]),
    ]
    inputs = [told("y", 1, 4 * channels, "h", "w"), *more]
    outputs = [told("image", 1, channels, None, None)]
    save(path, [*nodes, *back], inputs, outputs, half=[0.5], scale=[scale])


def write_card(folder, **change) -> str:
    """The card of what the folder holds; returns its path as a scenario names it."""
    files = sorted(p for p in folder.iterdir() if p.name != "card.json")
    card = {
        "name": "by hand", "kind": "jscc", "version": 1, "paper": "none", "images": "any",
        "streams": {"picture": "analog"}, "files": {p.name: sha256(p) for p in files}, "graphs": {},
        "network": NUMBERS,
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card | change))
    return str(folder)


def card(folder, scale=1.0, channels=3) -> str:
    """A card of the two graphs."""
    folder.mkdir(exist_ok=True)
    encoder(folder / "encoder.onnx", channels, scale=scale)
    decoder(folder / "decoder.onnx", channels, scale=scale)
    return write_card(folder, network=NUMBERS | {"reals": 4 * channels})
