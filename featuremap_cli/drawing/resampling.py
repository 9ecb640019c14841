"""Other sizes for maps: sharp enlarging by whole factors, reducing by exact area averages."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32

Number = TypeVar("Number", np.uint8, np.float32)


def enlarge(pixels: NDArray[Number], factor: int) -> NDArray[Number]:
    """Return `pixels` (height, width[, channels]) with every pixel a square of `factor` x `factor` pixels."""
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def reduce_by_area(values: Float32, height: int, width: int) -> Float32:
    """Return `values` at a smaller size, each pixel the exact average of the area that it covers.

    The averages are of values, before any scaling or clipping. Where a new pixel covers part of an old one, that part
    counts by its area, so any ratio is exact (Pillow's BOX filter takes whole pixels only). NaN and infinities do not
    spread: just the new pixels that cover one are NaN, and no finite value is lost to its neighbors.

    Args:
        values: float32 (height, width).
        height, width: the new size, at most the old one.

    Returns:
        float32 (height, width).
    """
    if (height, width) == values.shape:
        return values
    lost = ~np.isfinite(values)
    if not lost.any():
        return _average(values, height, width)
    result = _average(np.where(lost, np.float32(0), values), height, width)
    result[_average(lost.astype(np.float32), height, width) > 0] = np.nan
    return result


def _average(values: Float32, height: int, width: int) -> Float32:
    rows = _average_rows(values, height)
    return np.ascontiguousarray(_average_rows(np.ascontiguousarray(rows.T), width).T)


def _average_rows(values: Float32, count: int) -> Float32:
    """Return averages of bands of rows, (count, width): a weighted sum of the few rows that each band covers."""
    result = np.empty((count, values.shape[1]), np.float32)
    for row, (first, weights) in enumerate(_bands(values.shape[0], count)):
        np.dot(weights, values[first : first + len(weights)], out=result[row])
    return result


@lru_cache(maxsize=16)
def _bands(length: int, count: int) -> tuple[tuple[int, Float32], ...]:
    """Return for each of `count` equal bands over `length` rows its first row and the part that each row has in it."""
    bands = []
    for band in range(count):
        # whole numbers: the band covers [band * length, (band + 1) * length) in units of 1 / count of a row
        start, stop = band * length, (band + 1) * length
        first, last = start // count, -(-stop // count)
        covered = [min(stop, (row + 1) * count) - max(start, row * count) for row in range(first, last)]
        bands.append((first, np.array(covered, np.float32) / np.float32(length)))
    return tuple(bands)
