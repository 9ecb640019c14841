"""The words of the stack notation: which layers can be written, what each takes, and what it is in numbers.

`stack.py` reads the text; this module says what a word may be followed by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from featuremap_cli.analysis.layer_kinds import (
    Border,
    Convolution,
    Dense,
    Depthwise,
    Flattening,
    GlobalPooling,
    LayerKind,
    PointByPoint,
    Pooling,
    Resizing,
    Separable,
    Transposed,
)
from featuremap_cli.analysis.layers import Window
from featuremap_cli.convolution.geometry import Padding, Pair

WINDOWED = frozenset({"strides", "dilation", "padding", "pad", "no-bias"})


@dataclass(frozen=True)
class Settings:
    """What was written after a layer's word; defaults are Keras's.

    Attributes:
        count: filters or units.
        size: of the filter, (height, width); for upsampling the factors, for borders the width of the border.
        strides: None where none were written.
        padding: `same`, `valid`, or positions on every side.
    """

    count: int = 1
    size: Pair = (1, 1)
    strides: Pair | None = None
    dilation: Pair = (1, 1)
    padding: Padding = "valid"
    groups: int = 1
    multiplier: int = 1
    bias: bool = True
    bilinear: bool = False

    def window(self, strides: Pair = (1, 1)) -> Window:
        """How the filter is laid, with these strides where none were written."""
        return Window(self.size, self.strides or strides, self.dilation, self.padding)


@dataclass(frozen=True)
class Word:
    """One word of the notation.

    Attributes:
        usage: how it is written, for messages and the help.
        type: the kind of layer, in Keras's words.
        path: what layers of this kind are called, before their number.
        kind: from settings to arithmetic.
        count: what the first bare number is (`filters`, `units`); empty where there is none.
        sized: it takes a size, as `3x3` or `3`.
        options: what else it takes.
    """

    usage: str
    type: str
    path: str
    kind: Callable[[Settings], LayerKind]
    count: str = ""
    sized: bool = False
    options: frozenset[str] = frozenset()


def _pool(settings: Settings) -> LayerKind:
    return Pooling(settings.window(strides=settings.size))


def _border(rows: int, columns: int) -> LayerKind:
    return Border(top=rows, bottom=rows, left=columns, right=columns)


def _pool_word(name: str, type_: str) -> Word:
    options = frozenset({"strides", "padding", "pad"})
    return Word(f"{name} SIZE [/STRIDE] [same|valid|pad N]", type_, "pool", _pool, sized=True, options=options)


def _alone(name: str, type_: str, kind: LayerKind) -> Word:
    return Word(name, type_, name.replace(" ", "_"), lambda _: kind)


WORDS: Mapping[str, Word] = MappingProxyType(
    {
        "conv": Word(
            "conv FILTERS SIZE [/STRIDE] [same|valid|pad N] [dilation D] [groups G] [no-bias]",
            "Conv2D",
            "conv",
            lambda s: Convolution(s.count, s.window(), s.groups, s.bias),
            "filters",
            True,
            WINDOWED | {"groups"},
        ),
        "depthwise": Word(
            "depthwise SIZE [/STRIDE] [same|valid|pad N] [dilation D] [multiplier M] [no-bias]",
            "DepthwiseConv2D",
            "depthwise",
            lambda s: Depthwise(s.window(), s.multiplier, s.bias),
            "",
            True,
            WINDOWED | {"multiplier"},
        ),
        "separable": Word(
            "separable FILTERS SIZE [/STRIDE] [same|valid|pad N] [dilation D] [multiplier M] [no-bias]",
            "SeparableConv2D",
            "separable",
            lambda s: Separable(s.count, s.window(), s.multiplier, s.bias),
            "filters",
            True,
            WINDOWED | {"multiplier"},
        ),
        "transpose": Word(
            "transpose FILTERS SIZE [/STRIDE] [same|valid|pad N] [dilation D] [no-bias]",
            "Conv2DTranspose",
            "transpose",
            lambda s: Transposed(s.count, s.window(), s.bias),
            "filters",
            True,
            WINDOWED,
        ),
        "pool": _pool_word("pool", "MaxPooling2D"),
        "max pool": _pool_word("max pool", "MaxPooling2D"),
        "avg pool": _pool_word("avg pool", "AveragePooling2D"),
        "global pool": Word("global pool", "GlobalAveragePooling2D", "global_pool", lambda _: GlobalPooling()),
        "global max pool": Word("global max pool", "GlobalMaxPooling2D", "global_pool", lambda _: GlobalPooling()),
        "dense": Word(
            "dense UNITS [no-bias]",
            "Dense",
            "dense",
            lambda s: Dense(s.count, s.bias),
            "units",
            options=frozenset({"no-bias"}),
        ),
        "upsample": Word(
            "upsample FACTOR [bilinear]",
            "UpSampling2D",
            "upsample",
            lambda s: Resizing(factors=s.size, interpolation="bilinear" if s.bilinear else "nearest"),
            sized=True,
            options=frozenset({"bilinear"}),
        ),
        "border": Word("border N", "ZeroPadding2D", "border", lambda s: _border(*s.size), sized=True),
        "crop": Word("crop N", "Cropping2D", "crop", lambda s: _border(-s.size[0], -s.size[1]), sized=True),
        "flatten": _alone("flatten", "Flatten", Flattening()),
        "batchnorm": _alone("batchnorm", "BatchNormalization", PointByPoint(parameters_a_channel=4)),
        "relu": _alone("relu", "ReLU", PointByPoint()),
        "softmax": _alone("softmax", "Softmax", PointByPoint()),
        "dropout": _alone("dropout", "Dropout", PointByPoint()),
    }
)
"""{word: what it means}; `global pool` averages, as in nearly all networks."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "convolution": "conv",
        "depthwise conv": "depthwise",
        "depthwise convolution": "depthwise",
        "dwconv": "depthwise",
        "separable conv": "separable",
        "separable convolution": "separable",
        "sepconv": "separable",
        "conv transpose": "transpose",
        "transposed": "transpose",
        "transposed conv": "transpose",
        "transpose conv": "transpose",
        "deconv": "transpose",
        "max pooling": "max pool",
        "average pool": "avg pool",
        "average pooling": "avg pool",
        "avg pooling": "avg pool",
        "gap": "global pool",
        "global avg pool": "global pool",
        "global average pool": "global pool",
        "global average pooling": "global pool",
        "global pooling": "global pool",
        "global max pooling": "global max pool",
        "fc": "dense",
        "linear": "dense",
        "fully connected": "dense",
        "upsampling": "upsample",
        "zero padding": "border",
        "zero pad": "border",
        "cropping": "crop",
        "batch normalization": "batchnorm",
        "bn": "batchnorm",
    }
)
"""Other names that people write."""


def word_called(name: str) -> Word | None:
    """The word of a name, however it is divided (`max-pool`, `MaxPool`) and with Keras's `2D` or without; or None."""
    return _BY_LETTERS.get(re.sub(r"[-_ ]+|2d", "", name.lower()))


_BY_LETTERS = {
    name.replace(" ", ""): WORDS[word] for name, word in ({name: name for name in WORDS} | dict(ALIASES)).items()
}
