"""Every kind of layer that is known, against the Keras layer itself."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from featuremap_cli.graph.encoding import ValueType
from featuremap_cli.graph.nodes import NodeList
from featuremap_cli.graph.runtime import Session
from featuremap_cli.networks.configuration.activations import ACTIVATIONS
from featuremap_cli.networks.configuration.known_layers import READERS, known_layer
from featuremap_cli.networks.configuration.settings import UnknownLayerError
from tests.networks.configuration.graph_of_one_layer import computed

RNG = np.random.default_rng(7)


def agrees(layer: keras.layers.Layer, *shapes: tuple[int, ...]) -> None:
    """Whether what we compute is what the layer does, for values of these shapes, without the batch axis."""
    values = [RNG.normal(0, 2, shape).astype(np.float32) for shape in shapes]
    batches = [value[np.newaxis] for value in values]
    given_to_keras = batches if len(batches) > 1 else batches[0]
    layer(given_to_keras, training=False)
    for variable in layer.weights:
        if keras.backend.is_float_dtype(variable.dtype):
            variable.assign(RNG.uniform(0.3, 1.2, variable.shape))
    if isinstance(layer, layers.Normalization):
        layer.finalize_state()
    expected = np.asarray(layer(given_to_keras, training=False))[0]
    kind = known_layer(type(layer).__name__, json.loads(json.dumps(layer.get_config())))
    assert kind.output_shape(shapes) == expected.shape
    weights = {variable.name: tuple(variable.shape) for variable in layer.weights}
    assert kind.weights(shapes) == weights
    arrays = {variable.name: np.asarray(variable) for variable in layer.weights}
    output = computed(kind, values, arrays)
    assert output.dtype == np.float32
    np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5 * max(float(expected.std()), 1.0))


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
paddings = st.sampled_from(["same", "valid"])
sizes = st.tuples(st.integers(8, 13), st.integers(8, 13))


@given(sizes, pairs, pairs, paddings, st.sampled_from([(1, 6, 3), (2, 4, 6), (4, 4, 4)]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_conv2d(size: Any, kernel: Any, strides: Any, padding: Any, grouped: Any, use_bias: bool) -> None:
    groups, channels, filters = grouped
    layer = layers.Conv2D(filters, kernel, strides, padding, groups=groups, use_bias=use_bias, activation="relu")
    agrees(layer, (*size, channels))


@given(sizes, pairs, pairs, paddings)
@settings(max_examples=15, deadline=None)
def test_dilated_conv2d(size: Any, kernel: Any, dilation: Any, padding: Any) -> None:
    agrees(layers.Conv2D(3, kernel, padding=padding, dilation_rate=dilation), (*size, 2))


@given(sizes, pairs, st.integers(1, 3), paddings, st.integers(1, 2), st.booleans())
@settings(max_examples=20, deadline=None)
def test_depthwise(size: Any, kernel: Any, stride: int, padding: Any, multiplier: int, use_bias: bool) -> None:
    layer = layers.DepthwiseConv2D(kernel, stride, padding, depth_multiplier=multiplier, use_bias=use_bias)
    agrees(layer, (*size, 3))


@given(sizes, pairs, st.integers(1, 2), paddings, st.integers(1, 2))
@settings(max_examples=15, deadline=None)
def test_separable(size: Any, kernel: Any, stride: int, padding: Any, multiplier: int) -> None:
    agrees(layers.SeparableConv2D(5, kernel, stride, padding, depth_multiplier=multiplier), (*size, 3))


@given(sizes, pairs, pairs, paddings)
@settings(max_examples=20, deadline=None)
def test_transposed(size: Any, kernel: Any, strides: Any, padding: Any) -> None:
    agrees(layers.Conv2DTranspose(4, kernel, strides, padding, activation="tanh"), (*size, 3))


@given(st.sampled_from([layers.MaxPooling2D, layers.AveragePooling2D]), sizes, pairs, pairs, paddings)
@settings(max_examples=30, deadline=None)
def test_pools(pool: Any, size: Any, window: Any, strides: Any, padding: Any) -> None:
    agrees(pool(window, strides, padding), (*size, 3))


@pytest.mark.parametrize(
    ("size", "filters", "kernel"),
    [((60, 50), 40, 3), ((20, 30), 300, 3), ((70, 80), 64, 1), ((9, 9), 700, 1)],
    ids=["blocks of rows", "blocks of filters", "1x1 in rows", "1x1 in filters"],
)
def test_convolutions_large_enough_for_several_threads(size: Any, filters: int, kernel: int) -> None:
    agrees(layers.Conv2D(filters, kernel, padding="same"), (*size, 80))


IMAGE = (7, 6, 4)
SINGLE = [
    layers.Dense(5, activation="softmax"),
    layers.Dense(5, use_bias=False),
    layers.BatchNormalization(),
    layers.BatchNormalization(axis=3, scale=False, epsilon=0.1),
    layers.BatchNormalization(center=False),
    layers.LayerNormalization(),
    layers.LayerNormalization(axis=3, scale=False, epsilon=0.1),
    layers.LayerNormalization(center=False),
    layers.Normalization(),
    layers.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[1.0, 2.0, 3.0, 0.0]),
    layers.Normalization(axis=-1, mean=2.0, variance=3.0),
    layers.Rescaling(1 / 127.5, offset=-1),
    layers.Rescaling([1.0, 2.0, 3.0, 4.0]),
    layers.ReLU(),
    layers.ReLU(max_value=1.5),
    layers.ReLU(max_value=6),
    layers.ReLU(negative_slope=0.3),
    layers.ReLU(threshold=0.5),
    layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.25),
    layers.LeakyReLU(),
    layers.LeakyReLU(negative_slope=0.05),
    layers.PReLU(),
    layers.PReLU(shared_axes=[1, 2]),
    layers.ELU(),
    layers.ELU(alpha=0.4),
    layers.Softmax(),
    layers.Activation("linear"),
    layers.GlobalAveragePooling2D(),
    layers.GlobalAveragePooling2D(keepdims=True),
    layers.GlobalMaxPooling2D(),
    layers.ZeroPadding2D(((1, 2), (3, 0))),
    layers.ZeroPadding2D(0),
    layers.Cropping2D(((1, 0), (2, 1))),
    layers.UpSampling2D((2, 3)),
    layers.Flatten(),
    layers.Reshape((42, 4)),
    layers.Reshape((-1, 2, 4)),
    layers.Dropout(0.5),
    layers.SpatialDropout2D(0.5),
    layers.GaussianDropout(0.5),
    layers.GaussianNoise(0.5),
    layers.AlphaDropout(0.5),
    layers.ActivityRegularization(0.5),
    layers.Identity(),
]


@pytest.mark.parametrize("layer", SINGLE, ids=lambda layer: layer.name)
def test_layers_of_one_input(layer: Any) -> None:
    agrees(type(layer).from_config(layer.get_config()), IMAGE)


@pytest.mark.parametrize(
    ("layer", "count"),
    [
        (layers.Add(), 2),
        (layers.Add(), 3),
        (layers.Subtract(), 2),
        (layers.Multiply(), 3),
        (layers.Average(), 3),
        (layers.Maximum(), 3),
        (layers.Minimum(), 2),
        (layers.Concatenate(), 3),
        (layers.Concatenate(axis=1), 2),
        (layers.Concatenate(axis=-2), 2),
    ],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_layers_of_several_inputs(layer: Any, count: int) -> None:
    agrees(type(layer).from_config(layer.get_config()), *[IMAGE] * count)


def test_a_gate_of_one_value_a_channel() -> None:
    agrees(layers.Multiply(), IMAGE, (1, 1, 4))
    agrees(layers.Multiply(), (1, 1, 4), IMAGE)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_by_name(name: str) -> None:
    agrees(layers.Activation(name), IMAGE)
    agrees(layers.Activation(name), (50,))
    agrees(layers.Conv2D(2, 3, activation=name), IMAGE)


def test_activations_of_extreme_values_are_kerass() -> None:
    values = np.array([-1e30, -100, -20, -3, -0.0, 0, 1e-20, 3, 20, 100, 1e30], np.float32)
    for name, activation in ACTIVATIONS.items():
        if activation is None or name == "exponential":
            continue
        nodes = NodeList("made ")
        made, kind = activation(nodes, "given", 0), {"given": ValueType("float32", (11,))}
        (out,) = Session(nodes.nodes, kind, [made], nodes.constants).run({"given": values})
        expected = np.asarray(keras.activations.get(name)(values[np.newaxis]))[0]
        np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6, err_msg=name)


def test_every_reader_is_tested_here() -> None:
    tested = {type(layer).__name__ for layer in SINGLE}
    tested |= {"Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "MaxPooling2D", "AveragePooling2D"}
    tested |= {"LayerScale", "StochasticDepth", "CustomScaleLayer"}  # of keras.applications, in its networks' tests
    tested |= {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"}
    assert set(READERS) == tested


@pytest.mark.parametrize(
    "layer",
    [
        layers.UnitNormalization(),
        layers.Lambda(lambda x: x),
        layers.Conv1D(2, 3),
        layers.Conv2D(2, 3, data_format="channels_first"),
        layers.Conv2D(2, 3, dtype="float16"),
        layers.Conv2D(2, 3, dtype="mixed_float16"),
        layers.Conv2D(2, 3, activation="mish"),
        layers.Conv2D(2, 3, activation=layers.LeakyReLU()),
        layers.Conv2DTranspose(2, 3, 2, output_padding=1),
        layers.Conv2DTranspose(2, 3, dilation_rate=2),
        layers.UpSampling2D(interpolation="bilinear"),
        layers.Softmax(axis=[1, 2]),
        layers.Normalization(invert=True),
        layers.BatchNormalization(renorm=True),
        layers.MaxPooling2D(data_format="channels_first"),
    ],
    ids=lambda layer: layer.name,
)
def test_what_is_not_known_is_said_so(layer: Any) -> None:
    with pytest.raises(UnknownLayerError):
        known_layer(type(layer).__name__, layer.get_config())


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (layers.BatchNormalization(axis=1), [IMAGE]),
        (layers.LayerNormalization(axis=[1, 2]), [IMAGE]),
        (layers.Normalization(axis=(1, 3)), [IMAGE]),
        (layers.Concatenate(), [IMAGE, (7, 5, 4)]),
        (layers.Add(), [IMAGE, (7, 6, 3)]),
        (layers.Add(), [IMAGE]),
        (layers.Conv2D(4, 3, groups=2), [(7, 6, 3)]),
        (layers.Conv2D(4, 3), [(7, 6)]),
        (layers.Reshape((5, 5)), [IMAGE]),
        (layers.Flatten(), [(None, None, 4)]),
        (layers.Rescaling([1.0, 2.0]), [IMAGE]),
    ],
    ids=lambda value: str(getattr(value, "name", "")),
)
def test_inputs_that_are_not_known(layer: Any, shapes: Any) -> None:
    kind = known_layer(type(layer).__name__, layer.get_config())
    with pytest.raises(UnknownLayerError):
        kind.output_shape(shapes)


def test_a_setting_that_a_later_keras_might_have_makes_a_layer_unknown() -> None:
    config = layers.Conv2D(2, 3).get_config()
    known_layer("Conv2D", config | {"new_and_off": None})
    with pytest.raises(UnknownLayerError, match="has new_and_on=7"):
        known_layer("Conv2D", config | {"new_and_on": 7})
