"""What is kept of a forward pass, against `predict` of a model cut at the layer and against tf.nn."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from featuremap_cli.errors import ImageError, NetworkError
from featuremap_cli.networks.image_input import find_image_input
from featuremap_cli.networks.keras_recorder import KerasRecorder, keeps_channels_first, model_inputs
from featuremap_cli.networks.layer_entry import LayerEntry

RNG = np.random.default_rng(5)
BOTH = pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])


def recorder(model: keras.Model) -> KerasRecorder:
    inputs = model_inputs(model, "net")
    return KerasRecorder(
        model, inputs, find_image_input(inputs, "net", channels_first=keeps_channels_first(model)), "net"
    )


def pixels(*shape: int) -> NDArray[np.float32]:
    return RNG.standard_normal(shape).astype(np.float32)


def named(traced: KerasRecorder, *paths: str) -> list[LayerEntry]:
    entries = {entry.path: entry for entry in traced.entries}
    return [entries[path] for path in paths]


def kept(model, batch, *paths, compiled=True, before_activation=False):
    traced = recorder(model)
    return traced.record(batch, named(traced, *paths), before_activation=before_activation, compiled=compiled)


def convolved(layer: layers.Conv2D, batch: NDArray[np.float32], padding: str = "VALID") -> NDArray[np.float32]:
    """The layer's convolution and bias, by tf.nn."""
    kernel, bias = layer.get_weights()
    return np.asarray(tf.nn.conv2d(batch, kernel, layer.strides, padding) + bias)


def conv(filters: int, name: str, **settings: object) -> layers.Conv2D:
    return layers.Conv2D(filters, 3, name=name, bias_initializer="random_normal", **settings)


@BOTH
def test_flat_model_gives_what_a_model_cut_there_predicts(compiled: bool) -> None:
    image = keras.Input((12, 10, 3))
    first = conv(4, "first", activation="relu")(image)
    normal = layers.BatchNormalization(name="normal")(first)
    outputs = conv(5, "second", strides=2)(normal)
    batch = pixels(3, 12, 10, 3)
    expected = keras.Model(image, [first, normal, outputs]).predict(batch, verbose=0)
    recorded = kept(keras.Model(image, outputs), batch, "first", "normal", "second", compiled=compiled)
    for ours, theirs in zip(recorded, expected, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@BOTH
def test_the_order_is_that_of_the_question(compiled: bool) -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), conv(2, "a"), conv(4, "b")])
    second, first = kept(model, pixels(1, 8, 8, 3), "b", "a", compiled=compiled)
    assert (first.shape, second.shape) == ((1, 6, 6, 2), (1, 4, 4, 4))


@BOTH
def test_before_activation_is_convolution_and_bias_and_what_follows_stays_as_it_was(compiled: bool) -> None:
    first, second = conv(4, "first", activation="relu"), conv(3, "second", activation="tanh")
    model = keras.Sequential([keras.Input((9, 9, 3)), first, second])
    batch = pixels(2, 9, 9, 3)
    linear = convolved(first, batch)
    before, later = kept(model, batch, "first", "second", compiled=compiled, before_activation=True)
    assert linear.min() < 0
    np.testing.assert_allclose(before, linear, atol=1e-5)
    np.testing.assert_allclose(later, convolved(second, np.maximum(linear, 0)), atol=1e-5)


@BOTH
def test_an_activation_that_is_a_layer_is_taken_off_and_put_back(compiled: bool) -> None:
    layer = conv(4, "conv", activation=layers.LeakyReLU(negative_slope=0.5))
    model = keras.Sequential([keras.Input((6, 6, 3)), layer])
    batch, activation = pixels(1, 6, 6, 3), layer.activation
    (before,) = kept(model, batch, "conv", compiled=compiled, before_activation=True)
    np.testing.assert_allclose(before, convolved(layer, batch), atol=1e-5)
    assert layer.activation is activation


@BOTH
def test_without_an_activation_inside_before_it_is_the_output(compiled: bool) -> None:
    model = keras.Sequential([keras.Input((6, 6, 3)), conv(4, "conv"), layers.ReLU(name="relu")])
    batch = pixels(1, 6, 6, 3)
    plain, relu = kept(model, batch, "conv", "relu", compiled=compiled, before_activation=True)
    np.testing.assert_allclose(plain, convolved(model.get_layer("conv"), batch), atol=1e-5)
    np.testing.assert_allclose(relu, np.maximum(plain, 0))


def test_an_activation_that_a_layer_of_someone_s_own_does_not_call_cannot_be_taken_off() -> None:
    class Own(layers.Conv2D):
        def call(self, inputs):
            return keras.ops.relu(self.convolution_op(inputs, self.kernel))

    model = keras.Sequential([keras.Input((6, 6, 3)), Own(2, 3, activation="relu", name="own")])
    with pytest.raises(NetworkError, match="own in net has an activation inside that cannot be taken off"):
        kept(model, pixels(1, 6, 6, 3), "own", before_activation=True)


