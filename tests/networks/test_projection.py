"""Projections, against a deconvnet written in NumPy, matrix products by hand, and finite differences."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from featuremap_cli.errors import NetworkError
from featuremap_cli.graph.gradient_rules.backward import Method
from featuremap_cli.networks.builtin import BUILTIN
from featuremap_cli.networks.catalogue import load_network
from featuremap_cli.networks.configuration.loading import load_known_model
from featuremap_cli.networks.image_input import find_image_input
from featuremap_cli.networks.keras_recorder import KerasRecorder, keeps_channels_first, model_inputs
from featuremap_cli.networks.network import Network
from featuremap_cli.networks.projection import Place, Projector, make_projector
from featuremap_cli.sources.images import read_image

Array = NDArray[np.float32]
RNG = np.random.default_rng(11)
EVERY_METHOD = pytest.mark.parametrize("method", ["deconvnet", "guided", "gradient"])


@pytest.fixture(autouse=True)
def same_weights_each_time() -> None:
    keras.utils.set_random_seed(3)


def network(model: keras.Model, preprocessing: str = "unit") -> Network:
    """As the graph has it where its layers are known, as TensorFlow has it where they are not."""
    return load_known_model(model, "net", None, preprocessing) or in_tensorflow(model, preprocessing)


def in_tensorflow(model: keras.Model, preprocessing: str = "unit") -> Network:
    inputs = model_inputs(model, "net")
    image = find_image_input(inputs, "net", channels_first=keeps_channels_first(model))
    return Network("net", image, preprocessing, (), KerasRecorder(model, inputs, image, "net"))


def pixels(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def projector(net: Network, method: Method, path: str = "top") -> Projector:
    entry = next(entry for entry in net.layers() if entry.path == path)
    return make_projector(net, entry, method)


def project(model: keras.Model, batch: Array, method: Method, places: Sequence[Place], path: str = "top") -> Array:
    return projector(network(model), method, path).project(batch, places)


# AlexNet, whole


def convolution(maps: Array, kernel: Array, bias: Array, stride: int, padding: int) -> Array:
    padded = np.pad(maps, ((padding, padding), (padding, padding), (0, 0)))
    size = kernel.shape[0]
    windows = sliding_window_view(padded, (size, size), axis=(0, 1))[::stride, ::stride]
    return np.einsum("rcihw,hwif->rcf", windows, kernel, optimize=True) + bias


def transposed_convolution(signal: Array, kernel: Array, stride: int, padding: int, shape: tuple[int, ...]) -> Array:
    result = np.zeros((shape[0] + 2 * padding, shape[1] + 2 * padding, shape[2]), np.float32)
    rows, columns = signal.shape[0] * stride, signal.shape[1] * stride
    for row in range(kernel.shape[0]):
        for column in range(kernel.shape[1]):
            result[row : row + rows : stride, column : column + columns : stride] += signal @ kernel[row, column].T
    return result[padding : padding + shape[0], padding : padding + shape[1]]


def pool(maps: Array) -> tuple[Array, NDArray[np.intp]]:
    """Maxima of 3 x 3 windows, two apart, and the switches: where in each window the first maximum is, 0 to 8."""
    windows = sliding_window_view(maps, (3, 3), axis=(0, 1))[::2, ::2].reshape(
        *((np.array(maps.shape[:2]) - 1) // 2), -1, 9
    )
    switches = windows.argmax(axis=-1)
    return np.take_along_axis(windows, switches[..., None], axis=-1)[..., 0], switches


def unpool(signal: Array, switches: NDArray[np.intp], shape: tuple[int, ...]) -> Array:
    result = np.zeros(shape, np.float32)
    for place in range(9):
        row, column = divmod(place, 3)
        part = result[row : row + 2 * signal.shape[0] : 2, column : column + 2 * signal.shape[1] : 2]
        part += np.where(switches == place, signal, 0)
    return result


ALEXNET = (
    ("conv1", 4, 2, True),
    ("conv2", 1, 2, True),
    ("conv3", 1, 1, False),
    ("conv4", 1, 1, False),
    ("conv5", 1, 1, False),
)
"""(layer, stride, padding, a pool follows)."""


def numpy_deconvnet(weights: dict[str, list[Array]], image: Array, place: Place) -> Array:
    maps, trail = image, []
    for name, stride, padding, pooled in ALEXNET:
        before = maps.shape
        maps = np.maximum(convolution(maps, *weights[name], stride, padding), 0)
        full, switches = maps.shape, None
        if pooled:
            maps, switches = pool(maps)
        trail.append((weights[name][0], stride, padding, before, full, switches))
    signal = np.zeros_like(maps)
    signal[place.row, place.column, place.filter] = 1
    for kernel, stride, padding, before, full, switches in reversed(trail):
        unpooled = signal if switches is None else unpool(signal, switches, full)
        signal = transposed_convolution(np.maximum(unpooled, 0), kernel, stride, padding, before)
    return signal


@pytest.fixture(scope="module")
def alexnet() -> Network:
    return load_network("alexnet")


def test_deconvnet_of_alexnet_is_unpooling_rectifying_and_transposed_filters(alexnet: Network) -> None:
    batch = alexnet.prepare(read_image("sample:china")).array
    weights = {name: list(BUILTIN["alexnet"].layer_weights(name)) for name, *_ in ALEXNET}
    entry = next(entry for entry in alexnet.layers() if entry.path == "conv5")
    (maps,) = alexnet.record(batch, [entry])
    loudest = maps[0].max(axis=(0, 1)).argsort()[-3:]
    spots = [np.unravel_index(maps[0, ..., index].argmax(), maps.shape[1:3]) for index in loudest]
    places = [Place(int(index), int(row), int(column)) for index, (row, column) in zip(loudest, spots, strict=True)]
    ours = projector(alexnet, "deconvnet", "conv5").project(batch.repeat(3, axis=0), places)
    for projection, place in zip(ours, places, strict=True):
        theirs = numpy_deconvnet(weights, batch[0], place)
        assert np.abs(theirs).max() > 0.01
        np.testing.assert_allclose(projection, theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())


@EVERY_METHOD
def test_nothing_comes_through_outside_the_receptive_field(alexnet: Network, method: Method) -> None:
    """Conv5 sees 11 + 2 * 4 + 4 * 8 + 2 * 8 + 3 * 2 * 16 = 163 pixels from 16 * row - 2 - 2 * 8 - 3 * 16 on."""
    batch = pixels(1, 224, 224, 3)
    (maps,) = alexnet.record(batch, [entry for entry in alexnet.layers() if entry.path == "conv5"])
    loudest = int(maps[0, 6, 9].argmax())
    (projection,) = projector(alexnet, method, "conv5").project(batch, [Place(loudest, 6, 9)])
    top, left = 16 * 6 - 66, 16 * 9 - 66
    assert np.abs(projection[top : top + 163, left : left + 163]).max() > 0
    projection[top : top + 163, left : left + 163] = 0
    assert not projection.any()


# One activation, by hand: 1 x 1 convolutions are matrix products


def pointwise(activation: Callable[[object], object] | None, inside: str | None = None) -> keras.Model:
    image = keras.Input((2, 3, 4))
    middle = layers.Conv2D(5, 1, name="bottom", activation=inside, bias_initializer="random_normal")(image)
    middle = middle if activation is None else activation(middle)
    return keras.Model(image, layers.Conv2D(6, 1, name="top")(middle))


def expected(model: keras.Model, image: Array, place: Place, rule: Callable[[Array, Array], Array]) -> Array:
    """`rule` takes what went into the activation and the signal that comes down to it, each (5,)."""
    bottom, bias = model.get_layer("bottom").get_weights()
    values = image[place.row, place.column] @ bottom[0, 0] + bias
    signal = model.get_layer("top").get_weights()[0][0, 0, :, place.filter]
    result = np.zeros_like(image)
    result[place.row, place.column] = bottom[0, 0] @ rule(values, signal)
    return result


def sloped(slope: float, top: float = np.inf) -> dict[str, Callable[[Array, Array], Array]]:
    """The three rules for a ReLU with this slope below zero and this upper limit."""

    def by_value(values: Array, signal: Array) -> Array:
        return signal * np.where(values > 0, 1, slope) * (values < top)

    def by_signal(values: Array, signal: Array) -> Array:
        return signal * np.where(signal > 0, 1, slope)

    return {
        "gradient": by_value,
        "deconvnet": by_signal,
        "guided": lambda values, signal: by_signal(values, by_value(values, signal)),
    }


RECTIFIERS = {
    "inside": (None, "relu", sloped(0)),
    "layer": (layers.ReLU(), None, sloped(0)),
    "activation layer": (layers.Activation("relu"), None, sloped(0)),
    "operation": (keras.ops.relu, None, sloped(0)),
    "maximum": (lambda values: keras.ops.maximum(values, 0.0), None, sloped(0)),
    "tensorflow": (layers.Lambda(tf.nn.relu), None, sloped(0)),
    "relu6": (layers.ReLU(6.0), None, sloped(0, 6)),
    "limit": (layers.ReLU(0.5), None, sloped(0, 0.5)),
    "leaky": (layers.LeakyReLU(negative_slope=0.25), None, sloped(0.25)),
    "leaky inside": (None, "leaky_relu", sloped(0.2)),
}


@EVERY_METHOD
@pytest.mark.parametrize("form", RECTIFIERS)
def test_each_form_of_a_rectifier_follows_the_method_s_rule(form: str, method: Method) -> None:
    activation, inside, rules = RECTIFIERS[form]
    model, batch = pointwise(activation, inside), 6 * pixels(4, 2, 3, 4)
    made = projector(network(model), method)
    assert made.others == ()
    places = [Place(number, number % 2, number % 3) for number in range(4)]
    for image, place, projection in zip(batch, places, made.project(batch, places), strict=True):
        np.testing.assert_allclose(projection, expected(model, image, place, rules[method]), atol=1e-5)


def slope_by_differences(function: Callable[[Array], Array], values: Array) -> Array:
    step = 1e-2
    return (np.asarray(function(values + step)) - np.asarray(function(values - step))) / (2 * step)


OTHERS = {
    "ELU": layers.Activation("elu"),
    "SELU": layers.Activation("selu"),
    "sigmoid": layers.Activation("sigmoid"),
    "tanh": layers.Activation("tanh"),
    "softplus": layers.Activation("softplus"),
    "softsign": layers.Activation("softsign"),
    "GELU": layers.Activation("gelu"),
    "SiLU": layers.Activation("silu"),
    "hard sigmoid": layers.Activation("hard_silu"),
    "PReLU": layers.PReLU(alpha_initializer=keras.initializers.Constant(0.3)),
    "ReLU with a threshold": layers.ReLU(threshold=0.4),
}


@EVERY_METHOD
@pytest.mark.parametrize("name", OTHERS)
def test_other_activations_keep_their_own_gradient_and_are_named(name: str, method: Method) -> None:
    activation = OTHERS[name]
    activation(np.zeros((1, 2, 3, 5), np.float32))
    model, batch = pointwise(activation), pixels(1, 2, 3, 4)
    made = projector(network(model), method)
    assert made.others == (() if method == "gradient" else (name,))

    def on_vector(values: Array) -> Array:
        return activation(np.broadcast_to(values, (1, 2, 3, 5)))[0, 1, 2]

    def rule(values: Array, signal: Array) -> Array:
        return signal * slope_by_differences(on_vector, values)

    (projection,) = made.project(batch, [Place(2, 1, 2)])
    np.testing.assert_allclose(projection, expected(model, batch[0], Place(2, 1, 2), rule), atol=2e-3)


def test_a_relu_with_slope_and_limit_keeps_its_own_gradient() -> None:
    model = pointwise(layers.ReLU(max_value=4.0, negative_slope=0.1))
    assert projector(network(model), "deconvnet").others == ("PReLU",)


def test_both_halves_of_a_concatenated_relu_are_rectifiers() -> None:
    image = keras.Input((2, 3, 4))
    halves = layers.Concatenate()([keras.ops.relu(image), keras.ops.relu(-image)])
    model, batch = keras.Model(image, layers.Conv2D(2, 1, name="top")(halves)), pixels(1, 2, 3, 4)
    signal = model.get_layer("top").get_weights()[0][0, 0, :, 1]
    made = projector(network(model), "deconvnet")
    assert made.others == ()
    (projection,) = made.project(batch, [Place(1, 0, 0)])
    np.testing.assert_allclose(projection[0, 0], np.maximum(signal[:4], 0) - np.maximum(signal[4:], 0), atol=1e-6)


# Linear networks: everything is the Jacobian


def linear(data_format: str = "channels_last") -> keras.Model:
    """Branches, a skip, batch normalization, nested models, strides, dilation, pooling by average; no activation."""
    image = keras.Input((12, 10, 3))
    normal = layers.BatchNormalization(
        moving_variance_initializer=keras.initializers.Constant(2.0), beta_initializer="random_normal"
    )
    inner = keras.Sequential([keras.Input((12, 10, 4)), layers.Conv2D(4, 3, padding="same"), normal], name="block")
    start = layers.Conv2D(4, 3, padding="same")(image)
    skip = layers.Add()([start, inner(start)])
    left = layers.Conv2D(3, 3, strides=2, padding="same")(skip)
    right = layers.AveragePooling2D(2)(layers.DepthwiseConv2D(3, dilation_rate=2, padding="same")(skip))
    joined = layers.Concatenate()([left, right])
    return keras.Model(image, layers.Conv2DTranspose(5, 3, padding="same", name="top")(joined))


@EVERY_METHOD
def test_of_a_linear_network_every_method_gives_the_finite_differences(method: Method) -> None:
    model, image, place = linear(), pixels(1, 12, 10, 3), Place(3, 2, 4)
    (projection,) = project(model, image, method, [place])
    steps = np.eye(image.size, dtype=np.float32).reshape(-1, *image.shape[1:])
    changed = model.predict(image + steps, verbose=0, batch_size=360) - model.predict(image, verbose=0)
    differences = changed[:, place.row, place.column, place.filter].reshape(image.shape[1:])
    assert np.abs(differences).max() > 0.01
    np.testing.assert_allclose(projection, differences, atol=2e-5)


def test_a_whole_map_is_the_sum_of_its_places_each_as_strong_as_its_activation() -> None:
    model = keras.Sequential(
        [keras.Input((9, 8, 2)), layers.Conv2D(3, 3, activation="relu"), layers.Conv2D(4, 3, name="top")]
    )
    batch = pixels(1, 9, 8, 2)
    maps = model.predict(batch, verbose=0)[0, ..., 1]
    assert maps.min() < 0 < maps.max()
    singles = [Place(1, row, column) for row in range(maps.shape[0]) for column in range(maps.shape[1])]
    each = project(model, batch.repeat(len(singles), axis=0), "gradient", singles)
    whole = project(model, batch, "gradient", [Place(1)])[0]
    np.testing.assert_allclose(whole, np.tensordot(np.maximum(maps, 0).ravel(), each, axes=1), atol=1e-5)


@EVERY_METHOD
def test_a_silent_filter_projects_to_zeros(method: Method) -> None:
    layer = layers.Conv2D(2, 3, activation="relu", name="top", bias_initializer=keras.initializers.Constant(-100.0))
    model = keras.Sequential([keras.Input((6, 6, 3)), layer])
    projection = project(model, pixels(2, 6, 6, 3), method, [Place(0), Place(0, 1, 2)])
    assert not projection.any()


# Whatever the network is made of


class Residual(keras.Model):
    """relu(x) + x, then a 1 x 1 convolution."""

    def build(self, input_shape):
        self.top = layers.Conv2D(2, 1, name="top")
        self.top.build(input_shape)

    def call(self, inputs):
        return self.top(tf.nn.relu(inputs) + inputs)


def test_a_subclassed_model_with_a_skip() -> None:
    model, batch = Residual(), pixels(1, 3, 3, 4)
    model(batch)
    signal = model.top.get_weights()[0][0, 0, :, 1]
    (projection,) = project(model, batch, "deconvnet", [Place(1, 2, 0)])
    np.testing.assert_allclose(projection[2, 0], signal + np.maximum(signal, 0), atol=1e-6)


def test_each_call_of_a_shared_layer_has_its_own_projection() -> None:
    fires = keras.initializers.Constant(20.0)
    shared = layers.Conv2D(3, 1, activation="relu", name="shared", bias_initializer=fires)
    image = keras.Input((2, 2, 3))
    model, batch = keras.Model(image, shared(shared(image))), pixels(1, 2, 2, 3)
    kernel = shared.get_weights()[0][0, 0]
    once, twice = (project(model, batch, "deconvnet", [Place(0, 1, 1)], path)[0] for path in ("shared#1", "shared#2"))
    np.testing.assert_allclose(once[1, 1], kernel[:, 0], atol=1e-6)
    np.testing.assert_allclose(twice[1, 1], kernel @ np.maximum(kernel[:, 0], 0), atol=1e-6)


@EVERY_METHOD
def test_a_grouped_convolution_is_one_with_zeros_between_the_groups(method: Method) -> None:
    grouped = keras.Sequential(
        [
            keras.Input((9, 8, 4)),
            layers.Conv2D(6, 3, groups=2, strides=2, padding="same", activation="relu"),
            layers.Conv2D(2, 3, name="top"),
        ]
    )
    whole = keras.Sequential(
        [
            keras.Input((9, 8, 4)),
            layers.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(2, 3, name="top"),
        ]
    )
    kernel, *rest = grouped.get_weights()
    block = np.zeros((3, 3, 4, 6), np.float32)
    block[:, :, :2, :3], block[:, :, 2:, 3:] = kernel[..., :3], kernel[..., 3:]
    whole.set_weights([block, *rest])
    batch, place = pixels(1, 9, 8, 4), Place(1, 2, 1)
    ours, theirs = (project(model, batch, method, [place]) for model in (grouped, whole))
    assert np.abs(theirs).max() > 0
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_channels_first_becomes_channels_last() -> None:
    settings = {"activation": "relu", "data_format": "channels_first"}
    first = keras.Sequential(
        [keras.Input((3, 8, 6)), layers.Conv2D(4, 3, **settings), layers.Conv2D(2, 3, name="top", **settings)]
    )
    settings["data_format"] = "channels_last"
    last = keras.Sequential(
        [keras.Input((8, 6, 3)), layers.Conv2D(4, 3, **settings), layers.Conv2D(2, 3, name="top", **settings)]
    )
    last.set_weights(first.get_weights())
    batch = pixels(1, 8, 6, 3)
    ours, theirs = (project(model, batch, "deconvnet", [Place(1, 3, 1)]) for model in (first, last))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_network_that_takes_bytes_is_differentiated_by_their_values() -> None:
    model = keras.Sequential(
        [keras.Input((3, 3, 2), dtype="uint8"), layers.Rescaling(0.5), layers.Conv2D(2, 1, name="top")]
    )
    (projection,) = project(model, np.full((1, 3, 3, 2), 200.0, np.float32), "gradient", [Place(1, 0, 2)])
    np.testing.assert_allclose(projection[0, 2], 0.5 * model.get_layer("top").get_weights()[0][0, 0, :, 1], atol=1e-6)


def test_a_network_of_fixed_batch_size_takes_any_number_of_images() -> None:
    image = keras.Input(batch_shape=(2, 4, 4, 3))
    model = keras.Model(image, layers.Conv2D(2, 3, name="top")(image))
    kernel = model.get_layer("top").get_weights()[0]
    places = [Place(0, 0, 0), Place(1, 1, 0), Place(1, 1, 1)]
    for place, projection in zip(places, project(model, pixels(3, 4, 4, 3), "gradient", places), strict=True):
        field = projection[place.row : place.row + 3, place.column : place.column + 3]
        np.testing.assert_allclose(field, kernel[..., place.filter], atol=1e-6)


def test_half_precision_becomes_float32() -> None:
    model = keras.Sequential([keras.Input((3, 3, 2)), layers.Conv2D(2, 1, name="top", dtype="mixed_float16")])
    (projection,) = project(model, pixels(1, 3, 3, 2), "gradient", [Place(0, 1, 1)])
    assert projection.dtype == np.float32
    np.testing.assert_allclose(projection[1, 1], model.get_layer("top").get_weights()[0][0, 0, :, 0], atol=1e-3)


def test_channels_come_back_in_the_order_of_the_image() -> None:
    model = keras.Sequential([keras.Input((2, 2, 3)), layers.Conv2D(1, 1, name="top")])
    net = network(model, "caffe")
    kernel = model.get_layer("top").get_weights()[0][0, 0, :, 0]
    batch = net.prepare(read_image("sample:flower")).array[:, :2, :2]
    (projection,) = projector(net, "gradient").project(batch, [Place(0, 0, 1)])
    np.testing.assert_allclose(projection[0, 1], kernel[::-1], atol=1e-6)


@EVERY_METHOD
def test_a_saved_model_projects_as_the_model_it_was_made_from(tmp_path: Path, method: Method) -> None:
    model = keras.Sequential(
        [
            keras.Input((10, 10, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(4, 3, activation="silu", name="top"),
        ]
    )
    with contextlib.redirect_stdout(io.StringIO()):
        model.export(tmp_path / "saved")
    net = load_network(str(tmp_path / "saved"))
    batch = pixels(1, 10, 10, 3)
    made = projector(net, method)
    assert made.others == (() if method == "gradient" else ("SiLU",))
    ours, theirs = made.project(batch, [Place(2, 1, 0)]), project(model, batch, method, [Place(2, 1, 0)])
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_layer_that_no_gradient_reaches_is_refused() -> None:
    image = keras.Input((4, 4, 3))
    bits = layers.Lambda(lambda values: tf.cast(tf.cast(values > 0, "int32"), "float32"))(image)
    model = keras.Model(image, layers.Conv2D(2, 1, name="top")(bits))
    with pytest.raises(NetworkError, match="top in net has no gradient on the way to the image"):
        projector(network(model), "gradient")
