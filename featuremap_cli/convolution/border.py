"""Rows of an image with what stands around it, channel by channel: what the products are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32, Preparation
from featuremap_cli.convolution.geometry import Border, border_index


@dataclass(frozen=True, eq=False)
class BorderedImage:
    """An image that goes on beyond its edges; only the rows asked for are ever padded.

    Attributes:
        pixels: float32 (height, width, channels).
        border: what stands outside.
        summed: take the sum of the channels, as one channel.
        prepares: what becomes of the pixels first; a border of zeros is put around what comes of it.
    """

    pixels: Float32
    border: Border
    summed: bool = False
    prepares: Preparation | None = None

    def planes(self, top: int, rows: int, left: int, columns: int) -> Float32:
        """Return a window of the bordered image.

        Args:
            top: first row, negative above the image.
            rows: how many.
            left: first column, negative left of the image.
            columns: how many.

        Returns:
            float32 (rows, channels, columns), contiguous.
        """
        height, width, _ = self.pixels.shape
        row_index = border_index(np.arange(top, top + rows), height, self.border)
        source = self._rows(top, row_index)
        window = np.empty((rows, source.shape[2], columns), np.float32)
        start = min(max(-left, 0), columns)
        end = max(start, min(width - left, columns))
        window[:, :, start:end] = source[:, left + start : left + end].transpose(0, 2, 1)
        column_index = border_index(np.arange(left, left + columns), width, self.border)
        for part in (slice(0, start), slice(end, columns)):
            window[:, :, part] = source[:, column_index[part]].transpose(0, 2, 1)
            window[:, :, part][:, :, column_index[part] < 0] = 0
        window[row_index < 0] = 0
        return window

    def _rows(self, top: int, row_index: NDArray[np.intp]) -> Float32:
        end = top + len(row_index)
        inside = top >= 0 and end <= self.pixels.shape[0]
        source = self.pixels[top:end] if inside else self.pixels[row_index]
        if self.prepares is not None:
            source = self.prepares.apply(source)
        if not self.summed:
            return source
        total = source[:, :, :1].copy()
        for channel in range(1, source.shape[2]):
            total[:, :, 0] += source[:, :, channel]
        return total
