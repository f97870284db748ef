"""Adapters around HSC's network: what they are told, and that the complement does not depend on them."""

import json
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import pytest

from linksim.codecs import adapters, hsc
from linksim.codecs.adapters import find_adapter
from linksim.codecs.hsc import Hsc
from linksim.codecs.hsc_arrays import to_reals
from linksim.errors import LinksimError
from linksim.kept import Kept
from models.card import Card, write_card
from phy.types import BitsObserved, Grant, SymbolsObserved

SIDE, USES, MOST = 12, 10, 16
SHAPE = (SIDE, SIDE, 1)
PIXELS = SIDE * SIDE
BASE = Card(
    name="linear", kind="hsc", version=1, paper="", streams={}, files={"encoder.onnx": "1"}, graphs={},
    network={"pixels": PIXELS},
)  # fmt: skip
PLAIN = {
    "adapter_encoder": {"inputs": {"z": "", "rank": ""}, "outputs": {"sent": ""}},
    "adapter_decoder": {"inputs": {"image": "", "rank": ""}, "outputs": {"adapted": ""}},
}
KNOWN = {"rank": "", "arrived": "", "noise": ""}
INFORMED = {
    **PLAIN,
    "adapter_denoiser": {"inputs": {"z": "", **KNOWN}, "outputs": {"denoised": ""}},
    "adapter_decoder": {"inputs": {"image": "", "complemented": "", **KNOWN}, "outputs": {"adapted": ""}},
}


@dataclass(frozen=True)
class Linear:
    """A semantic network by some directions of pixel space."""

    shape = SHAPE
    largest_uses = MOST
    codewords = None
    fingerprint = "linear"
    card = BASE

    def number(self, name):
        return self.card.network[name]

    @property
    def basis(self):
        return np.linalg.qr(np.random.default_rng(3).standard_normal((PIXELS, 2 * MOST)))[0]

    def encode(self, x):
        mean = ((x - 0.5) @ self.basis).astype(np.float32)
        return mean, np.full_like(mean, -30)

    def decode(self, z, uses):
        assert not z[:, 2 * uses :].any()
        return (0.5 + 0.3 * z @ self.basis.T).astype(np.float32)


@pytest.fixture
def card(tmp_path, monkeypatch):
    """Makes the card of an adapter around the network; `ran` is what its graphs were given.

    The encoder turns z about, the denoiser halves it, the decoder takes the negative of the picture.
    """
    monkeypatch.setattr(hsc, "find_semantic", lambda name: Linear())
    monkeypatch.setattr(adapters, "find_semantic", lambda name: Linear())
    monkeypatch.setattr(hsc, "_MESSAGES", Kept(most=1 << 20))
    find_adapter.cache_clear()

    def made(graphs, **changes):
        for graph in INFORMED:
            (tmp_path / f"{graph}.onnx").write_bytes(b"x")
        base = Card(
            name="around", kind="hsc_adapter", version=1, paper="", streams={}, graphs=graphs,
            files={f"{graph}.onnx": sha256(b"x").hexdigest() for graph in INFORMED},
            base={"name": "linear", **BASE.files}, network={"uses": USES, "pixels": PIXELS},
        )  # fmt: skip
        write_card(replace(base, **changes), tmp_path)
        return str(tmp_path)

    made.ran = {}

    def run_rows(path, **inputs):
        made.ran[path.stem] = inputs
        if path.stem == "adapter_encoder":
            return [inputs["z"][:, ::-1]]
        return [inputs["z"] / 2 if path.stem == "adapter_denoiser" else 1 - inputs["image"]]

    monkeypatch.setattr(adapters, "run_rows", run_rows)
    yield made
    find_adapter.cache_clear()


def pictures(n=4):
    return list(np.random.default_rng(0).integers(0, 256, (n, *SHAPE), np.uint8))


def grants(uses=USES):
    return {
        "semantic": Grant(channel_uses=uses, payload_bits=0, snr_db=10.0),
        "complement": Grant(channel_uses=9, payload_bits=9000, snr_db=10.0, mcs="x"),
    }


def seen(message, ok=True, noise=0.25):
    symbols = message["semantic"].data
    return {
        "semantic": SymbolsObserved(data=symbols, noise_var=np.full(symbols.size, noise, np.float32)),
        "complement": BitsObserved(data=message["complement"].data, ok=ok),
    }


def messages(codec):
    return codec.encode(pictures(), [grants()] * 4)


def decoded(codec, receptions):
    return [each.image for each in codec.decode(receptions, [SHAPE] * len(receptions))]


def test_the_complement_is_that_of_the_network_alone(card):
    alone, around = Hsc(rank=3), Hsc(rank=3, adapter=card(PLAIN))
    for one, other in zip(messages(alone), messages(around), strict=True):
        np.testing.assert_array_equal(other["complement"].data, one["complement"].data)
        np.testing.assert_array_equal(to_reals(other["semantic"].data), to_reals(one["semantic"].data)[::-1])
    np.testing.assert_array_equal(card.ran["adapter_encoder"]["rank"], np.full(4, 3, np.float32))


