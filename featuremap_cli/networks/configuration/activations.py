"""Activations by the names that configurations have for them: functions that write nodes after a value.

Sources: keras/src/activations/activations.py and keras/src/backend/tensorflow/nn.py, whose numbers these are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from featuremap_cli.graph.nodes import Attribute, NodeList
from featuremap_cli.networks.configuration.settings import UnknownLayerError

Activation = Callable[[NodeList, str, int], str]
"""Takes where to write, the value, and the axis that is Keras's last one; returns the value that it makes."""


def number(nodes: NodeList, value: float) -> str:
    """A constant that is one number."""
    return nodes.constant(np.asarray(value, np.float32))


def operator(name: str, **attributes: Attribute) -> Activation:
    """An activation that is one operator."""
    return lambda nodes, value, axis: nodes.add(name, value, **attributes)


def bounded_relu(nodes: NodeList, value: str, axis: int, *, slope: float, most: float | None, threshold: float) -> str:
    """ReLU as Keras has it: x above a threshold, up to a maximum, and slope * (x - threshold) below.

    Source: `ReLU.static_call` in keras/src/activations/activations.py.
    """
    if not threshold and not slope:
        return (
            nodes.add("Relu", value)
            if most is None
            else nodes.add("Clip", value, number(nodes, 0), number(nodes, most))
        )
    if not threshold and most is None:
        return nodes.add("LeakyRelu", value, alpha=slope)
    if not threshold:
        bent = nodes.add("PRelu", value, nodes.constant(np.asarray([slope], np.float32)))
        return nodes.add("Min", bent, number(nodes, most or 0))
    above = nodes.add("Where", nodes.add("Greater", value, number(nodes, threshold)), value, number(nodes, 0))
    if most is not None:
        above = nodes.add("Min", nodes.add("Max", above, number(nodes, 0)), number(nodes, most))
    if not slope:
        return above
    below = nodes.add("Min", nodes.add("Sub", value, number(nodes, threshold)), number(nodes, 0))
    return nodes.add("Add", above, nodes.add("Mul", below, number(nodes, slope)))


def gated(gate: Activation, nodes: NodeList, value: str, axis: int) -> str:
    """x times what another activation makes of x."""
    return nodes.add("Mul", value, gate(nodes, value, axis))


def gelu_share(nodes: NodeList, value: str, axis: int) -> str:
    """The share of a normal distribution below x, (1 + erf(x / sqrt 2)) / 2."""
    error = nodes.add("Erf", nodes.add("Mul", value, number(nodes, 1 / np.sqrt(2))))
    return nodes.add("Mul", nodes.add("Add", error, number(nodes, 1)), number(nodes, 0.5))


def softmax(nodes: NodeList, value: str, axis: int) -> str:
    """exp(x) over its sum along Keras's last axis."""
    return nodes.add("Softmax", value, axis=axis)


_SIGMOID = operator("Sigmoid")
_HARD_SIGMOID = operator("HardSigmoid", alpha=1 / 6, beta=0.5)  # Keras 3's, not Keras 2's
_SILU, _HARD_SILU = partial(gated, _SIGMOID), partial(gated, _HARD_SIGMOID)

ACTIVATIONS: Mapping[str, Activation | None] = MappingProxyType(
    {
        "linear": None,
        "relu": operator("Relu"),
        "relu6": partial(bounded_relu, slope=0.0, most=6.0, threshold=0.0),
        "leaky_relu": operator("LeakyRelu", alpha=0.2),
        "elu": operator("Elu", alpha=1.0),
        "selu": operator("Selu"),
        "gelu": partial(gated, gelu_share),
        "silu": _SILU,
        "swish": _SILU,
        "hard_silu": _HARD_SILU,
        "hard_swish": _HARD_SILU,
        "sigmoid": _SIGMOID,
        "hard_sigmoid": _HARD_SIGMOID,
        "tanh": operator("Tanh"),
        "softmax": softmax,
        "softplus": operator("Softplus"),
        "softsign": operator("Softsign"),
        "exponential": operator("Exp"),
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
