"""The weights of loaded networks against Keras's `get_weights`."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers

from featuremap_cli.networks.catalogue import load_network
from featuremap_cli.networks.weights import knows_weights, layer_filters, unreal_weights


def model() -> keras.Model:
    keras.utils.set_random_seed(4)
    image = keras.Input((12, 12, 3))
    inner = keras.Sequential([keras.Input((12, 12, 3)), layers.Conv2D(4, 3, name="conv")], name="inner")
    maps = layers.BatchNormalization(name="normal")(inner(image))
    maps = layers.SeparableConv2D(5, 3, name="separable")(maps)
    maps = layers.DepthwiseConv2D(3, name="depthwise")(maps)
    maps = layers.Conv2DTranspose(6, 3, name="transposed")(maps)
    return keras.Model(image, layers.Dense(2, name="dense")(layers.GlobalAveragePooling2D()(maps)))


def test_one_filter_for_each_map_of_every_kind_of_convolution(tmp_path: Path) -> None:
    whole = model()
    whole.save(tmp_path / "model.keras")
    network = load_network(str(tmp_path / "model.keras"))
    entries = network.select(["all-layers"]).entries
    found = {entry.path: layer_filters(network, entries).get(entry.index) for entry in entries}
    assert found["normal"] is None
    np.testing.assert_array_equal(
        found["inner/conv"].weights, whole.get_layer("inner").get_layer("conv").get_weights()[0]
    )
    assert [found[name].filters for name in ("separable", "depthwise", "transposed")] == [5, 5, 6]
    np.testing.assert_array_equal(found["separable"].weights, whole.get_layer("separable").get_weights()[1])
    assert knows_weights(network)
    assert list(unreal_weights(network)) == []


def test_every_array_is_looked_at_and_the_filters_are_named(tmp_path: Path) -> None:
    whole = model()
    variance = whole.get_layer("normal").get_weights()
    variance[3][1] = np.inf
    whole.get_layer("normal").set_weights(variance)
    kernel, bias = whole.get_layer("transposed").get_weights()
    kernel[0, 0, 4, 2], bias[1] = np.nan, np.nan
    whole.get_layer("transposed").set_weights([kernel, bias])
    dense, offset = whole.get_layer("dense").get_weights()
    dense[:2] = np.nan
    whole.get_layer("dense").set_weights([dense, offset])
    whole.save(tmp_path / "model.keras")
    found = [
        (one.layer, one.weight, one.nan, one.infinite, one.filters)
        for one in unreal_weights(load_network(str(tmp_path / "model.keras")))
    ]
    assert found == [
        ("normal", "moving_variance", 0, 1, ()),
        ("transposed", "kernel", 1, 0, (4,)),
        ("transposed", "bias", 1, 0, (1,)),
        ("dense", "kernel", 4, 0, ()),
    ]


def test_a_saved_model_keeps_its_weights_to_itself(tmp_path: Path) -> None:
    model().export(tmp_path / "exported", verbose=False)
    network = load_network(str(tmp_path / "exported"))
    assert not knows_weights(network)
    assert layer_filters(network, network.select([]).entries) == {}
    assert list(unreal_weights(network)) == []
