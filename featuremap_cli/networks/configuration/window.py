"""How the window of a convolution or a pool goes over an image, by TensorFlow's rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from featuremap_cli.analysis.layers import Window
from featuremap_cli.convolution.geometry import Pair, output_length, same_padding
from featuremap_cli.graph.nodes import Attribute
from featuremap_cli.networks.configuration.kind import Shape
from featuremap_cli.networks.configuration.settings import Settings
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

    @property
    def window(self) -> Window:
        """The same for the arithmetic of layers."""
        return Window(self.size, self.strides, self.dilation, self.padding)

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

    def attributes(self, image: Shape) -> dict[str, Attribute]:
        """Strides, dilation and padding as ONNX's operators have them, for images of a shape.

        ONNX's own SAME_UPPER is TensorFlow's SAME, but for dilated filters, which the runtime does not take with it.
        With a stride of 1 the padding is the same for every size, so it is written out there.
        """
        found: dict[str, Attribute] = {"strides": self.strides}
        if self.dilation != (1, 1):
            found["dilations"] = self.dilation
        if self.padding == "valid":
            return found
        lengths = [image[axis] or (1 if self.strides[axis] == 1 else None) for axis in (0, 1)]
        if None in lengths:
            return found | {"auto_pad": "SAME_UPPER"}
        rows, columns = (
            same_padding(lengths[axis] or 1, self.size[axis], self.strides[axis], self.dilation[axis])
            for axis in (0, 1)
        )
        return found | {"pads": (rows[0], columns[0], rows[1], columns[1])}
