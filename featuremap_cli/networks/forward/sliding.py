"""Convolutions of one image with its channels last, as networks of hundreds of channels want them.

The pixels under the filter are written out, a block of output rows at a time, and multiplied as matrices (im2col:
Chellapilla 2006). `convolution/products.py` is for the few channels and filters of a photograph and keeps maps first;
here a pixel's channels lie together, so that they are copied in one run and a 1x1 filter needs no copying at all.

Arrays are float32: images (height, width, channels), already padded; outputs (out height, out width, filters).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import as_strided

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.geometry import Pair, output_length
from featuremap_cli.convolution.threads import for_each

UNROLLED_BYTES = 2 << 20
"""What one block of written-out pixels may take: it should stay in the processor's cache."""

SHARES = 4
"""Into how many shares for threads a layer's work is cut, at least."""

TOO_LITTLE_TO_SHARE = 10_000_000
"""Multiplications that are done before another thread has begun."""

FEW_PIXELS = 1024
"""Outputs of fewer pixels are shared out among threads by filters: each then reads a part of the weights alone."""


def convolve(image: Float32, kernel: Float32, strides: Pair, dilation: Pair) -> Float32:
    """Cross-correlate, without padding.

    Args:
        image: the pixels, padding included.
        kernel: (filter_height, filter_width, channels, filters).
        strides, dilation: for rows and columns.
    """
    windows = _windows(image, (kernel.shape[0], kernel.shape[1]), strides, dilation)
    height, width = windows.shape[:2]
    weights = kernel.reshape(-1, kernel.shape[3])
    out = np.empty((height, width, kernel.shape[3]), np.float32)
    rows = min(max(UNROLLED_BYTES // (width * len(weights) * out.itemsize), 1), -(-height // SHARES))
    if height * width * weights.size <= TOO_LITTLE_TO_SHARE:
        rows = height

    def multiply(first: int, last: int) -> None:
        pixels = windows[first:last].reshape((last - first) * width, -1)
        np.matmul(pixels, weights, out=out[first:last].reshape(len(pixels), -1))

    if height * width <= FEW_PIXELS:
        _multiply_by_filters(windows.reshape(height * width, -1), weights, out.reshape(height * width, -1))
    else:
        for_blocks(height, rows, multiply)
    return out


def _multiply_by_filters(pixels: Float32, weights: Float32, out: Float32) -> None:
    """Multiply matrices, some columns of the weights at a time."""
    filters = weights.shape[1]
    step = filters if len(pixels) * weights.size <= TOO_LITTLE_TO_SHARE else max(filters // SHARES, 32)
    for_blocks(filters, step, lambda first, last: np.matmul(pixels, weights[:, first:last], out=out[:, first:last]))


def convolve_in_groups(image: Float32, kernel: Float32, strides: Pair, dilation: Pair, groups: int) -> Float32:
    """The same where each group of filters reads a group of channels: the kernel has channels / groups."""
    if groups == 1:
        return convolve(image, kernel, strides, dilation)
    pairs = zip(np.split(image, groups, axis=2), np.split(kernel, groups, axis=3), strict=True)
    return np.concatenate([convolve(pixels, part, strides, dilation) for pixels, part in pairs], axis=2)


def convolve_depthwise(image: Float32, kernel: Float32, strides: Pair, dilation: Pair) -> Float32:
    """Filter each channel by itself.

    Args:
        image: the pixels, padding included.
        kernel: (filter_height, filter_width, channels, multiplier).
        strides, dilation: for rows and columns.

    Returns:
        (out height, out width, channels * multiplier).
    """
    taps_down, taps_right, channels, multiplier = kernel.shape
    windows = _windows(image, (taps_down, taps_right), strides, dilation)
    height, width = windows.shape[:2]
    out = np.zeros((height, width, channels, multiplier), np.float32)
    rows = max(UNROLLED_BYTES // (4 * width * channels * multiplier * out.itemsize), 1)

    def add_up(first: int, last: int) -> None:
        block, product = out[first:last], np.empty((last - first, width, channels, multiplier), np.float32)
        for down in range(taps_down):
            for right in range(taps_right):
                pixels = windows[first:last, :, down, right, :, np.newaxis]
                np.multiply(pixels, kernel[down, right], out=product)
                np.add(block, product, out=block)

    for_blocks(height, rows, add_up)
    return out.reshape(height, width, channels * multiplier)


def spread(image: Float32, kernel: Float32, strides: Pair) -> Float32:
    """Spread every pixel, multiplied by the filter, over the output: a transposed convolution, nothing cut off.

    Args:
        image: the pixels.
        kernel: (filter_height, filter_width, filters, channels), as Keras keeps it.
        strides: for rows and columns.
    """
    height, width, channels = image.shape
    taps_down, taps_right, filters, _ = kernel.shape
    products = np.matmul(image.reshape(-1, channels), kernel.reshape(-1, channels).T)
    parts = products.reshape(height, width, taps_down, taps_right, filters)
    full = ((height - 1) * strides[0] + taps_down, (width - 1) * strides[1] + taps_right)
    out = np.zeros((*full, filters), np.float32)
    for down in range(taps_down):
        for right in range(taps_right):
            rows = slice(down, down + (height - 1) * strides[0] + 1, strides[0])
            columns = slice(right, right + (width - 1) * strides[1] + 1, strides[1])
            out[rows, columns] += parts[:, :, down, right]
    return out


def pad(image: Float32, rows: Pair, columns: Pair, value: float = 0.0) -> Float32:
    """An image with so many rows before and after it, and columns; the image itself where there are none."""
    if not any((*rows, *columns)):
        return image
    height, width, channels = image.shape
    out = np.full((height + sum(rows), width + sum(columns), channels), value, np.float32)
    out[rows[0] : rows[0] + height, columns[0] : columns[0] + width] = image
    return out


def for_blocks(length: int, step: int, work: Callable[[int, int], object]) -> None:
    """Do work on `range(length)` in blocks of at most `step`, given as (first, end), in several threads."""
    if length <= step:
        work(0, length)
        return

    def do(first: int) -> None:
        work(first, min(first + step, length))

    for_each(do, range(0, length, step))


def _windows(image: Float32, taps: Pair, strides: Pair, dilation: Pair) -> Float32:
    """The pixels under the filter at each place: a view (out height, out width, taps down, taps right, channels)."""
    height, width = (output_length(image.shape[axis], taps[axis], strides[axis], dilation[axis]) for axis in (0, 1))
    down, right, channel = image.strides
    return as_strided(
        image,
        (height, width, *taps, image.shape[2]),
        (down * strides[0], right * strides[1], down * dilation[0], right * dilation[1], channel),
        writeable=False,
    )