def test_the_decoders_picture_is_complemented(card):
    around = Hsc(rank=3, adapter=card(PLAIN))
    kept = [seen(each) for each in messages(around)]
    lost = [seen(each, ok=False) for each in messages(around)]
    negative = 1 - np.clip(card_guess(kept), 0, 1)
    for row, image in zip(negative, decoded(around, lost), strict=True):
        np.testing.assert_allclose(image.reshape(-1), row * 255, atol=0.51)
    assert set(card.ran["adapter_decoder"]) == {"image", "rank"}
    complemented = around.complemented(kept, [SHAPE] * 4, negative)
    for wanted, image in zip(complemented, decoded(around, kept), strict=True):
        np.testing.assert_allclose(image[..., 0], wanted[0].clip(0, 1) * 255, atol=0.51)


def card_guess(receptions):
    z = np.stack([to_reals(each["semantic"].data) for each in receptions])
    return Linear().decode(np.pad(z, ((0, 0), (0, 2 * (MOST - USES)))), USES)


def test_of_a_whole_complement_no_adapter_changes_the_picture(card):
    whole = {"rank": SIDE, "bits_a": 20, "bits_ax": 20}
    around = Hsc(adapter=card(PLAIN), **whole)
    for image, got in zip(pictures(), decoded(around, [seen(m) for m in messages(around)]), strict=True):
        np.testing.assert_array_equal(got, image)


def test_an_informed_adapter_is_told_what_the_receiver_knows(card):
    around, alone = Hsc(rank=3, adapter=card(INFORMED)), Hsc(rank=3)
    receptions = [seen(m, ok=i != 2, noise=2.0**i) for i, m in enumerate(messages(around))]
    around.decode(receptions, [SHAPE] * 4)
    for graph in ("adapter_denoiser", "adapter_decoder"):
        np.testing.assert_array_equal(card.ran[graph]["rank"], np.full(4, 3, np.float32))
        np.testing.assert_array_equal(card.ran[graph]["arrived"], np.float32([1, 1, 0, 1]))
        np.testing.assert_array_equal(card.ran[graph]["noise"], np.float32([1, 2, 4, 8]))
    halved = [
        each | {"semantic": replace(each["semantic"], data=each["semantic"].data / 2)} for each in receptions
    ]
    given = card.ran["adapter_decoder"]
    np.testing.assert_allclose(given["image"], card_guess(halved).clip(0, 1), atol=1e-6)
    wanted = alone.complemented(receptions, [SHAPE] * 4, given["image"])
    np.testing.assert_allclose(
        given["complemented"], np.stack([each.reshape(-1) for each in wanted]), atol=1e-6
    )
    np.testing.assert_array_equal(given["complemented"][2], given["image"][2])


def test_an_empty_complement_is_none_that_arrived(card):
    around = Hsc(rank=3, adapter=card(INFORMED))
    none = {"complement": BitsObserved(data=np.zeros(0, np.uint8), ok=True)}
    around.decode([seen(each) | none for each in messages(around)], [SHAPE] * 4)
    assert not card.ran["adapter_decoder"]["arrived"].any()
    assert set(card.ran["adapter_decoder"]["rank"]) == {3}


def test_noise_without_end_is_told_as_a_number(card):
    around = Hsc(rank=3, adapter=card(INFORMED))
    around.decode([seen(each, noise=np.inf) for each in messages(around)], [SHAPE] * 4)
    np.testing.assert_array_equal(card.ran["adapter_denoiser"]["noise"], np.full(4, 1e6, np.float32))


def test_other_uses_are_refused_with_the_number_it_takes(card):
    around = Hsc(rank=3, adapter=card(PLAIN))
    around.check(SHAPE, grants())
    with pytest.raises(ValueError, match=r"codec.adapter: around is for 10 channel uses .*, got 9"):
        around.check(SHAPE, grants(9))


def test_rules_of_fields():
    with pytest.raises(ValueError, match="adapter: needs source AX, got residual"):
        Hsc(adapter="x", source="residual")
    with pytest.raises(ValueError, match="adapter: needs a rank that is declared, got 'fit'"):
        Hsc(adapter="x", rank="fit")


def test_the_point_is_of_the_adapters_files_too(card):
    path = card(PLAIN)
    around = Hsc(rank=3, adapter=path)
    assert "adapter_decoder.onnx" in around.fingerprint
    assert around.fingerprint.startswith(Hsc(rank=3).fingerprint)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"base": {"name": "other"}}, "codec.adapter: around is around other, got 'linear'; set codec.card"),
        ({"base": {"name": "linear", "encoder.onnx": "2"}}, "must be made around the linear that is there"),
        ({"network": {"uses": USES, "pixels": 4}}, "network.pixels must be 144"),
        ({"kind": "hsc"}, "must be a card of kind 'hsc_adapter'"),
        ({"graphs": {}}, "must tell of adapter_encoder and adapter_decoder"),
        ({"files": {}}, "must have files.adapter_encoder.onnx"),
        (
            {"graphs": PLAIN | {"adapter_decoder": {"inputs": {"odd": ""}, "outputs": {}}}},
            "inputs must be of arrived, complemented, image, noise, rank, z, got 'odd'",
        ),
    ],
)
def test_a_card_that_does_not_fit_is_refused(card, changes, told):
    path = card(**{"graphs": PLAIN} | changes)
    with pytest.raises(LinksimError) as error:
        find_adapter(path, "linear")
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_name_that_nothing_has_is_told_of_the_field(card):
    with pytest.raises(LinksimError, match=r"^codec\.adapter: must name a network in the zoo"):
        find_adapter("nowhere", "linear")


def test_old_cards_have_no_base(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps({k: v for k, v in vars(BASE).items() if k != "base"}))
    from models.card import open_card

    assert open_card(tmp_path).base == {}
