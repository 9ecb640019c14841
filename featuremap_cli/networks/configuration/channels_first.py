"""Networks that keep their channels before height and width, rewritten as those that keep them last.

TensorFlow does not run most of them without a GPU. Their weights are the same;
what differs is where settings count axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from featuremap_cli.networks.configuration.saved_graph import is_model, is_operation
from featuremap_cli.networks.configuration.settings import UnknownLayerError

FIRST, LAST = "channels_first", "channels_last"

_AXES = {1: -1, -3: -1, 2: 1, -2: 1, 3: 2, -1: 2}
"""Axes of (batch, channels, height, width), in (batch, height, width, channels)."""

WITH_AN_AXIS = ("BatchNormalization", "LayerNormalization", "Concatenate", "Softmax")

WITHOUT_AXES = (
    *("Activation", "ReLU", "LeakyReLU", "ELU", "Dropout", "GaussianDropout", "GaussianNoise", "AlphaDropout"),
    *("ActivityRegularization", "Identity", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"),
)
"""Layers that do not know which axis is which, but for an activation along one."""


def keeps_channels_first(model: Mapping[str, Any]) -> bool:
    """Whether a layer of a model's configuration, nested ones too, keeps its channels first."""
    return any(layer["config"].get("data_format") == FIRST for layer in _layers(model))


def with_channels_last(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same network with its channels last; its input is turned with it.

    Args:
        model: a configuration of which `keeps_channels_first` holds.

    Raises:
        UnknownLayerError: it has a layer whose axes cannot be turned.
    """
    settings = dict(model["config"])
    settings["layers"] = [_turned(layer) for layer in settings["layers"]]
    return {**model, "config": settings}


def _layers(model: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for layer in model["config"]["layers"]:
        if is_model(layer):
            yield from _layers(layer)
        elif isinstance(layer.get("config"), dict):
            yield layer


def _turned(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    if is_model(layer):
        return with_channels_last(layer)
    if is_operation(layer):
        return layer
    name, settings = layer["class_name"], dict(layer["config"])
    if name == "InputLayer":
        for key in ("batch_shape", "batch_input_shape"):
            if isinstance(settings.get(key), list) and len(settings[key]) == 4:
                images, channels, height, width = settings[key]
                settings[key] = [images, height, width, channels]
    elif settings.get("data_format") == FIRST:
        settings["data_format"] = LAST
    elif name in WITH_AN_AXIS and not _takes_a_vector(layer):
        settings["axis"] = _axis(settings.get("axis"), name)
    elif not _takes_a_vector(layer) and (name not in WITHOUT_AXES or settings.get("activation") == "softmax"):
        raise UnknownLayerError(f"has a {name} in a network that keeps its channels first")
    return {**layer, "config": settings}


def _takes_a_vector(layer: Mapping[str, Any]) -> bool:
    """Whether a layer is said to be given (batch, features), whose axes are the same in both orders."""
    built = layer.get("build_config")
    shape = built.get("input_shape") if isinstance(built, dict) else None
    return isinstance(shape, list) and len(shape) == 2 and not isinstance(shape[0], list)


def _axis(value: Any, name: str) -> Any:
    axes = value if isinstance(value, list) else [value]
    if any(axis not in _AXES for axis in axes):
        raise UnknownLayerError(f"has a {name} along {value}")
    turned = [_AXES[axis] for axis in axes]
    return turned if isinstance(value, list) else turned[0]
