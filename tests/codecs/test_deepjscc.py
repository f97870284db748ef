"""DeepJSCC's host around networks that are known: power, places, points, what networks are told."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from jscc_by_hand import card, decoder, encoder, told, write_card  # noqa: E402

from linksim.codecs.deepjscc import DeepJscc, nearest, normalised  # noqa: E402
from linksim.codecs.jscc import NOT_SENT  # noqa: E402
from linksim.errors import LinksimError  # noqa: E402
from phy.constellation import find_constellation  # noqa: E402
from phy.types import Grant, SymbolsObserved  # noqa: E402

QAM16 = find_constellation("16qam").points.astype(np.complex64)


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, channels), dtype=np.uint8)


def power_of(image: np.ndarray) -> float:
    """Mean power of the symbols that the graphs by hand make of an image: two of its samples a symbol."""
    return 2 * float(np.mean((image / 255 - 0.5) ** 2))


def grant(uses: int, snr_db: float = 10.0) -> dict[str, Grant]:
    return {"picture": Grant(channel_uses=uses, payload_bits=0, snr_db=snr_db)}


def arrived(data, noise_var=0.0) -> dict[str, SymbolsObserved]:
    told = np.full(data.size, noise_var, np.float32)
    return {"picture": SymbolsObserved(data=data, noise_var=told)}


def sent(codec: DeepJscc, image: np.ndarray, uses: int) -> np.ndarray:
    (message,) = codec.encode([image], [grant(uses)])
    return message["picture"].data


def shown(codec: DeepJscc, data: np.ndarray, shape, noise_var=1e-6) -> np.ndarray:
    (decoded,) = codec.decode([arrived(data, noise_var)], [shape])
    assert not decoded.outage
    return decoded.image


def test_error_free_a_picture_of_the_network_s_power_comes_back_to_the_last_bit(tmp_path):
    image = picture(8, 12)
    codec = DeepJscc(card=card(tmp_path / "card", scale=power_of(image) ** -0.5))
    data = sent(codec, image, 144)
    assert (data.dtype, data.size) == (np.complex64, 144)
    assert np.mean(np.abs(data) ** 2) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(shown(codec, data, image.shape), image)


def test_the_power_is_1_whatever_the_network_gives(tmp_path):
    image = picture(8, 12)
    for i, scale in enumerate((1e-3, 50.0)):
        data = sent(DeepJscc(card=card(tmp_path / str(i), scale=scale)), image, 144)
        assert np.mean(np.abs(data.astype(complex)) ** 2) == pytest.approx(1, abs=1e-6)
    flat = np.full((4, 4, 1), 128, np.uint8)
    assert (np.abs(normalised(np.zeros(3, np.complex64))) == 0).all()
    assert np.isfinite(sent(DeepJscc(card=card(tmp_path / "grey", channels=1)), flat, 8)).all()


def test_over_awgn_a_linear_network_s_error_is_that_of_the_noise(tmp_path):
    """A sample is a real of noise N0 / 2 divided by the scale."""
    image, noise_var = picture(120, 160) // 2 + 64, 0.01
    scale = power_of(image) ** -0.5
    codec = DeepJscc(card=card(tmp_path / "card", scale=scale))
    data = sent(codec, image, image.size // 2)
    rng = np.random.default_rng(3)
    noise = (rng.standard_normal((data.size, 2)) @ [1, 1j]) * (noise_var / 2) ** 0.5
    got = shown(codec, (data + noise).astype(np.complex64), image.shape, noise_var)
    mse = np.mean((got / 255.0 - image / 255.0) ** 2)
    expected = noise_var / 2 / scale**2 + 1 / 12 / 255**2
    assert mse == pytest.approx(expected, rel=4 * (2 / image.size) ** 0.5 + 0.01)


def test_channels_come_in_pairs_and_the_order_is_channel_row_column(tmp_path):
    image = picture(4, 6)
    data = sent(DeepJscc(card=card(tmp_path / "card")), image, 36).reshape(6, 2, 3)
    blocks = (image / 255 - 0.5).reshape(2, 2, 3, 2, 3).transpose(1, 3, 4, 0, 2).reshape(12, 2, 3)
    expected = blocks[0::2] + 1j * blocks[1::2]
    np.testing.assert_allclose(data, expected / power_of(image) ** 0.5, atol=1e-6)


@pytest.mark.parametrize("shape", [(31, 45, 3), (33, 32, 3), (64, 64, 3)])
def test_a_grant_of_the_card_s_ratio_holds_a_picture_of_any_size(tmp_path, shape):
    """The edge's surplus is taken evenly from the last channel, and nothing else is lost."""
    image, uses = picture(*shape), int(np.prod(shape)) // 2
    padded = np.pad(image, [(0, -n % 2) for n in shape[:2]] + [(0, 0)], mode="edge")
    codec = DeepJscc(card=card(tmp_path / "card"))
    codec.check(shape, grant(uses))
    rows, columns = (-(-n // 2) for n in shape[:2])
    total, places = 6 * rows * columns, codec.network.places(shape, uses)
    assert places.size == min(uses, total)
    left_out = np.setdiff1d(np.arange(total), places) - (total - rows * columns)
    assert (left_out >= 0).all()
    assert left_out.size < 2 or np.ptp(np.diff(left_out)) <= 1
    data = sent(codec, image, uses)
    assert data.size == places.size
    made = codec.network.encode(image, 10).reshape(-1)[places]
    whole = shown(codec, data * np.float32(np.mean(np.abs(made) ** 2) ** 0.5), shape)
    wrong = np.zeros((rows, columns), bool)
    wrong.reshape(-1)[left_out] = True
    right = ~np.repeat(np.repeat(wrong, 2, 0), 2, 1)[: shape[0], : shape[1]]
    np.testing.assert_array_equal(whole[right], padded[: shape[0], : shape[1]][right])
    assert left_out.size == 0 or (whole[~right] != image[~right]).any()


def test_too_few_uses_are_refused_with_the_ratio_that_is_needed(tmp_path):
    codec, image = DeepJscc(card=card(tmp_path / "card")), picture(8, 8)
    line = r"codec.card: .* 96 channel uses for 8x8, got 95; by hand takes a bandwidth_ratio of 1/2 for it"
    with pytest.raises(ValueError, match=line):
        codec.check(image.shape, grant(95))
    with pytest.raises(LinksimError, match=line):
        codec.encode([image], [grant(95)])
    codec.check(image.shape, grant(96))
    assert sent(codec, image, 500).size == 96
    with pytest.raises(
        ValueError, match=r"must have 5 channel uses for 1x1, got 1; .* bandwidth_ratio of 5/3"
    ):
        codec.check((1, 1, 3), grant(1))
    codec.check((1, 1, 3), grant(5))
    assert shown(codec, sent(codec, picture(1, 1), 5), (1, 1, 3)).shape == (1, 1, 3)


def test_pictures_of_other_channels_are_refused_in_one_line(tmp_path):
    codec = DeepJscc(card=card(tmp_path / "card"))
    assert codec.channels == (3,)
    with pytest.raises(LinksimError, match="takes pictures of 3 channels, got 1"):
        codec.encode([picture(8, 8, 1)], [grant(96)])


def test_the_decoder_is_told_the_noise_of_each_symbol_and_of_those_that_were_not_sent(tmp_path):
    """A decoder that shows the noise variances it is told, 0.5 added by the graph."""
    folder = tmp_path / "card"
    folder.mkdir()
    encoder(folder / "encoder.onnx", more=[told("snr_db", 1, 1)])
    nodes = [onnx.helper.make_node("Add", ["noise_var", "nothing"], ["seen"])]
    nodes.insert(0, onnx.helper.make_node("Mul", ["y", "zero"], ["nothing"]))
    decoder(folder / "decoder.onnx", nodes=nodes, more=[told("noise_var", 1, 12, "h", "w")], source="seen")
    model = onnx.load(folder / "decoder.onnx")
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(1, np.float32), "zero"))
    onnx.save(model, folder / "decoder.onnx")
    codec, shape, uses = DeepJscc(card=write_card(folder)), (7, 8, 3), 84
    data, noise = np.zeros(uses, np.complex64), np.linspace(0.1, 0.4, uses).astype(np.float32)
    (decoded,) = codec.decode([{"picture": SymbolsObserved(data=data, noise_var=noise)}], [shape])
    places = codec.network.places(shape, uses)
    assert places.size == uses
    expected = np.full(96, NOT_SENT)
    expected[places] = noise
    expected = np.repeat(expected.reshape(6, 4, 4), 2, axis=0)  # of the reals [12, h, w]
    expected = expected.reshape(2, 2, 3, 4, 4).transpose(3, 0, 4, 1, 2).reshape(8, 8, 3)[:7]
    np.testing.assert_array_equal(decoded.image, np.rint((expected + 0.5).clip(0, 1) * 255))


