"""A layer's map taken apart: the parts are what Keras itself makes of them."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from featuremap_cli.arrays import Image
from featuremap_cli.convolution.operation import Pool
from featuremap_cli.convolution.worked_pixel import work_pixel
from featuremap_cli.errors import NetworkError
from featuremap_cli.networks.catalogue import load_network
from featuremap_cli.networks.layer_anatomy import LayerRun, run_layer
from featuremap_cli.networks.network import Network

BIASED = {"bias_initializer": keras.initializers.RandomNormal(stddev=0.5, seed=2)}


def made_of(layer: layers.Layer, folder: Path) -> tuple[Network, keras.Model]:
    """A network whose second layer is the one to take apart, and its Keras model."""
    keras.utils.set_random_seed(4)
    image = keras.Input((14, 15, 3))
    hidden = layers.Conv2D(4, 3, activation="relu", name="first", **BIASED)(image)
    model = keras.Model(image, layer(hidden))
    model.save(folder / "net.keras")
    return load_network(str(folder / "net.keras")), model


def run(network: Network, path: str) -> tuple[LayerRun, np.ndarray]:
    pixels = np.random.default_rng(6).random((14, 15, 3), np.float32)
    prepared = network.prepare(Image(pixels, "noise.png"), "raw")
    return run_layer(network, network.select([path]).entries[0], prepared, "raw"), prepared.array


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(6, 3, activation="relu", name="it", **BIASED),
        layers.Conv2D(6, (2, 3), strides=2, padding="same", activation="silu", name="it", **BIASED),
        layers.Conv2D(6, 3, dilation_rate=2, padding="same", use_bias=False, name="it"),
        layers.Conv2D(6, 3, groups=2, activation="relu", name="it", **BIASED),
        layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu6", name="it", **BIASED),
        layers.SeparableConv2D(6, 3, depth_multiplier=2, activation="tanh", name="it", **BIASED),
        layers.Conv2DTranspose(6, 3, strides=2, padding="same", activation="relu", name="it", **BIASED),
        layers.Conv2D(6, 1, activation=layers.LeakyReLU(), name="it", **BIASED),
    ],
    ids=["plain", "strided", "dilated", "grouped", "depthwise", "separable", "transposed", "activation-layer"],
)
def test_the_stages_are_keras_own(layer: layers.Layer, tmp_path: Path) -> None:
    network, model = made_of(layer, tmp_path)
    layer_run, array = run(network, "it")
    given = keras.Model(model.input, model.get_layer("first").output)(array)
    np.testing.assert_allclose(layer_run.pixels, np.asarray(given)[0], rtol=1e-4, atol=1e-4)
    expected = np.asarray(model(array))[0].transpose(2, 0, 1)
    pool = Pool("max", (2, 2), (1, 1))
    for index in range(len(expected)):
        anatomy = layer_run.anatomy(index, pool)
        total = anatomy.products.sum(axis=0)
        assert len(anatomy.products) == {"grouped": 2, "depthwise": 1}.get(kind_of(layer), 4)
        scale = float(np.abs(anatomy.products).sum(axis=0).max())
        np.testing.assert_allclose(anatomy.stages[0].values, total, atol=2e-6 * scale)
        before = layer_run.before[index]
        np.testing.assert_allclose(total + anatomy.met.bias, before, atol=5e-6 * scale)
        last = anatomy.stages[-2]
        np.testing.assert_allclose(last.values, expected[index], atol=5e-6 * scale)
        np.testing.assert_array_equal(anatomy.stages[-1].values, pooled_by_hand(last.values))
        worked = work_pixel(anatomy, 1, 2)
        assert worked.sums.sum() + worked.bias == pytest.approx(worked.before, abs=5e-6 * scale)
        assert worked.after == pytest.approx(expected[index, 1, 2], abs=5e-6 * scale)


def kind_of(layer: layers.Layer) -> str:
    if isinstance(layer, layers.DepthwiseConv2D):
        return "depthwise"
    return "grouped" if getattr(layer, "groups", 1) > 1 else "plain"


def pooled_by_hand(values: np.ndarray) -> np.ndarray:
    return np.max([values[:-1, :-1], values[1:, :-1], values[:-1, 1:], values[1:, 1:]], axis=0)


def test_all_maps_of_a_layer_after_each_stage(tmp_path: Path) -> None:
    network, model = made_of(layers.Conv2D(5, 3, activation="relu", name="it", **BIASED), tmp_path)
    layer_run, array = run(network, "it")
    stages = dict(layer_run.every_stage(Pool("max")))
    assert list(stages) == ["sum", "bias", "activation", "pool"]
    np.testing.assert_allclose(stages["activation"].maps, np.asarray(model(array))[0].transpose(2, 0, 1), atol=1e-4)
    for index in range(5):
        ours = layer_run.anatomy(index, Pool("max")).stages
        for stage in ours:
            np.testing.assert_allclose(stages[stage.kind].maps[index], stage.values, atol=1e-3)


def test_channels_have_their_colors_where_the_image_is_seen() -> None:
    network = load_network("alexnet")
    pixels = np.random.default_rng(1).random((224, 224, 3), np.float32)
    prepared = network.prepare(Image(pixels, "noise.png"))
    first, second = network.select(["conv1", "conv2"]).entries
    seen = run_layer(network, first, prepared)
    assert seen.channel_names == ("R", "G", "B")
    # the padding is a layer of its own, and counts as the convolution's
    assert seen.operation.padding == 2
    np.testing.assert_array_equal(seen.pixels, prepared.array[0])
    assert run_layer(network, second, prepared).channel_names[:2] == ("0", "1")
    caffe = network.prepare(Image(pixels, "noise.png"), "caffe")
    assert run_layer(network, first, caffe, "caffe").channel_names == ("B", "G", "R")


def test_other_layers_are_refused(tmp_path: Path) -> None:
    network, _ = made_of(layers.MaxPooling2D(name="it"), tmp_path)
    with pytest.raises(NetworkError, match="MaxPooling2D layer: expected one of Conv2D"):
        run(network, "it")


class Doubled(layers.Conv2D):
    """A convolution of somebody's own: twice what its filters give."""

    def convolution_op(self, inputs: object, kernel: object) -> object:
        return 2 * super().convolution_op(inputs, kernel)


def test_a_layer_that_does_something_else_is_not_explained_wrongly(tmp_path: Path) -> None:
    keras.utils.set_random_seed(4)
    image = keras.Input((14, 15, 3))
    model = keras.Model(image, Doubled(2, 3, name="it")(image))
    recorder = load_model(model)
    layer_run, _ = run(recorder, "it")
    with pytest.raises(NetworkError, match="cannot be taken apart"):
        layer_run.anatomy(0)


def load_model(model: keras.Model) -> Network:
    from featuremap_cli.networks.image_input import find_image_input
    from featuremap_cli.networks.keras_recorder import KerasRecorder, model_inputs

    inputs = model_inputs(model, "net")
    image = find_image_input(inputs, "net")
    return Network("net", image, "raw", (), KerasRecorder(model, inputs, image, "net"))


def test_a_saved_model_says_what_is_missing(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3, name="conv")])
    model.export(str(tmp_path / "saved"), verbose=False)
    network = load_network(str(tmp_path / "saved"))
    prepared = network.prepare(Image(np.zeros((8, 8, 3), np.float32), "black.png"))
    with pytest.raises(NetworkError, match="is a SavedModel"):
        run_layer(network, network.layers()[0], prepared)
