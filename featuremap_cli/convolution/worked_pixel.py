"""One value of a feature map, worked out: the values under the filter, times its weights, added up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.anatomy import MapAnatomy
from featuremap_cli.convolution.geometry import Border, border_index
from featuremap_cli.convolution.passes import AxisPass, passes
from featuremap_cli.errors import UsageError


@dataclass(frozen=True, eq=False)
class WorkedPixel:
    """How one value of a map came about.

    Attributes:
        row, column: of the value, on the map before pooling.
        rows, columns: which pixel lies under each tap, counted from the image's first; outside it where the filter
            reaches over the edge. Of a transposed convolution only the taps are here that reach the value.
        window: float32 (taps down, taps right, channels): what lies under the filter, the border's values included.
        weights: float32 (taps down, taps right, channels).
        inside: bool (taps down, taps right): the tap lies on the image.
        sums: float64 (channels,): window times weights, added up for each channel.
        bias: added to all of them.
        before, after: the map's value before and after its activation; equal where there is none.
    """

    row: int
    column: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    window: Float32
    weights: Float32
    inside: NDArray[np.bool_]
    sums: NDArray[np.float64]
    bias: float
    before: float
    after: float

    @property
    def span(self) -> tuple[int, int, int, int] | None:
        """(top, left, bottom, right) of the taps that lie on the image, ends not included; None where none does."""
        rows = [self.rows[tap] for tap in np.flatnonzero(self.inside.any(axis=1))]
        columns = [self.columns[tap] for tap in np.flatnonzero(self.inside.any(axis=0))]
        return (min(rows), min(columns), max(rows) + 1, max(columns) + 1) if rows and columns else None


def work_pixel(anatomy: MapAnatomy, row: int, column: int) -> WorkedPixel:
    """Work out one value.

    Args:
        anatomy: of the map.
        row, column: of the value, on the map before pooling.

    Raises:
        UsageError: the map has no such place.
    """
    height, width = anatomy.products.shape[1:]
    if not (0 <= row < height and 0 <= column < width):
        raise UsageError(
            f"--at {row},{column}: the map has {height} rows and {width} columns; "
            f"expected a row from 0 to {height - 1} and a column from 0 to {width - 1}"
        )
    size = (anatomy.pixels.shape[0], anatomy.pixels.shape[1])
    one = next(
        one
        for one in passes(anatomy.laid_weights[..., np.newaxis], size, anatomy.operation)
        if _fills(one.rows, row) and _fills(one.columns, column)
    )
    rows, columns = _pixels_under(one.rows, row), _pixels_under(one.columns, column)
    window = _window(anatomy.pixels, rows, columns, anatomy.operation.border)
    weights = one.weights[..., 0]
    inside = np.outer((rows >= 0) & (rows < size[0]), (columns >= 0) & (columns < size[1]))
    sums = (window.astype(np.float64) * weights).sum(axis=(0, 1))
    last = [stage for stage in anatomy.stages if stage.kind != "pool"][-1]
    linear = anatomy.stage("bias") or anatomy.stages[0]
    return WorkedPixel(
        row=row,
        column=column,
        rows=tuple(int(place) for place in rows),
        columns=tuple(int(place) for place in columns),
        window=window,
        weights=weights,
        inside=inside,
        sums=sums,
        bias=anatomy.met.bias,
        before=float(linear.values[row, column]),
        after=float(last.values[row, column]),
    )


def _fills(axis: AxisPass, output: int) -> bool:
    step, left = divmod(output - axis.first, axis.step)
    return left == 0 and 0 <= step < axis.count


def _pixels_under(axis: AxisPass, output: int) -> NDArray[np.intp]:
    first = axis.origin + axis.stride * ((output - axis.first) // axis.step)
    return first + axis.dilation * np.arange(len(axis.taps))


def _window(pixels: Float32, rows: NDArray[np.intp], columns: NDArray[np.intp], border: Border) -> Float32:
    down = border_index(rows, pixels.shape[0], border)
    right = border_index(columns, pixels.shape[1], border)
    window: Float32 = pixels[down][:, right].copy()
    window[down < 0] = 0
    window[:, right < 0] = 0
    return window
