"""The NumPy engine: filters on an image, block of rows by block of rows.

Equal to `tf.nn.conv2d`, `tf.nn.depthwise_conv2d`, `tf.nn.conv2d_transpose` and `tf.nn.pool` within float32's rounding;
strides and dilations may come together. Beside the output it needs a few tens of MB, however large the image.

A transposed convolution spreads every pixel, multiplied by the filter, over the output. A bank's weights
(filter_height, filter_width, input_channels, filters) map channels to maps here too; `tf.nn.conv2d_transpose` wants
them as (filter_height, filter_width, filters, input_channels).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from featuremap_cli.arrays import FeatureMaps, FilterBank, Float32
from featuremap_cli.convolution.activation import activate
from featuremap_cli.convolution.execution import FilterWork
from featuremap_cli.convolution.fitting import fit_banks
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.convolution.operation import Operation
from featuremap_cli.convolution.passes import output_size
from featuremap_cli.convolution.pooling import pool_maps, pooled_size, rows_read
from featuremap_cli.convolution.room import require_room
from featuremap_cli.convolution.threads import MOST_THREADS, for_each
from featuremap_cli.errors import UsageError
from featuremap_cli.sources.pixel_values import PIXEL_LIMIT

_BYTES_AT_ONCE = 4 << 20
_FEWEST_ROWS, _FEWEST_ROWS_OF_A_THREAD = 4, 32


def convolve(pixels: Float32, banks: Sequence[FilterBank], operation: Operation) -> FeatureMaps:
    """Apply filters to an image.

    Args:
        pixels: float32 (height, width, channels).
        banks: the filters; banks of several sizes are joined in order (see `fitting.enlargement_notice`).
        operation: how they are applied.

    Returns:
        maps float32 (filters, out height, out width), with bias, activation and pooling.

    Raises:
        UsageError: filters that do not fit the image's channels, or are larger than the image.
    """
    convolution = Convolution.plan(pixels, banks, operation)
    maps = np.empty((len(convolution.names), *convolution.size), np.float32)
    convolution.fill(0, maps)
    return FeatureMaps(maps, convolution.names, layer_name(banks))


def channel_contributions(pixels: Float32, bank: FilterBank, operation: Operation, index: int) -> Float32:
    """Return what each input channel adds to one map, before bias, activation and pooling.

    Args:
        pixels: float32 (height, width, channels).
        bank: the filters.
        operation: how they are applied; its activation and pool are left out.
        index: which filter of the bank.

    Returns:
        float32 (channels, out height, out width); their sum, plus the bias, is the map before activation.

    Raises:
        UsageError: as `convolve`.
    """
    weights, channels = bank.weights[:, :, :, index : index + 1], pixels.shape[2]
    if bank.depthwise:
        own = index // max(bank.filters // channels, 1)
        weights = weights * (np.arange(channels) == own).astype(np.float32)[:, np.newaxis]
    chosen = replace(bank, weights=weights, names=("",), bias=np.zeros(1, np.float32), depthwise=False, cells=None)
    return convolve(pixels, [chosen], replace(operation, depthwise=True, activation=None, pool=None)).maps


def layer_name(banks: Sequence[FilterBank]) -> str:
    """Return what banks, and maps made from them, are called: a kernel with a name by that, all else by its SPEC."""
    sources = Counter(bank.source for bank in banks)
    return ", ".join(name for name, _ in groupby(_called(bank, alone=sources[bank.source] == 1) for bank in banks))


def _called(bank: FilterBank, alone: bool) -> str:
    """Return a bank's name; a file of several kernels keeps its own."""
    named = bank.every_channel and bank.filters == 1 and alone
    return (named and bank.names[0]) or bank.source


@dataclass(frozen=True, eq=False)
class Convolution:
    """All that is known before the first product: what is multiplied with what, and where the results go.

    Attributes:
        works: the filters, those of one size and kind together, laid on the image.
        operation: how they are applied.
        unpooled: (height, width) of the maps before pooling.
        size: (height, width) of the maps.
        names: one a map.
    """

    works: Sequence[FilterWork]
    operation: Operation
    unpooled: Pair
    size: Pair
    names: tuple[str, ...]

    @classmethod
    def plan(
        cls, pixels: Float32, banks: Sequence[FilterBank], operation: Operation, pixel_limit: int = PIXEL_LIMIT
    ) -> Convolution:
        """Fit filters to an image.

        Raises:
            UsageError: they do not fit, or the padded image or the maps have more pixels than the limit.
        """
        if pixels.ndim != 3 or not pixels.size:
            raise UsageError(f"expected pixels of shape (height, width, channels), got {pixels.shape}")
        parts = fit_banks(banks, pixels.shape[2], operation)
        for part in parts:
            require_room((pixels.shape[0], pixels.shape[1]), part.size, operation, pixel_limit)
            unpooled = output_size((pixels.shape[0], pixels.shape[1]), part.size, operation)
        return cls(
            [FilterWork.plan(np.asarray(pixels, np.float32), part, operation) for part in parts],
            operation,
            unpooled,
            pooled_size(unpooled, operation.pool) if operation.pool else unpooled,
            tuple(name for part in parts for name in part.names),
        )

    def fill(self, first: int, out: Float32) -> None:
        """Fill `out`, float32 (filters, rows, width), with the rows of all maps from `first` on."""
        # Large enough that little is spent on beginning, small enough for the threads to end together.
        share = max(out.shape[1] // (2 * MOST_THREADS), _FEWEST_ROWS_OF_A_THREAD)
        step = min(self.rows_within(_BYTES_AT_ONCE), share)
        starts = range(0, out.shape[1], step)

        def fill_some(start: int) -> None:
            # What is too large for float32 becomes infinite, or NaN where infinities meet, as in TensorFlow.
            with np.errstate(over="ignore", invalid="ignore"):
                self._fill_at_once(first + start, out[:, start : start + step])

        if any(work.needs_blas for work in self.works):
            for_each(fill_some, starts)
        else:
            for start in starts:
                fill_some(start)

    def rows_within(self, size: int) -> int:
        """Return how many rows of all maps, pooled or not, fit in `size` bytes; at least a few."""
        pool = self.operation.pool
        read = pool.strides[0] if pool else 1
        row_bytes = len(self.names) * self.unpooled[1] * read * np.dtype(np.float32).itemsize
        return max(size // row_bytes, _FEWEST_ROWS)

    def _fill_at_once(self, first: int, out: Float32) -> None:
        pool = self.operation.pool
        if pool is None:
            self._fill_unpooled(first, out)
            return
        (top, bottom), around = rows_read(first, first + out.shape[1], pool, self.unpooled[0])
        unpooled = np.empty((len(self.names), bottom - top, self.unpooled[1]), np.float32)
        self._fill_unpooled(top, unpooled)
        out[:] = pool_maps(unpooled, pool, around)

    def _fill_unpooled(self, first: int, out: Float32) -> None:
        start = 0
        for work in self.works:
            end = start + work.filters.maps
            work.fill(first, out[start:end])
            start = end
        if self.operation.activation:
            activate(out, self.operation.activation)
