"""AlexNet's convolutional trunk, the single-tower variant (Krizhevsky 2014, arXiv:1404.5997)."""

from __future__ import annotations

from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.startup import keras

layers = keras.layers


def build() -> keras.Model:
    """The network with its weights: float32 (images, 224, 224, 3) to (images, 6, 6, 256).

    The zero padding is explicit and symmetric, as in the network that was trained; SAME would put the odd pixel
    elsewhere. Pooling is unpadded.
    """
    network = BUILTIN["alexnet"]
    model = keras.Sequential(
        [
            layers.Input(network.input_shape, name="image"),
            layers.ZeroPadding2D(2, name="conv1_padding"),
            layers.Conv2D(64, 11, strides=4, activation="relu", name="conv1"),
            layers.MaxPooling2D(3, 2, name="pool1"),
            layers.ZeroPadding2D(2, name="conv2_padding"),
            layers.Conv2D(192, 5, activation="relu", name="conv2"),
            layers.MaxPooling2D(3, 2, name="pool2"),
            layers.ZeroPadding2D(1, name="conv3_padding"),
            layers.Conv2D(384, 3, activation="relu", name="conv3"),
            layers.ZeroPadding2D(1, name="conv4_padding"),
            layers.Conv2D(256, 3, activation="relu", name="conv4"),
            layers.ZeroPadding2D(1, name="conv5_padding"),
            layers.Conv2D(256, 3, activation="relu", name="conv5"),
            layers.MaxPooling2D(3, 2, name="pool5"),
        ],
        name="alexnet",
    )
    for path in network.layer_paths():
        model.get_layer(path).set_weights(network.layer_weights(path))
    return model
