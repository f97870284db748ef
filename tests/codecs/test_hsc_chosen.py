"""HSC's chosen ranks, sheets of pictures as tiles, and the numbers that it tells of its messages."""

from dataclasses import replace

import numpy as np
import pytest
from hsc_by_hand import SHAPE, cards, grant, guesses, links, pictures, seen, through  # noqa: F401

from linksim.codecs.complement_bits import ComplementCode
from linksim.codecs.complement_fixed import Fixed
from linksim.codecs.hsc import Hsc
from linksim.codecs.hsc_arrays import n_tiles, tiled, untiled
from linksim.codecs.hsc_facts import complement_facts
from linksim.codecs.hsc_rules import Target
from linksim.images import Photo
from linksim.system import System
from phy.channel import Awgn
from phy.types import BitsObserved

BEST = {"bits_a": "best", "bits_ax": "best"}


def sheet(images, columns):
    rows = [np.concatenate(images[i : i + columns], axis=1) for i in range(0, len(images), columns)]
    return np.concatenate(rows, axis=0)


def error(got, image):
    return float(np.mean((got.image / 255 - image / 255) ** 2))


def test_tiles_go_there_and_back():
    unit, shape = (4, 6, 3), (12, 12, 3)
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    parts = tiled(image, unit)
    assert parts.shape == (6, 72)
    assert np.array_equal(parts[3].reshape(unit), image[4:8, 6:])
    x = parts.reshape(6, *unit).transpose(0, 3, 1, 2).astype(float)
    assert np.array_equal(untiled(x, shape), image.transpose(2, 0, 1))
    assert n_tiles(shape, unit) == 6
    assert [n_tiles(other, unit) for other in ((12, 12, 1), (13, 12, 3), (12, 10, 3), (4, 6, 3))] == [
        0,
        0,
        0,
        1,
    ]


@pytest.mark.parametrize("fields", [{"rank": 3}, {"rank": "best", "widths": "water", **BEST}], ids=str)
def test_a_sheet_is_its_pictures_in_one_frame(fields):
    images = pictures(6)
    codec = Hsc(card="plain", sample=False, **fields)
    whole = sheet(images, 3)
    (message,) = codec.encode([whole], [grant(6 * 20 + 5, 6 * 1000 + 3)])
    assert message["semantic"].data.size == 120
    assert message["complement"].data.size <= 6003
    (got,) = codec.decode([seen(message, noise=0.05)], [whole.shape])
    alone = codec.encode(images, [grant(20, 1000)] * 6)
    for i, each in enumerate(alone):
        np.testing.assert_allclose(
            message["semantic"].data[20 * i : 20 * (i + 1)], each["semantic"].data, atol=1e-6
        )
    still = codec.decode([seen(message)], [whole.shape])[0].image
    apart = codec.decode([seen(each) for each in alone], [SHAPE] * 6)
    wanted = sheet([each.image for each in apart], 3)
    assert np.abs(still.astype(int) - wanted).max() <= 1
    assert error(got, whole) < 5e-2
    dropped = replace(seen(message)["complement"], ok=False)
    (lost,) = codec.decode([seen(message) | {"complement": dropped}], [whole.shape])
    plain = through(replace(codec, rank=0), [whole], grant(6 * 20 + 5))[0].image
    assert lost.outage
    assert np.array_equal(lost.image, plain)


def test_a_draw_is_each_tiles_own():
    images = [pictures(1)[0]] * 4
    codec = Hsc(card="plain", rank=0)
    (message,) = codec.encode([sheet(images, 2)], [grant(80)])
    parts = message["semantic"].data.reshape(4, 20)
    assert all(not np.allclose(parts[0], other, atol=1e-3) for other in parts[1:])
    np.testing.assert_allclose(np.mean(np.abs(parts) ** 2, axis=1), 1, rtol=1e-5)


def test_the_best_rank_errs_least_and_an_error_asks_for_few_bits():
    images, given = pictures(8), grant(payload=1500)
    wrong = {}
    for name, fields in {
        "fit": {"rank": "fit"},
        "best": {"rank": "best", **BEST},
        "water": {"rank": "best", "widths": "water", "source": "residual", **BEST},
    }.items():
        codec = Hsc(card="plain", **fields)
        wrong[name] = np.mean(
            [error(*pair) for pair in zip(through(codec, images, given), images, strict=True)]
        )
    assert wrong["water"] < wrong["best"] < wrong["fit"]
    few = Hsc(card="plain", rank=Target(mse=1e-3), widths="water", **BEST)
    messages = few.encode(images, [grant()] * 8)
    got = few.decode([seen(each) for each in messages], [SHAPE] * 8)
    sizes = [each["complement"].data.size for each in messages]
    assert all(error(*pair) < 1.05e-3 for pair in zip(got, images, strict=True))  # pixels are rounded
    assert len(set(sizes)) > 4
    coarser = replace(few, rank=Target(mse=4e-3)).encode(images, [grant()] * 8)
    assert all(b["complement"].data.size < a for a, b in zip(sizes, coarser, strict=True))