@BOTH
def test_each_call_of_a_shared_layer(compiled: bool) -> None:
    shared = conv(3, "conv", padding="same")
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, shared(shared(image)))
    batch = pixels(2, 8, 8, 3)
    once, twice = kept(model, batch, "conv#1", "conv#2", compiled=compiled)
    expected = convolved(shared, batch, "SAME")
    np.testing.assert_allclose(once, expected, atol=1e-5)
    np.testing.assert_allclose(twice, convolved(shared, expected, "SAME"), atol=1e-5)


@BOTH
def test_nested_models(compiled: bool) -> None:
    inner = conv(4, "conv")
    backbone = keras.Sequential([keras.Input((8, 8, 3)), inner, layers.ReLU(name="relu")], name="backbone")
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, conv(2, "head")(backbone(image)))
    batch = pixels(2, 8, 8, 3)
    (maps,) = kept(model, batch, "backbone/conv", compiled=compiled)
    np.testing.assert_allclose(maps, convolved(inner, batch), atol=1e-5)


class Residual(keras.Model):
    """A subclassed model whose `call` takes no `training`."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = conv(3, "inner", padding="same", activation="relu")
        self.outer = conv(2, "outer")

    def build(self, input_shape):
        self.inner.build(input_shape)
        self.outer.build(input_shape)

    def call(self, inputs):
        return self.outer(inputs + self.inner(inputs))


@BOTH
def test_subclassed_models(compiled: bool) -> None:
    model, batch = Residual(), pixels(2, 7, 9, 3)
    model(batch)
    inner, outer = kept(model, batch, "inner", "outer", compiled=compiled)
    relu = np.maximum(convolved(model.inner, batch, "SAME"), 0)
    np.testing.assert_allclose(inner, relu, atol=1e-5)
    np.testing.assert_allclose(outer, convolved(model.outer, batch + relu), atol=1e-4)


@BOTH
def test_time_distributed_gives_the_maps_of_each_step(compiled: bool) -> None:
    layer = conv(5, "conv")
    image = keras.Input((8, 6, 3))
    frames = layers.TimeDistributed(layer, name="frames")(layers.Reshape((2, 4, 6, 3))(image))
    batch = pixels(2, 8, 6, 3)
    first, second = kept(keras.Model(image, frames), batch, "frames/conv#1", "frames/conv#2", compiled=compiled)
    np.testing.assert_allclose(first, convolved(layer, batch[:, :4]), atol=1e-5)
    np.testing.assert_allclose(second, convolved(layer, batch[:, 4:]), atol=1e-5)


class Alarm(layers.Layer):
    """Fails when it runs, not when it is traced."""

    def call(self, inputs):
        with tf.control_dependencies([tf.debugging.assert_less(inputs, -1e9, message="the alarm ran")]):
            return tf.identity(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape


@BOTH
def test_only_what_is_needed_runs(compiled: bool) -> None:
    class Net(keras.Model):
        def build(self, input_shape):
            self.conv, self.alarm = conv(2, "conv"), Alarm(name="alarm")
            self.conv.build(input_shape)

        def call(self, inputs):
            return self.alarm(self.conv(inputs))

    model = Net()
    model.build((None, 6, 6, 3))
    assert kept(model, pixels(1, 6, 6, 3), "conv", compiled=compiled)[0].shape == (1, 4, 4, 2)
    with pytest.raises(NetworkError, match=r"net cannot run on an image of 6 x 6 pixels: .*the alarm ran"):
        kept(model, pixels(1, 6, 6, 3), "alarm", compiled=compiled)


@BOTH
def test_layers_are_as_before_after_a_pass_that_failed(compiled: bool) -> None:
    broken, first = Alarm(name="broken"), conv(2, "conv", activation="relu")
    image = keras.Input((6, 6, 3))
    model = keras.Model(image, broken(first(image)))
    traced = recorder(model)
    with pytest.raises(NetworkError, match="net cannot run on an image of 6 x 6 pixels"):
        traced.record(pixels(1, 6, 6, 3), named(traced, "conv", "broken"), before_activation=True, compiled=compiled)
    assert all("call" not in vars(layer) for layer in (first, broken))
    assert first.activation is keras.activations.relu


@BOTH
def test_a_convolution_beside_another_input_is_recorded(compiled: bool) -> None:
    age, image = keras.Input((4,), name="age"), keras.Input((8, 8, 3), name="photo")
    layer = conv(4, "conv")
    outputs = layers.Dense(2)(layers.Concatenate()([layers.Flatten()(layer(image)), age]))
    batch = pixels(3, 8, 8, 3)
    for inputs in ([age, image], {"age": age, "photo": image}):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            (maps,) = kept(keras.Model(inputs, outputs), batch, "conv", compiled=compiled)
        np.testing.assert_allclose(maps, convolved(layer, batch), atol=1e-5)


@BOTH
def test_half_precision_becomes_float32(compiled: bool) -> None:
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, dtype="mixed_float16", name="conv", activation="relu")]
    )
    batch = pixels(1, 8, 8, 3)
    (maps,) = kept(model, batch, "conv", compiled=compiled)
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, np.maximum(convolved(model.get_layer("conv"), batch), 0), atol=1e-2)


@BOTH
def test_channels_first_becomes_channels_last(compiled: bool) -> None:
    """By layers that TensorFlow runs so on every machine; its CPU's convolutions are not among them."""
    first = keras.Input((3, 10, 8))
    padded = layers.ZeroPadding2D(1, data_format="channels_first", name="padded")(first)
    model = keras.Model(first, layers.ReLU(name="relu")(padded))
    inputs = model_inputs(model, "net")
    traced = KerasRecorder(model, inputs, find_image_input(inputs, "net", channels_first=True), "net")
    batch = pixels(2, 10, 8, 3)
    kept = traced.record(batch, named(traced, "padded", "relu"), before_activation=False, compiled=compiled)
    expected = np.pad(batch, ((0, 0), (1, 1), (1, 1), (0, 0)))
    assert traced.entries[0].output_shape == (12, 10, 3)
    np.testing.assert_allclose(kept[0], expected)
    np.testing.assert_allclose(kept[1], np.maximum(expected, 0))


