"""SoftCast: its errors are those of closed forms, what is sent whole comes back whole, and all is charged."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import hadamard

from linksim.codecs import softcast_analog as analog
from linksim.codecs.base import GREY
from linksim.codecs.softcast import Softcast
from linksim.codecs.softcast_analog import SCALE_BITS, WHITENED, powers
from linksim.codecs.softcast_transform import ANGLE_BITS, colour_of, matrix
from linksim.images import load_images
from linksim.scenario import Images
from linksim.system import System
from phy.bearer import AnalogBearer, DigitalBearer
from phy.channel import Awgn
from phy.link import Link
from phy.types import BitsObserved, Grant, SymbolsObserved

BEST = {"chunks": 256, "spacing": "quadratic", "colour": "klt", "allocation": "lmmse"}
PHOTO = load_images(Images(set="sample", crop="141x203", limit=1))[0]


def grants(uses: int, bits: int = 10**6, snr_db: float = 10.0) -> dict[str, Grant]:
    return {
        "metadata": Grant(channel_uses=bits, payload_bits=bits, snr_db=snr_db, mcs="x"),
        "picture": Grant(channel_uses=uses, payload_bits=0, snr_db=snr_db),
    }


def noisy(symbols: np.ndarray, noise_var: float | np.ndarray, seed: int = 0) -> SymbolsObserved:
    rng, level = np.random.default_rng(seed), np.broadcast_to(noise_var, symbols.shape)
    noise = (rng.standard_normal(symbols.size) + 1j * rng.standard_normal(symbols.size)) * np.sqrt(level / 2)
    return SymbolsObserved(data=(symbols + noise).astype(np.complex64), noise_var=level.astype(np.float32))


def through(codec: Softcast, image: np.ndarray, uses: int, snr_db: float = 10.0, bits: int = 10**6, **fields):
    (message,) = codec.encode([image], [grants(uses, bits, snr_db)])
    got = {
        "metadata": BitsObserved(data=message["metadata"].data, **{"ok": True} | fields),
        "picture": noisy(message["picture"].data, 10 ** (-snr_db / 10)),
    }
    return codec.decode([got], [image.shape])[0], message


def expected_error(variance: np.ndarray, power: np.ndarray, noise_var: float) -> np.ndarray:
    """D = lambda sigma^2 / (g^2 lambda + sigma^2) of each real that is sent, sigma^2 of a real."""
    return variance * noise_var / (power + noise_var)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


@pytest.mark.parametrize("allocation", ["softcast", "lmmse"])
@pytest.mark.parametrize("snr_db", [0.0, 10.0])
@pytest.mark.parametrize("whitened", [True, False])
def test_gaussian_chunks_err_as_the_closed_form_says(allocation, snr_db, whitened):
    """D = sum over what is sent of lambda s^2 / (g^2 lambda + s^2), and lambda of what is discarded."""
    rng, n0 = np.random.default_rng(3), 10 ** (-snr_db / 10)
    variances, size = 4.0 ** np.arange(5, -1, -1), 20_000
    chunk_of = rng.permutation(np.repeat(np.arange(6), size)).astype(np.uint16)
    c = (rng.standard_normal(chunk_of.size) * np.sqrt(variances[chunk_of])).astype(np.float32)
    uses = 2 * size + 500  # four chunks, and a thousand coefficients of the fifth
    plan = analog.plan(chunk_of, variances, uses, allocation, n0, whitened)
    symbols, scale = analog.send(plan, c)
    got = analog.receive(plan, noisy(symbols, n0), scale, c.size)
    lost = np.ones(c.size, bool)
    lost[plan.places] = False
    power = plan.power.astype(float) * analog.scale(scale) ** 2
    wanted = (
        expected_error(plan.variance.astype(float), power, n0 / 2).sum() + variances[chunk_of[lost]].sum()
    )
    assert np.bincount(chunk_of[plan.places], minlength=6).tolist() == [size] * 4 + [1000, 0]
    assert np.sum((got - c) ** 2) == pytest.approx(
        wanted, rel=0.012
    )  # 5 sigma of 40,000 squares of one chunk
    assert not got[lost].any()


@pytest.mark.parametrize("allocation", ["softcast", "lmmse"])
def test_no_other_powers_of_as_much_energy_err_less(allocation):
    rng, noise = np.random.default_rng(4), 0.3
    variances, counts = np.sort(rng.lognormal(1, 2, 12))[::-1], rng.integers(1, 9, 12)
    best = powers(np.sqrt(variances), counts, 20.0, allocation, noise)
    assert counts @ best == pytest.approx(20.0)

    def error(p: np.ndarray) -> float:
        # the unbiased receiver's error, for which SoftCast's gains are made, and the LLSE's
        each = variances * noise / np.maximum(p, 1e-12) if allocation == "softcast" else None
        return float(counts @ (expected_error(variances, p, noise) if each is None else each))

    for _ in range(300):
        other = np.maximum(best + 0.05 * best.max() * rng.standard_normal(12) * (rng.random(12) < 0.5), 0)
        assert error(other * 20 / (counts @ other)) >= error(best) * (1 - 1e-9)


def test_powers_for_the_llse_leave_out_what_the_noise_drowns_and_are_softcasts_where_there_is_none():
    deviation, counts = np.array([30.0, 5.0, 0.01]), np.array([10, 10, 10])
    low = powers(deviation, counts, 15.0, "lmmse", 5.0)
    assert low[2] == 0
    high = powers(deviation, counts, 15.0, "lmmse", 1e-12)
    np.testing.assert_allclose(high, powers(deviation, counts, 15.0, "softcast", 1.0), rtol=1e-6)


def test_powers_for_the_llse_are_made_for_the_noise_of_a_real():
    rng, n0 = np.random.default_rng(6), 0.5
    variances, chunk_of = 4.0 ** np.arange(5, -1, -1), rng.integers(0, 6, 400).astype(np.uint16)

    def error(noise_var: float) -> float:
        plan = analog.plan(chunk_of, variances, 200, "lmmse", noise_var, False)
        assert plan.power.sum() == pytest.approx(200, rel=1e-5)
        return expected_error(plan.variance.astype(float), plan.power.astype(float), n0 / 2).sum()

    assert error(n0) < min(error(2 * n0), error(n0 / 2))


def test_uneven_noise_meets_the_llse_of_the_whole_covariance():
    """Against the dense formula Lambda G H^T (H G Lambda G H^T + Sigma)^-1 y, written out."""
    rng, m = np.random.default_rng(5), 3
    uses = WHITENED * m // 2 + 2  # two uses are left beside whole columns
    chunk_of = np.zeros(2 * uses, np.uint16)
    plan = analog.plan(chunk_of, np.array([4.0]), uses, "softcast", 0.1, True)
    levels = rng.uniform(0.01, 2, uses)
    c = rng.normal(0, 2, 2 * uses).astype(np.float32)
    symbols, scale = analog.send(plan, c)
    seen = noisy(symbols, levels)
    h = np.eye(2 * uses)
    h[: WHITENED * m, : WHITENED * m] = np.kron(hadamard(WHITENED) / np.sqrt(WHITENED), np.eye(m))
    a = analog.scale(scale) * h @ np.diag(plan.gain)
    y = np.stack([seen.data.real, seen.data.imag], -1).ravel()
    wanted = 4 * a.T @ np.linalg.solve(4 * a @ a.T + np.diag(np.repeat(levels / 2, 2)), y)
    np.testing.assert_allclose(analog.receive(plan, seen, scale, c.size)[plan.places], wanted, atol=2e-4)


def test_whitening_spreads_a_fade_over_all_coefficients():
    errors = {}
    for whitening in ("hadamard", "none"):
        codec = Softcast(whitening=whitening, **BEST)
        (message,) = codec.encode([PHOTO.image], [grants(PHOTO.image.size // 6)])
        symbols = message["picture"].data
        levels = np.where(np.arange(symbols.size) < symbols.size // 8, 100.0, 0.01)
        got = {
            "metadata": BitsObserved(data=message["metadata"].data, ok=True),
            "picture": noisy(symbols, levels),
        }
        errors[whitening] = psnr(codec.decode([got], [PHOTO.image.shape])[0].image, PHOTO.image)
    assert errors["hadamard"] > errors["none"] + 3


@pytest.mark.parametrize("image", [PHOTO.image, PHOTO.image[:61, :90, :1], PHOTO.image[:5, :3]])
@pytest.mark.parametrize("fields", [{}, BEST, {"transform": "block"}, {"transform": "block", "chunks": 1024}])
def test_without_noise_and_with_room_for_all_every_pixel_comes_back(image, fields):
    high, wide = (-(-n // 8) * 8 for n in image.shape[:2])
    uses = high * wide * image.shape[2] // 2 + 1
    decoded, message = through(Softcast(**fields), image, uses, snr_db=120.0)
    assert not decoded.outage
    np.testing.assert_array_equal(decoded.image, image)
    assert message["picture"].data.size == uses


@pytest.mark.parametrize("shape", [(64, 80, 3), (17, 9, 1), (1, 1, 3), (1, 40, 1)])
@pytest.mark.parametrize("uses", [1, 7, 500])
def test_power_is_at_most_granted_for_any_picture(shape, uses):
    rng = np.random.default_rng(1)
    halves = np.zeros(shape, np.uint8)
    halves[:, shape[1] // 2 :] = 255
    for image in (rng.integers(0, 256, shape, np.uint8), np.full(shape, 77, np.uint8), halves):
        for fields in ({}, BEST, {"transform": "block"}):
            decoded, message = through(Softcast(**fields), image, uses)
            assert np.sum(np.abs(message["picture"].data) ** 2) <= uses * (1 + 1e-6)
            assert message["picture"].data.size == uses
            assert decoded.image.shape == shape


def test_power_is_at_most_granted_where_one_coefficient_holds_all_energy_of_its_chunk():
    chunk_of, c = np.zeros(1 << 20, np.uint16), np.zeros(1 << 20, np.float32)
    c[0] = 1 << 10
    for level in (1.0, 1e-7):  # told as 1, though it has less or nearly nothing
        symbols, index = analog.send(analog.plan(chunk_of, np.ones(1), 1, "softcast", 0.1, False), level * c)
        assert 0.9 < np.abs(symbols[0]) ** 2 <= 1 + 1e-6 or index == 2**SCALE_BITS - 1
        assert np.abs(symbols[0]) ** 2 <= 1 + 1e-6


def test_a_flat_picture_comes_back_from_its_metadata_alone():
    image = np.full((40, 56, 3), (200, 30, 90), np.uint8)
    decoded, _ = through(Softcast(), image, 30)
    assert np.abs(decoded.image.astype(int) - image).max() <= 1


@pytest.mark.parametrize("fields", [{}, BEST, {"transform": "block"}])
def test_quality_follows_the_snr(fields):
    seen = [
        psnr(through(Softcast(**fields), PHOTO.image, PHOTO.image.size // 6, s)[0].image, PHOTO.image)
        for s in (0.0, 10.0, 20.0)
    ]
    assert np.all(np.diff(seen) > 3)


def test_uncorrelated_errors_of_planes_add_up_to_those_of_pixels():
    """The error of a plane is that of R, G and B together: columns of the inverse have length 1."""
    for colour in ("ycbcr", "klt"):
        made = matrix(3, colour_of(PHOTO.image, colour))
        np.testing.assert_allclose(np.linalg.norm(np.linalg.inv(made), axis=0), 1, rtol=1e-12)


def test_the_pictures_own_colours_are_its_principal_components():
    rng = np.random.default_rng(7)
    greyish = np.repeat(rng.integers(0, 256, (20, 20, 1), np.uint8), 3, axis=2)
    for image in (PHOTO.image, greyish, np.full((4, 4, 3), 9, np.uint8)):
        made = matrix(3, colour_of(image, "klt"))
        np.testing.assert_allclose(made @ made.T, np.eye(3), atol=1e-12)
        covariance = made @ np.cov(image.reshape(-1, 3).T.astype(float)) @ made.T
        assert np.all(np.diff(np.diag(covariance)) <= 1e-6)
        apart = np.abs(covariance - np.diag(np.diag(covariance))).max()
        assert apart <= 2 * np.pi / 2**ANGLE_BITS * covariance.max()


def test_metadata_that_did_not_arrive_are_an_outage():
    codec, shape = Softcast(outage_level=33), PHOTO.image.shape
    for fields in ({"ok": False}, {"deciphered": False}):
        decoded, message = through(codec, PHOTO.image, 3000, **fields)
        assert decoded.outage
        np.testing.assert_array_equal(decoded.image, np.full(shape, 33, np.uint8))
    symbols, rng = noisy(message["picture"].data, 0.1), np.random.default_rng(2)
    for n in (0, 1, 60, 200, 900):
        for _ in range(10):
            got = BitsObserved(data=rng.integers(0, 2, n, dtype=np.uint8), ok=True)
            seen = codec.decode([{"metadata": got, "picture": symbols}], [shape])[0]
            assert seen.image.shape == shape


def test_a_small_payload_gets_fewer_chunks_and_none_at_all_is_an_outage():
    codec, sizes = Softcast(**BEST), []
    for bits in (10**5, 1500, 700, 250):
        decoded, message = through(codec, PHOTO.image, 3000, bits=bits)
        sizes.append(message["metadata"].data.size)
        assert not decoded.outage
        assert sizes[-1] <= bits
    assert sizes == sorted(set(sizes), reverse=True)
    decoded, message = through(codec, PHOTO.image, 3000, bits=90)
    assert decoded.outage
    assert (decoded.image == GREY).all()
    assert message["metadata"].data.size == 0


def test_metadata_are_charged_and_nothing_but_the_reception_decides_the_picture():
    codec = Softcast(**BEST)
    air = Link(
        name="air",
        bandwidth_ratio=Fraction(1, 6),
        channel=Awgn(),
        streams={
            "metadata": DigitalBearer(share=0.2, mcs="bpsk-1/2"),
            "picture": AnalogBearer(share=1.0),
        },
        engine="reference",
    )
    (outcome,) = System(codec=codec, links={"air": air}).deliver([PHOTO], [0], seed=1, snr_db=10.0)
    ledger = outcome.ledgers["air"]
    granted = air.grants([PHOTO.image.size], air.draw(10.0, [(1, "air", PHOTO.sha256, 0)]))[0]
    (message,) = codec.encode([PHOTO.image], [granted])
    assert ledger.streams["metadata"].data == message["metadata"].data.size > 500
    assert ledger.n_uses == PHOTO.image.size // 6
    assert sum(each.uses for each in ledger.streams.values()) == ledger.n_uses
    assert not outcome.decoded.outage
    direct = through(codec, PHOTO.image, granted["picture"].channel_uses, 10.0)[0].image
    assert psnr(outcome.decoded.image, PHOTO.image) == pytest.approx(psnr(direct, PHOTO.image), abs=0.3)


def test_mistakes_are_told():
    with pytest.raises(ValueError, match="chunks: must be one of 4, 16, 64, 256, 1024, 4096, got 100; 64 is"):
        Softcast(chunks=100)
    with pytest.raises(ValueError, match="spacing: must be even with transform block, got quadratic; leave"):
        Softcast(transform="block", spacing="quadratic")
    with pytest.raises(ValueError, match="codec: needs 94 bits of 'metadata' at the least, got 93; raise"):
        Softcast().check((64, 64, 3), grants(100, bits=93))
    with pytest.raises(
        ValueError, match="codec: needs a channel use of 'picture', got none; raise its share"
    ):
        Softcast().check((64, 64, 3), grants(0))
