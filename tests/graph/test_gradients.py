"""Gradients of graphs against TensorFlow's own, operator by operator and for whole families of networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from featuremap_cli.graph.encoding import ValueType
from featuremap_cli.graph.gradients import SIGNAL, backward_graph
from featuremap_cli.graph.nodes import Node
from featuremap_cli.graph.runtime import GraphError, Session, value_types
from featuremap_cli.networks.configuration.loading import load_known_model
from featuremap_cli.networks.runtime_gradient import RuntimeGradient
from featuremap_cli.networks.runtime_recorder import RuntimeRecorder

RNG = np.random.default_rng(21)


def agrees(model: keras.Model, size: tuple[int, int], images: int = 2, rtol: float = 1e-4) -> None:
    """Whether the gradient of a random signal at the model's output is TensorFlow's."""
    network = load_known_model(model, "net", None, "unit")
    assert network is not None, "a layer is not known"
    recorder = network.recorder
    assert isinstance(recorder, RuntimeRecorder)
    batch = RNG.normal(size=(images, *size, model.input.shape[-1])).astype(np.float32)
    given_to_tape = tf.constant(batch)
    with tf.GradientTape() as tape:
        tape.watch(given_to_tape)
        output = model(given_to_tape, training=False)
    sent = RNG.normal(size=output.shape).astype(np.float32)
    expected = tape.gradient(output, given_to_tape, output_gradients=tf.constant(sent)).numpy()
    turned = np.moveaxis(sent, -1, 1) if sent.ndim == 4 else sent
    gradient = RuntimeGradient(recorder, recorder.graph.outputs[0], "gradient", size)
    ours = gradient.run(batch, lambda value, piece: turned[piece])
    assert expected.any()
    np.testing.assert_allclose(ours, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def single(layer: Any, *, channels: int = 4, size: tuple[int, int] = (9, 8)) -> keras.Model:
    """The layer after a convolution, so that its input is no image's."""
    image = keras.Input((*size, 3))
    return keras.Model(image, layer(layers.Conv2D(channels, 1, bias_initializer="random_normal")(image)))


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
paddings = st.sampled_from(["same", "valid"])


@given(pairs, pairs, paddings, st.sampled_from([1, 2, 4]), st.booleans())
@settings(max_examples=15, deadline=None)
def test_convolutions(size: Any, strides: Any, padding: Any, groups: int, is_deep: bool) -> None:
    if is_deep:
        agrees(single(layers.DepthwiseConv2D(size, strides[0], padding, depth_multiplier=2)), (9, 8))
    else:
        agrees(single(layers.Conv2D(8, size, strides, padding, groups=groups)), (9, 8))


@given(pairs, pairs, paddings)
@settings(max_examples=10, deadline=None)
def test_dilated_convolutions(size: Any, dilation: Any, padding: Any) -> None:
    agrees(single(layers.Conv2D(3, size, padding=padding, dilation_rate=dilation)), (9, 8))


@given(pairs, pairs, paddings)
@settings(max_examples=15, deadline=None)
def test_transposed_convolutions(size: Any, strides: Any, padding: Any) -> None:
    agrees(single(layers.Conv2DTranspose(3, size, strides, padding)), (9, 8))


@given(st.sampled_from([layers.MaxPooling2D, layers.AveragePooling2D]), pairs, pairs, paddings)
@settings(max_examples=20, deadline=None)
def test_pools_whose_windows_overlap_or_leave_gaps(pool: Any, size: Any, strides: Any, padding: Any) -> None:
    agrees(single(pool(size, strides, padding)), (9, 8))


