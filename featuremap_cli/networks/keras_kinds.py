"""From a Keras layer to the kind whose arithmetic is known.

A layer counts as known only when its `call` is Keras's own: a subclass that computes something else is not guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from featuremap_cli.analysis.layer_kinds import (
    Border,
    Convolution,
    Dense,
    Depthwise,
    Flattening,
    GlobalPooling,
    LayerKind,
    Pooling,
    Resizing,
    Separable,
    Transposed,
)
from featuremap_cli.analysis.layers import View, Window
from featuremap_cli.convolution.geometry import Pair
from featuremap_cli.networks.layer_facts import TensorShape
from featuremap_cli.networks.operation_kinds import operation_kind
from featuremap_cli.networks.startup import keras
from featuremap_cli.networks.walk import KerasLayer

POINT_BY_POINT = (
    keras.layers.Add,
    keras.layers.Average,
    keras.layers.AlphaDropout,
    keras.layers.ActivityRegularization,
    keras.layers.BatchNormalization,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.LeakyReLU,
    keras.layers.Maximum,
    keras.layers.Minimum,
    keras.layers.Multiply,
    keras.layers.Normalization,
    keras.layers.PReLU,
    keras.layers.RandomBrightness,
    keras.layers.RandomContrast,
    keras.layers.RandomFlip,
    keras.layers.RandomRotation,
    keras.layers.RandomTranslation,
    keras.layers.RandomZoom,
    keras.layers.ReLU,
    keras.layers.Rescaling,
    keras.layers.SpatialDropout2D,
    keras.layers.Subtract,
)
"""They look at one position at a time; random ones leave the image alone in a prediction."""

ALONG_CHANNELS = (
    keras.layers.Concatenate,
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
    keras.layers.Softmax,
    keras.layers.UnitNormalization,
)
"""They look at one position at a time where their axis is that of the channels."""

OF_APPLICATIONS = {"CustomScaleLayer", "LayerScale", "StochasticDepth"}
"""Layers of keras.applications' own (InceptionResNetV2, ConvNeXt) that look at one position at a time."""

TENSORFLOW_ACTIVATIONS = {"elu", "gelu", "leaky_relu", "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "tanh"}


def kind_of(
    layer: KerasLayer, inputs: Sequence[TensorShape], output: TensorShape, given: Sequence[Any] = ()
) -> LayerKind | View:
    """The kind of a layer or operation.

    Args:
        layer: a Keras layer, or an operation of `keras.ops` that a model holds.
        inputs: what it is given.
        output: what it returns, the first where that is several.
        given: the arguments of an operation's call, in order; what a slice takes is among them.

    Returns:
        `View.POINT` for one that looks at one position at a time, `View.WHOLE` for one that reads all positions,
        `View.UNKNOWN` for one that is not known.
    """
    if not isinstance(layer, keras.layers.Layer):
        return operation_kind(layer, inputs, output, given)
    if type(layer).__module__.startswith("keras.src.applications.") and type(layer).__name__ in OF_APPLICATIONS:
        return View.POINT
    if not _has_known_activation(layer):
        return View.UNKNOWN
    if _is_one_of(layer, POINT_BY_POINT) or _is_one_of(layer, (keras.layers.Activation,)):
        return View.POINT
    if _is_one_of(layer, ALONG_CHANNELS):
        return View.POINT if _is_channel_axis(layer, len(output) + 1) else View.UNKNOWN
    if _is_one_of(layer, (keras.layers.GroupNormalization,)):
        # Its mean and deviation are those of all positions.
        return View.WHOLE if _is_channel_axis(layer, len(output) + 1) and len(output) == 3 else View.UNKNOWN
    if _is_one_of(layer, (keras.layers.Permute,)):
        kept = layer.dims[:2] == (1, 2) and len(output) >= 3
        return View.POINT if kept else View.UNKNOWN
    if _is_one_of(layer, (keras.layers.Reshape,)):
        return _reshaped(inputs[0], output)
    for known, make in _MAKERS.items():
        if _is_one_of(layer, (known,)):
            return make(layer, inputs[0], output)
    return View.UNKNOWN


def window_of(layer: KerasLayer) -> Window | None:
    """How the filter of a layer is laid; None for a layer without one, or one that is not known."""
    if not _is_one_of(layer, (*_CONVOLUTIONS, *_POOLS)):
        return None
    size = layer.kernel_size if hasattr(layer, "kernel_size") else layer.pool_size
    return Window(_pair(size), _pair(layer.strides), _pair(getattr(layer, "dilation_rate", 1)), layer.padding)


def _is_one_of(layer: KerasLayer, known: Sequence[Any]) -> bool:
    """Whether a layer is of one of these classes and computes what they compute."""
    own: Any = type(layer)
    return any(isinstance(layer, one) and own.call is one.call for one in known)


def _has_known_activation(layer: KerasLayer) -> bool:
    """Whether the activation inside, if any, looks at one position at a time."""
    activation: Callable[..., Any] | None = getattr(layer, "activation", None)
    if activation is None:
        return True
    home, name = getattr(activation, "__module__", None) or "", getattr(activation, "__name__", "")
    return home.startswith("keras.src.activations") or (
        home.startswith("tensorflow.") and name in TENSORFLOW_ACTIVATIONS
    )


def _is_channel_axis(layer: KerasLayer, rank: int) -> bool:
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0] if len(layer.axis) == 1 else None
    return axis in (-1, rank - 1)


