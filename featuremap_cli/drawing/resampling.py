"""Other sizes for maps: sharp enlarging by whole factors, reducing by exact area averages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32

Number = TypeVar("Number", np.uint8, np.float32)


def enlarge(pixels: NDArray[Number], factor: int | tuple[int, int]) -> NDArray[Number]:
    """Return `pixels` (height, width[, channels]) with every pixel so many times as large, down and across."""
    down, across = (factor, factor) if isinstance(factor, int) else factor
    return pixels.repeat(down, axis=0).repeat(across, axis=1)


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
    return _reduce(values, _bands(values.shape[0], height), width)


class BandReducer:
    """Does what `reduce_by_area` does to a map that comes in bands of rows.

    Args:
        size: (height, width) of the map.
        new_size: (height, width) that it gets, at most the old one.
    """

    def __init__(self, size: tuple[int, int], new_size: tuple[int, int]) -> None:
        self._bands, self._width = _bands(size[0], new_size[0]), new_size[1]
        self._is_changed = size != new_size
        self._done = 0
        self._rest = np.empty((0, size[1]), np.float32)

    def take(self, first: int, rows: Float32) -> tuple[int, Float32]:
        """Take in the next rows, and return those of the new map that are complete with them.

        Args:
            first: which row of the map comes first.
            rows: float32 (rows, width).

        Returns:
            Which row of the new map comes first, and float32 (new rows, new width).
        """
        if not self._is_changed:
            return first, rows
        start, top = first - len(self._rest), self._done
        known = np.concatenate([self._rest, rows]) if len(self._rest) else rows
        while self._done < len(self._bands) and _end(self._bands[self._done]) <= start + len(known):
            self._done += 1
        # A new row may lie across two bands: what it has of this one is kept.
        kept = self._bands[self._done][0] - start if self._done < len(self._bands) else len(known)
        self._rest = known[kept:].copy()
        complete = tuple((row - start, weights) for row, weights in self._bands[top : self._done])
        if not complete:
            return top, np.empty((0, self._width), np.float32)
        return top, _reduce(known, complete, self._width)


def _end(band: tuple[int, Float32]) -> int:
    return band[0] + len(band[1])


def _reduce(values: Float32, rows: Sequence[tuple[int, Float32]], width: int) -> Float32:
    """Return the averages of bands of rows of `values`, (bands, width)."""
    values = values[rows[0][0] : _end(rows[-1])]
    rows = [(row - rows[0][0], weights) for row, weights in rows]
    finite = np.isfinite(values)
    if finite.all():
        return _average(values, rows, width)
    result = _average(np.where(finite, values, np.float32(0)), rows, width)
    result[_average((~finite).astype(np.float32), rows, width) > 0] = np.nan
    return result


def _average(values: Float32, rows: Sequence[tuple[int, Float32]], width: int) -> Float32:
    return _average_columns(_average_rows(values, rows), width)


def _average_rows(values: Float32, bands: Sequence[tuple[int, Float32]]) -> Float32:
    """Return averages of bands of rows, (bands, width): a weighted sum of the few rows that each band covers."""
    result = np.empty((len(bands), values.shape[1]), np.float32)
    for row, (first, weights) in enumerate(bands):
        np.dot(weights, values[first : first + len(weights)], out=result[row])
    return result


def _average_columns(values: Float32, width: int) -> Float32:
    """Return averages of bands of columns, (height, width): a weighted sum, one column of each band after another."""
    places, weights = _taps(values.shape[1], width)
    result: Float32 = np.take(values, places[0], axis=1)
    result *= weights[0]
    term = np.empty_like(result)
    for place, weight in zip(places[1:], weights[1:], strict=True):
        # `clip` only spares NumPy a copy: every place is inside.
        np.take(values, place, axis=1, out=term, mode="clip")
        term *= weight
        result += term
    return result


@lru_cache(maxsize=16)
def _taps(length: int, count: int) -> tuple[NDArray[np.intp], Float32]:
    """Return the bands as arrays (taps, count): each band's first column and its weight, its second, and so on.

    Bands of fewer columns than others end with weights of zero.
    """
    bands = _bands(length, count)
    taps = max(len(weights) for _, weights in bands)
    places, shares = np.zeros((taps, count), np.intp), np.zeros((taps, count), np.float32)
    for band, (first, weights) in enumerate(bands):
        places[: len(weights), band] = np.arange(first, first + len(weights))
        shares[: len(weights), band] = weights
    return places, shares


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
