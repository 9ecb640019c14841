"""Max and average pooling, equal to `tf.nn.pool`."""

from __future__ import annotations

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution import geometry
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.convolution.operation import Pool
from featuremap_cli.errors import UsageError


def pooled_size(size: Pair, pool: Pool) -> Pair:
    """Return (height, width) of a map of `size` after pooling.

    Raises:
        UsageError: the window is larger than the map.
    """
    padding = [sum(_around(size[axis], axis, pool)) for axis in (0, 1)]
    height, width = (
        geometry.output_length(size[axis] + padding[axis], pool.size[axis], pool.strides[axis], 1) for axis in (0, 1)
    )
    if not (height and width):
        raise UsageError(
            f"a pool of {pool.size[0]}x{pool.size[1]} is larger than the feature map of {size[0]}x{size[1]} it is to "
            "pool; take a smaller --pool, or smaller --strides"
        )
    return height, width


def rows_read(first: int, last: int, pool: Pool, height: int) -> tuple[Pair, Pair]:
    """What the pooled rows from `first` to before `last` are made of.

    Args:
        first, last: of the pooled rows.
        pool: how they are made.
        height: rows of the map.

    Returns:
        The range of the map's rows (from, to), and how many rows of padding stand above and below them.
    """
    start = first * pool.strides[0] - _around(height, 0, pool)[0]
    end = start + (last - 1 - first) * pool.strides[0] + pool.size[0]
    return (max(start, 0), min(end, height)), (max(-start, 0), max(end - height, 0))


def pool_maps(maps: Float32, pool: Pool, rows: Pair | None = None) -> Float32:
    """Pool feature maps.

    Args:
        maps: float32 (filters, height, width).
        pool: how.
        rows: the padding above and below, for a band of the maps; None for whole ones.

    Returns:
        float32 (filters, pooled height, pooled width).

    Raises:
        UsageError: the window is larger than the maps.
    """
    if rows is None:
        pooled_size((maps.shape[1], maps.shape[2]), pool)
        rows = _around(maps.shape[1], 0, pool)
    around = (rows, _around(maps.shape[2], 1, pool))
    if pool.kind == "max":
        # The greatest of the others where one is NaN, as tf.nn.pool has it.
        return _collected(_padded(maps, around, -np.inf), pool, np.fmax)
    sums = _collected(_padded(maps, around, 0), pool, np.add)
    ones = np.ones((1, *maps.shape[1:]), np.float32)
    sums /= _collected(_padded(ones, around, 0), pool, np.add)
    return sums


def _around(length: int, axis: int, pool: Pool) -> Pair:
    if pool.padding == "valid":
        return 0, 0
    return geometry.same_padding(length, pool.size[axis], pool.strides[axis], 1)


def _padded(maps: Float32, around: tuple[Pair, Pair], value: float) -> Float32:
    if not any(map(any, around)):
        return maps
    return np.pad(maps, ((0, 0), *around), constant_values=np.float32(value))


def _collected(maps: Float32, pool: Pool, combine: np.ufunc) -> Float32:
    """Each window's values combined, first down and then across."""
    height, width = (
        geometry.output_length(maps.shape[axis + 1], pool.size[axis], pool.strides[axis], 1) for axis in (0, 1)
    )
    rows = maps[:, : (height - 1) * pool.strides[0] + 1 : pool.strides[0]].copy()
    for offset in range(1, pool.size[0]):
        combine(rows, maps[:, offset : offset + (height - 1) * pool.strides[0] + 1 : pool.strides[0]], out=rows)
    pooled = rows[:, :, : (width - 1) * pool.strides[1] + 1 : pool.strides[1]].copy()
    for offset in range(1, pool.size[1]):
        combine(pooled, rows[:, :, offset : offset + (width - 1) * pool.strides[1] + 1 : pool.strides[1]], out=pooled)
    return pooled
