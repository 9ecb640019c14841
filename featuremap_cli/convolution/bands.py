"""Feature maps too large for memory: computed band by band, each time that they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from featuremap_cli.arrays import FeatureMaps, FilterBank, Float32
from featuremap_cli.convolution.engine import Convolution, layer_name
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.convolution.operation import Operation
from featuremap_cli.sources.pixel_values import PIXEL_LIMIT

BAND_BYTES = 16 << 20
"""How large a band of rows of all maps may be, if it can hold more than a few rows."""


@dataclass(frozen=True, eq=False)
class BandedMaps:
    """What filters make of an image, of which a few rows at a time are in memory; a `LayerMaps`.

    Attributes:
        convolution: what makes them.
        layer: the filter banks' sources.
    """

    convolution: Convolution
    layer: str

    @property
    def names(self) -> tuple[str, ...]:
        """One a filter."""
        return self.convolution.names

    @property
    def filters(self) -> int:
        """How many maps there are."""
        return len(self.convolution.names)

    @property
    def size(self) -> Pair:
        """(height, width) of each map."""
        return self.convolution.size

    @property
    def nbytes(self) -> int:
        """What the maps would take in memory."""
        return self.filters * self.size[0] * self.size[1] * np.dtype(np.float32).itemsize

    def held(self) -> FeatureMaps:
        """Return the same maps in memory."""
        maps = np.empty((self.filters, *self.size), np.float32)
        self.convolution.fill(0, maps)
        return FeatureMaps(maps, self.names, self.layer)

    def bands(self) -> Iterator[tuple[int, Float32]]:
        """Yield a band's first row, and the band: float32 (filters, rows, width), valid until the next is asked for."""
        height, width = self.size
        rows = min(self.convolution.rows_within(BAND_BYTES), height)
        room = np.empty((self.filters, rows, width), np.float32)
        for first in range(0, height, rows):
            band = room[:, : min(rows, height - first)]
            self.convolution.fill(first, band)
            yield first, band


def convolve_in_bands(
    pixels: Float32, banks: Sequence[FilterBank], operation: Operation, pixel_limit: int = PIXEL_LIMIT
) -> BandedMaps:
    """Apply filters to an image without holding the maps.

    Args:
        pixels: float32 (height, width, channels).
        banks: the filters.
        operation: how they are applied.

    Returns:
        The maps, as `engine.convolve` makes them; they are computed anew each time that their bands are read.

    Raises:
        UsageError: as `engine.convolve`.
    """
    return BandedMaps(Convolution.plan(pixels, banks, operation, pixel_limit), layer_name(banks))
