"""Keras's two-dimensional convolutions and Dense, as their configurations describe them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.geometry import (
    Pair,
    output_length,
    same_padding,
    transposed_cut,
    transposed_length,
)
from featuremap_cli.networks.forward import sliding
from featuremap_cli.networks.forward.activations import Activation, activation_named
from featuremap_cli.networks.forward.kind import Kind, Shape
from featuremap_cli.networks.forward.settings import Settings, UnknownLayerError
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


@dataclass(frozen=True)
class Convolution(Kind):
    """Conv2D."""

    sliding: Sliding
    filters: int
    groups: int
    use_bias: bool
    activation: Activation | None

    @classmethod
    def read(cls, settings: Settings) -> Convolution:
        """Take it from a layer's settings."""
        return cls(
            Sliding.read(settings),
            settings.take("filters"),
            settings.take_or("groups", 1),
            settings.take_flag("use_bias"),
            activation_named(settings.take("activation")),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        if channels_of(inputs) % self.groups or self.filters % self.groups:
            raise UnknownLayerError(f"has {self.groups} groups for {channels_of(inputs)} channels")
        return (*self.sliding.lengths(inputs[0]), self.filters)

    def weights(self, inputs: Sequence[Shape]) -> dict[str, tuple[int, ...]]:
        """See `Kind`."""
        kernel = (*self.sliding.size, channels_of(inputs) // self.groups, self.filters)
        return {"kernel": kernel} | bias_of(self.use_bias, self.filters)

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        image = self.sliding.padded(inputs[0])
        maps = sliding.convolve_in_groups(image, weights[0], self.sliding.strides, self.sliding.dilation, self.groups)
        return with_bias(maps, weights[1:])


@dataclass(frozen=True)
class Depthwise(Kind):
    """DepthwiseConv2D."""

    sliding: Sliding
    multiplier: int
    use_bias: bool
    activation: Activation | None

    @classmethod
    def read(cls, settings: Settings) -> Depthwise:
        """Take it from a layer's settings; Keras 2 wrote Conv2D's `groups` and `filters` too, without a meaning."""
        settings.ignore("groups", "filters")
        return cls(
            Sliding.read(settings),
            settings.take("depth_multiplier"),
            settings.take_flag("use_bias"),
            activation_named(settings.take("activation")),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        return (*self.sliding.lengths(inputs[0]), channels_of(inputs) * self.multiplier)

    def weights(self, inputs: Sequence[Shape]) -> dict[str, tuple[int, ...]]:
        """See `Kind`."""
        channels = channels_of(inputs)
        kernel = (*self.sliding.size, channels, self.multiplier)
        return {"kernel": kernel} | bias_of(self.use_bias, channels * self.multiplier)

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        image = self.sliding.padded(inputs[0])
        maps = sliding.convolve_depthwise(image, weights[0], self.sliding.strides, self.sliding.dilation)
        return with_bias(maps, weights[1:])


@dataclass(frozen=True)
class Separable(Kind):
    """SeparableConv2D."""

    sliding: Sliding
    filters: int
    multiplier: int
    use_bias: bool
    activation: Activation | None

    @classmethod
    def read(cls, settings: Settings) -> Separable:
        """Take it from a layer's settings."""
        settings.ignore("groups")
        return cls(
            Sliding.read(settings),
            settings.take("filters"),
            settings.take("depth_multiplier"),
            settings.take_flag("use_bias"),
            activation_named(settings.take("activation")),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        return (*self.sliding.lengths(inputs[0]), self.filters)

    def weights(self, inputs: Sequence[Shape]) -> dict[str, tuple[int, ...]]:
        """See `Kind`."""
        channels = channels_of(inputs)
        return {
            "depthwise_kernel": (*self.sliding.size, channels, self.multiplier),
            "pointwise_kernel": (1, 1, channels * self.multiplier, self.filters),
        } | bias_of(self.use_bias, self.filters)

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        image = self.sliding.padded(inputs[0])
        apart = sliding.convolve_depthwise(image, weights[0], self.sliding.strides, self.sliding.dilation)
        return with_bias(sliding.convolve(apart, weights[1], (1, 1), (1, 1)), weights[2:])


@dataclass(frozen=True)
class Transposed(Kind):
    """Conv2DTranspose."""

    sliding: Sliding
    filters: int
    use_bias: bool
    activation: Activation | None

    @classmethod
    def read(cls, settings: Settings) -> Transposed:
        """Take it from a layer's settings; with an output_padding or dilation it is unknown."""
        settings.ignore("groups")
        settings.require("output_padding", None)
        window = Sliding.read(settings)
        if window.dilation != (1, 1):
            raise UnknownLayerError("is transposed and dilated")
        return cls(
            window,
            settings.take("filters"),
            settings.take_flag("use_bias"),
            activation_named(settings.take("activation")),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        channels_of(inputs)
        height, width = (self._length(inputs[0][axis], axis) for axis in (0, 1))
        return (height, width, self.filters)

    def _length(self, length: Size, axis: int) -> Size:
        if length is None:
            return None
        return transposed_length(length, self.sliding.size[axis], self.sliding.strides[axis], 1, self.sliding.padding)

    def weights(self, inputs: Sequence[Shape]) -> dict[str, tuple[int, ...]]:
        """See `Kind`."""
        kernel = (*self.sliding.size, self.filters, channels_of(inputs))
        return {"kernel": kernel} | bias_of(self.use_bias, self.filters)

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        full = sliding.spread(inputs[0], weights[0], self.sliding.strides)
        rows, columns = (self._kept(inputs[0].shape[axis], axis) for axis in (0, 1))
        # VALID of strides larger than the filter has zeros at the end that no pixel is spread over.
        missing = [max(end - length, 0) for end, length in zip((rows[1], columns[1]), full.shape, strict=False)]
        whole = sliding.pad(full, (0, missing[0]), (0, missing[1]))
        return with_bias(np.ascontiguousarray(whole[slice(*rows), slice(*columns)]), weights[1:])

    def _kept(self, length: int, axis: int) -> Pair:
        """The first of the outputs that are kept along an axis, and the end of them."""
        size, stride, padding = self.sliding.size[axis], self.sliding.strides[axis], self.sliding.padding
        first = transposed_cut(size, stride, 1, padding)
        return first, first + transposed_length(length, size, stride, 1, padding)


@dataclass(frozen=True)
class Dense(Kind):
    """Dense: all channels into each unit, at every position."""

    units: int
    use_bias: bool
    activation: Activation | None

    @classmethod
    def read(cls, settings: Settings) -> Dense:
        """Take it from a layer's settings."""
        return cls(
            settings.take("units"), settings.take_flag("use_bias"), activation_named(settings.take("activation"))
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        last_of(inputs)
        return (*inputs[0][:-1], self.units)

    def weights(self, inputs: Sequence[Shape]) -> dict[str, tuple[int, ...]]:
        """See `Kind`."""
        return {"kernel": (last_of(inputs), self.units)} | bias_of(self.use_bias, self.units)

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        return with_bias(np.matmul(inputs[0], weights[0]), weights[1:])


def channels_of(inputs: Sequence[Shape]) -> int:
    """The channels of a layer's one input, an image.

    Raises:
        UnknownLayerError: it is no image, or there are several.
    """
    if len(inputs) != 1 or len(inputs[0]) != 3:
        raise UnknownLayerError(f"is given {list(inputs)}")
    return last_of(inputs)


def last_of(inputs: Sequence[Shape]) -> int:
    """The length of the last axis of a layer's one input.

    Raises:
        UnknownLayerError: it depends on the image, or there are several inputs.
    """
    last = inputs[0][-1] if len(inputs) == 1 and inputs[0] else None
    if last is None:
        raise UnknownLayerError(f"is given {list(inputs)}")
    return last


def bias_of(use_bias: bool, filters: int) -> dict[str, tuple[int, ...]]:
    """The shape of a bias, by its name, where there is one."""
    return {"bias": (filters,)} if use_bias else {}


def with_bias(maps: Float32, bias: Sequence[Float32]) -> Float32:
    """Add a bias to maps, in place, where there is one."""
    return np.add(maps, bias[0], out=maps) if bias else maps
