"""Every layer of a Keras network with its path, nested ones too."""

from __future__ import annotations

from collections import Counter
from typing import Any

from featuremap_cli.networks.startup import Functional, keras

KerasModel = Any
KerasLayer = Any

CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)
"""Keras's convolutional layers of every rank; those that make no (height, width, channels) are said to be skipped."""


def is_container(layer: KerasLayer) -> bool:
    """Whether a layer is nothing but its layers: a Sequential or Functional model whose `call` is Keras's own."""
    return type(layer).call in (Functional.call, keras.Sequential.call)


def named_layers(model: KerasModel) -> dict[str, KerasLayer]:
    """The layers of a model by path, in the order in which they were made.

    A path is the layer's name with the names of the models and wrappers it is nested in before it: `backbone/conv1`,
    `frames/conv` for a convolution in a TimeDistributed. A layer used in several places has the path of the first.
    Input layers and models that are nothing but their layers are left out; a subclassed model or block below the top
    one is there, after its own layers.

    Args:
        model: any `keras.Model`, built.

    Returns:
        {path: layer}. Two layers of one name in one place are told apart by a number: `conv`, `conv~2`.
    """
    found: dict[str, KerasLayer] = {}
    _collect(model, "", found, set())
    return found


def _collect(parent: KerasLayer, prefix: str, found: dict[str, KerasLayer], seen: set[int]) -> None:
    names: Counter[str] = Counter()
    for layer in _children(parent):
        if id(layer) in seen or isinstance(layer, keras.layers.InputLayer):
            continue
        seen.add(id(layer))
        names[layer.name] += 1
        path = f"{prefix}{layer.name}" + (f"~{names[layer.name]}" if names[layer.name] > 1 else "")
        _collect(layer, f"{path}/", found, seen)
        if not is_container(layer):
            found[path] = layer


def _children(layer: KerasLayer) -> list[KerasLayer]:
    if isinstance(layer, keras.Model):
        return list(layer.layers)
    # The public way down, Model.layers, exists for models only; wrappers and blocks have this.
    return list(layer._flatten_layers(include_self=False, recursive=False))
