"""From a built-in name or a saved file to a network that runs in NumPy, where every layer of it is known."""

from __future__ import annotations

import json
from pathlib import Path

from featuremap_cli.networks.builtin import BuiltinNetwork
from featuremap_cli.networks.forward.graph import Graph, whole_graph
from featuremap_cli.networks.forward.pointwise import Normalized, Rescaled
from featuremap_cli.networks.forward.recorder import ForwardRecorder
from featuremap_cli.networks.forward.saved_weights import BuiltinWeights, FileWeights, Weights
from featuremap_cli.networks.forward.settings import UnknownLayerError
from featuremap_cli.networks.image_input import ImageInput, NetworkInput, find_image_input
from featuremap_cli.networks.input import preprocessing_name
from featuremap_cli.networks.network import Network
from featuremap_cli.networks.preprocessing_guess import guess, normalizes_bytes, scales_bytes
from featuremap_cli.sources.checkpoints import opened_network


def load_known_builtin(network: BuiltinNetwork, input_size: tuple[int, int] | None = None) -> Network | None:
    """A built-in network.

    Args:
        network: which.
        input_size: (width, height) to run at, in pixels; None for its own size.

    Returns:
        None where it cannot run at that size.
    """
    configuration = json.loads(network.configuration_path.read_text(encoding="utf-8"))
    try:
        graph = whole_graph(configuration, input_size)
    except UnknownLayerError:
        return None
    image, recorder = _input_and_recorder(graph, network.name, BuiltinWeights(network))
    return Network(network.name, image, preprocessing_name(network.preprocessing), (), recorder)


def load_known_file(path: Path, input_size: tuple[int, int] | None = None) -> Network | None:
    """A network from a `.keras` or HDF5 file that is sound (`file_check.require_sound_file`).

    Args:
        path: the file.
        input_size: (width, height) to run at, in pixels; None for its own size, or each image's.

    Returns:
        None where it has a layer that is not known, weights that are not found, or does not run at that size.

    Raises:
        NetworkError: the file is no network.
    """
    weights = FileWeights(path)
    with opened_network(path) as saved:
        configuration = None if saved is None else saved.config
    if not isinstance(configuration, dict):
        return None
    try:
        graph = whole_graph(configuration, input_size)
        weights.require(graph.layers)
    # A configuration that is not laid out as Keras lays it out: Keras itself shall say what is wrong with it.
    except (UnknownLayerError, KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None
    image, recorder = _input_and_recorder(graph, path.name, weights)
    guessed = guess(_names(graph), _scales_inside(graph, weights), path.name, image.channels)
    return Network.guessed(path.name, image, guessed, (), recorder)


def _input_and_recorder(graph: Graph, name: str, weights: Weights) -> tuple[ImageInput, ForwardRecorder]:
    image = find_image_input([NetworkInput(graph.input_name, (None, *graph.image), "float32")], name)
    return image, ForwardRecorder(graph, image, weights, name)


def _names(graph: Graph) -> list[str]:
    """What the model is called, and the models in it that hold its first convolution."""
    first = next((entry.path for entry in graph.entries() if entry.is_convolution), "")
    return [graph.name, *first.split("/")[:-1]]


def _scales_inside(graph: Graph, weights: Weights) -> bool:
    """Whether a layer before the first convolution brings pixels in [0, 255] down; see `keras_preprocessing`."""
    for call in graph.calls:
        kind = call.layer.kind
        if call.layer.is_convolution:
            return False
        if isinstance(kind, Rescaled) and len(call.shape) == 3 and scales_bytes(kind.scale):
            return True
        if isinstance(kind, Normalized) and len(call.shape) == 3:
            mean, variance = kind.given or next(weights.read([call.layer]))[:2]
            if normalizes_bytes(mean, variance):
                return True
    return False