def _reshaped(before: TensorShape, after: TensorShape) -> LayerKind | View:
    """What a Reshape reads: a vector, all of it; a feature map, where each position stays in its place."""
    if len(after) == 1 and len(before) == 3:
        return Flattening()
    if len(before) == 1:
        return View.WHOLE
    return View.POINT if min(len(before), len(after)) >= 3 and before[:2] == after[:2] else View.UNKNOWN


def _pair(value: int | Sequence[int]) -> Pair:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.Conv2DTranspose,
)
_POOLS = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)


def _dense(layer: KerasLayer, before: TensorShape, after: TensorShape) -> LayerKind | View:
    return Dense(layer.units, layer.use_bias, everywhere=len(before) == 3)


def _border(layer: KerasLayer, sign: int) -> LayerKind:
    (top, bottom), (left, right) = layer.padding if sign > 0 else layer.cropping
    return Border(sign * top, sign * bottom, sign * left, sign * right)


def _resizing(layer: KerasLayer, before: TensorShape, after: TensorShape) -> LayerKind | View:
    if layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio or layer.antialias:
        return View.UNKNOWN
    return Resizing(size=(int(after[0] or 0), int(after[1] or 0)), interpolation=layer.interpolation)


def _windowed(make: Callable[..., LayerKind]) -> Callable[..., LayerKind | View]:
    """A maker of kinds from a layer's window and a few of its settings."""
    return lambda layer, *_: make(layer, window_of(layer))


def _transposed(layer: KerasLayer, before: TensorShape, after: TensorShape) -> LayerKind | View:
    """Keras's output_padding changes the size; where there is none, size and cut follow from the strides."""
    window = window_of(layer)
    if window is None or None in after:
        return View.UNKNOWN
    size = None if layer.output_padding is None else (int(after[0] or 0), int(after[1] or 0))
    return Transposed(layer.filters, window, layer.use_bias, size)


_MAKERS: Mapping[type, Callable[..., LayerKind | View]] = {
    keras.layers.Conv2DTranspose: _transposed,
    keras.layers.SeparableConv2D: _windowed(
        lambda layer, window: Separable(layer.filters, window, layer.depth_multiplier, layer.use_bias)
    ),
    keras.layers.DepthwiseConv2D: _windowed(
        lambda layer, window: Depthwise(window, layer.depth_multiplier, layer.use_bias)
    ),
    keras.layers.Conv2D: _windowed(
        lambda layer, window: Convolution(layer.filters, window, layer.groups, layer.use_bias)
    ),
    keras.layers.MaxPooling2D: _windowed(lambda _, window: Pooling(window)),
    keras.layers.AveragePooling2D: _windowed(lambda _, window: Pooling(window)),
    keras.layers.GlobalAveragePooling2D: lambda *_: GlobalPooling(),
    keras.layers.GlobalMaxPooling2D: lambda *_: GlobalPooling(),
    keras.layers.Flatten: lambda *_: Flattening(),
    keras.layers.Dense: _dense,
    keras.layers.ZeroPadding2D: lambda layer, *_: _border(layer, 1),
    keras.layers.Cropping2D: lambda layer, *_: _border(layer, -1),
    keras.layers.UpSampling2D: lambda layer, *_: Resizing(factors=_pair(layer.size), interpolation=layer.interpolation),
    keras.layers.Resizing: _resizing,
}
