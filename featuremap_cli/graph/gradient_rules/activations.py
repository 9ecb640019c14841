"""Gradients of activations: those that cut off below zero carry the method's rule, the others keep their own.

A leaky ReLU multiplies by its slope where a ReLU gives nothing. A ReLU's upper end holds a signal back by what went
up alone, so that a deconvnet, which does not look at that, lets it through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from featuremap_cli.graph.gradient_rules.backward import Backward, Rule, Signals
from featuremap_cli.graph.nodes import Node

Slope = Callable[[Node, Backward], str]
"""The derivative of an activation, as a value of its input's shape."""


def _relu(node: Node, signals: Signals, at: Backward) -> Signals:
    return [_rectified(str(signals[0]), node.outputs[0], 0.0, at)]


def _rectified(signal: str, passed: str, slope: float, at: Backward) -> str:
    """A signal through a rectifier.

    Args:
        signal: what comes down.
        passed: a value above zero where the rectifier lets through what went up.
        slope: by what it multiplies where it does not.
        at: the gradient.
    """
    if at.method != "deconvnet":
        signal = _where_positive(passed, signal, slope, at)
    if at.method != "gradient":
        signal = _where_positive(signal, signal, slope, at)
    return signal


def _where_positive(of: str, signal: str, slope: float, at: Backward) -> str:
    below = at.nodes.add("Mul", signal, at.number(slope)) if slope else at.number(0)
    return at.nodes.add("Where", at.nodes.add("Greater", of, at.number(0)), signal, below)


def _leaky(node: Node, signals: Signals, at: Backward) -> Signals:
    return [_rectified(str(signals[0]), node.inputs[0], _setting(node, "alpha", 0.01), at)]


def _parametric(node: Node, signals: Signals, at: Backward) -> Signals:
    """PRelu, whose slopes are weights: it keeps its own gradient, as a sum of two halves does."""
    below = at.nodes.add("Mul", str(signals[0]), node.inputs[1])
    return [at.nodes.add("Where", at.nodes.add("Greater", node.inputs[0], at.number(0)), str(signals[0]), below)]


def _clip(node: Node, signals: Signals, at: Backward) -> Signals:
    """A rectifier with an upper end where it begins at zero, else two limits."""
    least, most = _limits(node, at)
    signal, value = str(signals[0]), node.inputs[0]
    if least == 0 and at.method == "deconvnet":
        return [_where_positive(signal, signal, 0.0, at)]
    if at.method != "deconvnet":
        if least > -math.inf:
            signal = at.where(at.nodes.add("Greater", value, at.number(least)), signal)
        if most < math.inf:
            signal = at.where(at.nodes.add("Less", value, at.number(most)), signal)
    return [_where_positive(signal, signal, 0.0, at) if least == 0 and at.method == "guided" else signal]


def _limits(node: Node, at: Backward) -> tuple[float, float]:
    """Both limits; older versions of the operator have them among the attributes."""
    given = [*node.inputs[1:], "", ""]
    least, most = (float(at.fixed(name, node).reshape(())) if name else None for name in given[:2])
    return (
        _setting(node, "min", -math.inf) if least is None else least,
        _setting(node, "max", math.inf) if most is None else most,
    )


def _by(slope: Slope) -> Rule:
    """The rule of an activation with a derivative of its own."""
    return Rule(lambda node, signals, at: [at.nodes.add("Mul", str(signals[0]), slope(node, at))], keeps_its_own=True)


def _sigmoid(node: Node, at: Backward) -> str:
    made = node.outputs[0]
    return at.nodes.add("Mul", made, at.nodes.add("Sub", at.number(1), made))


def _tanh(node: Node, at: Backward) -> str:
    return at.nodes.add("Sub", at.number(1), at.nodes.add("Mul", node.outputs[0], node.outputs[0]))


def _elu(node: Node, at: Backward) -> str:
    return _exponential_below(node, at, _setting(node, "alpha", 1.0), 1.0)


def _selu(node: Node, at: Backward) -> str:
    scale = _setting(node, "gamma", 1.05070102214813232421875)
    return _exponential_below(node, at, _setting(node, "alpha", 1.67326319217681884765625) * scale, scale)


def _celu(node: Node, at: Backward) -> str:
    scaled = at.nodes.add("Div", node.inputs[0], at.number(_setting(node, "alpha", 1.0)))
    below = at.nodes.add("Exp", at.nodes.add("Min", scaled, at.number(0)))
    return at.nodes.add("Where", at.nodes.add("Greater", node.inputs[0], at.number(0)), at.number(1), below)


def _exponential_below(node: Node, at: Backward, alpha: float, scale: float) -> str:
    """`scale` above zero, alpha * exp(x) below."""
    below = at.nodes.add("Exp", at.nodes.add("Min", node.inputs[0], at.number(0)))
    small = at.nodes.add("Mul", below, at.number(alpha))
    return at.nodes.add("Where", at.nodes.add("Greater", node.inputs[0], at.number(0)), at.number(scale), small)


def _softplus(node: Node, at: Backward) -> str:
    return at.nodes.add("Sigmoid", node.inputs[0])


