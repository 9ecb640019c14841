"""A layer as a line of Keras or of PyTorch, `Conv2D(32, 3, padding="same")`, `nn.Conv2d(3, 32, 3, padding=1)`.

The line is parsed and never run. What it says is turned into a word of `stack_words` and its settings; the defaults are
those of the library that it is a line of.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from featuremap_cli.analysis.stack_words import Settings
from featuremap_cli.convolution.geometry import Padding, Pair

_KERAS_CONV = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "activation")
_KERAS_POOL = ("pool_size", "strides", "padding")
_TORCH_CONV = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias")
_TORCH_POOL = ("kernel_size", "stride", "padding")
# What changes neither shapes nor costs.
_IGNORED = frozenset(
    {
        *("name", "activation", "trainable", "dtype", "device", "inplace", "seed", "p", "rate", "negative_slope"),
        *("momentum", "eps", "epsilon", "axis", "dim", "affine", "track_running_stats", "scale", "center"),
        *("padding_mode", "data_format", "start_dim", "end_dim", "align_corners", "count_include_pad", "keepdims"),
        *("kernel_initializer", "bias_initializer", "depthwise_initializer", "pointwise_initializer"),
        *("kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint"),
        *("input_shape", "input_dim", "output_size"),
    }
)
_NAMES: Mapping[str, str] = {
    "filters": "count",
    "units": "count",
    "out_channels": "count",
    "out_features": "count",
    "kernel_size": "size",
    "pool_size": "size",
    "size": "size",
    "scale_factor": "size",
    "strides": "strides",
    "stride": "strides",
    "dilation_rate": "dilation",
    "dilation": "dilation",
    "padding": "padding",
    "groups": "groups",
    "depth_multiplier": "multiplier",
    "use_bias": "bias",
    "bias": "bias",
    "in_channels": "takes",
    "in_features": "takes",
}


@dataclass(frozen=True)
class Call:
    """A class of Keras or PyTorch.

    Attributes:
        word: of `stack_words.WORDS`.
        parameters: in their order.
        defaults: settings that hold where the line says nothing.
        needs: the settings that it cannot do without.
    """

    word: str
    parameters: tuple[str, ...] = ()
    defaults: Mapping[str, Any] | None = None
    needs: tuple[str, ...] = ()


_CONV, _POOL = ("count", "size"), ("size",)
CALLS: Mapping[str, Call] = {
    "Conv2D": Call("conv", _KERAS_CONV, None, _CONV),
    "DepthwiseConv2D": Call(
        "depthwise",
        ("kernel_size", "strides", "padding", "depth_multiplier", "data_format", "dilation_rate"),
        None,
        _POOL,
    ),
    "SeparableConv2D": Call(
        "separable",
        ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "depth_multiplier"),
        None,
        _CONV,
    ),
    "Conv2DTranspose": Call("transpose", ("filters", "kernel_size", "strides", "padding"), None, _CONV),
    "MaxPooling2D": Call("max pool", _KERAS_POOL, {"size": (2, 2)}),
    "MaxPool2D": Call("max pool", _KERAS_POOL, {"size": (2, 2)}),
    "AveragePooling2D": Call("avg pool", _KERAS_POOL, {"size": (2, 2)}),
    "AvgPool2D": Call("avg pool", _KERAS_POOL, {"size": (2, 2)}),
    "GlobalAveragePooling2D": Call("global pool"),
    "GlobalMaxPooling2D": Call("global max pool"),
    "Dense": Call("dense", ("units", "activation", "use_bias"), None, ("count",)),
    "Flatten": Call("flatten"),
    "BatchNormalization": Call("batchnorm"),
    "ReLU": Call("relu", ("max_value",)),
    "Activation": Call("relu", ("activation",)),
    "Softmax": Call("softmax", ("axis",)),
    "Dropout": Call("dropout", ("rate",)),
    "UpSampling2D": Call("upsample", ("size", "data_format", "interpolation"), {"size": (2, 2)}),
    "ZeroPadding2D": Call("border", ("padding",), {"size": (1, 1)}),
    "Cropping2D": Call("crop", ("padding",), None, _POOL),
    "Conv2d": Call("conv", _TORCH_CONV, {"padding": 0}, _CONV),
    "ConvTranspose2d": Call(
        "transpose", ("in_channels", "out_channels", "kernel_size", "stride", "padding"), {"padding": 0}, _CONV
    ),
    "MaxPool2d": Call("max pool", _TORCH_POOL, {"padding": 0}, _POOL),
    "AvgPool2d": Call("avg pool", _TORCH_POOL, {"padding": 0}, _POOL),
    "AdaptiveAvgPool2d": Call("global pool", ("output_size",)),
    "Linear": Call("dense", ("in_features", "out_features", "bias"), None, ("count",)),
    "BatchNorm2d": Call("batchnorm", ("num_features",)),
    "Dropout2d": Call("dropout", ("p",)),
    "Upsample": Call("upsample", ("size", "scale_factor", "mode")),
    "ZeroPad2d": Call("border", ("padding",), None, _POOL),
}
"""{class: what it is here}; Keras's and PyTorch's names differ in their last letter's case."""