def test_facts_are_what_the_message_comes_to():
    images = pictures(4)
    x = np.stack(images).transpose(0, 3, 1, 2) / 255
    codec = Hsc(card="plain", rank=5, bits_a=12, bits_ax=12)
    guess, given = guesses(codec, images), grant(20, 3000)
    wrong = np.linalg.eigvalsh((x - guess)[:, 0] @ (x - guess)[:, 0].swapaxes(1, 2))
    for i, told in enumerate(codec.facts(images, [given] * 4)):
        assert told["rank"] == 5
        assert told["cr_reals"] == 5 * (16 + 12)
        assert told["cr_bits"] == 16 + 12 * 5 * (16 + 12)
        assert told["uses_per_real"] == 3000 / 140  # the grant's uses, see `grant`
        assert told["eta"] == pytest.approx((20 / 0.8 + 140) / 192)  # (21)
        assert told["sr_mse"] == pytest.approx(np.mean((x[i] - guess[i]) ** 2))
        assert told["discarded"] == pytest.approx(wrong[i][:-5].sum() / 192)
        assert told["discarded"] <= told["bound"] < told["discarded"] + 1e-4
    through_it = np.stack([got.image for got in through(codec, images, given)]) / 255.0
    real = np.mean((through_it.transpose(0, 3, 1, 2) - x) ** 2, axis=(1, 2, 3))
    bounds = [told["bound"] for told in codec.facts(images, [given] * 4)]
    assert np.all(np.sqrt(real) <= np.sqrt(bounds) + 0.5 / 255)
    alone = replace(codec, rank=0).facts(images, [given] * 4)
    for told, other in zip(alone, codec.facts(images, [given] * 4), strict=True):
        assert (told["rank"], told["cr_reals"], told["cr_bits"]) == (0, 0, 0)
        assert np.isnan(told["uses_per_real"])
        assert told["sr_mse"] == pytest.approx(other["sr_mse"], rel=1e-12)
        assert told["bound"] == pytest.approx(told["sr_mse"])
        assert told["discarded"] == pytest.approx(told["sr_mse"])
    line = codec.describe(codec.facts(images, [given] * 4), 1.5)
    assert line.startswith(
        "complement: d 5, 140 reals in 1696 bits, 21.4 channel uses a real (the paper counts"
    )
    assert line.endswith("eta 0.859 by (21), 1.5 uses a sample")
    assert codec.describe(alone, 0.1).startswith("no complement; eta 0.13 by (21)")


def test_a_systems_outcomes_hold_the_facts_and_shorter_strings_leave_the_rest_as_padding():
    photos = [Photo.of(str(i), image) for i, image in enumerate(pictures(5))]
    codec = Hsc(card="plain", rank=Target(mse=2e-3), **BEST)
    outcomes = System(codec=codec, links=links(Awgn())).deliver(photos, [0] * 5, seed=1, snr_db=25.0)
    for outcome in outcomes:
        account = outcome.ledgers["cr"].streams["complement"]
        assert outcome.facts["cr_bits"] == account.data
        assert account.padding > 0
        assert outcome.facts["uses_per_real"] == account.uses / outcome.facts["cr_reals"]
        assert not outcome.decoded.outage
    assert len({outcome.facts["cr_bits"] for outcome in outcomes}) > 1


def test_best_effort_reads_any_bits_of_a_chosen_code():
    rng = np.random.default_rng(1)
    codec = Hsc(card="plain", rank="best", widths="water", policy="best_effort", **BEST)
    whole = sheet(pictures(4), 2)
    (message,) = codec.encode([whole], [grant(80, 4000)])
    for size in (0, 3, 100, 4000):
        got = seen(message) | {"complement": BitsObserved(data=rng.integers(0, 2, size, np.uint8), ok=False)}
        assert codec.decode([got], [whole.shape])[0].image.shape == whole.shape


def test_a_library_that_packs_complements_is_in_the_fingerprint():
    plain, packed = (
        Hsc(card="plain", rank="best", packing=each).fingerprint for each in ("fixed", "jpeg2000")
    )
    assert packed.startswith(f"{plain}; OpenJPEG ")


def test_facts_count_all_colours():
    rng = np.random.default_rng(2)
    x, guess = rng.random((2, 3, 2, 3, 8, 6))
    exact = ComplementCode(basis="eigen", source="AX", bits_a=0, bits_ax=0, shape=(3, 8, 6))
    code = Fixed(code=exact, rank=5)
    strings = code.encode(x, guess, 2 * exact.n_bits(5))
    wrong = np.mean((code.decode(strings, guess) - x) ** 2, axis=(1, 2, 3, 4))
    for told, error in zip(
        complement_facts(code.told(strings, x, guess), strings, x, guess), wrong, strict=True
    ):
        assert told["discarded"] == pytest.approx(error, rel=1e-9)  # (19)
        assert told["bound"] == pytest.approx(error, rel=1e-9)
        assert told["cr_reals"] == 2 * 5 * (8 + 3 * 6)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"rank": "fit", "bits_ax": "best"}, "bits_ax: must be declared with rank: fit"),
        ({"widths": "water", "bits_ax": 0}, "widths: must be even for float64"),
        ({"packing": "jpeg2000", "basis": "dct"}, "basis: must be eigen with packing jpeg2000, got dct"),
        ({"packing": "jpeg2000", "bits_ax": 5}, "bits_ax: is not of packing jpeg2000, got 5"),
        ({"packing": "jpeg2000", "widths": "water"}, "widths: is not of packing jpeg2000, got water"),
        ({"bits_a": 30}, "bits_a: must be 2 to 24, or 0 for float64, got 30"),
    ],
)
def test_fields_that_do_not_go_together_are_told(fields, told):
    with pytest.raises(ValueError, match=told):
        Hsc(card="plain", **fields)
    with pytest.raises(ValueError, match="mse: must be above 0 and below 1, got 0"):
        Target(mse=0.0)
