"""Sizes of convolutions, transposed convolutions and pools along one axis: the arithmetic, once.

Everything here is about one axis and counts in pixels, so that it serves rows, columns and layers that have no image.
`size` is the number of taps of a filter or pool, `dilation` the distance between two taps, `stride` the step between
two outputs. The rules of SAME and VALID are TensorFlow's (https://www.tensorflow.org/api_docs/python/tf/nn,
"Notes on padding").
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pair = tuple[int, int]
"""(height, width), or one number for rows and one for columns."""

Padding = Literal["same", "valid"] | int
"""TensorFlow's SAME or VALID, or a number of pixels on every side."""

Border = Literal["zero", "reflect", "edge", "wrap"]
"""What stands outside the image; named as in `numpy.pad` (`zero` is its `constant`)."""


def span(size: int, dilation: int) -> int:
    """Return how many pixels a filter covers from its first tap to its last."""
    return (size - 1) * dilation + 1


def same_padding(length: int, size: int, stride: int, dilation: int) -> Pair:
    """Return the padding (before, after) of SAME: the output has ceil(length / stride), the odd pixel goes after."""
    outputs = -(-length // stride)
    total = max((outputs - 1) * stride + span(size, dilation) - length, 0)
    return total // 2, total - total // 2


def padding_around(length: int, size: int, stride: int, dilation: int, padding: Padding) -> Pair:
    """Return how many pixels are put (before, after) an axis of `length`."""
    if padding == "same":
        return same_padding(length, size, stride, dilation)
    return (0, 0) if padding == "valid" else (padding, padding)


def output_length(length: int, size: int, stride: int, dilation: int, before: int = 0, after: int = 0) -> int:
    """Return how many outputs there are; 0 where the filter is larger than the padded axis."""
    room = length + before + after - span(size, dilation)
    return room // stride + 1 if room >= 0 else 0


def transposed_length(length: int, size: int, stride: int, dilation: int, padding: Padding) -> int:
    """Return how many outputs a transposed convolution has; 0 or less where the padding takes all of them.

    Every input is spread over `span` outputs, `stride` apart: (length - 1) * stride + span in all. SAME keeps
    length * stride of them, VALID adds zeros where the stride is larger than the span (both as
    `keras.layers.Conv2DTranspose` asks of `tf.nn.conv2d_transpose`), a number cuts as many from either end (as
    `padding` in PyTorch's ConvTranspose2d).
    """
    if padding == "same":
        return length * stride
    if padding == "valid":
        return length * stride + max(span(size, dilation) - stride, 0)
    return (length - 1) * stride + span(size, dilation) - 2 * padding


def transposed_cut(size: int, stride: int, dilation: int, padding: Padding) -> int:
    """Return how many of all the outputs of a transposed convolution are cut off before the first that is kept."""
    if padding == "same":
        return max(span(size, dilation) - stride, 0) // 2
    return 0 if padding == "valid" else padding


def centered_offset(size: int, largest: int) -> int:
    """Return where a filter begins inside a larger one so that SAME would center both on the same pixel.

    An even filter's center is the pixel before its middle, as SAME pads less before than after.
    """
    return (largest - 1) // 2 - (size - 1) // 2


def border_index(positions: NDArray[np.intp], length: int, border: Border) -> NDArray[np.intp]:
    """Return which pixel stands at each position of an axis that goes on beyond the image.

    Args:
        positions: 0 is the first pixel; negative ones and those from `length` on lie outside.
        length: pixels the image has.
        border: what stands outside. `reflect` and `wrap` repeat as often as needed, as in `numpy.pad`.

    Returns:
        Indices of the same shape; -1 where zeros stand.
    """
    if border == "edge":
        return np.clip(positions, 0, length - 1)
    if border == "wrap":
        return positions % length
    if border == "reflect":
        period = max(2 * length - 2, 1)
        folded = positions % period
        return np.minimum(folded, period - folded) if length > 1 else np.zeros_like(positions)
    return np.where((positions >= 0) & (positions < length), positions, -1)