def test_the_snr_that_each_end_is_told_is_its_own(tmp_path):
    """Graphs that add what they are told: the encoder the grant's, the decoder that of the noise it saw."""
    folder = tmp_path / "card"
    folder.mkdir()
    encoder(folder / "encoder.onnx")
    nodes = [onnx.helper.make_node("Add", ["y", "snr_db"], ["seen"])]
    decoder(folder / "decoder.onnx", scale=40.0, nodes=nodes, more=[told("snr_db", 1, 1)], source="seen")
    codec = DeepJscc(card=write_card(folder))
    image = shown(codec, np.zeros(24, np.complex64), (4, 4, 3), noise_var=10**-0.8)
    assert (image == round((8 / 40 + 0.5) * 255)).all()


def with_constellation(folder, scale: float) -> DeepJscc:
    card(folder, scale=scale)
    rows = [f"{i:04b},{p.real:.9g},{p.imag:.9g}" for i, p in enumerate(find_constellation("16qam").points)]
    (folder / "constellation.csv").write_text("\n".join(["label,re,im", *rows]))
    return DeepJscc(card=write_card(folder))


@pytest.mark.parametrize("scale", [0.3, 1.0, 9.0])
def test_a_card_with_a_constellation_sends_its_nearest_points_at_power_1(tmp_path, scale):
    image = picture(8, 12)
    codec = with_constellation(tmp_path / "card", scale)
    data, made = sent(codec, image, 144), codec.network.encode(image, 10).reshape(-1)
    chosen = QAM16[np.abs(made[:, None] - QAM16).argmin(1)]
    np.testing.assert_allclose(data, chosen / np.sqrt(np.mean(np.abs(chosen) ** 2)), atol=1e-5)
    assert np.mean(np.abs(data) ** 2) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("n", [8, 32, 64])
def test_points_of_one_modulus_stay_the_nearest(n):
    points = np.exp(2j * np.pi * (np.arange(n) + 0.5) / n).astype(np.complex64)
    rng = np.random.default_rng(n)
    s = (rng.standard_normal((500, 2)) @ [1, 1j]).astype(np.complex64)
    np.testing.assert_array_equal(nearest(s, points), np.abs(s[:, None] - points).argmin(1))
