"""Lines of Keras, which Keras itself runs here, and of PyTorch, by the formulas that its documentation gives."""

from __future__ import annotations

import contextlib
import inspect
import re
from typing import Any

import keras
import pytest

from featuremap_cli.analysis.stack import describe_stack
from featuremap_cli.analysis.stack_keras import KERAS as CLASSES
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
    "BatchNormalization(scale=False)",
    "BatchNormalization(center=False, scale=False)",
    "LayerNormalization()",
    "GroupNormalization(2)",
    "LeakyReLU(0.1)",
    "SpatialDropout2D(0.2)",
    "Rescaling(1 / 255)",
    "Resizing(9, 30)",
    "Dense(7)",
    "Dense(7, 'relu', False)",
    "Flatten()",
    "ZeroPadding2D(((1, 0), (2, 3)))",
    "Cropping2D(((1, 0), (2, 3)))",
    "UpSampling2D((2, 3))",
    "DepthwiseConv2D(3, 2, 'same', 2, None, 1, None, False)",
    "Conv2DTranspose(6, (3, 4), strides=(3, 2), padding='same', output_padding=1)",
    "Conv2DTranspose(6, 5, 3, 'valid', 2)",
    "Conv2D(8, 3, 2, 'same', None, 1, 2, 'relu', False)",
]


@pytest.mark.parametrize("line", KERAS)
def test_lines_of_keras_are_what_keras_makes_of_them(line: str) -> None:
    image = keras.Input((17, 23, 4))
    names = {name: getattr(keras.layers, name) for name in dir(keras.layers) if name[0].isupper()}
    layer = eval(line, {"layers": keras.layers, "keras": keras, **names})
    shape = tuple(keras.Model(image, layer(image)).output_shape[1:])
    expected = (*(1,) * (3 - len(shape)), *shape), layer.count_params()
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
        # 17 + 2 * 1 - 3 + 1 = 17 rows and 23 + 2 * 2 - 5 + 1 = 23 columns; 4 * 8 * 15 weights and 8 biases
        ("nn.Conv2d(4, 8, (3, 5), padding=(1, 2))", (17, 23, 8), 488),
        ("nn.Conv2d(4, 8, 3, 1, 0, 2, 4, False)", (13, 19, 8), 72),
        # (17 - 1) * 2 - 2 * 1 + (3 - 1) + 1 + 1 = 34
        ("nn.ConvTranspose2d(4, 6, 3, 2, 1, 1)", (34, 46, 6), 222),
        ("nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=(1, 0), bias=False)", (34, 45, 6), 216),
        # (17 - 2 * (3 - 1) - 1) / 1 + 1 = 13
        ("nn.MaxPool2d(3, 1, 0, 2)", (13, 19, 4), 0),
        ("nn.MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)", (9, 12, 4), 0),
        ("nn.AdaptiveAvgPool2d(output_size=(17, 23))", (17, 23, 4), 0),
        ("nn.AdaptiveMaxPool2d(1)", (1, 1, 4), 0),
        ("nn.BatchNorm2d(4)", (17, 23, 4), 16),
        ("nn.BatchNorm2d(4, affine=False)", (17, 23, 4), 8),
        ("nn.InstanceNorm2d(4)", (17, 23, 4), 0),
        ("nn.InstanceNorm2d(4, affine=True)", (17, 23, 4), 8),
        ("nn.GroupNorm(2, 4)", (17, 23, 4), 8),
        # PyTorch's `size` is the size of the output, not a factor
        ("nn.Upsample(64)", (64, 64, 4), 0),
        ("nn.Upsample(size=(20, 30), mode='bilinear', align_corners=False)", (20, 30, 4), 0),
        ("nn.Upsample(scale_factor=2.0)", (34, 46, 4), 0),
        ("nn.ZeroPad2d((1, 2, 3, 4))", (24, 26, 4), 0),
        ("nn.Linear(1564, 10)", (1, 1, 10), 15_650),
        ("nn.LazyConv2d(8, 3)", (15, 21, 8), 296),
        ("(0): Conv2d(4, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))", (17, 23, 8), 296),
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
        ("Conv2D(32, 3", "was never closed"),
        ("Conv2D(32, 3, wings=2)", "`wings` of `Conv2D` is not known here: expected filters, kernel_size, strides"),
        ("Conv2D(32, 3, kernel_size=3)", "`kernel_size` of `Conv2D` is given twice"),
        ("nn.ReLU(True, 1, 2, 3)", "got 4 values"),
        ("nn.BatchNorm2d(8)", "takes 8 channels, and what comes before it gives 4: write 4"),
        ("nn.Linear(100, 10)", "takes 100 values, and what comes before it gives 17x23x4, 1564 in all: write 1564"),
        ("Conv2D(8, 3, input_shape=(28, 28, 1))", "an input of 28x28x1, and the stack's is 17x23x4"),
        ("Input((28, 28, 1)), Conv2D(8, 3)", "an input of 28x28x1, and the stack's is 17x23x4"),
        ("nn.ConvTranspose2d(4, 8, 3, groups=4)", "`groups` of `ConvTranspose2d` is not known other than 1"),
        ("x = Add()([a, b])", "a layer is read that takes one input, got `[a, b]`"),
        ("Conv2D(8, 3) + Conv2D(8, 3)", "expected lines of Keras or PyTorch"),
        ("nn.Upsample()", "`scale_factor` of `Upsample` is a whole number or two"),
        ("Conv2D(n, 3)", "numbers and words alone, got `n`"),
        ("Conv2D(__import__('os').system('x'), 3)", "numbers and words alone"),
        ("Conv2D(-3, 3)", "a whole number above zero"),
        ("nn.AdaptiveAvgPool2d(7)", "an output of 7x7 is known where it divides the input, which is 17x23"),
        ("nn.ConvTranspose2d(4, 6, 4, output_padding=1)", "is smaller than its strides, 1, got 1"),
        ("nn.MaxPool2d(2, ceil_mode=True)", "`ceil_mode` of `MaxPool2d` is not known"),
    ],
)
def test_what_cannot_be_read_is_said(line: str, message: str) -> None:
    with pytest.raises(NotationError, match=re.escape(message)):
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
        ("Global Average Pooling", "global pool"),
        ("conv_transpose 8 3", "transpose 8 3"),
        ("batch-norm", "batchnorm"),
        ("MaxPooling2D 2", "max pool 2"),
        ("conv 8, 3 x 5, same", "conv 8 3x5 same"),
        ("conv 8 (3, 5) stride=2 padding=same", "conv 8 3x5 /2 same"),
        ("conv 8 3 strides=(2, 1) padding=1", "conv 8 3x3 /2x1 pad 1"),
    ],
)
def test_other_ways_to_write_a_layer(written: str, meant: str) -> None:
    assert last((31, 33, 4), written) == last((31, 33, 4), meant)


