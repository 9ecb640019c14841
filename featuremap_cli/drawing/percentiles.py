"""Percentiles, of more values than memory holds too."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32
from featuremap_cli.drawing.extents import finite_values

MOST_HELD = 1 << 26
"""So many values are put into one array and handed to NumPy; it takes two more of that size."""

_HALF_BITS = 16
_HALVES = 1 << _HALF_BITS


def percentiles(arrays: Iterable[Float32], percents: tuple[float, float], count: int) -> tuple[float, float]:
    """Return two percentiles of all finite values, straight between neighbors, as `numpy.percentile` does.

    Args:
        arrays: float32 arrays of any shape; the iterator begins anew each time.
        percents: 0 to 100.
        count: how many values there are, finite or not.

    Returns:
        The percentiles, or zeros where no value is finite.
    """
    if count > MOST_HELD:
        return _counted(arrays, percents)
    room, known = np.empty(count, np.float32), 0
    for one in arrays:
        finite = finite_values(one).ravel()
        room[known : known + finite.size] = finite
        known += finite.size
    if known == 0:
        return 0.0, 0.0
    low, high = np.percentile(room[:known], percents, overwrite_input=True)
    return float(low), float(high)


def _counted(arrays: Iterable[Float32], percents: tuple[float, float]) -> tuple[float, float]:
    """Count values by the upper half of their bits, then, where a wanted one lies, by the lower half."""
    upper = np.zeros(_HALVES, np.int64)
    for values in arrays:
        upper += _counts(_keys(values) >> _HALF_BITS)
    total = int(upper.sum())
    if total == 0:
        return 0.0, 0.0
    places = [percent / 100 * (total - 1) for percent in percents]
    ranks = sorted({rank for place in places for rank in (math.floor(place), math.ceil(place))})
    ends = np.cumsum(upper)
    bins = {rank: int(np.searchsorted(ends, rank, side="right")) for rank in ranks}
    lower = {one: np.zeros(_HALVES, np.int64) for one in bins.values()}
    for values in arrays:
        keys = _keys(values)
        halves = keys >> _HALF_BITS
        for one, counts in lower.items():
            counts += _counts(keys[halves == one] & (_HALVES - 1))
    found = {rank: _value(one, lower[one], rank - int(ends[one] - upper[one])) for rank, one in bins.items()}
    low, high = (
        found[math.floor(place)] + (found[math.ceil(place)] - found[math.floor(place)]) * (place % 1)
        for place in places
    )
    return low, high


def _keys(values: Float32) -> NDArray[np.uint32]:
    """Return whole numbers in the order of the finite values: their bits, turned round below zero."""
    bits = np.ascontiguousarray(finite_values(values)).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _counts(halves: NDArray[np.integer]) -> NDArray[np.int64]:
    return np.bincount(halves.ravel(), minlength=_HALVES)


def _value(upper: int, counts: NDArray[np.int64], rank: int) -> float:
    """Return the value of a rank among those that share the upper half of their keys."""
    key = np.uint32(upper << _HALF_BITS | int(np.searchsorted(np.cumsum(counts), rank, side="right")))
    bits = key & np.uint32((1 << 31) - 1) if key >> 31 else ~key
    return float(np.array(bits, np.uint32).view(np.float32))
