"""The pictures that are measured with: made from the two samples of this repository."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from contestants import HERE
from PIL import Image

SAMPLES = HERE.parents[1] / "sample_images"
CHINA = SAMPLES / "china.jpg"
_ASPECT = 640 / 427


def photographs(folder: Path, count: int, size: tuple[int, int] | None = None) -> Path:
    """Fill a folder with JPEG files.

    Args:
        folder: made here.
        count: how many, the two samples in turn.
        size: (width, height); None leaves the files as they are, 640 x 427.
    """
    folder.mkdir()
    samples = [SAMPLES / "china.jpg", SAMPLES / "flower.jpg"]
    if size is not None:
        samples = [_resized(sample, folder.parent / f"{folder.name}-{sample.name}", size) for sample in samples]
    contents = [sample.read_bytes() for sample in samples]
    for number in range(count):
        (folder / f"{number:04}.jpg").write_bytes(contents[number % 2])
    return folder


def squares(folder: Path, count: int, side: int = 224) -> Path:
    """Fill a folder with different square parts of the samples, so that no network has to resize them."""
    folder.mkdir()
    samples = [Image.open(SAMPLES / name).convert("RGB") for name in ("china.jpg", "flower.jpg")]
    random = np.random.default_rng(0)
    for number in range(count):
        sample = samples[number % 2]
        left, top = (int(random.integers(room - side)) for room in sample.size)
        part = sample.crop((left, top, left + side, top + side))
        part.save(folder / f"{number:04}.jpg", quality=95)
    return folder


def of_megapixels(path: Path, megapixels: float) -> Path:
    """Write china.jpg, resized to so many megapixels, as a JPEG of high quality."""
    width = math.sqrt(megapixels * 1e6 * _ASPECT)
    return _resized(CHINA, path, (round(width), round(width / _ASPECT)))


def pixels(width: int, height: int) -> np.ndarray:
    """Return china.jpg as float32 (height, width, 3), resized."""
    return np.asarray(Image.open(CHINA).resize((width, height), Image.Resampling.LANCZOS), np.float32) / 255


def filter_bank(path: Path, size: int, count: int) -> Path:
    """Write a bank of random filters, float32 (size, size, 3, count)."""
    np.save(path, np.random.default_rng(0).normal(size=(size, size, 3, count)).astype(np.float32))
    return path


def _resized(source: Path, path: Path, size: tuple[int, int]) -> Path:
    Image.open(source).resize(size, Image.Resampling.LANCZOS).save(path, quality=95)
    return path