def test_every_other_name_means_a_word() -> None:
    assert set(ALIASES.values()) <= WORDS.keys()
    assert not ALIASES.keys() & WORDS.keys()


@pytest.mark.parametrize("name", ["Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "MaxPooling2D",
                                  "AveragePooling2D", "Dense", "UpSampling2D", "ZeroPadding2D", "Cropping2D",
                                  "BatchNormalization", "LayerNormalization", "GroupNormalization", "Resizing",
                                  "Rescaling", "ReLU"])  # fmt: skip
def test_the_order_of_parameters_is_keras_own(name: str) -> None:
    own = list(inspect.signature(getattr(keras.layers, name).__init__).parameters)[1:]
    assert list(CLASSES[name].parameters) == own[: len(CLASSES[name].parameters)]


SEVERAL = [
    "Conv2D(8, 3), ReLU(), MaxPooling2D()",
    "Conv2D(8, 3),\n    ReLU(),\n    MaxPooling2D(),\n",
    "[Conv2D(8, 3), ReLU(), MaxPooling2D()]",
    "model = keras.Sequential([\n    keras.Input((17, 23, 4)),\n    Conv2D(8, 3),\n    ReLU(),\n    MaxPooling2D()])",
    "    model.add(Conv2D(8, 3, input_shape=(17, 23, 4)))\n    model.add(ReLU())\n    model.add(MaxPooling2D())",
    "import keras\nx = Conv2D(8, 3)(inputs)\nx = MaxPooling2D()(ReLU()(x))",
    "nn.Sequential(nn.Conv2d(4, 8, 3), nn.ReLU(), nn.MaxPool2d(2))",
    "self.conv = nn.Conv2d(4, 8, 3)\nself.act = nn.ReLU()\nself.pool = nn.MaxPool2d(2)",
    "(0): Conv2d(4, 8, kernel_size=(3, 3), stride=(1, 1))\n(1): ReLU(inplace=True)\n"
    "(2): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)",
]


@pytest.mark.parametrize("text", SEVERAL)
def test_no_line_of_several_is_lost(text: str) -> None:
    layers = describe_stack((17, 23, 4), [text]).layers
    assert [layer.type for layer in layers] == ["Conv2D", "ReLU", "MaxPooling2D"]
    assert [layer.facts.output_shape for layer in layers] == [(15, 21, 8), (15, 21, 8), (7, 10, 8)]


def test_code_is_repeated_as_words_are() -> None:
    assert last((17, 23, 4), "3 x Conv2D(8, 3)") == last((17, 23, 4), "3 x conv 8 3x3")
    with pytest.raises(NotationError, match="at least once"):
        describe_stack((17, 23, 4), ["0 x Conv2D(8, 3)"])


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("nn.Conv2d(4, 8, 3), nn.BatchNorm2d(9)", "nn.BatchNorm2d(9)"),
        ("relu; 2 x Conv2D(8, n)", "n"),
        ("x = Conv2D(8, 3, wings=2)(x)", "2"),
        ("'ä', Conv2D(8, 3)", "'ä'"),
    ],
)
def test_what_is_wrong_in_code_is_underlined(text: str, token: str) -> None:
    with pytest.raises(NotationError) as caught:
        describe_stack((17, 23, 4), [text])
    assert caught.value.text[caught.value.start :][: caught.value.length] == token


def test_code_is_never_run(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for line in ("open('made', 'w')", "Conv2D(open('made', 'w'), 3)", "Rescaling(open('made', 'w'))"):
        with contextlib.suppress(NotationError):
            describe_stack((17, 23, 4), [line])
    assert list(tmp_path.iterdir()) == []
