"""Layers that look at one value at a time: normalization, activations, scaling, and those that change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.graph.nodes import NodeList
from featuremap_cli.networks.configuration.activations import (
    Activation,
    activation_named,
    bounded_relu,
    operator,
    softmax,
)
from featuremap_cli.networks.configuration.kind import (
    Kind,
    Shape,
    WeightNames,
    channel_axis,
    channel_shape,
    last_of,
)
from featuremap_cli.networks.configuration.settings import Settings, UnknownLayerError


class SameShape(Kind):
    """What returns values of the shape of those that it is given, one input."""

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        if len(inputs) != 1:
            raise UnknownLayerError(f"is given {list(inputs)}")
        return inputs[0]


@dataclass(frozen=True)
class Unchanged(SameShape):
    """Dropout and its like in a prediction, and an Activation that is linear: what it is given."""

    @classmethod
    def read(cls, settings: Settings) -> Unchanged:
        """Take it from a layer's settings."""
        settings.ignore("rate", "drop_path_rate", "seed", "noise_shape", "stddev", "data_format", "l1", "l2")
        return cls()

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`; every call makes a value of its own."""
        return nodes.add("Identity", inputs[0])


@dataclass(frozen=True)
class Activated(SameShape):
    """Activation, ReLU, LeakyReLU, ELU, Softmax."""

    function: Activation

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        return self.function(nodes, inputs[0], channel_axis(shapes[0]))


def read_activation(settings: Settings) -> Kind:
    """An Activation layer."""
    function = activation_named(settings.take("activation"))
    return Unchanged() if function is None else Activated(function)


def read_relu(settings: Settings) -> Kind:
    """A ReLU layer, whose maximum, slope and threshold may be set."""
    most = settings.take("max_value")
    return Activated(
        partial(
            bounded_relu,
            slope=number_of(settings.take("negative_slope")),
            most=None if most is None else number_of(most),
            threshold=number_of(settings.take("threshold")),
        )
    )


def read_leaky_relu(settings: Settings) -> Kind:
    """A LeakyReLU layer."""
    return Activated(partial(bounded_relu, slope=number_of(settings.take("negative_slope")), most=None, threshold=0.0))


def read_elu(settings: Settings) -> Kind:
    """An ELU layer."""
    return Activated(operator("Elu", alpha=number_of(settings.take("alpha"))))


def read_softmax(settings: Settings) -> Kind:
    """A Softmax layer, along the last axis alone."""
    settings.require("axis", -1)
    return Activated(softmax)


@dataclass(frozen=True)
class ParametricRelu(SameShape):
    """PReLU: a slope of its own for each value below zero, shared along some axes."""

    shared_axes: tuple[int, ...]

    @classmethod
    def read(cls, settings: Settings) -> ParametricRelu:
        """Take it from a layer's settings."""
        return cls(tuple(settings.take("shared_axes") or ()))

    def weights(self, inputs: Sequence[Shape]) -> dict[str, tuple[int, ...]]:
        """See `Kind`."""
        sizes = [1 if axis in self.shared_axes else size for axis, size in enumerate(inputs[0], start=1)]
        if None in sizes:
            raise UnknownLayerError("has slopes for images of one size")
        return {"alpha": tuple(size or 0 for size in sizes)}

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        slopes = self.weights(shapes)["alpha"]
        axes, shape = ((2, 0, 1), None) if len(slopes) == 3 else (None, None)
        return nodes.add("PRelu", inputs[0], weights.value("alpha", axes, shape))


@dataclass(frozen=True, eq=False)
class Rescaled(SameShape):
    """Rescaling."""

    scale: Any
    offset: Any

    @classmethod
    def read(cls, settings: Settings) -> Rescaled:
        """Take it from a layer's settings: numbers, or a list of one a channel."""
        settings.ignore("data_format")
        return cls(numbers_of(settings.take("scale")), numbers_of(settings.take("offset")))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        last = last_of(inputs)
        if any(numbers.shape not in ((), (last,)) for numbers in (self.scale, self.offset)):
            raise UnknownLayerError("scales by numbers that are not one a channel")
        return super().output_shape(inputs)

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        shape = channel_shape(shapes[0], last_of(shapes))
        scale, offset = (
            nodes.constant(value.reshape(shape) if value.ndim else value) for value in (self.scale, self.offset)
        )
        return nodes.add("Add", nodes.add("Mul", inputs[0], scale), offset)


@dataclass(frozen=True)
class Scaled(SameShape):
    """LayerScale of keras.applications' ConvNeXt: a factor a channel."""

    channels: int

    @classmethod
    def read(cls, settings: Settings) -> Scaled:
        """Take it from a layer's settings."""
        settings.ignore("init_values")
        return cls(settings.take("projection_dim"))

    def weights(self, inputs: Sequence[Shape]) -> dict[str, tuple[int, ...]]:
        """See `Kind`."""
        return {"gamma": (self.channels,)}

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        shape = channel_shape(shapes[0], last_of(shapes))
        return nodes.add("Mul", inputs[0], weights.value("gamma", shape=shape))


def number_of(value: Any) -> float:
    """A setting that is a number.

    Raises:
        UnknownLayerError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnknownLayerError(f"has {value} where a number was expected")
    return float(value)


def numbers_of(value: Any) -> Float32:
    """A setting that is a number or a list of them, float32.

    Raises:
        UnknownLayerError: it is something else.
    """
    try:
        return np.asarray(value, np.float32)
    except (TypeError, ValueError) as error:
        raise UnknownLayerError(f"has {value} where numbers were expected") from error


UNCHANGED: Mapping[str, type[Unchanged]] = MappingProxyType(
    dict.fromkeys(
        (
            "Dropout",
            "SpatialDropout2D",
            "GaussianDropout",
            "GaussianNoise",
            "AlphaDropout",
            "ActivityRegularization",
            "Identity",
            "StochasticDepth",
        ),
        Unchanged,
    )
)
"""Layers that do something in training alone."""
