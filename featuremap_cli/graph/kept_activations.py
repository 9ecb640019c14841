"""The activations whose gradient no projection replaces, by the names that people have for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from featuremap_cli.graph.gradient_rules import RULES
from featuremap_cli.graph.gradients import nodes_between
from featuremap_cli.graph.nodes import Node

NAMES: Mapping[str, str] = {
    "Elu": "ELU",
    "Selu": "SELU",
    "Celu": "CELU",
    "Erf": "GELU",
    "Gelu": "GELU",
    "PRelu": "PReLU",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "hard sigmoid",
    "HardSwish": "hard sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Softmax": "softmax",
}
"""{operator: the activation it belongs to}; another has its operator's name."""

SILU, THRESHOLD = "SiLU", "ReLU with a threshold"


def kept_activations(forward: Sequence[Node], start: str, end: str) -> tuple[str, ...]:
    """Names of the activations between two values that keep their own gradient under `deconvnet` and `guided`.

    Args:
        forward: nodes, each after those whose values it takes.
        start: the value to differentiate by.
        end: the value that is differentiated.
    """
    return tuple(dict.fromkeys(_named(nodes_between(forward, start, end))))


def _named(nodes: Sequence[Node]) -> Iterator[str]:
    users: dict[str, list[Node]] = defaultdict(list)
    makers = {name: node for node in nodes for name in node.outputs}
    for node in nodes:
        for name in node.inputs:
            users[name].append(node)
    for node in nodes:
        if node.operator == "Sigmoid" and any(_is_product_with(node, user) for user in users[node.outputs[0]]):
            yield SILU
        elif node.operator == "Where" and getattr(makers.get(node.inputs[0]), "operator", "") == "Greater":
            yield THRESHOLD
        elif node.operator in RULES and RULES[node.operator].keeps_its_own:
            yield NAMES.get(node.operator, node.operator)


def _is_product_with(gate: Node, product: Node) -> bool:
    """Whether `product` multiplies a gate with what the gate is computed from, as x * sigmoid(x) does."""
    return product.operator == "Mul" and gate.inputs[0] in product.inputs
