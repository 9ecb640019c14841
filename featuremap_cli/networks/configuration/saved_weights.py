"""The weights of a network's layers, read when they are needed: from a saved file, or from a built-in's .npz."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.builtin import BuiltinNetwork
from featuremap_cli.networks.configuration.settings import UnknownLayerError
from featuremap_cli.networks.layered_graph import Layer
from featuremap_cli.sources.checkpoints import opened_network
from featuremap_cli.sources.network_config import saved_layers


class FileWeights:
    """Weights in a `.keras` or HDF5 file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def require(self, layers: Sequence[Layer]) -> None:
        """See that all weights are there, of the shapes that the layers expect, without reading them.

        Raises:
            UnknownLayerError: they are not.
        """
        with opened_network(self._path) as network:
            saved = saved_layers(network.config) if network is not None else None
            if network is None or saved is None:
                raise UnknownLayerError("has weights that only Keras can read")
            by_path = {layer.path: layer for layer in saved}
            for layer in layers:
                if not layer.weights:
                    continue
                if layer.path not in by_path:
                    raise UnknownLayerError(f"{layer.path} has weights that are not found")
                shapes = network.weight_shapes(by_path[layer.path], saved, tuple(layer.weights))
                if shapes != list(layer.weights.values()):
                    raise UnknownLayerError(f"{layer.path} has weights of {shapes}")

    def read(self, layers: Sequence[Layer]) -> Iterator[list[Float32]]:
        """See `runtime_recorder.Weights`; the file is open until the last of them is taken."""
        with opened_network(self._path) as network:
            saved = (saved_layers(network.config) if network is not None else None) or ()
            by_path = {layer.path: layer for layer in saved}
            for layer in layers:
                arrays = None
                if network is not None and layer.path in by_path:
                    arrays = network.weights(by_path[layer.path], saved, tuple(layer.weights))
                if arrays is None:
                    raise NetworkError(f"{self._path} has changed since it was opened: run the command again")
                yield [np.asarray(array, np.float32) for array in arrays]


class BuiltinWeights:
    """Weights in a built-in network's own file."""

    def __init__(self, network: BuiltinNetwork) -> None:
        self._network = network

    def read(self, layers: Sequence[Layer]) -> Iterator[list[Float32]]:
        """See `runtime_recorder.Weights`."""
        for layer in layers:
            yield list(self._network.layer_weights(layer.path))


class ModelWeights:
    """Weights in a Keras model in memory."""

    def __init__(self, model: Any) -> None:
        from featuremap_cli.networks.walk import named_layers

        self._layers = named_layers(model)

    def fit(self, layers: Sequence[Layer]) -> bool:
        """Whether the model's layers have the weights that these expect, and compute in float32."""
        return all(
            layer.path in self._layers
            and {one.name: tuple(one.shape) for one in self._layers[layer.path].weights} == layer.weights
            for layer in layers
        )

    def read(self, layers: Sequence[Layer]) -> Iterator[list[Float32]]:
        """See `runtime_recorder.Weights`."""
        for layer in layers:
            yield [np.asarray(variable, np.float32) for variable in self._layers[layer.path].weights]
