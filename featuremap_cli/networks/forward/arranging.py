"""Layers that change where values stand and not what they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.networks.forward import sliding
from featuremap_cli.networks.forward.kind import Kind, Shape, channels_of
from featuremap_cli.networks.forward.settings import Settings, UnknownLayerError
from featuremap_cli.networks.layer_entry import Size


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

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        padded = sliding.pad(inputs[0], self.rows, self.columns)
        return padded.copy() if padded is inputs[0] else padded


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

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        height, width, _ = inputs[0].shape
        rows, columns = self.rows, self.columns
        return inputs[0][rows[0] : height - rows[1], columns[0] : width - columns[1]].copy()


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

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        return inputs[0].repeat(self.factors[0], axis=0).repeat(self.factors[1], axis=1)


@dataclass(frozen=True)
class Reshaped(Kind):
    """Flatten and Reshape."""

    is_view: ClassVar[bool] = True

    target: tuple[int, ...]

    @classmethod
    def read(cls, settings: Settings) -> Reshaped:
        """Take it from a Reshape's settings."""
        return cls(tuple(settings.take("target_shape")))

    @classmethod
    def read_flatten(cls, settings: Settings) -> Reshaped:
        """Take it from a Flatten's settings."""
        settings.require("data_format", "channels_last")
        return cls((-1,))

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

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        return np.ascontiguousarray(inputs[0]).reshape(self.target)


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
