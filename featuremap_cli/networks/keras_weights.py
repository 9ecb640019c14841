"""The weights of a Keras model's layers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from featuremap_cli.networks.layer_weights import LayerWeights
from featuremap_cli.networks.startup import keras
from featuremap_cli.networks.walk import KerasLayer, KerasModel, named_layers
from featuremap_cli.sources.convolution_weights import KERNEL_NAMES


def keras_layer_weights(model: KerasModel, paths: Collection[str] | None = None) -> Iterator[LayerWeights]:
    """The weights that are numbers with a fraction, layer by layer, each variable once.

    Args:
        model: any Keras model, built.
        paths: of the layers that are wanted; None for all.
    """
    seen: set[int] = set()
    for path, layer in named_layers(model).items():
        if paths is not None and path not in paths:
            continue
        own = [
            variable
            for variable in layer.weights
            if id(variable) not in seen and keras.backend.is_float_dtype(variable.dtype)
        ]
        seen.update(id(variable) for variable in own)
        arrays = {variable.name: np.asarray(keras.ops.convert_to_numpy(variable)) for variable in own}
        kind = next((name for name in KERNEL_NAMES if isinstance(layer, getattr(keras.layers, name))), None)
        yield LayerWeights(path, kind, {} if kind is None else _settings(layer), arrays)


def _settings(layer: KerasLayer) -> dict[str, Any]:
    names = ("filters", "depth_multiplier", "use_bias", "groups", "padding")
    pairs = ("kernel_size", "strides", "dilation_rate")
    return (
        {name: getattr(layer, name, None) for name in names}
        | {name: list(getattr(layer, name)) for name in pairs}
        | {"activation": _activation_name(layer.activation)}
    )


def _activation_name(activation: Any) -> str | None:
    if activation is None or activation is keras.activations.linear:
        return None
    return str(getattr(activation, "__name__", None) or getattr(activation, "name", type(activation).__name__))
