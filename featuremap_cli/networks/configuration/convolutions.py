"""Keras's two-dimensional convolutions and Dense, as their configurations describe them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from featuremap_cli.analysis import layer_kinds
from featuremap_cli.analysis.layer_kinds import LayerKind
from featuremap_cli.analysis.layers import View, Window
from featuremap_cli.convolution.geometry import transposed_cut, transposed_length
from featuremap_cli.graph.nodes import Attribute, NodeList
from featuremap_cli.networks.configuration.activations import Activation, activation_named
from featuremap_cli.networks.configuration.kind import Kind, Shape, WeightNames, channels_of, last_of
from featuremap_cli.networks.configuration.settings import Settings, UnknownLayerError
from featuremap_cli.networks.configuration.window import Sliding
from featuremap_cli.networks.layer_entry import Size

FILTERS_FIRST, CHANNELS_FIRST = (3, 2, 0, 1), (2, 3, 0, 1)
"""Orders of the axes of Keras's kernels, (height, width, channels, filters), in which ONNX has them."""


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
            settings.take_count("filters"),
            settings.take_count("groups", 1),
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

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        kernel = weights.value("kernel", FILTERS_FIRST)
        settings = self.sliding.attributes(shapes[0])
        return nodes.add("Conv", inputs[0], kernel, *bias_value(weights, self.use_bias), group=self.groups, **settings)

    @property
    def window(self) -> Window:
        """See `Kind`."""
        return self.sliding.window

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """See `Kind`."""
        return layer_kinds.Convolution(self.filters, self.window, self.groups, self.use_bias)


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
            settings.take_count("depth_multiplier"),
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

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        channels = channels_of(shapes)
        shape = (channels * self.multiplier, 1, *self.sliding.size)
        kernel = weights.value("kernel", CHANNELS_FIRST, shape)
        settings = self.sliding.attributes(shapes[0])
        return nodes.add("Conv", inputs[0], kernel, *bias_value(weights, self.use_bias), group=channels, **settings)

    @property
    def window(self) -> Window:
        """See `Kind`."""
        return self.sliding.window

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """See `Kind`."""
        return layer_kinds.Depthwise(self.window, self.multiplier, self.use_bias)


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
            settings.take_count("filters"),
            settings.take_count("depth_multiplier"),
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

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        channels = channels_of(shapes)
        shape = (channels * self.multiplier, 1, *self.sliding.size)
        spatial = weights.value("depthwise_kernel", CHANNELS_FIRST, shape)
        apart = nodes.add("Conv", inputs[0], spatial, group=channels, **self.sliding.attributes(shapes[0]))
        mixing = weights.value("pointwise_kernel", FILTERS_FIRST)
        return nodes.add("Conv", apart, mixing, *bias_value(weights, self.use_bias))

    @property
    def window(self) -> Window:
        """See `Kind`."""
        return self.sliding.window

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """See `Kind`."""
        return layer_kinds.Separable(self.filters, self.window, self.multiplier, self.use_bias)


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
            settings.take_count("filters"),
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

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        size, strides, padding = self.sliding.size, self.sliding.strides, self.sliding.padding
        before = [transposed_cut(size[axis], strides[axis], 1, padding) for axis in (0, 1)]
        after = [max(size[axis] - strides[axis], 0) - before[axis] if padding == "same" else 0 for axis in (0, 1)]
        # SAME and VALID of strides larger than the filter have zeros at the end that no pixel is spread over.
        missing = tuple(max(strides[axis] - size[axis], 0) for axis in (0, 1))
        settings: dict[str, Attribute] = {"strides": strides, "pads": (*before, *after), "output_padding": missing}
        kernel = weights.value("kernel", FILTERS_FIRST)
        return nodes.add("ConvTranspose", inputs[0], kernel, *bias_value(weights, self.use_bias), **settings)

    @property
    def window(self) -> Window:
        """See `Kind`."""
        return self.sliding.window

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """See `Kind`."""
        return layer_kinds.Transposed(self.filters, self.window, self.use_bias)


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
            settings.take_count("units"), settings.take_flag("use_bias"), activation_named(settings.take("activation"))
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        last_of(inputs)
        return (*inputs[0][:-1], self.units)

    def weights(self, inputs: Sequence[Shape]) -> dict[str, tuple[int, ...]]:
        """See `Kind`."""
        return {"kernel": (last_of(inputs), self.units)} | bias_of(self.use_bias, self.units)

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        bias = bias_value(weights, self.use_bias)
        if len(shapes[0]) == 3:
            shape = (self.units, last_of(shapes), 1, 1)
            return nodes.add("Conv", inputs[0], weights.value("kernel", (1, 0), shape), *bias)
        product = nodes.add("MatMul", inputs[0], weights.value("kernel"))
        return nodes.add("Add", product, *bias) if bias else product

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """See `Kind`."""
        return layer_kinds.Dense(self.units, self.use_bias, everywhere=len(before[0]) == 3)


def bias_of(use_bias: bool, filters: int) -> dict[str, tuple[int, ...]]:
    """The shape of a bias, by its name, where there is one."""
    return {"bias": (filters,)} if use_bias else {}


def bias_value(weights: WeightNames, use_bias: bool) -> tuple[str, ...]:
    """The value of a bias, where there is one."""
    return (weights.value("bias"),) if use_bias else ()
