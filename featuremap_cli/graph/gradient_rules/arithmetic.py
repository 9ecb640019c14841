"""Gradients of sums, products and other functions of single values, whose inputs are repeated where they are short."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from featuremap_cli.graph.gradient_rules.backward import Backward, Rule, Shape, Signals
from featuremap_cli.graph.nodes import Node
from featuremap_cli.graph.runtime import GraphError

Share = Callable[[Node, int, str, Backward], str]
"""What goes to an input by its place, of a signal of the output's shape, before it is summed to the input's."""


def _each(share: Share) -> Rule:
    """The rule of an operator on values that are repeated along axes of one."""

    def apply(node: Node, signals: Signals, at: Backward) -> Signals:
        signal, shape = str(signals[0]), at.shape(node.outputs[0])
        return [
            at.summed_to(share(node, place, signal, at), shape, at.shape(name)) if name in at.moving else None
            for place, name in enumerate(node.inputs)
        ]

    return Rule(apply)


def _sum(node: Node, place: int, signal: str, at: Backward) -> str:
    return signal


def _difference(node: Node, place: int, signal: str, at: Backward) -> str:
    return at.nodes.add("Neg", signal) if place else signal


def _mean(node: Node, place: int, signal: str, at: Backward) -> str:
    return at.nodes.add("Mul", signal, at.number(1 / len(node.inputs)))


def _product(node: Node, place: int, signal: str, at: Backward) -> str:
    return at.nodes.add("Mul", signal, node.inputs[1 - place])


def _quotient(node: Node, place: int, signal: str, at: Backward) -> str:
    shared = at.nodes.add("Div", signal, node.inputs[1])
    return shared if not place else at.nodes.add("Neg", at.nodes.add("Mul", shared, node.outputs[0]))


def _power(node: Node, place: int, signal: str, at: Backward) -> str:
    if place:
        raise GraphError("Pow has no gradient here where its exponent is computed from the image")
    exponent = np.asarray(at.fixed(node.inputs[1], node), np.float32)
    lower = at.nodes.add("Pow", node.inputs[0], at.nodes.constant(exponent - 1))
    return at.nodes.add("Mul", signal, at.nodes.add("Mul", lower, at.nodes.constant(exponent)))


def _extreme(node: Node, place: int, signal: str, at: Backward) -> str:
    """To the first of the inputs that is the greatest or least; TensorFlow's `maximum` gives a tie to the first too."""
    is_it = at.nodes.add("Equal", node.inputs[place], node.outputs[0])
    for name in node.inputs[:place]:
        is_it = at.nodes.add("And", is_it, at.nodes.add("Not", at.nodes.add("Equal", name, node.outputs[0])))
    return at.where(is_it, signal)


def _chosen(node: Node, signals: Signals, at: Backward) -> Signals:
    """Where(condition, x, y)."""
    condition, first, second = node.inputs
    signal, shape = str(signals[0]), at.shape(node.outputs[0])
    kept = at.where(condition, signal)
    left = at.nodes.add("Where", condition, at.number(0), signal)
    return [None, at.summed_to(kept, shape, at.shape(first)), at.summed_to(left, shape, at.shape(second))]


def _single(slope: Callable[[Node, Backward], str]) -> Rule:
    """The rule of a function of one value, by its derivative."""
    return Rule(lambda node, signals, at: [at.nodes.add("Mul", str(signals[0]), slope(node, at))])


def _flat(node: Node, signals: Signals, at: Backward) -> Signals:
    """Functions that are flat between their steps; TensorFlow has no signal through them either."""
    return [None]


def _gemm(node: Node, signals: Signals, at: Backward) -> Signals:
    second = node.inputs[1]
    if second in at.moving:
        raise GraphError("Gemm has no gradient here where its weights are computed from the image")
    alpha = node.attributes.get("alpha", 1.0)
    settings = {"alpha": float(alpha) if isinstance(alpha, int | float) else 1.0}
    turned = int(bool(node.attributes.get("transB", 0)))
    if node.attributes.get("transA", 0):
        raise GraphError("Gemm has no gradient here where it turns the image's side")
    return [at.nodes.add("Gemm", str(signals[0]), second, transB=1 - turned, **settings)]


def _matrix_product(node: Node, signals: Signals, at: Backward) -> Signals:
    shapes = [at.shape(name) for name in node.inputs]
    signal, shape = str(signals[0]), at.shape(node.outputs[0])
    if min(len(one) for one in shapes) < 2:
        raise GraphError("MatMul has no gradient here for vectors")
    made: list[str | None] = [None, None]
    if node.inputs[0] in at.moving:
        product = at.nodes.add("MatMul", signal, _turned(node.inputs[1], shapes[1], at))
        made[0] = at.summed_to(product, (*shape[:-1], shapes[0][-1]), shapes[0])
    if node.inputs[1] in at.moving:
        product = at.nodes.add("MatMul", _turned(node.inputs[0], shapes[0], at), signal)
        made[1] = at.summed_to(product, (*shape[:-2], shapes[0][-1], shape[-1]), shapes[1])
    return made


def _turned(name: str, shape: Shape, at: Backward) -> str:
    """A matrix, or a stack of them, with rows for columns."""
    rank = len(shape)
    return at.nodes.add("Transpose", name, perm=(*range(rank - 2), rank - 1, rank - 2))


ARITHMETIC: Mapping[str, Rule] = MappingProxyType(
    {
        "Add": _each(_sum),
        "Sum": _each(_sum),
        "Sub": _each(_difference),
        "Mean": _each(_mean),
        "Mul": _each(_product),
        "Div": _each(_quotient),
        "Pow": _each(_power),
        "Max": _each(_extreme),
        "Min": _each(_extreme),
        "Where": Rule(_chosen),
        "Neg": Rule(lambda node, signals, at: [at.nodes.add("Neg", str(signals[0]))]),
        "Abs": _single(lambda node, at: at.nodes.add("Sign", node.inputs[0])),
        "Exp": _single(lambda node, at: node.outputs[0]),
        "Log": _single(lambda node, at: at.nodes.add("Reciprocal", node.inputs[0])),
        "Sqrt": _single(lambda node, at: at.nodes.add("Div", at.number(0.5), node.outputs[0])),
        "Reciprocal": _single(
            lambda node, at: at.nodes.add("Neg", at.nodes.add("Mul", node.outputs[0], node.outputs[0]))
        ),
        "Greater": Rule(_flat),
        "Less": Rule(_flat),
        "Equal": Rule(_flat),
        "Floor": Rule(_flat),
        "Round": Rule(_flat),
        "Sign": Rule(_flat),
        "Shape": Rule(_flat),
        "Gemm": Rule(_gemm),
        "MatMul": Rule(_matrix_product),
    }
)
