"""Keras's two-dimensional convolutions and Dense, as their configurations describe them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.geometry import Pair, transposed_cut, transposed_length
from featuremap_cli.networks.forward import sliding
from featuremap_cli.networks.forward.activations import Activation, activation_named
from featuremap_cli.networks.forward.kind import Kind, Shape, channels_of, last_of
from featuremap_cli.networks.forward.settings import Settings, UnknownLayerError
from featuremap_cli.networks.forward.window import Sliding
from featuremap_cli.networks.layer_entry import Size


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


def bias_of(use_bias: bool, filters: int) -> dict[str, tuple[int, ...]]:
    """The shape of a bias, by its name, where there is one."""
    return {"bias": (filters,)} if use_bias else {}


def with_bias(maps: Float32, bias: Sequence[Float32]) -> Float32:
    """Add a bias to maps, in place, where there is one."""
    return np.add(maps, bias[0], out=maps) if bias else maps
