"""HSC on links: streams that fit, symbols of power 1, and pictures from nothing but what was received."""

from dataclasses import replace

import numpy as np
import pytest
from hsc_by_hand import (  # noqa: F401
    SHAPE,
    Plain,
    Words,
    cards,
    grant,
    guesses,
    links,
    pictures,
    seen,
    through,
)

from linksim.budget import check_codecs
from linksim.codecs import hsc
from linksim.codecs.complement import discarded, eigen_rows, error_matrix
from linksim.codecs.hsc import Hsc
from linksim.codecs.hsc_arrays import groups, normalised, planes, to_image, to_reals, to_symbols
from linksim.document import parse
from linksim.errors import LinksimError
from linksim.images import Photo
from linksim.kept import Kept
from linksim.plan import expand
from linksim.scenario import build
from linksim.system import System
from phy.channel import Rayleigh
from phy.types import BitsObserved


@pytest.mark.parametrize("card", ["plain", "words"])
@pytest.mark.parametrize("uses", [1, 7, 20, 24, 60])
def test_symbols_have_power_one_and_streams_fit(card, uses):
    for payload in (0, 100, 900, 2000):
        for codec in (Hsc(card=card, rank=4), Hsc(card=card, rank="fit", bits_a=5)):
            for message in codec.encode(pictures(), [grant(uses, payload)] * 5):
                symbols = message["semantic"].data
                assert symbols.size == min(uses, 24)
                assert np.mean(np.abs(symbols.astype(np.complex128)) ** 2) == pytest.approx(1, abs=1e-6)
                assert message["complement"].data.size <= payload


def test_a_picture_arrives_as_the_theory_says():
    images = pictures()
    x = planes(np.stack([i.reshape(-1) for i in images]) / 255, SHAPE)
    for rank in range(1, 17, 3):
        codec = Hsc(card="plain", rank=rank, bits_a=20, bits_ax=20)
        values, _ = eigen_rows(error_matrix(x, guesses(codec, images)))
        for image, got, left in zip(images, through(codec, images), discarded(values, rank), strict=True):
            assert not got.outage
            error = np.sum((image / 255 - got.image / 255) ** 2)
            # pixels are clipped, which never harms, and rounded
            assert np.sqrt(error) <= np.sqrt(left) + np.sqrt(image.size) * 0.5 / 255 + 1e-6
    everything = through(Hsc(card="plain", rank=16, bits_a=20, bits_ax=20), images)
    assert all(np.array_equal(got.image, image) for got, image in zip(everything, images, strict=True))


@pytest.mark.parametrize("basis", ["eigen", "subspace", "dct"])
@pytest.mark.parametrize("source", ["AX", "residual"])
def test_more_rows_come_nearer_by_any_way_of_telling_them(basis, source):
    images = pictures(12)
    errors = []
    for rank in (0, 4, 9, 16):
        codec = Hsc(card="plain", rank=rank, basis=basis, source=source, bits_a=12, bits_ax=12)
        got = through(codec, images)
        pairs = zip(got, images, strict=True)
        errors.append(np.mean([(g.image.astype(float) - i) ** 2 for g, i in pairs]))
    assert np.all(np.diff(errors) < 0)
    assert errors[-1] < 1e-3 * errors[0]


def test_colours_share_their_rows():
    images = pictures(4, (16, 12, 3))
    codec = Hsc(card="colour", rank=16, bits_a=20, bits_ax=20)
    assert codec.code().code.n_bits(16) == 16 + 20 * 16 * (16 + 3 * 12)
    for image, got in zip(images, through(codec, images, grant(payload=20_000)), strict=True):
        assert np.array_equal(got.image, image)


@pytest.mark.parametrize("how", [{"ok": False}, {"deciphered": False}])
def test_without_the_complement_the_semantic_picture_is_shown_as_an_outage(how):
    images = pictures()
    alone = through(Hsc(card="plain", rank=0), images)
    for got, plain in zip(through(Hsc(card="plain", rank=6), images, **how), alone, strict=True):
        assert got.outage
        assert not plain.outage
        assert np.array_equal(got.image, plain.image)


def test_best_effort_reads_what_failed_its_check_but_no_ciphertext():
    images = pictures()
    codec = Hsc(card="plain", rank=6, policy="best_effort")
    whole = through(codec, images)
    for got, right in zip(through(codec, images, ok=False), whole, strict=True):
        assert got.outage
        assert np.array_equal(got.image, right.image)
    drop = through(replace(codec, policy="drop"), images, ok=False)
    assert not any(np.array_equal(a.image, b.image) for a, b in zip(whole, drop, strict=True))
    for got, plain in zip(through(codec, images, ok=False, deciphered=False), drop, strict=True):
        assert np.array_equal(got.image, plain.image)


