"""From checkpoint to card: parity with torch, tables that are distributions, checksums that are checked."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from models import card  # noqa: E402
from models.export import (  # noqa: E402
    GRAPHS,
    N_STEPS,
    TOTAL,
    entropy_tables,
    export,
    integer_frequencies,
)
from models.exporting import save_weights  # noqa: E402
from models.hda_deepsc import HdaDeepsc  # noqa: E402
from models.recipes import RECIPES  # noqa: E402
from models.run import Run  # noqa: E402
from models.train import build, train  # noqa: E402


def test_integer_frequencies_are_positive_and_sum_to_the_total():
    p = np.random.default_rng(1).dirichlet(np.full(300, 0.05))
    counts = integer_frequencies(p)
    assert counts.sum() == TOTAL
    assert counts.min() >= 1
    assert np.abs(counts / TOTAL - p).max() < 300 / TOTAL


def test_every_entropy_table_sums_to_the_total(tiny):
    tables = entropy_tables(HdaDeepsc(tiny.size))
    ends = np.add.reduceat(tables["frequency"].astype(np.int64), tables["start"][:-1])
    assert tables["low"].shape == (N_STEPS, tiny.size.z_d_channels)
    assert (ends == TOTAL).all()


def test_an_exported_network_has_a_card_that_finds_every_tampered_file(tiny, photos, tmp_path, monkeypatch):
    from PIL import Image

    for i, photo in enumerate(photos * 7):
        Image.fromarray(photo).save(tmp_path / f"{i:02d}.png")
    monkeypatch.setitem(RECIPES, "tiny", tiny)
    train(tiny, [tmp_path], tmp_path / "run", minutes=60, stop_at=15)
    folder = export("tiny", tmp_path / "run", tmp_path / "zoo")
    read = card.read_card(folder, "hda_deepsc")
    assert set(read.files) == {f"{g}.onnx" for g in GRAPHS} | {"entropy.npz", "golden.npz"}
    assert read.training["steps"] == 15
    (folder / "entropy.npz").write_bytes(b"tampered")
    with pytest.raises(card.CardError, match=r"entropy.npz: SHA-256 must be"):
        card.read_card(folder, "hda_deepsc")
    with pytest.raises(card.CardError, match="must be a card of kind 'deepjscc'"):
        card.read_card(folder, "deepjscc")
    (folder / "card.json").write_text(json.dumps({"name": "x"}))
    with pytest.raises(card.CardError, match="must be a card in JSON"):
        card.read_card(folder, "hda_deepsc")
    with pytest.raises(card.CardError, match="must name a network in the zoo"):
        card.find_folder(str(tmp_path / "nowhere"))


def test_training_goes_on_from_the_weights_that_an_export_keeps(tiny, photos, tmp_path):
    net = build(tiny, photos)
    save_weights(net, tmp_path / "weights.npz")
    run = Run(HdaDeepsc(tiny.size), tmp_path)
    run.start_from(tmp_path / "weights.npz", tiny.stage_1 + tiny.stage_2)
    assert tiny.stage(run.step) == 3
    for name, value in net.state_dict().items():
        torch.testing.assert_close(run.net.state_dict()[name], value, rtol=1e-3, atol=1e-6)
