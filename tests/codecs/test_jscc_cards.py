"""Every mistake of a card of one's own is one line: where, the rule, what was got, and where to read on."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from jscc_by_hand import NUMBERS, card, encoder, told, write_card  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

from linksim.cli import main  # noqa: E402
from linksim.codecs.jscc import find_jscc  # noqa: E402
from linksim.errors import LinksimError  # noqa: E402


def rewritten(path, change) -> None:
    """A graph saved again after a change."""
    model = onnx.load(path)
    change(model.graph)
    onnx.save(model, path)


def in_double(graph) -> None:
    graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    graph.node.insert(0, helper.make_node("Cast", ["image"], ["single"], to=TensorProto.FLOAT))
    graph.node[1].input[0] = "single"


def with_nan(graph) -> None:
    next(c for c in graph.initializer if c.name == "half").raw_data = np.float32(np.nan).tobytes()


def with_no_blocks(graph) -> None:
    graph.node[0].attribute[0].i = 1


def with_two_outputs(graph) -> None:
    graph.output.append(told("centred", 1, 3, None, None))


MISTAKES = {
    "no real numbers": (
        lambda f: {"network": NUMBERS | {"reals": 11.5}},
        r"card.json: network.reals must be a whole number from 1 to 65536, got 11.5; docs/bring",
    ),
    "endless tokens": (
        lambda f: {"network": NUMBERS | {"token": float("inf")}},
        r"card.json: network.token must be a whole number from 1 to 1024, got inf",
    ),
    "pictures that no memory holds": (
        lambda f: {"network": NUMBERS | {"image_multiple": 2**40}},
        r"card.json: network.image_multiple must be a whole number from 1 to 1024, got 1099511627776",
    ),
    "an odd number of reals": (
        lambda f: {"network": NUMBERS | {"reals": 11}},
        r"card.json: network.reals must be even, two make a symbol, got 11",
    ),
    "another number of reals": (
        lambda f: {"network": NUMBERS | {"reals": 10}},
        r"encoder.onnx: must give float32 \[1, 10, 1, 1\] for a picture of 2x2, got 'float32 \[1, 12, 1",
    ),
    "a token that does not divide": (
        lambda f: {"network": NUMBERS | {"token": 4}},
        r"network.image_multiple must be a multiple of network.token, 4, got 2",
    ),
    "no reals": (
        lambda f: {"network": {"image_multiple": 2, "token": 2}},
        r"card.json: must have network.reals, a number",
    ),
    "another kind": (lambda f: {"kind": "hsc"}, r"card.json: must be a card of kind 'jscc', got 'hsc'"),
    "no decoder": (
        lambda f: (f / "decoder.onnx").unlink(),
        r"card.json: must have files.decoder.onnx",
    ),
    "no graph": (
        lambda f: (f / "encoder.onnx").write_bytes(b"PK torch"),
        r"encoder.onnx: must be a graph that ONNX Runtime loads, got ",
    ),
    "other names": (
        lambda f: rewritten(f / "decoder.onnx", lambda g: rename(g, "y", "z")),
        r"decoder.onnx: must take the input 'y', and may take noise_var and snr_db, got 'z'",
    ),
    "one input too many": (
        lambda f: encoder(f / "encoder.onnx", more=[told("snr", 1, 1)]),
        r"encoder.onnx: must take the input 'image', and may take snr_db, got 'image, snr'",
    ),
    "fixed sides": (
        lambda f: encoder(f / "encoder.onnx", sides=(2, 2)),
        r"encoder.onnx: must run for a picture of 4x6, heights and widths left free, got ",
    ),
    "two outputs": (
        lambda f: rewritten(f / "encoder.onnx", with_two_outputs),
        r"encoder.onnx: must give one output, got 2",
    ),
    "doubles": (
        lambda f: rewritten(f / "encoder.onnx", in_double),
        r"encoder.onnx: image must be float32, got 'tensor\(double\)'",
    ),
    "four colours": (
        lambda f: encoder(f / "encoder.onnx", channels=4),
        r"encoder.onnx: image must be \[1, 3, H, W\], or \[1, 1, H, W\] of grey, got ",
    ),
    "no numbers": (
        lambda f: rewritten(f / "decoder.onnx", with_nan),
        r"decoder.onnx: must give finite numbers for a picture of 2x2, got 'others'",
    ),
    "a picture of another size": (
        lambda f: rewritten(f / "decoder.onnx", with_no_blocks),
        r"decoder.onnx: must give float32 \[1, 3, 2, 2\] for a picture of 2x2, got 'float32 \[1, 12, 1, 1\]'",
    ),
    "points without energy": (
        lambda f: (f / "constellation.csv").write_text("0,0,0\n1,0,0\n"),
        r"constellation.csv: points must have energy, got 0",
    ),
    "points of too much energy": (
        lambda f: (f / "constellation.csv").write_text("0,2,0\n1,-2,0\n"),
        r"constellation.csv: points must have mean energy 1, got 4",
    ),
}


def rename(graph, old: str, new: str) -> None:
    graph.input[0].name = new
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(tmp_path, name):
    spoil, line = MISTAKES[name]
    card(tmp_path / "card")
    change = spoil(tmp_path / "card")
    path = write_card(tmp_path / "card", **(change if isinstance(change, dict) else {}))
    with pytest.raises(LinksimError, match=line) as caught:
        find_jscc(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_changed_after_its_card_is_refused(tmp_path):
    path = card(tmp_path / "card")
    encoder(tmp_path / "card" / "encoder.onnx", scale=2.0)
    with pytest.raises(LinksimError, match=r"encoder.onnx: SHA-256 must be .*; restore the file or export"):
        find_jscc(path)


SCENARIO = """name: own
images: {{set: sample, limit: 1, crop: 64x64}}
codec: {{kind: deepjscc, card: {card}}}
links: {{air: {{bandwidth_ratio: {ratio}, channel: {{kind: awgn}}, streams: {{picture: {{kind: analog}}}}}}}}
snr_db: 10
trials: {{per_image: 1}}
seed: 1
"""


def test_the_command_says_it_in_one_line_before_it_runs(tmp_path, capsys):
    path = card(tmp_path / "card")
    for ratio, line in (("1/2", None), ("1/3", "takes a bandwidth_ratio of 1/2 for it alone")):
        (tmp_path / "own.yaml").write_text(SCENARIO.format(card=path, ratio=ratio))
        with pytest.raises(SystemExit) as left:
            main(["run", str(tmp_path / "own.yaml"), "--out", str(tmp_path / "run")])
        said = capsys.readouterr()
        assert left.value.code == (2 if line else 0)
        assert line is None or (line in said.err and said.err.count("\n") <= 3)
