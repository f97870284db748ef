"""Every network in the zoo: its checksums hold, and its graphs give the golden outputs of its export."""

import numpy as np
import pytest

from linksim.codecs.onnx import run_graph
from models.card import ZOO, names, read_card

TOLERANCE = 1e-4
"""Across processors ONNX Runtime's float32 kernels differ by some 1e-6 of values up to about 10."""


def test_the_zoo_holds_networks_and_stays_under_60_mb():
    assert names()
    assert sum(path.stat().st_size for path in ZOO.rglob("*") if path.is_file()) < 60e6


@pytest.mark.parametrize("name", names())
def test_graphs_give_the_golden_outputs(name):
    folder = ZOO / name
    card = read_card(folder, "hda_deepsc")
    golden = dict(np.load(folder / "golden.npz", allow_pickle=False))
    z, z_d = run_graph(folder / "encoder.onnx", image=golden["image"])
    np.testing.assert_allclose(z, golden["z"], atol=TOLERANCE)
    np.testing.assert_allclose(z_d, golden["z_d"], atol=TOLERANCE)
    known = {name: golden[name] for name in ("z", "z_d", "side")}
    (x,) = run_graph(folder / "transmitter.onnx", **known)
    np.testing.assert_allclose(x, golden["x"], atol=TOLERANCE)
    known = {name: golden[name] for name in ("z_d", "x", "noise", "side")}
    (decoded,) = run_graph(folder / "decoder.onnx", **known)
    np.testing.assert_allclose(decoded, golden["decoded"], atol=TOLERANCE)
    assert card.training["steps"] > 0
    assert card.training["data"]
