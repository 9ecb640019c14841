"""One activation projected back to pixels: deconvnet, guided backpropagation, gradient.

All three are backpropagation of one activation to the image; they differ in what a rectifier does with the signal R
that comes down to it from above, where x is what went into it on the way up:

| method | through a ReLU comes | source |
|---|---|---|
| `gradient` | R where x > 0 | Simonyan, Vedaldi and Zisserman 2013, arXiv:1312.6034 |
| `deconvnet` | R where R > 0 | Zeiler and Fergus 2014, arXiv:1311.2901 |
| `guided` | R where x > 0 and R > 0 | Springenberg and others 2014, arXiv:1412.6806 |

A convolution's gradient is the paper's transposed filter, and that of max-pooling puts the signal where the maximum
was, which are the paper's switches. A leaky ReLU multiplies by its slope where a ReLU gives nothing. Every other
activation keeps its own gradient, whatever the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from featuremap_cli.arrays import Float32
from featuremap_cli.graph.gradient_rules.backward import Method
from featuremap_cli.graph.kept_activations import kept_activations
from featuremap_cli.networks.input import PREPROCESSING
from featuremap_cli.networks.layer_entry import LayerEntry
from featuremap_cli.networks.network import Network
from featuremap_cli.networks.runtime_gradient import RuntimeGradient
from featuremap_cli.networks.runtime_recorder import RuntimeRecorder

WHOLE_MAP = -1


@dataclass(frozen=True)
class Place:
    """What is projected of one filter's map.

    Attributes:
        filter: index of the filter.
        row, column: of the one position whose activation is projected; both WHOLE_MAP for all positions together,
            each as strong as its activation is above zero.
    """

    filter: int
    row: int = WHOLE_MAP
    column: int = WHOLE_MAP


class Projector(Protocol):
    """Projects the activations of one layer of one network, by one method."""

    @property
    def others(self) -> tuple[str, ...]:
        """Names of the activations between the image and the layer that keep their own gradient, `ELU`.

        Empty for the method `gradient`, where all of them do.
        """

    def project(self, batch: Float32, places: Sequence[Place]) -> Float32:
        """The projections of one place in each image.

        Args:
            batch: float32 (images, height, width, channels), prepared for the network.
            places: one an image.

        Returns:
            float32 (images, height, width, channels): by how much the activation changes with each value of the
            network's input, as far as the method lets it through; channels in the order of the image (RGB). Zero where
            nothing comes through, and everywhere for an activation that is zero.

        Raises:
            NetworkError: the network cannot run on these images.
        """


def make_projector(network: Network, layer: LayerEntry, method: Method, preprocess: str = "auto") -> Projector:
    """What projects the activations of a layer.

    Args:
        network: ready to run.
        layer: one of its layers that has feature maps.
        method: `deconvnet`, `guided` or `gradient`.
        preprocess: what the images were prepared with; it says in which order the channels are.

    Raises:
        NetworkError: the network has no gradient between the layer and the image.
    """
    name = network.preprocessing if preprocess == "auto" else preprocess
    is_turned = PREPROCESSING[name].order == "bgr"
    if isinstance(network.recorder, RuntimeRecorder):
        return _RuntimeProjector(network, network.recorder, layer, method, is_turned)
    from featuremap_cli.networks.tensorflow_projection import TensorFlowProjector

    return TensorFlowProjector(network, layer, method, is_turned)


class _RuntimeProjector:
    """By a graph of ONNX's operators; see `Projector`."""

    def __init__(
        self, network: Network, recorder: RuntimeRecorder, layer: LayerEntry, method: Method, is_turned: bool
    ) -> None:
        self._recorder, self._method, self._is_turned = recorder, method, is_turned
        self._value = recorder.graph.listed[layer.index].output
        self._gradients: dict[tuple[int, int], RuntimeGradient] = {}
        nodes, start = list(recorder.graph.nodes()), recorder.graph.input[0]
        self.others = () if method == "gradient" else kept_activations(nodes, start, self._value)
        if network.input.height is not None and network.input.width is not None:
            self._gradient(network.input.height, network.input.width)  # what it cannot do is said at once

    def project(self, batch: Float32, places: Sequence[Place]) -> Float32:
        """See `Projector`."""

        def signal(values: NDArray[Any], piece: slice) -> NDArray[Any]:
            return seeds(values, places[piece])

        gradient = self._gradient(batch.shape[1], batch.shape[2]).run(batch, signal)
        return np.ascontiguousarray(gradient[..., ::-1] if self._is_turned and gradient.shape[-1] == 3 else gradient)

    def _gradient(self, height: int, width: int) -> RuntimeGradient:
        """For images of a size; the last one is kept."""
        size = height, width
        if size not in self._gradients:
            self._gradients = {size: RuntimeGradient(self._recorder, self._value, self._method, size)}
        return self._gradients[size]


def seeds(maps: NDArray[Any], places: Sequence[Place]) -> Float32:
    """What is sent back from a layer's maps: 1 at the place, or the whole map above zero; zeros for other filters.

    The paper sends back the activation itself, which changes the projection's scale alone, but for one that is zero.

    Args:
        maps: (images, filters, height, width).
        places: one an image.
    """
    sent = np.zeros(maps.shape, np.float32)
    for image, place in enumerate(places):
        own = maps[image, place.filter]
        if place.row == WHOLE_MAP:
            sent[image, place.filter] = np.maximum(own, 0)
        else:
            sent[image, place.filter, place.row, place.column] = own[place.row, place.column] != 0
    return sent