@BOTH
def test_a_network_that_takes_bytes_is_given_bytes(compiled: bool) -> None:
    model = keras.Sequential([keras.Input((4, 4, 1), dtype="uint8"), layers.Rescaling(1 / 255, name="scaled")])
    batch = np.array([0.0, 127.6, 254.9, 255.0], np.float32).repeat(4).reshape(1, 4, 4, 1)
    (maps,) = kept(model, batch, "scaled", compiled=compiled)
    np.testing.assert_allclose(maps.ravel()[::4], np.array([0, 128, 255, 255]) / 255, atol=1e-6)


@BOTH
@pytest.mark.parametrize("images", [1, 3])
def test_a_network_of_fixed_batch_size_is_run_in_pieces(compiled: bool, images: int) -> None:
    layer = conv(2, "conv")
    image = keras.Input(batch_shape=(2, 6, 6, 3))
    batch = pixels(images, 6, 6, 3)
    (maps,) = kept(keras.Model(image, layer(image)), batch, "conv", compiled=compiled)
    np.testing.assert_allclose(maps, convolved(layer, batch), atol=1e-5)


@BOTH
def test_a_network_of_free_size_takes_each_size(compiled: bool) -> None:
    model = keras.Sequential([keras.Input((None, None, 3)), conv(2, "conv")])
    traced = recorder(model)
    for size in ((7, 9), (12, 5)):
        batch = pixels(1, *size, 3)
        (maps,) = traced.record(batch, traced.entries, before_activation=False, compiled=compiled)
        np.testing.assert_allclose(maps, convolved(model.layers[0], batch), atol=1e-5)


@BOTH
@pytest.mark.parametrize("size", [(2, 2), (2, 40), (1, 1), (3, 3)])
def test_an_image_too_small_for_a_network_of_free_size_is_refused(compiled: bool, size: tuple[int, int]) -> None:
    model = keras.Sequential([keras.Input((None, None, 3)), conv(3, "conv"), conv(3, "more")])
    traced = recorder(model)
    with pytest.raises(ImageError, match=f"{size[1]} x {size[0]} pixels is too small for net: .*--input-size"):
        traced.record(pixels(1, *size, 3), traced.entries, before_activation=False, compiled=compiled)
    assert traced.record(pixels(1, 5, 5, 3), traced.entries, before_activation=False, compiled=compiled)[1].size == 3


def test_a_layer_that_cuts_images_up_is_refused() -> None:
    image = keras.Input((8, 8, 3))
    tiles = layers.Lambda(lambda x: keras.ops.reshape(x, (-1, 4, 8, 3)), name="tiles")(image)
    with pytest.raises(NetworkError, match=r"tiles in net gives \(4, 4, 8, 3\) for 2 images"):
        kept(keras.Model(image, conv(2, "conv")(tiles)), pixels(2, 8, 8, 3), "tiles")


def test_a_graph_is_cut_down_once_for_the_same_question() -> None:
    model = keras.Sequential([keras.Input((6, 6, 3)), conv(2, "conv"), conv(2, "more")])
    traced = recorder(model)
    for _ in range(2):
        traced.record(pixels(1, 6, 6, 3), traced.entries[:1], before_activation=False, compiled=True)
    traced.record(pixels(1, 6, 6, 3), traced.entries, before_activation=False, compiled=True)
    assert len(traced._pruned) == 2


def test_all_convolutions_of_resnet50() -> None:
    model = keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), include_top=False)
    traced = recorder(model)
    convolutions = [entry for entry in traced.entries if entry.is_convolution]
    assert len(convolutions) == 53
    batch = pixels(1, 64, 64, 3)
    cut = keras.Model(model.input, [model.get_layer(entry.path).output for entry in convolutions])
    expected = cut.predict(batch, verbose=0)
    for compiled in (False, True):
        recorded = traced.record(batch, convolutions, before_activation=False, compiled=compiled)
        for entry, ours, theirs in zip(convolutions, recorded, expected, strict=True):
            assert ours.shape[1:] == entry.output_shape
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max())
