"""SavedModel folders, against the Keras models they were exported from and against tf.nn."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from featuremap_cli.errors import ImageError, NetworkError
from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.catalogue import load_network
from featuremap_cli.networks.graph_layers import readable_paths
from featuremap_cli.networks.network import Network

RNG = np.random.default_rng(11)


def pixels(*shape: int) -> NDArray[np.float32]:
    return RNG.random(shape).astype(np.float32)


def exported(model: keras.Model, folder: Path) -> Network:
    model.export(folder, verbose=False)
    return load_network(str(folder))


def maps(network: Network, batch, *patterns: str, **settings) -> list[NDArray[np.float32]]:
    return network.record(batch, network.select(patterns).entries, **settings)


def conv(filters: int, name: str, **settings: object) -> layers.Conv2D:
    return layers.Conv2D(filters, 3, name=name, bias_initializer="random_normal", **settings)


def many_kinds() -> keras.Model:
    image = keras.Input((20, 16, 3))
    stem = conv(4, "stem", activation="relu")(image)
    thin = layers.DepthwiseConv2D(3, name="thin", activation="silu", use_bias=False)(
        layers.MaxPooling2D(name="pool")(stem)
    )
    sum_ = layers.Add(name="sum")([thin, conv(4, "same", padding="same")(thin)])
    normal = layers.ReLU(name="relu")(layers.BatchNormalization(name="normal")(sum_))
    stage = keras.Sequential([layers.SeparableConv2D(6, 3, name="apart", activation="relu6")], name="stage")
    wide = layers.Conv2D(5, 2, dilation_rate=2, name="wide", use_bias=False)(stage(normal))
    up = layers.Conv2DTranspose(3, 2, strides=2, name="up", activation="tanh", bias_initializer="ones")(wide)
    return keras.Model(image, layers.Dense(2, name="scores")(layers.Flatten(name="flat")(up)), name="net")


def test_the_layers_and_their_maps_are_those_of_the_keras_model(tmp_path: Path) -> None:
    model = many_kinds()
    network = exported(model, tmp_path / "net")
    listed = {entry.path: (entry.type, entry.output_shape) for entry in network.layers()}
    names = ["stem", "thin", "same", "stage/apart", "wide", "up"]
    assert [entry.path for entry in network.layers() if entry.is_convolution] == names
    assert listed["stage/apart"] == ("SeparableConv2D", (5, 3, 6))
    assert [path for path in listed if path in ("pool", "sum", "relu")] == ["pool", "sum", "relu"]
    batch = pixels(2, 20, 16, 3)
    outputs = [
        model.get_layer(name).output for name in ("stem", "pool", "thin", "same", "sum", "relu", "stage", "wide", "up")
    ]
    expected = keras.Model(model.input, outputs).predict(batch, verbose=0)
    recorded = maps(network, batch, "stem", "pool", "thin", "same", "sum", "relu", "stage/apart", "wide", "up")
    for ours, theirs in zip(recorded, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_before_activation_is_convolution_and_bias(tmp_path: Path) -> None:
    layer, last = conv(4, "conv", activation="relu"), conv(2, "last")
    network = exported(keras.Sequential([keras.Input((8, 8, 3)), layer, last]), tmp_path / "net")
    batch = pixels(1, 8, 8, 3)
    before, after = maps(network, batch, "all", before_activation=True)
    kernel, bias = layer.get_weights()
    linear = np.asarray(tf.nn.conv2d(batch, kernel, 1, "VALID") + bias)
    np.testing.assert_allclose(before, linear, atol=1e-5)
    kernel, bias = last.get_weights()
    np.testing.assert_allclose(after, tf.nn.conv2d(np.maximum(linear, 0), kernel, 1, "VALID") + bias, atol=1e-5)


def test_an_activation_in_a_layer_of_its_own_is_no_part_of_the_convolution(tmp_path: Path) -> None:
    layer = conv(4, "conv")
    network = exported(keras.Sequential([keras.Input((8, 8, 3)), layer, layers.ReLU(name="relu")]), tmp_path / "net")
    batch = pixels(1, 8, 8, 3)
    ours, relu = maps(network, batch, "all-layers")
    assert ours.min() < 0
    np.testing.assert_allclose(relu, np.maximum(ours, 0))


def test_calls_of_a_shared_layer_are_numbered(tmp_path: Path) -> None:
    shared = conv(3, "conv", padding="same")
    image = keras.Input((8, 8, 3))
    network = exported(keras.Model(image, shared(shared(image))), tmp_path / "net")
    assert len(network.layers()) == 2
    batch = pixels(1, 8, 8, 3)
    once, twice = maps(network, batch, "all")
    np.testing.assert_allclose(twice, shared(once), atol=1e-5)


def test_a_module_written_without_keras(tmp_path: Path) -> None:
    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(RNG.standard_normal((3, 3, 1, 4)).astype(np.float32))

        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32, name="gray")])
        def __call__(self, gray):
            with tf.name_scope("block"):
                maps = tf.nn.relu(tf.nn.conv2d(gray, self.kernel, 1, "VALID"))
                return tf.nn.max_pool2d(maps, 2, 2, "VALID")

    module = Module()
    tf.saved_model.save(module, str(tmp_path / "module"), signatures=module.__call__)
    network = load_network(str(tmp_path / "module"))
    assert (network.input.height, network.input.channels) == (None, 1)
    batch = pixels(2, 9, 7, 1)
    expected = tf.nn.conv2d(batch, module.kernel, 1, "VALID")
    (before,) = maps(network, batch, "0", before_activation=True)
    (after,) = maps(network, batch, "0")
    np.testing.assert_allclose(before, expected, atol=1e-5)
    np.testing.assert_allclose(after, np.maximum(expected, 0), atol=1e-5)
    with pytest.raises(ImageError, match="2 x 2 pixels is too small for module"):
        maps(network, pixels(1, 2, 2, 1), "0")


def test_of_two_inputs_the_image_s_is_used_and_layers_that_need_the_other_are_left_out(tmp_path: Path) -> None:
    image, weights = keras.Input((8, 8, 3), name="photo"), keras.Input((1, 1, 4), name="weights")
    maps_ = conv(4, "conv")(image)
    model = keras.Model([image, weights], layers.Multiply(name="weighted")([maps_, weights]))
    network = exported(conv_after(model), tmp_path / "net")
    assert any("layers that need `weights` (any, 1, 1, 4) are left out" in notice for notice in network.notices)
    batch = pixels(1, 8, 8, 3)
    (ours,) = maps(network, batch, "conv")
    np.testing.assert_allclose(ours, model.get_layer("conv")(batch), atol=1e-5)
    with pytest.raises(NetworkError, match="last in net has no feature maps: it needs the input `weights`"):
        network.select(["last"])


def conv_after(model: keras.Model) -> keras.Model:
    return keras.Model(model.inputs, conv(2, "last")(model.output))


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [(layers.Rescaling(1 / 127.5, -1), "inside"), (layers.Rescaling(2.0, -1), "unit"), (None, "unit")],
)
def test_scaling_in_the_graph_is_seen(tmp_path: Path, scaling: layers.Layer | None, expected: str) -> None:
    stack = [keras.Input((8, 8, 3)), *([scaling] if scaling else []), conv(2, "conv"), conv(2, "more")]
    assert exported(keras.Sequential(stack), tmp_path / "net").preprocessing == expected


def test_the_exported_alexnet_keeps_its_layers_and_its_preprocessing(tmp_path: Path) -> None:
    own = load_network("alexnet")
    network = exported(BUILTIN["alexnet"].build(), tmp_path / "folder")
    assert network.preprocessing == "torch"
    assert [entry.path for entry in network.layers() if entry.is_convolution] == [f"conv{n}" for n in range(1, 6)]
    batch = pixels(1, 224, 224, 3)
    for ours, theirs in zip(maps(network, batch, "all"), maps(own, batch, "all"), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(
    ("scopes", "paths"),
    [
        (["StatefulPartitionedCall/net_1/a_1", "StatefulPartitionedCall/net_1/b_1_1"], ["a", "b_1"]),
        (["net_1/stage_1/conv_1", "net_1/stage_1/relu_1"], ["stage/conv", "stage/relu"]),
        (["vgg/conv1", "vgg/conv2"], ["conv1", "conv2"]),
        (["conv1", "conv1", "pool"], ["conv1#1", "conv1#2", "pool"]),
        ([], []),
    ],
)
def test_paths_from_name_scopes(scopes: list[str], paths: list[str]) -> None:
    assert readable_paths(scopes) == paths


def test_a_folder_that_is_no_saved_model(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="is a folder without a network: expected a SavedModel folder"):
        load_network(str(tmp_path))


def test_a_damaged_saved_model(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\x0a\xff\xff\xff\x0fnot a protocol buffer")
    with pytest.raises(NetworkError, match=r"is damaged: expected a SavedModel's saved_model\.pb"):
        load_network(str(tmp_path))


def test_missing_variables(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((8, 8, 3)), conv(2, "conv")]).export(tmp_path / "net", verbose=False)
    for file in (tmp_path / "net" / "variables").iterdir():
        file.unlink()
    with pytest.raises(NetworkError, match="cannot be loaded as a SavedModel") as raised:
        load_network(str(tmp_path / "net"))
    assert "\n" not in str(raised.value)


def test_a_graph_that_reads_files_is_refused_unless_allowed(tmp_path: Path) -> None:
    class Reader(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3), tf.float32)])
        def __call__(self, image):
            tf.io.write_file(str(tmp_path / "leak"), "x")
            return tf.nn.conv2d(image, tf.ones((3, 3, 3, 2)), 1, "VALID")

    module = Reader()
    tf.saved_model.save(module, str(tmp_path / "net"), signatures=module.__call__)
    with pytest.raises(NetworkError, match=r"holds the operation WriteFile, .* --unsafe runs it"):
        load_network(str(tmp_path / "net"))
    assert load_network(str(tmp_path / "net"), unsafe=True).select(["all"]).entries


def test_a_saved_model_cannot_change_its_size(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((8, 8, 3)), conv(2, "conv")]).export(tmp_path / "net", verbose=False)
    with pytest.raises(NetworkError, match="takes images of 8 x 8 pixels"):
        load_network(str(tmp_path / "net"), input_size=(16, 16))
