"""Two ways to multiply filters with an image's planes and add up; the cheaper one is chosen.

`shifted` adds up shifted planes, one for each weight that is not zero: best for the sparse kernels that people write.
`unrolled` makes one matrix product over all taps (im2col: Chellapilla 2006). The planes are unrolled sideways only (a
row for each tap of one filter row): since the rows of the unrolled image follow each other in memory, the taps of
several filter rows are one matrix already. Few filters would make a matrix of few rows, which BLAS is slow at; then
several rows of outputs are made at once, by a banded matrix: the filters again and again, each time a row further.
Where BLAS has kernels for small matrices, rows are cut into pieces short enough for those.

Both take `planes` float32 (rows, channels, columns) and fill `out` float32 (filters, out rows, out columns).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import as_strided

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.convolution.threads import multiplies_small_matrices_well

UNROLLED_BYTES = 6 << 20
"""What the unrolled planes of one product may take: they should stay in the processor's cache."""

# Nanoseconds for each output pixel on one core, and the rows that a matrix product should have, measured with OpenBLAS
# 0.3.31 (its Haswell and SkylakeX kernels) on 640 columns, 1 to 32 filters of 3x3 to 11x11 and 1 or 3 channels.
_SHIFTED_TERM = 0.25
_UNROLLED_TAP = 0.12
_PRODUCT = 0.018
_ROWS_AS_COSTLY_AS_FEWER = 8
_ROWS_WORTH_A_BAND = 12
_ROWS_WORTH_A_BAND_OF_MANY_TAPS = 40
_MANY_TAPS = 128

# The same for BLAS with kernels for small matrices: how many multiplications they take on, how short the pieces of a
# row may become, and the rows that their matrices should have. Measured on 1 to 64 filters of 3x3 to 11x11: 1.2 to 3
# times as fast as the ordinary kernels.
_SMALL_PRODUCT = 1_000_000
_SHORTEST_PIECE = 64
_ROWS_OF_A_SMALL_PRODUCT = 4

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
        return self.method is unrolled

    @cached_property
    def method(self) -> Method:
        """The method that takes less time by a simple model of costs."""
        height, width, channels, filters = self.weights.shape
        shifted_cost = int(np.count_nonzero(self.weights)) * _SHIFTED_TERM
        rows = max(filters * self.band, _ROWS_AS_COSTLY_AS_FEWER)
        product_cost = (height + self.band - 1) * rows / self.band * _PRODUCT
        unrolled_cost = width * channels * (_UNROLLED_TAP * self.strides[0] + product_cost)
        return shifted if shifted_cost <= unrolled_cost else unrolled

    @cached_property
    def band(self) -> int:
        """How many rows of outputs one matrix product makes."""
        height, width, channels, filters = (int(length) for length in self.weights.shape)
        many = filters >= _ROWS_WORTH_A_BAND and height * width * channels >= _MANY_TAPS
        rows = _ROWS_WORTH_A_BAND_OF_MANY_TAPS if many else _ROWS_WORTH_A_BAND
        return min(self.highest_band, -(-rows // filters))

    @property
    def highest_band(self) -> int:
        """How many rows of outputs one matrix product can make: several only where they follow each other."""
        return 1 if self.strides[0] > 1 or self.dilation[0] > 1 else int(self.weights.shape[0])

    def fill(self, planes: Float32, out: Float32) -> None:
        """Fill `out`, a few columns at a time where the planes are so wide that unrolling them would take much memory.

        Args:
            planes: float32 (rows, channels, columns), as many as the outputs read.
            out: float32 (filters, out rows, out columns), overwritten.
        """
        height, width, channels, _ = self.weights.shape
        # Rows that are read with gaps are no matrix as they lie, and copied.
        rows = len(planes) + (height * out.shape[1] if self.dilation[0] > 1 else 0)
        tile = max(UNROLLED_BYTES // (rows * width * channels * planes.itemsize), 64)
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


def unrolled(product: Product, planes: Float32, out: Float32) -> None:
    """Multiply all taps with the unrolled planes, one row of outputs at a time or a few."""
    _, rows, columns = out.shape
    across = _unroll(product, planes, columns)
    band, piece = _blocking(product, columns) if multiplies_small_matrices_well() else (product.band, columns)
    band = min(band, rows)
    below, beside = rows - rows % band, columns - columns % piece
    for height, top, bottom in ((band, 0, below), (rows - below, below, rows)):
        for width, left, right in ((piece, 0, beside), (columns - beside, beside, columns)):
            if height and width:
                read = across[top * product.strides[0] :, :, left:right]
                _multiply(product, read, out[:, top:bottom, left:right], (height, width))


def _blocking(product: Product, columns: int) -> Pair:
    """Return how many rows and columns of outputs one small product makes; all columns where it would be no small one.

    Args:
        product: what is multiplied.
        columns: of the outputs.
    """
    height, width, channels, filters = (int(length) for length in product.weights.shape)
    band = min(product.highest_band, max(1, _ROWS_OF_A_SMALL_PRODUCT // filters))
    room = _SMALL_PRODUCT // (band * filters * (height + band - 1) * width * channels)
    if room < _SHORTEST_PIECE:
        return product.band, columns
    return band, min(columns, room - room % _SHORTEST_PIECE)


def _unroll(product: Product, planes: Float32, columns: int) -> Float32:
    """Return (rows, filter_width * channels, out columns): what each tap of a filter row meets."""
    _, width, channels, _ = product.weights.shape
    row_bytes, channel_bytes, pixel_bytes = planes.strides
    view = as_strided(
        planes,
        (len(planes), width, channels, columns),
        (row_bytes, pixel_bytes * product.dilation[1], channel_bytes, pixel_bytes * product.strides[1]),
    )
    return np.ascontiguousarray(view).reshape(len(planes), width * channels, columns)


def _multiply(product: Product, across: Float32, out: Float32, block: Pair) -> None:
    """Fill `out`, whose rows and columns are multiples of those of `block`, from unrolled planes."""
    (band, piece), filters = block, len(out)
    groups, pieces = out.shape[1] // band, out.shape[2] // piece
    taps_down, taps_across = product.weights.shape[0] + band - 1, across.shape[1]
    down, row_step = product.strides[0] * band, product.dilation[0]
    row_bytes, tap_bytes, pixel_bytes = across.strides
    windows = as_strided(
        across,
        (groups, pieces, taps_down, taps_across, piece),
        (row_bytes * down, pixel_bytes * piece, row_bytes * row_step, tap_bytes, pixel_bytes),
    ).reshape(groups, pieces, taps_down * taps_across, piece)
    map_bytes, row_bytes, pixel_bytes = out.strides
    targets = as_strided(
        out,
        (band, groups, pieces, filters, piece),
        (row_bytes, row_bytes * band, pixel_bytes * piece, map_bytes, pixel_bytes),
    )
    if band == 1:
        np.matmul(_banded(product.weights, 1), windows, out=targets[0])
        return
    sums = np.matmul(_banded(product.weights, band), windows).reshape(groups, pieces, band, filters, piece)
    for row in range(band):
        targets[row] = sums[:, :, row]


def _banded(weights: Float32, band: int) -> Float32:
    """Return (band * filters, taps): the filters again and again, each time a row further."""
    height, width, channels, filters = weights.shape
    matrix = np.zeros((band, filters, height + band - 1, width * channels), np.float32)
    for row in range(band):
        matrix[row, :, row : row + height] = weights.transpose(3, 0, 1, 2).reshape(filters, height, width * channels)
    return matrix.reshape(band * filters, -1)
