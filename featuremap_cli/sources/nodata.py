"""GDAL's tag for pixels without data, 42113: a number written as text, often -9999 for a height that was not measured.

Such pixels are NaN here: no filter can mean anything where nothing was measured, and NaN is drawn in its own color.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from featuremap_cli.sources.pixel_values import Decoded

TAG = 42113


def value_of(image: Pillow.Image) -> float | None:
    """The number that stands for no data in an opened TIFF; None where it names none."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", None) or {}
    return read_value(tags.get(TAG))


def read_value(text: object) -> float | None:
    """Read the tag's text; None for what is no number."""
    try:
        return float(str(text).strip("\0 \t\r\n"))
    except ValueError:
        return None


def places(samples: NDArray[Any], value: float) -> NDArray[np.bool_]:
    """Where samples, (height, width, bands) as stored, stand for no data; the same shape."""
    if np.isnan(value):
        return np.isnan(samples) if samples.dtype.kind == "f" else np.zeros(samples.shape, np.bool_)
    with np.errstate(over="ignore"):  # the least float64, where samples are float32
        found: NDArray[np.bool_] = samples == (np.asarray(value, samples.dtype) if samples.dtype.kind == "f" else value)
    return found


def marked(decoded: Decoded, without: NDArray[np.bool_], value: float) -> Decoded:
    """Make NaN of pixels without data, and say how many there are.

    Args:
        decoded: pixels float32 (height, width, channels); written to.
        without: (height, width, bands), from `places`; where the bands have become other channels, a pixel is without
            data that lacks it in any band.
        value: the number that stood for it.
    """
    if not without.any():
        return decoded
    anywhere = without.any(axis=2)
    if without.shape == decoded.pixels.shape:
        decoded.pixels[without] = np.nan
    else:
        decoded.pixels[anywhere] = np.nan
    note = f"no data ({value:g}) in {np.count_nonzero(anywhere):,} of {anywhere.size:,} pixels, which count as NaN"
    return Decoded(decoded.pixels, (*decoded.notes, note))


def marked_by_pixels(decoded: Decoded, value: float, largest: float) -> Decoded:
    """The same for a file that Pillow has read, whose samples were divided by `largest`."""
    scaled = np.float32(value) / np.float32(largest)
    return marked(decoded, decoded.pixels == scaled, value)