@pytest.mark.parametrize(
    "layer",
    [
        layers.BatchNormalization(moving_variance_initializer=keras.initializers.Constant(2.0)),
        layers.Flatten(),
        layers.Reshape((12, 24)),
        layers.Reshape((3, 8, 12)),
        layers.GlobalAveragePooling2D(),
        layers.GlobalMaxPooling2D(keepdims=True),
        layers.ZeroPadding2D(((1, 2), (3, 0))),
        layers.Cropping2D(((1, 2), (2, 0))),
        layers.UpSampling2D((2, 3)),
        layers.Dense(5),
        layers.Softmax(),
        layers.PReLU(alpha_initializer=keras.initializers.Constant(0.3)),
        layers.ReLU(max_value=1.0),
        layers.ReLU(max_value=1.0, negative_slope=0.2),
        layers.ReLU(threshold=0.3),
        *(
            layers.Activation(name)
            for name in ("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "hard_silu", "sigmoid")
        ),
        *(layers.Activation(name) for name in ("hard_sigmoid", "tanh", "softplus", "softsign", "exponential")),
    ],
    ids=lambda layer: layer.name,
)
def test_layers(layer: Any) -> None:
    agrees(single(type(layer).from_config(layer.get_config())), (9, 8))


@pytest.mark.parametrize("merge", [layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum])
def test_branches_that_meet(merge: Any) -> None:
    image = keras.Input((9, 8, 3))
    left = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    right = layers.Conv2D(4, 3, padding="same", activation="tanh")(image)
    agrees(keras.Model(image, merge()([left, right])), (9, 8))


def test_a_gate_and_what_it_gates() -> None:
    image = keras.Input((9, 8, 3))
    maps = layers.Conv2D(4, 3, activation="relu")(image)
    gate = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(maps))
    agrees(keras.Model(image, layers.Concatenate()([layers.Multiply()([maps, gate]), maps])), (9, 8))


@pytest.mark.parametrize(
    ("name", "size"), [("ResNet50", 48), ("MobileNetV2", 48), ("DenseNet121", 48), ("EfficientNetB0", 48)]
)
def test_families(name: str, size: int) -> None:
    keras.utils.set_random_seed(5)
    model = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(size, size, 3))
    agrees(model, (size, size), images=1, rtol=2e-3)


# Operators that no layer of Keras's gives


def of_nodes(nodes: list[Node], arrays: dict[str, Any], image: Any, opset: int = 17) -> tuple[Any, Any, Any]:
    """The values at the end, a signal there, and the gradient at the image."""
    kinds = {"image": ValueType("float32", image.shape)}
    types = value_types(nodes, kinds, arrays, {"": opset})
    end = nodes[-1].outputs[0]
    shapes = {name: kind.shape for name, kind in types.items()}
    back = backward_graph(nodes, "image", end, shapes, arrays.get, "gradient", {"": opset})
    taken = sorted(back.taken - {"image"})
    values = Session(nodes, kinds, [end, *taken], arrays, {"": opset}).run({"image": image})
    sent = RNG.normal(size=values[0].shape).astype(np.float32)
    inputs = {name: types[name] for name in taken} | {SIGNAL: ValueType("float32", sent.shape)} | kinds
    fed = dict(zip(taken, values[1:], strict=True)) | {SIGNAL: sent, "image": image}
    used = {name for node in back.nodes for name in node.inputs} | {SIGNAL}
    inputs, fed = ({name: one[name] for name in one if name in used} for one in (inputs, fed))
    (gradient,) = Session(back.nodes, inputs, [str(back.gradient)], {**arrays, **back.constants}).run(fed)
    return values[0], sent, gradient


def differences(function: Callable[[Any], Any], image: Any, sent: Any, step: float = 1e-2) -> Any:
    """The gradient of the signal's product with a function's values, by finite differences in double precision."""
    found = np.zeros_like(image)
    for place in np.ndindex(image.shape):
        moved = [image.astype(np.float64), image.astype(np.float64)]
        moved[0][place] += step
        moved[1][place] -= step
        found[place] = ((function(moved[0]) - function(moved[1])) * sent).sum() / (2 * step)
    return found


@pytest.mark.parametrize("size", [3, 5])
def test_local_response_normalization(size: int) -> None:
    def normalized(image: Any) -> Any:
        before, after = (size - 1) // 2, size // 2
        channels = range(image.shape[1])
        squares = [(image[:, max(0, one - before) : one + after + 1] ** 2).sum(axis=1) for one in channels]
        return image / (1.5 + 0.2 / size * np.stack(squares, axis=1)) ** 0.6

    image = RNG.normal(size=(1, 6, 2, 3)).astype(np.float32)
    node = Node("LRN", ("image",), ("out",), {"size": size, "alpha": 0.2, "beta": 0.6, "bias": 1.5})
    values, sent, gradient = of_nodes([node], {}, image)
    np.testing.assert_allclose(values, normalized(image), rtol=1e-5)
    np.testing.assert_allclose(gradient, differences(normalized, image, sent), atol=1e-3)


