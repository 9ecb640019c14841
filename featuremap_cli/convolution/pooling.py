"""Max and average pooling without padding, equal to `tf.nn.pool` with VALID."""

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
    height, width = (geometry.output_length(size[axis], pool.size[axis], pool.strides[axis], 1) for axis in (0, 1))
    if not (height and width):
        raise UsageError(
            f"a pool of {pool.size[0]}x{pool.size[1]} is larger than the feature map of {size[0]}x{size[1]} it is to "
            "pool; take a smaller --pool, or smaller --strides"
        )
    return height, width


def rows_read(first: int, last: int, pool: Pool) -> Pair:
    """Return the range of map rows (from, to) that the pooled rows from `first` to before `last` are made of."""
    return first * pool.strides[0], (last - 1) * pool.strides[0] + pool.size[0]


def pool_maps(maps: Float32, pool: Pool) -> Float32:
    """Pool feature maps.

    Args:
        maps: float32 (filters, height, width).
        pool: how.

    Returns:
        float32 (filters, pooled height, pooled width).

    Raises:
        UsageError: the window is larger than the maps.
    """
    height, width = pooled_size((maps.shape[1], maps.shape[2]), pool)
    combine = np.maximum if pool.kind == "max" else np.add
    rows = maps[:, : (height - 1) * pool.strides[0] + 1 : pool.strides[0]].copy()
    for offset in range(1, pool.size[0]):
        combine(rows, maps[:, offset : offset + (height - 1) * pool.strides[0] + 1 : pool.strides[0]], out=rows)
    pooled = rows[:, :, : (width - 1) * pool.strides[1] + 1 : pool.strides[1]].copy()
    for offset in range(1, pool.size[1]):
        combine(pooled, rows[:, :, offset : offset + (width - 1) * pool.strides[1] + 1 : pool.strides[1]], out=pooled)
    if pool.kind == "avg":
        pooled /= np.float32(pool.size[0] * pool.size[1])
    return pooled
