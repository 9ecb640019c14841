"""From a built-in name, a saved file or a model in memory to a network of a graph, where every layer is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.builtin import BuiltinNetwork
from featuremap_cli.networks.configuration.graph import whole_graph
from featuremap_cli.networks.configuration.saved_weights import BuiltinWeights, FileWeights, ModelWeights
from featuremap_cli.networks.configuration.settings import ImpossibleSettingError, UnknownLayerError
from featuremap_cli.networks.image_input import ImageInput, NetworkInput, Pixels, about_free_size, find_image_input
from featuremap_cli.networks.input import preprocessing_name
from featuremap_cli.networks.layered_graph import LayeredGraph
from featuremap_cli.networks.network import Network
from featuremap_cli.networks.preprocessing_guess import guess, normalizes_bytes, scales_bytes
from featuremap_cli.networks.runtime_recorder import RuntimeRecorder, Weights
from featuremap_cli.sources.checkpoints import opened_network

_FAULTS = (KeyError, TypeError, ValueError, AttributeError, IndexError)


class NotUnderstoodError(Exception):
    """A configuration of layers that are known, which was not understood all the same."""

    def __init__(self, fault: Exception) -> None:
        super().__init__(f"{type(fault).__name__}: {fault}")


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


def load_known_file(path: Path, input_size: Pixels | None = None, free_size: Pixels | None = None) -> Network | None:
    """A network from a `.keras` or HDF5 file that is sound (`file_check.require_sound_file`).

    Args:
        path: the file.
        input_size: (width, height) to run at, in pixels; None for its own size, or each image's.
        free_size: the same for a network that takes any size, where no `input_size` is given.

    Returns:
        None where it has a layer that is not known, weights that are not found, or does not run at that size.

    Raises:
        NetworkError: the file is no network.
        NotUnderstoodError: its configuration is not laid out as Keras lays it out, or there is a fault here: Keras
            itself tells which.
    """
    weights = FileWeights(path)
    with opened_network(path) as saved:
        configuration = None if saved is None else saved.config
    if not isinstance(configuration, dict):
        return None
    try:
        graph, notices = _sized_graph(configuration, path.name, input_size, free_size)
        weights.require(graph.layers)
    except ImpossibleSettingError as error:
        raise NetworkError(f"{path.name} is damaged, or was changed by hand: its layer {error}") from error
    except UnknownLayerError:
        return None
    except _FAULTS as fault:
        raise NotUnderstoodError(fault) from fault
    image, recorder = _input_and_recorder(graph, path.name, weights)
    guessed = guess(_names(graph), _scales_inside(graph, weights), path.name, image.channels)
    return Network.guessed(path.name, image, guessed, notices, recorder)


def load_known_model(
    model: Any,
    name: str,
    input_size: Pixels | None,
    preprocessing: str | None,
    free_size: Pixels | None = None,
) -> Network | None:
    """A network from a Keras model in memory.

    Args:
        model: any `keras.Model`, built.
        name: what messages call it.
        input_size: (width, height) to run at, in pixels; None for its own size, or each image's.
        preprocessing: a name of `input.PREPROCESSING`; None to guess it, and say the guess.
        free_size: the size for a network that takes any, where no `input_size` is given.

    Returns:
        None where it has a layer that is not known, or does not run at that size.

    Raises:
        NotUnderstoodError: its configuration is not as it was expected, by a fault here.
    """
    try:
        configuration = json.loads(model.to_json())
    # Code of somebody's own writes its configuration, and what comes out is not ours to judge.
    except (*_FAULTS, NotImplementedError):
        return None
    try:
        graph, notices = _sized_graph(configuration, name, input_size, free_size)
    except UnknownLayerError:
        return None
    except _FAULTS as fault:
        raise NotUnderstoodError(fault) from fault
    weights = ModelWeights(model)
    if not weights.fit(graph.layers):
        return None
    image, recorder = _input_and_recorder(graph, name, weights)
    if preprocessing is not None:
        return Network(name, image, preprocessing, notices, recorder)
    guessed = guess(_names(graph), _scales_inside(graph, weights), name, image.channels)
    return Network.guessed(name, image, guessed, notices, recorder)


def _sized_graph(
    configuration: Mapping[str, Any], name: str, input_size: Pixels | None, free_size: Pixels | None
) -> tuple[LayeredGraph, tuple[str, ...]]:
    """A network's graph at the size that it is to run at, and what there is to say about that size.

    Raises:
        UnknownLayerError: as `whole_graph`.
    """
    graph = whole_graph(configuration, input_size)
    height, width, _ = graph.image
    if input_size is not None or free_size is None or None not in (height, width):
        return graph, ()
    size = (width or free_size[0], height or free_size[1])
    return whole_graph(configuration, size), (about_free_size(name, size),)


def _input_and_recorder(graph: LayeredGraph, name: str, weights: Weights) -> tuple[ImageInput, RuntimeRecorder]:
    image = find_image_input([NetworkInput(graph.input_name, (None, *graph.image), "float32")], name)
    return image, RuntimeRecorder(graph, image, weights, name)


def _names(graph: LayeredGraph) -> list[str]:
    """What the model is called, and the models in it that hold its first convolution."""
    first = next((entry.path for entry in graph.entries() if entry.is_convolution), "")
    return [graph.name, *first.split("/")[:-1]]


def _scales_inside(graph: LayeredGraph, weights: Weights) -> bool:
    """Whether a layer before the first convolution brings pixels in [0, 255] down; see `keras_preprocessing`."""
    for call in graph.calls:
        layer, settings = call.layer, call.layer.settings
        if layer.kernels is not None:
            return False
        if call.shape is None or len(call.shape) != 3:
            continue
        if layer.type == "Rescaling" and scales_bytes(np.asarray(settings["scale"], np.float32)):
            return True
        if layer.type == "Normalization":
            given = settings["mean"], settings["variance"]
            mean, variance = given if given[0] is not None else next(weights.read([layer]))[:2]
            if normalizes_bytes(np.asarray(mean, np.float32), np.asarray(variance, np.float32)):
                return True
    return False
