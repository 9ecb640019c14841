"""The activation functions, each equal to TensorFlow's of the same name."""

from __future__ import annotations

import numpy as np

from featuremap_cli.arrays import Float32
from featuremap_cli.convolution.operation import Activation

LEAKY_SLOPE = np.float32(0.2)
"""Slope of leaky ReLU below zero: the default of `tf.nn.leaky_relu` (Maas 2013 used 0.01)."""


def activate(values: Float32, activation: Activation) -> None:
    """Apply an activation in place.

    Args:
        values: float32 of any shape; overwritten.
        activation: which.
    """
    if activation == "relu":
        np.maximum(values, 0, out=values)
    elif activation == "leaky-relu":
        np.maximum(values, values * LEAKY_SLOPE, out=values)
    elif activation == "tanh":
        np.tanh(values, out=values)
    elif activation == "abs":
        np.abs(values, out=values)
    else:
        _sigmoid(values)


def _sigmoid(values: Float32) -> None:
    # 1 / (1 + exp(-x)) overflows for large negative x; exp(-|x|) never does.
    decay = np.exp(-np.abs(values))
    numerator = np.where(values < 0, decay, np.float32(1))
    np.divide(numerator, 1 + decay, out=values)