@pytest.mark.parametrize("bits", [0, 2, 8])
@pytest.mark.parametrize("basis", ["eigen", "subspace", "dct"])
def test_any_bits_make_a_picture(bits, basis):
    rng = np.random.default_rng(0)
    codec = Hsc(card="plain", rank="fit", basis=basis, bits_a=bits, bits_ax=bits, policy="best_effort")
    (message,) = codec.encode(pictures(1), [grant()])
    for size in (0, 1, 63, 500, 5000, 60_000):
        got = seen(message) | {"complement": BitsObserved(data=rng.integers(0, 2, size, np.uint8), ok=False)}
        (decoded,) = codec.decode([got], [SHAPE])
        assert decoded.image.shape == SHAPE
        assert decoded.image.dtype == np.uint8


def test_a_grant_holds_what_it_can():
    images = pictures(2)
    for payload in (0, 238, 239, 240, 700, 4000, 9000):
        fit, three = Hsc(card="plain", rank="fit"), Hsc(card="plain", rank=3)
        for codec, most in ((fit, 16), (three, 3)):
            bits = codec.encode(images, [grant(payload=payload)] * 2)[0]["complement"].data.size
            held = [d for d in range(1, most + 1) if 16 + d * (16 + 12) * 8 <= payload]
            assert bits == (16 + held[-1] * 28 * 8 if held else 0)
            assert not any(got.outage for got in through(codec, images, grant(payload=payload)))


def test_a_draw_is_named_by_the_picture_and_the_mean_is_not_drawn():
    images = pictures(2)
    sampled, mean = Hsc(card="plain"), Hsc(card="plain", sample=False)
    z, log_variance = Plain().encode(np.stack([i.reshape(-1) for i in images]).astype(np.float32) / 255)

    def sent(codec, images):
        return [each["semantic"].data for each in codec.encode(images, [grant()] * len(images))]

    for symbols, row in zip(sent(mean, images), z, strict=True):
        np.testing.assert_allclose(symbols, to_symbols(normalised(Plain(), row, 20)[:40]), atol=1e-6)
    first, second = sent(sampled, images)
    assert np.array_equal(sent(sampled, images[::-1])[1], first)
    e = [
        np.linalg.norm(row[:40]) * to_reals(s) / 40**0.5 - row[:40]
        for s, row in zip((first, second), z, strict=True)
    ]
    assert np.abs(np.corrcoef(e[0], e[1])[0, 1]) < 0.5
    assert 0.6 < np.std(e[0]) / np.exp(log_variance[0, 0] / 2) < 1.5


def test_a_codeword_is_the_nearest_in_what_is_sent():
    words = Words().codewords
    for k in (1, 5, 24):
        z = words[3] + 0.1 * np.random.default_rng(k).standard_normal(48).astype(np.float32)
        z[2 * k :] = 99
        got = normalised(Words(), z, k)
        np.testing.assert_allclose(
            got[: 2 * k], words[3, : 2 * k] * (2 * k) ** 0.5 / np.linalg.norm(words[3, : 2 * k]), rtol=1e-5
        )
        assert not got[2 * k :].any()
    assert np.mean(normalised(Plain(), np.zeros(48, np.float32), 4)[:8] ** 2) == 1


def test_pictures_do_not_meet_in_a_batch():
    images = [*pictures(3), pictures(1, seed=9)[0]]
    given = [grant(20, 900), grant(7, 2000), grant(20, 2000), grant(20, 900)]
    codec = Hsc(card="plain", rank="fit")
    together = codec.encode(images, given)
    decoded = codec.decode([seen(each) for each in together], [SHAPE] * 4)
    for i, (image, each) in enumerate(zip(images, given, strict=True)):
        hsc._MESSAGES = Kept(most=0)
        (alone,) = codec.encode([image], [each])
        assert np.array_equal(alone["complement"].data, together[i]["complement"].data)
        np.testing.assert_allclose(alone["semantic"].data, together[i]["semantic"].data, atol=1e-6)
        (picture,) = codec.decode([seen(together[i])], [SHAPE])
        assert np.array_equal(picture.image, decoded[i].image)


def test_what_is_kept_depends_on_every_field():
    images = pictures(1)
    first = Hsc(card="plain").encode(images, [grant()])[0]["complement"].data
    assert np.array_equal(Hsc(card="plain").encode(images, [grant()])[0]["complement"].data, first)
    for change in ({"bits_ax": 9}, {"source": "residual"}, {"basis": "dct"}, {"sample": False}, {"rank": 7}):
        codec = replace(Hsc(card="plain"), **change)
        assert not np.array_equal(codec.encode(images, [grant()])[0]["complement"].data, first)


def test_noise_on_the_symbols_is_not_made_good_where_rows_are_not_sent():
    images, codec = pictures(), Hsc(card="plain", rank=16, bits_a=20, bits_ax=20)
    noisy = through(codec, images, noise=0.3)
    assert all(np.array_equal(g.image, i) for g, i in zip(noisy, images, strict=True))  # A X says it all
    residual = through(replace(codec, source="residual"), images, noise=0.3)
    assert not any(np.array_equal(g.image, i) for g, i in zip(residual, images, strict=True))


