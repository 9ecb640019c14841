"""Stacks in words: the figures of textbooks, Keras's shapes and parameters, and errors that point at the token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featuremap_cli.analysis.cost import Storage, totals
from featuremap_cli.analysis.description import describe
from featuremap_cli.analysis.receptive_field import receptive_fields
from featuremap_cli.analysis.stack import describe_stack, parse_input
from featuremap_cli.analysis.stack_words import WORDS
from featuremap_cli.errors import NotationError


def field_sizes(input_text: str, *layers: str) -> list[int]:
    """The receptive fields' heights, layer by layer."""
    graph = describe_stack(parse_input(input_text), layers)
    return [field.height.size for field in receptive_fields(graph)[1:]]


def test_gerons_single_layer() -> None:
    """Geron, Hands-On Machine Learning, chapter 14, memory requirements: 5 x 5 filters, 200 maps of 150 x 100, RGB."""
    description = describe(describe_stack((150, 100, 3), ["conv 200 5x5 same"]))
    row = description.rows[0].as_json()
    assert row["output_shape"] == [150, 100, 200]
    assert row["parameters"] == 15_200
    assert row["macs"] == 225_000_000
    assert row["output_bytes"] == 12_000_000


def test_gerons_exercise_two() -> None:
    """Three layers of 3 x 3, stride 2, SAME, 100, 200 and 400 maps, on RGB images of 200 x 300."""
    graph = describe_stack((200, 300, 3), [f"conv {filters} 3x3 /2 same" for filters in (100, 200, 400)])
    assert [record.facts.output_shape for record in graph.layers] == [(100, 150, 100), (50, 75, 200), (25, 38, 400)]
    one, batch = totals(graph, Storage()), totals(graph, Storage(50))
    assert one.parameters == 903_400
    assert one.inference_bytes == 6_000_000 + 3_000_000
    assert one.training_bytes == 6_000_000 + 3_000_000 + 1_520_000
    assert batch.training_bytes == 526_000_000
    assert batch.input_bytes == 36_000_000
    assert batch.parameter_bytes == 903_400 * 4
    assert totals(graph, Storage(1, "float16")).training_bytes == one.training_bytes // 2


def test_small_filters_see_what_a_large_one_sees() -> None:
    assert field_sizes("32x32x8", "2 x conv 8 3x3") == [3, 5]
    assert field_sizes("32x32x8", "3 x conv 8 3x3 same") == [3, 5, 7]
    assert field_sizes("32x32x8", "conv 8 7x7") == [7]


def test_three_small_convolutions_have_55_percent_of_the_weights() -> None:
    """27 C^2 over 49 C^2, Simonyan and Zisserman 2015, section 2.3."""
    weights = [
        sum(record.facts.parameters or 0 for record in describe_stack((32, 32, 64), [text]).layers)
        for text in ("3 x conv 64 3x3 no-bias", "conv 64 7x7 no-bias")
    ]
    assert weights == [27 * 64**2, 49 * 64**2]
    assert round(100 * weights[0] / weights[1]) == 55


@pytest.mark.parametrize(
    ("layers", "paths"),
    [
        (["3 x conv 4 3x3 same"], ["conv1", "conv2", "conv3"]),
        (["3x conv 4 3x3 same"], ["conv1", "conv2", "conv3"]),
        (["3 × CONV 4 3×3 same"], ["conv1", "conv2", "conv3"]),
        (["conv 4 3; pool 2; conv 4 same 1"], ["conv1", "pool1", "conv2"]),
        (["conv 4 3x3", "max pool 2", "avg pool 2x2 /1", "global pool", "dense 10"],
         ["conv1", "pool1", "pool2", "global_pool1", "dense1"]),
    ],
)  # fmt: skip
def test_ways_of_writing(layers: list[str], paths: list[str]) -> None:
    assert [record.path for record in describe_stack((32, 32, 3), layers).layers] == paths


def test_options_in_any_order_mean_the_same() -> None:
    first = describe_stack((32, 32, 4), ["conv 8 5x3 /2x1 same groups 2 no-bias"])
    second = describe_stack((32, 32, 4), ["conv no-bias same groups 2 strides 2x1 8 5x3"])
    assert first == second


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("cnv 64 3x3", "cnv"),
        ("conv 64 3x3 foo", "foo"),
        ("conv 64 3x3 sme", "sme"),
        ("conv 64 3x3 7", "7"),
        ("conv 0 3x3", "0"),
        ("conv 64 0x3", "0x3"),
        ("conv 64 3x3 /0", "0"),
        ("conv 64 3x3 /2 strides 3", "strides"),
        ("conv 64 3x3 same valid", "valid"),
        ("conv 64 3x3 dilation 1.5", "1.5"),
        ("pool 2 groups 3", "groups"),
        ("dense 10 3x3", "3x3"),
        ("relu 3", "3"),
        ("0 x conv 64 3x3", "0"),
        ("pool 2; cnv 3", "cnv"),
        ("conv 64 99x3", "conv 64 99x3"),
        ("pool 2; conv 64 3x3 groups 2", "conv 64 3x3 groups 2"),
        ("crop 16", "crop 16"),
        ("transpose 4 2x2 pad 40", "transpose 4 2x2 pad 40"),
        ("99999 x relu", "99999 x relu"),
    ],
)
def test_errors_underline_the_token(text: str, token: str) -> None:
    with pytest.raises(NotationError) as caught:
        describe_stack((32, 32, 3), [text])
    problem, shown, underline = str(caught.value).splitlines()
    start = underline.index("^")
    assert shown[start : start + underline.count("^")] == token
    assert problem


