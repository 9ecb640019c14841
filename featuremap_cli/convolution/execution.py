"""A pass at work: the planes it reads, the products it makes of them, the rows of the output it fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.border import BorderedImage
from featuremap_cli.convolution.fitting import FittedFilters
from featuremap_cli.convolution.operation import Operation
from featuremap_cli.convolution.passes import Pass, passes
from featuremap_cli.convolution.products import Product


@dataclass(frozen=True, eq=False)
class FilterWork:
    """What filters of one size and kind do to an image.

    Attributes:
        filters: the filters.
        passes: the passes that together fill every output.
    """

    filters: FittedFilters
    passes: Sequence[PassWork]

    @classmethod
    def plan(cls, pixels: Float32, filters: FittedFilters, operation: Operation) -> FilterWork:
        """Lay filters on an image, float32 (height, width, channels)."""
        image = BorderedImage(pixels, operation.border, summed=filters.meeting == "sum", prepares=filters.prepares)
        apart = filters.meeting == "apart"
        height, width, _ = pixels.shape
        plain = passes(filters.weights, (height, width), operation)
        return cls(filters, [PassWork(image, one, _products(one, apart)) for one in plain])

    @property
    def needs_blas(self) -> bool:
        """Whether matrices are multiplied."""
        return any(product.needs_blas for one in self.passes for product in one.products)

    def fill(self, first: int, out: Float32) -> None:
        """Fill `out`, float32 (filters, rows, width), with the rows of the maps from `first` on, bias included."""
        for one in self.passes:
            one.fill(first, out)
        if self.filters.bias.any():
            out += self.filters.bias[:, np.newaxis, np.newaxis]


@dataclass(frozen=True, eq=False)
class PassWork:
    """A pass on an image.

    Attributes:
        image: what it reads.
        one: the pass.
        products: one over all channels, or, where channels are kept apart, one for each.
    """

    image: BorderedImage
    one: Pass
    products: Sequence[Product]

    def fill(self, first: int, out: Float32) -> None:
        """Fill the pass's outputs in `out`, float32 (filters, rows, width), rows of the maps from `first` on."""
        rows, columns = self.one.rows, self.one.columns
        start, end = (rows.index_from(row) for row in (first, first + out.shape[1]))
        if start == end:
            return
        top = rows.first + rows.step * start - first
        target = out[:, top :: rows.step, columns.first :: columns.step]
        if not (rows.taps and columns.taps):
            target[:] = 0
            return
        planes = self.image.planes(
            rows.origin + rows.stride * start, rows.reach(end - start), columns.origin, columns.reach(columns.count)
        )
        self._multiply(planes, target)

    def _multiply(self, planes: Float32, target: Float32) -> None:
        if self.one.columns.step > 1:
            # The matrix product writes whole rows; only then can they be spread.
            together = np.empty(target.shape, np.float32)
            _fill_all(self.products, planes, together)
            target[:] = together
        else:
            _fill_all(self.products, planes, target)


def _fill_all(products: Sequence[Product], planes: Float32, out: Float32) -> None:
    filters, channels = len(out) // len(products), planes.shape[1] // len(products)
    for index, product in enumerate(products):
        own = slice(index * channels, (index + 1) * channels)
        product.fill(planes[:, own], out[index * filters : (index + 1) * filters])


def _products(one: Pass, apart: bool) -> list[Product]:
    strides = one.rows.stride, one.columns.stride
    dilation = one.rows.dilation, one.columns.dilation
    if not one.weights.size:
        return []
    if not apart:
        return [Product(one.weights, strides, dilation)]
    channels = one.weights.shape[2]
    return [Product(one.weights[:, :, index : index + 1], strides, dilation) for index in range(channels)]
