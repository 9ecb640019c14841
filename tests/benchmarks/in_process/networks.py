"""One pass of a network that keeps all of its convolutions' maps, and one gradient by the pixels; everything is loaded.

`model` is the path of a `.keras` file. Each function imports its own library.
"""

from __future__ import annotations

import numpy as np

from in_process.work import Float32, Work

LAYER, FILTER, ROW, COLUMN = "conv5", 7, 6, 6


def image(size: int = 224) -> Float32:
    """Noise, float32 (1, height, width, 3)."""
    return np.random.default_rng(1).normal(size=(1, size, size, 3)).astype(np.float32)


def featuremap(model: str) -> Work:
    """All convolutions' maps by featuremap's graph."""
    from featuremap_cli.networks.catalogue import load_network

    network = load_network(model)
    batch, chosen = image(), network.select(["all"]).entries
    return Work(
        lambda: network.record(batch, chosen),
        lambda maps, step: maps[-1][0].transpose(2, 0, 1)[::step],
    )


def keras(model: str) -> Work:
    """The same by a Keras model of as many outputs, compiled."""
    import keras as library
    import tensorflow as tf

    whole = library.models.load_model(model, compile=False)
    kinds = (library.layers.Conv2D, library.layers.DepthwiseConv2D)
    outputs = [layer.output for layer in whole.layers if isinstance(layer, kinds)]
    recording = tf.function(library.Model(whole.input, outputs))
    batch = tf.constant(image())
    return Work(
        lambda: [maps.numpy() for maps in recording(batch, training=False)],
        lambda maps, step: maps[-1][0].transpose(2, 0, 1)[::step],
    )


def featuremap_gradient() -> Work:
    """The gradient of one unit of AlexNet's conv5 by featuremap's backward graph."""
    from featuremap_cli.networks.catalogue import load_network
    from featuremap_cli.networks.projection import Place, make_projector

    network = load_network("alexnet")
    projector = make_projector(network, network.select([LAYER]).entries[0], "gradient")
    batch = image()
    return Work(
        lambda: projector.project(batch, [Place(FILTER, ROW, COLUMN)]),
        lambda slopes, step: slopes[0].transpose(2, 0, 1)[::step],
    )


def tensorflow_gradient() -> Work:
    """The same by a GradientTape, compiled."""
    import keras as library
    import tensorflow as tf

    from featuremap_cli.networks.builtin import BUILTIN

    whole = BUILTIN["alexnet"].build()
    part = library.Model(whole.inputs, whole.get_layer(LAYER).output)

    @tf.function
    def slopes(batch: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(batch)
            unit = part(batch, training=False)[:, ROW, COLUMN, FILTER]
        return tape.gradient(unit, batch)

    batch = tf.constant(image())
    return Work(lambda: slopes(batch).numpy(), lambda made, step: made[0].transpose(2, 0, 1)[::step])