def test_two_links_carry_it_each_with_its_own_fade():
    photos = [Photo.of(str(i), image) for i, image in enumerate(pictures(6))]
    system = System(codec=Hsc(card="plain", rank=8, bits_ax=12), links=links(Rayleigh()))
    outcomes = system.deliver(photos, [0] * 6, seed=1, snr_db=12.0)
    gains = [
        [o.ledgers[n].streams[s].gain for n, s in (("sr", "semantic"), ("cr", "complement"))]
        for o in outcomes
    ]
    assert all(a != b for a, b in gains)
    lost = [o.decoded.outage for o in outcomes]
    assert any(lost)
    assert not all(lost)
    for outcome in outcomes:
        account = outcome.ledgers["cr"].streams["complement"]
        assert (account.bit_errors > 0) <= outcome.decoded.outage
        assert account.data == 16 + 8 * 16 * 8 + 8 * 12 * 12  # all that the receiver is told


def test_the_receiver_needs_nothing_but_what_it_is_given():
    """Another codec object, nothing kept, receptions alone: the picture comes out the same."""
    images = pictures(3)
    receptions = [seen(m, noise=0.1) for m in Hsc(card="plain").encode(images, [grant()] * 3)]
    first = Hsc(card="plain").decode(receptions, [SHAPE] * 3)
    hsc._MESSAGES = Kept(most=0)
    for reception, got in zip(receptions, first, strict=True):
        (again,) = Hsc(card="plain").decode([reception], [SHAPE])
        assert np.array_equal(again.image, got.image)


def test_arrays_go_there_and_back():
    reals = np.arange(8, dtype=np.float32)
    np.testing.assert_allclose(to_reals(to_symbols(reals)), reals, rtol=1e-6)
    image = pictures(1, (16, 12, 3))[0]
    assert np.array_equal(to_image(planes(image.reshape(1, -1) / 255, (16, 12, 3))[0]), image)
    assert groups(["a", "b", "a"]) == {"a": [0, 2], "b": [1]}


TEXT = """\
name: trial
images: {{set: digits}}
codec: {{kind: hsc, card: plain, {codec}}}
links:
  sr: {{bandwidth_ratio: {ratio}, channel: {{kind: awgn}}, streams: {{semantic: {{kind: analog}}}}}}
  cr:
    bandwidth_ratio: {bits}
    channel: {{kind: rayleigh, block: frame}}
    streams: {{complement: {{kind: digital, mcs: {mcs}}}}}
seed: 1
"""


def refusal(codec="rank: 8", ratio="1/8", bits="10", shape=SHAPE, mcs="16qam-1/2"):
    text = TEXT.format(codec=codec, ratio=ratio, bits=bits, mcs=mcs)
    plan = expand(build(parse(text, "s.yaml")))
    try:
        check_codecs(plan, {"": {shape: "a"}})
    except LinksimError as error:
        return str(error)
    return None


def test_what_cannot_be_sent_is_refused_in_one_line_with_its_remedy():
    assert refusal() is None
    assert refusal("rank: fit") is None
    told = refusal(shape=(12, 16, 1))
    assert "codec.card: plain takes pictures of 16x12x1, or of several side by side, got 12x16x1 (" in told
    assert "sends 1 to 24 channel uses of 'semantic', got 192 (picture 'a'); change" in refusal(ratio="1")
    assert "codec.rank: must be at most 16, the rows of a picture, got 17 (picture 'a')" in refusal(
        "rank: 17"
    )
    told = refusal(bits="3")  # 576 uses: 3 blocks, 1008 - 48 bits
    assert "rank 8 of 16x12x1 takes 1808 bits, got a payload of 960 (picture 'a'); raise" in told
    assert "lower codec.rank to 4," in told
    assert refusal("rank: fit, bits_a: 0, bits_ax: 0", bits="2").startswith("scenario: codec.rank: rank 1 of")


def test_a_scheme_that_follows_the_fade_is_taken_with_the_most_it_may_hold():
    assert refusal(bits="6") is None
    assert refusal(bits="6", mcs="qpsk-1/2") is not None
    assert refusal(bits="6", mcs="{amc: hda, csit: true}") is None


@pytest.mark.parametrize("field", ["rank: -1", "bits_a: 1", "bits_ax: 25", "rank: few", "policy: keep"])
def test_a_field_out_of_range_is_told(field):
    with pytest.raises(LinksimError, match=rf"codec\.{field.split(':')[0]}: must be "):
        refusal(field)


def test_without_a_complement_there_is_one_stream():
    assert Hsc(card="plain", rank=0).streams == {"semantic": "analog"}
    assert Hsc(card="plain").streams == {"semantic": "analog", "complement": "digital"}
    with pytest.raises(
        LinksimError, match=r"links\.cr\.streams\.complement: is no stream of the codec 'hsc'"
    ):
        refusal("rank: 0")
