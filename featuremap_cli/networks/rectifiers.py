"""The rectifiers of a graph, whose gradient a deconvnet replaces, and the other activations, which keep theirs.

Keras writes an activation of the ReLU family in several ways: `Relu`, `Relu6`, `LeakyRelu`, a `Relu` that is clipped
(`max_value`), a `maximum(x, 0)`. It also builds other activations out of them: a hard sigmoid is relu6(x + 3) / 6, a
PReLU is relu(x) - slope * relu(-x). Those are no rectifiers, and are told apart here by the operations around them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from featuremap_cli.networks.startup import tensorflow


class Rectifier(Enum):
    """How an operation rectifies.

    ZERO: nothing below zero passes. SIX: nothing above 6 either. LEAKY: what is below zero is made small. MAXIMUM: ZERO
    written as a maximum. LIMIT: the upper end of a ZERO, written as an operation of its own.
    """

    ZERO = "Relu"
    SIX = "Relu6"
    LEAKY = "LeakyRelu"
    MAXIMUM = "Maximum"
    LIMIT = "Limit"


OTHER_ACTIVATIONS: Mapping[str, str] = {
    "Elu": "ELU",
    "Selu": "SELU",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Softmax": "softmax",
    "Erf": "GELU",
    "Erfc": "GELU",
}
"""{operation: the activation it belongs to}."""

HARD_SIGMOID, SLOPED, THRESHOLD, SILU = "hard sigmoid", "PReLU", "ReLU with a threshold", "SiLU"
_SUMS = ("AddV2", "Add", "Sub")
_CLIPS = ("Minimum", "Maximum")


@dataclass(frozen=True)
class Activations:
    """The activations of a graph.

    Attributes:
        rectifiers: {operation's name: how it rectifies}.
        others: names of the other activations, `ELU`; each once, in the order of the graph.
    """

    rectifiers: Mapping[str, Rectifier]
    others: tuple[str, ...]


def find_activations(operations: Sequence[Any]) -> Activations:
    """The activations among the operations of a graph whose weights are constants.

    Args:
        operations: all of the graph's, each after those it takes.
    """
    rectifiers: dict[str, Rectifier] = {}
    others: dict[str, None] = {}
    sloped = {half for operation in operations for half in _halves(operation)}
    for operation in operations:
        found = SLOPED if operation in sloped else _activation(operation, rectifiers)
        if isinstance(found, Rectifier):
            rectifiers[operation.name] = found
        elif found is not None:
            others[found] = None
    return Activations(rectifiers, tuple(others))


def _activation(operation: Any, rectifiers: Mapping[str, Rectifier]) -> Rectifier | str | None:
    """What an operation is; `rectifiers` has those found before it."""
    if operation.type == "Relu6" and _is_shifted(operation.inputs[0]):
        return HARD_SIGMOID
    if operation.type in ("Relu", "Relu6", "LeakyRelu"):
        return Rectifier(operation.type)
    if operation.type in _CLIPS:
        return _clip(operation, rectifiers)
    if operation.type in ("SelectV2", "Select") and operation.inputs[0].op.type in ("Greater", "GreaterEqual"):
        return THRESHOLD
    if operation.type == "Sigmoid" and any(_is_product_with(operation, user) for user in _users(operation)):
        return SILU
    return OTHER_ACTIVATIONS.get(operation.type)


def _clip(operation: Any, rectifiers: Mapping[str, Rectifier]) -> Rectifier | None:
    """What a minimum or maximum with a number is; None where it is neither a ReLU nor the end of one."""
    numbers = [value for tensor in operation.inputs if (value := _number(tensor)) is not None]
    before = next((tensor.op for tensor in operation.inputs if _number(tensor) is None), None)
    if len(numbers) != 1 or before is None:
        return None
    if rectifiers.get(before.name) in (Rectifier.ZERO, Rectifier.MAXIMUM, Rectifier.LIMIT):
        return Rectifier.LIMIT
    if operation.type == "Maximum" and numbers[0] == 0 and before.type != "Minimum":
        return Rectifier.MAXIMUM
    return None


def _halves(operation: Any) -> list[Any]:
    """The two rectifiers of relu(x) - slope * relu(-x), where `operation` is the second of them; else none."""
    if operation.type != "Relu" or (whole := _negated(operation.inputs[0])) is None:
        return []
    products = [user for user in _users(operation) if user.type == "Mul"]
    sums = [total for product in products for total in _users(product) if total.type in _SUMS]
    for total in sums:
        for term in total.inputs:
            first = _without_clips(term.op)
            if first.type in ("Relu", "SelectV2") and any(tensor is whole for tensor in first.inputs):
                return [first, operation]
    return []


def _negated(tensor: Any) -> Any | None:
    """x where the tensor is -x, or -x plus a number; else None."""
    if tensor.op.type in ("AddV2", "Add"):
        rest = [one for one in tensor.op.inputs if _number(one) is None]
        tensor = rest[0] if len(rest) == 1 else tensor
    return tensor.op.inputs[0] if tensor.op.type == "Neg" else None


def _without_clips(operation: Any) -> Any:
    while operation.type in _CLIPS:
        operation = operation.inputs[0].op
    return operation


def _is_shifted(tensor: Any) -> bool:
    """Whether a tensor is another one plus 3, the same for all channels."""
    return tensor.op.type in ("AddV2", "Add") and any(_number(one) == 3 for one in tensor.op.inputs)


def _is_product_with(gate: Any, product: Any) -> bool:
    """Whether `product` multiplies a gate with what the gate is computed from, as x * sigmoid(slope * x) does."""
    source = gate.inputs[0].op
    sources = {source, *(tensor.op for tensor in source.inputs)} if source.type == "Mul" else {source}
    return product.type == "Mul" and any(tensor.op in sources for tensor in product.inputs if tensor.op is not gate)


def _number(tensor: Any) -> float | None:
    """The value of a constant that is a single number; None for any other tensor."""
    if tensor.shape.rank != 0:
        return None
    value = tensorflow.get_static_value(tensor)
    return None if value is None else float(value)


def _users(operation: Any) -> list[Any]:
    return [user for tensor in operation.outputs for user in tensor.consumers()]
