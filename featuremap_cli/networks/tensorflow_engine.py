"""The same operation with TensorFlow's own functions: the reference for the NumPy engine, and the way to a GPU.

Only what TensorFlow does not have is brought to a form it has: border modes by padding first, strides together with
dilations by filters with the zeros written out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from featuremap_cli.arrays import FeatureMaps, FilterBank, Float32
from featuremap_cli.convolution.engine import layer_name
from featuremap_cli.convolution.fitting import FittedFilters, fit_banks
from featuremap_cli.convolution.geometry import Pair, padding_around, transposed_length
from featuremap_cli.convolution.operation import Operation, Pool
from featuremap_cli.convolution.passes import output_size
from featuremap_cli.convolution.pooling import pool_maps, pooled_size
from featuremap_cli.convolution.room import require_room
from featuremap_cli.networks.startup import tensorflow as tf
from featuremap_cli.sources.pixel_values import PIXEL_LIMIT

Tensor = Any
"""A tensor of TensorFlow, (1, height, width, channels); its own type says nothing about axes."""

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": tf.nn.relu,
    "leaky-relu": tf.nn.leaky_relu,
    "sigmoid": tf.nn.sigmoid,
    "tanh": tf.nn.tanh,
    "abs": tf.abs,
}


def convolve(
    pixels: Float32, banks: Sequence[FilterBank], operation: Operation, pixel_limit: int = PIXEL_LIMIT
) -> FeatureMaps:
    """Apply filters to an image; see `convolution.engine.convolve`, whose arguments, result and errors these are."""
    parts = fit_banks(banks, pixels.shape[2], operation)
    for part in parts:
        require_room((pixels.shape[0], pixels.shape[1]), part.size, operation, pixel_limit)
        size = output_size((pixels.shape[0], pixels.shape[1]), part.size, operation)
    if operation.pool:
        pooled_size(size, operation.pool)
    apply = _transposed if operation.transpose else _forward
    prepared = [pixels if part.prepares is None else part.prepares.apply(pixels) for part in parts]
    pairs = zip(parts, prepared, strict=True)
    maps = tf.concat([apply(one[np.newaxis], part, operation) + part.bias for part, one in pairs], axis=3)
    if operation.activation:
        maps = _ACTIVATIONS[operation.activation](maps)
    if operation.pool:
        maps = _pool(maps, operation.pool)
    maps_first = np.ascontiguousarray(maps.numpy()[0].transpose(2, 0, 1))
    return FeatureMaps(maps_first, tuple(name for part in parts for name in part.names), layer_name(banks))


def _forward(batch: Float32, part: FittedFilters, operation: Operation) -> Tensor:
    weights = _written_out(part.weights, operation)
    padding: Any = str(operation.padding).upper()
    if operation.border != "zero":
        batch, padding = _bordered(batch, part, operation), "VALID"
    elif isinstance(operation.padding, int):
        padding = [[0, 0], [operation.padding] * 2, [operation.padding] * 2, [0, 0]]
    if part.meeting == "apart":
        return _apart(batch, weights, operation.strides, padding)
    weights = np.broadcast_to(weights, (*weights.shape[:2], batch.shape[3], weights.shape[3]))
    return tf.nn.conv2d(batch, weights, operation.strides, padding)


def _apart(batch: Float32, weights: Float32, strides: Pair, padding: Any) -> Tensor:
    """Each channel by itself where TensorFlow's CPU, on some machines, takes no strides that differ."""
    if strides[0] == strides[1]:
        return tf.nn.depthwise_conv2d(batch, weights, (1, *strides, 1), padding)
    channels = [
        tf.nn.conv2d(batch[..., index : index + 1], weights[:, :, index : index + 1], strides, padding)
        for index in range(batch.shape[3])
    ]
    return tf.concat(channels, axis=3)


def _transposed(batch: Float32, part: FittedFilters, operation: Operation) -> Tensor:
    if part.meeting == "apart":
        channels = [
            _transposed_together(batch[..., index : index + 1], part.weights[:, :, index : index + 1], operation)
            for index in range(batch.shape[3])
        ]
        return tf.concat(channels, axis=3)
    shape = (*part.weights.shape[:2], batch.shape[3], part.weights.shape[3])
    return _transposed_together(batch, np.broadcast_to(part.weights, shape), operation)


def _transposed_together(batch: Float32, weights: Float32, operation: Operation) -> Tensor:
    weights = _written_out(weights, operation).transpose(0, 1, 3, 2)
    cut = operation.padding if isinstance(operation.padding, int) else 0
    uncut = 0 if isinstance(operation.padding, int) else operation.padding
    size = [
        transposed_length(batch.shape[1 + axis], weights.shape[axis], operation.strides[axis], 1, uncut)
        for axis in (0, 1)
    ]
    padding: Any = "SAME" if operation.padding == "same" else "VALID"
    maps = tf.nn.conv2d_transpose(batch, weights, np.array([1, *size, weights.shape[2]]), operation.strides, padding)
    return maps[:, cut : size[0] - cut, cut : size[1] - cut]


def _bordered(batch: Float32, part: FittedFilters, operation: Operation) -> Float32:
    around = [
        padding_around(
            batch.shape[1 + axis], part.size[axis], operation.strides[axis], operation.dilation[axis], operation.padding
        )
        for axis in (0, 1)
    ]
    mode: Any = operation.border
    return np.pad(batch, ((0, 0), *around, (0, 0)), mode)


def _written_out(weights: Float32, operation: Operation) -> Float32:
    down, right = operation.dilation
    height, width = (weights.shape[0] - 1) * down + 1, (weights.shape[1] - 1) * right + 1
    written = np.zeros((height, width, *weights.shape[2:]), np.float32)
    written[::down, ::right] = weights
    return written


def _pool(maps: Tensor, pool: Pool) -> Tensor:
    down, right = pool.strides
    padding = pool.padding.upper()
    # tf.nn.pool refuses strides larger than the window; every n-th of its results at stride 1 is the same under VALID.
    if down > pool.size[0] or right > pool.size[1]:
        if pool.padding == "same":
            return tf.convert_to_tensor(pool_maps(maps.numpy()[0].transpose(2, 0, 1), pool).transpose(1, 2, 0)[None])
        return tf.nn.pool(maps, pool.size, pool.kind.upper(), (1, 1), "VALID")[:, ::down, ::right]
    return tf.nn.pool(maps, pool.size, pool.kind.upper(), pool.strides, padding)
