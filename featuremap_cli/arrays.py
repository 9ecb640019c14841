"""The three things that travel through this package. The order of their axes is stated here and nowhere else.

| what | array | axes |
|---|---|---|
| `Image` | `pixels` | (height, width, channels) |
| `FilterBank` | `weights` | (filter_height, filter_width, input_channels, filters), TensorFlow's order |
| `FeatureMaps` | `maps` | (filters, height, width), map first and contiguous |

All are float32. A row index counts down from the top, a column index from the left. Maps too large for memory travel as
`LayerMaps`, of which `FeatureMaps` are the ones that are held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Image:
    """A picture.

    Attributes:
        pixels: float32 (height, width, channels). Integer files are scaled to [0, 1]; float files are as they were.
        name: what sheets and messages call it, `china.jpg`.
        notes: what was done to it on the way in, in words (`alpha composited over white`).
    """

    pixels: Float32
    name: str
    notes: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Rows, in pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns, in pixels."""
        return int(self.pixels.shape[1])

    @property
    def channels(self) -> int:
        """1 for gray, 3 for RGB, more for multi-band images."""
        return int(self.pixels.shape[2])


class Preparation(Protocol):
    """What a network does to pixels before its first layer."""

    @property
    def order(self) -> Literal["rgb", "bgr"]:
        """The order of the color channels that it gives."""

    def apply(self, pixels: Float32) -> Float32:
        """Prepare pixels, float32 (..., height, width, channels); the argument is not written to."""


@dataclass(frozen=True, eq=False)
class FilterBank:
    """Filters of one size.

    Attributes:
        weights: float32 (filter_height, filter_width, input_channels, filters).
        names: one a filter; empty strings where a filter has only its index.
        bias: float32 (filters,).
        source: the SPEC it was made from, `sobel-x` or `alexnet:conv1`.
        every_channel: a kernel written by hand: input_channels is 1, and it meets every channel of the image
            (the results are summed, as in a convolutional layer).
        depthwise: filter f belongs to input channel f // (filters / image channels) alone, as in a
            DepthwiseConv2D layer; input_channels is 1.
        cells: for kernels written by hand, the weights as they were written, cells[filter][row][column]
            (`1/9`); None where there is nothing better than the number.
        notes: what of the layer they are, in words, where they are not all of it.
        prepares: what becomes of the image's pixels before they meet the filters: of a network's filters, what their
            network does to them; None for pixels as they are.
        prepared_as: the same in a word, for titles.
    """

    weights: Float32
    names: tuple[str, ...]
    bias: Float32
    source: str
    every_channel: bool = False
    depthwise: bool = False
    cells: tuple[tuple[tuple[str, ...], ...], ...] | None = None
    notes: tuple[str, ...] = ()
    prepares: Preparation | None = None
    prepared_as: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """(filter_height, filter_width)."""
        return int(self.weights.shape[0]), int(self.weights.shape[1])

    @property
    def input_channels(self) -> int:
        """How many channels one filter spans; 1 for hand-written kernels, which meet any number."""
        return int(self.weights.shape[2])

    @property
    def filters(self) -> int:
        """How many filters there are."""
        return int(self.weights.shape[3])


class LayerMaps(Protocol):
    """The feature maps of one layer, whether they are held in memory or made again each time they are read."""

    @property
    def names(self) -> tuple[str, ...]:
        """One a filter; empty strings where a map has only its index."""

    @property
    def layer(self) -> str:
        """The layer path, or the filter bank's source."""

    @property
    def filters(self) -> int:
        """How many maps there are."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of each map."""

    def bands(self) -> Iterator[tuple[int, Float32]]:
        """Yield the maps from top to bottom: a band's first row, and the band, float32 (filters, rows, width)."""


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """What the filters of one layer make of one image.

    Attributes:
        maps: float32 (filters, height, width), C-contiguous.
        names: one a filter; empty strings where a map has only its index.
        layer: the layer path, or the filter bank's source.
    """

    maps: Float32
    names: tuple[str, ...]
    layer: str

    @property
    def filters(self) -> int:
        """How many maps there are."""
        return int(self.maps.shape[0])

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of each map."""
        return int(self.maps.shape[1]), int(self.maps.shape[2])

    def bands(self) -> Iterator[tuple[int, Float32]]:
        """Yield all rows at once; see `LayerMaps.bands`."""
        yield 0, self.maps
