"""What a network from a file expects of its pixels, as far as its layers and names tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from featuremap_cli.networks.applications import application_named_like, application_preprocessing
from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.input import preprocessing_name
from featuremap_cli.networks.keras_recorder import KerasRecorder
from featuremap_cli.networks.startup import keras
from featuremap_cli.networks.walk import CONVOLUTIONS, KerasLayer, KerasModel, named_layers

ARITHMETIC = ("TrueDivide", "Divide", "Subtract", "GetItem")
"""Operations of `preprocess_input` written into a Functional model: scaling, means, the turn to BGR."""


def guess(names: Sequence[str], scales_inside: bool, network: str) -> tuple[str, str]:
    """The name of a preprocessing, and a line that says how it was told.

    In this order: scaling inside the network, before its first convolution; the name of a built-in or a
    keras.applications network; and where nothing tells, `unit`.

    Args:
        names: what the model is called, and the models in it that hold its first convolution.
        scales_inside: the network scales pixels in [0, 255] itself.
        network: what messages call it.
    """
    if scales_inside:
        return "inside", f"{network} scales its input itself: pixels in [0, 255]"
    for name in names:
        if name in BUILTIN:
            preprocessing = preprocessing_name(BUILTIN[name].preprocessing)
            return preprocessing, f"{network} is named like the built-in {name}: its preprocessing, {preprocessing}"
        application = application_named_like(name)
        if application is not None:
            preprocessing = application_preprocessing(application)
            return preprocessing, f"{network} is named like keras:{application}: its preprocessing, {preprocessing}"
    return (
        "unit",
        f"{network} does not say how its input is scaled: pixels in [0, 1]; --preprocess raw, torch, caffe or tf "
        "for another",
    )


def guess_model_preprocessing(recorder: KerasRecorder, network: str) -> tuple[str, str]:
    """The same for a Keras model, traced."""
    first = next((entry.path for entry in recorder.entries if entry.is_convolution), "")
    names = [recorder.model.name, *first.split("/")[:-1]]
    return guess(names, _scales_inside(recorder), network)


def _scales_inside(recorder: KerasRecorder) -> bool:
    first = next((entry.index for entry in recorder.entries if entry.is_convolution), len(recorder.entries))
    before = (recorder.calls[index][0] for index in range(first) if index in recorder.calls)
    return any(_takes_bytes(layer) for layer in before) or any(
        type(operation).__name__ in ARITHMETIC for operation in _operations_before_convolutions(recorder.model)
    )


def _takes_bytes(layer: KerasLayer) -> bool:
    """A scaling layer that brings pixels in [0, 255] down; one that is made for [0, 1] is none."""
    if isinstance(layer, keras.layers.Rescaling):
        return bool(np.max(np.abs(np.asarray(layer.scale, np.float64))) < 0.1)
    if isinstance(layer, keras.layers.Normalization):
        return bool(np.max(np.abs(np.asarray(layer.mean))) > 2 or np.max(np.asarray(layer.variance)) > 2)
    return False


def _operations_before_convolutions(model: KerasModel) -> Iterator[Any]:
    """The operations of a Functional model that are no layers, up to the first convolution."""
    for operation in getattr(model, "operations", None) or []:
        if isinstance(operation, keras.Model) and any(
            isinstance(layer, CONVOLUTIONS) for layer in named_layers(operation).values()
        ):
            return
        if isinstance(operation, CONVOLUTIONS):
            return
        if not isinstance(operation, keras.layers.Layer):
            yield operation
