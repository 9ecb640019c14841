"""What a layer computes, whatever its class, as nodes of a graph.

Shapes are Keras's, without a batch axis: (height, width, channels), or (features,). In the graph a value of three axes
is kept channels first, (images, channels, height, width), as the runtime has it; all others as Keras has them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

from featuremap_cli.analysis.layer_kinds import LayerKind
from featuremap_cli.analysis.layers import View, Window
from featuremap_cli.graph.nodes import NodeList
from featuremap_cli.networks.configuration.activations import Activation
from featuremap_cli.networks.configuration.settings import UnknownLayerError
from featuremap_cli.networks.layer_entry import Size

Shape = tuple[Size, ...]
"""Without the batch axis; None where the size depends on the image."""


class WeightNames(Protocol):
    """The weights of one layer, as values of the graph."""

    def value(self, name: str, axes: tuple[int, ...] | None = None, shape: tuple[int, ...] | None = None) -> str:
        """The value that is a weight, its axes in another order and then of another shape where these are given."""


class Kind(ABC):
    """What a layer computes.

    Attributes:
        activation: what becomes of the values that `write` makes; None where nothing does.
    """

    activation: Activation | None = None

    @property
    def window(self) -> Window | None:
        """How its filter is laid over its input; None for a layer without one."""
        return None

    @abstractmethod
    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """The shape of what it returns; sizes of 0 or less where an image is too small.

        Raises:
            UnknownLayerError: it is not known, or does not take such inputs.
        """

    def weights(self, inputs: Sequence[Shape]) -> dict[str, tuple[int, ...]]:
        """The shapes of its weights, by name, in the order in which Keras keeps them."""
        return {}

    @abstractmethod
    def write(self, nodes: NodeList, inputs: Sequence[str], shapes: Sequence[Shape], weights: WeightNames) -> str:
        """Write what it computes, all but the activation.

        Args:
            nodes: where to.
            inputs: the values that the layer is given.
            shapes: theirs.
            weights: as `weights` lists them.

        Returns:
            The value that it makes; an input's, where it changes nothing.
        """

    def arithmetic(self, before: Sequence[Shape], after: Shape) -> LayerKind | View:
        """The kind whose arithmetic it has; most look at one position at a time."""
        return View.POINT


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


def channel_axis(shape: Shape) -> int:
    """The axis that is Keras's last one in the graph's value of a shape, counted with the batch axis."""
    return 1 if len(shape) == 3 else len(shape)


def channel_shape(shape: Shape, channels: int) -> tuple[int, ...]:
    """The shape of one number a channel, so that it goes with the graph's values of a shape."""
    return (channels, 1, 1) if len(shape) == 3 else (channels,)
