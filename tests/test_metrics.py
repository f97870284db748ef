"""PSNR and MS-SSIM against scikit-image, a window moved by hand, and pictures whose score is known."""

import math

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from linksim.images import load_images
from linksim.metrics import WEIGHTS, ms_ssim, mse, psnr_db, squared_error, ssim_terms, to_db
from linksim.scenario import Images


def noisy(image: np.ndarray, amplitude: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, amplitude, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """uint8 [193, 226, 3]: odd one way, even the other, and both at different scales."""
    return load_images(Images(set="sample"))[1].image[40:233, 100:326].copy()


def test_psnr_is_scikit_images(photo):
    received = noisy(photo, 7)
    oracle = peak_signal_noise_ratio(photo, received)
    assert psnr_db(squared_error(photo, received), photo.size) == pytest.approx(oracle, abs=1e-12)


def test_mse_is_scikit_images_on_a_scale_of_one(photo):
    received = noisy(photo, 7)
    error = squared_error(photo, received)
    assert mse(error, photo.size) == pytest.approx(mean_squared_error(photo / 255, received / 255), rel=1e-12)
    assert psnr_db(error, photo.size) == pytest.approx(-10 * math.log10(mse(error, photo.size)), abs=1e-12)
    assert mse(0, 784) == 0


def test_a_grey_picture_scores_as_one_channel_of_three_alike(photo):
    grey, received = photo[..., :1], noisy(photo[..., :1], 20)
    thrice = [np.repeat(image, 3, axis=2) for image in (grey, received)]
    assert ms_ssim(grey, received) == pytest.approx(ms_ssim(*thrice), abs=1e-12)
    one, three = squared_error(grey, received), squared_error(*thrice)
    assert mse(one, grey.size) == pytest.approx(mse(three, thrice[0].size), rel=1e-15)


def test_the_squared_error_is_exact_and_does_not_overflow():
    black, white = np.zeros((2000, 2000, 3), np.uint8), np.full((2000, 2000, 3), 255, np.uint8)
    assert squared_error(black, white) == squared_error(white, black) == 255**2 * 2000 * 2000 * 3
    assert psnr_db(squared_error(black, white), black.size) == 0


def test_equal_pictures_are_infinitely_near(photo):
    assert psnr_db(squared_error(photo, photo), photo.size) == math.inf
    assert ms_ssim(photo, photo) == 1
    assert to_db(1.0) == math.inf


def test_one_scale_is_scikit_images_ssim(photo):
    received = noisy(photo, 12)
    _, oracle = structural_similarity(
        photo, received, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, full=True,
    )  # fmt: skip
    oracle = oracle[5:-5, 5:-5].mean(axis=(0, 1))
    x, y = (image.astype(np.float64).transpose(2, 0, 1) for image in (photo, received))
    ssim, contrast_structure = ssim_terms(x, y)
    np.testing.assert_allclose(ssim, oracle, atol=1e-12)
    assert (ssim < contrast_structure).all()


def by_hand(sent: np.ndarray, received: np.ndarray) -> float:
    """MS-SSIM as it is written: one weighted window after another, luminance in the last scale alone."""
    t = np.arange(11) - 5
    window = np.exp(-(t[:, None] ** 2 + t[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    scores = []
    for channel in range(3):
        x, y, score = sent[..., channel].astype(float), received[..., channel].astype(float), 1.0
        for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333), start=1):
            a, b = sliding_window_view(x, (11, 11)), sliding_window_view(y, (11, 11))
            mean_a = np.einsum("hwij,ij->hw", a, window)
            mean_b = np.einsum("hwij,ij->hw", b, window)
            da, db = a - mean_a[..., None, None], b - mean_b[..., None, None]
            variance_a = np.einsum("hwij,hwij,ij->hw", da, da, window)
            variance_b = np.einsum("hwij,hwij,ij->hw", db, db, window)
            covariance = np.einsum("hwij,hwij,ij->hw", da, db, window)
            term = (2 * covariance + c2) / (variance_a + variance_b + c2)
            if scale == 5:
                term = term * (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
            score *= max(term.mean(), 0) ** weight
            x, y = pooled(x), pooled(y)
        scores.append(score)
    return float(np.mean(scores))


def pooled(x: np.ndarray) -> np.ndarray:
    """Means of 2x2 pixels; the last row or column meets itself where there is no next."""
    down, right = np.roll(x, -1, axis=0), np.roll(x, -1, axis=1)
    down[-1], right[:, -1] = x[-1], x[:, -1]
    both = np.roll(down, -1, axis=1)
    both[:, -1] = down[:, -1]
    return ((x + down + right + both) / 4)[::2, ::2]


@pytest.mark.parametrize("amplitude", [2, 25, 120])
def test_five_scales_are_those_of_a_window_moved_by_hand(photo, amplitude):
    received = noisy(photo, amplitude)
    assert ms_ssim(photo, received) == pytest.approx(by_hand(photo, received), abs=1e-9)


def test_the_weights_are_wangs_as_printed():
    assert WEIGHTS == (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def test_a_constant_shift_costs_the_luminance_of_the_last_scale_alone():
    sent, received = np.full((200, 300, 3), 100, np.uint8), np.full((200, 300, 3), 140, np.uint8)
    c1 = (0.01 * 255) ** 2
    luminance = (2 * 100 * 140 + c1) / (100**2 + 140**2 + c1)
    assert ms_ssim(sent, received) == pytest.approx(luminance**0.1333, abs=1e-12)


def test_in_decibels_it_is_the_distance_from_one():
    assert [to_db(similarity) for similarity in (0.0, 0.9, 0.99)] == pytest.approx([0, 10, 20], abs=1e-12)


def test_a_negative_picture_scores_nothing_and_is_no_error(photo):
    assert ms_ssim(photo, 255 - photo) == 0


@pytest.mark.parametrize(("shape", "defined"), [((160, 500), False), ((500, 160), False), ((161, 161), True)])
def test_a_small_picture_has_no_ms_ssim(shape, defined):
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert (ms_ssim(image, noisy(image, 5)) is not None) == defined


def test_worse_pictures_score_less_and_order_does_not_matter(photo):
    near, far = noisy(photo, 4), noisy(photo, 16)
    assert ms_ssim(photo, near) > ms_ssim(photo, far)
    assert ms_ssim(photo, near) == pytest.approx(ms_ssim(near, photo), abs=1e-12)
