"""Pools, of windows and of whole maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from featuremap_cli.analysis import layer_kinds
from featuremap_cli.analysis.layer_kinds import LayerKind
from featuremap_cli.analysis.layers import View, Window
from featuremap_cli.graph.nodes import NodeList
from featuremap_cli.networks.configuration.kind import Kind, Shape, WeightNames, channels_of
from featuremap_cli.networks.configuration.settings import Settings
from featuremap_cli.networks.configuration.window import Sliding


@dataclass(frozen=True)
class Pool(Kind):
    """MaxPooling2D and AveragePooling2D; an average under SAME is over the image's own pixels, as TensorFlow's."""

    sliding: Sliding
    takes: Literal["max", "mean"]

    @classmethod
    def read(cls, settings: Settings, takes: Literal["max", "mean"]) -> Pool:
        """Take it from a layer's settings."""
        return cls(Sliding.read(settings, "pool_size", dilates=False), takes)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        channels = channels_of(inputs)
        return (*self.sliding.lengths(inputs[0]), channels)

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        operator = "MaxPool" if self.takes == "max" else "AveragePool"
        return nodes.add(operator, inputs[0], kernel_shape=self.sliding.size, **self.sliding.attributes(shapes[0]))

    @property
    def window(self) -> Window:
        """See `Kind`."""
        return self.sliding.window

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """See `Kind`."""
        return layer_kinds.Pooling(self.window)


@dataclass(frozen=True)
class GlobalPool(Kind):
    """GlobalAveragePooling2D and GlobalMaxPooling2D."""

    takes: Literal["max", "mean"]
    keeps_axes: bool

    @classmethod
    def read(cls, settings: Settings, takes: Literal["max", "mean"]) -> GlobalPool:
        """Take it from a layer's settings."""
        settings.require("data_format", "channels_last")
        return cls(takes, bool(settings.take_or("keepdims", False)))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        channels = channels_of(inputs)
        return (1, 1, channels) if self.keeps_axes else (channels,)

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        operator = "GlobalMaxPool" if self.takes == "max" else "GlobalAveragePool"
        pooled = nodes.add(operator, inputs[0])
        return pooled if self.keeps_axes else nodes.add("Flatten", pooled, axis=1)

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """See `Kind`."""
        return layer_kinds.GlobalPooling()
