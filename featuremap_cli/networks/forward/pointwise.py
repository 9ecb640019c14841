"""Layers that look at one value at a time: normalization, activations, scaling, and those that change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.networks.forward.activations import Activation, activation_named, bounded_relu, elu, softmax
from featuremap_cli.networks.forward.kind import Kind, Shape, last_of
from featuremap_cli.networks.forward.settings import Settings, UnknownLayerError

KERAS_EPSILON = np.float32(1e-7)
"""`keras.backend.epsilon()`, below which Normalization lets no deviation fall."""


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

    is_view: ClassVar[bool] = True

    @classmethod
    def read(cls, settings: Settings) -> Unchanged:
        """Take it from a layer's settings."""
        settings.ignore("rate", "seed", "noise_shape", "stddev", "data_format", "l1", "l2")
        return cls()

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        return inputs[0]


@dataclass(frozen=True)
class Activated(SameShape):
    """Activation, ReLU, LeakyReLU, ELU, Softmax."""

    function: Activation

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        out = inputs[0] if spare else np.empty_like(inputs[0])
        self.function(inputs[0], out)
        return out


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
            slope=_number(settings.take("negative_slope")),
            most=None if most is None else _number(most),
            threshold=_number(settings.take("threshold")),
        )
    )


def read_leaky_relu(settings: Settings) -> Kind:
    """A LeakyReLU layer."""
    return Activated(partial(bounded_relu, slope=_number(settings.take("negative_slope")), most=None, threshold=0.0))


def read_elu(settings: Settings) -> Kind:
    """An ELU layer."""
    return Activated(partial(elu, alpha=_number(settings.take("alpha"))))


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

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        below = weights[0] * np.minimum(inputs[0], np.float32(0))
        return np.add(np.maximum(inputs[0], np.float32(0)), below, out=below)


@dataclass(frozen=True)
class BatchNormalized(SameShape):
    """BatchNormalization along the last axis, with the means and variances of training."""

    epsilon: float
    has_scale: bool
    has_center: bool
    axis: Any

    @classmethod
    def read(cls, settings: Settings) -> BatchNormalized:
        """Take it from a layer's settings."""
        settings.ignore("momentum", "synchronized", "fused", "virtual_batch_size", "renorm_clipping", "renorm_momentum")
        if settings.take_or("renorm", False):
            raise UnknownLayerError("renormalizes")
        return cls(
            _number(settings.take("epsilon")),
            settings.take_flag("scale"),
            settings.take_flag("center"),
            settings.take("axis"),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        require_last_axis(self.axis, inputs)
        return super().output_shape(inputs)

    def weights(self, inputs: Sequence[Shape]) -> dict[str, tuple[int, ...]]:
        """See `Kind`."""
        names = (
            *(("gamma",) if self.has_scale else ()),
            *(("beta",) if self.has_center else ()),
            "moving_mean",
            "moving_variance",
        )
        return dict.fromkeys(names, (last_of(inputs),))

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        mean, variance = weights[-2:]
        scale = 1 / np.sqrt(variance + np.float32(self.epsilon))
        if self.has_scale:
            scale = scale * weights[0]
        shift = -mean * scale
        if self.has_center:
            shift = shift + weights[int(self.has_scale)]
        return scaled(inputs[0], scale, shift, spare)


@dataclass(frozen=True, eq=False)
class Rescaled(SameShape):
    """Rescaling."""

    scale: Any
    offset: Any

    @classmethod
    def read(cls, settings: Settings) -> Rescaled:
        """Take it from a layer's settings: numbers, or a list of one a channel."""
        settings.ignore("data_format")
        return cls(_numbers(settings.take("scale")), _numbers(settings.take("offset")))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        last = last_of(inputs)
        if any(numbers.shape not in ((), (last,)) for numbers in (self.scale, self.offset)):
            raise UnknownLayerError("scales by numbers that are not one a channel")
        return super().output_shape(inputs)

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        return scaled(inputs[0], self.scale, self.offset, spare)


@dataclass(frozen=True, eq=False)
class Normalized(SameShape):
    """Normalization along the last axis, by numbers in the configuration or in the weights."""

    axis: Any
    given: tuple[Float32, Float32] | None

    @classmethod
    def read(cls, settings: Settings) -> Normalized:
        """Take it from a layer's settings."""
        settings.require("invert", False)
        mean, variance = settings.take("mean"), settings.take("variance")
        if (mean is None) != (variance is None):
            raise UnknownLayerError("has a mean or a variance alone")
        axis = settings.take("axis")
        return cls(axis, None if mean is None else (_numbers(mean).ravel(), _numbers(variance).ravel()))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        require_last_axis(self.axis, inputs)
        if self.given and any(len(numbers) not in (1, last_of(inputs)) for numbers in self.given):
            raise UnknownLayerError("normalizes by numbers that are not one a channel")
        return super().output_shape(inputs)

    def weights(self, inputs: Sequence[Shape]) -> dict[str, tuple[int, ...]]:
        """See `Kind`."""
        return {} if self.given else {"mean": (last_of(inputs),), "variance": (last_of(inputs),), "count": ()}

    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """See `Kind`."""
        mean, variance = self.given or weights[:2]
        out = np.subtract(inputs[0], mean, out=inputs[0] if spare else None)
        return np.divide(out, np.maximum(np.sqrt(variance), KERAS_EPSILON), out=out)


def scaled(values: Float32, scale: Float32, shift: Float32, spare: bool) -> Float32:
    """Values times a scale plus a shift, one a channel or one for all, in place where they are spare."""
    out = np.multiply(values, scale, out=values if spare else None)
    return np.add(out, shift, out=out)


def require_last_axis(axis: Any, inputs: Sequence[Shape]) -> None:
    """Refuse an axis, counted with the batch axis, that is not the last one.

    Raises:
        UnknownLayerError: it is another, or several.
    """
    axes = axis if isinstance(axis, list) else [axis]
    if len(inputs) != 1 or len(axes) != 1 or axes[0] not in (-1, len(inputs[0])):
        raise UnknownLayerError(f"works along {axis}")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnknownLayerError(f"has {value} where a number was expected")
    return float(value)


def _numbers(value: Any) -> Float32:
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
        ),
        Unchanged,
    )
)
"""Layers that do something in training alone."""
