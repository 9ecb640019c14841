"""What a layer computes, whatever its class: an image's values in, values out.

Values are float32 arrays of one image, without a batch axis: (height, width, channels), or (features,).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from featuremap_cli.arrays import Float32
from featuremap_cli.networks.forward.activations import Activation
from featuremap_cli.networks.forward.settings import UnknownLayerError
from featuremap_cli.networks.layer_entry import Size

Shape = tuple[Size, ...]
"""Without the batch axis; None where the size depends on the image."""


class Kind(ABC):
    """What a layer computes.

    Attributes:
        is_view: what it returns is the memory that it was given.
        activation: what becomes of the values that `run` returns; None where nothing does.
    """

    is_view: ClassVar[bool] = False
    activation: Activation | None = None

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
    def run(self, inputs: Sequence[Float32], weights: Sequence[Float32], spare: bool) -> Float32:
        """Compute, all but the activation.

        Args:
            inputs: what the layer is given.
            weights: as `weights` lists them.
            spare: the first of the inputs is not needed any more and may be overwritten.
        """


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
