"""What a Keras model from a file expects of its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from featuremap_cli.networks.keras_recorder import KerasRecorder
from featuremap_cli.networks.preprocessing_guess import Guess, guess, normalizes_bytes, scales_bytes
from featuremap_cli.networks.startup import keras
from featuremap_cli.networks.walk import CONVOLUTIONS, KerasLayer, KerasModel, named_layers

ARITHMETIC = ("TrueDivide", "Divide", "Subtract", "GetItem")
"""Operations of `preprocess_input` written into a Functional model: scaling, means, the turn to BGR."""


def guess_model_preprocessing(recorder: KerasRecorder, network: str, channels: int | None) -> Guess:
    """The name of a preprocessing, and a line that says how it was told; see `preprocessing_guess.guess`."""
    first = next((entry.path for entry in recorder.entries if entry.is_convolution), "")
    names = [recorder.model.name, *first.split("/")[:-1]]
    return guess(names, _scales_inside(recorder), network, channels)


def _scales_inside(recorder: KerasRecorder) -> bool:
    first = next((entry.index for entry in recorder.entries if entry.is_convolution), len(recorder.entries))
    before = (recorder.calls[index][0] for index in range(first) if index in recorder.calls)
    return any(_takes_bytes(layer) for layer in before) or any(
        type(operation).__name__ in ARITHMETIC for operation in _operations_before_convolutions(recorder.model)
    )


def _takes_bytes(layer: KerasLayer) -> bool:
    """A scaling layer that brings pixels in [0, 255] down; one that is made for [0, 1] is none."""
    if isinstance(layer, keras.layers.Rescaling):
        return scales_bytes(layer.scale)
    if isinstance(layer, keras.layers.Normalization):
        return normalizes_bytes(np.asarray(layer.mean), np.asarray(layer.variance))
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
