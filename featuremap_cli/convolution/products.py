"""Three ways to multiply filters with an image's planes and add up; the cheapest is chosen.

`shifted` adds up shifted planes, one for each weight that is not zero: best for the sparse kernels that people write.
`stacked` unrolls the planes sideways only (a row for each tap of one filter row), multiplies all filter rows with them
in one matrix product, and adds up the results of the filter rows, each shifted by its place: best for few filters.
`unrolled` makes the matrix product over all taps at once (im2col: Chellapilla 2006). The planes are unrolled sideways
only here too: since the rows of the unrolled image follow each other in memory, the taps of several filter rows are
one matrix already.

All take `planes` float32 (rows, channels, columns) and fill `out` float32 (filters, out rows, out columns).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import as_strided

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.geometry import Pair

UNROLLED_BYTES = 4 << 20
"""What one product may take beside planes and output: it should stay in the processor's cache."""

# Nanoseconds for each output pixel on one core, measured with 1 to 64 filters of 3x3 to 11x11 on 1 and 3 channels.
_SHIFTED_TERM = 0.25
_UNROLLED_TAP = 0.12
_STACKED_ROW, _STACKED_PRODUCT = 0.05, 0.028
_ONE_FILTER_PRODUCT, _PRODUCT = 0.05, 0.018
# The matrix product takes as long with two rows as with nine; one row is a case of its own.
_FEWEST_FILTERS = 9.5

Method = Callable[["Product", Float32, Float32], None]


@dataclass(frozen=True, eq=False)
class Product:
    """Filters, and how they are laid on planes.

    Attributes:
        weights: float32 (filter_height, filter_width, channels, filters).
        strides: (down, right) between two outputs.
        dilation: (down, right) between two taps.
    """

    weights: Float32
    strides: Pair
    dilation: Pair

    @property
    def needs_blas(self) -> bool:
        """Whether matrices are multiplied."""
        return self.method is not shifted

    @cached_property
    def method(self) -> Method:
        """The method that takes the least time by a simple model of costs."""
        height, width, channels, filters = self.weights.shape
        across, terms = width * channels, int(np.count_nonzero(self.weights))
        tap_cost = _ONE_FILTER_PRODUCT if filters == 1 else _PRODUCT * max(filters, _FEWEST_FILTERS)
        costs: dict[Method, float] = {
            shifted: terms * _SHIFTED_TERM,
            stacked: across * _UNROLLED_TAP * self.strides[0]
            + filters * height * self.strides[0] * (_STACKED_ROW + across * _STACKED_PRODUCT),
            unrolled: across * (_UNROLLED_TAP * self.strides[0] + height * tap_cost),
        }
        return min(costs, key=lambda method: costs[method])

    def fill(self, planes: Float32, out: Float32) -> None:
        """Fill `out`, a few columns at a time where the planes are so wide that unrolling them would take much memory.

        Args:
            planes: float32 (rows, channels, columns), as many as the outputs read.
            out: float32 (filters, out rows, out columns), overwritten.
        """
        height, width, channels, filters = self.weights.shape
        column = width * channels + (height * filters if self.method is stacked else 0)
        tile = max(UNROLLED_BYTES // (len(planes) * column * planes.itemsize), 64)
        for start in range(0, out.shape[2], tile):
            end = min(start + tile, out.shape[2])
            last = (end - 1) * self.strides[1] + (width - 1) * self.dilation[1]
            self.method(self, planes[:, :, start * self.strides[1] : last + 1], out[:, :, start:end])


def shifted(product: Product, planes: Float32, out: Float32) -> None:
    """Add up shifted planes, one for each weight that is not zero."""
    _, rows, columns = out.shape
    (down, right), (row_step, column_step) = product.strides, product.dilation
    term = np.empty((rows, columns), np.float32)
    for index, total in enumerate(out):
        total[:] = 0
        weights = product.weights[:, :, :, index]
        for row, column, channel in np.argwhere(weights):
            top, left = row * row_step, column * column_step
            plane = planes[
                top : top + (rows - 1) * down + 1 : down, channel, left : left + (columns - 1) * right + 1 : right
            ]
            weight = weights[row, column, channel]
            if weight == 1:
                total += plane
            else:
                total += np.multiply(plane, weight, out=term)


def stacked(product: Product, planes: Float32, out: Float32) -> None:
    """Multiply every filter row with the planes unrolled sideways, and add the filter rows up."""
    height, width, channels, filters = product.weights.shape
    _, rows, columns = out.shape
    taps = product.weights.transpose(0, 3, 1, 2).reshape(height * filters, width * channels)
    view = _sideways(product, planes, columns).transpose(1, 2, 0, 3)
    sums = (taps @ view.reshape(width * channels, -1)).reshape(height, filters, len(planes), columns)
    down, row_step = product.strides[0], product.dilation[0]
    for row in range(height):
        part = sums[row, :, row * row_step : row * row_step + (rows - 1) * down + 1 : down]
        if row == 0:
            out[:] = part
        else:
            out += part


def unrolled(product: Product, planes: Float32, out: Float32) -> None:
    """Multiply all taps with the unrolled planes, a row of outputs at a time."""
    height, width, channels, filters = product.weights.shape
    _, rows, columns = out.shape
    across = np.ascontiguousarray(_sideways(product, planes, columns)).reshape(len(planes), width * channels, columns)
    row_bytes, tap_bytes, pixel_bytes = across.strides
    windows = as_strided(
        across,
        (rows, height, width * channels, columns),
        (row_bytes * product.strides[0], row_bytes * product.dilation[0], tap_bytes, pixel_bytes),
    )
    taps = product.weights.reshape(-1, filters).T
    np.matmul(taps, windows.reshape(rows, -1, columns), out=out.transpose(1, 0, 2))


def _sideways(product: Product, planes: Float32, columns: int) -> Float32:
    """Return a view (rows, filter_width, channels, out columns) of what each tap of a filter row meets."""
    row_bytes, channel_bytes, pixel_bytes = planes.strides
    tap_bytes = pixel_bytes * product.dilation[1]
    shape = (planes.shape[0], product.weights.shape[1], planes.shape[1], columns)
    return as_strided(planes, shape, (row_bytes, tap_bytes, channel_bytes, pixel_bytes * product.strides[1]))
