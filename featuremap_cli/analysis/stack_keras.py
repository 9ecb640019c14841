"""Classes of Keras that a stack may be written with, with Keras's order of parameters and its defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
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
from featuremap_cli.analysis.stack_arguments import (
    INTERPOLATIONS,
    Arguments,
    CodeClass,
    CodeLayer,
    alone,
    longer_by,
    point_classes,
)
from featuremap_cli.analysis.stack_kinds import LongerTransposed


def _keras_convolution(a: Arguments) -> CodeLayer:
    window = a.window(a.pair("kernel_size"), "strides", "dilation_rate", "valid")
    kind = Convolution(a.whole("filters"), window, a.whole("groups", 1), a.flag("use_bias", True))
    return CodeLayer("Conv2D", "conv", kind, shape=a.shape("input_shape"))


def _keras_depthwise(a: Arguments) -> CodeLayer:
    window = a.window(a.pair("kernel_size"), "strides", "dilation_rate", "valid")
    kind = Depthwise(window, a.whole("depth_multiplier", 1), a.flag("use_bias", True))
    return CodeLayer("DepthwiseConv2D", "depthwise", kind, shape=a.shape("input_shape"))


def _keras_separable(a: Arguments) -> CodeLayer:
    window = a.window(a.pair("kernel_size"), "strides", "dilation_rate", "valid")
    kind = Separable(a.whole("filters"), window, a.whole("depth_multiplier", 1), a.flag("use_bias", True))
    return CodeLayer("SeparableConv2D", "separable", kind, shape=a.shape("input_shape"))


def _keras_transposed(a: Arguments) -> CodeLayer:
    window = a.window(a.pair("kernel_size"), "strides", "dilation_rate", "valid")
    inner = Transposed(a.whole("filters"), window, a.flag("use_bias", True))
    kind: LayerKind = inner
    if a.value("output_padding") is not None:
        kind = LongerTransposed(inner, longer_by(a, window), is_keras=True)
    return CodeLayer("Conv2DTranspose", "transpose", kind, shape=a.shape("input_shape"))


def _keras_pool(type_: str) -> Callable[[Arguments], CodeLayer]:
    def read(a: Arguments) -> CodeLayer:
        size = a.pair("pool_size", (2, 2))
        return CodeLayer(type_, "pool", Pooling(a.window(size, "strides", "", "valid", default=size)))

    return read


def _keras_dense(a: Arguments) -> CodeLayer:
    kind = Dense(a.whole("units"), a.flag("use_bias", True), everywhere=True)
    return CodeLayer("Dense", "dense", kind, shape=a.shape("input_shape"))


def _keras_normalization(type_: str, path: str, moving: int) -> Callable[[Arguments], CodeLayer]:
    """A scale and a shift a channel, each of which may be left out, and `moving` numbers that are not trained."""

    def read(a: Arguments) -> CodeLayer:
        a.refuse("axis", -1, 3)
        count = a.flag("scale", True) + a.flag("center", True) + moving
        return CodeLayer(type_, path, PointByPoint(parameters_a_channel=count))

    return read


def _keras_upsampling(a: Arguments) -> CodeLayer:
    how = a.choice("interpolation", INTERPOLATIONS, "nearest")
    kind = Resizing(factors=a.pair("size", (2, 2)), interpolation=how)  # type: ignore[arg-type]
    return CodeLayer("UpSampling2D", "upsample", kind)


def _keras_resizing(a: Arguments) -> CodeLayer:
    how = a.choice("interpolation", INTERPOLATIONS, "bilinear")
    size = a.whole("height"), a.whole("width")
    return CodeLayer("Resizing", "resize", Resizing(size, interpolation=how))  # type: ignore[arg-type]


def _keras_border(type_: str, path: str, parameter: str, sign: int) -> Callable[[Arguments], CodeLayer]:
    def read(a: Arguments) -> CodeLayer:
        value = a.value(parameter, (1, 1) if sign > 0 else (0, 0))
        sides = value if isinstance(value, tuple | list) else (value, value)
        sides = [(side, side) if isinstance(side, int) else tuple(side) for side in sides]
        flat = [one for side in sides for one in side]
        if len(flat) != 4 or not all(isinstance(one, int) and one >= 0 for one in flat):
            problem = (
                f"`{parameter}` of `{a.name}` is N, (ROWS, COLUMNS) or ((TOP, BOTTOM), (LEFT, RIGHT)), got {value!r}"
            )
            raise a.error(parameter, problem)
        top, bottom, left, right = (sign * one for one in flat)
        return CodeLayer(type_, path, Border(top, bottom, left, right))

    return read


def _input(a: Arguments) -> CodeLayer:
    return CodeLayer("InputLayer", "input", None, shape=a.shape("shape") or a.shape("input_shape"))


_KERAS_POOL = ("pool_size", "strides", "padding", "data_format")
_BIASED = ("activation", "use_bias")
_OF_INPUT = ("input_shape", "input_dim", "batch_input_shape")
_KERAS_CONV = CodeClass(
    ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", *_BIASED),
    _keras_convolution,
    _OF_INPUT,
)
_KERAS_DEPTHWISE = CodeClass(
    ("kernel_size", "strides", "padding", "depth_multiplier", "data_format", "dilation_rate", *_BIASED),
    _keras_depthwise,
    _OF_INPUT,
)
_KERAS_SEPARABLE = CodeClass(
    ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "depth_multiplier", *_BIASED),
    _keras_separable,
    _OF_INPUT,
)
_KERAS_TRANSPOSED = CodeClass(
    ("filters", "kernel_size", "strides", "padding", "output_padding", "data_format", "dilation_rate", *_BIASED),
    _keras_transposed,
    _OF_INPUT,
)
_MAX, _AVERAGE = "MaxPooling2D", "AveragePooling2D"
_KERAS_MAX = CodeClass(_KERAS_POOL, _keras_pool(_MAX))
_KERAS_AVERAGE = CodeClass(_KERAS_POOL, _keras_pool(_AVERAGE))
_GLOBAL_AVERAGE = CodeClass(
    ("data_format", "keepdims"), alone("GlobalAveragePooling2D", "global_pool", GlobalPooling())
)
_GLOBAL_MAX = CodeClass(("data_format", "keepdims"), alone("GlobalMaxPooling2D", "global_pool", GlobalPooling()))
_FLATTEN = CodeClass(("start_dim", "end_dim", "data_format"), alone("Flatten", "flatten", Flattening()))

KERAS: Mapping[str, CodeClass] = MappingProxyType(
    {
        "Conv2D": _KERAS_CONV,
        "Convolution2D": _KERAS_CONV,
        "DepthwiseConv2D": _KERAS_DEPTHWISE,
        "SeparableConv2D": _KERAS_SEPARABLE,
        "Conv2DTranspose": _KERAS_TRANSPOSED,
        "MaxPooling2D": _KERAS_MAX,
        "MaxPool2D": _KERAS_MAX,
        "AveragePooling2D": _KERAS_AVERAGE,
        "AvgPool2D": _KERAS_AVERAGE,
        "GlobalAveragePooling2D": _GLOBAL_AVERAGE,
        "GlobalAvgPool2D": _GLOBAL_AVERAGE,
        "GlobalMaxPooling2D": _GLOBAL_MAX,
        "GlobalMaxPool2D": _GLOBAL_MAX,
        "Dense": CodeClass(("units", *_BIASED), _keras_dense, _OF_INPUT),
        "Flatten": replace(_FLATTEN, others=_OF_INPUT),
        "BatchNormalization": CodeClass(
            ("axis", "momentum", "epsilon", "center", "scale"),
            _keras_normalization("BatchNormalization", "batchnorm", moving=2),
        ),
        "LayerNormalization": CodeClass(
            ("axis", "epsilon", "center", "scale"), _keras_normalization("LayerNormalization", "layernorm", moving=0)
        ),
        "GroupNormalization": CodeClass(
            ("groups", "axis", "epsilon", "center", "scale"),
            _keras_normalization("GroupNormalization", "groupnorm", moving=0),
        ),
        "ReLU": CodeClass(("max_value", "negative_slope", "threshold"), alone("ReLU", "relu", PointByPoint())),
        "Activation": CodeClass(("activation",), alone("Activation", "activation", PointByPoint())),
        "UpSampling2D": CodeClass(("size", "data_format", "interpolation"), _keras_upsampling),
        "Resizing": CodeClass(("height", "width", "interpolation", "crop_to_aspect_ratio"), _keras_resizing),
        "Rescaling": CodeClass(("scale", "offset"), alone("Rescaling", "rescaling", PointByPoint()), _OF_INPUT),
        "ZeroPadding2D": CodeClass(
            ("padding", "data_format"), _keras_border("ZeroPadding2D", "border", "padding", 1), _OF_INPUT
        ),
        "Cropping2D": CodeClass(("cropping", "data_format"), _keras_border("Cropping2D", "crop", "cropping", -1)),
        "Input": CodeClass(("shape", "batch_size"), _input, ("batch_shape", "tensor", "sparse")),
        "InputLayer": CodeClass(("shape", "batch_size"), _input, ("batch_shape", "input_shape", "sparse")),
        "Softmax": CodeClass(("axis",), alone("Softmax", "softmax", PointByPoint()), ("dim",)),
        "Dropout": CodeClass(("rate", "noise_shape", "seed"), alone("Dropout", "dropout", PointByPoint())),
        **point_classes("LeakyReLU", "ReLU6", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Sigmoid", "Tanh"),
        **point_classes("Hardswish", "Hardsigmoid", "Hardtanh", "Softplus", "LogSoftmax", "Softmax2d", "Identity"),
        **point_classes("SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
    }
)
"""{class: what it takes and is}; activations and dropout go by the same names in PyTorch."""
