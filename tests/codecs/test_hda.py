"""HDA-DeepSC as shipped: what arrives is what was sent, for any picture, and nothing leaks around the
link.
"""

import numpy as np
import pytest
import skimage.data

from linksim.codecs.analog import Analog
from linksim.codecs.hda import HdaDeepsc, bits_to_words, fit, read_essential, words_to_bits
from linksim.codecs.header import HEADER_BITS, HEADER_USES
from linksim.codecs.network import find_network, largest
from linksim.codecs.onnx import session
from linksim.errors import LinksimError
from phy.types import BitsObserved, Grant, SymbolsObserved

CARD = "hda_deepsc"


def photo(height: int, width: int, seed: int = 1) -> np.ndarray:
    """Smooth colours with edges: natural enough to be coded well."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 40
    waves = sum(
        rng.uniform(10, 40)
        * np.sin(rng.uniform(-2, 2) * x + rng.uniform(-2, 2) * y + k)[..., None]
        * rng.uniform(0.5, 1, 3)
        for k in range(4)
    )
    return np.clip(128 + waves + 30 * (x[..., None] > y[..., None]), 0, 255).astype(np.uint8)


def grants(image: np.ndarray, snr_db: float = 10.0, bits_per_use: float = 2.0) -> dict[str, Grant]:
    uses = image.size // 6
    digital = round(uses / 6)
    return {
        "essential": Grant(
            channel_uses=digital, payload_bits=int(digital * bits_per_use), snr_db=snr_db, mcs="x"
        ),
        "auxiliary": Grant(channel_uses=uses - digital, payload_bits=0, snr_db=snr_db),
    }


def noisy(symbols: np.ndarray, snr_db: float, seed: int = 0) -> SymbolsObserved:
    rng, n0 = np.random.default_rng(seed), 10 ** (-snr_db / 10)
    noise = (rng.standard_normal(symbols.size) + 1j * rng.standard_normal(symbols.size)) * np.sqrt(n0 / 2)
    return SymbolsObserved(
        data=(symbols + noise).astype(np.complex64), noise_var=np.full(symbols.size, n0, np.float32)
    )


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def through(image: np.ndarray, snr_db: float, *, ok: bool = True, deciphered: bool = True) -> np.ndarray:
    codec = HdaDeepsc(card=CARD)
    (message,) = codec.encode([image], [grants(image, snr_db)])
    reception = {
        "essential": BitsObserved(data=message["essential"].data, ok=ok, deciphered=deciphered),
        "auxiliary": noisy(message["auxiliary"].data, snr_db),
    }
    (decoded,) = codec.decode([reception], [image.shape])
    assert decoded.outage == (not (ok and deciphered))
    return decoded.image


@pytest.mark.parametrize("shape", [(128, 192), (65, 200), (101, 67), (64, 64)])
def test_streams_fit_their_grants_for_any_size(shape):
    image = photo(*shape)
    for bits_per_use in (0.0, 0.5, 3.0):
        given = grants(image, bits_per_use=bits_per_use)
        (message,) = HdaDeepsc(card=CARD).encode([image], [given])
        assert message["essential"].data.size <= given["essential"].payload_bits
        assert message["auxiliary"].data.size == given["auxiliary"].channel_uses
        assert np.mean(np.abs(message["auxiliary"].data) ** 2) <= 1 + 1e-6


def test_a_received_picture_has_its_shape_and_grows_better_with_snr():
    image = skimage.data.astronaut()[:150, 150:361]
    qualities = [psnr(image, through(image, snr_db)) for snr_db in (0.0, 10.0, 20.0)]
    assert np.all(np.diff(qualities) > 1)
    assert qualities[1] > 28


def test_without_the_key_the_picture_is_at_least_10_db_worse():
    image = photo(192, 256)
    assert psnr(image, through(image, 10.0, deciphered=False)) < psnr(image, through(image, 10.0)) - 10


def test_a_failed_checksum_is_an_outage_that_reads_none_of_the_bits():
    image = photo(128, 128)
    assert np.array_equal(through(image, 10.0, ok=False), through(image, 10.0, deciphered=False))


@pytest.mark.parametrize("budget", [900, 4000, 20000])
def test_bits_decode_to_the_same_integers_that_were_encoded(budget):
    image, network = photo(256, 192, seed=budget), find_network(CARD)
    _, z_d = network.encode(image)
    step, q, words = fit(network, network.tables, z_d[0], budget)
    assert words.size * 32 <= budget
    bits = words_to_bits(words)
    assert np.array_equal(bits_to_words(bits), words)
    assert np.array_equal(network.tables.decode(words, step, q.shape), q)


def test_the_largest_are_found_in_order_and_of_equal_ones_the_first():
    rng = np.random.default_rng(1)
    values = rng.integers(0, 8, 200).astype(np.float32)
    for n in (0, 1, 57, 199, 200, 300):
        best = np.sort(np.argsort(-values, kind="stable")[:n])
        assert np.array_equal(largest(values, n), best)


def test_reals_go_where_both_ends_expect_the_largest_and_nowhere_beyond_the_picture():
    image, network = photo(150, 211), find_network(CARD)
    texture = np.random.default_rng(2).normal(0, 25, (150, 100, 3))
    image[:, :100] = np.clip(image[:, :100] + texture, 0, 255).astype(np.uint8)
    (message,) = HdaDeepsc(card=CARD).encode([image], [grants(image, 20.0)])
    arrived = BitsObserved(data=message["essential"].data, ok=True)
    q, header = read_essential(network, network.tables, arrived, image.shape)
    symbols = message["auxiliary"].data
    known = network.known(q, header, image.shape, symbols.size)
    got = SymbolsObserved(data=symbols, noise_var=np.full(symbols.size, 1e-6, np.float32))
    x, noise = network.received(known, header, got, image.shape)
    sent = noise[0] >= 0
    assert np.count_nonzero(sent) == 2 * symbols.size
    assert not sent[:, 19:].any()
    assert not sent[:, :, 27:].any()
    within = known.log_variance[0, :, :19, :27]
    assert within[sent[:, :19, :27]].min() >= within[~sent[:, :19, :27]].max()
    assert sent[:, :18, :12].mean() > 1.5 * sent[:, :18, 14:26].mean()
    z, _ = network.encode(image)
    again, _ = network.analog(z, known, image.shape, symbols.size)
    np.testing.assert_array_equal(again, symbols)
    assert not x[0][~sent].any()


def test_the_essential_stream_carries_header_and_integers():
    image, network = photo(128, 192), find_network(CARD)
    (message,) = HdaDeepsc(card=CARD).encode([image], [grants(image, 7.4)])
    observed = BitsObserved(data=message["essential"].data, ok=True)
    q, header = read_essential(network, network.tables, observed, image.shape)
    assert header.design_snr_db == 7
    assert header.coded
    assert q.shape == network.integers_shape(image.shape)
    assert np.count_nonzero(q) > 10


def test_the_step_is_the_smallest_that_fits():
    network = find_network(CARD)
    _, z_d = network.encode(photo(192, 256))
    step, _, words = fit(network, network.tables, z_d[0], 6000)
    finer, _, _ = fit(network, network.tables, z_d[0], words.size * 32 * 2)
    assert finer < step
    assert words.size * 32 > 0.9 * 6000


def test_a_payload_too_small_for_any_integers_still_carries_the_header():
    image = photo(128, 128)
    given = grants(image)
    given["essential"] = Grant(channel_uses=30, payload_bits=HEADER_BITS + 5, snr_db=10.0, mcs="x")
    (message,) = HdaDeepsc(card=CARD).encode([image], [given])
    observed = BitsObserved(data=message["essential"].data, ok=True)
    network = find_network(CARD)
    q, header = read_essential(network, network.tables, observed, image.shape)
    assert not header.coded
    assert not q.any()


def test_the_analog_part_alone_needs_no_bits_and_pays_for_its_header():
    image = photo(192, 256)
    codec, grant = Analog(card=CARD), Grant(channel_uses=image.size // 6, payload_bits=0, snr_db=10.0)
    (message,) = codec.encode([image], [{"auxiliary": grant}])
    symbols = message["auxiliary"].data
    assert symbols.size == grant.channel_uses
    np.testing.assert_allclose(np.abs(symbols[:HEADER_USES]), 1)
    (decoded,) = codec.decode([{"auxiliary": noisy(symbols, 10.0)}], [image.shape])
    assert psnr(image, decoded.image) > 25


def test_batches_and_single_pictures_come_out_the_same():
    images = [photo(128, 128), photo(96, 130, seed=2)]
    codec = HdaDeepsc(card=CARD)
    given = [grants(image) for image in images]
    together = codec.encode(images, given)
    for one, image, grant in zip(together, images, given, strict=True):
        (alone,) = codec.encode([image], [grant])
        assert all(np.array_equal(alone[name].data, one[name].data) for name in one)


def test_words_of_fixed_length_lose_a_block_and_entropy_coded_ones_the_picture():
    image = photo(256, 320)
    quality, outages = {}, {}
    for coding in ("entropy", "fixed"):
        codec = HdaDeepsc(card=CARD, coding=coding, placement="told" if coding == "entropy" else "nominal")
        (message,) = codec.encode([image], [grants(image)])
        data = message["essential"].data
        for lost in (None, 1, 0):
            checked, seen = np.ones(data.size, bool), data.copy()
            if lost is not None:
                at = slice(lost * 300, lost * 300 + 300)
                checked[at], seen[at] = False, 1 - seen[at]
            essential = BitsObserved(data=seen, ok=bool(checked.all()), checked=checked)
            reception = {"essential": essential, "auxiliary": noisy(message["auxiliary"].data, 10.0)}
            (decoded,) = codec.decode([reception], [image.shape])
            quality[coding, lost], outages[coding, lost] = psnr(image, decoded.image), decoded.outage
    assert [key for key, outage in outages.items() if outage] == [
        ("entropy", 1),
        ("entropy", 0),
        ("fixed", 0),
    ]
    assert quality["fixed", 0] + 3 < quality["fixed", 1] < quality["fixed", None] < quality["entropy", None]


def test_an_unknown_card_is_one_clear_line():
    with pytest.raises(LinksimError, match=r"card: must name a network in the zoo \(.*hda_deepsc.*\)"):
        HdaDeepsc(card="nothing").encode([photo(64, 64)], [grants(photo(64, 64))])


def test_a_wrong_payload_that_passes_the_checksum_is_a_picture_or_an_outage():
    rng, shape, codec = np.random.default_rng(0), (64, 64, 3), HdaDeepsc(card=CARD, concealment="mean")
    auxiliary = noisy(np.zeros(2048 - 341, np.complex64), 10.0)
    outages = 0
    wrong = [rng.integers(0, 2, 700, np.uint8) for _ in range(20)]
    wrong.append(np.ones(700, np.uint8))  # more than the range coder's range: no code at all
    for bits in wrong:
        bits[HEADER_BITS - 1] = 1  # integers are said to follow
        reception = {"essential": BitsObserved(data=bits, ok=True), "auxiliary": auxiliary}
        (decoded,) = codec.decode([reception], [shape])
        assert decoded.image.shape == shape
        outages += decoded.outage
    assert outages


@pytest.mark.parametrize("uses", [0, 1, HEADER_USES, HEADER_USES + 1])
def test_a_frame_without_room_for_the_analog_part_shows_what_it_can(uses):
    image, codec = photo(30, 40), Analog(card=CARD)
    (message,) = codec.encode([image], [{"auxiliary": Grant(channel_uses=uses, payload_bits=0, snr_db=10.0)}])
    assert message["auxiliary"].data.size == uses
    (decoded,) = codec.decode([{"auxiliary": noisy(message["auxiliary"].data, 10.0)}], [image.shape])
    assert decoded.image.shape == image.shape
    assert decoded.outage == (uses <= HEADER_USES)


def test_an_outage_without_analog_symbols_is_grey():
    lost = {
        "essential": BitsObserved(data=np.zeros(0, np.uint8), ok=False),
        "auxiliary": noisy(np.zeros(0), 0),
    }
    (decoded,) = HdaDeepsc(card=CARD).decode([lost], [(20, 30, 3)])
    assert decoded.outage
    assert (decoded.image == 128).all()


@pytest.mark.parametrize("threads", ["two", "-1", "1.5"])
def test_threads_that_are_no_number_are_one_clear_line(monkeypatch, threads):
    monkeypatch.setenv("LINKSIM_THREADS", threads)
    session.cache_clear()
    with pytest.raises(
        LinksimError, match=f"LINKSIM_THREADS: must be a whole number of threads, got '{threads}'"
    ):
        HdaDeepsc(card=CARD).network.encode(photo(64, 64))
