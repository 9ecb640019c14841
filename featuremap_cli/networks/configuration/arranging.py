"""Layers that change where values stand and not what they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featuremap_cli.analysis import layer_kinds
from featuremap_cli.analysis.layer_kinds import LayerKind
from featuremap_cli.analysis.layers import View
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.graph.nodes import Attribute, NodeList
from featuremap_cli.networks.configuration.kind import Kind, Shape, WeightNames, channels_of
from featuremap_cli.networks.configuration.settings import Settings, UnknownLayerError
from featuremap_cli.networks.layer_entry import Size

_END = 2**31
"""Beyond the end of every axis."""


@dataclass(frozen=True)
class Padded(Kind):
    """ZeroPadding2D."""

    rows: Pair
    columns: Pair

    @classmethod
    def read(cls, settings: Settings) -> Padded:
        """Take it from a layer's settings."""
        settings.require("data_format", "channels_last")
        return cls(*_border(settings.take("padding")))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        channels = channels_of(inputs)
        return (_longer(inputs[0][0], sum(self.rows)), _longer(inputs[0][1], sum(self.columns)), channels)

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        (top, bottom), (left, right) = self.rows, self.columns
        border = nodes.constant(np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
        return nodes.add("Pad", inputs[0], border)

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """See `Kind`."""
        return layer_kinds.Border(*self.rows, *self.columns)


@dataclass(frozen=True)
class Cropped(Kind):
    """Cropping2D."""

    rows: Pair
    columns: Pair

    @classmethod
    def read(cls, settings: Settings) -> Cropped:
        """Take it from a layer's settings."""
        settings.require("data_format", "channels_last")
        return cls(*_border(settings.take("cropping")))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        channels = channels_of(inputs)
        return (_longer(inputs[0][0], -sum(self.rows)), _longer(inputs[0][1], -sum(self.columns)), channels)

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        # Cut off a whole axis at a time from its ends, whose length the graph need not know.
        starts = nodes.constant(np.array([self.rows[0], self.columns[0]], np.int64))
        ends = nodes.constant(np.array([-self.rows[1] or _END, -self.columns[1] or _END], np.int64))
        return nodes.add("Slice", inputs[0], starts, ends, nodes.constant(np.array([2, 3], np.int64)))

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """See `Kind`."""
        (top, bottom), (left, right) = self.rows, self.columns
        return layer_kinds.Border(-top, -bottom, -left, -right)


@dataclass(frozen=True)
class Enlarged(Kind):
    """UpSampling2D that repeats pixels."""

    factors: Pair

    @classmethod
    def read(cls, settings: Settings) -> Enlarged:
        """Take it from a layer's settings; what interpolates is unknown."""
        settings.require("data_format", "channels_last")
        settings.require("interpolation", "nearest")
        return cls(settings.take_pair("size"))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        channels = channels_of(inputs)
        height, width = (None if size is None else size * by for size, by in zip(inputs[0], self.factors, strict=False))
        return (height, width, channels)

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        factors = nodes.constant(np.array([1, 1, *self.factors], np.float32))
        settings: dict[str, Attribute] = {"mode": "nearest", "nearest_mode": "floor"}
        return nodes.add("Resize", inputs[0], "", factors, coordinate_transformation_mode="asymmetric", **settings)

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """See `Kind`."""
        return layer_kinds.Resizing(factors=self.factors)


@dataclass(frozen=True)
class Reshaped(Kind):
    """Flatten and Reshape."""

    target: tuple[int, ...]
    flattens: bool = False

    @classmethod
    def read(cls, settings: Settings) -> Reshaped:
        """Take it from a Reshape's settings."""
        return cls(tuple(settings.take("target_shape")))

    @classmethod
    def read_flatten(cls, settings: Settings) -> Reshaped:
        """Take it from a Flatten's settings."""
        settings.require("data_format", "channels_last")
        return cls((-1,), flattens=True)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        if len(inputs) != 1 or None in inputs[0]:
            raise UnknownLayerError(f"is given {list(inputs)}")
        values = math.prod(size or 0 for size in inputs[0])
        known = math.prod(size for size in self.target if size != -1)
        if self.target.count(-1) > 1 or any(size < 1 and size != -1 for size in self.target) or values % known:
            raise UnknownLayerError(f"makes {self.target} of {inputs[0]}")
        if -1 not in self.target and values != known:
            raise UnknownLayerError(f"makes {self.target} of {inputs[0]}")
        return tuple(values // known if size == -1 else size for size in self.target)

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        ordered = nodes.add("Transpose", inputs[0], perm=(0, 2, 3, 1)) if len(shapes[0]) == 3 else inputs[0]
        after = self.output_shape(shapes)
        made = nodes.add("Reshape", ordered, nodes.constant(np.array([0, *after], np.int64)))
        return nodes.add("Transpose", made, perm=(0, 3, 1, 2)) if len(after) == 3 else made

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """See `Kind`."""
        shape = before[0]
        if self.flattens or (len(after) == 1 and len(shape) == 3):
            return layer_kinds.Flattening()
        if len(shape) == 1:
            return View.WHOLE
        return View.POINT if len(shape) == len(after) == 3 and shape[:2] == after[:2] else View.UNKNOWN


def _longer(length: Size, by: int) -> Size:
    return None if length is None else length + by


def _border(value: Any) -> tuple[Pair, Pair]:
    """Rows before and after, columns before and after, as Keras writes them out."""
    try:
        (top, bottom), (left, right) = value
    except (TypeError, ValueError) as error:
        raise UnknownLayerError(f"has a border of {value}") from error
    if not all(isinstance(number, int) and number >= 0 for number in (top, bottom, left, right)):
        raise UnknownLayerError(f"has a border of {value}")
    return (top, bottom), (left, right)
