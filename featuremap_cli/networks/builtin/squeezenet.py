"""SqueezeNet v1.1 (Iandola et al. 2016, arXiv:1602.07360), with its classifier of 1000 ImageNet classes."""

from __future__ import annotations

from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.startup import keras

layers = keras.layers

SQUEEZED_AND_EXPANDED = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
"""Filters of the squeeze layer and of each expand layer in fire2 to fire9."""


def build() -> keras.Model:
    """The network with its weights: float32 (images, 227, 227, 3) to class probabilities (images, 1000).

    The layers of a fire module are nested below it, so that their paths are `fire2/squeeze1x1` and so on. There is
    no ReLU after conv10, which the authors have: the probabilities differ by less than 0.005.
    """
    network = BUILTIN["squeezenet"]
    image = maps = layers.Input(network.input_shape, name="image")
    maps = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu", name="conv1")(maps)
    maps = layers.MaxPooling2D(3, 2, name="pool1")(maps)
    for number, (squeezed, expanded) in enumerate(SQUEEZED_AND_EXPANDED, start=2):
        maps = fire_module(maps.shape[1:], squeezed, expanded, name=f"fire{number}")(maps)
        if number in (3, 5):
            maps = layers.MaxPooling2D(3, 2, name=f"pool{number}")(maps)
    maps = layers.Conv2D(network.classes, 1, name="conv10")(maps)
    scores = layers.GlobalAveragePooling2D(name="pool10")(maps)
    model = keras.Model(image, layers.Softmax(name="probabilities")(scores), name="squeezenet")
    for path in network.layer_paths():
        layer = model
        for name in path.split("/"):
            layer = layer.get_layer(name)
        layer.set_weights(network.layer_weights(path))
    return model


def fire_module(input_shape: tuple[int, int, int], squeezed: int, expanded: int, name: str) -> keras.Model:
    """Few 1x1 filters, then many 1x1 and 3x3 filters side by side.

    Args:
        input_shape: (height, width, channels).
        squeezed: filters of the squeeze layer.
        expanded: filters of each of the two expand layers.
        name: of the module, `fire2`.

    Returns:
        A model from (images, height, width, channels) to (images, height, width, 2 * expanded).
    """
    inputs = layers.Input(input_shape, name="maps")
    squeeze = layers.Conv2D(squeezed, 1, activation="relu", name="squeeze1x1")(inputs)
    small = layers.Conv2D(expanded, 1, activation="relu", name="expand1x1")(squeeze)
    large = layers.Conv2D(expanded, 3, padding="same", activation="relu", name="expand3x3")(squeeze)
    return keras.Model(inputs, layers.Concatenate(name="concatenate")([small, large]), name=name)
