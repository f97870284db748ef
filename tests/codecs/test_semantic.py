"""HSC's semantic network on NumPy: its rows stand alone, its range, and a card's faults in one line."""

import json
import shutil

import numpy as np
import pytest

from linksim.codecs import semantic
from linksim.codecs.network import find_network
from linksim.codecs.semantic import BATCH, find_semantic
from linksim.errors import LinksimError
from models.card import ZOO

CARD = "hsc_vae"


@pytest.fixture(scope="module")
def network():
    return find_semantic(CARD)


@pytest.fixture
def copied(tmp_path):
    """Writes a copy of the card with changed parts; returns its path."""

    def write(**change):
        shutil.copytree(ZOO / CARD, tmp_path / "card", dirs_exist_ok=True)
        path = tmp_path / "card" / "card.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        return path

    return write


def pictures(n: int) -> np.ndarray:
    return np.random.default_rng(n).random((n, 784), np.float32)


def test_shapes_are_those_of_the_card(network):
    assert (network.shape, network.largest_uses, network.codewords) == ((28, 28, 1), 512, None)
    for n in (0, 1, 3):
        mean, log_variance = network.encode(pictures(n))
        assert mean.shape == log_variance.shape == (n, 1024)
        decoded = network.decode(mean, 512)
        assert (decoded.shape, decoded.dtype) == ((n, 784), np.float32)
        assert ((decoded >= 0) & (decoded <= 1)).all()


@pytest.mark.parametrize("n", [1, BATCH, 2 * BATCH + 5])
def test_a_row_depends_on_that_row_alone(network, n):
    x = pictures(2 * BATCH + 5)
    means, decoded = network.encode(x)[0], network.decode(x @ np.eye(784, 1024, dtype=np.float32), 40)
    order = np.random.default_rng(2).permutation(len(x))[:n]
    np.testing.assert_array_equal(network.encode(x[order])[0], means[order])
    again = network.decode((x @ np.eye(784, 1024, dtype=np.float32))[order], 40)
    np.testing.assert_array_equal(again, decoded[order])


def test_every_run_of_a_graph_has_as_many_rows(network, monkeypatch):
    rows, run = [], semantic.run_graph

    def told(path, **given):
        rows.extend(map(len, given.values()))
        return run(path, **given)

    monkeypatch.setattr(semantic, "run_graph", told)
    network.decode(network.encode(pictures(BATCH + 1))[0], 8)
    network.encode(pictures(1))
    assert rows == [BATCH] * 7


def test_reals_behind_those_that_were_sent_are_not_read(network):
    z = np.random.default_rng(1).standard_normal((2, 1024)).astype(np.float32)
    other = z.copy()
    other[:, 60:] = np.nan
    np.testing.assert_array_equal(network.decode(other, 30), network.decode(z, 30))
    assert not np.isfinite(network.decode(other, 31)).all()


@pytest.mark.parametrize("uses", [0, 513])
def test_uses_that_the_network_does_not_serve_are_told(network, uses):
    with pytest.raises(LinksimError, match=f"channel uses: must be 1 to 512 for hsc_vae, got {uses}; change"):
        network.decode(np.zeros((1, 1024), np.float32), uses)


FAULTS = [
    ({"network": {}}, "card.json: must have network.pixels, a number; export the network again"),
    (
        {"network": dict.fromkeys(semantic.NUMBERS, 2)},
        "width and channels must make its 2 pixels, got '2 x 2 x 1'",
    ),
    ({"files": {}}, "card.json: must have files.encoder.onnx; export the network again"),
    ({"files": {"decoder.onnx": "0" * 64}}, "decoder.onnx: SHA-256 must be 000000000000..., got"),
    ({"kind": "other"}, "card.json: must be a card of kind 'hsc', got 'other'"),
]


@pytest.mark.parametrize(("change", "told"), FAULTS, ids=[told for _, told in FAULTS])
def test_a_card_that_cannot_run_is_told_in_one_line(copied, change, told):
    find_semantic.cache_clear()
    with pytest.raises(LinksimError) as caught:
        find_semantic(str(copied(**change).parent))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_of_another_kind_or_none_is_told():
    with pytest.raises(LinksimError, match="must be a card of kind 'hda_deepsc', got 'hsc'"):
        find_network(CARD)
    with pytest.raises(LinksimError, match="must name a network in the zoo"):
        find_semantic("nowhere")


def test_the_fingerprint_tells_the_files_and_the_numbers(network, copied):
    numbers = network.card.network | {"codewords": 0.0}
    other = find_semantic(str(copied(network=numbers).parent))
    assert other.fingerprint != network.fingerprint
    assert network.card.files["encoder.onnx"] in network.fingerprint