@pytest.mark.parametrize(
    "text", ["conv", "conv 64", "depthwise", "conv 64 3x3 /", "conv 64 3x3 groups", "3 x", "", "pool 2;"]
)
def test_what_is_missing_is_pointed_at(text: str) -> None:
    with pytest.raises(NotationError) as caught:
        describe_stack((32, 32, 3), [text])
    assert caught.value.start >= len(text.rstrip())


@pytest.mark.parametrize("text", ["150", "0x100x3", "axbxc", "150x100x3x1", "150x-1x3", "", "1.5x2x3"])
def test_input_that_is_no_shape(text: str) -> None:
    with pytest.raises(NotationError, match="HEIGHTxWIDTHxCHANNELS"):
        parse_input(text)


def test_input_is_height_width_channels() -> None:
    assert parse_input("28x28") == parse_input("(28, 28, 1)") == parse_input("28*28*1") == (28, 28, 1)
    assert parse_input("150x100x3") == parse_input(" 150×100X3 ") == (150, 100, 3)


def test_every_word_shows_a_usage_that_begins_with_it() -> None:
    assert all(word.usage.split(" [")[0].startswith(name) for name, word in WORDS.items())


# Oracle: the same layer in Keras. Each entry writes a layer in words and builds it.
Layer = tuple[str, Callable[[], Any]]


@st.composite
def windows(draw: st.DrawFn, *, dilated: bool = True, unstrided: bool = False) -> tuple[str, dict[str, Any]]:
    """A window in words, and as Keras's arguments."""
    size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    strides = (1, 1) if unstrided else draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) if dilated and strides == (1, 1) else (1, 1)
    padding = draw(st.sampled_from(["same", "valid"]))
    words = f"{size[0]}x{size[1]} /{strides[0]}x{strides[1]} {padding}"
    arguments: dict[str, Any] = {"strides": strides, "padding": padding}
    if dilated:
        words += f" dilation {dilation[0]}x{dilation[1]}"
        arguments["dilation_rate"] = dilation
    return words, {"size": size, **arguments}


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    word = draw(st.sampled_from(["conv", "depthwise", "separable", "transpose", "pool", "avg pool", *SIMPLE]))
    if word in SIMPLE:
        return word, SIMPLE[word]
    pools, classes = "pool" in word, keras.layers
    words, arguments = draw(windows(dilated=word in ("conv", "depthwise")))
    size = arguments.pop("size")
    if pools:
        pool = classes.MaxPooling2D if word == "pool" else classes.AveragePooling2D
        return f"{word} {words}", lambda: pool(size, **arguments)
    if word in ("depthwise", "separable") and arguments["strides"][0] != arguments["strides"][1]:
        arguments["strides"] = (arguments["strides"][0],) * 2  # TensorFlow's depthwise convolutions ask for equal ones
        words = f"{size[0]}x{size[1]} /{arguments['strides'][0]} {arguments['padding']}"
        arguments.pop("dilation_rate", None)
    if word == "depthwise":
        return f"depthwise {words} multiplier 2", lambda: classes.DepthwiseConv2D(size, depth_multiplier=2, **arguments)
    filters = draw(st.integers(1, 3)) * 2
    made = {"conv": classes.Conv2D, "separable": classes.SeparableConv2D, "transpose": classes.Conv2DTranspose}[word]
    return f"{word} {filters} {words}", lambda: made(filters, size, **arguments)


SIMPLE: dict[str, Callable[[], Any]] = {
    "upsample 2x3": lambda: keras.layers.UpSampling2D((2, 3)),
    "upsample 2 bilinear": lambda: keras.layers.UpSampling2D(2, interpolation="bilinear"),
    "border 1x2": lambda: keras.layers.ZeroPadding2D((1, 2)),
    "crop 1x2": lambda: keras.layers.Cropping2D((1, 2)),
    "batchnorm": lambda: keras.layers.BatchNormalization(),
    "relu": lambda: keras.layers.ReLU(),
    "dropout": lambda: keras.layers.Dropout(0.5),
    "softmax": lambda: keras.layers.Softmax(),
    "conv 4 1x1 groups 2": lambda: keras.layers.Conv2D(4, 1, groups=2),
}
ENDS: dict[str, Callable[[], list[Any]]] = {
    "relu": lambda: [keras.layers.ReLU()],
    "flatten": lambda: [keras.layers.Flatten()],
    "dense 7": lambda: [keras.layers.Flatten(), keras.layers.Dense(7)],
    "global pool": lambda: [keras.layers.GlobalAveragePooling2D(keepdims=True)],
    "global max pool": lambda: [keras.layers.GlobalMaxPooling2D(keepdims=True)],
}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(8, 40), st.integers(8, 40)),
    stack=st.lists(layers(), min_size=1, max_size=5),
    end=st.sampled_from(sorted(ENDS)),
)
def test_every_output_shape_and_parameter_is_keras_own(size: tuple[int, int], stack: list[Layer], end: str) -> None:
    shape = (*size, 2)
    tensor, words, shapes, parameters = keras.Input(shape), [], [], []
    for text, build in stack:
        layer = build()
        try:
            tensor = layer(tensor)
        except ValueError:
            break  # the filter does not fit: what is said then is tested elsewhere
        if min(tensor.shape[1:3]) < 1:
            break
        words.append(text)
        shapes.append(tuple(tensor.shape[1:]))
        parameters.append(layer.count_params())
    else:
        words.append(end)
        built = ENDS[end]()
        for layer in built:
            tensor = layer(tensor)
        shapes.append((*(1,) * (4 - len(tensor.shape)), *tensor.shape[1:]))
        parameters.append(sum(layer.count_params() for layer in built))
    graph = describe_stack(shape, words)
    assert [record.facts.output_shape for record in graph.layers] == shapes
    assert [record.facts.parameters for record in graph.layers] == parameters
