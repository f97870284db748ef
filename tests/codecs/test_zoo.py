"""Every network in the zoo: its checksums hold, and its graphs give the golden outputs of its export."""

import numpy as np
import pytest

from linksim.codecs.onnx import run_graph
from linksim.listing import cards
from models.card import ZOO, names, open_card, read_card

TOLERANCE = 1e-4
"""Across processors ONNX Runtime's float32 kernels differ by some 1e-6 of values up to about 10."""
GRAPHS = {
    "hda_deepsc": (
        ("encoder", ("image",), ("z", "z_d")),
        ("expander", ("z_d", "side"), ("z_tilde", "log_gain", "log_variance")),
        ("transmitter", ("z", "z_tilde", "log_gain"), ("x",)),
        ("decoder", ("z_tilde", "log_gain", "log_variance", "side", "x", "noise"), ("decoded",)),
    ),
    "jscc": (
        ("encoder", ("image", "snr_db"), ("x",)),
        ("decoder", ("y", "snr_db"), ("decoded",)),
    ),
    "hda_attack": (("start", ("side",), ("shares",)), ("attack", ("x", "sent", "side"), ("image", "likely"))),
    "denoiser": (("denoiser", ("x", "noise"), ("eps",)),),
    "hsc": (("encoder", ("image",), ("mean", "log_variance")), ("decoder", ("z", "uses"), ("decoded",))),
}
"""Kind -> its graphs with what the golden pair gives each and expects of it. An adapter's card tells it of
its own, and its golden pair holds each as GRAPH.NAME.
"""


def graphs(card, golden):
    """(graph, name -> what it is given, name -> what is expected of it) of a card's graphs."""
    if card.kind != "hsc_adapter":
        for graph, given, wanted in GRAPHS[card.kind]:
            yield graph, {each: golden[each] for each in given}, {each: golden[each] for each in wanted}
        return
    for graph, told in card.graphs.items():
        yield (
            graph,
            *({each: golden[f"{graph}.{each}"] for each in told[side]} for side in ("inputs", "outputs")),
        )


def test_the_zoo_holds_networks_and_stays_under_60_mb():
    assert names()
    assert sum(path.stat().st_size for path in ZOO.rglob("*") if path.is_file()) < 60e6


@pytest.mark.parametrize("name", names())
def test_graphs_give_the_golden_outputs(name):
    folder = ZOO / name
    card = read_card(folder, open_card(folder).kind)
    golden = dict(np.load(folder / "golden.npz", allow_pickle=False))
    for graph, given, wanted in graphs(card, golden):
        got = run_graph(folder / f"{graph}.onnx", **given)
        for (each, expected), value in zip(wanted.items(), got, strict=True):
            np.testing.assert_allclose(value, expected, atol=TOLERANCE, err_msg=f"{graph}: {each}")
    assert card.name == name
    assert card.training["steps"] > 0
    assert card.training["data"]


def test_list_tells_every_card_with_the_pictures_it_takes():
    header, rows = cards()
    assert header == ("card", "codec", "images")
    assert [name for name, _, _ in rows] == names()
    for name, kind, images in rows:
        card = open_card(ZOO / name)
        assert (kind, images) == (card.kind, card.images)
        assert images