def _softsign(node: Node, at: Backward) -> str:
    size = at.nodes.add("Add", at.nodes.add("Abs", node.inputs[0]), at.number(1))
    return at.nodes.add("Reciprocal", at.nodes.add("Mul", size, size))


def _hard_sigmoid(node: Node, at: Backward) -> str:
    return _hard_slope(node, at, _setting(node, "alpha", 0.2), _setting(node, "beta", 0.5))


def _hard_slope(node: Node, at: Backward, alpha: float, beta: float) -> str:
    line = at.nodes.add("Add", at.nodes.add("Mul", node.inputs[0], at.number(alpha)), at.number(beta))
    inside = at.nodes.add("And", at.nodes.add("Greater", line, at.number(0)), at.nodes.add("Less", line, at.number(1)))
    return at.nodes.add("Where", inside, at.number(alpha), at.number(0))


def _hard_swish(node: Node, at: Backward) -> str:
    gate = at.nodes.add("HardSigmoid", node.inputs[0], alpha=1 / 6, beta=0.5)
    return at.nodes.add("Add", gate, at.nodes.add("Mul", node.inputs[0], _hard_slope(node, at, 1 / 6, 0.5)))


def _erf(node: Node, at: Backward) -> str:
    square = at.nodes.add("Mul", node.inputs[0], node.inputs[0])
    return at.nodes.add("Mul", at.nodes.add("Exp", at.nodes.add("Neg", square)), at.number(2 / math.sqrt(math.pi)))


def _gelu(node: Node, at: Backward) -> str:
    """Of x * Phi(x): Phi(x) + x * phi(x); of its approximation by tanh, that one's."""
    value = node.inputs[0]
    square = at.nodes.add("Mul", value, value)
    if node.attributes.get("approximate") == "tanh":
        return _gelu_by_tanh(value, square, at)
    error = at.nodes.add("Erf", at.nodes.add("Mul", value, at.number(1 / math.sqrt(2))))
    share = at.nodes.add("Mul", at.nodes.add("Add", error, at.number(1)), at.number(0.5))
    density = at.nodes.add("Exp", at.nodes.add("Mul", square, at.number(-0.5)))
    scaled = at.nodes.add("Mul", density, at.number(1 / math.sqrt(2 * math.pi)))
    return at.nodes.add("Add", share, at.nodes.add("Mul", value, scaled))


def _gelu_by_tanh(value: str, square: str, at: Backward) -> str:
    root = math.sqrt(2 / math.pi)
    inner = at.nodes.add(
        "Mul", value, at.nodes.add("Add", at.nodes.add("Mul", square, at.number(root * 0.044715)), at.number(root))
    )
    bent = at.nodes.add("Tanh", inner)
    slope = at.nodes.add("Add", at.nodes.add("Mul", square, at.number(3 * root * 0.044715)), at.number(root))
    steep = at.nodes.add("Sub", at.number(1), at.nodes.add("Mul", bent, bent))
    half = at.nodes.add("Mul", at.nodes.add("Mul", value, at.nodes.add("Mul", steep, slope)), at.number(0.5))
    return at.nodes.add("Add", at.nodes.add("Mul", at.nodes.add("Add", bent, at.number(1)), at.number(0.5)), half)


def _mish(node: Node, at: Backward) -> str:
    """Of x * tanh(softplus(x))."""
    bent = at.nodes.add("Tanh", at.nodes.add("Softplus", node.inputs[0]))
    steep = at.nodes.add("Sub", at.number(1), at.nodes.add("Mul", bent, bent))
    inner = at.nodes.add("Mul", steep, at.nodes.add("Sigmoid", node.inputs[0]))
    return at.nodes.add("Add", bent, at.nodes.add("Mul", node.inputs[0], inner))


def _softmax(node: Node, signals: Signals, at: Backward) -> Signals:
    made, signal = node.outputs[0], str(signals[0])
    axis = node.attributes.get("axis", -1)
    weighted = at.nodes.add("Mul", signal, made)
    total = at.nodes.add("ReduceSum", weighted, at.whole(int(axis) if isinstance(axis, int) else -1), keepdims=1)
    return [at.nodes.add("Sub", weighted, at.nodes.add("Mul", made, total))]


def _setting(node: Node, name: str, default: float) -> float:
    value = node.attributes.get(name, default)
    return float(value) if isinstance(value, int | float | np.floating) else default


ACTIVATIONS: Mapping[str, Rule] = MappingProxyType(
    {
        "Relu": Rule(_relu),
        "LeakyRelu": Rule(_leaky),
        "Clip": Rule(_clip),
        "PRelu": Rule(_parametric, keeps_its_own=True),
        "Sigmoid": _by(_sigmoid),
        "Tanh": _by(_tanh),
        "Elu": _by(_elu),
        "Selu": _by(_selu),
        "Celu": _by(_celu),
        "Softplus": _by(_softplus),
        "Softsign": _by(_softsign),
        "HardSigmoid": _by(_hard_sigmoid),
        "HardSwish": _by(_hard_swish),
        "Erf": _by(_erf),
        "Gelu": _by(_gelu),
        "Mish": _by(_mish),
        "Softmax": Rule(_softmax, keeps_its_own=True),
    }
)
