"""Activations by the names that configurations have for them: functions of values and of where the results go.

Sources: keras/src/activations/activations.py and keras/src/backend/tensorflow/nn.py, whose numbers these are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.networks.forward.settings import UnknownLayerError

Activation = Callable[[Float32, Float32], None]
"""Takes float32 values of any shape and where the results go, an array of that shape; it may be the values'."""

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def relu(values: Float32, out: Float32) -> None:
    """max(x, 0)."""
    np.maximum(values, np.float32(0), out=out)


def bounded_relu(values: Float32, out: Float32, *, slope: float, most: float | None, threshold: float) -> None:
    """ReLU as Keras has it: x above a threshold, up to a maximum, and slope * (x - threshold) below.

    Source: `ReLU.static_call` in keras/src/activations/activations.py.
    """
    limit = np.float32(threshold)
    below = np.float32(slope) * np.minimum(values - limit, np.float32(0)) if slope else None
    if threshold:
        np.copyto(out, np.where(values > limit, values, np.float32(0)))
    else:
        relu(values, out)
    if most is not None:
        np.clip(out, np.float32(0), np.float32(most), out=out)
    if below is not None:
        np.add(out, below, out=out)


def elu(values: Float32, out: Float32, *, alpha: float = 1.0, scale: float = 1.0) -> None:
    """x above 0, alpha * (exp(x) - 1) below, times a scale."""
    below = np.expm1(np.minimum(values, np.float32(0)))
    np.maximum(values, np.float32(0), out=out)
    np.add(out, np.float32(alpha) * below, out=out)
    if scale != 1:
        np.multiply(out, np.float32(scale), out=out)


def sigmoid(values: Float32, out: Float32) -> None:
    """1 / (1 + exp(-x))."""
    np.negative(values, out=out)
    np.exp(out, out=out)
    np.add(out, np.float32(1), out=out)
    np.reciprocal(out, out=out)


def hard_sigmoid(values: Float32, out: Float32) -> None:
    """x / 6 + 1/2 between 0 and 1: Keras 3's, not Keras 2's."""
    np.multiply(values, np.float32(1 / 6), out=out)
    np.add(out, np.float32(0.5), out=out)
    np.clip(out, np.float32(0), np.float32(1), out=out)


def gated(gate: Activation, values: Float32, out: Float32) -> None:
    """x times what another activation makes of x."""
    share = np.empty_like(values)
    gate(values, share)
    np.multiply(values, share, out=out)


def gelu_share(values: Float32, out: Float32) -> None:
    """The share of a normal distribution below x, (1 + erf(x / sqrt 2)) / 2."""
    np.multiply(_erf(values * np.float32(1 / np.sqrt(2))), np.float32(0.5), out=out)
    np.add(out, np.float32(0.5), out=out)


def _erf(values: Float32) -> Float32:
    """The error function to 1.5e-7 (Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26)."""
    size = np.abs(values)
    step = 1 / (1 + np.float32(0.3275911) * size)
    series = np.zeros_like(size)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(factor)) * step
    return np.asarray(np.copysign(1 - series * np.exp(-size * size), values), np.float32)


def softplus(values: Float32, out: Float32) -> None:
    """log(exp(x) + 1)."""
    np.logaddexp(values, np.float32(0), out=out)


def softsign(values: Float32, out: Float32) -> None:
    """x / (|x| + 1)."""
    np.divide(values, np.abs(values) + np.float32(1), out=out)


def tanh(values: Float32, out: Float32) -> None:
    """The hyperbolic tangent."""
    np.tanh(values, out=out)


def exponential(values: Float32, out: Float32) -> None:
    """exp(x)."""
    np.exp(values, out=out)


def softmax(values: Float32, out: Float32) -> None:
    """exp(x) over its sum along the last axis."""
    np.subtract(values, values.max(axis=-1, keepdims=True), out=out)
    np.exp(out, out=out)
    np.divide(out, out.sum(axis=-1, keepdims=True), out=out)


_SILU, _HARD_SILU = partial(gated, sigmoid), partial(gated, hard_sigmoid)

ACTIVATIONS: Mapping[str, Activation | None] = MappingProxyType(
    {
        "linear": None,
        "relu": relu,
        "relu6": partial(bounded_relu, slope=0.0, most=6.0, threshold=0.0),
        "leaky_relu": partial(bounded_relu, slope=0.2, most=None, threshold=0.0),
        "elu": elu,
        "selu": partial(elu, alpha=SELU_ALPHA, scale=SELU_SCALE),
        "gelu": partial(gated, gelu_share),
        "silu": _SILU,
        "swish": _SILU,
        "hard_silu": _HARD_SILU,
        "hard_swish": _HARD_SILU,
        "sigmoid": sigmoid,
        "hard_sigmoid": hard_sigmoid,
        "tanh": tanh,
        "softmax": softmax,
        "softplus": softplus,
        "softsign": softsign,
        "exponential": exponential,
    }
)
"""By the names that configurations have for them; None for what leaves values alone."""


def activation_named(name: Any) -> Activation | None:
    """An activation from a layer's setting.

    Raises:
        UnknownLayerError: it is another one, or an object of its own: a layer inside a layer.
    """
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise UnknownLayerError(f"has the activation {name}")
    return ACTIVATIONS[name]
