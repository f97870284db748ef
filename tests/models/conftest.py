"""Of all tests here: one thread, a network small enough to train, photographs with a natural spectrum."""

from collections.abc import Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from models.recipes import Recipe  # noqa: E402
from models.semantic import Size  # noqa: E402

TINY = Size(
    token_stride=8, width=24, heads=2, layers=2, stem_width=16, z_channels=64, z_d_channels=32, hyper_width=8,
    gain_width=8,
)  # fmt: skip


torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As commands under test choose threads, and sums of several depend on what else the machine does."""
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    return Recipe(
        size=TINY, steps=30, stage_1=4, stage_2=6, decay=10, bfloat16=False, validate_every=15,
        start_photos=6, start_fits=40,
    )  # fmt: skip


@pytest.fixture(scope="session")
def photos() -> list[np.ndarray]:
    """Four pictures [256, 288, 3] whose amplitude falls as 1/f."""
    rng, out = np.random.default_rng(5), []
    f = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(288)[None, :])
    for _ in range(4):
        spectrum = np.fft.fft2(rng.standard_normal((3, 256, 288))) / np.maximum(f, 1 / 288)
        picture = np.fft.ifft2(spectrum).real
        picture = (picture - picture.mean()) / picture.std() * 50 + 128
        out.append(picture.clip(0, 255).astype(np.uint8).transpose(1, 2, 0).copy())
    return out
