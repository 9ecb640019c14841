"""Layers that normalize: by numbers from training or the configuration, or by the values' own moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.graph.nodes import NodeList
from featuremap_cli.networks.configuration.activations import number
from featuremap_cli.networks.configuration.kind import Shape, WeightNames, channel_shape, last_of
from featuremap_cli.networks.configuration.pointwise import SameShape, number_of, numbers_of
from featuremap_cli.networks.configuration.settings import Settings, UnknownLayerError

KERAS_EPSILON = np.float32(1e-7)
"""`keras.backend.epsilon()`, below which Normalization lets no deviation fall."""


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
            number_of(settings.take("epsilon")),
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

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        channels = last_of(shapes)
        scale = weights.value("gamma") if self.has_scale else nodes.constant(np.ones(channels, np.float32))
        shift = weights.value("beta") if self.has_center else nodes.constant(np.zeros(channels, np.float32))
        statistics = weights.value("moving_mean"), weights.value("moving_variance")
        # The operator takes the axis after that of the images for the channels.
        turned = len(shapes[0]) == 2
        values = nodes.add("Transpose", inputs[0], perm=(0, 2, 1)) if turned else inputs[0]
        made = nodes.add("BatchNormalization", values, scale, shift, *statistics, epsilon=self.epsilon)
        return nodes.add("Transpose", made, perm=(0, 2, 1)) if turned else made


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
        return cls(axis, None if mean is None else (numbers_of(mean).ravel(), numbers_of(variance).ravel()))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """See `Kind`."""
        require_last_axis(self.axis, inputs)
        if self.given and any(len(numbers) not in (1, last_of(inputs)) for numbers in self.given):
            raise UnknownLayerError("normalizes by numbers that are not one a channel")
        return super().output_shape(inputs)

    def weights(self, inputs: Sequence[Shape]) -> dict[str, tuple[int, ...]]:
        """See `Kind`."""
        return {} if self.given else {"mean": (last_of(inputs),), "variance": (last_of(inputs),), "count": ()}

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`."""
        shape = channel_shape(shapes[0], last_of(shapes))
        if self.given:
            mean, variance = (nodes.constant(value.reshape(shape if len(value) > 1 else (1,))) for value in self.given)
        else:
            mean, variance = weights.value("mean", shape=shape), weights.value("variance", shape=shape)
        deviation = nodes.add("Max", nodes.add("Sqrt", variance), number(nodes, float(KERAS_EPSILON)))
        return nodes.add("Div", nodes.add("Sub", inputs[0], mean), deviation)


@dataclass(frozen=True)
class LayerNormalized(SameShape):
    """LayerNormalization along the last axis."""

    epsilon: float
    has_scale: bool
    has_center: bool
    axis: Any

    @classmethod
    def read(cls, settings: Settings) -> LayerNormalized:
        """Take it from a layer's settings."""
        if settings.take_or("rms_scaling", False):
            raise UnknownLayerError("scales by the root of the squares' mean")
        return cls(
            number_of(settings.take("epsilon")),
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
        names = (*(("gamma",) if self.has_scale else ()), *(("beta",) if self.has_center else ()))
        return dict.fromkeys(names, (last_of(inputs),))

    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """See `Kind`; the operator takes the last axes."""
        channels = last_of(shapes)
        scale = weights.value("gamma") if self.has_scale else nodes.constant(np.ones(channels, np.float32))
        shift = (weights.value("beta"),) if self.has_center else ()
        turned = len(shapes[0]) == 3
        values = nodes.add("Transpose", inputs[0], perm=(0, 2, 3, 1)) if turned else inputs[0]
        made = nodes.add("LayerNormalization", values, scale, *shift, axis=-1, epsilon=self.epsilon)
        return nodes.add("Transpose", made, perm=(0, 3, 1, 2)) if turned else made


def require_last_axis(axis: Any, inputs: Sequence[Shape]) -> None:
    """Refuse an axis, counted with the batch axis, that is not the last one.

    Raises:
        UnknownLayerError: it is another, or several.
    """
    axes = axis if isinstance(axis, list) else [axis]
    if len(inputs) != 1 or len(axes) != 1 or axes[0] not in (-1, len(inputs[0])):
        raise UnknownLayerError(f"works along {axis}")
