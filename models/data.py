"""Training crops: cached photographs, cut at places that depend on (seed, step) alone, so that a resumed run
sees the same.
"""

import gzip
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

SUFFIXES = {".png", ".jpg", ".jpeg"}
VALIDATION_EVERY = 25
"""Every 25th photo is kept from training, for validation."""


def load_photos(folders: list[Path], smallest: int) -> list[NDArray[np.uint8]]:
    """RGB uint8 [H, W, 3] of every PNG and JPEG under the folders, sorted by path.

    Photos whose shorter side exceeds 600 are halved (compression artefacts shrink with them); those with a
    side shorter than `smallest` are left out.
    """
    paths = sorted(p for folder in folders for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES)
    photos = []
    for path in paths:
        with Image.open(path) as file:
            image = file.convert("RGB")
        if min(image.size) > 600:
            image = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
        if min(image.size) >= smallest:
            photos.append(np.asarray(image))
    if not photos:
        told = ", ".join(map(str, folders))
        raise ValueError(f"training data: no photo of at least {smallest} pixels a side in {told}")
    return photos


def parted(
    photos: list[NDArray[np.uint8]], most: int | None = None
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """Photos to learn from, and those that validate, at most so many of them."""
    learned = [photo for i, photo in enumerate(photos) if i % VALIDATION_EVERY]
    return learned, photos[::VALIDATION_EVERY][:most]


def crops(
    photos: list[NDArray[np.uint8]], photos_used: int, each: int, size: int, key: tuple[int, ...]
) -> torch.Tensor:
    """[photos_used * each, 3, size, size] in [0, 1]: `each` crops of each of `photos_used` photos, flipped at
    random.
    """
    rng = np.random.default_rng(key)
    out = []
    for index in rng.integers(0, len(photos), photos_used):
        photo = photos[index]
        for _ in range(each):
            y, x = rng.integers(0, photo.shape[0] - size + 1), rng.integers(0, photo.shape[1] - size + 1)
            crop = photo[y : y + size, x : x + size]
            if rng.random() < 0.5:
                crop = crop[:, ::-1]
            out.append(crop)
    return torch.from_numpy(np.stack(out)).permute(0, 3, 1, 2).float() / 255


def mnist_images(folder: Path) -> NDArray[np.uint8]:
    """uint8 [60000, 784] of MNIST's training images, from the IDX file in the folder, gzipped or not."""
    for name, opened in (("train-images-idx3-ubyte", open), ("train-images-idx3-ubyte.gz", gzip.open)):
        if (path := Path(folder) / name).is_file():
            with opened(path, "rb") as file:
                content = file.read()
            magic, n, height, width = np.frombuffer(content, ">u4", 4)
            if magic != 0x803 or len(content) != 16 + n * height * width:
                raise ValueError(f"{path}: must be an IDX file of images (magic 2051); fetch it again")
            return np.frombuffer(content, np.uint8, offset=16).reshape(n, height * width)
    raise ValueError(f"training data: no train-images-idx3-ubyte(.gz) in {folder}")