@pytest.mark.parametrize("operator", ["InstanceNormalization", "LayerNormalization"])
def test_normalizations_by_the_values_own_moments(operator: str) -> None:
    axes = (2, 3) if operator == "InstanceNormalization" else (1, 2, 3)
    scale = RNG.uniform(0.5, 1.5, 3 if operator == "InstanceNormalization" else (3, 4, 2)).astype(np.float32)
    shaped = scale.reshape(3, 1, 1) if operator == "InstanceNormalization" else scale

    def normalized(image: Any) -> Any:
        deviation = np.sqrt(image.var(axis=axes, keepdims=True) + 1e-5)
        return (image - image.mean(axis=axes, keepdims=True)) / deviation * shaped

    image = RNG.normal(size=(2, 3, 4, 2)).astype(np.float32)
    settings_of = {"epsilon": 1e-5} | ({} if operator == "InstanceNormalization" else {"axis": 1})
    arrays = {"scale": scale, "shift": np.zeros_like(scale)}
    values, sent, gradient = of_nodes(
        [Node(operator, ("image", "scale", "shift"), ("out",), settings_of)], arrays, image
    )
    np.testing.assert_allclose(values, normalized(image), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradient, differences(normalized, image, sent, 1e-3), atol=2e-3)


def test_split_and_slice_and_concatenation() -> None:
    nodes = [
        Node("Split", ("image",), ("left", "right"), {"axis": 1}),
        Node("Slice", ("right", "starts", "ends", "axes"), ("part",)),
        Node("Pad", ("part", "border"), ("bordered",)),
        Node("Mul", ("left", "bordered"), ("out",)),
    ]
    arrays = {
        "starts": np.array([1], np.int64),
        "ends": np.array([3], np.int64),
        "axes": np.array([2], np.int64),
        "border": np.array([0, 0, 1, 0, 0, 0, 1, 0], np.int64),
    }

    def product(image: Any) -> Any:
        part = np.zeros_like(image[:, 2:])
        part[:, :, 1:3] = image[:, 2:, 1:3]
        return image[:, :2] * part

    image = RNG.normal(size=(1, 4, 4, 3)).astype(np.float32)
    values, sent, gradient = of_nodes(nodes, arrays, image)
    np.testing.assert_allclose(values, product(image), rtol=1e-5)
    np.testing.assert_allclose(gradient, differences(product, image, sent), atol=1e-3)


@pytest.mark.parametrize(("mode", "scale"), [("nearest", 2.0), ("linear", 2.0), ("linear", 0.5), ("cubic", 1.5)])
def test_resizes_are_linear_so_their_gradient_is_what_they_make_of_each_pixel(mode: str, scale: float) -> None:
    node = Node("Resize", ("image", "", "scales"), ("out",), {"mode": mode})
    arrays = {"scales": np.array([1, 1, scale, scale], np.float32)}
    image = RNG.normal(size=(1, 2, 4, 6)).astype(np.float32)
    _, sent, gradient = of_nodes([node], arrays, image)
    pixels = np.eye(48, dtype=np.float32).reshape(48, 2, 4, 6)
    (made,) = Session([node], {"image": ValueType("float32", pixels.shape)}, ["out"], arrays).run({"image": pixels})
    np.testing.assert_allclose(gradient, (made * sent).sum(axis=(1, 2, 3)).reshape(image.shape), atol=1e-4)


def test_an_average_whose_last_windows_reach_beyond_the_image() -> None:
    settings_of = {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 0, 0, 0), "ceil_mode": 1}
    node = Node("AveragePool", ("image",), ("out",), settings_of)
    image = RNG.normal(size=(1, 2, 6, 6)).astype(np.float32)
    _, sent, gradient = of_nodes([node], {}, image, opset=19)
    pixels = np.eye(72, dtype=np.float32).reshape(72, 2, 6, 6)
    kind = {"image": ValueType("float32", pixels.shape)}
    (made,) = Session([node], kind, ["out"], {}, {"": 19}).run({"image": pixels})
    np.testing.assert_allclose(gradient, (made * sent).sum(axis=(1, 2, 3)).reshape(image.shape), atol=1e-5)


def test_an_operator_without_a_rule_is_named() -> None:
    image = np.ones((1, 2, 4, 4), np.float32)
    with pytest.raises(GraphError, match="DepthToSpace has no gradient here"):
        of_nodes([Node("DepthToSpace", ("image",), ("out",), {"blocksize": 1})], {}, image)
