"""How the window of a convolution or a pool goes over an image, by TensorFlow's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.geometry import Pair, output_length, same_padding
from featuremap_cli.networks.forward import sliding
from featuremap_cli.networks.forward.kind import Shape
from featuremap_cli.networks.forward.settings import Settings
from featuremap_cli.networks.layer_entry import Size


@dataclass(frozen=True)
class Sliding:
    """How a window goes over an image.

    Attributes:
        size: (height, width) of the window.
        strides, dilation: for rows and columns.
        padding: TensorFlow's.
    """

    size: Pair
    strides: Pair
    dilation: Pair
    padding: Literal["same", "valid"]

    @classmethod
    def read(cls, settings: Settings, size: str = "kernel_size", *, dilates: bool = True) -> Sliding:
        """Take it from a layer's settings."""
        settings.require("data_format", "channels_last")
        return cls(
            settings.take_pair(size),
            settings.take_pair("strides"),
            settings.take_pair("dilation_rate") if dilates else (1, 1),
            settings.require("padding", "same", "valid"),
        )

    def lengths(self, image: Shape) -> tuple[Size, Size]:
        """(height, width) of the output."""
        height, width = (self._length(image[axis], axis) for axis in (0, 1))
        return height, width

    def _length(self, length: Size, axis: int) -> Size:
        if length is None:
            return None
        if self.padding == "same":
            return -(-length // self.strides[axis])
        return output_length(length, self.size[axis], self.strides[axis], self.dilation[axis])

    def padded(self, image: Float32, value: float = 0.0) -> Float32:
        """The image with the padding around it; the image itself where there is none."""
        rows, columns = self.around(image.shape)
        return sliding.pad(image, rows, columns, value)

    def around(self, image: Sequence[int]) -> tuple[Pair, Pair]:
        """How many rows are put before and after an image, and columns."""
        if self.padding == "valid":
            return (0, 0), (0, 0)
        rows, columns = (
            same_padding(image[axis], self.size[axis], self.strides[axis], self.dilation[axis]) for axis in (0, 1)
        )
        return rows, columns