@dataclass(frozen=True)
class CodeLayer:
    """What a line says.

    Attributes:
        word: of `stack_words.WORDS`.
        settings: its settings.
        takes: how many channels the line says that its input has, or None.
    """

    word: str
    settings: Settings
    takes: int | None


def is_code(text: str) -> bool:
    """Whether a layer is written as a call."""
    return "(" in text


def read_code(text: str) -> CodeLayer:
    """Read one layer.

    Raises:
        ValueError: the line is no call, of no layer that is known, or has arguments that are not; the message says so.
    """
    node = _call(text)
    name = _last_name(node.func)
    call = CALLS.get(name)
    if call is None:
        near = difflib.get_close_matches(name, CALLS, n=1)
        raise ValueError(f"no layer is called `{name}`: " + (f"did you mean `{near[0]}`?" if near else _known()))
    if len(node.args) > len(call.parameters) + 1:
        raise ValueError(f"`{name}` takes {', '.join(call.parameters) or 'nothing'}, got {len(node.args)} arguments")
    given = dict(zip(call.parameters, node.args, strict=False))
    given |= {keyword.arg or "**": keyword.value for keyword in node.keywords}
    values = dict(call.defaults or {})
    for parameter, value in given.items():
        _take(values, call, name, parameter, value)
    if name == "AdaptiveAvgPool2d" and _value(given.get("output_size"), name) not in (1, (1, 1)):
        raise ValueError("`AdaptiveAvgPool2d` is known for an output of 1 alone")
    if missing := [need for need in call.needs if need not in values]:
        raise ValueError(f"`{name}` lacks its {'number of filters' if missing[0] == 'count' else 'size'}")
    takes = values.pop("takes", None)
    return CodeLayer(call.word, Settings(**values), takes)


def _call(text: str) -> ast.Call:
    """The call of a layer in `layers.Conv2D(...)`, `x = Conv2D(...)(x)`, `model.add(Conv2D(...))`."""
    try:
        statement = ast.parse(text.strip().rstrip(","), mode="exec").body[0]
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError) as error:
        raise ValueError(
            "expected a line of Keras or PyTorch, such as `Conv2D(32, 3)`: its brackets do not fit"
        ) from error
    node = getattr(statement, "value", None)
    while isinstance(node, ast.Call):
        if isinstance(node.func, ast.Call):
            node = node.func
        elif _last_name(node.func) == "add" and node.args:
            node = node.args[0]
        else:
            return node
    raise ValueError("expected a line of Keras or PyTorch, such as `Conv2D(32, 3)`")


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _take(values: dict[str, Any], call: Call, name: str, parameter: str, node: ast.expr) -> None:
    field = "size" if call.word in ("border", "crop") and parameter == "padding" else _NAMES.get(parameter)
    if call.word == "upsample" and parameter in ("interpolation", "mode"):
        values["bilinear"] = _value(node, name) == "bilinear"
        return
    if field is None:
        if parameter in _IGNORED or parameter in call.parameters:
            return
        raise ValueError(f"`{parameter}` of `{name}` is not known here: leave it out")
    value = _value(node, name)
    if value is None:
        return
    if field == "bias":
        values[field] = bool(value)
    elif field in ("size", "strides", "dilation"):
        values[field] = _pair(value, name, parameter)
    elif field == "padding":
        values[field] = _padding(value, name)
    elif isinstance(value, int) and not isinstance(value, bool) and value > 0:
        values[field] = value
    else:
        raise ValueError(f"`{parameter}` of `{name}` is a whole number above zero, got {value!r}")


def _value(node: ast.expr | None, name: str) -> Any:
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"`{name}` is read with numbers and words alone, got `{_written(node)}`") from error


def _written(node: ast.expr | None) -> str:
    return "" if node is None else ast.unparse(node)


def _pair(value: Any, name: str, parameter: str) -> Pair:
    pair = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, tuple | list) else ()
    if len(pair) != 2 or not all(isinstance(one, int) and not isinstance(one, bool) and one > 0 for one in pair):
        raise ValueError(f"`{parameter}` of `{name}` is a whole number above zero, or two, got {value!r}")
    return pair[0], pair[1]


def _padding(value: Any, name: str) -> Padding:
    if isinstance(value, str) and value.lower() in ("same", "valid"):
        return "same" if value.lower() == "same" else "valid"
    if isinstance(value, tuple | list) and len(value) == 2 and value[0] == value[1]:
        value = value[0]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(f"padding of `{name}` is same, valid, or one whole number for every side, got {value!r}")


def _known() -> str:
    return f"expected one of {', '.join(CALLS)}"
