"""NaN in networks that ONNX Runtime runs, against TensorFlow."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from featuremap_cli.networks.catalogue import load_network
from featuremap_cli.networks.runtime_recorder import RuntimeRecorder

RNG = np.random.default_rng(5)


def pooling() -> keras.Model:
    image = keras.Input((9, 9, 2))
    pooled = layers.MaxPooling2D(3, 1, "same", name="pool")(layers.Conv2D(3, 1, activation="relu", name="conv")(image))
    return keras.Model(image, layers.MaxPooling2D(2, name="again")(pooled))


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
@pytest.mark.parametrize("place", ["the image", "a filter", "nowhere"])
def test_a_max_pool_passes_over_nan_as_tensorflows_does(tmp_path: Path, place: str) -> None:
    model = pooling()
    values = RNG.normal(size=(2, 9, 9, 2)).astype(np.float32)
    if place == "the image":
        values[0, 3, 3, 1] = values[1, 6, 1, 0] = np.nan
    if place == "a filter":
        kernel, bias = model.layers[1].get_weights()
        kernel[0, 0, 1, 2] = np.nan
        model.layers[1].set_weights([kernel, bias])
    model.save(tmp_path / "net.keras")
    network = load_network(str(tmp_path / "net.keras"))
    assert isinstance(network.recorder, RuntimeRecorder)
    maps, *pooled = network.record(values, network.layers())
    expected = np.asarray(model.layers[1](values))
    np.testing.assert_allclose(maps, expected, rtol=1e-5, atol=1e-6)
    for ours, layer in zip(pooled, model.layers[2:], strict=True):
        expected = np.asarray(layer(expected))
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
