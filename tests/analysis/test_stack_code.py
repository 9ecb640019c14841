"""Lines of Keras, which Keras itself runs here, and of PyTorch, by the formulas that its documentation gives."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from featuremap_cli.analysis.stack import describe_stack
from featuremap_cli.analysis.stack_words import ALIASES, WORDS
from featuremap_cli.errors import NotationError


def last(shape: tuple[int, int, int], *layers: str) -> tuple[Any, int | None]:
    """The output's (height, width, channels) and the last layer's parameters."""
    record = describe_stack(shape, layers).layers[-1]
    return record.facts.output_shape, record.facts.parameters


KERAS = [
    'Conv2D(32, 3, padding="same")',
    "layers.Conv2D(filters=8, kernel_size=(3, 5), strides=2, use_bias=False, activation='relu')",
    "keras.layers.Conv2D(8, 3, dilation_rate=(1, 2), groups=2, name='a')",
    "DepthwiseConv2D(3, depth_multiplier=2)",
    'SeparableConv2D(16, 3, 1, "same")',
    'Conv2DTranspose(6, 3, strides=2, padding="same")',
    "MaxPooling2D()",
    "MaxPooling2D(3, strides=2, padding='same')",
    "AveragePooling2D((2, 3))",
    "UpSampling2D(2, interpolation='bilinear')",
    "ZeroPadding2D(2)",
    "Cropping2D(1)",
    "BatchNormalization()",
    "Activation('relu')",
]


@pytest.mark.parametrize("line", KERAS)
def test_lines_of_keras_are_what_keras_makes_of_them(line: str) -> None:
    image = keras.Input((17, 23, 4))
    names = {name: getattr(keras.layers, name) for name in dir(keras.layers) if name[0].isupper()}
    layer = eval(line, {"layers": keras.layers, "keras": keras, **names})
    expected = tuple(keras.Model(image, layer(image)).output_shape[1:]), layer.count_params()
    assert last((17, 23, 4), line) == expected
    for written in (f"model.add({line})", f"x = {line}(x)", f"{line},"):
        assert last((17, 23, 4), written) == expected


@pytest.mark.parametrize(
    ("line", "shape", "parameters"),
    [
        # floor((17 + 2 * 1 - 1 * (3 - 1) - 1) / 2 + 1) = 9, and 12 for 23; 4 * 8 * 9 weights and 8 biases
        ("nn.Conv2d(4, 8, 3, stride=2, padding=1)", (9, 12, 8), 296),
        ("torch.nn.Conv2d(4, 8, kernel_size=(1, 3), bias=False)", (17, 21, 8), 96),
        ("Conv2d(4, 8, 3, dilation=2, groups=4)", (13, 19, 8), 80),
        ("nn.Conv2d(4, 8, 3, padding='same')", (17, 23, 8), 296),
        # (17 - 1) * 2 - 2 * 1 + 1 * (4 - 1) + 1 = 34
        ("nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1)", (34, 46, 6), 390),
        ("nn.MaxPool2d(2)", (8, 11, 4), 0),
        ("nn.MaxPool2d(3, 2, 1)", (9, 12, 4), 0),
        ("nn.AvgPool2d(3, stride=1)", (15, 21, 4), 0),
        ("nn.AdaptiveAvgPool2d((1, 1))", (1, 1, 4), 0),
        ("nn.ReLU(inplace=True)", (17, 23, 4), 0),
    ],
)
def test_lines_of_pytorch(line: str, shape: tuple[int, int, int], parameters: int) -> None:
    assert last((17, 23, 4), line) == (shape, parameters)


def test_a_network_of_lines() -> None:
    lines = ("nn.Conv2d(1, 6, 5, padding=2)", "nn.MaxPool2d(2)", "nn.Flatten()", "nn.Linear(1176, 10)")
    assert last((28, 28, 1), *lines) == ((1, 1, 10), 11_770)
    assert last((28, 28, 1), "; ".join(lines)) == ((1, 1, 10), 11_770)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nn.Conv2d(64, 32, 3)", "takes 64 channels, and what comes before it gives 4: write 4"),
        ("Conv2D(32)", "lacks its size"),
        ("Conv2D(kernel_size=3)", "lacks its number of filters"),
        ("Conv3D(3, 3)", "did you mean `Conv2D`"),
        ("Frobnicate(3)", "expected one of Conv2D"),
        ("Conv2D(32, 3", "brackets do not fit"),
        ("Conv2D(32, 3, wings=2)", "`wings` of `Conv2D` is not known here"),
        ("Conv2D(n, 3)", "numbers and words alone, got `n`"),
        ("Conv2D(__import__('os').system('x'), 3)", "numbers and words alone"),
        ("Conv2D(-3, 3)", "a whole number above zero"),
        ("nn.AdaptiveAvgPool2d(7)", "an output of 1 alone"),
        ("nn.ConvTranspose2d(4, 6, 4, output_padding=1)", "`output_padding` of `ConvTranspose2d` is not known"),
        ("nn.MaxPool2d(2, ceil_mode=True)", "`ceil_mode` of `MaxPool2d` is not known"),
    ],
)
def test_what_cannot_be_read_is_said(line: str, message: str) -> None:
    with pytest.raises(NotationError, match=message.replace("(", r"\(")):
        describe_stack((17, 23, 4), [line])


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("maxpool 2", "max pool 2"),
        ("Max-Pool 3x3 /2", "max pool 3 /2"),
        ("avgpool 2", "avg pool 2"),
        ("sepconv 8 3*3", "separable 8 3x3"),
        ("conv2d 8 3,5 dilation 3,1", "conv 8 3x5 dilation 3x1"),
        ("gap", "global pool"),
        ("fc 10", "dense 10"),
    ],
)
def test_other_ways_to_write_a_layer(written: str, meant: str) -> None:
    assert last((31, 33, 4), written) == last((31, 33, 4), meant)


def test_every_other_name_means_a_word() -> None:
    assert set(ALIASES.values()) <= WORDS.keys()
    assert not ALIASES.keys() & WORDS.keys()
